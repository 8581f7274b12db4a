//! The path of a file that was opened, as the kernel has it: told unless it is known to be what the call was given.
//!
//! What that is known by is in [`wire::names`]. Start at [`opened`].

use aya_ebpf::{macros::map, maps::Array};
use wire::SectionState;
use wire::facts::FileFacts;
use wire::names::{NAME_BYTES_MAX, NAME_SLOTS, slot_of, with};
use wire::record::{FILE_SECTION_BYTES, SECTION_GIVEN, SECTION_OPENED};
use wire::table::{CALL_NAMED, CallEntry};

use crate::facts::file_of;
use crate::memory::{Head, clamp, follow, opaque, read};
use crate::path;
use crate::ring::{MMAPABLE, POSITION_MAX, Slot};
use crate::settings::{offset, setting};
use crate::syscalls::{current_task, is_memory_shared, pid_tgid, was_memory_shared};

/// Numbers that the agent has found to stand for a path and the file of that path.
#[map]
static NAMES: Array<u64> = Array::with_max_entries(NAME_SLOTS, MMAPABLE);

/// Bytes at the beginning of `struct dentry` that hold parent and name.
type DentryHead = Head<48>;
/// `struct qstr` has hash and length before the name.
const NAME_AT: u64 = 8;
/// Where the copy of a dentry goes, behind the section that is being written.
const COPY_AT: usize = 256;
const AT_FDCWD: i32 = -100;

/// Writes the path of the file that the call opened as a section, and what the agent needs to compare it; gives the position
/// behind them.
#[inline(always)]
pub(crate) unsafe fn opened(entry: *const CallEntry, position: u64, file: u64) -> u64 {
    let is_named = u64::from((*entry).flags & CALL_NAMED != 0);
    let bits = is_named << 16 | u64::from((*entry).fetches) << 8 | u64::from((*entry).nargs);
    add_opened(position, bits, file)
}

/// A function of its own, that takes numbers and finds all else anew: what its caller has in registers is not looked at with
/// each way through it. (It must not be one with a name for others, which the verifier would walk through only once: up to
/// Linux 6.14 or so none of these may be called while preemption is off.)
#[inline(never)]
fn add_opened(position: u64, bits: u64, file: u64) -> u64 {
    // SAFETY: the verifier checks every access.
    unsafe { Slot::being_written().map_or(position, |slot| add(&slot, Taken(bits), opaque(position), file)) }
}

/// Of the table's entry for the call: how many arguments and fetches, and whether it is given a path.
#[derive(Clone, Copy)]
struct Taken(u64);

#[inline(always)]
unsafe fn add(slot: &Slot, taken: Taken, mut position: u64, file: u64) -> u64 {
    if position > POSITION_MAX {
        return position;
    }
    let task = current_task();
    if taken.0 >> 16 != 0 {
        let number = number_of(slot, task, taken, position, file);
        let given = slot.body(position).cast::<u64>();
        given.write_volatile(number);
        given.add(1).write_volatile(u64::from(is_memory_shared(task)));
        if was_memory_shared(pid_tgid(task) as u32) {
            given.add(1).write_volatile(1);
        }
        let number = given.read_volatile();
        let Some(known) = NAMES.get_ptr(slot_of(number)) else { return position };
        // Numbers are odd: a place where nothing was noted is not that of a call without one.
        if opaque((known.read_volatile() ^ number) | (!number & 1)) == 0 {
            return position;
        }
        position = slot.section(position, SECTION_GIVEN, SectionState::Data, 16);
    }
    let root = follow(task, offset!(task_fs)) as u64 + offset!(fs_root);
    path::file(slot, slot.forget(position), SECTION_OPENED, file + offset!(file_path), root)
}

/// The number of what the call was given and what it opened; 0 for none. The file's facts stand before `position`.
#[inline(always)]
unsafe fn number_of(slot: &Slot, task: *const u8, taken: Taken, position: u64, file: u64) -> u64 {
    // How `openat2` finds the file is in a second block.
    if taken.0 >> 8 & 0xff != 1 {
        return 0;
    }
    let text_at = clamp::<TEXT_AT_MAX>(Slot::behind_args(taken.0 as u8));
    let section = slot.kept(text_at);
    let bytes = section >> 32;
    if section >> 8 & 0xff != SectionState::Data as u64 || bytes == 0 || bytes > NAME_BYTES_MAX {
        return 0;
    }
    let text = slot.body(text_at);
    let key = setting!(name_key);
    let mut number = setting!(name_seed);
    let words = slot.forget(bytes >> 3);
    for at in 0..NAME_BYTES_MAX / 8 {
        if at >= words {
            break;
        }
        number = with(number, text.add(at as usize * 8).cast::<u64>().read_volatile(), key);
    }
    let bytes = slot.bounded::<NAME_BYTES_MAX>(bytes);
    // What stands behind the text is left over from an earlier record.
    let rest = text.add((bytes & !7) as usize).cast::<u64>().read_volatile() & ((1 << ((bytes & 7) * 8)) - 1);
    number = slot.forget(with(with(number, rest, key), bytes, key));
    let from = if text.read_volatile() == b'/' { 0 } else { folder(slot, task, section as u8) };
    let root = follow(follow(task, offset!(task_fs)), offset!(fs_root) + offset!(path_dentry)) as u64;
    number = with(with(number, slot.forget(from), key), slot.forget(root), key);
    let path = file + offset!(file_path);
    let dentry: u64 = read(path, offset!(path_dentry));
    let head = DentryHead::read(slot.body(position).add(COPY_AT), dentry);
    number = with(number, dentry, key);
    number = with(number, head.field(offset!(dentry_parent)), key);
    number = with(number, head.field(offset!(dentry_name) - NAME_AT), key);
    number = with(number, read(path, offset!(path_mnt)), key);
    let facts = slot.body(position - FILE_SECTION_BYTES).cast::<FileFacts>();
    with(number, (&raw const (*facts).ino).read_volatile(), key) | 1
}

/// The folder from which a relative path leads: the working directory's, or that of the descriptor in argument 0 if the path
/// is another one.
#[inline(always)]
unsafe fn folder(slot: &Slot, task: *const u8, path_arg: u8) -> u64 {
    let fd = slot.argument(0);
    if path_arg == 0 || fd as i32 == AT_FDCWD {
        return follow(follow(task, offset!(task_fs)), offset!(fs_pwd) + offset!(path_dentry)) as u64;
    }
    read(file_of(task, fd), offset!(file_path) + offset!(path_dentry))
}

/// Where the first section of a call begins at most.
const TEXT_AT_MAX: u64 = 128;
