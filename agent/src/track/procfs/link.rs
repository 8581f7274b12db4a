//! The target of a descriptor's link in `/proc/PID/fd`, and the two system calls that reading `/proc` needs
//! beyond the standard library.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use capture_format::model::{Descriptor, DescriptorType};

/// What a descriptor refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::track) enum Link {
    /// Anything but a socket.
    Known(Descriptor),
    /// A socket with this inode number, to be looked up in the tables of its network namespace.
    Socket(u64),
}

impl Link {
    /// Understands `target`, the text of the link at `path`, with the descriptor's `fdinfo`.
    pub(super) fn read(target: Vec<u8>, path: &Path, fdinfo: &[u8]) -> Self {
        if let Some(ino) = target.strip_prefix(b"socket:").and_then(number_in_brackets) {
            return Link::Socket(ino);
        }
        let mut descriptor = Descriptor::default();
        if target.starts_with(b"pipe:") {
            descriptor.kind = DescriptorType::Pipe;
            descriptor.ino = number_in_brackets(&target).unwrap_or(0);
        } else if let Some(name) = target.strip_prefix(b"anon_inode:") {
            let name = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
            descriptor = anonymous(name);
        } else if target.starts_with(b"pidfd:") {
            descriptor = anonymous(b"pidfd");
        } else {
            descriptor = file(&target, path);
        }
        if descriptor.kind == DescriptorType::Pidfd
            && let Some(pid) = super::field(fdinfo, b"Pid:")
        {
            descriptor.name = pid.to_vec();
        }
        Link::Known(descriptor)
    }
}

/// The descriptor behind an `anon_inode:[NAME]`.
pub(in crate::track) fn anonymous(name: &[u8]) -> Descriptor {
    let kind = match name {
        b"eventfd" => DescriptorType::Event,
        b"eventpoll" => DescriptorType::Eventpoll,
        b"signalfd" => DescriptorType::Signalfd,
        b"timerfd" => DescriptorType::Timerfd,
        b"inotify" => DescriptorType::Inotify,
        b"fanotify" => DescriptorType::Fanotify,
        b"pidfd" => DescriptorType::Pidfd,
        b"userfaultfd" => DescriptorType::Userfaultfd,
        b"io_uring" => DescriptorType::IoUring,
        b"perf_event" => DescriptorType::PerfEvent,
        _ if name.starts_with(b"bpf") => DescriptorType::Bpf,
        _ => DescriptorType::Anonymous,
    };
    let own_name = matches!(kind, DescriptorType::Bpf | DescriptorType::Anonymous);
    Descriptor { kind, name: if own_name { name.to_vec() } else { Vec::new() }, ..Descriptor::default() }
}

fn file(target: &[u8], path: &Path) -> Descriptor {
    let (name, _) = split_deleted(target);
    let mut descriptor =
        Descriptor { kind: DescriptorType::File, name: name.to_vec(), ..Descriptor::default() };
    if let Some(stat) = stat(path) {
        descriptor.ino = stat.ino;
        descriptor.dev = stat.dev;
        descriptor.mode = stat.mode;
        descriptor.kind = type_of_mode(stat.mode);
    }
    if let Some(memfd) = name.strip_prefix(b"/memfd:") {
        descriptor.kind = DescriptorType::Memfd;
        descriptor.name = memfd.to_vec();
    }
    descriptor
}

/// The type of a file that was opened by a path.
pub(in crate::track) fn type_of_mode(mode: u32) -> DescriptorType {
    match mode & libc::S_IFMT {
        libc::S_IFDIR => DescriptorType::Directory,
        libc::S_IFIFO => DescriptorType::Pipe,
        _ => DescriptorType::File,
    }
}

/// Takes the mark of an unlinked file off a link's text.
pub(super) fn split_deleted(target: &[u8]) -> (&[u8], bool) {
    match target.strip_suffix(b" (deleted)") {
        Some(name) => (name, true),
        None => (target, false),
    }
}

/// The number in `name:[number]`.
pub(super) fn number_in_brackets(text: &[u8]) -> Option<u64> {
    let open = text.iter().position(|&byte| byte == b'[')?;
    super::parse(text[open + 1..].strip_suffix(b"]")?)
}

/// What `statx` tells about a file.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::track) struct Stat {
    pub(in crate::track) ino: u64,
    pub(in crate::track) dev: u32,
    pub(in crate::track) mode: u32,
    pub(in crate::track) uid: u32,
    pub(in crate::track) gid: u32,
    pub(in crate::track) mtime_ns: u64,
    pub(in crate::track) ctime_ns: u64,
}

/// The file a path leads to. Network file systems answer from memory: a dead server must not stop the agent.
pub(in crate::track) fn stat(path: &Path) -> Option<Stat> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut out = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `path` ends with NUL and `out` is a whole, zeroed statx structure; both outlive the call.
    let result = unsafe {
        libc::statx(
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_STATX_DONT_SYNC | libc::AT_NO_AUTOMOUNT,
            libc::STATX_BASIC_STATS,
            out.as_mut_ptr(),
        )
    };
    if result != 0 {
        return None;
    }
    // SAFETY: the structure was zeroed, which is a valid value for each of its integers, and then filled.
    let out = unsafe { out.assume_init() };
    let ns = |time: libc::statx_timestamp| {
        (time.tv_sec.max(0) as u64).saturating_mul(1_000_000_000).saturating_add(u64::from(time.tv_nsec))
    };
    Some(Stat {
        ino: out.stx_ino,
        dev: (out.stx_dev_major << 20) | (out.stx_dev_minor & 0xf_ffff),
        mode: u32::from(out.stx_mode),
        uid: out.stx_uid,
        gid: out.stx_gid,
        mtime_ns: ns(out.stx_mtime),
        ctime_ns: ns(out.stx_ctime),
    })
}

/// The clock that records carry.
pub(in crate::track) fn boot_time_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a whole timespec that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}
