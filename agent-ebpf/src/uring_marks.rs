//! What is kept of operations between submission and completion: see `wire::uring::OperationMark`.
//!
//! Whoever reads a mark is the completion of the operation that it is of, and the kernel has that happen after the
//! submission. Only the places themselves are fought for.

use aya_ebpf::{macros::map, maps::Array};
use wire::uring::{MARK_AWAY, OperationMark, mark_slot};

/// One place, unless the agent has made room for more.
#[map]
static OPERATION_MARKS: Array<OperationMark> = Array::with_max_entries(1, 0);

/// Which operation it is.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) ring: u64,
    pub(crate) user_data: u64,
    /// Address of the request.
    pub(crate) request: u64,
}

#[inline(always)]
unsafe fn add(counter: *mut u64, value: u64) {
    core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) counter, in(reg) value);
}

/// Takes a place for oneself; whether that worked.
#[inline(always)]
unsafe fn claim(mark: *mut OperationMark) -> bool {
    let claims = &raw mut (*mark).claims;
    add(claims, 1);
    // Who gives a place back empties it first. Where only one of the two is seen yet, the place is not free.
    if claims.read_volatile() == 1 && (&raw const (*mark).request).read_volatile() == 0 {
        return true;
    }
    add(claims, u64::MAX);
    false
}

#[inline(always)]
unsafe fn give_back(mark: *mut OperationMark) {
    (&raw mut (*mark).request).write_volatile(0);
    add(&raw mut (*mark).claims, u64::MAX);
}

/// The place of an operation.
#[inline(always)]
fn place(operation: &Operation) -> Option<*mut OperationMark> {
    OPERATION_MARKS.get_ptr_mut(mark_slot(operation.ring, operation.user_data))
}

/// Keeps something of an operation that is being submitted; whether there was room.
#[inline(always)]
pub(crate) unsafe fn keep(operation: &Operation, what: u32, fd: u32) -> bool {
    let Some(mark) = place(operation) else { return false };
    // An earlier operation with this request has ended, even if its completion was missed.
    if (&raw const (*mark).request).read_volatile() != operation.request && !claim(mark) {
        share(mark, operation);
        return false;
    }
    (&raw mut (*mark).is_shared).write_volatile(0);
    (&raw mut (*mark).ring).write_volatile(operation.ring);
    (&raw mut (*mark).user_data).write_volatile(operation.user_data);
    (&raw mut (*mark).what).write_volatile(what);
    (&raw mut (*mark).fd).write_volatile(fd);
    (&raw mut (*mark).request).write_volatile(operation.request);
    true
}

/// What was kept of an operation whose request is known, and the number that belongs to it; 0 for nothing.
#[inline(always)]
pub(crate) unsafe fn kept(operation: &Operation) -> (u32, u32) {
    let Some(mark) = place(operation) else { return (0, 0) };
    if (&raw const (*mark).request).read_volatile() != operation.request {
        return (0, 0);
    }
    ((&raw const (*mark).what).read_volatile(), (&raw const (*mark).fd).read_volatile())
}

/// Keeps nothing of an operation any more.
#[inline(always)]
pub(crate) unsafe fn forget(operation: &Operation) {
    let Some(mark) = place(operation) else { return };
    if (&raw const (*mark).request).read_volatile() == operation.request {
        give_back(mark);
    }
}

/// Keeps nothing of an operation that is being submitted.
#[inline(always)]
pub(crate) unsafe fn keep_nothing(operation: &Operation) {
    let Some(mark) = place(operation) else { return };
    // Of an earlier operation with this request, whose completion was missed.
    if (&raw const (*mark).request).read_volatile() == operation.request {
        give_back(mark);
    } else {
        share(mark, operation);
    }
}

/// Another operation has the place: if the program calls it the same, a completion by that name may be of either.
#[inline(always)]
unsafe fn share(mark: *mut OperationMark, operation: &Operation) {
    if (&raw const (*mark).ring).read_volatile() == operation.ring
        && (&raw const (*mark).user_data).read_volatile() == operation.user_data
    {
        (&raw mut (*mark).is_shared).write_volatile(1);
    }
}

/// Whether the operation that completes was turned away. Nothing is kept of it then.
#[inline(always)]
pub(crate) unsafe fn was_turned_away(operation: &Operation) -> bool {
    let (what, _) = kept(operation);
    if what == MARK_AWAY {
        forget(operation);
    }
    what == MARK_AWAY
}

/// The same where no more is known of the operation than what the program calls it: if several are called the same, it was
/// not.
#[inline(always)]
pub(crate) unsafe fn was_one_turned_away(ring: u64, user_data: u64) -> bool {
    let Some(mark) = OPERATION_MARKS.get_ptr_mut(mark_slot(ring, user_data)) else { return false };
    let is_it = (&raw const (*mark).request).read_volatile() != 0
        && (&raw const (*mark).ring).read_volatile() == ring
        && (&raw const (*mark).user_data).read_volatile() == user_data
        && (&raw const (*mark).is_shared).read_volatile() == 0;
    let is_away = (&raw const (*mark).what).read_volatile() == MARK_AWAY;
    if is_it {
        give_back(mark);
    }
    is_it && is_away
}
