//! Copying what a call's arguments point to, as the table says.

use aya_ebpf::{helpers::generated::bpf_probe_read_user_str, macros::map, maps::HashMap};
use core::ffi::c_void;
use wire::SectionState;
use wire::table::{
    CHOICES_MAX, CallEntry, ChoiceKey, FETCH_CHOICE, FETCH_COUNTED_IN, FETCH_COUNTED_OUT, FETCH_FIXED_IN,
    FETCH_FIXED_OUT, FETCH_IOVEC_IN, FETCH_IOVEC_OUT, FETCH_LENPTR_OUT, FETCH_MESSAGES_IN,
    FETCH_MESSAGES_OUT, FETCH_MSGHDR_IN, FETCH_MSGHDR_OUT, FETCH_RESULT_OUT, FETCH_SHARE_IN, FETCH_SHARE_OUT,
    FETCH_STRING, FETCH_STRINGS, FETCHES_MAX, Fetch,
};

use crate::dns;
use crate::memory::{clamp, copy_user, opaque, read_user, read_user_or_zero};
use crate::ring::{FETCH_BYTES_MAX, POSITION_MAX, Slot};

/// What to fetch for an argument that depends on another one's value. A hash map, for the values are scattered.
#[map]
static CHOICES: HashMap<ChoiceKey, Fetch> = HashMap::with_max_entries(CHOICES_MAX, 0);

/// `PATH_MAX`.
const STRING_BYTES_MAX: u64 = 4096;
/// Largest block of fixed size.
const FIXED_BYTES_MAX: u64 = 512;
/// 2^3 bits are a byte; a set of bits is read in whole words.
const BITS_SHIFT: u64 = 3;
/// `struct sockaddr_storage`.
const ADDRESS_BYTES_MAX: u64 = 128;
/// Parts of an iovec that are looked at.
pub(crate) const IOVEC_PARTS_MAX: u64 = 16;
/// While parts are copied, one word of memory keeps how many bytes there are, where the last part begins and which it is.
const KEPT_AT: u64 = 0xf_ffff;
const KEPT_START_SHIFT: u32 = 20;
const KEPT_PART_SHIFT: u32 = 40;
/// Strings of a vector that are looked at.
const STRINGS_MAX: u64 = 64;
/// Bytes of a string vector that are kept, but for the last string.
const STRINGS_BYTES_MAX: u64 = 32 * 1024;
/// `struct mmsghdr`.
const MMSGHDR_BYTES: u64 = 64;
const NARROW_MMSGHDR_BYTES: u64 = 32;
/// What is kept of one of several messages begins with two numbers.
const MESSAGE_HEAD_BYTES: u64 = 8;
/// Messages of one call that are looked at.
const MESSAGES_MAX: u64 = 4;
/// Parts of each that are looked at.
const MESSAGE_PARTS_MAX: u64 = 2;
/// Ancillary data that is kept.
const CONTROL_BYTES_MAX: u64 = 256;

/// Argument `index` of the call, where the index is data: from where the record has it.
#[inline(always)]
pub(crate) unsafe fn pick(slot: &Slot, index: u8) -> u64 {
    slot.argument(index)
}

/// Copies strings and blocks; gives the position behind them.
#[inline(always)]
pub(crate) unsafe fn blocks(slot: &Slot, entry: *const CallEntry, mut position: u64) -> u64 {
    for i in 0..FETCHES_MAX {
        if i >= (*entry).fetches as usize {
            break;
        }
        position = block(slot, &raw const (*entry).fetch[i], position);
    }
    position
}

