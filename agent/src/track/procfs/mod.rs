//! What `/proc` tells about processes that were there before us.
//!
//! Everything here may vanish while it is read, be malformed in a hostile container, or be refused: each piece
//! that cannot be had is left empty and the rest is used. The root is given, so tests read a tree of their own.
//! Start at [`ProcRoot`].

mod duplicate;
mod link;
mod net;
mod users;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use capture_format::model::{Credentials, Descriptor, Process, Text, Thread};

use crate::own::ObjectKind;

pub(super) use link::{Link, anonymous, boot_time_ns, type_of_mode};

pub(super) use net::SocketTable;
pub(super) use users::{groups, users};

/// A mounted `/proc`.
#[derive(Clone, Debug)]
pub(super) struct ProcRoot {
    root: PathBuf,
}

/// A process as `/proc` shows it. References to other entities are 0.
#[derive(Clone, Debug, Default)]
pub(super) struct ProcessSeen {
    pub(super) process: Process,
    /// Paths in all cgroup hierarchies, version 2 first.
    pub(super) cgroups: Vec<Text>,
}

/// One descriptor of a process.
#[derive(Clone, Debug)]
pub(super) struct FileSeen {
    pub(super) fd: u32,
    pub(super) cloexec: bool,
    pub(super) link: Link,
    /// The BPF object that it is, by the kernel's number.
    pub(super) object: Option<(ObjectKind, u32)>,
}

/// Bytes kept of an argument vector, as many as at exec. A process may declare all of its memory to be one.
const ARGV_BYTES_MAX: usize = 32 * 1024;

/// What we look for in `fdinfo` stands in front of lists of which a process decides how long they are.
const FDINFO_BYTES_MAX: usize = 1024;

/// A kernel clock tick in `/proc`, 100 a second on every supported machine (`USER_HZ`).
const TICK_NS: u64 = 10_000_000;

impl ProcRoot {
    pub(super) fn new(root: PathBuf) -> Self {
        ProcRoot { root }
    }

    /// Process ids, or why they cannot be listed.
    pub(super) fn pids(&self) -> io::Result<Vec<u32>> {
        numbers(&self.root)
    }

    /// Thread ids of a process, none when it is gone.
    pub(super) fn tids(&self, pid: u32) -> Vec<u32> {
        numbers(&self.path(pid, "task")).unwrap_or_default()
    }

    /// Whether there is such a process or thread; threads are there without being listed.
    pub(super) fn has(&self, tid: u32) -> bool {
        self.root.join(tid.to_string()).exists()
    }

    /// The thread through which to look at a process: when the first one has ended and others have not, nothing but
    /// its name and ids is left of it.
    pub(super) fn living_thread(&self, pid: u32) -> u32 {
        let lives = |tid: &u32| fs::read(self.path(*tid, "stat")).is_ok_and(|stat| !is_ended(&stat));
        self.tids(pid).into_iter().find(lives).unwrap_or(pid)
    }

    /// A file of a process or thread.
    pub(super) fn path(&self, pid: u32, name: &str) -> PathBuf {
        self.root.join(format!("{pid}/{name}"))
    }

    /// A process, or `None` when it is gone.
    pub(super) fn process(&self, pid: u32) -> Option<ProcessSeen> {
        let stat_text = fs::read(self.path(pid, "stat")).ok()?;
        let status = fs::read(self.path(pid, "status")).unwrap_or_default();
        let mut process = Process { pid, vpid: pid, loginuid: u32::MAX, ..Process::default() };
        read_stat(&stat_text, &mut process);
        process.vpid = last_number(&status, b"NStgid:").unwrap_or(pid);
        process.vpgid = last_number(&status, b"NSpgid:").unwrap_or(process.pgid);
        let through = match is_ended(&stat_text) {
            true => self.living_thread(pid),
            false => pid,
        };
        self.read_image(through, &status, &mut process);
        process.cwd = self.cwd(through);
        if let Some(uid) = self.text(pid, "loginuid").and_then(|text| parse(&text)) {
            process.loginuid = uid;
        }
        process.namespaces = self.namespaces(through);
        process.fd_limit = self.text(pid, "limits").and_then(|limits| open_files_limit(&limits)).unwrap_or(0);
        let cgroups = self.text(pid, "cgroup").map(|text| cgroup_paths(&text)).unwrap_or_default();
        Some(ProcessSeen { process, cgroups })
    }

