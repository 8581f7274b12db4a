//! Threads, processes and descriptors that were there before us, or whose beginning was lost: read from `/proc`.
//!
//! Each is asked for once, when a record first refers to it. A process that is gone by then stays known by its
//! ids alone.

use std::io;
use std::time::{Duration, Instant};

use capture_format::model::{Container, Descriptor, DescriptorType, Process, Ref, Role, Text, Thread};

use super::container::{self, Found};
use super::files::OpenFile;
use super::fx::{FxMap, FxSet};
use super::procfs::{self, FileSeen, Link, ProcRoot, SocketTable};
use super::tasks::{Group, Own, Slot, Task};
use super::{Tracker, Warning};

/// Ancestors looked up for a process that is new to us: deeper trees than any real one, and a bound should
/// `/proc` show a circle while it changes.
const ANCESTORS_MAX: u32 = 64;

/// Ancestors that a process version keeps in the store. A chain of processes that each start the next and end
/// would otherwise keep all of them.
pub(super) const DEPTH_MAX: u32 = 128;

/// What is asked once and kept.
#[derive(Debug)]
pub(super) struct Discovery {
    /// Namespaces of the host's first process, 0 where they cannot be read.
    pub(super) host_namespaces: [u32; 8],
    /// Sockets by network namespace, when they were read, and how long that took.
    sockets: FxMap<u32, (Instant, Duration, SocketTable)>,
    /// Ports that sockets were found listening on; at most as many as there are ports.
    listening: FxSet<u16>,
    /// Processes that were gone when last looked for, and the time from which no event of theirs can come.
    ended: Option<(u64, Vec<(u32, Ref)>)>,
    /// Processes from which on they are looked for again.
    count_at: usize,
}

/// How often the sockets of a namespace are read at most. A host has up to millions, and reading them for each
/// one that is new to us, after a loss, would make us lose more.
const SOCKETS_AGE_MIN: Duration = Duration::from_secs(1);

/// Reading them takes at most this part of the time: the kernel walks all of its hash table, which is large on a
/// large machine however few sockets there are.
const SOCKETS_COST_SHARE: u32 = 100;

/// Processes below which nobody looks for those whose end was lost.
const PROCESSES_MIN: usize = 4096;

/// How long after its end a process's last event may still be ordered behind others.
const LAST_EVENT_NS: u64 = 1_000_000_000;

impl Discovery {
    pub(super) fn new(proc: &ProcRoot) -> Self {
        Discovery {
            host_namespaces: proc.host_namespaces(),
            sockets: FxMap::default(),
            listening: FxSet::default(),
            ended: None,
            count_at: PROCESSES_MIN,
        }
    }
}

impl Tracker {
    /// Reads users, groups and, unless the options say not to, every process from `/proc`.
    pub fn read_start_state(&mut self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        self.read_users(&mut warnings);
        if self.options.skip_start_scan {
            return warnings;
        }
        let pids = self.proc.pids().unwrap_or_else(|error| {
            warnings.push(Warning {
                subject: format!("processes in {}", self.options.proc_root.display()),
                reason: format!("{error}; those that run already show no names until they exec"),
            });
            Vec::new()
        });
        let (mut refused, mut examined) = (Vec::new(), 0);
        let mut last_error = None;
        for pid in pids {
            examined += 1;
            if let Err(error) = self.read_whole_process(pid) {
                refused.push(pid);
                last_error = Some(error);
            }
        }
        if let Some(error) = last_error {
            let subject = match refused.as_slice() {
                [pid] => format!("descriptors of process {pid}"),
                _ => format!("descriptors of {} of {examined} processes", refused.len()),
            };
            let advice = if procfs::may_trace() { "" } else { " (CAP_SYS_PTRACE is missing)" };
            let reason = format!("{error}; files open there already show no names{advice}");
            warnings.push(Warning { subject, reason });
        }
        self.drop_socket_tables();
        warnings
    }

    /// Reads one process with all its threads: the command that is about to be followed.
    pub fn read_process(&mut self, pid: u32) {
        // What cannot be read is left empty; the caller has just started it and has nothing to add.
        let _ = self.read_whole_process(pid);
        self.drop_socket_tables();
    }

