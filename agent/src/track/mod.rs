//! Tracking: turns the kernel's records, already ordered by time, into events that refer to entities.
//!
//! The tracker keeps what a reader would otherwise have to replay a capture for: which threads and processes
//! exist, what their descriptors refer to, where they work, which container they belong to. It makes exactly one
//! event of each record, whatever the record holds, or of the two of an `io_uring` operation, and hands it to a [`Sink`]
//! while the entities it refers to stand in the [`Store`]. What can be read out of a call besides (`dns`, `exec_map`) is a
//! further event behind it. It does not read rings and does not write files. Start at [`Tracker`].

mod after_loss;
mod calls;
pub mod container;
mod credentials;
mod derived;
mod discover;
mod dns;
mod effect;
mod files;
mod folders;
mod fx;
mod in_flight;
mod lifecycle;
mod on_files;
mod on_kernel;
mod on_map;
mod on_packet;
mod on_process;
mod on_sockets;
mod on_switch;
mod on_tcp;
mod on_uring;
mod packet;
mod parts;
mod path;
mod procfs;
mod shared;
mod sockets;
mod store;
mod tamper;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use capture_format::model::{Arg, Descriptor, Event, FdSource, Process, Ref, Thread};
use capture_format::schema::Abi;
use wire::record::FLAG_NO_RESULT;
use wire::{Record, RecordType};

pub use derived::{DERIVED, Derived, Source};
pub use effect::{
    Changes, Upkeep, changes, changes_own_process, is_about_argument, is_without_descriptor,
    names_no_descriptor, opens_by_path, upkeep,
};
pub use store::{Lookup, Store};
pub use tamper::{Deed, guard};

use crate::operations::Operations;
use crate::own::Own;
use crate::selection::Selection;

use calls::{Call, Calls, Plan};
use effect::Effect;
use files::OpenFile;
use procfs::ProcRoot;
use store::Live;
use tasks::{Slot, Task, Tasks};

/// What the tracker needs to know from the start.
#[derive(Clone, Debug)]
pub struct TrackerOptions {
    /// Where the host's `/proc` is mounted.
    pub proc_root: PathBuf,
    /// Bytes kept of a buffer.
    pub snap_bytes: u32,
    /// The machine: which table the numbers of native calls count in.
    pub abi: Abi,
    /// Do not read `/proc` for all processes at start: only what is followed is recorded.
    pub skip_start_scan: bool,
    /// Which events are handed on. The others only keep the state right.
    pub selection: Selection,
    /// Why the running kernel drops packets, by its own numbers.
    pub drop_reasons: BTreeMap<u32, String>,
    /// Where the arguments of `io_uring` operations stand.
    pub operations: Operations,
    /// The recording itself, of which attempts on it are told.
    pub own: Own,
}

/// Something the tracker had to do without; recording goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What could not be had.
    pub subject: String,
    /// Why, and what follows from it.
    pub reason: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.reason)
    }
}

/// Takes the events the tracker makes.
pub trait Sink {
    /// One event. Every number it refers to can be looked up in `store` until this returns.
    fn event(&mut self, event: &Event<'_>, store: &Store);

    /// The next event is one more than records: it is made of what another one's record holds.
    fn derived(&mut self, cpu: u16);

    /// A record of this CPU made no event: it is not selected.
    fn left_out(&mut self, cpu: u16);

    /// Somebody reached for the recording. With `is_told` the next event says so; without, such events are not selected.
    fn tampered(&mut self, deed: &Deed, is_told: bool) {
        let _ = (deed, is_told);
    }
}

/// The state of the recorded machine, brought forward by records.
#[derive(Debug)]
pub struct Tracker {
    options: TrackerOptions,
    store: Store,
    calls: Calls,
    tasks: Tasks,
    proc: ProcRoot,
    discovery: discover::Discovery,
    after_loss: after_loss::AfterLoss,
    rights: on_sockets::RightsInFlight,
    connections: on_tcp::Connections,
    in_flight: in_flight::InFlight,
    registered: on_uring::RegisteredFiles,
    /// When the record was made that came last.
    now_ns: u64,
    dns: dns::Dns,
    off_cpu: on_switch::OffCpu,
    /// Room for the data of one call.
    parts_buffer: Vec<u8>,
    guarded: tamper::Guarded,
    /// Numbers of paths that are those of the files that were opened, see `wire::names`.
    same_names: Vec<u64>,
}

impl Tracker {
    /// A tracker that knows nothing yet.
    pub fn new(options: TrackerOptions) -> Self {
        let proc = ProcRoot::new(options.proc_root.clone());
        let discovery = discover::Discovery::new(&proc);
        Tracker {
            guarded: tamper::Guarded::new(options.own.clone(), &proc, &discovery.host_namespaces),
            discovery,
            store: Store::default(),
            after_loss: after_loss::AfterLoss::default(),
            calls: Calls::new(options.abi, options.selection.clone()),
            tasks: Tasks::default(),
            rights: on_sockets::RightsInFlight::default(),
            connections: on_tcp::Connections::default(),
            in_flight: in_flight::InFlight::default(),
            registered: on_uring::RegisteredFiles::default(),
            now_ns: 0,
            parts_buffer: Vec::new(),
            dns: dns::Dns::default(),
            off_cpu: on_switch::OffCpu::default(),
            same_names: Vec::new(),
            proc,
            options,
        }
    }

