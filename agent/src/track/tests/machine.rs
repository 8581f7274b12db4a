//! A machine that makes records the way the kernel programs do, and shows what the tracker makes of them.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use capture_format::model::{Arg, Descriptor, DescriptorType, Endpoint, Event, Role};
use capture_format::schema::{Abi, syscall_nr};
use wire::facts::{CredFacts, TaskFacts};
use wire::record::{
    FLAG_LATENCY, FLAG_NO_RESULT, KernelNote, PacketEvent, RecordBuilder, SECTION_ARGV, SECTION_CGROUP,
    SECTION_CWD, SECTION_EXE_PATH, SECTION_EXEC, SECTION_EXIT, SECTION_FILE, SECTION_FILENAME, SECTION_FORK,
    SECTION_SOCKET, TcpEvent,
};
use wire::{
    ExecFacts, ExitFacts, FileFacts, ForkFacts, Record, RecordHeader, RecordType, SectionState, SocketFacts,
};

use crate::operations::Operations;
use crate::own::Own;
use crate::selection::Selection;
use crate::track::{Deed, Sink, Store, Tracker, TrackerOptions};

pub(super) const CWD: u64 = libc::AT_FDCWD as i64 as u64;

/// The records so far led to these lines, one per event.
pub(super) struct Machine {
    pub(super) tracker: Tracker,
    lines: Lines,
    time_ns: u64,
}

/// What became of records: events, and how many led to none.
#[derive(Default)]
struct Lines(Vec<String>, usize, usize, Vec<(String, bool)>);

/// One call to be recorded.
pub(super) struct Call {
    name: &'static str,
    tid: u32,
    pid: u32,
    args: Vec<u64>,
    result: i64,
    latency_ns: Option<u64>,
    sections: Vec<(u8, Vec<u8>)>,
}

impl Call {
    /// A call of a process's first thread.
    pub(super) fn new(pid: u32, name: &'static str, args: &[u64], result: i64) -> Self {
        Call { name, tid: pid, pid, args: args.to_vec(), result, latency_ns: None, sections: Vec::new() }
    }

    /// Made by another process.
    pub(super) fn of(pid: u32, call: Self) -> Self {
        Call { tid: pid, pid, ..call }
    }

    /// Made by another thread.
    pub(super) fn by(mut self, tid: u32) -> Self {
        self.tid = tid;
        self
    }

    /// Began this long before it returns.
    pub(super) fn took(mut self, ns: u64) -> Self {
        self.latency_ns = Some(ns);
        self
    }

    /// What an argument pointed to.
    pub(super) fn data(mut self, arg: u8, bytes: impl AsRef<[u8]>) -> Self {
        self.sections.push((arg, bytes.as_ref().to_vec()));
        self
    }

    pub(super) fn file(self, facts: FileFacts) -> Self {
        self.data(SECTION_FILE, bytes_of_file(&facts))
    }

    pub(super) fn socket(self, facts: SocketFacts) -> Self {
        self.data(SECTION_SOCKET, facts.to_bytes())
    }
}

/// A process without any `/proc` to ask.
pub(super) fn options(proc_root: &Path) -> TrackerOptions {
    TrackerOptions {
        proc_root: proc_root.to_owned(),
        snap_bytes: 80,
        abi: Abi::X86_64,
        skip_start_scan: false,
        selection: Selection::default(),
        drop_reasons: [(2, "NOT_SPECIFIED"), (3, "NO_SOCKET")].map(|(nr, name)| (nr, name.to_owned())).into(),
        operations: Operations::new(Abi::X86_64, |_, _| None),
        own: Own::default(),
    }
}

impl Machine {
    pub(super) fn new() -> Self {
        Self::with_proc(&PathBuf::from("/there/is/no/such/proc"))
    }

    pub(super) fn with_proc(root: &Path) -> Self {
        Self::with_options(options(root))
    }

