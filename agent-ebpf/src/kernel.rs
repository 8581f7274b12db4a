//! What the kernel does besides calls, processes and the network: it ends a process for lack of memory, loads and
//! unloads modules, makes, removes and renames control groups; and, only when asked for, page faults and switches
//! between threads. Each is told by the task it happens to or that brought it about.

use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_current_pid_tgid, bpf_probe_read_kernel_str},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use core::ffi::c_void;
use wire::record::{KernelNote, SECTION_PATH};
use wire::ring::EventClass;
use wire::{RecordType, SectionState};

use crate::memory::{clamp, read};
use crate::ring::{self, Slot, Weight};
use crate::settings::{offset, setting};

const PATH_BYTES_MAX: u64 = 4096;
/// `PF_EXITING`: the end of the task has been told.
const PF_EXITING: u32 = 4;
/// Where `pt_regs` of x86-64 has the instruction pointer. The tracepoint is of that machine only.
const X86_64_IP: u64 = 128;

/// A process is ended for lack of memory: (task) from Linux 6.8 on, (thread id) before.
#[btf_tracepoint(function = "mark_victim")]
pub fn mark_victim(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        // Read as memory: what the verifier knows to be a pointer could not be taken for a number where it is one.
        let victim: u64 = read(ctx.as_ptr() as u64, 0);
        let is_task = victim > u64::from(u32::MAX);
        let tid = if is_task { read::<u32>(victim, offset!(task_pid)) } else { victim as u32 };
        let tgid = if is_task { read::<u32>(victim, offset!(task_tgid)) } else { 0 };
        if setting!(follow) != 0 && !ring::is_followed(tid) {
            return 0;
        }
        let Some(slot) = ring::begin(Weight::of(EventClass::Process)) else { return 0 };
        finish(&slot, KernelNote::OomKill, [u64::from(tid), u64::from(tgid), 0], Slot::behind_args(ARGS));
    }
    0
}

/// A module was loaded: (module).
#[btf_tracepoint(function = "module_load")]
pub fn module_load(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        named(KernelNote::ModuleLoad, ctx.arg::<u64>(0) + offset!(module_name), EventClass::Credential)
    };
    0
}

/// A module goes: (module).
#[btf_tracepoint(function = "module_free")]
pub fn module_free(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        named(KernelNote::ModuleUnload, ctx.arg::<u64>(0) + offset!(module_name), EventClass::Credential)
    };
    0
}

/// A control group was made: (group, path in its hierarchy).
#[btf_tracepoint(function = "cgroup_mkdir")]
pub fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { named(KernelNote::CgroupMake, ctx.arg::<u64>(1), EventClass::Process) };
    0
}

/// A control group was removed: (group, path in its hierarchy).
#[btf_tracepoint(function = "cgroup_rmdir")]
pub fn cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { named(KernelNote::CgroupRemove, ctx.arg::<u64>(1), EventClass::Process) };
    0
}

/// A control group was renamed: (group, new path in its hierarchy). Only v1 can.
#[btf_tracepoint(function = "cgroup_rename")]
pub fn cgroup_rename(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { named(KernelNote::CgroupRename, ctx.arg::<u64>(1), EventClass::Process) };
    0
}

/// A program touched memory that was not there for it: (address, registers, code).
#[btf_tracepoint(function = "page_fault_user")]
pub fn page_fault_user(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        if !ring::is_selected(bpf_get_current_pid_tgid()) {
            return 0;
        }
        let Some(slot) = ring::begin(Weight::of(EventClass::Other)) else { return 0 };
        let instruction: u64 = read(ctx.arg::<u64>(1), X86_64_IP);
        let args = [ctx.arg::<u64>(0), instruction, ctx.arg::<u64>(2)];
        finish(&slot, KernelNote::PageFault, args, Slot::behind_args(ARGS));
    }
    0
}

/// The CPU goes from one thread to another: (preempted, thread, next thread).
#[btf_tracepoint(function = "sched_switch")]
pub fn sched_switch(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        let (task, next) = (ctx.arg::<u64>(1), ctx.arg::<u64>(2));
        let prev_ids = bpf_get_current_pid_tgid();
        let tgid = u64::from(read::<u32>(next, offset!(task_tgid)));
        let next_ids = tgid << 32 | u64::from(read::<u32>(next, offset!(task_pid)));
        // The idle thread is nobody's, and what ends has been told to have ended.
        let leaves = prev_ids != 0
            && ring::is_selected(prev_ids)
            && read::<u32>(task, offset!(task_flags)) & PF_EXITING == 0;
        let comes = next_ids != 0 && ring::is_selected(next_ids);
        if !leaves && !comes {
            return 0;
        }
        let Some(slot) = ring::begin(Weight::of(EventClass::Other)) else { return 0 };
        let is_preempted = ctx.arg::<u64>(0) & 1 != 0;
        let state = if is_preempted { 0 } else { read::<u32>(task, offset!(task_state)) };
        let who = if leaves { prev_ids } else { 0 };
        slot.header(RecordType::Kernel, 0, SWITCH_ARGS, KernelNote::Switch as i64, who);
        slot.outcome(0, 0);
        slot.arg(0, u64::from(state));
        slot.arg(1, u64::from(is_preempted));
        slot.arg(2, prev_ids & 0xffff_ffff);
        slot.arg(3, next_ids);
        slot.arg(4, switches(task));
        slot.arg(5, switches(next));
        slot.publish(Slot::behind_args(SWITCH_ARGS));
    }
    0
}

/// How often a task has left a CPU.
#[inline(always)]
unsafe fn switches(task: u64) -> u64 {
    let (voluntary, forced) =
        (read::<u64>(task, offset!(task_nvcsw)), read::<u64>(task, offset!(task_nivcsw)));
    voluntary.wrapping_add(forced)
}

/// Arguments of the record of a switch.
const SWITCH_ARGS: u8 = 6;
/// Arguments of every other record here.
const ARGS: u8 = 3;

/// Records what has a name, brought about by the current task.
#[inline(always)]
unsafe fn named(note: KernelNote, name: u64, class: EventClass) {
    if !ring::is_selected(bpf_get_current_pid_tgid()) {
        return;
    }
    let Some(slot) = ring::begin(Weight::of(class)) else { return };
    let position = Slot::behind_args(ARGS);
    let copied = bpf_probe_read_kernel_str(
        slot.body(position).cast::<c_void>(),
        PATH_BYTES_MAX as u32,
        name as *const c_void,
    );
    let (state, bytes) =
        if copied <= 0 { (SectionState::Unreadable, 0) } else { (SectionState::Data, copied as u64 - 1) };
    let end = slot.section(position, SECTION_PATH, state, clamp::<PATH_BYTES_MAX>(bytes));
    finish(&slot, note, [0; 3], end);
}

#[inline(always)]
unsafe fn finish(slot: &Slot, note: KernelNote, args: [u64; 3], end: u64) {
    slot.header(RecordType::Kernel, 0, ARGS, note as i64, bpf_get_current_pid_tgid());
    slot.outcome(0, 0);
    slot.arg(0, args[0]);
    slot.arg(1, args[1]);
    slot.arg(2, args[2]);
    slot.publish(end);
}
