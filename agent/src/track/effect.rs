//! What a call changes in the state we keep, by the call's name.
//!
//! Names, not numbers: one table then serves every machine and its 32-bit entry. A call that is not listed
//! changes nothing we know of. Argument positions are those of the kernel's own interface.

use capture_format::model::{EventKind, FdSource};
use capture_format::schema;

/// What a successful call changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Opens a file by path; a failed one still names the path.
    Open { dirfd: Option<u8>, path: u8, flags: OpenFlags },
    /// Returns a descriptor of a kind of its own; the name is that of its `anon_inode`.
    Anonymous { name: &'static str, cloexec: CloseOnExec },
    /// `memfd_create`.
    Memfd,
    /// `mq_open`.
    MessageQueue,
    /// `signalfd` changes a given descriptor or makes one.
    Signalfd { cloexec: CloseOnExec },
    /// `bpf` returns a descriptor for some of its commands.
    Bpf,
    /// `pidfd_open`.
    PidfdOpen,
    /// `pidfd_getfd`.
    PidfdGetfd,
    /// `landlock_create_ruleset`, when it is not asked for a number.
    Landlock,
    /// `open_by_handle_at`.
    OpenByHandle,
    /// `close`.
    Close,
    /// `close_range`.
    CloseRange,
    /// `dup`, `dup2`, `dup3`: the new number is the result.
    Dup { cloexec: CloseOnExec },
    /// `fcntl`.
    Fcntl,
    /// `ioctl` with the few requests that change a descriptor.
    Ioctl,
    /// `socket`.
    Socket,
    /// `socketpair`.
    Socketpair,
    /// `pipe`, `pipe2`.
    Pipe { cloexec: CloseOnExec },
    /// `bind`.
    Bind,
    /// `connect`.
    Connect,
    /// `listen`.
    Listen,
    /// `accept`, `accept4`.
    Accept { cloexec: CloseOnExec },
    /// `sendto`, `recvfrom`: a peer's address in argument 4.
    Peer { sends: bool },
    /// `sendmsg`, `recvmsg`: a peer's address and descriptors in the message.
    Message { sends: bool },
    /// `io_submit`: it changes nothing, but the first of its operations is about a descriptor.
    Submit,
    /// `chdir`.
    Chdir,
    /// `fchdir`.
    Fchdir,
    /// `pivot_root`.
    PivotRoot,
    /// `setsid`.
    Setsid,
    /// `setpgid`.
    Setpgid,
    /// A change of user or group ids.
    Ids(Ids),
    /// `capset`.
    Capset,
    /// `prctl`.
    Prctl,
    /// `unshare`.
    Unshare,
    /// `setns`.
    Setns,
    /// A new limit in the argument with this index.
    Limit { resource: u8, limit: u8 },
}

/// Where the flags of an open stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenFlags {
    /// In this argument.
    Arg(u8),
    /// In the structure this argument points to.
    How(u8),
    /// `creat` has none.
    None,
}

/// Whether a new descriptor is closed by exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseOnExec {
    Never,
    Always,
    /// When this bit is set in this argument.
    Bit(u8, u64),
}

/// Calls that change user or group ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ids {
    Setuid,
    Setreuid,
    Setresuid,
    Setfsuid,
    Setgid,
    Setregid,
    Setresgid,
    Setfsgid,
}

const O_CLOEXEC: u64 = libc::O_CLOEXEC as u64;

/// The flag most calls take for close-on-exec; all of them gave it the value of `O_CLOEXEC`.
const fn cloexec_in(arg: u8) -> CloseOnExec {
    CloseOnExec::Bit(arg, O_CLOEXEC)
}

const fn anonymous(name: &'static str, cloexec: CloseOnExec) -> Effect {
    Effect::Anonymous { name, cloexec }
}

const fn open(dirfd: Option<u8>, path: u8, flags: OpenFlags) -> Effect {
    Effect::Open { dirfd, path, flags }
}

/// What becomes of the state we keep when a call goes unrecorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Upkeep {
    /// It is as good as before.
    None,
    /// A call that succeeded changed it, if it named a peer or handed descriptors on.
    WhenNamed,
    /// A call that succeeded changed it.
    OnSuccess,
    /// The call changed it, also by failing.
    Always,
}

