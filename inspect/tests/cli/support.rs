//! Small captures, and the program run on them.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use capture_format::model::{
    Arg, ArgDef, Container, Descriptor, DescriptorType, Event, EventKind, FdSource, Host, Loss, LossCause,
    Mark, Process, Thread, User,
};
use capture_format::{Tally, Writer};

/// Wall time of boot in the test captures: 2023-11-14 22:13:20 UTC.
pub(crate) const BOOT_WALL_NS: i64 = 1_700_000_000_000_000_000;
/// Boot clock time of the first event.
pub(crate) const FIRST_NS: u64 = 1_000_000_000;
/// Time between events.
pub(crate) const STEP_NS: u64 = 1_000_000;

pub(crate) const OPENAT: u32 = 1;
pub(crate) const READ: u32 = 2;
pub(crate) const CLOSE: u32 = 3;
pub(crate) const PROCEXIT: u32 = 4;

pub(crate) const CURL: u32 = 1;
pub(crate) const SH: u32 = 2;

/// The host every test capture is of.
pub(crate) fn host() -> Host {
    Host {
        hostname: b"web-1".to_vec(),
        kernel: b"6.18.0".to_vec(),
        machine: b"x86_64".to_vec(),
        cpus: 2,
        epoch_offset_ns: BOOT_WALL_NS,
        snap_bytes: 80,
        writer: b"test 1.0".to_vec(),
        scope: b"everything".to_vec(),
        ..Host::default()
    }
}

pub(crate) fn kind(name: &str, category: &str, nr: u32, args: &[(&str, &str)], fd: FdSource) -> EventKind {
    let args = args.iter().map(|&(name, kind)| ArgDef {
        name: name.to_owned(),
        kind: kind.parse().expect("a kind of the schema"),
    });
    EventKind {
        name: name.to_owned(),
        category: category.to_owned(),
        nr: Some(nr),
        abi: "x86_64".to_owned(),
        args: args.collect(),
        result: Some(if name == "openat" { "fd" } else { "errno" }.parse().expect("a kind of the schema")),
        fd,
    }
}

/// A writer to which the entities of all test events are known.
pub(crate) fn writer() -> Writer {
    let mut writer = Writer::new(&host(), 3);
    let open = [("dirfd", "dirfd"), ("name", "path(0)"), ("flags", "flags(open)"), ("mode", "mode")];
    writer.define(OPENAT, kind("openat", "file", 257, &open, FdSource::Result));
    let read = [("fd", "fd"), ("data", "bytes<out:ret>"), ("size", "size")];
    writer.define(READ, kind("read", "io-read", 0, &read, FdSource::Arg(0)));
    writer.define(CLOSE, kind("close", "io-other", 3, &[("fd", "fd")], FdSource::Arg(0)));
    let exit = EventKind {
        nr: None,
        abi: String::new(),
        result: None,
        ..kind("procexit", "process", 0, &[], FdSource::None)
    };
    writer.define(PROCEXIT, exit);
    let container = Container {
        full_id: b"0123456789abcdef0123456789abcdef".to_vec(),
        runtime: "docker".to_owned(),
        name: b"shop".to_vec(),
        image: b"shop:1".to_vec(),
        ..Container::default()
    };
    writer.define(1, container);
    let process = |pid: u32, name: &[u8], container| Process {
        pid,
        vpid: pid,
        ppid: 1,
        comm: name.to_vec(),
        exe: name.to_vec(),
        exe_path: [b"/usr/bin/", name].concat(),
        args: [b"-x".to_vec()].into(),
        cwd: b"/root".to_vec(),
        container,
        ..Process::default()
    };
    writer.define(1, process(100, b"curl", 0));
    writer.define(2, process(200, b"sh", 1));
    let thread = |tid, name: &[u8], process| Thread {
        tid,
        vtid: tid,
        comm: name.to_vec(),
        process,
        ..Thread::default()
    };
    writer.define(CURL, thread(100, b"curl", 1));
    writer.define(SH, thread(200, b"sh", 2));
    let file =
        |name: &[u8]| Descriptor { kind: DescriptorType::File, name: name.to_vec(), ..Descriptor::default() };
    writer.define(1, file(b"/etc/passwd"));
    writer.define(2, file(b"/tmp/\x1b[31mred"));
    writer.define(
        1,
        User { uid: 0, gid: 0, name: b"root".to_vec(), home: b"/root".to_vec(), shell: b"/bin/sh".to_vec() },
    );
    writer
}