    pub(super) fn with_options(options: TrackerOptions) -> Self {
        Machine { tracker: Tracker::new(options), lines: Lines::default(), time_ns: 0 }
    }

    /// The agent has looked and found this.
    pub(super) fn found_tampering(&mut self, how: &'static str, object: &str) {
        self.tracker.found_tampering(how, object.as_bytes(), 1, &mut self.lines);
    }

    /// Attempts on the recording that were told of, and whether each as an event.
    pub(super) fn attempts(&mut self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.lines.3)
    }

    /// As [`Machine::with_shell`], where these events are recorded and no others.
    pub(super) fn that_records(list: &str) -> Self {
        let selection = list.parse().expect("a list of events");
        let options = TrackerOptions { selection, ..options(&PathBuf::from("/there/is/no/such/proc")) };
        let mut machine = Machine { tracker: Tracker::new(options), ..Self::new() };
        machine.exec(10, "/usr/bin/bash", &["bash"]);
        machine
    }

    /// A shell with pid 10, in `/home/ann`, as the kernel tells it at exec.
    pub(super) fn with_shell() -> Self {
        let mut machine = Self::new();
        machine.exec(10, "/usr/bin/bash", &["bash"]);
        machine.lines.0.clear();
        machine
    }

    /// The next record comes now, by the clock of `/proc`.
    pub(super) fn set_time_to_now(&mut self) {
        self.time_ns = crate::track::procfs::boot_time_ns() + 1;
    }

    /// Nothing happens for so long.
    pub(super) fn pass(&mut self, ns: u64) {
        self.time_ns += ns;
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let record = Record::parse(bytes).expect("a record that was built is whole");
        let before = self.lines.0.len();
        let (left_out, derived) = (self.lines.1, self.lines.2);
        self.tracker.record(&record, 0, &mut self.lines);
        let made = self.lines.0.len() - before + self.lines.1 - left_out;
        assert_eq!(
            made,
            1 + self.lines.2 - derived,
            "exactly one event per record, or none that is selected"
        );
    }

    /// A record of an `io_uring` operation, which may lead to no event, or not yet.
    pub(super) fn uring(
        &mut self,
        kind: RecordType,
        opcode: u16,
        pid: u32,
        result: i64,
        args: &[u64],
        sections: &[(u8, &[u8])],
    ) {
        let header = RecordHeader { nr: opcode, ..self.header(kind, "", pid, pid, result) };
        let mut built = RecordBuilder::<2048>::new(header, args);
        for (index, bytes) in sections {
            built = built.section(*index, SectionState::Data, bytes);
        }
        let record = Record::parse(built.finish()).expect("a record that was built is whole");
        self.tracker.record(&record, 0, &mut self.lines);
    }

    /// Recording ends.
    pub(super) fn finish(&mut self) {
        self.tracker.finish(&mut self.lines);
    }

    /// How many records led to no event of their own, since the beginning.
    pub(super) fn left_out(&self) -> usize {
        self.lines.1
    }

    fn header(&mut self, kind: RecordType, nr: &str, tid: u32, pid: u32, result: i64) -> RecordHeader {
        self.time_ns += 1;
        RecordHeader {
            kind: kind as u8,
            nr: syscall_nr(Abi::X86_64, nr).unwrap_or(0) as u16,
            tid,
            tgid: pid,
            time_ns: self.time_ns,
            result,
            ..RecordHeader::default()
        }
    }

    /// A call that is not selected.
    pub(super) fn quiet(&mut self, call: Call) {
        let header = self.header(RecordType::Syscall, call.name, call.tid, call.pid, call.result);
        let mut built = RecordBuilder::<2048>::new(header, &call.args);
        let record = Record::parse(built.finish()).expect("a record that was built is whole");
        self.tracker.record(&record, 0, &mut self.lines);
    }

    pub(super) fn call(&mut self, call: Call) {
        let mut header = self.header(RecordType::Syscall, call.name, call.tid, call.pid, call.result);
        assert!(header.nr != 0 || call.name == "read", "no call named {}", call.name);
        if call.name == "exit_group" {
            header.flags |= FLAG_NO_RESULT;
        }
        if let Some(latency_ns) = call.latency_ns {
            header.flags |= FLAG_LATENCY;
            header.latency_ns = latency_ns;
        }
        let mut built = RecordBuilder::<2048>::new(header, &call.args);
        for (index, bytes) in &call.sections {
            built = built.section(*index, SectionState::Data, bytes);
        }
        self.feed(built.finish());
    }

    /// A call that no table knows.
    pub(super) fn unknown_call(&mut self, pid: u32, nr: u16) {
        let header = RecordHeader { nr, ..self.header(RecordType::Syscall, "", pid, pid, -38) };
        let mut built = RecordBuilder::<256>::new(header, &[1, 2, 3, 4, 5, 6]);
        self.feed(built.finish());
    }

    pub(super) fn skip_time(&mut self, ns: u64) {
        self.time_ns += ns;
    }

    /// A short form for calls with raw arguments only.
    pub(super) fn plain(&mut self, pid: u32, name: &'static str, args: &[u64], result: i64) {
        self.call(Call::new(pid, name, args, result));
    }

    pub(super) fn open(&mut self, pid: u32, path: &str, flags: i32, result: i64) {
        let call = Call::new(pid, "openat", &[CWD, 0x1000, flags as u64, 0], result);
        self.call(call.data(1, format!("{path}\0")));
    }

    pub(super) fn fork(&mut self, creator: u32, tid: u32, pid: u32, ppid: u32, flags: u32) {
        let task =
            TaskFacts { ppid, pgid: 10, sid: 10, vtid: tid, vpid: pid, comm: comm("child"), ..task_of(pid) };
        self.fork_facts(tid, pid, ForkFacts { task, creator_tid: creator, flags });
    }

    pub(super) fn fork_facts(&mut self, tid: u32, pid: u32, facts: ForkFacts) {
        let header = self.header(RecordType::Fork, "clone", tid, pid, 0);
        let mut built = RecordBuilder::<1024>::new(header, &[]).section(
            SECTION_FORK,
            SectionState::Data,
            &bytes_of_fork(&facts),
        );
        self.feed(built.finish());
    }

    pub(super) fn exec(&mut self, pid: u32, path: &str, argv: &[&str]) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let task = TaskFacts { vtid: pid, comm: comm(name), ..task_of(pid) };
        self.exec_facts(pid, path, argv, "/home/ann", None, ExecFacts { task, ..ExecFacts::default() });
    }

    pub(super) fn exec_facts(
        &mut self,
        pid: u32,
        path: &str,
        argv: &[&str],
        cwd: &str,
        cgroup: Option<&str>,
        facts: ExecFacts,
    ) {
        let header = self.header(RecordType::Exec, "execve", pid, pid, 0);
        let argv: String = argv.iter().map(|arg| format!("{arg}\0")).collect();
        let mut built = RecordBuilder::<2048>::new(header, &[1, 2, 3])
            .section(SECTION_EXEC, SectionState::Data, &bytes_of_exec(&facts))
            .section(SECTION_FILENAME, SectionState::Data, format!("{path}\0").as_bytes())
            .section(SECTION_ARGV, SectionState::Data, argv.as_bytes())
            .section(SECTION_EXE_PATH, SectionState::Data, &components(path))
            .section(SECTION_CWD, SectionState::Data, &components(cwd));
        if let Some(cgroup) = cgroup {
            built = built.section(SECTION_CGROUP, SectionState::Data, &components(cgroup));
        }
        self.feed(built.finish());
    }

    pub(super) fn exit(&mut self, tid: u32, pid: u32, process_gone: bool) {
        let header = self.header(RecordType::Exit, "", tid, pid, 0);
        let facts = ExitFacts { status: 0, in_call: 231, process_gone: u32::from(process_gone), reserved: 0 };
        let words = [facts.status, facts.in_call, facts.process_gone, 0];
        let mut built = RecordBuilder::<256>::new(header, &[]).section(
            SECTION_EXIT,
            SectionState::Data,
            &words.map(u32::to_ne_bytes).concat(),
        );
        self.feed(built.finish());
    }

    pub(super) fn other(&mut self, kind: RecordType, tid: u32, pid: u32, args: &[u64], section: (u8, &[u8])) {
        let header = self.header(kind, "", tid, pid, 0);
        let mut built =
            RecordBuilder::<1024>::new(header, args).section(section.0, SectionState::Data, section.1);
        self.feed(built.finish());
    }

    /// Something happened to a connection while task 9999, which has nothing to do with it, was running.
    pub(super) fn tcp(&mut self, event: TcpEvent, args: &[u64], facts: SocketFacts) {
        let header = RecordHeader { nr: event as u16, ..self.header(RecordType::Tcp, "", 9999, 9999, 0) };
        let section = facts.to_bytes();
        let built = RecordBuilder::<1024>::new(header, args);
        self.feed(built.section(SECTION_SOCKET, SectionState::Data, &section).finish());
    }

    /// Something happened to a packet while that task was running.
    pub(super) fn packet(&mut self, event: PacketEvent, args: &[u64], section: (u8, &[u8])) {
        let header = RecordHeader { nr: event as u16, ..self.header(RecordType::Packet, "", 9999, 9999, 0) };
        let built = RecordBuilder::<1024>::new(header, args);
        self.feed(built.section(section.0, SectionState::Data, section.1).finish());
    }

    /// A CPU went from one thread to another, each with how often it had left one by then.
    pub(super) fn switch(&mut self, state: u64, from: (u32, u64), to: (u32, u64)) {
        let (tid, pid) = (from.0, from.0);
        let nr = KernelNote::Switch as u16;
        let header = RecordHeader { nr, ..self.header(RecordType::Kernel, "", tid, pid, 0) };
        let next = u64::from(to.0) << 32 | u64::from(to.0);
        let args = [state, 0, tid.into(), next, from.1, to.1];
        self.feed(RecordBuilder::<128>::new(header, &args).finish());
    }

    /// The lines since the last call, each trimmed.
    pub(super) fn lines(&mut self) -> String {
        std::mem::take(&mut self.lines.0).join("\n")
    }

    /// The last line.
    pub(super) fn last(&self) -> &str {
        self.lines.0.last().map(String::as_str).unwrap_or_default()
    }

    /// What a descriptor number refers to, shown by a call on it that changes nothing.
    pub(super) fn fd(&mut self, pid: u32, fd: u32) -> String {
        self.plain(pid, "lseek", &[u64::from(fd), 0, 0], 0);
        let line = self.lines.0.pop().expect("one event per record");
        line.split_once("= 0").map(|(_, rest)| rest.trim().to_owned()).unwrap_or_default()
    }

    /// The fields of a process as they stand, through its current version.
    pub(super) fn process(&mut self, pid: u32) -> capture_format::model::Process {
        let mut seen = Seen::default();
        let header = self.header(RecordType::Syscall, "getppid", pid, pid, 0);
        let mut built = RecordBuilder::<64>::new(header, &[]);
        let record = Record::parse(built.finish()).expect("a record that was built is whole");
        self.tracker.record(&record, 0, &mut seen);
        let store = self.tracker.store();
        let thread = store.thread(seen.0).expect("an event's thread is in the store");
        store.process(thread.process).expect("a thread's process is in the store").clone()
    }

    /// The current version of a thread.
    pub(super) fn thread(&mut self, tid: u32, pid: u32) -> capture_format::model::Thread {
        let mut seen = Seen::default();
        let header = self.header(RecordType::Syscall, "getppid", tid, pid, 0);
        let mut built = RecordBuilder::<64>::new(header, &[]);
        let record = Record::parse(built.finish()).expect("a record that was built is whole");
        self.tracker.record(&record, 0, &mut seen);
        self.tracker.store().thread(seen.0).expect("an event's thread is in the store").clone()
    }

    /// Names of a process and its ancestors.
    pub(super) fn ancestry(&mut self, pid: u32) -> String {
        let mut process = self.process(pid);
        let mut names = text(&process.comm);
        while let Some(parent) = self.tracker.store().process(process.parent) {
            process = parent.clone();
            write!(names, " < {}", text(&process.comm)).expect("writing to a string succeeds");
        }
        names
    }
}

