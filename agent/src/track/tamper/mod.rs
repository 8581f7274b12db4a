//! Tampering: calls of others that reach for the recording itself, told behind the event of the call.
//!
//! What is ours stands in [`crate::own::Own`]. A call is compared with it by what the kernel took, as far as that is known: ids of
//! objects, the inode of what was opened, and for calls that name a file the path. Whoever has got hold of something of
//! ours is followed by the descriptor, however it was passed on. Start at [`Tracker::on_tamper`].

mod files;
mod guarded;
mod objects;
mod process;
mod watch;

use capture_format::model::{Arg, Event, Ref};
use capture_format::schema::KernelEvent;
use wire::Record;
use wire::record::FLAG_NO_RESULT;

use super::calls::{ARGS_MAX, Call};
use super::tasks::Task;
use super::{Sink, Tracker};

use files::of_file;
pub(super) use guarded::Guarded;
pub(super) use watch::Watch;
pub use watch::guard;

/// An attempt on the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When, by the boot clock.
    pub time_ns: u64,
    /// What was done: one of the words that `docs/events.md` lists.
    pub how: &'static str,
    /// To what.
    pub object: Vec<u8>,
    /// Its id, process id or inode number.
    pub id: u64,
    /// The signal that was sent; 0 for none.
    pub signal: u32,
    /// The call that did it; empty where only the outcome was found.
    pub call: String,
    /// 0, or a negative error: it was an attempt only.
    pub result: i64,
    /// Who did it: name and process id; 0 for nobody known.
    pub comm: Vec<u8>,
    /// Process id.
    pub pid: u32,
}

/// What one process did to one thing.
struct Found {
    how: &'static str,
    object: Vec<u8>,
    id: u64,
    signal: u32,
    descriptor: Ref,
}

/// `PTRACE_*` of include/uapi/linux/ptrace.h and of the machines.
const ATTACHING: [i32; 2] = [16, 0x4206];
/// POKETEXT, POKEDATA, POKEUSR, SETREGS, SETFPREGS, SETFPXREGS, SETSIGINFO, SETREGSET.
const POKING: [i32; 8] = [4, 5, 6, 13, 15, 19, 0x4203, 0x4205];
const KILLING: i32 = 8;

impl Tracker {
    /// Tells of a call that reached for the recording, if it did.
    #[expect(clippy::too_many_arguments, reason = "the parts of an event, each from another place")]
    pub(super) fn on_tamper(
        &mut self,
        watch: Watch,
        call: &Call<'_, '_>,
        task: &Task,
        name: Ref,
        thread: Ref,
        descriptor: Ref,
        cpu: u16,
        sink: &mut impl Sink,
    ) {
        if !self.guarded.is_on() || self.tasks.group(task.process).pid == self.guarded.own.pid {
            return;
        }
        for found in self.found(watch, call, task, descriptor) {
            self.tell_tamper(found, call.record(), name, thread, cpu, sink);
        }
    }

