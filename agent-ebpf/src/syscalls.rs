//! System calls: one record at exit, made by interpreting the call's entry in the table.

use aya_ebpf::{
    helpers::generated::{bpf_get_current_task, bpf_get_current_task_btf, bpf_ktime_get_boot_ns},
    macros::{btf_tracepoint, map},
    maps::Array,
    programs::BtfTracePointContext,
};
use wire::RecordType;
use wire::offsets::ABSENT;
use wire::record::{FLAG_COMPAT, FLAG_LATENCY, FLAG_NO_RESULT, SECTION_FILE, SECTION_SOCKET};
use wire::ring::{CallStart, EXEC_STARTS, EventClass, ExecStart, START_OUTSIDE, START_SHARED};
use wire::table::{
    CALL_ENTRIES, CALL_FILE, CALL_IMAGE, CALL_NAMED, CALL_NAMELESS, CALL_SILENT_ZERO, CALL_SOCKET,
    CALL_SOCKET_NAMED, CALL_UNKNOWN, CALLS_MAX, CallEntry, EITHER_KEPT, EITHER_NAMED, FD_PAIR, FD_RESULT,
    JUDGED_WHOLLY, SELECTED_SUCCEEDED, SHARED_ABSENT, SHARED_BY_IPC, SHARED_BY_SOCKETCALL, SHARED_CHILD,
    SHARED_IPC, SHARED_MAX, SHARED_MEMORY, SHARED_SHIFT, SHARED_SOCKETCALL, UPKEEP_ON_SOCKET, UPKEEP_OWN,
    UPKEEP_PEER,
};

use crate::descriptors;
use crate::facts::{file_facts, file_of, is_socket, socket_facts};
use crate::fetch;
use crate::memory::{follow, load, opaque, read_user_or_zero};
use crate::names;
use crate::outside;
use crate::peers;
use crate::ring::{self, MMAPABLE, Slot, Weight};
use crate::settings::{offset, setting};

/// Calls: native ones, those of 32-bit programs, and those that are behind `socketcall` and `ipc`. The agent changes them
/// while we run.
#[map]
static CALLS: Array<CallEntry> = Array::with_max_entries(CALL_ENTRIES as u32, MMAPABLE);

#[map]
static EXECS: Array<ExecStart> = Array::with_max_entries(EXEC_STARTS, 0);

#[map]
static STARTS: Array<CallStart> = Array::with_max_entries(1, 0);

const EINPROGRESS: i64 = 115;
/// `TS_COMPAT` of x86: the call came through the 32-bit entry.
const TS_COMPAT: u32 = 2;
const X86_64_RT_SIGRETURN: i64 = 15;
const AARCH64_RT_SIGRETURN: i64 = 139;
/// On x86 and on arm.
const COMPAT_RT_SIGRETURN: i64 = 173;
pub(crate) const AARCH64_EXECVE: i64 = 221;
pub(crate) const AARCH64_EXECVEAT: i64 = 281;
pub(crate) const ARM_EXECVE: i64 = 11;
pub(crate) const ARM_EXECVEAT: i64 = 387;
const ENOSYS: i64 = 38;
/// The kernel keeps the last page of addresses for errors.
const ERRNO_MAX: i64 = 4095;
/// In the table of starts: no call, but a child that has not returned yet.
const NR_OF_CHILD: u32 = u32::MAX - 1;
/// What may stand in the table of starts beside the number of a call.
const START_BITS: u32 = START_OUTSIDE | START_SHARED;
/// What a record says of a number that does not fit it, and that the kernel does not know either.
const NR_BEYOND: i64 = 0xffff;
/// Calls of arm's own, such as `set_tls`, have the numbers from 0xf0000 on; a record says them from 0xf000 on.
const ARM_PRIVATE: i64 = 0xf0000;
const ARM_PRIVATE_TOLD: i64 = 0xf000;
const ARM_PRIVATE_MAX: i64 = 0x10;