#[derive(Default)]
struct Seen(u32);

impl Sink for Seen {
    fn event(&mut self, event: &Event<'_>, _: &Store) {
        self.0 = event.thread;
    }

    fn derived(&mut self, _: u16) {}

    fn left_out(&mut self, _: u16) {}
}

impl Sink for Lines {
    fn event(&mut self, event: &Event<'_>, store: &Store) {
        let kind = store.kind(event.kind).expect("an event's kind is in the store");
        if event.thread == 0 {
            return self.0.push(format!("nobody {}", kind.name));
        }
        let thread = store.thread(event.thread).expect("an event's thread is in the store");
        let process = store.process(thread.process).expect("a thread's process is in the store");
        let mut ancestor = process.parent;
        while ancestor != 0 {
            ancestor = store.process(ancestor).expect("every ancestor is in the store").parent;
        }
        assert!(process.container == 0 || store.container(process.container).is_some());
        assert_eq!(event.args.len(), kind.args.len(), "one value per argument of {}", kind.name);
        for (arg, def) in event.args.iter().zip(&kind.args) {
            assert_eq!(!matches!(arg, Arg::Int(_)), def.kind.is_data(), "{} {}", kind.name, def.name);
        }
        let mut line = format!("{}:{} {}", text(&thread.comm), thread.tid, kind.name);
        if let Some(result) = event.result {
            write!(line, " = {result}").expect("writing to a string succeeds");
        }
        if event.descriptor != 0 {
            let descriptor =
                store.descriptor(event.descriptor).expect("an event's descriptor is in the store");
            write!(line, " {}", show(descriptor)).expect("writing to a string succeeds");
        }
        if matches!(kind.name.as_str(), "dns" | "off_cpu") {
            write!(line, " {:?} {:?}", event.args, event.latency_ns).expect("writing to a string succeeds");
        }
        if kind.name == "tamper" {
            for arg in event.args {
                match arg {
                    Arg::Bytes(bytes) => write!(line, " {}", text(bytes)),
                    other => write!(line, " {other:?}"),
                }
                .expect("writing to a string succeeds");
            }
        }
        self.0.push(line);
    }

