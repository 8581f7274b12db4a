//! Copying what a call's arguments point to, as the table says.

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_user, bpf_probe_read_user_str},
    macros::map,
    maps::HashMap,
};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use wire::SectionState;
use wire::table::{
    CHOICES_MAX, CallEntry, ChoiceKey, FETCH_CHOICE, FETCH_COUNTED_IN, FETCH_COUNTED_OUT, FETCH_FIXED_IN,
    FETCH_FIXED_OUT, FETCH_IOVEC_IN, FETCH_IOVEC_OUT, FETCH_LED, FETCH_LENPTR_OUT, FETCH_MESSAGES_IN,
    FETCH_MESSAGES_OUT, FETCH_MSGHDR_IN, FETCH_MSGHDR_OUT, FETCH_POINTED_IN, FETCH_RESULT_OUT,
    FETCH_SHARE_IN, FETCH_SHARE_OUT, FETCH_STRING, FETCH_STRINGS, FETCHES_MAX, Fetch, POINTED_BYTES_MAX,
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
/// Parts whose lengths are told, of which an address and a length each are in front of the data.
const PARTS_TOLD_MAX: u64 = 16;
const PARTS_BYTES_MAX: u64 = PARTS_TOLD_MAX * 2 * WIDE;
/// While parts are copied, one word of memory keeps how many bytes there are, where the last part begins and which it is.
const KEPT_AT: u64 = 0xf_ffff;
const KEPT_START_SHIFT: u32 = 20;
const KEPT_PART_SHIFT: u32 = 40;
/// Bits of where a part may be in the table.
const PART_AT_MASK: u64 = 2 * PARTS_BYTES_MAX - 1;
const _: () = assert!(PARTS_BYTES_MAX.is_power_of_two() && PARTS_HEAD_BYTES <= PARTS_BYTES_MAX);
/// A count of parts that is larger is told as this.
const COUNT_MAX: u64 = 0xffff_ffff;
/// What the table of parts begins with.
const PARTS_HEAD_BYTES: u64 = wire::parts::PARTS_HEAD_BYTES as u64;
/// What a message's section begins with.
const MESSAGE_BYTES: u64 = 16;
/// Strings of a vector that are looked at.
const STRINGS_MAX: u64 = 64;
/// Bytes of a string vector that are kept, but for the last string.
const STRINGS_BYTES_MAX: u64 = 32 * 1024;
/// Longs in a `struct mmsghdr`, the length of the message in the last of them.
const MMSGHDR_LONGS: u64 = 8;
/// What is kept of one of several messages begins with two numbers.
const MESSAGE_HEAD_BYTES: u64 = 8;
/// Messages of one call that are looked at.
const MESSAGES_MAX: u64 = 16;
/// Parts of each that are looked at.
const MESSAGE_PARTS_MAX: u64 = 4;
/// Where the last of several messages may begin in a section.
const MESSAGE_AT_MAX: u64 = FETCH_BYTES_MAX / 4;
/// Pointers in a vector that are followed.
const POINTED_MAX: u64 = 16;
/// Bits of where a block that one leads to may begin.
const POINTED_AT: u64 = POINTED_MAX * POINTED_BYTES_MAX as u64 - 1;
/// What a block that leads to another one begins with.
const LED_BYTES: u64 = 16;
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
    let bytes = slot.forget(bytes);
    let kept = slot.bounded::<FETCH_BYTES_MAX>(if bytes > cap { cap } else { bytes });
    if !copy_user(target, kept, address) {
        return slot.section(position, arg, SectionState::Unreadable, 0);
    }
    if bytes > kept {
        let instead = dns::bytes_instead(target, kept);
        if instead > kept {
            let more = slot.bounded::<FETCH_BYTES_MAX>(if bytes > instead { instead } else { bytes });
            if copy_user(target, more, address) {
                return slot.section(position, arg, SectionState::Data, more);
            }
        }
    }
    slot.section(position, arg, SectionState::Data, kept)
}

