//! Calls that open, copy and close descriptors, other than sockets.

use capture_format::model::{Descriptor, DescriptorType, Ref};
use wire::FileFacts;
use wire::facts::{FILE_MEMFD, FILE_OVERLAY_LOWER, FILE_OVERLAY_UPPER};

use super::calls::Call;
use super::effect::{CloseOnExec, Effect, OpenFlags};
use super::files::OpenFile;
use super::procfs::{anonymous, type_of_mode};
use super::tasks::Task;
use super::{Tracker, path};

/// Commands of `bpf` that return a descriptor, with what it is.
const BPF_DESCRIPTORS: &[(i32, &str)] = &[
    (0, "bpf-map"),
    (5, "bpf-prog"),
    (7, "bpf"),
    (13, "bpf-prog"),
    (14, "bpf-map"),
    (17, "bpf-raw-tracepoint"),
    (18, "bpf-btf"),
    (19, "bpf-btf"),
    (28, "bpf_link"),
    (30, "bpf_link"),
    (32, "bpf-stats"),
    (33, "bpf_iter"),
    (36, "bpf-token"),
];

const FIOCLEX: i32 = libc::FIOCLEX as i32;
const FIONCLEX: i32 = libc::FIONCLEX as i32;
const CLOSE_RANGE_UNSHARE: i32 = 2;
const CLOSE_RANGE_CLOEXEC: i32 = 4;
/// The folder is the root, above which no path leads.
const RESOLVE_IN_ROOT: u64 = 0x10;
/// Where the descriptor stands in a `struct iocb`.
const IOCB_FD_AT: usize = 20;
const MFD_CLOEXEC: i32 = libc::MFD_CLOEXEC as i32;

impl Tracker {
    /// Applies what a call changed. The result, if any, is the descriptor its event shows.
    pub(super) fn apply(&mut self, effect: Effect, task: &Task, call: &Call<'_, '_>) -> Option<Ref> {
        match effect {
            Effect::Open { dirfd, path, flags } => self.on_open(task, call, dirfd, path, flags),
            Effect::Close => self.on_close(task, call),
            // Every other call changes something only if it succeeded, except that a connect may go on.
            Effect::Connect => self.on_connect(task, call),
            Effect::Peer { sends: true } | Effect::Message { sends: true } => {
                self.apply_to_socket(effect, task, call)
            }
            _ if !call.succeeded() => None,
            Effect::Dup { cloexec } => self.on_dup(task, call, cloexec_of(cloexec, call)),
            Effect::Fcntl => self.on_fcntl(task, call),
            Effect::Anonymous { name, cloexec } => {
                self.returned(task, call, anonymous(name.as_bytes()), cloexec_of(cloexec, call))
            }
            Effect::Signalfd { .. } if call.int(0) >= 0 => None,
            Effect::Signalfd { cloexec } => {
                self.returned(task, call, anonymous(b"signalfd"), cloexec_of(cloexec, call))
            }
            Effect::Memfd => {
                let name = path::until_nul(call.bytes(0).unwrap_or_default()).to_vec();
                let memfd = Descriptor { kind: DescriptorType::Memfd, name, ..Descriptor::default() };
                self.returned(task, call, memfd, call.int(1) & MFD_CLOEXEC != 0)
            }
            Effect::MessageQueue => {
                // A queue's name has no slash of its own in the call and one in `/proc`.
                let name = path::until_nul(call.bytes(0).unwrap_or_default());
                let name = [b"/".as_slice(), name.strip_prefix(b"/").unwrap_or(name)].concat();
                let queue = Descriptor { kind: DescriptorType::Mqueue, name, ..Descriptor::default() };
                self.returned(task, call, queue, true)
            }
            Effect::Bpf => {
                let (_, name) = BPF_DESCRIPTORS.iter().find(|(command, _)| *command == call.int(0))?;
                let mut descriptor = anonymous(name.as_bytes());
                let own = self.object_opened(task, call);
                if let Some(label) = own.and_then(|object| self.object_label(object)) {
                    descriptor.name_raw = label;
                }
                let returned = self.returned(task, call, descriptor, true);
                if let (Some(object), Some(descriptor)) = (own, returned) {
                    self.hold_object(descriptor, object);
                }
                returned
            }
            // With flags the result is a version or a set of errata.
            Effect::Landlock if call.int(2) == 0 => {
                self.returned(task, call, anonymous(b"landlock-ruleset"), true)
            }
            Effect::Landlock => None,
            Effect::OpenByHandle => {
                let name = call.opened().unwrap_or_default();
                let file = Descriptor { kind: DescriptorType::File, name, ..Descriptor::default() };
                self.returned(task, call, file, call.int(2) & libc::O_CLOEXEC != 0)
            }
            Effect::Submit => {
                let fd = call.bytes(2)?.get(IOCB_FD_AT..)?.first_chunk()?;
                let fd = u32::try_from(i32::from_ne_bytes(*fd)).ok();
                Some(self.descriptor_of(task, fd, call.header().result))
            }
            Effect::PidfdOpen => {
                let name = (call.int(0) as u32).to_string().into_bytes();
                let pidfd = Descriptor { kind: DescriptorType::Pidfd, name, ..Descriptor::default() };
                self.returned(task, call, pidfd, true)
            }
            Effect::PidfdGetfd => self.on_pidfd_getfd(task, call),
            Effect::CloseRange => self.on_close_range(task, call),
            Effect::Ioctl => self.on_ioctl(task, call),
            Effect::Pipe { cloexec } => self.on_pipe(task, call, cloexec_of(cloexec, call)),
            Effect::Socket
            | Effect::Socketpair
            | Effect::Bind
            | Effect::Listen
            | Effect::Accept { .. }
            | Effect::Peer { .. }
            | Effect::Message { .. } => self.apply_to_socket(effect, task, call),
            _ => self.apply_to_process(effect, task, call),
        }
    }

