//! Tampering: calls of others that reach for the recording itself, told behind the event of the call.
//!
//! What is ours stands in [`Own`]. A call is compared with it by what the kernel took, as far as that is known: ids of
//! objects, the inode of what was opened, and for calls that name a file the path. Whoever has got hold of something of
//! ours is followed by the descriptor, however it was passed on. Start at [`Tracker::on_tamper`].

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use capture_format::model::{Arg, Credentials, Descriptor, DescriptorType, Event, Ref};
use capture_format::schema::KernelEvent;
use wire::Record;
use wire::record::FLAG_NO_RESULT;

use crate::own::{ObjectKind, Own, OwnFile};

use super::calls::{ARGS_MAX, Call};
use super::files::OpenFile;
use super::fx::FxMap;
use super::procfs::{FileSeen, Link, ProcRoot};
use super::tasks::Task;
use super::{Sink, Tracker, Upkeep, path};

/// How a call may reach what is ours; the numbers are those of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    Bpf,
    /// A signal to a process or thread, or to several.
    Signal {
        to: u8,
        signal: u8,
    },
    PidfdSignal,
    Trace,
    /// Memory of a process is written.
    Memory,
    /// What a process may use is changed; without this argument it is only asked for.
    Limit {
        new: Option<u8>,
    },
    /// The same where argument 0 says whether 1 is a process, a group or a user: the number of the first of these.
    Priority {
        process: i32,
    },
    TakeDescriptor,
    /// A file is opened; the flags are in an argument, or in the structure that it points to.
    Open {
        path: u8,
        flags: Option<u8>,
    },
    /// What a descriptor leads to is written, or cut.
    Write {
        fd: u8,
        how: &'static str,
    },
    Map,
    Truncate,
    Remove {
        at: bool,
    },
    Rename {
        at: bool,
    },
}

impl Watch {
    pub(super) fn of_call(name: &str) -> Option<Self> {
        Some(match name {
            "bpf" => Watch::Bpf,
            "kill" | "tkill" | "rt_sigqueueinfo" => Watch::Signal { to: 0, signal: 1 },
            "tgkill" | "rt_tgsigqueueinfo" => Watch::Signal { to: 1, signal: 2 },
            "pidfd_send_signal" => Watch::PidfdSignal,
            "ptrace" => Watch::Trace,
            "process_vm_writev" => Watch::Memory,
            "prlimit64" => Watch::Limit { new: Some(2) },
            "sched_setparam" | "sched_setscheduler" | "sched_setattr" | "sched_setaffinity" => {
                Watch::Limit { new: None }
            }
            "setpriority" => Watch::Priority { process: 0 },
            "ioprio_set" => Watch::Priority { process: 1 },
            "pidfd_getfd" => Watch::TakeDescriptor,
            "open" => Watch::Open { path: 0, flags: Some(1) },
            "creat" => Watch::Open { path: 0, flags: None },
            "openat" | "openat2" | "open_by_handle_at" => Watch::Open { path: 1, flags: Some(2) },
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "sendfile" | "sendfile64"
            | "vmsplice" => Watch::Write { fd: 0, how: "file_written" },
            "copy_file_range" | "splice" => Watch::Write { fd: 2, how: "file_written" },
            "fallocate" => Watch::Write { fd: 0, how: "file_written" },
            "ftruncate" | "ftruncate64" => Watch::Write { fd: 0, how: "file_truncated" },
            "mmap" | "mmap2" => Watch::Map,
            "truncate" | "truncate64" => Watch::Truncate,
            "unlink" => Watch::Remove { at: false },
            "unlinkat" => Watch::Remove { at: true },
            "rename" => Watch::Rename { at: false },
            "renameat" | "renameat2" => Watch::Rename { at: true },
            _ => return None,
        })
    }
}

/// Whether a call that nobody wants to see must be looked at for tampering. Of calls on files, which are many, those that
/// succeed; what is written through a descriptor is seen where writing is recorded, and the opening of it always.
pub fn guard(name: &str) -> Upkeep {
    match Watch::of_call(name) {
        None | Some(Watch::Write { how: "file_written", .. } | Watch::Map) => Upkeep::None,
        Some(
            Watch::Open { .. }
            | Watch::Write { .. }
            | Watch::Truncate
            | Watch::Remove { .. }
            | Watch::Rename { .. },
        ) => Upkeep::OnSuccess,
        Some(_) => Upkeep::Always,
    }
}

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