/// Copies an iovec, messages, a string vector or what other pointers lead to; gives the position behind it.
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
    // Asked each time: an answer kept over a loop would have the verifier walk through it once for either.
    let width = || u64::from((&raw const (*fetch).size).read_volatile());
    let is_message = || (&raw const (*fetch).how).read_volatile() & !OUT == FETCH_MSGHDR_IN;
    let is_out = || (&raw const (*fetch).how).read_volatile() & OUT != 0;
    let longs = Longs { address, width };
    if how != FETCH_STRINGS && is_out() && slot.result() < 0 {
        return slot.section(position, arg, SectionState::Unreadable, 0);
    }
    let copied = match how {
        FETCH_STRINGS => strings(slot, position, longs),
        FETCH_POINTED_IN => {
            let bytes = slot.bounded::<{ POINTED_BYTES_MAX as u64 }>(u64::from((*fetch).extra));
            pointed(slot, position, longs, pick(slot, (*fetch).param), bytes)
        }
        FETCH_LED => led(slot, position, address, (*fetch).extra),
        FETCH_IOVEC_IN | FETCH_IOVEC_OUT | FETCH_MSGHDR_IN | FETCH_MSGHDR_OUT => {
            let whole = if is_out() { slot.result() as u64 } else { FETCH_BYTES_MAX };
            let data = Data { longs, is_message, parts: pick(slot, (*fetch).param), is_out, whole };
            data.copy::<IOVEC_PARTS_MAX>(slot, position, 0)
        }
        FETCH_MESSAGES_IN | FETCH_MESSAGES_OUT => {
            let count = if is_out() { slot.result() as u64 } else { pick(slot, (*fetch).param) };
            messages(slot, position, longs, count, is_out)
        }
        _ => None,
    };
    match copied {
        Some(bytes) => {
            let bytes = slot.bounded::<FETCH_BYTES_MAX>(bytes);
            slot.section(position, arg, SectionState::Data, bytes)
        }
        None => slot.section(position, arg, SectionState::Unreadable, 0),
    }
}

/// The bit in which a `FETCH_*` of data that the kernel filled differs from one of data that the program gave.
const OUT: u8 = 1;
const _: () = assert!(
    FETCH_IOVEC_IN | OUT == FETCH_IOVEC_OUT
        && FETCH_MSGHDR_IN | OUT == FETCH_MSGHDR_OUT
        && FETCH_MESSAGES_IN | OUT == FETCH_MESSAGES_OUT
        && (FETCH_IOVEC_IN | FETCH_MSGHDR_IN | FETCH_MESSAGES_IN) & OUT == 0
);

/// Bytes of a long of 64-bit programs, and of 32-bit ones.
const WIDE: u64 = 8;
const NARROW: u64 = 4;

/// Longs and pointers in user memory, as wide as the program has them.
#[derive(Clone, Copy)]
pub(crate) struct Longs<W> {
    pub(crate) address: u64,
    /// How wide they are: [`WIDE`] or [`NARROW`].
    pub(crate) width: W,
}

/// A long, and as much again: the bytes that are read are as many as a width may be for all that the verifier knows.
const LONG_ROOM: usize = 2;

impl<W: Fn() -> u64> Longs<W> {
    /// The width, as a number below twice the largest there is. No branch, as in all that is in a loop here.
    #[inline(always)]
    unsafe fn width(&self) -> u64 {
        (self.width)() & (WIDE | NARROW)
    }

    /// The one at `index`.
    #[inline(always)]
    unsafe fn long(&self, index: u64) -> Option<u64> {
        let mut room = MaybeUninit::<[u64; LONG_ROOM]>::uninit();
        let words = room.as_mut_ptr().cast::<u64>();
        words.write_volatile(0);
        words.add(1).write_volatile(0);
        let width = self.width();
        copy_user(words.cast(), width, self.address + index * width).then(|| words.read_volatile())
    }