    /// A thread of a process, or `None` when it is gone. Its process reference is 0.
    pub(super) fn thread(&self, pid: u32, tid: u32) -> Option<Thread> {
        let status = fs::read(self.path(pid, &format!("task/{tid}/status"))).ok()?;
        Some(Thread {
            tid,
            vtid: last_number(&status, b"NSpid:").unwrap_or(tid),
            comm: field(&status, b"Name:").map(unescape).unwrap_or_default(),
            process: 0,
            credentials: credentials(&status),
        })
    }

    /// A process's working directory, empty when it cannot be read.
    pub(super) fn cwd(&self, pid: u32) -> Text {
        self.link_text(pid, "cwd")
    }

    /// Inode numbers of a process's namespaces, in the order of [`Process::namespaces`].
    pub(super) fn namespaces(&self, pid: u32) -> [u32; 8] {
        ["uts", "ipc", "mnt", "pid", "net", "cgroup", "user", "time"].map(|name| {
            let link = self.link_text(pid, &format!("ns/{name}"));
            link::number_in_brackets(&link).unwrap_or(0) as u32
        })
    }

    /// The same of the host's first process. Where that may not be looked at, of the kernel's own first thread, which
    /// never leaves the namespaces the machine began with.
    pub(super) fn host_namespaces(&self) -> [u32; 8] {
        const KERNEL_THREADS: u32 = 2;
        let mut namespaces = self.namespaces(1);
        if namespaces.contains(&0)
            && self.comm(KERNEL_THREADS, KERNEL_THREADS).as_deref() == Some(b"kthreadd")
        {
            for (own, kernel) in namespaces.iter_mut().zip(self.namespaces(KERNEL_THREADS)) {
                *own = if *own == 0 { kernel } else { *own };
            }
        }
        namespaces
    }

    /// Name of a thread as it stands now.
    pub(super) fn comm(&self, pid: u32, tid: u32) -> Option<Text> {
        let mut comm = fs::read(self.path(pid, &format!("task/{tid}/comm"))).ok()?;
        comm.pop_if(|byte| *byte == b'\n');
        Some(comm)
    }

    /// All descriptors of a process, or why they cannot be seen. Those that are closed while this looks are left out.
    pub(super) fn files(&self, pid: u32) -> io::Result<Vec<FileSeen>> {
        let mut files = Vec::new();
        for fd in numbers(&self.path(pid, "fd"))? {
            match self.file(pid, fd) {
                Ok(file) => files.push(file),
                // Whoever may list them may still be refused to look at them.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(_) => {}
            }
        }
        Ok(files)
    }

    /// One descriptor of a process.
    pub(super) fn file(&self, pid: u32, fd: u32) -> io::Result<FileSeen> {
        let path = self.path(pid, &format!("fd/{fd}"));
        let target = fs::read_link(&path)?.into_os_string().into_vec();
        let info = read_front(&self.path(pid, &format!("fdinfo/{fd}")), FDINFO_BYTES_MAX).unwrap_or_default();
        let flags = field(&info, b"flags:").and_then(octal).unwrap_or(0);
        let link = Link::read(target, &path, &info);
        let id = |kind: ObjectKind| Some((kind, parse(field(&info, kind.fdinfo_line())?)?));
        let object = ObjectKind::ALL.into_iter().find_map(id);
        Ok(FileSeen { fd, cloexec: flags & libc::O_CLOEXEC as u64 != 0, link, object })
    }