/// What a descriptor of somebody else leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    Object(ObjectKind, u32),
    File(OwnFile),
    Memory,
    /// What writing there changes.
    Setting(Vec<u8>),
}

/// What is ours, and who holds what of it.
#[derive(Debug)]
pub(super) struct Guarded {
    own: Own,
    /// The agent in its own pid namespace, the namespace, and that of the host.
    vpid: u32,
    pid_namespace: u32,
    host_pid_namespace: u32,
    mount_namespace: u32,
    pgid: u32,
    vpgid: u32,
    credentials: Credentials,
    /// By the number of the descriptor.
    held: FxMap<Ref, Held>,
    /// Files as of so many changes.
    files: Vec<OwnFile>,
    files_changes: u64,
}

/// Descriptors that are remembered: what is beyond them is told when it is opened only.
const HELD_MAX: usize = 4096;

/// What one process did to one thing.
struct Found {
    how: &'static str,
    object: Vec<u8>,
    id: u64,
    signal: u32,
    descriptor: Ref,
}

const O_ACCMODE: i32 = libc::O_ACCMODE;
const RENAME_EXCHANGE: i32 = 2;
const CAP_KILL: u64 = 1 << 5;

/// `PTRACE_*` of include/uapi/linux/ptrace.h and of the machines.
const ATTACHING: [i32; 2] = [16, 0x4206];
/// POKETEXT, POKEDATA, POKEUSR, SETREGS, SETFPREGS, SETFPXREGS, SETSIGINFO, SETREGSET.
const POKING: [i32; 8] = [4, 5, 6, 13, 15, 19, 0x4203, 0x4205];
const KILLING: i32 = 8;

/// Files of a control group by which its processes are stopped, ended or starved.
const CGROUP_FILES: [&[u8]; 11] = [
    b"cgroup.freeze",
    b"cgroup.kill",
    b"cpu.cfs_quota_us",
    b"cpu.max",
    b"cpuset.cpus",
    b"freezer.state",
    b"memory.high",
    b"memory.limit_in_bytes",
    b"memory.max",
    b"io.max",
    b"cpu.weight",
];

impl Guarded {
    pub(super) fn new(own: Own, proc: &ProcRoot, host_namespaces: &[u32; 8]) -> Self {
        let seen = (own.pid != 0).then(|| proc.process(own.pid)).flatten().unwrap_or_default().process;
        let thread = (own.pid != 0).then(|| proc.thread(own.pid, own.pid)).flatten().unwrap_or_default();
        Guarded {
            vpid: if seen.vpid == 0 { own.pid } else { seen.vpid },
            pid_namespace: seen.namespaces[3],
            host_pid_namespace: host_namespaces[3],
            mount_namespace: seen.namespaces[2],
            pgid: seen.pgid,
            vpgid: seen.vpgid,
            credentials: thread.credentials,
            held: FxMap::default(),
            files: Vec::new(),
            files_changes: 0,
            own,
        }
    }

    fn is_on(&self) -> bool {
        self.own.pid != 0
    }

    /// The name of an object of ours.
    fn object(&self, kind: ObjectKind, id: u32) -> Option<Vec<u8>> {
        let name = self.own.objects.get(&(kind, id))?;
        Some(format!("{}:{name}", kind.name()).into_bytes())
    }

    fn hold(&mut self, descriptor: Ref, held: Held) {
        if self.held.len() >= HELD_MAX {
            self.held.clear();
        }
        self.held.insert(descriptor, held);
    }

    /// The files as they are called now.
    fn files(&mut self) -> &[OwnFile] {
        let changes = self.own.files.changes();
        if changes != self.files_changes {
            self.files_changes = changes;
            self.files = self.own.files.list();
        }
        &self.files
    }

    fn file_of_inode(&mut self, dev: u32, ino: u64) -> Option<OwnFile> {
        self.files().iter().find(|file| file.ino == ino && file.dev == dev).cloned()
    }