/// The n-th test event: openat, read and close of curl; every fourth is a failed openat of sh.
pub(crate) fn push(writer: &mut Writer, n: u64) {
    let path: &[u8] = if n % 4 == 3 { b"/tmp/\x1b[31mred" } else { b"/etc/passwd" };
    let data = format!(
        "line {n}\nroot:x:0:0:\u{7}bell and a text that goes on and on and on, further than eighty characters\n"
    );
    let opened = [Arg::Int(-100i64 as u64), Arg::Bytes(path), Arg::Int(0), Arg::Int(0)];
    let read = [Arg::Int(3), Arg::Bytes(data.as_bytes()), Arg::Int(4096)];
    let (kind, thread, descriptor, result, args): (_, _, _, i64, &[Arg<'_>]) = match n % 4 {
        0 => (OPENAT, CURL, 1, 3, &opened),
        1 => (READ, CURL, 1, data.len() as i64, &read),
        2 => (CLOSE, CURL, 1, 0, &[Arg::Int(3)]),
        _ => (OPENAT, SH, 0, -13, &opened),
    };
    let event = Event {
        time_ns: FIRST_NS + n * STEP_NS,
        cpu: (n % 2) as u16,
        kind,
        thread,
        descriptor,
        result: Some(result),
        latency_ns: Some(1000 + n),
        args,
    };
    writer.push(&event).expect("a well-formed event");
}

/// A capture of so many events, in blocks of so many.
pub(crate) fn capture(events: u64, per_block: u64) -> Vec<u8> {
    let mut writer = writer();
    for n in 0..events {
        push(&mut writer, n);
        if (n + 1) % per_block == 0 {
            writer.flush();
        }
    }
    for cpu in 0..2u16 {
        let stored = (events + 1 - u64::from(cpu)) / 2;
        writer.tally(Tally { cpu, produced: stored, stored, left_out: 0 });
    }
    writer.finish()
}

/// A capture of 8 events in blocks of 4, in which CPU 1 lost 7 events between the 6th and the 7th; 3 more of its did not match
/// the recording's filter.
pub(crate) fn capture_with_loss() -> Vec<u8> {
    let mut writer = writer();
    for n in 0..8 {
        push(&mut writer, n);
        if n == 3 {
            writer.flush();
        }
    }
    let from_ns = FIRST_NS + 5 * STEP_NS + 1;
    let to_ns = FIRST_NS + 6 * STEP_NS - 1;
    writer.loss(Loss {
        cpu: 1,
        cause: LossCause::RingFull,
        class: "syscall".to_owned(),
        count: 7,
        from_ns,
        to_ns,
    });
    writer.tally(Tally { cpu: 0, produced: 4, stored: 4, left_out: 0 });
    writer.tally(Tally { cpu: 1, produced: 11, stored: 4, left_out: 3 });
    writer.finish()
}

/// A capture of 4 events; between the 2nd and the 3rd the machine was suspended for 1.5 s.
pub(crate) fn capture_with_suspension() -> Vec<u8> {
    let mut writer = writer();
    (0..4).for_each(|n| push(&mut writer, n));
    writer.mark(Mark::suspend(FIRST_NS + STEP_NS + STEP_NS / 2, 1_500_000_000));
    // What it does not understand is no gap.
    writer.mark(Mark {
        time_ns: FIRST_NS + 1,
        kind: "suspend".to_owned(),
        text: b"a while \x1b[31m".to_vec(),
    });
    writer.finish()
}

/// A directory that is gone when the test is over.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("the target directory is writable");
        Scratch(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Places a file and returns its path as text.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("the target directory is writable");
        path.into_os_string().into_string().expect("the target directory's name is UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program.
pub(crate) fn run<Word: AsRef<OsStr>>(words: &[Word]) -> Ran {
    run_with(words, &[])
}

/// Runs the program with these bytes in a pipe on its standard input.
pub(crate) fn run_with<Word: AsRef<OsStr>>(words: &[Word], stdin: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sysreel"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut pipe = child.stdin.take().expect("it was piped");
    let output: Output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // It need not read all of it.
            let _ = pipe.write_all(stdin);
        });
        child.wait_with_output().expect("it was started")
    });
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
    }
}
