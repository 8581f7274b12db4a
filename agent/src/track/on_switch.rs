//! Threads that leave a CPU, and how long they were away when they are back on one.

use capture_format::model::{Arg, Event};
use capture_format::schema::KernelEvent;
use wire::Record;

use super::calls::ARGS_MAX;
use super::fx::FxMap;
use super::{Sink, Tracker};

/// How a thread left the CPU.
#[derive(Clone, Copy, Debug)]
struct Left {
    time_ns: u64,
    state: u64,
    is_preempted: u64,
    /// How often it had left one by then.
    count: u64,
}

/// Threads that are on no CPU, by id. One that ends does so on a CPU, so none of them is dead, unless records were lost.
#[derive(Clone, Debug, Default)]
pub(super) struct OffCpu(FxMap<u32, Left>);

impl Tracker {
    pub(super) fn on_switch(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let header = &record.header;
        let raw = |at: usize| record.arg(at).unwrap_or(0);
        let (state, is_preempted, prev) = (raw(0), raw(1), raw(2));
        let (next, next_pid) = (raw(3) as u32, (raw(3) >> 32) as u32);
        let leaves = header.tid != 0;
        let switch = self.calls.kernel_plan(KernelEvent::SchedSwitch, &mut self.store);
        if leaves {
            let mut args = [Arg::Null; ARGS_MAX];
            args[..3].copy_from_slice(&[state, is_preempted, next.into()].map(Arg::Int));
            // A thread that is not known is about to begin or to end: it is not looked for.
            let thread = self.thread_version(header.tid);
            self.emit(thread, record, cpu, &switch, 0, None, &args, sink);
        } else {
            sink.left_out(cpu);
        }
        let away = self.calls.kernel_plan(KernelEvent::OffCpu, &mut self.store);
        if !away.selected {
            return;
        }
        let left = self.off_cpu.0.remove(&next);
        if leaves {
            let left = Left { time_ns: header.time_ns, state, is_preempted, count: raw(4) };
            self.off_cpu.0.insert(header.tid, left);
        }
        // With another count it has been on a CPU meanwhile, which was lost.
        let Some(left) = left.filter(|left| left.count == raw(5)) else { return };
        self.task(next, next_pid);
        let thread = self.thread_version(next);
        let event = Event {
            time_ns: header.time_ns,
            cpu,
            kind: away.kind,
            thread,
            descriptor: 0,
            result: None,
            latency_ns: Some(header.time_ns.saturating_sub(left.time_ns)),
            args: &[left.state, left.is_preempted, prev].map(Arg::Int),
        };
        sink.derived(cpu);
        sink.event(&event, &self.store);
    }
}
