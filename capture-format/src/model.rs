//! What a capture says: events, and the entities that events refer to.
//!
//! An entity is one version of a thread, a process, a descriptor, a container ...: when a process calls
//! `execve` it becomes a new version with a new number. Events refer to versions, so a reader knows the
//! `proc.name` of any event without replaying what came before. A capture may define a number again later to
//! complete it (a container's name that became known late); the last definition holds for all events.
//!
//! Texts are byte strings: they were written by whoever is under investigation and need not be UTF-8.

use std::sync::Arc;

use crate::schema::ArgKind;

/// Number of an entity version within its class. 0 stands for "none" everywhere.
pub type Ref = u32;

/// A byte string.
pub type Text = Vec<u8>;

/// Byte strings that many versions of an entity have in common: a program's arguments stay while it changes its directory a
/// thousand times.
pub type Texts = Arc<[Text]>;

/// Class of an entity; the number is the one stored in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "named after the types below")]
pub enum Class {
    Kind = 1,
    Thread = 2,
    Process = 3,
    Descriptor = 4,
    Container = 5,
    User = 6,
    Group = 7,
}

/// One entity version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the types")]
pub enum Entity {
    Kind(EventKind),
    Thread(Thread),
    Process(Process),
    Descriptor(Descriptor),
    Container(Container),
    User(User),
    Group(Group),
}

macro_rules! entity_from {
    ($($name:ident)*) => {
        $(impl From<$name> for Entity {
            fn from(entity: $name) -> Self {
                Entity::$name(entity)
            }
        })*
    };
}

impl From<EventKind> for Entity {
    fn from(kind: EventKind) -> Self {
        Entity::Kind(kind)
    }
}

entity_from!(Thread Process Descriptor Container User Group);

impl Entity {
    /// Its class.
    pub fn class(&self) -> Class {
        match self {
            Entity::Kind(_) => Class::Kind,
            Entity::Thread(_) => Class::Thread,
            Entity::Process(_) => Class::Process,
            Entity::Descriptor(_) => Class::Descriptor,
            Entity::Container(_) => Class::Container,
            Entity::User(_) => Class::User,
            Entity::Group(_) => Class::Group,
        }
    }
}

/// Where an event's descriptor number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FdSource {
    /// The event is not about a descriptor.
    #[default]
    None,
    /// In the argument with this index.
    Arg(u8),
    /// In the result.
    Result,
}

/// A kind of event: a system call of one architecture, or a kernel event. Captures carry the kinds they use,
/// so a reader needs no table of its own to name and take apart events of a newer agent.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EventKind {
    /// Name as `evt.type` shows it.
    pub name: String,
    /// Category as `evt.category` shows it, before refinement by descriptor type.
    pub category: String,
    /// Call number, or `None` for a kernel event.
    pub nr: Option<u32>,
    /// Entry the call was made by: `x86_64`, `i386`, `aarch64`, `arm`; empty for a kernel event.
    pub abi: String,
    /// Arguments in order.
    pub args: Vec<ArgDef>,
    /// How the result is to be understood; `None` for events without one.
    pub result: Option<ArgKind>,
    /// Where the descriptor number stands.
    pub fd: FdSource,
}

/// One argument of an event kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgDef {
    /// Name as `evt.arg.NAME` takes it.
    pub name: String,
    /// Meaning and storage.
    pub kind: ArgKind,
}

/// Credentials, in the initial user namespace.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the kernel's own names")]
pub struct Credentials {
    pub uid: u32,
    pub euid: u32,
    pub suid: u32,
    pub fsuid: u32,
    pub gid: u32,
    pub egid: u32,
    pub sgid: u32,
    pub fsgid: u32,
    pub cap_permitted: u64,
    pub cap_effective: u64,
    pub cap_inheritable: u64,
}

/// A version of a thread.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Thread {
    /// Thread id, initial pid namespace.
    pub tid: u32,
    /// Thread id in its own pid namespace.
    pub vtid: u32,
    /// `comm`, 15 bytes at most.
    pub comm: Text,
    /// The process version it belongs to.
    pub process: Ref,
    /// Credentials.
    pub credentials: Credentials,
}