/// Offsets in `struct pt_regs`, which both architectures show to user space and so never change.
const X86_64_ARGS: [usize; 6] = [112, 104, 96, 56, 72, 64];
const X86_64_NR: usize = 120;
/// Where a 32-bit program's call has them: ebx, ecx, edx, esi, edi, ebp.
const I386_ARGS: [usize; 6] = [40, 88, 96, 104, 112, 32];
const AARCH64_ARGS: [usize; 6] = [272, 8, 16, 24, 32, 40];
const AARCH64_NR: usize = 280;
/// `pstate`, and the bit of it that says that the task runs the 32-bit instruction set.
const AARCH64_STATE: usize = 264;
const STATE_NARROW: u64 = 1 << 4;
/// Where a program of either width keeps the number when it calls: x8, r7.
const AARCH64_NR_REGISTER: usize = 64;
const ARM_NR_REGISTER: usize = 56;

#[inline(always)]
unsafe fn register(regs: *const u8, x86_64: usize, aarch64: usize) -> u64 {
    if setting!(aarch64) != 0 {
        regs.add(aarch64).cast::<u64>().read_volatile()
    } else {
        regs.add(x86_64).cast::<u64>().read_volatile()
    }
}

/// Argument `index` of the call whose registers these are.
#[inline(always)]
pub(crate) unsafe fn argument(regs: *const u8, index: usize) -> u64 {
    register(regs, X86_64_ARGS[index], AARCH64_ARGS[index])
}

/// Argument `index` of a call that came through the 32-bit entry. The upper halves of the registers mean nothing:
/// 64-bit programs can use that entry too.
#[inline(always)]
unsafe fn narrow_argument(regs: *const u8, index: usize) -> u64 {
    register(regs, I386_ARGS[index], AARCH64_ARGS[index]) & u64::from(u32::MAX)
}

/// Argument `index` of the call whose registers these are, through whichever entry it came.
#[inline(always)]
pub(crate) unsafe fn call_argument(regs: *const u8, index: usize, compat: bool) -> u64 {
    if compat { narrow_argument(regs, index) } else { argument(regs, index) }
}

/// Number of the call whose registers these are; negative when they are of none.
#[inline(always)]
pub(crate) unsafe fn call_number(regs: *const u8) -> i64 {
    // aarch64 has no more than these 32 bits of it, and the verifier lets nobody read beyond.
    let at = if setting!(aarch64) != 0 { AARCH64_NR } else { X86_64_NR };
    i64::from(regs.add(at).cast::<i32>().read_volatile())
}

/// The current task, of which the verifier knows the type: its fields are read by plain loads.
#[inline(always)]
pub(crate) unsafe fn current_task() -> *const u8 {
    if setting!(untyped_regs_at) != 0 {
        return bpf_get_current_task() as *const u8;
    }
    bpf_get_current_task_btf() as *const u8
}

/// Process and thread id of a task, in one word as `bpf_get_current_pid_tgid` has them, for less.
#[inline(always)]
pub(crate) unsafe fn pid_tgid(task: *const u8) -> u64 {
    let id = |offset: u64| u64::from(load::<u32>(task, offset));
    id(offset!(task_tgid)) << 32 | id(offset!(task_pid))
}

/// Whether the call the current task is in, with these registers, came through the 32-bit entry of a 64-bit kernel.
/// On aarch64 there is one entry, and a program is of one kind or the other.
#[inline(always)]
pub(crate) unsafe fn is_compat(task: *const u8, regs: *const u8) -> bool {
    if setting!(aarch64) != 0 {
        return regs.add(AARCH64_STATE).cast::<u64>().read_volatile() & STATE_NARROW != 0;
    }
    if offset!(task_status) == u64::from(ABSENT) {
        return false;
    }
    load::<u32>(task, offset!(task_status)) & TS_COMPAT != 0
}

/// The table's entry for a native call, or for what is none.
#[inline(always)]
pub(crate) fn native_entry(nr: i64) -> Option<*const CallEntry> {
    CALLS.get_ptr(native_index(nr))
}

#[inline(always)]
fn native_index(nr: i64) -> u32 {
    if nr as u64 >= CALL_UNKNOWN as u64 { CALL_UNKNOWN as u32 } else { nr as u32 }
}

