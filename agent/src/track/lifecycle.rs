//! Beginning and end of threads and processes, new program images, signals, moves between cgroups.

use capture_format::model::{Arg, FileMarks, Process, Thread};
use capture_format::schema::{KernelEvent, Shape, syscall};
use wire::facts::{
    FILE_DELETED, FILE_MEMFD, FILE_OVERLAY_LOWER, FILE_OVERLAY_UPPER, FORK_SHARES_FILES, FORK_SHARES_FS,
    TaskFacts,
};
use wire::record::{
    FLAG_COMPAT, SECTION_ARGV, SECTION_CGROUP, SECTION_CGROUP_V1, SECTION_CWD, SECTION_ENV, SECTION_EXE_PATH,
    SECTION_EXEC, SECTION_EXIT, SECTION_FILENAME, SECTION_FORK, SECTION_PATH, SECTION_SIGNAL,
};
use wire::{ExecFacts, ExitFacts, ForkFacts, Record, SectionState, SignalFacts};

use super::calls::{ARGS_MAX, Call};
use super::path::{from_components, until_nul};
use super::tasks::{Own, Slot};
use super::{Sink, Tracker, credentials};

/// `CAP_DAC_OVERRIDE`: passes over file permissions.
const CAP_DAC_OVERRIDE: u64 = 1 << 1;

/// The bytes of a section that was read.
fn bytes<'a>(record: &Record<'a>, index: u8) -> Option<&'a [u8]> {
    record.section(index).filter(|section| section.state == SectionState::Data).map(|section| section.bytes)
}

/// Strings that each end with NUL.
fn strings(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let empty = bytes.is_empty();
    let whole = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    whole.split(|&byte| byte == 0).map(<[u8]>::to_vec).filter(move |_| !empty)
}

impl Tracker {
    pub(super) fn on_exec(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let header = &record.header;
        let (tid, pid) = (header.tid, header.tgid);
        let plan = self.calls.plan(header, &mut self.store);
        let facts = bytes(record, SECTION_EXEC).and_then(ExecFacts::parse);
        let slot = self.exec_process(tid, pid, facts.map_or(0, |facts| facts.old_tid));
        self.install_image(slot, tid, record, facts.as_ref());

        let call = Call::read(record);
        let mut args = call.args(&plan);
        // The old image's memory is gone: what the call was given comes in sections of its own.
        let mut vectors = [SECTION_ARGV, SECTION_ENV].into_iter();
        for at in 0..usize::from(plan.args) {
            let shape = self.store.kind(plan.kind).map(|kind| &kind.args[at].kind.shape);
            let section = match shape {
                Some(Shape::Path(_) | Shape::Text) => Some(SECTION_FILENAME),
                Some(Shape::Strings) => vectors.next(),
                _ => None,
            };
            if let (Some(section), true) = (section, plan.is_data(at)) {
                let given = match (shape, bytes(record, section)) {
                    (Some(Shape::Path(Some(dirfd))), Some(path)) => {
                        Some(without_descriptor(path, call.int(*dirfd)))
                    }
                    (_, given) => given,
                };
                args[at] = given.map_or(Arg::Unread(call.raw(at as u8)), Arg::Bytes);
            }
        }
        let thread = self.thread_version(record.header.tid);
        self.emit(thread, record, cpu, &plan, 0, Some(header.result), &args, sink);
    }