    /// The file that has this name, also through links of folders.
    fn file_of_path(&mut self, name: &[u8]) -> Option<OwnFile> {
        let (folder, last) = split(name)?;
        let files = self.files();
        if let Some(file) = files.iter().find(|file| file.path == name) {
            return Some(file.clone());
        }
        // Most calls end here: they are about files with other names.
        if !files.iter().any(|file| split(&file.path).is_some_and(|(_, own)| own == last)) {
            return None;
        }
        let folder = fs::canonicalize(Path::new(OsStr::from_bytes(folder))).ok()?;
        let name = folder.join(OsStr::from_bytes(last));
        self.files().iter().find(|file| file.path == name.as_os_str().as_bytes()).cloned()
    }

    /// Files below a folder.
    fn files_below(&mut self, folder: &[u8]) -> Vec<OwnFile> {
        let is_below = |file: &&OwnFile| {
            let rest = file.path.strip_prefix(folder);
            !folder.is_empty() && rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        self.files().iter().filter(is_below).cloned().collect()
    }
}

fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|&byte| byte == b'/')?;
    Some((&path[..slash.max(1)], &path[slash + 1..]))
}

fn capture(file: &OwnFile) -> Vec<u8> {
    [b"capture:", file.path.as_slice()].concat()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

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

    fn found(&mut self, watch: Watch, call: &Call<'_, '_>, task: &Task, descriptor: Ref) -> VecDeque<Found> {
        let mut found = VecDeque::new();
        match watch {
            Watch::Bpf => found.extend(self.bpf_on_ours(call, task, descriptor)),
            Watch::Signal { to, signal } => {
                let signal = call.int(signal) as u32;
                if signal != 0 && self.signal_reaches_us(call, task, call.int(to)) {
                    found.push_back(self.of_agent("signalled", signal));
                }
            }
            Watch::PidfdSignal => {
                let signal = call.int(1) as u32;
                if signal != 0 && self.is_our_pidfd(task, descriptor) {
                    found.push_back(self.of_agent("signalled", signal));
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
                    found.push_back(self.of_agent(how, signal));
                }
            }
            Watch::Memory if self.means_us(task, call.int(0)) => {
                found.push_back(self.of_agent("memory_written", 0));
            }
            Watch::Limit { new }
                if new.is_none_or(|at| call.raw(at) != 0) && self.means_us(task, call.int(0)) =>
            {
                found.push_back(self.of_agent("limits_changed", 0));
            }
            Watch::Priority { process } => {
                let is_ours = match call.int(0) - process {
                    0 => self.means_us(task, call.int(1)),
                    1 => self.means_our_group(task, call.int(1)),
                    2 => self.guarded.credentials.uid == self.user_meant(task, call.int(1)),
                    _ => false,
                };
                if is_ours {
                    found.push_back(self.of_agent("limits_changed", 0));
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
                    found.push_back(of_file("file_removed", &file));
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

    /// Whether a process means the agent, or a thread of it, by this number.
    fn means_us(&self, task: &Task, number: i32) -> bool {
        let Some(number) = u32::try_from(number).ok().filter(|&number| number != 0) else { return false };
        let guarded = &self.guarded;
        if self.counts_as_host(task) {
            return number == guarded.own.pid || self.is_our_thread(number);
        }
        self.counts_as_we(task) && number == guarded.vpid
    }

    fn is_our_thread(&self, tid: u32) -> bool {
        // Our own threads come and go unrecorded. Those of others are known, in most cases.
        let is_other = self.tasks.thread(tid).is_some_and(|known| {
            let pid = self.tasks.group(known.process).pid;
            pid != self.guarded.own.pid
        });
        !is_other && self.proc.path(self.guarded.own.pid, &format!("task/{tid}")).exists()
    }

    fn pid_namespace(&self, task: &Task) -> u32 {
        self.process_of(task).map_or(0, |process| process.namespaces[3])
    }

    fn counts_as_host(&self, task: &Task) -> bool {
        let namespace = self.pid_namespace(task);
        namespace == 0 || self.guarded.host_pid_namespace == 0 || namespace == self.guarded.host_pid_namespace
    }

    fn counts_as_we(&self, task: &Task) -> bool {
        self.pid_namespace(task) == self.guarded.pid_namespace
    }

    /// Whether a process means the agent's group; 0 is its own.
    fn means_our_group(&self, task: &Task, group: i32) -> bool {
        let own = self.process_of(task).map_or(0, |process| process.pgid);
        if group == 0 {
            return own != 0 && own == self.guarded.pgid;
        }
        let pgid = if self.counts_as_host(task) {
            self.guarded.pgid
        } else if self.counts_as_we(task) {
            self.guarded.vpgid
        } else {
            0
        };
        pgid != 0 && u32::try_from(group) == Ok(pgid)
    }

    fn user_meant(&self, task: &Task, user: i32) -> u32 {
        let own = || self.store.thread(task.version).map_or(u32::MAX, |thread| thread.credentials.uid);
        if user == 0 { own() } else { user as u32 }
    }

    fn signal_reaches_us(&self, call: &Call<'_, '_>, task: &Task, to: i32) -> bool {
        match to {
            1.. => self.means_us(task, to),
            // Of several receivers the result does not say which it reached.
            _ if !call.succeeded() || !self.may_signal(task) => false,
            0 => self.means_our_group(task, 0),
            -1 => self.counts_as_host(task) || self.counts_as_we(task),
            _ => self.means_our_group(task, to.saturating_neg()),
        }
    }

    fn may_signal(&self, task: &Task) -> bool {
        let Some(thread) = self.store.thread(task.version) else { return true };
        let (theirs, ours) = (&thread.credentials, &self.guarded.credentials);
        theirs.cap_effective & CAP_KILL != 0
            || [theirs.uid, theirs.euid].iter().any(|uid| [ours.uid, ours.suid].contains(uid))
    }

    /// Whether a pidfd is of the agent.
    fn is_our_pidfd(&self, task: &Task, pidfd: Ref) -> bool {
        let Some(descriptor) = self.store.descriptor(pidfd) else { return false };
        let pid = std::str::from_utf8(&descriptor.name).ok().and_then(|name| name.parse().ok());
        // A pidfd that was passed on has the number that its maker knew.
        descriptor.kind == DescriptorType::Pidfd
            && pid.is_some_and(|pid| pid as u32 == self.guarded.own.pid || self.means_us(task, pid))
    }

    /// A call of `bpf` that opened an object of ours, or worked on one.
    fn bpf_on_ours(&mut self, call: &Call<'_, '_>, task: &Task, descriptor: Ref) -> Option<Found> {
        let attributes = call.bytes(1).unwrap_or_default();
        let (fds, how): (&[usize], _) = match call.int(0) {
            2 | 3 | 21 => (&[0], "map_changed"),
            25..=27 => (&[36], "map_changed"),
            22 => (&[0], "map_frozen"),
            6 => (&[8], "object_pinned"),
            8 => (&[4], "program_used"),
            10 | 28 => (&[0], "program_used"),
            17 => (&[8], "program_used"),
            35 => (&[0, 4], "program_used"),
            29 => (&[0, 4], "link_changed"),
            34 => (&[0], "link_changed"),
            command => {
                let kind = kind_opened_by(command);
                let by_id = || Some((kind?, word(attributes, 0)?));
                let by_fd = match self.guarded.held.get(&descriptor) {
                    Some(Held::Object(kind, id)) if matches!(command, 7 | 13 | 14 | 30) => Some((*kind, *id)),
                    _ => None,
                };
                let (kind, id) = by_fd.or_else(by_id)?;
                let object = self.guarded.object(kind, id)?;
                let how = match kind {
                    ObjectKind::Map => "map_opened",
                    ObjectKind::Program => "program_opened",
                    ObjectKind::Link => "link_opened",
                };
                return Some(Found { how, object, id: u64::from(id), signal: 0, descriptor });
            }
        };
        fds.iter().find_map(|&at| {
            let descriptor = self.descriptor_of(task, word(attributes, at), 0);
            let Some(&Held::Object(kind, id)) = self.guarded.held.get(&descriptor) else { return None };
            let object = self.guarded.object(kind, id)?;
            Some(Found { how, object, id: u64::from(id), signal: 0, descriptor })
        })
    }

    /// The object of ours that a call of `bpf` has just opened, as the kernel shows it, or as the call asked for it.
    /// The attributes may have been changed by another thread; the descriptor may have been closed by then.
    pub(super) fn object_opened(&self, task: &Task, call: &Call<'_, '_>) -> Option<(ObjectKind, u32)> {
        let command = call.int(0);
        if !self.guarded.is_on() || !matches!(command, 7 | 13 | 14 | 30) {
            return None;
        }
        let is_ours = |object: &(ObjectKind, u32)| self.guarded.own.objects.contains_key(object);
        let asked =
            kind_opened_by(command).and_then(|kind| Some((kind, word(call.bytes(1)?, 0)?))).filter(is_ours);
        asked.or_else(|| {
            let seen = self.proc.file(task.tid, call.result_fd()?).ok()?;
            seen.object.filter(is_ours)
        })
    }

    /// The number of a descriptor that leads to an object of ours.
    pub(super) fn hold_object(&mut self, descriptor: Ref, object: (ObjectKind, u32)) {
        self.guarded.hold(descriptor, Held::Object(object.0, object.1));
    }

    /// How a descriptor that leads to an object of ours is labelled.
    pub(super) fn object_label(&self, object: (ObjectKind, u32)) -> Option<Vec<u8>> {
        self.guarded.object(object.0, object.1)
    }

    /// A descriptor of the agent was copied into another process.
    fn descriptor_taken(&mut self, call: &Call<'_, '_>, task: &Task) -> Option<Found> {
        let pidfd = self.descriptor_of(task, call.fd(0), 0);
        if !self.is_our_pidfd(task, pidfd) {
            return None;
        }
        let fd = call.fd(1)?;
        let mut found = self.of_agent("descriptor_taken", 0);
        let Ok(seen) = self.proc.file(self.guarded.own.pid, fd) else { return Some(found) };
        let FileSeen { link, object, .. } = seen;
        let mut held = None;
        if let Some(object) = object
            && let Some(name) = self.object_label(object)
        {
            (found.object, found.id) = (name, u64::from(object.1));
            held = Some(Held::Object(object.0, object.1));
        }
        if let Link::Known(mut descriptor) = link {
            if let Some(file) = self.guarded.file_of_inode(descriptor.dev, descriptor.ino) {
                (found.object, found.id) = (capture(&file), file.ino);
                held = Some(Held::File(file));
            }
            if matches!(held, Some(Held::Object(..))) {
                descriptor.name_raw.clone_from(&found.object);
            }
            let descriptor = self.store.intern(descriptor);
            if let (true, Some(fd)) = (call.succeeded(), call.result_fd()) {
                let table = self.tasks.table(task);
                self.tasks.files.amend(table, fd, OpenFile { descriptor, cloexec: true });
            }
            if let Some(held) = held {
                self.guarded.hold(descriptor, held);
            }
            found.descriptor = descriptor;
        }
        Some(found)
    }

    fn opened_ours(
        &mut self,
        call: &Call<'_, '_>,
        task: &Task,
        descriptor: Ref,
        path: u8,
        flags: Option<u8>,
    ) -> Option<Found> {
        let flags = match flags {
            None => libc::O_WRONLY | libc::O_TRUNC,
            // `openat2` has them in front of a structure.
            Some(at) => {
                call.bytes(at).and_then(|how| word(how, 0)).map_or_else(|| call.int(at), |word| word as i32)
            }
        };
        let writes = flags & O_ACCMODE != libc::O_RDONLY || flags & libc::O_TRUNC != 0;
        if !writes || flags & libc::O_PATH != 0 {
            return None;
        }
        let opened = self.store.descriptor(descriptor)?;
        let (dev, ino) = (opened.dev, opened.ino);
        let how = if flags & libc::O_TRUNC != 0 { "file_truncated" } else { "file_opened" };
        if call.succeeded()
            && ino != 0
            && let Some(file) = self.guarded.file_of_inode(dev, ino)
        {
            let found = Found { descriptor, ..of_file(how, &file) };
            self.guarded.hold(descriptor, Held::File(file));
            return Some(found);
        }
        let name = self.store.descriptor(descriptor)?.name.clone();
        if let Some((how, held)) = self.settings_opened(task, &name) {
            let mut found = Found { descriptor, ..self.of_agent(how, 0) };
            if let Held::Setting(object) = &held {
                found.object.clone_from(object);
            }
            if call.succeeded() {
                self.guarded.hold(descriptor, held);
            }
            return Some(found);
        }
        if !self.shares_our_mounts(task) {
            return None;
        }
        let file = self.guarded.file_of_path(&name)?;
        // Another file may stand under the name meanwhile. Where the numbers of a file are not those that its file system
        // shows, as on overlays, the name must do.
        let is_another = call.succeeded() && ino != 0 && dev == file.dev && ino != file.ino;
        if is_another || call.bytes(path).is_none() {
            return None;
        }
        if call.succeeded() {
            self.guarded.hold(descriptor, Held::File(file.clone()));
        }
        Some(Found { descriptor, ..of_file(how, &file) })
    }

    /// What is changed of the agent by writing to a file with this name.
    fn settings_opened(&self, task: &Task, name: &[u8]) -> Option<(&'static str, Held)> {
        let (folder, last) = split(name)?;
        if CGROUP_FILES.contains(&last) && self.is_our_cgroup(folder) {
            return Some(("cgroup_opened", Held::Setting([b"cgroup:".as_slice(), name].concat())));
        }
        // `/proc/PID/..`, `/proc/PID/attr/..` or `/proc/PID/task/TID/..`, wherever a procfs is mounted.
        let mut parts = name.split(|&byte| byte == b'/').skip_while(|part| *part != b"proc").skip(1);
        let pid = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
        if !self.means_us(task, pid) {
            return None;
        }
        match last {
            b"mem" => Some(("memory_opened", Held::Memory)),
            // Descriptors lead elsewhere.
            _ if parts.next() == Some(b"fd") => None,
            _ => Some(("settings_opened", Held::Setting([b"agent:".as_slice(), last].concat()))),
        }
    }

    /// Whether a folder is one of the agent's control groups or one above, but for the roots.
    fn is_our_cgroup(&self, folder: &[u8]) -> bool {
        let text = fs::read(self.proc.path(self.guarded.own.pid, "cgroup")).unwrap_or_default();
        text.split(|&byte| byte == b'\n').any(|line| {
            let mut parts = line.splitn(3, |&byte| byte == b':');
            let (Some(number), Some(controllers), Some(own)) = (parts.next(), parts.next(), parts.next())
            else {
                return false;
            };
            let Some(below) = folder.strip_prefix(b"/sys/fs/cgroup") else { return false };
            let is_on_path = |group: &[u8]| {
                let rest = own.strip_prefix(group);
                group.len() > 1 && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            };
            let mounts = controllers.split(|&byte| byte == b',');
            let mounts = mounts.map(|name| name.strip_prefix(b"name=").unwrap_or(name));
            let mut mounts = mounts.chain([controllers, b"unified"]).filter(|name| !name.is_empty());
            (number == b"0" && is_on_path(below))
                || mounts.any(|name| {
                    let below = below.strip_prefix(b"/").and_then(|below| below.strip_prefix(name));
                    below.is_some_and(is_on_path)
                })
        })
    }

    fn written_ours(
        &mut self,
        call: &Call<'_, '_>,
        task: &Task,
        fd: u8,
        how: &'static str,
        mut descriptor: Ref,
    ) -> Option<Found> {
        if fd != 0 {
            descriptor = self.descriptor_of(task, call.fd(fd), call.header().result);
        }
        let file = match self.guarded.held.get(&descriptor) {
            Some(Held::File(file)) => file.clone(),
            Some(Held::Memory) => return Some(Found { descriptor, ..self.of_agent("memory_written", 0) }),
            Some(Held::Setting(object)) => {
                let object = object.clone();
                return Some(Found { descriptor, object, ..self.of_agent("settings_written", 0) });
            }
            Some(Held::Object(..)) => return None,
            None => {
                // Opened before the recording began, or by another name.
                let is_file = |known: &&Descriptor| known.kind == DescriptorType::File && known.ino != 0;
                let known = self.store.descriptor(descriptor).filter(is_file)?;
                let (dev, ino) = (known.dev, known.ino);
                self.guarded.file_of_inode(dev, ino)?
            }
        };
        Some(Found { descriptor, ..of_file(how, &file) })
    }

    fn mapped_ours(&self, call: &Call<'_, '_>, descriptor: Ref) -> Option<Found> {
        let writes = call.int(2) & libc::PROT_WRITE != 0 && call.int(3) & libc::MAP_SHARED != 0;
        if !writes || call.int(3) & libc::MAP_ANONYMOUS != 0 {
            return None;
        }
        match self.guarded.held.get(&descriptor)? {
            Held::Object(kind, id) => {
                let object = self.guarded.object(*kind, *id)?;
                Some(Found { how: "map_mapped", object, id: u64::from(*id), signal: 0, descriptor })
            }
            Held::File(file) => Some(Found { descriptor, ..of_file("file_mapped", file) }),
            Held::Memory | Held::Setting(_) => None,
        }
    }

    /// The file of ours that an argument names, and the name.
    fn named(
        &mut self,
        call: &Call<'_, '_>,
        task: &Task,
        dirfd: Option<u8>,
        path: u8,
    ) -> Option<(OwnFile, Vec<u8>)> {
        let name = self.name_given(call, task, dirfd, path)?;
        let file = self.guarded.file_of_path(&name)?;
        Some((file, name))
    }

    fn name_given(&mut self, call: &Call<'_, '_>, task: &Task, dirfd: Option<u8>, at: u8) -> Option<Vec<u8>> {
        if !self.shares_our_mounts(task) {
            return None;
        }
        let given = path::until_nul(call.bytes(at)?);
        Some(self.resolve(task, dirfd.map(|at| call.int(at)), given))
    }

    /// Whether a path means the same to a process as to us, as far as is known.
    fn shares_our_mounts(&self, task: &Task) -> bool {
        let theirs = self.process_of(task).map_or(0, |process| process.namespaces[2]);
        theirs == 0 || self.guarded.mount_namespace == 0 || theirs == self.guarded.mount_namespace
    }

    fn renamed_ours(&mut self, call: &Call<'_, '_>, task: &Task, at: bool, found: &mut VecDeque<Found>) {
        let args: [(Option<u8>, u8); 2] =
            if at { [(Some(0), 1), (Some(2), 3)] } else { [(None, 0), (None, 1)] };
        let [old, new] = args.map(|(dirfd, path)| self.name_given(call, task, dirfd, path));
        let (Some(old), Some(new)) = (old, new) else { return };
        let is_exchange = at && call.int(4) & RENAME_EXCHANGE != 0;
        let there = self.guarded.file_of_path(&new);
        if let Some(file) = &there {
            // Exchanged, it has the other's name; replaced, it has none.
            found.push_back(of_file(if is_exchange { "file_renamed" } else { "file_replaced" }, file));
        }
        let moved = self.guarded.file_of_path(&old);
        let below = if moved.is_none() { self.guarded.files_below(&old) } else { Vec::new() };
        for file in moved.iter().chain(&below) {
            found.push_back(of_file("file_renamed", file));
        }
        if !call.succeeded() {
            return;
        }
        let as_it_is = |name: Vec<u8>| {
            let path = fs::canonicalize(OsStr::from_bytes(&name));
            path.map_or(name, |path| path.as_os_str().as_bytes().to_vec())
        };
        match (moved, there) {
            (Some(file), _) => self.guarded.own.files.renamed(&file.path, &as_it_is(new)),
            (None, Some(file)) if is_exchange => self.guarded.own.files.renamed(&file.path, &as_it_is(old)),
            _ if !below.is_empty() => self.guarded.own.files.renamed(&old, &as_it_is(new)),
            _ => {}
        }
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

fn of_file(how: &'static str, file: &OwnFile) -> Found {
    Found { how, object: capture(file), id: file.ino, signal: 0, descriptor: 0 }
}

/// What a command of `bpf` opens by its id.
fn kind_opened_by(command: i32) -> Option<ObjectKind> {
    match command {
        13 => Some(ObjectKind::Program),
        14 => Some(ObjectKind::Map),
        30 => Some(ObjectKind::Link),
        _ => None,
    }
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