    /// A socket of a process, asked itself; `None` where that is not possible.
    pub(super) fn socket(&self, pid: u32, fd: u32, ino: u64) -> Option<Descriptor> {
        duplicate::socket(pid, fd, ino)
    }

    /// Sockets of the network namespace that a process lives in.
    pub(super) fn sockets(&self, pid: u32) -> SocketTable {
        net::sockets(|name| fs::read(self.path(pid, &format!("net/{name}"))).ok())
    }

    /// Opens a path below the root directory of the host's first process.
    pub(super) fn read_host_file(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.root.join("1/root").join(path.trim_start_matches('/')))
    }

    fn read_image(&self, pid: u32, status: &[u8], process: &mut Process) {
        // A byte more, to see that there is more.
        let mut cmdline = read_front(&self.path(pid, "cmdline"), ARGV_BYTES_MAX + 1).unwrap_or_default();
        if cmdline.len() > ARGV_BYTES_MAX {
            cmdline.truncate(ARGV_BYTES_MAX);
            process.args_bytes_full = process.args_bytes_full.max(ARGV_BYTES_MAX as u32 + 1);
        } else {
            process.args_bytes_full = 0;
        }
        let mut args = cmdline.strip_suffix(b"\0").unwrap_or(&cmdline).split(|&byte| byte == 0);
        process.exe = args.next().unwrap_or_default().to_vec();
        process.args = args.map(<[u8]>::to_vec).collect();
        let exe = self.link_text(pid, "exe");
        if exe.is_empty() {
            return;
        }
        let (path, deleted) = link::split_deleted(&exe);
        process.exe_path = path.to_vec();
        process.exe_marks.deleted = deleted;
        process.exe_marks.memfd = path.starts_with(b"/memfd:");
        if let Some(stat) = link::stat(&self.path(pid, "exe")) {
            process.exe_ino = stat.ino;
            process.exe_dev = stat.dev;
            process.exe_mtime_ns = stat.mtime_ns;
            process.exe_ctime_ns = stat.ctime_ns;
            let credentials = credentials(status);
            process.exe_marks.writable = credentials.cap_effective & CAP_DAC_OVERRIDE != 0
                || stat.mode & 0o002 != 0
                || (stat.mode & 0o200 != 0 && stat.uid == credentials.fsuid)
                || (stat.mode & 0o020 != 0 && stat.gid == credentials.fsgid);
        }
    }

    fn text(&self, pid: u32, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path(pid, name)).ok()
    }

    fn link_text(&self, pid: u32, name: &str) -> Vec<u8> {
        fs::read_link(self.path(pid, name))
            .map(|target| target.into_os_string().into_vec())
            .unwrap_or_default()
    }
}

/// Whether this process may look at those of other users.
pub(super) fn may_trace() -> bool {
    const CAP_SYS_PTRACE: u64 = 1 << 19;
    let status = fs::read("/proc/self/status").unwrap_or_default();
    credentials(&status).cap_effective & CAP_SYS_PTRACE != 0
}

/// Passes over file permissions.
const CAP_DAC_OVERRIDE: u64 = 1 << 1;

