//! Descriptors, paths and ports of which the recording's filter is surely false: see `wire::outside`.

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user_str},
    macros::map,
    maps::Array,
};
use core::ffi::c_void;
use wire::outside::{
    ALL_DESCRIPTORS, DESCRIPTOR_NUMBERS, DescriptorMark, Outside, PATH_WORDS, PORTS_MAX, PREFIXES_MAX,
    indirections, slot_of, verdict,
};

use crate::facts::socket_ports;
use crate::memory::{follow, load, opaque};
use crate::ring::MMAPABLE;
use crate::settings::{offset, setting};

/// One place, unless the agent has made room for more.
#[map]
static DESCRIPTORS: Array<DescriptorMark> = Array::with_max_entries(1, MMAPABLE);

#[map]
static OUTSIDE: Array<Outside> = Array::with_max_entries(1, MMAPABLE);

const PATH_BYTES: u32 = PATH_WORDS as u32 * 8;

/// Whether descriptors have marks at all: the verifier takes away what stands behind this where they have none.
#[inline(always)]
pub(crate) unsafe fn are_marked() -> bool {
    setting!(descriptor_marks) != 0
}

#[inline(always)]
unsafe fn generation(tgid: u32, fd: u32) -> u32 {
    match DESCRIPTORS.get_ptr(slot_of(tgid, fd)) {
        Some(mark) => (&raw const (*mark).generation).read_volatile(),
        None => 0,
    }
}

/// Whether a descriptor of a process is outside.
#[inline(always)]
pub(crate) unsafe fn is_outside(tgid: u32, fd: u64) -> bool {
    let fd = fd as u32;
    if fd >= DESCRIPTOR_NUMBERS {
        return false;
    }
    let Some(mark) = DESCRIPTORS.get_ptr(slot_of(tgid, fd)) else { return false };
    let found = (&raw const (*mark).verdict).read_volatile();
    let own = (&raw const (*mark).generation).read_volatile();
    found == verdict(tgid, fd, own.wrapping_add(generation(tgid, ALL_DESCRIPTORS)))
}

/// What was found of a descriptor of a process, or of all, does not hold any more.
#[inline(always)]
pub(crate) unsafe fn end_verdicts(tgid: u32, fd: u64) {
    let fd = fd as u32;
    if fd > ALL_DESCRIPTORS {
        return;
    }
    if let Some(mark) = DESCRIPTORS.get_ptr_mut(slot_of(tgid, fd)) {
        let generation = &raw mut (*mark).generation;
        core::arch::asm!("lock *(u32 *)({0} + 0) += {1}", in(reg) generation, in(reg) 1u64);
    }
}

/// What was found of the descriptors of a process does not hold any more.
#[inline(always)]
pub(crate) unsafe fn end_all_verdicts(tgid: u32) {
    if are_marked() {
        end_verdicts(tgid, u64::from(ALL_DESCRIPTORS));
    }
}

/// The descriptor is outside until something happens to it.
#[inline(always)]
unsafe fn begin(tgid: u32, fd: u64) {
    let fd = fd as u32;
    if fd >= DESCRIPTOR_NUMBERS {
        return;
    }
    if let Some(mark) = DESCRIPTORS.get_ptr_mut(slot_of(tgid, fd)) {
        let own = (&raw const (*mark).generation).read_volatile();
        let found = verdict(tgid, fd, own.wrapping_add(generation(tgid, ALL_DESCRIPTORS)));
        (&raw mut (*mark).verdict).write_volatile(found);
    }
}

/// Whether nobody but the task, the current one, can change its descriptors, or its memory.
#[inline(always)]
unsafe fn is_alone(task: *const u8) -> bool {
    load::<u32>(follow(task, offset!(task_files)), offset!(files_count)) == 1
        && load::<u32>(follow(task, offset!(task_mm)), offset!(mm_users)) == 1
}

/// The lists, unless they are being changed.
#[inline(always)]
unsafe fn lists() -> Option<*const Outside> {
    let outside = OUTSIDE.get_ptr(0)?;
    ((&raw const (*outside).is_ready).read_volatile() != 0).then_some(outside)
}

/// A file was opened as this descriptor of the task, by the path at this address.
#[inline(always)]
pub(crate) unsafe fn begin_file(task: *const u8, tgid: u32, fd: u64, path: u64) {
    let Some(outside) = lists() else { return };
    if (&raw const (*outside).files).read_volatile() != 0 && is_alone(task) && is_path_outside(path) {
        begin(tgid, fd);
    }
}

/// A file was opened as this descriptor of the task, by a path that was outside when that began.
#[inline(always)]
pub(crate) unsafe fn begin_opened(task: *const u8, tgid: u32, fd: u64) {
    let Some(outside) = lists() else { return };
    if (&raw const (*outside).files).read_volatile() != 0 && is_alone(task) {
        begin(tgid, fd);
    }
}

/// The socket that this descriptor of the task refers to was connected.
#[inline(always)]
pub(crate) unsafe fn begin_connection(task: *const u8, tgid: u32, fd: u64) {
    let Some(outside) = lists() else { return };
    if (&raw const (*outside).sockets).read_volatile() == 0 || !is_alone(task) {
        return;
    }
    let (local, remote) = socket_ports(task, fd);
    // A port that is not known may be any.
    if local == 0 || remote == 0 {
        return;
    }
    for at in 0..PORTS_MAX {
        let port = (&raw const (*outside).ports).cast::<u16>().add(at).read_volatile();
        if port == local || port == remote {
            return;
        }
    }
    begin(tgid, fd);
}

/// Whether the path at this address of the task is absolute, means what it says, and begins with none of the prefixes.
#[inline(always)]
pub(crate) unsafe fn is_path_outside(address: u64) -> bool {
    let mut room = [0u64; PATH_WORDS];
    is_outside_by(&mut room, |path| bpf_probe_read_user_str(path, PATH_BYTES, address as *const c_void))
}

/// The same of a path in the kernel. What `room` holds is lost.
#[inline(always)]
pub(crate) unsafe fn is_name_outside(address: u64, room: &mut [u64; PATH_WORDS]) -> bool {
    for word in room.iter_mut() {
        (&raw mut *word).write_volatile(0);
    }
    is_outside_by(room, |path| bpf_probe_read_kernel_str(path, PATH_BYTES, address as *const c_void))
}

/// `room` is empty: what stands behind the end of the path must not be whatever was there before.
#[inline(always)]
unsafe fn is_outside_by(room: &mut [u64; PATH_WORDS], copy: impl FnOnce(*mut c_void) -> i64) -> bool {
    let Some(outside) = lists() else { return false };
    let path = room.as_mut_ptr();
    let copied = copy(path.cast::<c_void>());
    if copied <= 0 || copied >= i64::from(PATH_BYTES) {
        return false;
    }
    let first = path.read_volatile();
    let mut indirect = (first & 0xff) ^ u64::from(b'/');
    let mut word = first;
    for at in 1..=PATH_WORDS {
        let next = if at < PATH_WORDS { path.add(at).read_volatile() } else { 0 };
        indirect = opaque(indirect | indirections(word, next));
        word = next;
    }
    if indirect != 0 {
        return false;
    }
    let words = [first, path.add(1).read_volatile()];
    for at in 0..PREFIXES_MAX {
        let prefix = (&raw const (*outside).prefixes).cast::<wire::outside::Prefix>().add(at);
        if (*prefix).differs(words) == 0 {
            return false;
        }
    }
    true
}