    /// The descriptor a call returned: `descriptor`, completed with what the kernel saw.
    pub(super) fn returned(
        &mut self,
        task: &Task,
        call: &Call<'_, '_>,
        mut descriptor: Descriptor,
        cloexec: bool,
    ) -> Option<Ref> {
        if let Some(facts) = call.file() {
            apply_facts(&mut descriptor, &facts);
        }
        match call.result_fd() {
            Some(fd) => Some(self.open_file(task, fd, descriptor, cloexec)),
            // It is in the table of a ring.
            None => Some(self.store.intern(descriptor)),
        }
    }

    fn on_open(
        &mut self,
        task: &Task,
        call: &Call<'_, '_>,
        dirfd: Option<u8>,
        path_arg: u8,
        flags: OpenFlags,
    ) -> Option<Ref> {
        let (flags, is_in_root) = match flags {
            OpenFlags::Arg(at) => (call.int(at), false),
            OpenFlags::How(at) => {
                // `struct open_how`: flags, mode, resolve.
                let how = call.bytes(at).unwrap_or_default();
                let word = |at: usize| {
                    let word = how.get(at..).and_then(<[u8]>::first_chunk);
                    word.map_or(0, |word| u64::from_ne_bytes(*word))
                };
                (word(0) as i32, word(16) & RESOLVE_IN_ROOT != 0)
            }
            OpenFlags::None => (0, false),
        };
        let given = path::until_nul(call.bytes(path_arg).unwrap_or_default());
        let mut descriptor = Descriptor { kind: DescriptorType::File, ..Descriptor::default() };
        if call.bytes(path_arg).is_some() {
            let dirfd = dirfd.map(|at| call.int(at));
            descriptor.name = if is_in_root {
                let mut below = Vec::new();
                path::resolve(b"/", given, &mut below);
                self.resolve(task, dirfd, &below[1..])
            } else {
                self.resolve(task, dirfd, given)
            };
            // What was given may have been changed, before the kernel read it or after; or a link has led on.
            match (call.opened(), call.given()) {
                (Some(opened), Some((number, _))) if opened == descriptor.name => {
                    self.same_names.extend((number != 0).then_some(number));
                }
                // Another thread had it in its hands: then what is named is what was opened.
                (Some(opened), Some((_, true)) | None) => descriptor.name = opened,
                (Some(opened), Some((_, false))) => descriptor.name_opened = opened,
                (None, _) => {}
            }
            if descriptor.name != given {
                descriptor.name_raw = given.to_vec();
            }
        }
        if flags & libc::O_DIRECTORY != 0 && flags & libc::O_TMPFILE != libc::O_TMPFILE {
            descriptor.kind = DescriptorType::Directory;
        }
        if call.succeeded() {
            self.returned(task, call, descriptor, flags & libc::O_CLOEXEC != 0)
        } else {
            // What it would have been: the name is what one looks for.
            descriptor.kind = DescriptorType::File;
            (!descriptor.name.is_empty()).then(|| self.store.intern(descriptor))
        }
    }