    /// The first `COUNT` of them.
    #[inline(always)]
    unsafe fn first<const COUNT: usize>(&self) -> Option<[u64; COUNT]> {
        if self.width() == WIDE {
            return read_user::<[u64; COUNT]>(self.address);
        }
        let short = read_user::<[u32; COUNT]>(self.address)?;
        // Not zeroes to begin with: a loop of the compiler's own would write them byte by byte.
        let mut long = MaybeUninit::<[u64; COUNT]>::uninit();
        for (i, word) in short.into_iter().enumerate() {
            long.as_mut_ptr().cast::<u64>().add(i).write(u64::from(word));
        }
        Some(long.assume_init())
    }
}

/// Data in several parts, or in a message.
pub(crate) struct Data<W, M, O> {
    /// The parts, each an address and a length; or the `struct msghdr`.
    pub(crate) longs: Longs<W>,
    /// Whether it is a message.
    pub(crate) is_message: M,
    /// How many parts, if it is none.
    pub(crate) parts: u64,
    /// Whether the kernel filled it.
    pub(crate) is_out: O,
    /// How much data there is at most.
    pub(crate) whole: u64,
}

impl<W: Fn() -> u64, M: Fn() -> bool, O: Fn() -> bool> Data<W, M, O> {
    /// Copies up to `PARTS` parts behind the `begin` bytes that the section at `position` has, a message in the form that
    /// [`FETCH_MSGHDR_IN`] describes; gives the bytes then filled.
    #[inline(always)]
    pub(crate) unsafe fn copy<const PARTS: u64>(self, slot: &Slot, position: u64, begin: u64) -> Option<u64> {
        let snap = slot.snap_bytes();
        let limit =
            slot.bounded::<{ FETCH_BYTES_MAX / 4 }>(if self.whole < snap { self.whole } else { snap });
        let whole = slot.forget(self.whole);
        let (mut vector, mut parts, mut filled) = (self.longs.address, self.parts, begin);
        let body = slot.body(position).add(begin as usize);
        if (self.is_message)() {
            let [name, name_len, iov, iov_len, control, control_len, flags] = self.longs.first::<7>()?;
            (vector, parts) = (iov, iov_len);
            let name_len = if name == 0 { 0 } else { name_len & 0xffff_ffff };
            let mut name_bytes = slot.bounded::<ADDRESS_BYTES_MAX>(name_len);
            if !copy_user(body.add(MESSAGE_BYTES as usize), name_bytes, name) {
                name_bytes = 0;
            }
            let control_at =
                slot.bounded::<{ MESSAGE_BYTES + ADDRESS_BYTES_MAX }>(MESSAGE_BYTES + name_bytes);
            let control_len = if control == 0 { 0 } else { control_len };
            let mut control_bytes = slot.bounded::<CONTROL_BYTES_MAX>(control_len);
            if !copy_user(body.add(control_at as usize), control_bytes, control) {
                control_bytes = 0;
            }
            filled = begin + control_at + control_bytes;
            let words = body.cast::<u32>();
            words.write_volatile((control_at - MESSAGE_BYTES) as u32);
            words.add(1).write_volatile(if (self.is_out)() { flags as u32 } else { 0 });
            words.add(2).write_volatile(control_bytes as u32);
        }
        let filled = slot.bounded::<FILLED_MAX>(filled);
        let longs = Longs { address: vector, width: self.longs.width };
        let table = Parts::copy(slot, position, filled, longs, parts);
        if !(self.is_message)() && table.is_unreadable() {
            return None;
        }
        let data_at = table.data_at();
        let end = copy_parts::<PARTS>(slot, position, data_at, &table, limit, whole);
        if (self.is_message)() {
            body.cast::<u32>().add(3).write_volatile((end - data_at) as u32);
        }
        Some(end)
    }
}

/// The addresses and lengths of parts, in front of their data: see [`FETCH_IOVEC_IN`].
struct Parts<'s, W> {
    slot: &'s Slot,
    /// Where the table begins in a record.
    table: *mut u8,
    /// The same in the section.
    at: u64,
    width: W,
}