/// The first bytes of a file.
fn read_front(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn numbers(folder: &Path) -> io::Result<Vec<u32>> {
    let mut numbers: Vec<u32> =
        fs::read_dir(folder)?.filter_map(|entry| parse(OsStr::as_bytes(&entry.ok()?.file_name()))).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether the text of a `stat` file is that of a thread that has ended.
fn is_ended(stat: &[u8]) -> bool {
    let close = stat.iter().rposition(|&byte| byte == b')');
    close.and_then(|close| stat.get(close + 2)).is_some_and(|state| b"ZX".contains(state))
}

/// `pid (comm) state ppid pgrp session tty_nr ... starttime ... arg_start arg_end ...`; comm may hold anything,
/// brackets too. The length of the argument vector counts when it turns out to be cut.
fn read_stat(text: &[u8], process: &mut Process) {
    let (Some(open), Some(close)) =
        (text.iter().position(|&byte| byte == b'('), text.iter().rposition(|&byte| byte == b')'))
    else {
        return;
    };
    process.comm = text.get(open + 1..close).unwrap_or_default().to_vec();
    let rest: Vec<&[u8]> = text[close + 1..]
        .split(|&byte| byte == b' ' || byte == b'\n')
        .filter(|word| !word.is_empty())
        .collect();
    let number = |at: usize| rest.get(at).and_then(|word| parse::<i64>(word)).unwrap_or(0);
    process.ppid = number(1) as u32;
    process.pgid = number(2).max(0) as u32;
    process.sid = number(3).max(0) as u32;
    process.tty = device(number(4) as u32);
    process.start_ns = (number(19).max(0) as u64).saturating_mul(TICK_NS);
    process.args_bytes_full = u32::try_from(number(46).saturating_sub(number(45)).max(0)).unwrap_or(u32::MAX);
}

/// A device number as user space sees it (`new_encode_dev`), in the kernel's own packing.
fn device(encoded: u32) -> u32 {
    let major = (encoded >> 8) & 0xfff;
    let minor = (encoded & 0xff) | ((encoded >> 12) & 0xfff00);
    (major << 20) | minor
}

fn credentials(status: &[u8]) -> Credentials {
    let four = |name: &[u8]| {
        let mut words = words(field(status, name).unwrap_or_default()).map(|word| parse(word).unwrap_or(0));
        [(); 4].map(|()| words.next().unwrap_or(0))
    };
    let capabilities = |name: &[u8]| {
        let text = std::str::from_utf8(field(status, name).unwrap_or_default()).unwrap_or_default();
        u64::from_str_radix(text, 16).unwrap_or(0)
    };
    let [uid, euid, suid, fsuid] = four(b"Uid:");
    let [gid, egid, sgid, fsgid] = four(b"Gid:");
    Credentials {
        uid,
        euid,
        suid,
        fsuid,
        gid,
        egid,
        sgid,
        fsgid,
        cap_permitted: capabilities(b"CapPrm:"),
        cap_effective: capabilities(b"CapEff:"),
        cap_inheritable: capabilities(b"CapInh:"),
    }
}

/// The paths of all hierarchies, version 2 (`0::PATH`) first, then the named and the others as listed.
fn cgroup_paths(text: &[u8]) -> Vec<Text> {
    let mut paths: Vec<(bool, Text)> = text
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let mut parts = line.splitn(3, |&byte| byte == b':');
            let hierarchy = parts.next()?;
            let path = parts.nth(1)?;
            Some((hierarchy != b"0", path.to_vec()))
        })
        .collect();
    paths.sort_by_key(|(older, _)| *older);
    paths.into_iter().map(|(_, path)| path).collect()
}

fn open_files_limit(limits: &[u8]) -> Option<u64> {
    let line = field(limits, b"Max open files")?;
    let soft = words(line).next()?;
    if soft == b"unlimited" { Some(u64::MAX) } else { parse(soft) }
}

/// The rest of the line that starts with `name`.
fn field<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let line = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_ascii())
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The last number of a line: the one in the innermost namespace.
fn last_number(status: &[u8], name: &[u8]) -> Option<u32> {
    parse(words(field(status, name)?).last()?)
}

fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

fn octal(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 8).ok()
}

/// Undoes what the kernel does to names in `status`: `\n` for a line end, `\\` for a backslash.
fn unescape(name: &[u8]) -> Text {
    let mut out = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (b'\\', Some(b'n')) => {
                out.push(b'\n');
                bytes.next();
            }
            (b'\\', Some(b'\\')) => {
                out.push(b'\\');
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    out
}