/// Marks of an executable or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FileMarks {
    /// No longer reachable by its name.
    pub deleted: bool,
    /// A memfd.
    pub memfd: bool,
    /// In the upper layer of an overlay file system.
    pub overlay_upper: bool,
    /// In a lower layer of an overlay file system.
    pub overlay_lower: bool,
    /// Writable by the process's user (executables only).
    pub writable: bool,
}

/// A version of a process. `None` and empty texts mean unknown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Process {
    /// Process id, initial pid namespace.
    pub pid: u32,
    /// Process id in its own pid namespace.
    pub vpid: u32,
    /// Parent's process id.
    pub ppid: u32,
    /// The parent's version at the time this version began; ancestors are found through it.
    pub parent: Ref,
    /// Process group id.
    pub pgid: u32,
    /// Process group id in its own pid namespace.
    pub vpgid: u32,
    /// Session id.
    pub sid: u32,
    /// Controlling terminal as device number, 0 for none.
    pub tty: u32,
    /// Audit login uid; `u32::MAX` when unset.
    pub loginuid: u32,
    /// `comm` of the main thread.
    pub comm: Text,
    /// `argv[0]`.
    pub exe: Text,
    /// Resolved path of the executable.
    pub exe_path: Text,
    /// Arguments after `argv[0]`.
    pub args: Texts,
    /// Length in bytes of the whole argument vector when `args` was cut, else 0.
    pub args_bytes_full: u32,
    /// Environment, when it was asked for.
    pub env: Texts,
    /// Working directory.
    pub cwd: Text,
    /// Inode of the executable, 0 when unknown.
    pub exe_ino: u64,
    /// Device of the executable: major << 20 | minor.
    pub exe_dev: u32,
    /// Modification time of the executable, ns since the epoch, 0 when unknown.
    pub exe_mtime_ns: u64,
    /// Inode change time of the executable, ns since the epoch, 0 when unknown.
    pub exe_ctime_ns: u64,
    /// Marks of the executable.
    pub exe_marks: FileMarks,
    /// Start of the process, boot clock ns, 0 when unknown.
    pub start_ns: u64,
    /// Path in the v2 cgroup hierarchy, or in a v1 hierarchy when only that tells.
    pub cgroup: Text,
    /// Inode numbers of namespaces: uts, ipc, mnt, pid, net, cgroup, user, time; 0 when unknown.
    pub namespaces: [u32; 8],
    /// Its container, 0 for the host.
    pub container: Ref,
    /// Soft limit of open descriptors, 0 when unknown.
    pub fd_limit: u64,
    /// Changes of its state were lost and it has not been read anew yet: directory, identity or what descriptors refer
    /// to may be what they were before.
    pub is_uncertain: bool,
}

/// What a descriptor refers to. The number is the one stored in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
#[expect(missing_docs, reason = "named as fd.type names them")]
pub enum DescriptorType {
    #[default]
    Unknown = 0,
    File = 1,
    Directory = 2,
    Ipv4 = 3,
    Ipv6 = 4,
    Unix = 5,
    Pipe = 6,
    Event = 7,
    Signalfd = 8,
    Eventpoll = 9,
    Inotify = 10,
    Timerfd = 11,
    Netlink = 12,
    Bpf = 13,
    Userfaultfd = 14,
    IoUring = 15,
    Memfd = 16,
    Pidfd = 17,
    Fanotify = 18,
    Packet = 19,
    PerfEvent = 20,
    Mqueue = 21,
    /// A descriptor the kernel shows as `anon_inode:[...]` with no type of its own here; the name tells.
    Anonymous = 22,
    /// A socket of a family without a type of its own here.
    Socket = 23,
}

/// One end of an IP socket. IPv4 addresses stand in the first four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Endpoint {
    /// Address in network order.
    pub address: [u8; 16],
    /// Port, 0 when not bound.
    pub port: u16,
}

/// Which end of a connection this socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Role {
    /// Not known, or not connected.
    #[default]
    Unknown = 0,
    /// It connected.
    Client = 1,
    /// It listens, or was accepted.
    Server = 2,
}

