//! DNS messages: more of them is sent along than of other data, or the agent could not read them.
//!
//! What is a message is told by its first bytes once they are copied, when there are more: the head of a query or
//! answer with one question, as all of DNS is but for updates and zone transfers, or of an answer without, as multicast
//! DNS has them. That costs a few comparisons where a buffer is cut, and nothing elsewhere; asking whether the
//! descriptor is a socket with DNS's port would cost more than copying what only looks alike. The agent knows the port.

use wire::SectionState;
use wire::record::SECTION_MESSAGE;
use wire::table::{CallEntry, FETCH_NONE};

use crate::fetch::{self, Longs, pick};
use crate::memory::{clamp, opaque, read_user_or_zero};
use crate::ring::{FETCH_BYTES_MAX, POSITION_MAX, Slot};
use crate::settings::setting;

/// Bytes of data in which the head of a message is recognised, also behind the length it has over TCP.
pub(crate) const HEAD_BYTES: u64 = 14;
/// `struct mmsghdr`, and where it has the length of a received message.
const MMSGHDR_BYTES: u64 = 64;
const MMSGHDR_LENGTH: u64 = 56;
/// Messages of one call that are looked at.
const MESSAGES_MAX: u64 = 4;
/// Parts of each: a length and a message, or a message.
const PARTS_MAX: u64 = 2;

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

/// Copies messages of `sendmmsg` and `recvmmsg` that are no arguments of the event, each into a section of its own:
/// a resolver asks for both sorts of addresses in one call. Gives the position behind them.
#[inline(always)]
pub(crate) unsafe fn messages(slot: &Slot, entry: *const CallEntry, mut position: u64) -> u64 {
    if setting!(dns_bytes) == 0 {
        return position;
    }
    // What was sent has its first message among the arguments.
    let is_out = (*entry).vector.how == FETCH_NONE;
    let vector = pick(slot, 1);
    let mut at = opaque(if is_out { 0 } else { 1 });
    while at < MESSAGES_MAX {
        position = opaque(slot.forget(position));
        if at as i64 >= slot.result() || position > POSITION_MAX {
            break;
        }
        let address = vector + at * MMSGHDR_BYTES;
        let mut limit = slot.snap_bytes();
        let mut whole = FETCH_BYTES_MAX;
        if is_out {
            whole = u64::from(read_user_or_zero::<u32>(address + MMSGHDR_LENGTH));
            limit = if whole < limit { whole } else { limit };
        }
        let bytes = fetch::message::<PARTS_MAX>(slot, position, Longs::wide(address), limit, whole, is_out)
            .unwrap_or(0);
        position =
            slot.section(position, SECTION_MESSAGE, SectionState::Data, clamp::<FETCH_BYTES_MAX>(bytes));
        at = opaque(at + 1);
    }
    position
}