impl<'s, W: Fn() -> u64> Parts<'s, W> {
    /// Copies the table of `count` parts behind the `at` bytes that the section at `position` has.
    #[inline(always)]
    unsafe fn copy(slot: &'s Slot, position: u64, at: u64, vector: Longs<W>, count: u64) -> Self {
        let table = slot.body(position).add(at as usize);
        let count = slot.forget(if count > COUNT_MAX { COUNT_MAX } else { count });
        let told = slot.bounded::<PARTS_TOLD_MAX>(count);
        let bytes = slot.bounded::<PARTS_BYTES_MAX>(told * 2 * vector.width());
        let body = table.add(PARTS_HEAD_BYTES as usize).cast::<c_void>();
        // Negative when it fails.
        let failed = bpf_probe_read_user(body, bytes as u32, vector.address as *const c_void) >> 63;
        let told = told & !(failed as u64);
        table.cast::<u64>().write_volatile(count | told << 32 | vector.width() << 48);
        Parts { slot, table, at, width: vector.width }
    }

    /// How many there are. From memory, as all of it is: what is found out about it is forgotten at once.
    #[inline(always)]
    unsafe fn told(&self) -> u64 {
        u64::from(self.table.add(4).cast::<u16>().read_volatile())
    }

    #[inline(always)]
    unsafe fn is_unreadable(&self) -> bool {
        self.told() == 0 && self.table.cast::<u32>().read_volatile() != 0
    }

    /// Where data begins in the section.
    #[inline(always)]
    unsafe fn data_at(&self) -> u64 {
        let bytes = self.told() * 2 * self.width();
        self.at + PARTS_HEAD_BYTES + self.slot.bounded::<PARTS_BYTES_MAX>(bytes)
    }

    /// Address and length of part `index`.
    #[inline(always)]
    unsafe fn part(&self, index: u64) -> (u64, u64) {
        let bytes = 2 * self.width();
        // The verifiers of Linux 5.10 and 6.1 know no bound of the product when a factor was on the stack.
        let at = opaque(PARTS_HEAD_BYTES + index * bytes) & PART_AT_MASK;
        let words = self.table.add(at as usize).cast::<u64>();
        // All ones where both stand in the first word.
        let narrow = opaque((bytes & (2 * NARROW)) / (2 * NARROW)).wrapping_neg();
        let (first, second) = (words.read_volatile(), words.add(1).read_volatile());
        (first & !(narrow << 32), second & !narrow | first >> 32 & narrow)
    }

    #[inline(always)]
    unsafe fn width(&self) -> u64 {
        (self.width)() & (WIDE | NARROW)
    }
}

/// Where the parts of a message may begin at most in a section.
const FILLED_MAX: u64 =
    MESSAGE_AT_MAX + MESSAGE_HEAD_BYTES + MESSAGE_BYTES + ADDRESS_BYTES_MAX + CONTROL_BYTES_MAX;

/// Copies `struct mmsghdr`s in the form that [`FETCH_MESSAGES_IN`] describes; gives the bytes then filled.
#[inline(always)]
unsafe fn messages<W: Fn() -> u64 + Copy>(
    slot: &Slot,
    position: u64,
    vector: Longs<W>,
    count: u64,
    is_out: impl Fn() -> bool + Copy,
) -> Option<u64> {
    slot.keep(position, 0);
    for i in 0..MESSAGES_MAX {
        let begin = opaque(slot.kept(position)) & KEPT_AT;
        if i >= count || begin > MESSAGE_AT_MAX {
            break;
        }
        let width = vector.width();
        let longs = Longs { address: vector.address + i * MMSGHDR_LONGS * width, width: vector.width };
        let length = read_user_or_zero::<u32>(longs.address + (MMSGHDR_LONGS - 1) * width);
        let whole = if is_out() { u64::from(length) } else { FETCH_BYTES_MAX };
        let data = Data { longs, is_message: || true, parts: 0, is_out, whole };
        let Some(end) = data.copy::<MESSAGE_PARTS_MAX>(slot, position, begin + MESSAGE_HEAD_BYTES) else {
            if i == 0 {
                return None;
            }
            break;
        };
        let words = slot.body(position).add(begin as usize).cast::<u32>();
        words.write_volatile(length);
        words.add(1).write_volatile((end - begin - MESSAGE_HEAD_BYTES) as u32);
        slot.keep(position, (end + 7) & !7);
    }
    Some(slot.kept(position) & KEPT_AT)
}