#[inline(always)]
unsafe fn block(slot: &Slot, mut fetch: *const Fetch, position: u64) -> u64 {
    let arg = (*fetch).arg;
    let address = pick(slot, arg);
    let position = opaque(slot.forget(position));
    if position > POSITION_MAX {
        return position;
    }
    if address == 0 {
        return slot.section(position, arg, SectionState::Null, 0);
    }
    if (*fetch).how == FETCH_CHOICE {
        let key = ChoiceKey { table: (*fetch).size, value: pick(slot, (*fetch).param) as u32 };
        // What points nowhere for this value needs no section: the raw argument tells.
        let Some(chosen) = CHOICES.get_ptr(key) else { return position };
        fetch = chosen;
    }
    let how = (*fetch).how;
    let target = slot.body(position);
    if how == FETCH_STRING {
        let copied = bpf_probe_read_user_str(
            target.cast::<c_void>(),
            STRING_BYTES_MAX as u32,
            address as *const c_void,
        );
        if copied < 0 {
            return slot.section(position, arg, SectionState::Unreadable, 0);
        }
        // The NUL, which is always there, stays out.
        return slot.section(position, arg, SectionState::Data, clamp::<STRING_BYTES_MAX>(copied as u64 - 1));
    }
    let is_out = how == FETCH_FIXED_OUT
        || how == FETCH_COUNTED_OUT
        || how == FETCH_RESULT_OUT
        || how == FETCH_SHARE_OUT
        || how == FETCH_LENPTR_OUT;
    if is_out && slot.result() < 0 {
        return slot.section(position, arg, SectionState::Unreadable, 0);
    }
    let size = u64::from((*fetch).size);
    let extra = u64::from((*fetch).extra);
    let mut cap = slot.snap_bytes();
    let bytes = match how {
        FETCH_FIXED_IN | FETCH_FIXED_OUT => {
            cap = FIXED_BYTES_MAX;
            size
        }
        FETCH_COUNTED_IN | FETCH_COUNTED_OUT => {
            // A count is at most 31 bits wide: the kernel refuses more.
            clamp::<0x7fff_ffff>(pick(slot, (*fetch).param)) * size + extra
        }
        FETCH_RESULT_OUT => clamp::<0x7fff_ffff>(slot.result() as u64) * size + extra,
        FETCH_SHARE_IN | FETCH_SHARE_OUT => {
            let count = clamp::<0x7fff_ffff>(pick(slot, (*fetch).param));
            if size == BITS_SHIFT {
                ((count + 63) >> 6) << 3
            } else {
                (count + (1 << (size & 31)) - 1) >> (size & 31)
            }
        }
        FETCH_LENPTR_OUT => {
            cap = ADDRESS_BYTES_MAX;
            u64::from(read_user_or_zero::<u32>(pick(slot, (*fetch).param)))
        }
        _ => 0,
    };
    slot.keep(position, if bytes > cap { cap } else { bytes });
    let kept = clamp::<FETCH_BYTES_MAX>(slot.kept(position));
    if !copy_user(target, kept, address) {
        return slot.section(position, arg, SectionState::Unreadable, 0);
    }
    if bytes > kept {
        let instead = dns::bytes_instead(target, kept);
        if instead > kept {
            slot.keep(position, if bytes > instead { instead } else { bytes });
            let more = clamp::<FETCH_BYTES_MAX>(slot.kept(position));
            if copy_user(target, more, address) {
                return slot.section(position, arg, SectionState::Data, more);
            }
        }
    }
    slot.section(position, arg, SectionState::Data, kept)
}

/// Copies an iovec, messages or a string vector; gives the position behind it.
#[inline(always)]
pub(crate) unsafe fn vector(slot: &Slot, fetch: *const Fetch, position: u64) -> u64 {
    let arg = (*fetch).arg;
    let how = (*fetch).how;
    let address = pick(slot, arg);
    let position = opaque(slot.forget(position));
    if position > POSITION_MAX {
        return position;
    }
    if address == 0 {
        return slot.section(position, arg, SectionState::Null, 0);
    }
    let is_out = how == FETCH_IOVEC_OUT || how == FETCH_MSGHDR_OUT || how == FETCH_MESSAGES_OUT;
    if is_out && slot.result() < 0 {
        return slot.section(position, arg, SectionState::Unreadable, 0);
    }
    let narrow = (*fetch).size == NARROW_BYTES;
    let mut limit = slot.snap_bytes();
    let mut whole = FETCH_BYTES_MAX;
    if is_out {
        let filled = slot.result() as u64;
        whole = filled;
        if filled < limit {
            limit = filled;
        }
    }
    let copied = match how {
        FETCH_IOVEC_IN | FETCH_IOVEC_OUT => {
            let parts = pick(slot, (*fetch).param);
            iovec::<IOVEC_PARTS_MAX>(slot, position, 0, Longs { address, narrow }, parts, limit, whole)
        }
        FETCH_MSGHDR_IN | FETCH_MSGHDR_OUT => {
            message::<IOVEC_PARTS_MAX>(slot, position, 0, Longs { address, narrow }, limit, whole, is_out)
        }
        FETCH_MESSAGES_IN | FETCH_MESSAGES_OUT => {
            let count = if is_out { slot.result() as u64 } else { pick(slot, (*fetch).param) };
            messages(slot, position, Longs { address, narrow }, count, is_out)
        }
        FETCH_STRINGS => strings(slot, position, Longs { address, narrow }),
        _ => None,
    };
    match copied {
        Some(bytes) => slot.section(position, arg, SectionState::Data, clamp::<FETCH_BYTES_MAX>(bytes)),
        None => slot.section(position, arg, SectionState::Unreadable, 0),
    }
}