    fn tampered(&mut self, deed: &Deed, is_told: bool) {
        let who = text(&deed.comm);
        self.3.push((format!("{who}:{} {} {}", deed.pid, deed.how, text(&deed.object)), is_told));
    }

    fn left_out(&mut self, _: u16) {
        self.1 += 1;
    }

    fn derived(&mut self, _: u16) {
        self.2 += 1;
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn end(endpoint: &Endpoint, kind: DescriptorType) -> String {
    let address = match kind {
        DescriptorType::Ipv4 => {
            let [a, b, c, d, ..] = endpoint.address;
            std::net::Ipv4Addr::new(a, b, c, d).to_string()
        }
        _ => std::net::Ipv6Addr::from(endpoint.address).to_string(),
    };
    format!("{address}:{}", endpoint.port)
}

/// Type, name, and what else is known, as `ipv4 10.0.0.1:4000>10.0.0.2:80 client connected`.
pub(super) fn show(descriptor: &Descriptor) -> String {
    let mut shown = format!("{:?}", descriptor.kind).to_lowercase();
    if matches!(descriptor.kind, DescriptorType::Ipv4 | DescriptorType::Ipv6) {
        let (local, remote) =
            (end(&descriptor.local, descriptor.kind), end(&descriptor.remote, descriptor.kind));
        write!(shown, " {local}>{remote}").expect("writing to a string succeeds");
    } else if !descriptor.name.is_empty() {
        write!(shown, " {}", text(&descriptor.name)).expect("writing to a string succeeds");
    }
    if !descriptor.name_raw.is_empty() {
        write!(shown, " ({})", text(&descriptor.name_raw)).expect("writing to a string succeeds");
    }
    if !descriptor.name_opened.is_empty() {
        write!(shown, " -> {}", text(&descriptor.name_opened)).expect("writing to a string succeeds");
    }
    if descriptor.ino != 0 {
        write!(shown, " #{}", descriptor.ino).expect("writing to a string succeeds");
    }
    match descriptor.role {
        Role::Client => shown.push_str(" client"),
        Role::Server => shown.push_str(" server"),
        Role::Unknown => {}
    }
    if descriptor.connected {
        shown.push_str(" connected");
    }
    shown
}

pub(super) fn comm(name: &str) -> [u8; 16] {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name.as_bytes());
    comm
}

/// Ids of a first thread of a process whose parent is 1.
pub(super) fn task_of(pid: u32) -> TaskFacts {
    TaskFacts {
        ppid: 1,
        pgid: pid,
        sid: 10,
        vtid: pid,
        vpid: pid,
        vpgid: pid,
        vsid: 10,
        loginuid: u32::MAX,
        ..TaskFacts::default()
    }
}

/// A path as the kernel programs send it: from the file up to the root.
pub(super) fn components(path: &str) -> Vec<u8> {
    if path == "/" {
        return b"/\0".to_vec();
    }
    path.split('/')
        .rev()
        .filter(|part| !part.is_empty())
        .flat_map(|part| [part.as_bytes(), b"\0"].concat())
        .collect()
}

fn bytes_of_task(facts: &TaskFacts) -> Vec<u8> {
    let words = [
        facts.ppid,
        facts.pgid,
        facts.sid,
        facts.vtid,
        facts.vpid,
        facts.vpgid,
        facts.vsid,
        facts.tty,
        facts.loginuid,
        0,
    ];
    let mut out = words.map(u32::to_ne_bytes).concat();
    out.extend(facts.namespaces.map(u32::to_ne_bytes).concat());
    out.extend(facts.start_ns.to_ne_bytes());
    out.extend(facts.comm);
    out
}

fn bytes_of_cred(facts: &CredFacts) -> Vec<u8> {
    let words =
        [facts.uid, facts.gid, facts.suid, facts.sgid, facts.euid, facts.egid, facts.fsuid, facts.fsgid];
    let sets = [facts.cap_inheritable, facts.cap_permitted, facts.cap_effective];
    [words.map(u32::to_ne_bytes).concat(), sets.map(u64::to_ne_bytes).concat()].concat()
}

pub(super) fn bytes_of_file(facts: &FileFacts) -> Vec<u8> {
    let words = [facts.dev, facts.mode, facts.flags, 0];
    [facts.ino.to_ne_bytes().to_vec(), words.map(u32::to_ne_bytes).concat()].concat()
}

fn bytes_of_exec(facts: &ExecFacts) -> Vec<u8> {
    let times = [facts.exe_mtime_ns, facts.exe_ctime_ns];
    let words = [facts.old_tid, facts.argv_bytes, facts.env_bytes, 0];
    [
        bytes_of_task(&facts.task),
        bytes_of_cred(&facts.cred),
        bytes_of_file(&facts.exe),
        times.map(u64::to_ne_bytes).concat(),
        words.map(u32::to_ne_bytes).concat(),
    ]
    .concat()
}

fn bytes_of_fork(facts: &ForkFacts) -> Vec<u8> {
    let words = [facts.creator_tid, facts.flags];
    [bytes_of_task(&facts.task), words.map(u32::to_ne_bytes).concat()].concat()
}