/// Whether a call that nobody wants to see must be seen all the same.
pub fn upkeep(name: &str) -> Upkeep {
    match of_call(name) {
        Effect::None | Effect::Submit => Upkeep::None,
        Effect::Peer { .. } | Effect::Message { .. } => Upkeep::WhenNamed,
        // A close that fails has freed the number, and a connect may go on in the background.
        Effect::Close | Effect::Connect => Upkeep::Always,
        _ => Upkeep::OnSuccess,
    }
}

/// Whether the call changes what is told of the calling thread or its process, descriptors aside.
pub fn changes_own_process(name: &str) -> bool {
    matches!(
        of_call(name),
        Effect::Chdir
            | Effect::Fchdir
            | Effect::PivotRoot
            | Effect::Setsid
            | Effect::Setpgid
            | Effect::Ids(_)
            | Effect::Capset
            | Effect::Prctl
            | Effect::Unshare
            | Effect::Setns
            | Effect::Limit { .. }
    )
}

/// Whether no event of this kind is about a descriptor.
pub fn is_without_descriptor(kind: &EventKind) -> bool {
    let is_call = kind.nr.is_some() && !schema::is_operation(kind);
    is_call && kind.fd == FdSource::None && of_call(&kind.name) == Effect::None
}

/// Whether an operation of this kind is about no descriptor but one in its ring's table, which it says when it is submitted.
pub fn names_no_descriptor(kind: &EventKind) -> bool {
    schema::is_operation(kind) && kind.fd == FdSource::None && of_call(&kind.name) == Effect::None
}

/// Whether events of this kind are about the descriptor in an argument, as it was when the call began or the operation was
/// submitted. Data that is sent or received with an address is about the socket with that peer, and an operation may be
/// about a descriptor in its ring's table.
pub fn is_about_argument(kind: &EventKind) -> bool {
    kind.nr.is_some()
        && matches!(kind.fd, FdSource::Arg(_))
        && !tells_socket(&kind.name)
        && matches!(of_call(&kind.name), Effect::None | Effect::Peer { .. })
}

/// Whether a call of this kind names the file it opens by a path that means what it says: a folder may be its root.
pub fn opens_by_path(kind: &EventKind) -> bool {
    matches!(of_call(&kind.name), Effect::Open { flags, .. } if !matches!(flags, OpenFlags::How(_)))
}

/// What a call changes of what is known of descriptors that were there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Nothing.
    None,
    /// The descriptor it is about.
    Argument,
    /// That too, but only when it names a peer.
    Peer,
    /// The one in its result, which may have been another one before.
    Result,
    /// Any of the process.
    All,
}

/// Calls that tell the addresses of the socket they are about, which may have been unknown before.
fn tells_socket(name: &str) -> bool {
    matches!(name, "getsockname" | "getpeername")
}

/// What the call with this name changes of what is known of descriptors.
pub fn changes(name: &str) -> Changes {
    match of_call(name) {
        Effect::Close
        | Effect::Connect
        | Effect::Bind
        | Effect::Listen
        | Effect::Signalfd { .. }
        | Effect::Message { .. } => Changes::Argument,
        Effect::None if tells_socket(name) => Changes::Argument,
        Effect::Peer { .. } => Changes::Peer,
        Effect::Dup { .. }
        | Effect::Open { .. }
        | Effect::OpenByHandle
        | Effect::Memfd
        | Effect::MessageQueue
        | Effect::Anonymous { .. }
        | Effect::Bpf
        | Effect::PidfdOpen
        | Effect::PidfdGetfd
        | Effect::Landlock
        | Effect::Socket
        | Effect::Accept { .. } => Changes::Result,
        Effect::CloseRange | Effect::Pipe { .. } | Effect::Socketpair | Effect::Unshare => Changes::All,
        // Among them fcntl and ioctl: a number that these make was free before, and they change no name.
        _ => Changes::None,
    }
}