/// Bytes of a long of 32-bit programs, as the table has it for vectors.
const NARROW_BYTES: u32 = 4;

/// Longs and pointers in user memory, as wide as the program has them.
#[derive(Clone, Copy)]
pub(crate) struct Longs {
    pub(crate) address: u64,
    pub(crate) narrow: bool,
}

impl Longs {
    /// Those of a 64-bit program.
    #[inline(always)]
    pub(crate) fn wide(address: u64) -> Self {
        Longs { address, narrow: false }
    }

    /// `COUNT` of them, from the one at `index` on.
    #[inline(always)]
    unsafe fn read<const COUNT: usize>(self, index: u64) -> Option<[u64; COUNT]> {
        if !self.narrow {
            return read_user::<[u64; COUNT]>(self.address + index * 8);
        }
        let short = read_user::<[u32; COUNT]>(self.address + index * 4)?;
        let mut long = [0; COUNT];
        for i in 0..COUNT {
            long[i] = u64::from(short[i]);
        }
        Some(long)
    }
}

/// Copies up to `limit` bytes of an iovec's data behind the `filled` bytes of the section at `position`; gives the bytes
/// then filled. If the last part that this begins holds a DNS message, more of it is copied, but not more than the `whole` data.
#[inline(always)]
pub(crate) unsafe fn iovec<const PARTS: u64>(
    slot: &Slot,
    position: u64,
    filled: u64,
    vector: Longs,
    parts: u64,
    limit: u64,
    whole: u64,
) -> Option<u64> {
    slot.keep(position, filled);
    let end = filled + clamp::<{ FETCH_BYTES_MAX / 4 }>(limit);
    for i in 0..PARTS {
        let at = opaque(slot.kept(position)) & KEPT_AT;
        if i >= parts || at >= end || at > FETCH_BYTES_MAX / 2 {
            break;
        }
        let Some([base, len]) = vector.read::<2>(i * 2) else {
            if i == 0 {
                return None;
            }
            break;
        };
        let left = end - at;
        let bytes = clamp::<{ FETCH_BYTES_MAX / 4 }>(if len < left { len } else { left });
        if !copy_user(slot.body(position).add(at as usize), bytes, base) {
            break;
        }
        slot.keep(position, (at + bytes) | at << KEPT_START_SHIFT | i << KEPT_PART_SHIFT);
    }
    let kept = opaque(slot.kept(position));
    let at = clamp::<FETCH_BYTES_MAX>(kept & KEPT_AT);
    if at < end || whole <= limit {
        return Some(at);
    }
    let instead = dns::bytes_instead(slot.body(position).add(filled as usize), limit);
    let start = clamp::<{ FETCH_BYTES_MAX / 2 }>(kept >> KEPT_START_SHIFT & KEPT_AT);
    let part = kept >> KEPT_PART_SHIFT & (IOVEC_PARTS_MAX - 1);
    let most = (if whole < instead { whole } else { instead }).wrapping_sub(start - filled);
    if instead == 0 || most > instead {
        return Some(at);
    }
    let Some([base, len]) = vector.read::<2>(part * 2) else { return Some(at) };
    let more = clamp::<{ FETCH_BYTES_MAX / 4 }>(if len < most { len } else { most });
    if start + more > at && copy_user(slot.body(position).add(start as usize), more, base) {
        return Some(start + more);
    }
    Some(at)
}