    /// A path as the process means it, absolute where that can be known.
    pub(super) fn resolve(&mut self, task: &Task, dirfd: Option<i32>, given: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(given.len() + 32);
        let dirfd = dirfd.unwrap_or(libc::AT_FDCWD);
        if given.first() == Some(&b'/') {
            path::resolve(b"", given, &mut out);
        } else if dirfd == libc::AT_FDCWD {
            path::resolve(self.cwd(task), given, &mut out);
        } else {
            let folder = self.descriptor_of(task, u32::try_from(dirfd).ok(), 0);
            let base = self.store.descriptor(folder).map(|folder| folder.name.as_slice());
            path::resolve(base.unwrap_or_default(), given, &mut out);
        }
        out
    }

    fn on_close(&mut self, task: &Task, call: &Call<'_, '_>) -> Option<Ref> {
        // Linux frees the number before these can happen, but for the first, which says that we missed its closing. Any
        // other error comes from what stands before the call (seccomp) and leaves it open.
        const CLOSED: [i32; 5] = [libc::EBADF, libc::EINTR, libc::EIO, libc::ENOSPC, libc::EDQUOT];
        if !call.succeeded() && !CLOSED.iter().any(|error| call.header().result == -i64::from(*error)) {
            return None;
        }
        let table = self.tasks.table(task);
        self.tasks.files.close(table, call.fd(0)?);
        None
    }

    fn on_close_range(&mut self, task: &Task, call: &Call<'_, '_>) -> Option<Ref> {
        let flags = call.int(2);
        if flags & CLOSE_RANGE_UNSHARE != 0 {
            self.unshare_files(call.header().tid);
        }
        let task = self.tasks.thread(call.header().tid).copied().unwrap_or(*task);
        let table = self.tasks.table(&task);
        let (first, last) = (call.raw(0) as u32, call.raw(1) as u32);
        self.tasks.files.change_range(table, first, last, |file| {
            (flags & CLOSE_RANGE_CLOEXEC != 0).then_some(OpenFile { cloexec: true, ..file })
        });
        None
    }

    /// Gives a thread a table of its own.
    pub(super) fn unshare_files(&mut self, tid: u32) {
        let Some(task) = self.tasks.thread(tid).copied() else { return };
        let group = *self.tasks.group(task.process);
        if let Some(own) = task.own.files {
            let own = self.tasks.files.unshare(own);
            self.tasks.thread_mut(tid).expect("the thread was just found").own.files = Some(own);
        } else if group.threads == 1 {
            self.tasks.group_mut(task.process).files = self.tasks.files.unshare(group.files);
        } else {
            let own = self.tasks.files.copy(group.files);
            self.tasks.thread_mut(tid).expect("the thread was just found").own.files = Some(own);
        }
    }

    fn on_dup(&mut self, task: &Task, call: &Call<'_, '_>, cloexec: bool) -> Option<Ref> {
        let old = call.fd(0)?;
        let new = call.result_fd()?;
        let descriptor = self.descriptor_of(task, Some(old), 0);
        // `dup2` of a number onto itself changes nothing, its mark included.
        if old != new {
            let table = self.tasks.table(task);
            self.tasks.files.open(table, new, OpenFile { descriptor, cloexec });
        }
        Some(descriptor)
    }