    /// Numbers of paths that were found to be those of the files that were opened, since the last call (`wire::names`).
    pub fn same_names(&mut self) -> impl Iterator<Item = u64> + '_ {
        self.same_names.drain(..)
    }

    /// Brings the state forward by one record and makes exactly one event of it, or leaves it out when not selected.
    pub fn record(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        if self.store.sweep_due() {
            self.sweep();
        }
        if self.has_ended_processes(record.header.time_ns) {
            self.forget_ended_processes();
        }
        let (time_ns, latency_ns) = (record.header.time_ns, record.latency_ns().unwrap_or(0));
        self.tasks.files.set_time(time_ns.saturating_sub(latency_ns), time_ns);
        self.now_ns = time_ns;
        match record.kind {
            RecordType::Syscall => self.on_call(record, cpu, sink),
            RecordType::Exec => self.on_exec(record, cpu, sink),
            RecordType::Fork => self.on_fork(record, cpu, sink),
            RecordType::Exit => self.on_exit(record, cpu, sink),
            RecordType::Signal => self.on_signal(record, cpu, sink),
            RecordType::CgroupMove => self.on_cgroup_move(record, cpu, sink),
            RecordType::Tcp => self.on_tcp(record, cpu, sink),
            RecordType::Packet => self.on_packet(record, cpu, sink),
            RecordType::Kernel => self.on_kernel(record, cpu, sink),
            RecordType::UringSubmit => self.on_uring_submit(record, cpu, sink),
            RecordType::UringComplete => self.on_uring_complete(record, cpu, sink),
        }
    }

    /// The current version of a thread that is known and of which no change was lost.
    pub fn certain_version(&mut self, tid: u32) -> Option<Ref> {
        let task = self.tasks.thread(tid)?;
        let is_certain = self.process_of(task).is_some_and(|process| !process.is_uncertain);
        is_certain.then(|| self.thread_version(tid))
    }

    /// What a number of a process refers to, if no change of that was lost and nobody but the process's own threads, which
    /// share it, can change it.
    pub fn certain_descriptor(&self, pid: u32, fd: u32) -> Option<Ref> {
        let slot = self.tasks.slot(pid)?;
        let group = self.tasks.group(slot);
        let is_uncertain = self.store.process(group.version).is_none_or(|process| process.is_uncertain);
        if is_uncertain || self.tasks.files.users(group.files) != 1 {
            return None;
        }
        let has_own = |task: &Task| task.process == slot && task.own.files.is_some();
        if group.threads > 1 && self.tasks.threads().any(has_own) {
            return None;
        }
        self.tasks.files.current(group.files, fd).map(|file| file.descriptor).filter(|&number| number != 0)
    }