/// A version of what a descriptor refers to. Equal contents share one number: two opens of one file are one
/// entity, and the number of the descriptor itself is an argument or the result of the event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Descriptor {
    /// What it is.
    pub kind: DescriptorType,
    /// Absolute path, Unix socket path, memfd name, ...; empty for IP sockets, whose name is their tuple.
    pub name: Text,
    /// The path as the program gave it, when that differs from `name`.
    pub name_raw: Text,
    /// Inode number, 0 when unknown.
    pub ino: u64,
    /// Device: major << 20 | minor.
    pub dev: u32,
    /// `i_mode`, 0 when unknown.
    pub mode: u32,
    /// Marks.
    pub overlay_upper: bool,
    /// Marks.
    pub overlay_lower: bool,
    /// IP protocol (6 TCP, 17 UDP, ...), 0 when it is no IP socket.
    pub protocol: u16,
    /// Socket type (`SOCK_*`), 0 when it is no socket.
    pub socktype: u8,
    /// Local end.
    pub local: Endpoint,
    /// Remote end.
    pub remote: Endpoint,
    /// Which end it is.
    pub role: Role,
    /// From connect (also in progress) or accept on.
    pub connected: bool,
    /// The path that the kernel has for the file that was opened, when that differs from `name`: a link has led there, or the
    /// program has seen to it that another path was read than the kernel took.
    pub name_opened: Text,
}

/// A version of a container.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Container {
    /// Whole id as the runtime gave it.
    pub full_id: Text,
    /// Runtime: `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `libvirt-lxc`, `systemd-nspawn`, or `container`
    /// where the cgroup path does not tell.
    pub runtime: String,
    /// Pod uid with dashes, empty outside pods.
    pub pod_uid: Text,
    /// Name, image and the like, as far as known.
    pub name: Text,
    /// Image reference.
    pub image: Text,
}

/// A user of the recorded host.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the columns of passwd(5)")]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub name: Text,
    pub home: Text,
    pub shell: Text,
}

/// A group of the recorded host.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the columns of group(5)")]
pub struct Group {
    pub gid: u32,
    pub name: Text,
}

/// An argument's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg<'a> {
    /// The raw value; for arguments whose [`ArgKind`] fetches nothing.
    Int(u64),
    /// What the pointer pointed to, as far as the snap length kept it.
    Bytes(&'a [u8]),
    /// The pointer was null.
    Null,
    /// The memory was not read: not mapped, paged out, or the call failed before it was filled. The pointer.
    Unread(u64),
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    /// Boot clock (CLOCK_BOOTTIME) in ns; [`Host::epoch_offset_ns`] leads to wall time.
    pub time_ns: u64,
    /// CPU it happened on.
    pub cpu: u16,
    /// [`EventKind`].
    pub kind: Ref,
    /// [`Thread`].
    pub thread: Ref,
    /// [`Descriptor`], or 0.
    pub descriptor: Ref,
    /// Return value; `None` for events without one.
    pub result: Option<i64>,
    /// Duration of the call, when it was measured.
    pub latency_ns: Option<u64>,
    /// One value per argument of the kind, in its order.
    pub args: &'a [Arg<'a>],
}

/// The recorded host and how it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Host {
    /// Host name.
    pub hostname: Text,
    /// Kernel release (`uname -r`).
    pub kernel: Text,
    /// Machine (`uname -m`).
    pub machine: Text,
    /// Boot id, from `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Text,
    /// Online CPUs.
    pub cpus: u32,
    /// Wall clock minus boot clock in ns at the start of recording.
    pub epoch_offset_ns: i64,
    /// Wall time zone: seconds east of UTC.
    pub zone_offset_s: i32,
    /// Bytes kept of a buffer.
    pub snap_bytes: u32,
    /// Program that wrote the capture and its version.
    pub writer: Text,
    /// What was recorded, as the user asked for it.
    pub scope: Text,
    /// Addresses of the host's own interfaces, in text form, for telling local from remote.
    pub addresses: Vec<Text>,
}

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum LossCause {
    /// The ring of the CPU had no room.
    RingFull = 0,
    /// The CPU was already writing another record.
    Nested = 1,
    /// The agent's own queue had no room.
    QueueFull = 2,
    /// The agent could not make sense of a record.
    BadRecord = 3,
    /// The kernel counted events that neither arrived nor were counted lost.
    Unaccounted = 4,
    /// The capture could not be written any further: the disk was full, or failed.
    NotWritten = 5,
    /// Left out on purpose, to stay within the budget of CPU, memory or bytes a second.
    Shed = 6,
    /// The kernel did not run the program that would have told: one of the same kind had not ended on that CPU, because its
    /// task was interrupted or had to make room for another.
    Missed = 7,
}