    /// A process with threads and descriptors; the error is that of listing descriptors.
    fn read_whole_process(&mut self, pid: u32) -> io::Result<()> {
        let Some(slot) = self.discover_process(pid, ANCESTORS_MAX) else { return Ok(()) };
        for tid in self.proc.tids(pid) {
            if self.tasks.thread(tid).is_none()
                && let Some(thread) = self.proc.thread(pid, tid)
            {
                self.add_thread(slot, thread, Own::default());
            }
        }
        match self.read_files(pid, slot) {
            // Kernel threads and processes that have just ended have no table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Whether there are so many processes that the ends of some must have been lost, or such are known.
    #[inline]
    pub(super) fn has_ended_processes(&self, time_ns: u64) -> bool {
        match &self.discovery.ended {
            Some((after_ns, _)) => time_ns > *after_ns,
            None => self.tasks.group_count() > self.discovery.count_at,
        }
    }

    /// Forgets a process once all events from before this moment have come.
    pub(super) fn forget_later(&mut self, pid: u32) {
        let Some(slot) = self.tasks.slot(pid) else { return };
        let after_ns = procfs::boot_time_ns() + LAST_EVENT_NS;
        let (until_ns, ended) = self.discovery.ended.get_or_insert_with(|| (after_ns, Vec::new()));
        *until_ns = after_ns;
        ended.push((pid, self.tasks.group(slot).version));
    }

    /// Forgets processes whose end was lost, in two steps: those that `/proc` does not show are noted, and when
    /// all events from before that moment have come they are removed.
    pub(super) fn forget_ended_processes(&mut self) {
        if let Some((_, ended)) = self.discovery.ended.take() {
            for (pid, version) in ended {
                // One that has a newer version may be another process with this id.
                if let Some(slot) =
                    self.tasks.slot(pid).filter(|slot| self.tasks.group(*slot).version == version)
                {
                    self.tasks.remove_group(slot);
                }
            }
            self.discovery.count_at = PROCESSES_MIN.max(self.tasks.group_count() * 2);
            return;
        }
        self.discovery.count_at = self.tasks.group_count() * 2;
        let Ok(pids) = self.proc.pids() else { return };
        let alive: FxSet<u32> = pids.into_iter().collect();
        let ended = self.tasks.groups().filter(|group| !alive.contains(&group.pid));
        let ended = ended.map(|group| (group.pid, group.version)).collect();
        self.discovery.ended = Some((procfs::boot_time_ns() + LAST_EVENT_NS, ended));
    }

    fn read_users(&mut self, warnings: &mut Vec<Warning>) {
        let mut read = |path: &str| {
            self.proc.read_host_file(path).or_else(|_| std::fs::read(path)).unwrap_or_else(|error| {
                let reason = format!("{error}; ids show no names");
                warnings.push(Warning { subject: path.to_owned(), reason });
                Vec::new()
            })
        };
        let (passwd, group) = (read("/etc/passwd"), read("/etc/group"));
        self.store.set_users(procfs::users(&passwd), procfs::groups(&group));
    }

    /// Adds a thread that is not known, as `/proc` shows it now.
    pub(super) fn discover_thread(&mut self, tid: u32, pid: u32) -> Task {
        // Another process had this id and its end was lost.
        self.tasks.remove_thread(tid);
        let slot = match self.tasks.slot(pid) {
            Some(slot) => slot,
            None => match self.discover_process(pid, ANCESTORS_MAX) {
                Some(slot) => {
                    // A table that cannot be read leaves its descriptors to be found one by one.
                    let _ = self.read_files(pid, slot);
                    slot
                }
                None => self.add_unknown_process(pid),
            },
        };
        let thread = self.proc.thread(pid, tid).unwrap_or_else(|| {
            let process = self.store.process(self.tasks.group(slot).version);
            let comm = process.map(|process| process.comm.clone()).unwrap_or_default();
            Thread { tid, vtid: tid, comm, ..Thread::default() }
        });
        self.add_thread(slot, thread, Own::default())
    }

    /// Adds a thread to a process, all of whose things it shares but those that are given.
    pub(super) fn add_thread(&mut self, slot: Slot, mut thread: Thread, own: Own) -> Task {
        let process_version = self.tasks.group(slot).version;
        thread.process = process_version;
        let tid = thread.tid;
        let version = self.store.add_thread(thread);
        let task = Task { tid, version, process_version, process: slot, own };
        self.tasks.add_thread(tid, task);
        task
    }

    /// The process with this id, from `/proc` if it is not known; `None` when there is none.
    pub(super) fn discover_process(&mut self, pid: u32, ancestors: u32) -> Option<Slot> {
        if let Some(slot) = self.tasks.slot(pid) {
            return Some(slot);
        }
        if pid == 0 || ancestors == 0 {
            return None;
        }
        let mut seen = self.proc.process(pid)?;
        seen.process.parent = match self.discover_process(seen.process.ppid, ancestors - 1) {
            Some(parent) => self.tasks.group(parent).version,
            None => 0,
        };
        let paths: Vec<&[u8]> = seen.cgroups.iter().map(Vec::as_slice).collect();
        self.set_container(&mut seen.process, &paths);
        // While the ancestors were read this one may have been found as well.
        Some(self.tasks.slot(pid).unwrap_or_else(|| self.add_process(seen.process, Own::default())))
    }

    fn add_unknown_process(&mut self, pid: u32) -> Slot {
        let process = Process { pid, vpid: pid, loginuid: u32::MAX, ..Process::default() };
        self.add_process(process, Own::default())
    }

    /// Adds a process with what is given; it gets a table of descriptors, an empty one, and a working directory of its own
    /// if those are not.
    pub(super) fn add_process(&mut self, mut process: Process, given: Own) -> Slot {
        let files = given.files.unwrap_or_else(|| self.tasks.files.create());
        let folder = given.folder.unwrap_or_else(|| self.tasks.folders.create(process.cwd.clone()));
        let depth = self.bound_ancestors(&mut process);
        let pid = process.pid;
        let version = self.store.add_process(process);
        self.tasks.add_group(Group { pid, version, threads: 0, depth, files, folder })
    }

    /// The depth of a process in the tree. At [`DEPTH_MAX`] it is cut off from its ancestors.
    pub(super) fn bound_ancestors(&self, process: &mut Process) -> u32 {
        let depth_of = |version: Ref| {
            let parent = self.store.process(version)?;
            let slot = self.tasks.slot(parent.pid)?;
            Some(self.tasks.group(slot).depth)
        };
        let mut ancestor = process.parent;
        let mut steps = 1;
        // The parent is alive in nearly every case, so this is one step.
        while ancestor != 0 {
            if let Some(depth) = depth_of(ancestor) {
                let depth = depth + steps;
                if depth >= DEPTH_MAX {
                    process.parent = 0;
                    return 0;
                }
                return depth;
            }
            ancestor = self.store.process(ancestor).map_or(0, |process| process.parent);
            steps += 1;
        }
        steps
    }

    /// Sets cgroup and container of a process from its paths in the hierarchies, the v2 one first.
    pub(super) fn set_container(&mut self, process: &mut Process, paths: &[&[u8]]) {
        let isolated = [2, 3].iter().all(|&at| {
            let (own, host) = (process.namespaces[at], self.discovery.host_namespaces[at]);
            own != 0 && host != 0 && own != host
        });
        let find = |path: &&[u8]| -> Option<(Text, Found)> {
            let found = match isolated {
                true => container::from_isolated_cgroup_path(path),
                false => container::from_cgroup_path(path),
            };
            Some((path.to_vec(), found?))
        };
        match paths.iter().find_map(find) {
            Some((path, found)) => {
                process.cgroup = path;
                process.container = self.store.container_ref(Container {
                    full_id: found.full_id,
                    runtime: found.runtime.to_owned(),
                    pod_uid: found.pod_uid,
                    ..Container::default()
                });
            }
            None => {
                // The root of one hierarchy tells less than any path in another.
                let telling = paths.iter().find(|path| path.len() > 1).or(paths.first());
                process.cgroup = telling.map(|path| path.to_vec()).unwrap_or_default();
                process.container = 0;
            }
        }
    }

    fn read_files(&mut self, pid: u32, slot: Slot) -> io::Result<()> {
        let files = self.seen_files(pid, slot)?;
        let table = self.tasks.group(slot).files;
        for (fd, file) in files {
            self.tasks.files.amend(table, fd, file);
        }
        Ok(())
    }

    /// The open descriptors of a process as `/proc` shows them now.
    pub(super) fn seen_files(&mut self, pid: u32, slot: Slot) -> io::Result<Vec<(u32, OpenFile)>> {
        let (mut through, mut files) = (pid, self.proc.files(pid)?);
        if files.is_empty() {
            through = self.proc.living_thread(pid);
            if through != pid {
                files = self.proc.files(through)?;
            }
        }
        let open_file = |seen: FileSeen| {
            let (fd, cloexec) = (seen.fd, seen.cloexec);
            (fd, OpenFile { descriptor: self.intern_seen(through, slot, seen), cloexec })
        };
        Ok(files.into_iter().map(open_file).collect())
    }

    /// The number of a descriptor that was found through the entry of this task.
    fn intern_seen(&mut self, through: u32, slot: Slot, seen: FileSeen) -> Ref {
        let is_socket = matches!(seen.link, Link::Socket(_));
        let object = seen.object;
        let mut descriptor = self.seen_descriptor(through, slot, seen);
        let label = object.and_then(|object| self.object_label(object));
        if let (DescriptorType::Bpf, Some(label)) = (descriptor.kind, &label) {
            descriptor.name_raw.clone_from(label);
        }
        let number = self.store.intern(descriptor);
        if let (Some(object), Some(_)) = (object, label) {
            self.hold_object(number, object);
        }
        if is_socket
            && let (Some(process), Some(socket)) =
                (self.store.process(self.tasks.group(slot).version), self.store.descriptor(number))
        {
            self.connections.found(socket, process.namespaces[4], process.pid, number);
        }
        number
    }

    fn seen_descriptor(&mut self, pid: u32, slot: Slot, seen: FileSeen) -> Descriptor {
        let ino = match seen.link {
            Link::Known(descriptor) => return descriptor,
            Link::Socket(ino) => ino,
        };
        if let Some(descriptor) = self.proc.socket(pid, seen.fd, ino) {
            return self.with_role(descriptor);
        }
        let process = self.store.process(self.tasks.group(slot).version);
        let namespace = process.map_or(0, |process| process.namespaces[4]);
        let proc = &self.proc;
        let read = || {
            let begin = Instant::now();
            let sockets = proc.sockets(pid);
            (Instant::now(), begin.elapsed(), sockets)
        };
        let (read_at, cost, sockets) = self.discovery.sockets.entry(namespace).or_insert_with(read);
        if read_at.elapsed() > SOCKETS_AGE_MIN.max(*cost * SOCKETS_COST_SHARE) {
            (*read_at, *cost, *sockets) = read();
        }
        let unknown = Descriptor { kind: DescriptorType::Socket, ino, ..Descriptor::default() };
        sockets.get(&ino).cloned().unwrap_or(unknown)
    }

    /// A socket with who called whom on it. One that listens, seen before or in the same process, says more than
    /// the numbers of the ports.
    fn with_role(&mut self, mut socket: Descriptor) -> Descriptor {
        let listening = &mut self.discovery.listening;
        match socket.role {
            Role::Server if !socket.connected => _ = listening.insert(socket.local.port),
            _ if !socket.connected => {}
            _ if listening.contains(&socket.local.port) => socket.role = Role::Server,
            _ if listening.contains(&socket.remote.port) => socket.role = Role::Client,
            _ => {}
        }
        socket
    }

    /// Frees what is only needed while many descriptors are looked up.
    pub(super) fn drop_socket_tables(&mut self) {
        self.discovery.sockets = FxMap::default();
    }

    /// Asks `/proc` for a descriptor that is open but not known. Whatever it says should be kept, so that it is
    /// asked once.
    pub(super) fn find_file(&mut self, task: &Task, fd: u32) -> OpenFile {
        // The thread may have a table of its own, and the first thread of its process may have ended.
        let through = if self.proc.has(task.tid) { task.tid } else { self.tasks.group(task.process).pid };
        let Ok(seen) = self.proc.file(through, fd) else { return OpenFile::default() };
        let cloexec = seen.cloexec;
        OpenFile { descriptor: self.intern_seen(through, task.process, seen), cloexec }
    }
}
