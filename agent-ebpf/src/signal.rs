//! Signals, when they are delivered.

use aya_ebpf::{
    helpers::generated::bpf_get_current_pid_tgid, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use wire::facts::{SIGNAL_BYTES, SignalFacts};
use wire::record::SECTION_SIGNAL;
use wire::ring::EventClass;
use wire::{RecordType, SectionState};

use crate::memory::{read, store};
use crate::ring::{self, Slot, Weight};
use crate::settings::offset;
use crate::syscalls::current_task;

const SIGKILL: u32 = 9;
const SIGCHLD: u32 = 17;

const SI_TIMER: i32 = -2;
const SI_ASYNCIO: i32 = -4;
const SI_SIGIO: i32 = -5;

/// A signal reaches the current task. Raw arguments: (signal, siginfo, sigaction).
#[btf_tracepoint(function = "signal_deliver")]
pub fn signal_deliver(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { deliver(&ctx) };
    0
}

#[inline(always)]
unsafe fn deliver(ctx: &BtfTracePointContext) {
    let pid_tgid = bpf_get_current_pid_tgid();
    if !ring::is_selected(pid_tgid) || ring::is_turned_away(pid_tgid) {
        return;
    }
    let Some(slot) = ring::begin(Weight::of(EventClass::Process)) else { return };
    slot.header(RecordType::Signal, 0, 0, 0, pid_tgid);
    slot.outcome(0, 0);
    let info = ctx.arg::<u64>(1);
    let mut signal = ctx.arg::<u64>(0) as u32;
    // To end a process, by whatever signal, the kernel kills each of its threads, and keeps of who sent it nothing. What it
    // was begun by stands in the exit code; an exit that ends the other threads has none there.
    let is_fatal = signal == SIGKILL;
    if is_fatal {
        let group: u64 = read(current_task() as u64, offset!(task_signal));
        let begun_by = read::<u32>(group, offset!(signal_exit_code)) & 0x7f;
        signal = if begun_by == 0 { signal } else { begun_by };
    }
    let code: i32 = if is_fatal { 0 } else { read(info, 8) };
    // `siginfo_t` is the same on all 64-bit machines. From user space (code <= 0), and for SIGCHLD, the sender
    // stands first; otherwise other facts do: of a timer its number, of finished input or output its band or address.
    let from_process = if is_fatal {
        false
    } else if code <= 0 {
        !matches!(code, SI_TIMER | SI_ASYNCIO | SI_SIGIO)
    } else {
        signal == SIGCHLD
    };
    let position = Slot::behind_args(0);
    store!(slot.body(position).cast::<SignalFacts>(),
        signal: signal,
        code: code,
        sender_pid: if from_process { read(info, 16) } else { 0 },
        sender_uid: if from_process { read(info, 20) } else if is_fatal { u32::MAX } else { 0 },
    );
    slot.publish(slot.section(position, SECTION_SIGNAL, SectionState::Data, SIGNAL_BYTES as u64));
}