    fn on_fcntl(&mut self, task: &Task, call: &Call<'_, '_>) -> Option<Ref> {
        match call.int(1) {
            libc::F_DUPFD => self.on_dup(task, call, false),
            libc::F_DUPFD_CLOEXEC => self.on_dup(task, call, true),
            libc::F_SETFD => self.mark_cloexec(task, call.fd(0)?, call.int(2) & libc::FD_CLOEXEC != 0),
            _ => None,
        }
    }

    fn on_ioctl(&mut self, task: &Task, call: &Call<'_, '_>) -> Option<Ref> {
        match call.int(1) {
            FIOCLEX => self.mark_cloexec(task, call.fd(0)?, true),
            FIONCLEX => self.mark_cloexec(task, call.fd(0)?, false),
            _ => None,
        }
    }

    fn mark_cloexec(&mut self, task: &Task, fd: u32, cloexec: bool) -> Option<Ref> {
        let table = self.tasks.table(task);
        if let Some(file) = self.tasks.files.get(table, fd) {
            self.tasks.files.amend(table, fd, OpenFile { cloexec, ..file });
        }
        None
    }

    fn on_pipe(&mut self, task: &Task, call: &Call<'_, '_>, cloexec: bool) -> Option<Ref> {
        let mut pipe = Descriptor { kind: DescriptorType::Pipe, ..Descriptor::default() };
        if let Some(facts) = call.file() {
            apply_facts(&mut pipe, &facts);
        }
        let mut shown = None;
        for fd in two_fds(call.bytes(0)?)? {
            shown = Some(self.open_file(task, fd, pipe.clone(), cloexec));
        }
        shown
    }

    fn on_pidfd_getfd(&mut self, task: &Task, call: &Call<'_, '_>) -> Option<Ref> {
        let pidfd = self.descriptor_of(task, call.fd(0), 0);
        let name = &self.store.descriptor(pidfd)?.name;
        let pid: u32 = std::str::from_utf8(name).ok()?.parse().ok()?;
        let target = self.tasks.slot(pid).map(|slot| self.tasks.group(slot).files);
        let file = target.and_then(|table| self.tasks.files.get(table, call.fd(1)?));
        let descriptor = file.map_or(0, |file| file.descriptor);
        let table = self.tasks.table(task);
        self.tasks.files.open(table, call.result_fd()?, OpenFile { descriptor, cloexec: true });
        Some(descriptor)
    }
}

/// Whether a call's new descriptor is closed by exec.
pub(super) fn cloexec_of(rule: CloseOnExec, call: &Call<'_, '_>) -> bool {
    match rule {
        CloseOnExec::Never => false,
        CloseOnExec::Always => true,
        CloseOnExec::Bit(arg, bit) => call.raw(arg) & bit != 0,
    }
}

/// The two descriptors that pipe and socketpair store.
pub(super) fn two_fds(bytes: &[u8]) -> Option<[u32; 2]> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    let fds = [u32::from_ne_bytes(*first), u32::from_ne_bytes(*rest.first_chunk()?)];
    fds.iter().all(|fd| *fd <= i32::MAX as u32).then_some(fds)
}

/// Completes a descriptor with what the kernel held.
pub(super) fn apply_facts(descriptor: &mut Descriptor, facts: &FileFacts) {
    // All descriptors of one anonymous kind share one inode: its number says nothing.
    let has_identity = matches!(
        descriptor.kind,
        DescriptorType::File | DescriptorType::Directory | DescriptorType::Pipe | DescriptorType::Memfd
    );
    if !has_identity || facts.mode == 0 {
        return;
    }
    descriptor.ino = facts.ino;
    // Pipes have an inode number of their own, but their device and mode are the same everywhere.
    if descriptor.kind == DescriptorType::Pipe {
        return;
    }
    descriptor.dev = facts.dev;
    descriptor.mode = facts.mode;
    descriptor.overlay_upper = facts.flags & FILE_OVERLAY_UPPER != 0;
    descriptor.overlay_lower = facts.flags & FILE_OVERLAY_LOWER != 0;
    if descriptor.kind != DescriptorType::Memfd && facts.flags & FILE_MEMFD == 0 {
        descriptor.kind = type_of_mode(facts.mode);
    }
}