/// The effect of the call with this name.
pub(super) fn of_call(name: &str) -> Effect {
    use CloseOnExec::{Always, Bit, Never};
    match name {
        "open" => open(None, 0, OpenFlags::Arg(1)),
        "creat" => open(None, 0, OpenFlags::None),
        "openat" | "open_tree" | "open_tree_attr" => open(Some(0), 1, OpenFlags::Arg(2)),
        "openat2" => open(Some(0), 1, OpenFlags::How(2)),
        "open_by_handle_at" => Effect::OpenByHandle,
        "landlock_create_ruleset" => Effect::Landlock,
        "io_submit" => Effect::Submit,
        "memfd_create" => Effect::Memfd,
        "memfd_secret" => anonymous("secretmem", cloexec_in(0)),
        "mq_open" => Effect::MessageQueue,
        "eventfd" => anonymous("eventfd", Never),
        "eventfd2" => anonymous("eventfd", cloexec_in(1)),
        "epoll_create" => anonymous("eventpoll", Never),
        "epoll_create1" => anonymous("eventpoll", cloexec_in(0)),
        "signalfd" => Effect::Signalfd { cloexec: Never },
        "signalfd4" => Effect::Signalfd { cloexec: cloexec_in(3) },
        "timerfd_create" => anonymous("timerfd", cloexec_in(1)),
        "inotify_init" => anonymous("inotify", Never),
        "inotify_init1" => anonymous("inotify", cloexec_in(0)),
        // FAN_CLOEXEC, FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC and FSPICK_CLOEXEC are 1, PERF_FLAG_FD_CLOEXEC is 8.
        "fanotify_init" => anonymous("fanotify", Bit(0, 1)),
        "fsopen" => anonymous("fscontext", Bit(1, 1)),
        "fsmount" => anonymous("mount", Bit(1, 1)),
        "fspick" => anonymous("fscontext", Bit(2, 1)),
        "perf_event_open" => anonymous("perf_event", Bit(4, 8)),
        "userfaultfd" => anonymous("userfaultfd", cloexec_in(0)),
        "io_uring_setup" => anonymous("io_uring", Always),
        "bpf" => Effect::Bpf,
        "pidfd_open" => Effect::PidfdOpen,
        "pidfd_getfd" => Effect::PidfdGetfd,
        "close" => Effect::Close,
        "close_range" => Effect::CloseRange,
        "dup" | "dup2" => Effect::Dup { cloexec: Never },
        "dup3" => Effect::Dup { cloexec: cloexec_in(2) },
        "fcntl" | "fcntl64" => Effect::Fcntl,
        "ioctl" => Effect::Ioctl,
        "socket" => Effect::Socket,
        "socketpair" => Effect::Socketpair,
        "pipe" => Effect::Pipe { cloexec: Never },
        "pipe2" => Effect::Pipe { cloexec: cloexec_in(1) },
        "bind" => Effect::Bind,
        "connect" => Effect::Connect,
        "listen" => Effect::Listen,
        "accept" => Effect::Accept { cloexec: Never },
        "accept4" => Effect::Accept { cloexec: cloexec_in(3) },
        "sendto" => Effect::Peer { sends: true },
        "recvfrom" => Effect::Peer { sends: false },
        "sendmsg" => Effect::Message { sends: true },
        "recvmsg" => Effect::Message { sends: false },
        "chdir" => Effect::Chdir,
        "fchdir" => Effect::Fchdir,
        "pivot_root" => Effect::PivotRoot,
        "setsid" => Effect::Setsid,
        "setpgid" => Effect::Setpgid,
        "setuid" | "setuid32" => Effect::Ids(Ids::Setuid),
        "setreuid" | "setreuid32" => Effect::Ids(Ids::Setreuid),
        "setresuid" | "setresuid32" => Effect::Ids(Ids::Setresuid),
        "setfsuid" | "setfsuid32" => Effect::Ids(Ids::Setfsuid),
        "setgid" | "setgid32" => Effect::Ids(Ids::Setgid),
        "setregid" | "setregid32" => Effect::Ids(Ids::Setregid),
        "setresgid" | "setresgid32" => Effect::Ids(Ids::Setresgid),
        "setfsgid" | "setfsgid32" => Effect::Ids(Ids::Setfsgid),
        "capset" => Effect::Capset,
        "prctl" => Effect::Prctl,
        "unshare" => Effect::Unshare,
        "setns" => Effect::Setns,
        "setrlimit" => Effect::Limit { resource: 0, limit: 1 },
        "prlimit64" => Effect::Limit { resource: 1, limit: 2 },
        _ => Effect::None,
    }
}