/// The table's entry for a call, of which `native` is the one if it is native.
#[inline(always)]
pub(crate) unsafe fn entry(native: *const CallEntry, nr: i64, compat: bool) -> Option<*const CallEntry> {
    if compat { CALLS.get_ptr(native_index(nr) + CALLS_MAX as u32) } else { Some(native) }
}

/// Keeps the time at which a call began, for its latency.
#[btf_tracepoint(function = "sys_enter")]
pub fn sys_enter(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { enter(&ctx) };
    0
}

#[inline(always)]
unsafe fn enter(ctx: &BtfTracePointContext) {
    let nr = ctx.arg::<i64>(1);
    let Some(native) = native_entry(nr) else { return };
    if (*native).either == 0 {
        // For most calls of a recording that selects few, all there is to do.
        return;
    }
    let task = current_task();
    let pid_tgid = pid_tgid(task);
    if (*native).either & EITHER_KEPT == 0 && ring::is_turned_away(pid_tgid) {
        forget_start(pid_tgid as u32);
        return;
    }
    let compat = is_compat(task, ctx.arg::<*const u8>(0));
    let Some(entry) = entry(native, nr, compat) else { return };
    if (*entry).flags & CALL_IMAGE != 0 {
        // Kept whoever calls: the command becomes a followed one by its exec.
        keep_exec(ctx.arg::<*const u8>(0), pid_tgid as u32, nr, compat);
    } else if !ring::is_selected(pid_tgid) {
        return;
    } else if (*entry).flags & CALL_FILE == 0 {
        // Of what opens a file it is kept whoever calls whether others could change the path.
        if (*entry).selected == 0 {
            return;
        }
        if (*entry).upkeep & UPKEEP_OWN == 0 && ring::is_turned_away(pid_tgid) {
            forget_start(pid_tgid as u32);
            return;
        }
    }
    let tid = pid_tgid as u32;
    let Some(start) = STARTS.get_ptr_mut(tid & setting!(start_mask)) else { return };
    (*start).tid = tid;
    (*start).nr = nr as u32;
    if outside::are_marked() && !compat && descriptors::begins_outside(entry, ctx, (pid_tgid >> 32) as u32) {
        (*start).nr = nr as u32 | START_OUTSIDE;
    }
    if (*entry).flags & CALL_FILE != 0 && is_memory_shared(task) {
        (*start).nr |= START_SHARED;
    }
    (*start).time_ns = bpf_ktime_get_boot_ns();
}

/// Has the call that returns now from the thread count as outside.
#[inline(always)]
pub(crate) unsafe fn put_outside(tid: u32, nr: i64) {
    let Some(start) = STARTS.get_ptr_mut(tid & setting!(start_mask)) else { return };
    if (*start).tid == tid && (*start).nr & !START_SHARED == nr as u32 {
        (*start).nr |= START_OUTSIDE;
    }
}

/// Whether the call that returns from the thread counts as outside.
#[inline(always)]
unsafe fn is_outside(tid: u32, nr: i64) -> bool {
    let Some(start) = STARTS.get_ptr(tid & setting!(start_mask)) else { return false };
    (*start).tid == tid && (*start).nr & !START_SHARED == nr as u32 | START_OUTSIDE
}

/// The call has returned: what was found of it must not be taken for another one's, whose beginning is missed.
#[inline(always)]
pub(crate) unsafe fn end_outside(tid: u32) {
    let Some(start) = STARTS.get_ptr_mut(tid & setting!(start_mask)) else { return };
    if (*start).tid == tid && (*start).nr & START_OUTSIDE != 0 {
        (*start).tid = 0;
    }
}

/// A call begins whose time is not kept. It may be recorded all the same, and must not take an earlier call's.
#[inline(always)]
unsafe fn forget_start(tid: u32) {
    let Some(start) = STARTS.get_ptr_mut(tid & setting!(start_mask)) else { return };
    if (*start).tid == tid {
        (*start).tid = 0;
    }
}

