//! DNS messages: more of them is sent along than of other data, or the agent could not read them.
//!
//! What is a message is told by its first bytes once they are copied, when there are more: the head of a query or
//! answer with one question, as all of DNS is but for updates and zone transfers, or of an answer without, as multicast
//! DNS has them. That costs a few comparisons where a buffer is cut, and nothing elsewhere; asking whether the
//! descriptor is a socket with DNS's port would cost more than copying what only looks alike. The agent knows the port.

use crate::memory::opaque;
use crate::settings::setting;

/// Bytes of data in which the head of a message is recognised, also behind the length it has over TCP.
pub(crate) const HEAD_BYTES: u64 = 14;

/// Of the head of a message (RFC 1035) the flags, and the counts of questions, answers and authorities, big-endian:
/// operation "query", no reserved bit, one question, fewer than 256 of the others.
const ONE_QUESTION_MASK: u64 = u64::from_le_bytes([0x78, 0x40, 0xff, 0xff, 0xff, 0, 0xff, 0]);
const ONE_QUESTION: u64 = u64::from_le_bytes([0, 0, 0, 1, 0, 0, 0, 0]);
/// An authoritative answer that repeats no question (RFC 6762).
const MULTICAST_MASK: u64 = u64::from_le_bytes([0xff, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0]);
const MULTICAST: u64 = u64::from_le_bytes([0x84, 0, 0, 0, 0, 0, 0, 0]);

/// How much data may be kept instead of `kept` bytes, if what is there looks like a message: 0 if it does not.
#[inline(always)]
pub(crate) unsafe fn bytes_instead(data: *const u8, kept: u64) -> u64 {
    let most = u64::from(setting!(dns_bytes));
    if kept < HEAD_BYTES || kept >= most || differs_from_head(data) & differs_from_head(data.add(2)) != 0 {
        return 0;
    }
    most
}

/// 0 if this is the head of a message, else 1. Without branches: the verifier would walk each way.
#[inline(always)]
unsafe fn differs_from_head(message: *const u8) -> u64 {
    let word: u64;
    // Both machines are little-endian, and let programs read a word at any address.
    core::arch::asm!("{0} = *(u64 *)({1} + 2)", out(reg) word, in(reg) message, options(nostack, readonly));
    let is_not_0 = |bits: u64| opaque((bits | bits.wrapping_neg()) >> 63);
    is_not_0(word & ONE_QUESTION_MASK ^ ONE_QUESTION) & is_not_0(word & MULTICAST_MASK ^ MULTICAST)
}