    /// The entities as they stand.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn on_call(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let header = &record.header;
        let plan = self.calls.plan(header, &mut self.store);
        let mut buffer = std::mem::take(&mut self.parts_buffer);
        let call = Call::read(record).with_parts(&plan, &mut buffer);
        let task = self.task(header.tid, header.tgid);
        let mut descriptor = match plan.fd {
            FdSource::Arg(at) => self.descriptor_of(&task, call.fd(at), header.result),
            FdSource::Result | FdSource::None => 0,
        };
        if let (Some(facts), FdSource::Arg(at)) = (call.socket(), plan.fd) {
            descriptor = self.refresh_socket(&task, call.fd(at), &facts).unwrap_or(descriptor);
        }
        // A path that is changed to is meant from where the process was.
        let before = (plan.effect == Effect::Chdir).then(|| self.thread_version(header.tid));
        if plan.effect != Effect::None {
            descriptor = self.apply(plan.effect, &task, &call).unwrap_or(descriptor);
        } else if let (FdSource::Result, true) = (plan.fd, call.succeeded()) {
            descriptor = self.descriptor_of(&task, call.result_fd(), 0);
        }
        if let Some(facts) = call.socket() {
            self.note_connection(header.tid, header.tgid, &facts, descriptor);
        }
        let returns = plan.result && header.flags & FLAG_NO_RESULT == 0;
        let result = returns.then_some(header.result);
        let thread = before.unwrap_or_else(|| self.thread_version(header.tid));
        self.emit(thread, record, cpu, &plan, descriptor, result, &call.args(&plan), sink);
        if let Some(carrier) = plan.dns {
            self.on_dns(carrier, &call, thread, descriptor, cpu, sink);
        }
        if let Some(mapping) = plan.mapping {
            self.on_map(mapping, &call, thread, descriptor, cpu, sink);
        }
        if let Some(watch) = plan.tamper {
            self.on_tamper(watch, &call, &task, plan.kind, thread, descriptor, cpu, sink);
        }
        self.parts_buffer = buffer;
    }

    /// Hands one event of a thread, by its version, to the sink.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the parts of an event, each from another place")]
    fn emit(
        &self,
        thread: Ref,
        record: &Record<'_>,
        cpu: u16,
        plan: &Plan,
        descriptor: Ref,
        result: Option<i64>,
        args: &[Arg<'_>],
        sink: &mut impl Sink,
    ) {
        if !plan.selected {
            return sink.left_out(cpu);
        }
        let event = Event {
            time_ns: record.header.time_ns,
            cpu,
            kind: plan.kind,
            thread,
            descriptor,
            result,
            latency_ns: record.latency_ns(),
            args: &args[..usize::from(plan.args)],
        };
        sink.event(&event, &self.store);
    }

    /// The record's thread, from `/proc` or as an empty one when it was not known.
    fn task(&mut self, tid: u32, pid: u32) -> Task {
        match self.tasks.thread(tid) {
            Some(task) if self.tasks.group(task.process).pid == pid => *task,
            _ => self.discover_thread(tid, pid),
        }
    }

    /// The current version of a thread, brought up to its process's current one.
    fn thread_version(&mut self, tid: u32) -> Ref {
        let Some(task) = self.tasks.thread(tid).copied() else { return 0 };
        if task.process_version == self.tasks.group(task.process).version {
            return task.version;
        }
        self.change_thread(tid, |_| {})
    }

    /// Makes a new version of a thread if `change` (or its process meanwhile) changes it.
    fn change_thread(&mut self, tid: u32, change: impl FnOnce(&mut Thread)) -> Ref {
        let Some(task) = self.tasks.thread(tid).copied() else { return 0 };
        let process_version = self.tasks.group(task.process).version;
        let process = self.process_version_for(&task);
        let old = self.store.thread(task.version);
        let mut thread = old.cloned().unwrap_or_default();
        change(&mut thread);
        thread.process = process;
        let version = match old == Some(&thread) {
            true => task.version,
            false => self.store.add_thread(thread),
        };
        if let Some(task) = self.tasks.thread_mut(tid) {
            task.version = version;
            task.process_version = process_version;
        }
        version
    }

    /// Makes a new version of a process if `change` changes it.
    fn change_process(&mut self, slot: Slot, change: impl FnOnce(&mut Process)) {
        let old = self.store.process(self.tasks.group(slot).version);
        let mut process = old.cloned().unwrap_or_default();
        change(&mut process);
        if old != Some(&process) {
            let version = self.store.add_process(process);
            self.tasks.group_mut(slot).version = version;
        }
    }

    /// The current version of a thread's process.
    fn process_of(&self, task: &Task) -> Option<&Process> {
        self.store.process(self.tasks.group(task.process).version)
    }

    /// What a descriptor number refers to. One that a call has just used with success is open, so when we do not
    /// know it, its opening was missed and `/proc` is asked, once.
    fn descriptor_of(&mut self, task: &Task, fd: Option<u32>, result: i64) -> Ref {
        let Some(fd) = fd else { return 0 };
        let table = self.tasks.table(task);
        match self.tasks.files.get(table, fd) {
            Some(file) => file.descriptor,
            None if result < 0 => 0,
            None => {
                let file = self.find_file(task, fd);
                self.tasks.files.amend(table, fd, file);
                file.descriptor
            }
        }
    }

    /// A copy of what a descriptor number refers to, to be changed.
    fn descriptor_copy(&mut self, task: &Task, fd: u32) -> Descriptor {
        let number = self.descriptor_of(task, Some(fd), 0);
        self.store.descriptor(number).cloned().unwrap_or_default()
    }

    /// A call opened a number that refers to `descriptor`.
    fn open_file(&mut self, task: &Task, fd: u32, descriptor: Descriptor, cloexec: bool) -> Ref {
        let descriptor = self.store.intern(descriptor);
        let table = self.tasks.table(task);
        self.tasks.files.open(table, fd, OpenFile { descriptor, cloexec });
        descriptor
    }

    /// Changes what a number refers to and leaves its close-on-exec mark.
    fn change_file(&mut self, task: &Task, fd: u32, descriptor: Descriptor) -> Ref {
        let table = self.tasks.table(task);
        let cloexec = self.tasks.files.get(table, fd).is_some_and(|file| file.cloexec);
        let descriptor = self.store.intern(descriptor);
        self.tasks.files.amend(table, fd, OpenFile { descriptor, cloexec });
        descriptor
    }

    /// Drops versions that nothing living refers to.
    fn sweep(&mut self) {
        self.drop_socket_tables();
        let mut live = Live::default();
        live.threads.extend(self.tasks.threads().map(|task| task.version));
        let process = |task: &Task| Some(self.store.thread(task.version)?.process);
        live.processes.extend(self.tasks.threads().filter_map(process));
        live.processes.extend(self.tasks.groups().map(|group| group.version));
        live.descriptors.extend(self.tasks.files.descriptors());
        live.descriptors.extend(self.rights.descriptors());
        live.descriptors.extend(self.registered.descriptors());
        for (thread, descriptor) in self.connections.entities().chain(self.in_flight.entities()) {
            live.threads.insert(thread);
            live.processes.extend(self.store.thread(thread).map(|thread| thread.process));
            live.descriptors.insert(descriptor);
        }
        self.store.sweep(live);
    }
}