#[inline(always)]
unsafe fn keep_exec(regs: *const u8, tid: u32, nr: i64, compat: bool) {
    let Some(start) = EXECS.get_ptr_mut(tid & (EXEC_STARTS - 1)) else { return };
    (*start).tid = tid;
    (*start).nr = nr as u32;
    (*start).compat = u32::from(compat);
    let args = (&raw mut (*start).args).cast::<u64>();
    args.write_volatile(call_argument(regs, 0, compat));
    args.add(1).write_volatile(call_argument(regs, 1, compat));
    args.add(2).write_volatile(call_argument(regs, 2, compat));
    args.add(3).write_volatile(call_argument(regs, 3, compat));
    args.add(4).write_volatile(call_argument(regs, 4, compat));
    args.add(5).write_volatile(call_argument(regs, 5, compat));
}

/// The call by which a thread is replacing its program, if its entry was seen.
#[inline(always)]
pub(crate) unsafe fn exec_start(tid: u32) -> Option<*const ExecStart> {
    let start = EXECS.get_ptr(tid & (EXEC_STARTS - 1))?;
    ((*start).tid == tid).then_some(start)
}

/// Whether a call that returns 0 is the `execve` by which a program became one of the other width: on aarch64 the number
/// is still the old program's, to be taken for another call of the new one's. The new program's registers are empty.
#[inline(always)]
unsafe fn is_exec_of_other_kind(regs: *const u8, nr: i64, compat: bool) -> bool {
    if setting!(aarch64) == 0 {
        return false;
    }
    let (is_exec, at) = if compat {
        (nr == AARCH64_EXECVE || nr == AARCH64_EXECVEAT, ARM_NR_REGISTER)
    } else {
        (nr == ARM_EXECVE || nr == ARM_EXECVEAT, AARCH64_NR_REGISTER)
    };
    is_exec && regs.add(at).cast::<u64>().read_volatile() == 0
}

/// How long the current thread's call `nr` took until `now_ns`, if that is known.
#[inline(always)]
pub(crate) unsafe fn latency_ns(tid: u32, nr: i64, now_ns: u64) -> Option<u64> {
    if setting!(latency) == 0 {
        return None;
    }
    let start = STARTS.get_ptr(tid & setting!(start_mask))?;
    if (*start).tid != tid || (*start).nr & !START_BITS != nr as u32 & !START_BITS {
        return None;
    }
    Some(now_ns.wrapping_sub((*start).time_ns))
}

/// Writes the record of a call that returned.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { exit(&ctx) };
    0
}

/// Ends what was found of the process, if the call may have changed it. The table is asked each time: a truth value kept
/// over the writing of a record would have the verifier walk through all of that twice.
#[inline(always)]
unsafe fn end_verdicts(entry: *const CallEntry, pid_tgid: u64) {
    if (&raw const (*entry).upkeep).read_volatile() & UPKEEP_OWN != 0 {
        ring::end_verdicts((pid_tgid >> 32) as u32);
    }
}