/// Copies a `struct msghdr` in the form that [`FETCH_MSGHDR_IN`] describes behind the `filled` bytes of the section at
/// `position`; gives the bytes then filled.
#[inline(always)]
pub(crate) unsafe fn message<const PARTS: u64>(
    slot: &Slot,
    position: u64,
    filled: u64,
    head: Longs,
    limit: u64,
    whole: u64,
    is_out: bool,
) -> Option<u64> {
    let [name, name_len, iov, parts, control, control_len, flags] = head.read::<7>(0)?;
    let body = slot.body(position).add(filled as usize);
    let mut name_bytes = if name == 0 { 0 } else { clamp::<ADDRESS_BYTES_MAX>(name_len & 0xffff_ffff) };
    if !copy_user(body.add(16), name_bytes, name) {
        name_bytes = 0;
    }
    let mut control_bytes = if control == 0 { 0 } else { clamp::<CONTROL_BYTES_MAX>(control_len) };
    let at = clamp::<{ 16 + ADDRESS_BYTES_MAX }>(16 + name_bytes);
    if !copy_user(body.add(at as usize), control_bytes, control) {
        control_bytes = 0;
    }
    let data_at = filled + at + control_bytes;
    let vector = Longs { address: iov, ..head };
    let end = iovec::<PARTS>(slot, position, data_at, vector, parts, limit, whole).unwrap_or(data_at);
    let words = body.cast::<u32>();
    words.write_volatile(name_bytes as u32);
    words.add(1).write_volatile(if is_out { flags as u32 } else { 0 });
    words.add(2).write_volatile(control_bytes as u32);
    words.add(3).write_volatile((end - data_at) as u32);
    Some(end)
}

/// Copies `struct mmsghdr`s in the form that [`FETCH_MESSAGES_IN`] describes; gives the bytes then filled.
#[inline(always)]
unsafe fn messages(slot: &Slot, position: u64, vector: Longs, count: u64, is_out: bool) -> Option<u64> {
    slot.keep(position, 0);
    for i in 0..MESSAGES_MAX {
        let filled = opaque(slot.kept(position)) & KEPT_AT;
        if i >= count || filled > FETCH_BYTES_MAX / 4 {
            break;
        }
        let (bytes, length_at) = if vector.narrow { (NARROW_MMSGHDR_BYTES, 28) } else { (MMSGHDR_BYTES, 56) };
        let head = Longs { address: vector.address + i * bytes, ..vector };
        let length = read_user_or_zero::<u32>(head.address + length_at);
        let mut limit = slot.snap_bytes();
        let mut whole = FETCH_BYTES_MAX;
        if is_out {
            whole = u64::from(length);
            limit = if whole < limit { whole } else { limit };
        }
        let Some(end) = message::<MESSAGE_PARTS_MAX>(
            slot,
            position,
            filled + MESSAGE_HEAD_BYTES,
            head,
            limit,
            whole,
            is_out,
        ) else {
            if i == 0 {
                return None;
            }
            break;
        };
        let words = slot.body(position).add(filled as usize).cast::<u32>();
        words.write_volatile(length);
        words.add(1).write_volatile((end - filled - MESSAGE_HEAD_BYTES) as u32);
        slot.keep(position, (end + 7) & !7);
    }
    Some(slot.kept(position) & KEPT_AT)
}

#[inline(always)]
unsafe fn strings(slot: &Slot, position: u64, vector: Longs) -> Option<u64> {
    slot.keep(position, 0);
    for i in 0..STRINGS_MAX {
        let Some([string]) = vector.read::<1>(i) else {
            if i == 0 {
                return None;
            }
            break;
        };
        let at = opaque(slot.kept(position));
        if string == 0 || at > STRINGS_BYTES_MAX {
            break;
        }
        let copied = bpf_probe_read_user_str(
            slot.body(position).add(at as usize).cast::<c_void>(),
            STRING_BYTES_MAX as u32,
            string as *const c_void,
        );
        if copied < 0 {
            break;
        }
        slot.keep(position, at + copied as u64);
    }
    Some(slot.kept(position))
}