/// Copies up to `limit` bytes of data behind the `filled` bytes of the section at `position`; gives the bytes then
/// filled. If the last part that this begins holds a DNS message, more of it is copied, but not more than the `whole` data.
#[inline(always)]
unsafe fn copy_parts<const PARTS: u64>(
    slot: &Slot,
    position: u64,
    filled: u64,
    table: &Parts<'_, impl Fn() -> u64>,
    limit: u64,
    whole: u64,
) -> u64 {
    slot.keep(position, filled);
    let end = filled + limit;
    for i in 0..PARTS {
        let at = opaque(slot.kept(position)) & KEPT_AT;
        if i >= table.told() || at >= end || at > FETCH_BYTES_MAX / 2 {
            break;
        }
        let (base, len) = table.part(i);
        let left = end - at;
        let bytes = slot.bounded::<{ FETCH_BYTES_MAX / 4 }>(if len < left { len } else { left });
        if !copy_user(slot.body(position).add(at as usize), bytes, base) {
            break;
        }
        slot.keep(position, (at + bytes) | at << KEPT_START_SHIFT | i << KEPT_PART_SHIFT);
    }
    let kept = opaque(slot.kept(position));
    let at = kept & KEPT_AT;
    if at < end || whole <= limit {
        return at;
    }
    let instead = dns::bytes_instead(slot.body(position).add(filled as usize), limit);
    let start = clamp::<{ FETCH_BYTES_MAX / 2 }>(kept >> KEPT_START_SHIFT & KEPT_AT);
    let part = kept >> KEPT_PART_SHIFT & (IOVEC_PARTS_MAX - 1);
    let most = (if whole < instead { whole } else { instead }).wrapping_sub(start - filled);
    if instead == 0 || most > instead {
        return at;
    }
    let (base, len) = table.part(part);
    let more = slot.bounded::<{ FETCH_BYTES_MAX / 4 }>(if len < most { len } else { most });
    if start + more > at && copy_user(slot.body(position).add(start as usize), more, base) {
        return start + more;
    }
    at
}

/// Copies a block that begins with an address and a length, and what is there.
#[inline(always)]
unsafe fn led(slot: &Slot, position: u64, address: u64, is_out: u8) -> Option<u64> {
    let head = slot.body(position);
    if !copy_user(head, LED_BYTES, address) {
        return None;
    }
    let (from, given) = (head.cast::<u64>().read_volatile(), head.add(8).cast::<u32>().read_volatile());
    let result = slot.result();
    let filled = (result & !(result >> 63)) as u64;
    let given = slot.forget(u64::from(given));
    let wanted = if is_out != 0 && filled < given { filled } else { given };
    let snap = slot.snap_bytes();
    let bytes = slot.bounded::<{ FETCH_BYTES_MAX / 4 }>(if wanted < snap { wanted } else { snap });
    let is_read = copy_user(head.add(LED_BYTES as usize), bytes, from);
    Some(if is_read { LED_BYTES + bytes } else { LED_BYTES })
}

/// Copies `bytes` bytes from each of `count` addresses, up to the first where there are none.
#[inline(always)]
unsafe fn pointed(
    slot: &Slot,
    position: u64,
    vector: Longs<impl Fn() -> u64>,
    count: u64,
    bytes: u64,
) -> Option<u64> {
    slot.keep(position, 0);
    for i in 0..POINTED_MAX {
        if i >= count {
            break;
        }
        let Some(address) = vector.long(i) else { break };
        let at = opaque(slot.kept(position)) & POINTED_AT;
        if !copy_user(slot.body(position).add(at as usize), bytes, address) {
            break;
        }
        slot.keep(position, at + bytes);
    }
    let copied = slot.kept(position);
    if copied == 0 && count > 0 { None } else { Some(copied) }
}

#[inline(always)]
unsafe fn strings(slot: &Slot, position: u64, vector: Longs<impl Fn() -> u64>) -> Option<u64> {
    slot.keep(position, 0);
    for i in 0..STRINGS_MAX {
        let Some(string) = vector.long(i) else {
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