    /// The process that executed, left with the one thread that did.
    fn exec_process(&mut self, tid: u32, pid: u32, old_tid: u32) -> Slot {
        if self.tasks.slot(pid).is_none() {
            self.task(tid, pid);
        }
        let slot = self.tasks.slot(pid).expect("looking a thread up makes its process known");
        // Another thread than the first takes over the first one's id, and keeps the table and the directory it used.
        let executor = if old_tid == 0 { tid } else { old_tid };
        let (table, folder) = match self.tasks.thread(executor).filter(|task| task.process == slot) {
            Some(executor) => (self.tasks.table(executor), self.tasks.folder(executor)),
            None => (self.tasks.group(slot).files, self.tasks.group(slot).folder),
        };
        let table = self.tasks.files.share(table);
        let folder = self.tasks.folders.share(folder);
        if executor != tid && self.tasks.thread(executor).is_some_and(|task| task.process == slot) {
            self.tasks.remove_thread(executor);
        }
        if self.tasks.thread(tid).is_none_or(|task| task.process != slot) {
            self.tasks.remove_thread(tid);
            let thread = Thread { tid, vtid: tid, ..Thread::default() };
            self.add_thread(slot, thread, Own::default());
        }
        self.tasks.remove_other_threads(slot, tid);
        let own = self.tasks.thread_mut(tid).map(|task| std::mem::take(&mut task.own)).unwrap_or_default();
        if let Some(folder) = own.folder {
            self.tasks.folders.release(folder);
        }
        // The directory stays shared with other processes.
        let old = std::mem::replace(&mut self.tasks.group_mut(slot).folder, folder);
        self.tasks.folders.release(old);
        // The table becomes the process's own, without what is closed by exec.
        if let Some(own) = own.files {
            self.tasks.files.release(own);
        }
        let old = std::mem::replace(&mut self.tasks.group_mut(slot).files, table);
        self.tasks.files.release(old);
        let table = self.tasks.files.unshare(table);
        self.tasks.group_mut(slot).files = table;
        self.tasks.files.change_range(table, 0, u32::MAX, |file| (!file.cloexec).then_some(file));
        slot
    }

    fn install_image(&mut self, slot: Slot, tid: u32, record: &Record<'_>, facts: Option<&ExecFacts>) {
        let old = self.store.process(self.tasks.group(slot).version).cloned().unwrap_or_default();
        let mut process = Process { args_bytes_full: 0, ..old };
        // What cannot be read is unknown: it is not that of the program before.
        let mut argv = bytes(record, SECTION_ARGV).into_iter().flat_map(strings);
        process.exe = argv.next().unwrap_or_default();
        process.args = argv.collect();
        process.env = bytes(record, SECTION_ENV).map(|env| strings(env).collect()).unwrap_or_default();
        if let Some(path) = bytes(record, SECTION_EXE_PATH) {
            process.exe_path = from_components(path);
        }
        // The thread that executed may have had another one than its process.
        let folder = self.tasks.group(slot).folder;
        process.cwd = self.tasks.folders.get(folder).clone();
        if let Some(path) = bytes(record, SECTION_CWD) {
            process.cwd = from_components(path);
        }
        let cwd = process.cwd.clone();
        if let Some(facts) = facts {
            let kept = bytes(record, SECTION_ARGV).map_or(0, <[u8]>::len);
            if kept < facts.argv_bytes as usize {
                process.args_bytes_full = facts.argv_bytes;
            }
            apply_task_facts(&mut process, &facts.task);
            let mark = |bit| facts.exe.flags & bit != 0;
            process.exe_ino = facts.exe.ino;
            process.exe_dev = facts.exe.dev;
            process.exe_mtime_ns = facts.exe_mtime_ns;
            process.exe_ctime_ns = facts.exe_ctime_ns;
            process.exe_marks = FileMarks {
                deleted: mark(FILE_DELETED),
                memfd: mark(FILE_MEMFD),
                overlay_upper: mark(FILE_OVERLAY_UPPER),
                overlay_lower: mark(FILE_OVERLAY_LOWER),
                // Its owner is not sent: what everybody may write, and what everything is allowed to.
                writable: facts.exe.mode & 0o002 != 0 || facts.cred.cap_effective & CAP_DAC_OVERRIDE != 0,
            };
            // Orphans have a new parent since their fork.
            let parent = self.tasks.process_version(facts.task.ppid);
            let same = self.store.process(process.parent).is_some_and(|known| known.pid == facts.task.ppid);
            if parent != 0 && !same {
                process.parent = parent;
            }
        }
        let cgroups =
            [SECTION_CGROUP, SECTION_CGROUP_V1].map(|section| bytes(record, section).map(from_components));
        let cgroups: Vec<&[u8]> = cgroups.iter().flatten().map(Vec::as_slice).collect();
        if !cgroups.is_empty() {
            self.set_container(&mut process, &cgroups);
        }
        let depth = self.bound_ancestors(&mut process);
        self.tasks.group_mut(slot).depth = depth;
        self.change_process(slot, |current| *current = process);
        self.set_folder(slot, folder, cwd);
        self.change_thread(tid, |thread| {
            if let Some(facts) = facts {
                thread.vtid = facts.task.vtid;
                thread.comm = until_nul(&facts.task.comm).to_vec();
                thread.credentials = credentials::from_facts(&facts.cred);
            }
        });
    }