#[inline(always)]
unsafe fn exit(ctx: &BtfTracePointContext) {
    let regs = ctx.arg::<*const u8>(0);
    let mut nr = call_number(regs);
    if nr == -1 {
        // Forgotten while the registers of the interrupted code are restored.
        nr = match (is_compat(current_task(), regs), setting!(aarch64) != 0) {
            (true, _) => COMPAT_RT_SIGRETURN,
            (false, true) => AARCH64_RT_SIGRETURN,
            (false, false) => X86_64_RT_SIGRETURN,
        };
    }
    let Some(native) = native_entry(nr) else { return };
    if (*native).either == 0 {
        // For most calls of a recording that selects few, all there is to do.
        return;
    }
    let task = current_task();
    let pid_tgid = pid_tgid(task);
    let is_kept = (*native).either & EITHER_KEPT != 0
        || ((*native).either & EITHER_NAMED != 0 && argument(regs, 4) != 0);
    if !is_kept && ring::is_turned_away(pid_tgid) {
        return;
    }
    let compat = is_compat(task, regs);
    let Some(mut entry) = entry(native, nr, compat) else { return };
    let mut told = nr;
    if compat && (*entry).shared >= SHARED_BY_SOCKETCALL {
        // Several calls behind one number.
        let sub = narrow_argument(regs, 0) as u32 & 0xffff;
        if let Some(own) = shared_entry((*entry).shared, sub) {
            entry = own;
            told = nr | i64::from(sub) << SHARED_SHIFT;
        }
    }
    let result = if compat { narrow_result(ctx.arg::<i64>(1)) } else { ctx.arg::<i64>(1) };
    if result == 0 && is_exec_of_other_kind(regs, nr, compat) {
        return;
    }
    // Without its upper half a number like 0x10003 would pass for that of close.
    if nr as u64 >= NR_BEYOND as u64 && (result == -ENOSYS || setting!(aarch64) != 0) {
        let private = nr - ARM_PRIVATE;
        let is_private = setting!(aarch64) != 0 && compat && (private as u64) < ARM_PRIVATE_MAX as u64;
        told = if is_private { ARM_PRIVATE_TOLD + private } else { NR_BEYOND };
    }
    // What follows asks the table, rather than to keep the answers: for every answer that is kept the verifier walks
    // through all the rest once more. For the same reason this is arithmetic and no comparison.
    let outcome = opaque(u64::from(SELECTED_SUCCEEDED) + (result as u64 >> 63)) as u8;
    let is_watched = || result > 0 && (*entry).upkeep & UPKEEP_ON_SOCKET != 0;
    let may_name = || (*entry).upkeep & UPKEEP_PEER != 0 && outcome & SELECTED_SUCCEEDED != 0;
    if ((*entry).upkeep | (*entry).selected) & outcome == 0 && !is_watched() && !may_name() {
        return;
    }
    if !ring::is_selected(pid_tgid) {
        return;
    }
    if outside::are_marked() && !compat && is_outside(pid_tgid as u32, nr) {
        let is_kept = (*entry).upkeep & outcome != 0;
        if (*entry).judged & JUDGED_WHOLLY != 0 || (!is_kept && !is_watched()) {
            return;
        }
    }
    // What changes state that is kept is recorded, whoever wants to see it.
    if (*entry).upkeep & outcome == 0 {
        let is_wanted = !ring::is_turned_away(pid_tgid)
            && (((*entry).selected & outcome != 0 && !is_too_quick(entry, pid_tgid as u32, nr))
                || (is_watched()
                    && is_socket(file_of(task, early_argument(regs, entry, (*entry).fd, compat)))));
        if !is_wanted {
            let is_news = may_name() && peers::are_news(entry, task, regs, (pid_tgid >> 32) as u32);
            if !is_news {
                return;
            }
        }
    }
    if result == 0
        && ((*entry).flags & CALL_SILENT_ZERO != 0
            || ((*entry).shared == SHARED_CHILD && is_narrow_child(pid_tgid as u32)))
    {
        return;
    }
    // Before the record, so that nothing that comes after it is turned away; and after it, so that whoever sees the
    // new generation will have seen the record when all older ones were handed out.
    end_verdicts(entry, pid_tgid);
    write_call(entry, task, regs, &Call { nr, told, compat }, result, pid_tgid);
    end_verdicts(entry, pid_tgid);
}

/// Which call it is.
struct Call {
    nr: i64,
    /// Its number as the record says it.
    told: i64,
    compat: bool,
}

/// Whether the call took less time than calls that are wanted.
#[inline(always)]
unsafe fn is_too_quick(entry: *const CallEntry, tid: u32, nr: i64) -> bool {
    let least = (*entry).latency_min_ns;
    least != 0 && latency_ns(tid, nr, bpf_ktime_get_boot_ns()).is_some_and(|latency| latency < least)
}

