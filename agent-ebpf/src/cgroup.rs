//! Moves of tasks between cgroups, which is how a process enters its container.

use aya_ebpf::{
    helpers::generated::{bpf_get_current_pid_tgid, bpf_probe_read_kernel_str},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use core::ffi::c_void;
use wire::record::SECTION_PATH;
use wire::ring::EventClass;
use wire::{RecordType, SectionState};

use crate::memory::{clamp, read};
use crate::ring::{self, Slot, Weight};
use crate::settings::{offset, setting};

const PATH_BYTES_MAX: u64 = 4096;

/// A task was moved. Raw arguments: (target cgroup, its path, leader of the moved threads, whole process).
#[btf_tracepoint(function = "cgroup_attach_task")]
pub fn cgroup_attach_task(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { attach(&ctx) };
    0
}

#[inline(always)]
unsafe fn attach(ctx: &BtfTracePointContext) {
    let pid_tgid = bpf_get_current_pid_tgid();
    let task = ctx.arg::<u64>(2);
    let moved: u32 = read(task, offset!(task_tgid));
    // Who moves may be anybody, a container runtime most often; what counts is who is moved.
    if moved == setting!(self_tgid) || (setting!(follow) != 0 && !ring::is_followed(moved)) {
        return;
    }
    ring::end_verdicts(moved);
    write_move(ctx, pid_tgid, moved);
    ring::end_verdicts(moved);
}

#[inline(always)]
unsafe fn write_move(ctx: &BtfTracePointContext, pid_tgid: u64, moved: u32) {
    let Some(slot) = ring::begin(Weight::of_change(EventClass::Process, moved)) else { return };
    slot.header(RecordType::CgroupMove, 0, 1, 0, pid_tgid);
    slot.outcome(0, 0);
    slot.arg(0, u64::from(moved));
    let position = Slot::behind_args(1);
    let copied = bpf_probe_read_kernel_str(
        slot.body(position).cast::<c_void>(),
        PATH_BYTES_MAX as u32,
        ctx.arg::<u64>(1) as *const c_void,
    );
    let (state, bytes) =
        if copied <= 0 { (SectionState::Unreadable, 0) } else { (SectionState::Data, copied as u64 - 1) };
    slot.publish(slot.section(position, SECTION_PATH, state, clamp::<PATH_BYTES_MAX>(bytes)));
}