    pub(super) fn on_fork(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let header = &record.header;
        let plan = self.calls.plan(header, &mut self.store);
        match bytes(record, SECTION_FORK).and_then(ForkFacts::parse) {
            Some(facts) => self.add_child(header.tid, header.tgid, &facts),
            None => {
                self.task(header.tid, header.tgid);
            }
        }
        let args = Call::read(record).args(&plan);
        let thread = self.thread_version(record.header.tid);
        self.emit(thread, record, cpu, &plan, 0, Some(header.result), &args, sink);
    }

    fn add_child(&mut self, tid: u32, pid: u32, facts: &ForkFacts) {
        let is_thread = tid != pid;
        // Whatever had these ids before has ended.
        self.tasks.remove_thread(tid);
        if !is_thread && let Some(stale) = self.tasks.slot(pid) {
            self.tasks.remove_group(stale);
        }
        let creator_pid = if is_thread { pid } else { facts.task.ppid };
        let creator = match self.tasks.thread(facts.creator_tid) {
            Some(creator) => *creator,
            None => self.task(facts.creator_tid, creator_pid),
        };
        if !is_thread && self.tasks.group(creator.process).pid == pid {
            // A process does not create itself: a damaged record. It is known now, which is enough.
            self.task(tid, pid);
            return;
        }
        let shares_files = facts.flags & FORK_SHARES_FILES != 0;
        let shares_folder = facts.flags & FORK_SHARES_FS != 0;
        let creators_table = self.tasks.table(&creator);
        let creators_folder = self.tasks.folder(&creator);
        let slot = if is_thread {
            match self.tasks.slot(pid) {
                Some(slot) => slot,
                None => self.task(tid, pid).process,
            }
        } else {
            let files = match shares_files {
                true => self.tasks.files.share(creators_table),
                false => self.tasks.files.copy(creators_table),
            };
            let folder = match shares_folder {
                true => self.tasks.folders.share(creators_folder),
                false => self.tasks.folders.copy(creators_folder),
            };
            let given = Own { files: Some(files), folder: Some(folder) };
            self.add_child_process(pid, facts, creator.process, given)
        };
        let files = match is_thread {
            true if !shares_files => Some(self.tasks.files.copy(creators_table)),
            true if creator.own.files.is_some() => Some(self.tasks.files.share(creators_table)),
            _ => None,
        };
        let folder = match is_thread {
            true if !shares_folder => Some(self.tasks.folders.copy(creators_folder)),
            true if creator.own.folder.is_some() => Some(self.tasks.folders.share(creators_folder)),
            _ => None,
        };
        let credentials =
            self.store.thread(creator.version).map(|thread| thread.credentials.clone()).unwrap_or_default();
        let comm = until_nul(&facts.task.comm).to_vec();
        // Finding the process in `/proc` may have found the thread as well.
        self.tasks.remove_thread(tid);
        let thread = Thread { tid, vtid: facts.task.vtid, comm, process: 0, credentials };
        self.add_thread(slot, thread, Own { files, folder });
    }

    fn add_child_process(&mut self, pid: u32, facts: &ForkFacts, creator: Slot, given: Own) -> Slot {
        let creators = self.tasks.group(creator).version;
        let mut process = self.store.process(creators).cloned().unwrap_or_default();
        process.pid = pid;
        if let Some(folder) = given.folder {
            process.cwd = self.tasks.folders.get(folder).clone();
        }
        apply_task_facts(&mut process, &facts.task);
        process.parent = match self.tasks.process_version(facts.task.ppid) {
            // `CLONE_PARENT` with a parent we never saw: the creator is nearest.
            0 => creators,
            parent => parent,
        };
        self.add_process(process, given)
    }