/// Writes the record of a call.
#[inline(always)]
unsafe fn write_call(
    entry: *const CallEntry,
    task: *const u8,
    regs: *const u8,
    call: &Call,
    result: i64,
    pid_tgid: u64,
) {
    let Call { nr, told, compat } = *call;
    let Some(slot) =
        ring::begin(Weight::of_call(entry, call_argument(regs, 4, compat) != 0, pid_tgid as u32))
    else {
        return;
    };
    let mut flags = opaque(u64::from(compat)) as u8 * FLAG_COMPAT;
    let mut latency = 0;
    if let Some(known) = latency_ns(pid_tgid as u32, nr, slot.time_ns) {
        latency = known;
        flags |= FLAG_LATENCY;
    }
    let nargs = (*entry).nargs;
    slot.header(RecordType::Syscall, flags, nargs, told, pid_tgid);
    slot.outcome(result, latency);
    // All six, whatever the call takes: what is too much is overwritten by what follows.
    if !slot.is_compat() {
        slot.arg(0, argument(regs, 0));
        slot.arg(1, argument(regs, 1));
        slot.arg(2, argument(regs, 2));
        slot.arg(3, argument(regs, 3));
        slot.arg(4, argument(regs, 4));
        slot.arg(5, argument(regs, 5));
    } else {
        write_narrow_arguments(&slot, regs, entry);
    }
    let mut position = Slot::behind_args(nargs);
    if (*entry).fetches != 0 {
        position = fetch::blocks(&slot, entry, position);
    }
    if (*entry).vector.how != 0 {
        position = fetch::vector(&slot, &raw const (*entry).vector, position);
    }
    if (*entry).flags & (CALL_SOCKET | CALL_FILE) != 0 {
        position = describe(&slot, task, entry, slot.forget(position));
    }
    slot.publish(position);
}

/// Whether others run in the memory of the task, and can change what a call was given while it reads it.
#[inline(always)]
pub(crate) unsafe fn is_memory_shared(task: *const u8) -> bool {
    load::<u32>(follow(task, offset!(task_mm)), offset!(mm_users)) > 1
}

/// Whether they did when the call began: who changed what it was given may be gone by its end.
#[inline(always)]
pub(crate) unsafe fn was_memory_shared(tid: u32) -> bool {
    let Some(start) = STARTS.get_ptr(tid & setting!(start_mask)) else { return false };
    (*start).tid == tid && (*start).nr & START_SHARED != 0
}

/// An argument before there is a record: index is data.
#[inline(always)]
pub(crate) unsafe fn early_argument(
    regs: *const u8,
    entry: *const CallEntry,
    index: u8,
    compat: bool,
) -> u64 {
    match (compat, (*entry).shared) {
        (true, SHARED_SOCKETCALL) => {
            u64::from(read_user_or_zero::<u32>(narrow_argument(regs, 1) + (u64::from(index) & 7) * 4))
        }
        (true, _) => narrow_pick(regs, index.into()),
        (false, _) => match index {
            0 => argument(regs, 0),
            1 => argument(regs, 1),
            2 => argument(regs, 2),
            3 => argument(regs, 3),
            4 => argument(regs, 4),
            _ => argument(regs, 5),
        },
    }
}

/// A result as a 32-bit program gets it.
#[inline(always)]
fn narrow_result(result: i64) -> i64 {
    let low = u64::from(result as u32);
    // 1 where it is an error. Arithmetic, as in [`exit`].
    let is_error = opaque((u64::from(u32::MAX) - ERRNO_MAX as u64).wrapping_sub(low) >> 63);
    (low | is_error.wrapping_neg() << 32) as i64
}

/// Marks a child that is made through the 32-bit entry: the kernel does not keep for it that it came through there, so
/// that its return from `fork` looks like another call with that number.
#[inline(always)]
pub(crate) unsafe fn mark_narrow_child(tid: u32) {
    let Some(start) = STARTS.get_ptr_mut(tid & setting!(start_mask)) else { return };
    (*start).tid = tid;
    (*start).nr = NR_OF_CHILD;
}

/// Whether this is the first return of such a child.
#[inline(always)]
unsafe fn is_narrow_child(tid: u32) -> bool {
    let Some(start) = STARTS.get_ptr_mut(tid & setting!(start_mask)) else { return false };
    let is_child = (*start).tid == tid && (*start).nr == NR_OF_CHILD;
    if is_child {
        (*start).nr = u32::MAX;
    }
    is_child
}