    fn found(&mut self, watch: Watch, call: &Call<'_, '_>, task: &Task, descriptor: Ref) -> Vec<Found> {
        let mut found = Vec::new();
        match watch {
            Watch::Bpf => found.extend(self.bpf_on_ours(call, task, descriptor)),
            Watch::Signal { to, signal } => {
                let signal = call.int(signal) as u32;
                if signal != 0 && self.signal_reaches_us(call, task, call.int(to)) {
                    found.push(self.of_agent("signalled", signal));
                }
            }
            Watch::PidfdSignal => {
                let signal = call.int(1) as u32;
                if signal != 0 && self.is_our_pidfd(task, descriptor) {
                    found.push(self.of_agent("signalled", signal));
                }
            }
            Watch::Trace => {
                let how = match call.int(0) {
                    request if ATTACHING.contains(&request) => Some(("traced", 0)),
                    request if POKING.contains(&request) => Some(("memory_written", 0)),
                    KILLING => Some(("signalled", libc::SIGKILL as u32)),
                    _ => None,
                };
                if let Some((how, signal)) = how
                    && self.means_us(task, call.int(1))
                {
                    found.push(self.of_agent(how, signal));
                }
            }
            Watch::Memory if self.means_us(task, call.int(0)) => {
                found.push(self.of_agent("memory_written", 0));
            }
            Watch::Limit { new }
                if new.is_none_or(|at| call.raw(at) != 0) && self.means_us(task, call.int(0)) =>
            {
                found.push(self.of_agent("limits_changed", 0));
            }
            Watch::Priority { process } => {
                let is_ours = match call.int(0).wrapping_sub(process) {
                    0 => self.means_us(task, call.int(1)),
                    1 => self.means_our_group(task, call.int(1)),
                    2 => self.guarded.credentials.uid == self.user_meant(task, call.int(1)),
                    _ => false,
                };
                if is_ours {
                    found.push(self.of_agent("limits_changed", 0));
                }
            }
            Watch::TakeDescriptor => found.extend(self.descriptor_taken(call, task)),
            Watch::Open { path, flags } => {
                found.extend(self.opened_ours(call, task, descriptor, path, flags));
            }
            Watch::Write { fd, how } => found.extend(self.written_ours(call, task, fd, how, descriptor)),
            Watch::Map => found.extend(self.mapped_ours(call, descriptor)),
            Watch::Truncate => {
                found.extend(
                    self.named(call, task, None, 0).map(|(file, _)| of_file("file_truncated", &file)),
                );
            }
            Watch::Remove { at } => {
                let (dirfd, path) = if at { (Some(0), 1) } else { (None, 0) };
                if let Some((file, _)) = self.named(call, task, dirfd, path) {
                    found.push(of_file("file_removed", &file));
                }
            }
            Watch::Rename { at } => self.renamed_ours(call, task, at, &mut found),
            Watch::Memory | Watch::Limit { .. } => {}
        }
        found
    }

    fn of_agent(&self, how: &'static str, signal: u32) -> Found {
        Found { how, object: b"agent".to_vec(), id: u64::from(self.guarded.own.pid), signal, descriptor: 0 }
    }

    /// Whoever acts on the recording without a call that was seen: what the agent found by looking.
    pub fn found_tampering(&mut self, how: &'static str, object: &[u8], id: u64, sink: &mut impl Sink) {
        let plan = self.calls.kernel_plan(KernelEvent::Tamper, &mut self.store);
        let deed = Deed {
            time_ns: self.now_ns,
            how,
            object: object.to_vec(),
            id,
            signal: 0,
            call: String::new(),
            result: 0,
            comm: Vec::new(),
            pid: 0,
        };
        sink.tampered(&deed, plan.selected);
        if plan.selected {
            let args = arguments(&deed);
            let event = Event {
                time_ns: self.now_ns,
                cpu: 0,
                kind: plan.kind,
                thread: 0,
                descriptor: 0,
                result: None,
                latency_ns: None,
                args: &args[..usize::from(plan.args)],
            };
            sink.derived(0);
            sink.event(&event, &self.store);
        }
    }

    fn tell_tamper(
        &mut self,
        found: Found,
        record: &Record<'_>,
        name: Ref,
        thread: Ref,
        cpu: u16,
        sink: &mut impl Sink,
    ) {
        let plan = self.calls.kernel_plan(KernelEvent::Tamper, &mut self.store);
        let process = self.store.thread(thread);
        let deed = Deed {
            time_ns: record.header.time_ns,
            how: found.how,
            object: found.object,
            id: found.id,
            signal: found.signal,
            call: self.store.kind(name).map(|kind| kind.name.clone()).unwrap_or_default(),
            result: if record.header.flags & FLAG_NO_RESULT != 0 { 0 } else { record.header.result.min(0) },
            comm: process.map(|thread| thread.comm.clone()).unwrap_or_default(),
            pid: record.header.tgid,
        };
        sink.tampered(&deed, plan.selected);
        if plan.selected {
            sink.derived(cpu);
            let args = arguments(&deed);
            self.emit(thread, record, cpu, &plan, found.descriptor, Some(deed.result), &args, sink);
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn arguments(deed: &Deed) -> [Arg<'_>; ARGS_MAX] {
    let mut args = [Arg::Null; ARGS_MAX];
    args[0] = Arg::Bytes(deed.how.as_bytes());
    args[1] = Arg::Bytes(&deed.object);
    args[2] = Arg::Int(deed.id);
    args[3] = Arg::Int(u64::from(deed.signal));
    args[4] = Arg::Bytes(deed.call.as_bytes());
    args
}
