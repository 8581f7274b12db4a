//! What calls change of descriptors, and what is known of these when calls begin and return: see `wire::outside`.
//!
//! Two programs stand around [`crate::syscalls::sys_exit`], attached before and after it, which keep what is known of
//! descriptors right. They are there only where the filter of the recording may turn calls away by descriptor or path.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use wire::table::{
    BEGINS_CONNECTION, BEGINS_FILE, CALL_SOCKET_NAMED, CHANGES_ALL, CHANGES_ARGUMENT, CHANGES_RESULT,
    CHANGES_WITH_PEER, CallEntry, FD_RESULT, JUDGED_BY_DESCRIPTOR, JUDGED_BY_PATH, JUDGED_WITHOUT,
    SHARED_BY_SOCKETCALL,
};

use crate::outside;
use crate::syscalls::{
    argument, call_number, current_task, early_argument, end_outside, entry, is_compat, native_entry,
    pid_tgid, put_outside, was_memory_shared,
};

/// A call that returns.
struct Returning {
    nr: i64,
    entry: *const CallEntry,
    task: *const u8,
    regs: *const u8,
    compat: bool,
    result: i64,
    tgid: u32,
    tid: u32,
}

/// The call that returns, if what is known of descriptors has to do with it.
#[inline(always)]
unsafe fn returning(ctx: &BtfTracePointContext) -> Option<Returning> {
    let regs = ctx.arg::<*const u8>(0);
    let nr = call_number(regs);
    let native = native_entry(nr)?;
    if (*native).either == 0 {
        return None;
    }
    let task = current_task();
    let compat = is_compat(task, regs);
    let entry = entry(native, nr, compat)?;
    let pid_tgid = pid_tgid(task);
    let (tgid, tid) = ((pid_tgid >> 32) as u32, pid_tgid as u32);
    Some(Returning { nr, entry, task, regs, compat, result: ctx.arg::<i64>(1), tgid, tid })
}

/// Before the record of a call is written: what is written after it is not turned away by what was true before.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit_before(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { before(&ctx) };
    0
}

#[inline(always)]
unsafe fn before(ctx: &BtfTracePointContext) {
    if !outside::are_marked() {
        return;
    }
    let Some(call) = returning(ctx) else { return };
    let entry = call.entry;
    // As the record would have it: memory may have changed since the call began.
    if (*entry).judged & JUDGED_BY_PATH != 0
        && !call.compat
        && outside::is_path_outside(early_argument(call.regs, entry, (*entry).path, false))
    {
        put_outside(call.tid, call.nr);
    }
    end(&call);
}

/// After it: who sees that what was found has ended will have seen the record when all older ones were handed out.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit_after(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { after(&ctx) };
    0
}

#[inline(always)]
unsafe fn after(ctx: &BtfTracePointContext) {
    if !outside::are_marked() {
        return;
    }
    let Some(call) = returning(ctx) else { return };
    let was_shared = was_memory_shared(call.tid);
    end_outside(call.tid);
    end(&call);
    begin(&call, was_shared);
}

/// Whether the call that begins is not wanted for its descriptor. It is judged now, because it is the descriptor that the
/// number stands for now that the event will tell.
#[inline(always)]
pub(crate) unsafe fn begins_outside(entry: *const CallEntry, ctx: &BtfTracePointContext, tgid: u32) -> bool {
    if (*entry).judged & JUDGED_BY_DESCRIPTOR == 0 {
        return false;
    }
    let regs = ctx.arg::<*const u8>(0);
    let fd = early_argument(regs, entry, (*entry).fd, false);
    if (fd as i32) < 0 {
        return (*entry).judged & JUDGED_WITHOUT != 0;
    }
    // A datagram brings its peer's port along.
    let is_named = (*entry).flags & CALL_SOCKET_NAMED != 0 && argument(regs, 4) != 0;
    !is_named && outside::is_outside(tgid, fd)
}

/// Ends what was found of the descriptors of which the call changes what is known.
#[inline(always)]
unsafe fn end(call: &Returning) {
    let entry = call.entry;
    let changes = (*entry).changes;
    if call.compat {
        // Where several calls share a number, it may be one that does.
        if changes != 0 || (*entry).shared >= SHARED_BY_SOCKETCALL {
            outside::end_all_verdicts(call.tgid);
        }
        return;
    }
    if changes & CHANGES_ALL != 0 {
        return outside::end_all_verdicts(call.tgid);
    }
    if changes & CHANGES_RESULT != 0 {
        outside::end_verdicts(call.tgid, call.result as u64);
    }
    if changes & CHANGES_ARGUMENT != 0 || (changes & CHANGES_WITH_PEER != 0 && argument(call.regs, 4) != 0) {
        outside::end_verdicts(call.tgid, early_argument(call.regs, entry, (*entry).fd, false));
    }
}

/// Finds out whether a descriptor that the call has made or connected is outside.
#[inline(always)]
unsafe fn begin(call: &Returning, was_shared: bool) {
    let entry = call.entry;
    if call.compat || call.result < 0 {
        return;
    }
    if (*entry).judged & BEGINS_FILE != 0 {
        if was_shared {
            // The path may be another one by now than the kernel took.
            return;
        }
        let path = early_argument(call.regs, entry, (*entry).path, false);
        outside::begin_file(call.task, call.tgid, call.result as u64, path);
    } else if (*entry).judged & BEGINS_CONNECTION != 0 {
        let is_new = (*entry).fd == FD_RESULT;
        let fd =
            if is_new { call.result as u64 } else { early_argument(call.regs, entry, (*entry).fd, false) };
        outside::begin_connection(call.task, call.tgid, fd);
    }
}