/// The entry of a call that shares its number with others.
#[inline(always)]
unsafe fn shared_entry(shared: u8, sub: u32) -> Option<*const CallEntry> {
    if sub >= SHARED_MAX as u32 {
        return None;
    }
    let table = if shared == SHARED_BY_IPC { 2 * CALLS_MAX + SHARED_MAX } else { 2 * CALLS_MAX };
    let own = CALLS.get_ptr(table as u32 + sub)?;
    ((*own).nargs != SHARED_ABSENT).then_some(own)
}

/// Writes the arguments of a call that came through the 32-bit entry, from where they are.
#[inline(always)]
unsafe fn write_narrow_arguments(slot: &Slot, regs: *const u8, entry: *const CallEntry) {
    let shared = (*entry).shared;
    let order = (*entry).order;
    let at = narrow_argument(regs, if shared == SHARED_MEMORY { 0 } else { 1 });
    for i in 0..6 {
        let value = match shared {
            SHARED_MEMORY | SHARED_SOCKETCALL => u64::from(read_user_or_zero::<u32>(at + i * 4)),
            SHARED_IPC => narrow_pick(regs, order >> (i * 3) & 7),
            _ => narrow_pick(regs, i as u32),
        };
        slot.arg(i, value);
    }
}

/// As [`narrow_argument`], where the index is data; 0 beyond the last.
#[inline(always)]
unsafe fn narrow_pick(regs: *const u8, index: u32) -> u64 {
    match index {
        0 => narrow_argument(regs, 0),
        1 => narrow_argument(regs, 1),
        2 => narrow_argument(regs, 2),
        3 => narrow_argument(regs, 3),
        4 => narrow_argument(regs, 4),
        5 => narrow_argument(regs, 5),
        _ => 0,
    }
}

/// Adds what the kernel itself knows of the descriptor: for a socket its addresses, for a file its identity.
#[inline(always)]
unsafe fn describe(slot: &Slot, task: *const u8, entry: *const CallEntry, mut position: u64) -> u64 {
    let result = slot.result();
    let flags = (*entry).flags;
    if flags & CALL_FILE != 0 && result >= 0 {
        let fd = match (*entry).fd {
            FD_PAIR => u64::from(read_user_or_zero::<u32>(slot.argument(0))),
            _ => result as u64,
        };
        let file = file_of(task, fd);
        position = file_facts(slot, position, SECTION_FILE, file);
        if flags & (CALL_NAMELESS | CALL_NAMED) != 0 {
            position = names::opened(entry, slot.forget(position), file);
        }
    }
    let is_named = flags & CALL_SOCKET_NAMED == 0 || slot.argument(4) != 0;
    if flags & CALL_SOCKET != 0 && is_named && (result >= 0 || result == -EINPROGRESS) {
        let fd = if (*entry).fd == FD_RESULT { result as u64 } else { fetch::pick(slot, (*entry).fd) };
        position = socket_facts(slot, position, SECTION_SOCKET, file_of(task, fd));
    }
    position
}

/// Writes the record of a call that does not return, from the task's last tracepoint.
#[inline(always)]
pub(crate) unsafe fn write_final_call(regs: *const u8, nr: i64, pid_tgid: u64) {
    let compat = is_compat(current_task(), regs);
    let Some(native) = native_entry(nr) else { return };
    if entry(native, nr, compat).is_none_or(|entry| (*entry).selected == 0) {
        return;
    }
    let Some(slot) = ring::begin(Weight::of(EventClass::Process)) else { return };
    let flags = if compat { FLAG_COMPAT | FLAG_NO_RESULT } else { FLAG_NO_RESULT };
    slot.header(RecordType::Syscall, flags, 1, nr, pid_tgid);
    slot.outcome(0, 0);
    slot.arg(0, call_argument(regs, 0, compat));
    slot.publish(Slot::behind_args(1));
}