    pub(super) fn on_exit(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let header = &record.header;
        let plan = self.calls.kernel_plan(KernelEvent::ProcExit, &mut self.store);
        let facts = bytes(record, SECTION_EXIT).and_then(ExitFacts::parse).unwrap_or_default();
        let task = self.task(header.tid, header.tgid);
        let is_narrow = header.flags & FLAG_COMPAT != 0;
        let abi = if is_narrow { self.options.abi.compat() } else { self.options.abi };
        let in_call = syscall(abi, facts.in_call);
        let (code, signal) = (facts.status >> 8 & 0xff, facts.status & 0x7f);
        let args = [
            Arg::Int(u64::from(facts.status)),
            Arg::Int(u64::from(code)),
            Arg::Int(u64::from(signal)),
            Arg::Int(u64::from(facts.status & 0x80 != 0)),
            Arg::Int(u64::from(facts.process_gone)),
            in_call.map_or(Arg::Null, |call| Arg::Bytes(call.name.as_bytes())),
        ];
        let thread = self.thread_version(record.header.tid);
        self.emit(thread, record, cpu, &plan, 0, None, &args, sink);
        self.tasks.remove_thread(header.tid);
        // That the process is gone may be told by the first of several threads that end at once (before Linux 6.16):
        // it is needed until the last has. Should the end of one have been lost, it is forgotten like any other.
        if self.tasks.group(task.process).threads == 0 {
            self.tasks.remove_group(task.process);
        }
    }

    pub(super) fn on_signal(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let plan = self.calls.kernel_plan(KernelEvent::SignalDeliver, &mut self.store);
        let facts = bytes(record, SECTION_SIGNAL).and_then(SignalFacts::parse).unwrap_or_default();
        self.task(record.header.tid, record.header.tgid);
        let args = [
            Arg::Int(u64::from(facts.signal)),
            Arg::Int(i64::from(facts.code) as u64),
            Arg::Int(u64::from(facts.sender_pid)),
            Arg::Int(u64::from(facts.sender_uid)),
            Arg::Null,
            Arg::Null,
        ];
        let thread = self.thread_version(record.header.tid);
        self.emit(thread, record, cpu, &plan, 0, None, &args, sink);
    }

    pub(super) fn on_cgroup_move(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let plan = self.calls.kernel_plan(KernelEvent::CgroupAttach, &mut self.store);
        self.task(record.header.tid, record.header.tgid);
        let moved = record.arg(0).unwrap_or(0);
        let path = bytes(record, SECTION_PATH).map(until_nul);
        if let Some(path) = path {
            self.move_to_cgroup(moved as u32, path);
        }
        let mut args = [Arg::Null; ARGS_MAX];
        args[0] = path.map_or(Arg::Unread(0), Arg::Bytes);
        args[1] = Arg::Int(moved);
        let thread = self.thread_version(record.header.tid);
        self.emit(thread, record, cpu, &plan, 0, None, &args, sink);
    }

    /// The move may be in any one of several hierarchies: a path that names a container counts more than one
    /// that does not, and only a path that says more replaces a known one.
    fn move_to_cgroup(&mut self, tid: u32, path: &[u8]) {
        let slot = match self.tasks.slot(tid) {
            Some(slot) => slot,
            None => match self.tasks.thread(tid) {
                Some(task) => task.process,
                None => return,
            },
        };
        let current = self.store.process(self.tasks.group(slot).version);
        let Some(mut process) = current.cloned() else { return };
        let known = std::mem::take(&mut process.cgroup);
        if process.container != 0 && super::container::from_cgroup_path(path).is_none() {
            return;
        }
        let paths = if path.len() > 1 { [path, &known] } else { [known.as_slice(), path] };
        self.set_container(&mut process, &paths);
        self.change_process(slot, |current| *current = process);
    }
}

/// The path that was given to `execveat`: to the kernel's own it has put the descriptor's name before.
fn without_descriptor(path: &[u8], fd: i32) -> &[u8] {
    match path.strip_prefix(format!("/dev/fd/{fd}").as_bytes()) {
        Some([]) => &[],
        Some([b'/', given @ ..]) => given,
        _ => path,
    }
}

/// Takes over what the kernel said; what it could not say (0) stays as it was.
fn apply_task_facts(process: &mut Process, facts: &TaskFacts) {
    process.ppid = facts.ppid;
    process.pgid = facts.pgid;
    process.sid = facts.sid;
    process.vpid = facts.vpid;
    process.vpgid = facts.vpgid;
    process.tty = facts.tty;
    process.loginuid = facts.loginuid;
    process.comm = until_nul(&facts.comm).to_vec();
    if facts.start_ns != 0 {
        process.start_ns = facts.start_ns;
    }
    for (known, now) in process.namespaces.iter_mut().zip(facts.namespaces) {
        if now != 0 {
            *known = now;
        }
    }
}
