//! Signals, when they are delivered; and who sent those that end a process.

use aya_ebpf::{
    helpers::generated::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid},
    macros::{btf_tracepoint, map},
    maps::Array,
    programs::BtfTracePointContext,
};
use wire::facts::{SIGNAL_BYTES, SignalFacts};
use wire::record::SECTION_SIGNAL;
use wire::ring::EventClass;
use wire::sending::{SENDINGS_MAX, Sending};
use wire::{RecordType, SectionState};

use crate::memory::{read, store};
use crate::ring::{self, MMAPABLE, Slot, Weight};
use crate::settings::offset;
use crate::syscalls::current_task;

const SIGKILL: u32 = 9;
const SIGCHLD: u32 = 17;
const COMM_BYTES: u32 = 16;

/// What stands in the place of a pointer to a siginfo.
const SEND_SIG_NOINFO: u64 = 0;
const SEND_SIG_PRIV: u64 = 1;
const TRACE_SIGNAL_DELIVERED: u32 = 0;

#[map]
static SENDINGS: Array<Sending> = Array::with_max_entries(SENDINGS_MAX, MMAPABLE);

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

/// A signal was sent: (signal, siginfo, receiver, whole process, outcome).
#[btf_tracepoint(function = "signal_generate")]
pub fn signal_generate(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { generate(&ctx) };
    0
}

/// Keeps who sent it: when a signal ends a process, the kernel forgets.
#[inline(always)]
unsafe fn generate(ctx: &BtfTracePointContext) {
    let signal = ctx.arg::<u32>(0);
    if signal == SIGCHLD || ctx.arg::<u32>(4) != TRACE_SIGNAL_DELIVERED {
        return;
    }
    let receiver: u32 = read(ctx.arg::<u64>(2), offset!(task_tgid));
    let Some(sending) = SENDINGS.get_ptr_mut(receiver & (SENDINGS_MAX - 1)) else { return };
    // Small numbers stand for who sent it, instead of a pointer. Through memory, so that it is a number to the verifier.
    (&raw mut (*sending).info).write_volatile(ctx.arg::<u64>(1));
    let info = (&raw const (*sending).info).read_volatile();
    let is_from_process = match info {
        SEND_SIG_NOINFO => true,
        SEND_SIG_PRIV => false,
        _ => {
            let code: i32 = read(info, 8);
            code <= 0 && !matches!(code, SI_TIMER | SI_ASYNCIO | SI_SIGIO)
        }
    };
    (*sending).receiver = receiver;
    (*sending).signal = signal;
    (*sending).pid = if is_from_process { (bpf_get_current_pid_tgid() >> 32) as u32 } else { 0 };
    (*sending).uid = if is_from_process { bpf_get_current_uid_gid() as u32 } else { 0 };
    bpf_get_current_comm((&raw mut (*sending).comm).cast(), COMM_BYTES);
}

/// Who sent the signal that ends this process: pid and uid.
#[inline(always)]
unsafe fn sender(receiver: u32, signal: u32) -> (u32, u32) {
    match SENDINGS.get_ptr(receiver & (SENDINGS_MAX - 1)) {
        Some(sending) if (*sending).receiver == receiver && (*sending).signal == signal => {
            ((*sending).pid, (*sending).uid)
        }
        _ => (0, u32::MAX),
    }
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
    let mut is_sent = false;
    if is_fatal {
        let group: u64 = read(current_task() as u64, offset!(task_signal));
        let begun_by = read::<u32>(group, offset!(signal_exit_code)) & 0x7f;
        is_sent = begun_by != 0;
        signal = if is_sent { begun_by } else { signal };
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
    let (killer_pid, killer_uid) = if is_sent { sender((pid_tgid >> 32) as u32, signal) } else { (0, 0) };
    let position = Slot::behind_args(0);
    store!(slot.body(position).cast::<SignalFacts>(),
        signal: signal,
        code: code,
        sender_pid: if from_process { read(info, 16) } else { killer_pid },
        sender_uid: if from_process { read(info, 20) } else { killer_uid },
    );
    slot.publish(slot.section(position, SECTION_SIGNAL, SectionState::Data, SIGNAL_BYTES as u64));
}