impl LossCause {
    /// The cause in words.
    pub fn name(self) -> &'static str {
        match self {
            LossCause::RingFull => "ring full",
            LossCause::Nested => "nested",
            LossCause::QueueFull => "queue full",
            LossCause::BadRecord => "bad record",
            LossCause::Unaccounted => "unaccounted",
            LossCause::NotWritten => "not written",
            LossCause::Shed => "shed",
            LossCause::Missed => "missed",
        }
    }
}

/// The number of no CPU.
pub const CPU_UNKNOWN: u16 = u16::MAX;

/// Events that are missing from the capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// CPU they happened on, [`CPU_UNKNOWN`] when that was not counted.
    pub cpu: u16,
    /// Why.
    pub cause: LossCause,
    /// Class of the events: `process`, `credential`, `network`, `file`, `other`, `io`; `any` when it is not known which
    /// were lost.
    pub class: String,
    /// How many.
    pub count: u64,
    /// Not before this boot clock time in ns.
    pub from_ns: u64,
    /// Not after this boot clock time in ns.
    pub to_ns: u64,
}

/// A remark in the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Boot clock ns.
    pub time_ns: u64,
    /// What kind of remark: `start`, `suspend`, `tamper`, `ended`, ...
    pub kind: String,
    /// The remark.
    pub text: Text,
}

/// Kind of the marks that tell of a suspension.
const SUSPEND: &str = "suspend";
/// Kind of the marks that tell how a recording ended that had no end of its own.
const ENDED: &str = "ended";
const NS_PER_S: u64 = 1_000_000_000;

impl Mark {
    /// The machine was suspended around this time, for so long.
    pub fn suspend(time_ns: u64, lasted_ns: u64) -> Self {
        let text = format!("{}.{:09} s", lasted_ns / NS_PER_S, lasted_ns % NS_PER_S);
        Mark { time_ns, kind: SUSPEND.to_owned(), text: text.into_bytes() }
    }

    /// The recording was ended by force; `text` says how.
    pub fn ended(time_ns: u64, text: String) -> Self {
        Mark { time_ns, kind: ENDED.to_owned(), text: text.into_bytes() }
    }

    /// How the recording was ended by force, if that is what this tells.
    pub fn ended_by(&self) -> Option<&[u8]> {
        (self.kind == ENDED).then_some(self.text.as_slice())
    }

    /// How long the machine was suspended, if that is what this tells.
    pub fn suspended_ns(&self) -> Option<u64> {
        let text = std::str::from_utf8(&self.text).ok().filter(|_| self.kind == SUSPEND)?;
        let (seconds, fraction) = text.strip_suffix(" s")?.split_once('.')?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if fraction.len() != 9 || !is_number(seconds) || !is_number(fraction) {
            return None;
        }
        seconds.parse::<u64>().ok()?.checked_mul(NS_PER_S)?.checked_add(fraction.parse().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_suspensions_say_how_long_they_were() {
        for lasted_ns in [0, 1, 1_999_999_999, 3_600_000_000_000, u64::MAX] {
            let mark = Mark::suspend(5, lasted_ns);
            assert_eq!((mark.time_ns, mark.suspended_ns()), (5, Some(lasted_ns)));
        }
        assert_eq!(Mark::suspend(0, 2_001_000_000).text, b"2.001000000 s");
        let of = |kind: &str, text: &str| {
            Mark { time_ns: 0, kind: kind.to_owned(), text: text.as_bytes().to_vec() }.suspended_ns()
        };
        assert_eq!(of("suspend", "1.000000000 s"), Some(1_000_000_000));
        assert_eq!(of("note", "1.000000000 s"), None);
        let others =
            ["", " s", "1 s", "1.5 s", ".000000000 s", "+1.000000000 s", "1.+00000000 s", "1.000000000"];
        for text in others.into_iter().chain(["18446744073.709551616 s", "18446744074.000000000 s"]) {
            assert_eq!(of("suspend", text), None, "{text}");
        }
    }
}
