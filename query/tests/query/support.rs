//! A small capture: what a shell, `cat` in a container and a web server did, built with the writer that the
//! agent uses.

use capture_format::model::{
    Arg, Container, Credentials, Descriptor, DescriptorType, Endpoint, Event, FileMarks, Group, Host,
    Process, Ref, Role, Thread, User,
};
use capture_format::schema::{self, Abi, KernelEvent};
use capture_format::{Capture, Writer};
use query::{Filter, Format, PrintOptions, Printer, Query, Recording, Rows};

/// Wall time of boot clock 0: 2023-11-14 22:13:20 UTC, minus the second at which the first event happens.
pub(crate) const EPOCH_OFFSET_NS: i64 = 1_699_999_999_000_000_000;

/// Threads.
pub(crate) const BASH: Ref = 1;
pub(crate) const CAT: Ref = 2;
pub(crate) const NGINX: Ref = 3;
pub(crate) const UNKNOWN: Ref = 0;

/// Descriptors.
pub(crate) const FILE: Ref = 1;
pub(crate) const CLIENT: Ref = 2;
pub(crate) const SERVER: Ref = 3;
pub(crate) const UNIX: Ref = 4;
pub(crate) const DIRECTORY: Ref = 5;
pub(crate) const FRESH: Ref = 6;
pub(crate) const V6: Ref = 7;

/// An event; `kind` is the name of a call or of a kernel event.
pub(crate) struct Happened {
    pub(crate) kind: &'static str,
    pub(crate) thread: Ref,
    pub(crate) descriptor: Ref,
    pub(crate) result: Option<i64>,
    pub(crate) args: Vec<Arg<'static>>,
    pub(crate) latency_ns: Option<u64>,
}

/// An event with a latency of 1.5 ms.
pub(crate) fn event(
    kind: &'static str,
    thread: Ref,
    descriptor: Ref,
    result: impl Into<Option<i64>>,
    args: &[Arg<'static>],
) -> Happened {
    let (result, args) = (result.into(), args.to_vec());
    Happened { kind, thread, descriptor, result, args, latency_ns: Some(1_500_000) }
}

pub(crate) const CWD: Arg<'static> = Arg::Int(-100i32 as u32 as u64);

/// A number.
pub(crate) fn n(value: i64) -> Arg<'static> {
    Arg::Int(value as u64)
}

/// Bytes.
pub(crate) fn b(bytes: &'static [u8]) -> Arg<'static> {
    Arg::Bytes(bytes)
}

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn host() -> Host {
    Host {
        hostname: text("node1"),
        epoch_offset_ns: EPOCH_OFFSET_NS,
        cpus: 2,
        snap_bytes: 80,
        ..Host::default()
    }
}

fn v4(address: [u8; 4], port: u16) -> Endpoint {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&address);
    Endpoint { address: bytes, port }
}

fn thread(tid: u32, comm: &str, process: Ref, uid: u32) -> Thread {
    let credentials =
        Credentials { uid, gid: uid, cap_permitted: 3, cap_effective: 1, ..Credentials::default() };
    Thread { tid, vtid: tid, comm: text(comm), process, credentials }
}

fn processes() -> Vec<Process> {
    let systemd = Process {
        pid: 1,
        vpid: 1,
        comm: text("systemd"),
        exe: text("/sbin/init"),
        exe_path: text("/usr/lib/systemd/systemd"),
        namespaces: [1; 8],
        start_ns: 1,
        loginuid: u32::MAX,
        ..Process::default()
    };
    let bash = Process {
        pid: 100,
        vpid: 100,
        ppid: 1,
        parent: 1,
        pgid: 100,
        sid: 100,
        comm: text("bash"),
        exe: text("-bash"),
        exe_path: text("/usr/bin/bash"),
        cwd: text("/home/alice"),
        start_ns: 500_000_000,
        tty: 34816,
        loginuid: 1000,
        namespaces: [1; 8],
        ..Process::default()
    };
    let cat = Process {
        pid: 200,
        vpid: 7,
        ppid: 100,
        parent: 2,
        pgid: 200,
        sid: 100,
        comm: text("cat"),
        exe: text("cat"),
        exe_path: text("/usr/bin/cat"),
        args: [text("a.txt"), text("b c.txt")].into(),
        env: [text("HOME=/home/alice"), text("X=1")].into(),
        cwd: text("/home/alice"),
        exe_marks: FileMarks { overlay_upper: true, ..FileMarks::default() },
        start_ns: 900_000_000,
        loginuid: 1000,
        container: 1,
        cgroup: text("/docker/0123"),
        namespaces: [1; 8],
        ..Process::default()
    };
    let nginx = Process {
        pid: 300,
        vpid: 300,
        ppid: 1,
        parent: 1,
        comm: text("nginx"),
        exe: text("nginx"),
        exe_path: text("/usr/sbin/nginx"),
        namespaces: [1; 8],
        loginuid: u32::MAX,
        ..Process::default()
    };
    vec![systemd, bash, cat, nginx]
}

fn descriptors() -> Vec<Descriptor> {
    let socket = Descriptor { kind: DescriptorType::Ipv4, protocol: 6, socktype: 1, ..Descriptor::default() };
    vec![
        Descriptor {
            kind: DescriptorType::File,
            name: text("/home/alice/a.txt"),
            name_raw: text("a.txt"),
            ino: 4242,
            dev: 8 << 20 | 1,
            overlay_upper: true,
            ..Descriptor::default()
        },
        Descriptor {
            local: v4([10, 0, 0, 5], 40000),
            remote: v4([93, 184, 216, 34], 443),
            role: Role::Client,
            connected: true,
            ..socket.clone()
        },
        Descriptor {
            local: v4([127, 0, 0, 1], 80),
            remote: v4([127, 0, 0, 1], 50000),
            role: Role::Server,
            connected: true,
            ..socket.clone()
        },
        Descriptor {
            kind: DescriptorType::Unix,
            name: text("/run/x.sock"),
            socktype: 1,
            ..Descriptor::default()
        },
        Descriptor { kind: DescriptorType::Directory, name: text("/srv/www"), ..Descriptor::default() },
        socket,
        Descriptor {
            kind: DescriptorType::Ipv6,
            local: Endpoint {
                address: "2001:db8::4".parse::<std::net::Ipv6Addr>().unwrap().octets(),
                port: 5353,
            },
            protocol: 17,
            socktype: 2,
            ..Descriptor::default()
        },
    ]
}

/// The bytes of a capture in which these events happened, a millisecond apart, on CPUs 0 and 1 in turn.
pub(crate) fn capture(events: &[Happened]) -> Vec<u8> {
    let mut writer = Writer::new(&host(), 1);
    let mut kinds: Vec<&str> = Vec::new();
    for event in events.iter().filter(|event| event.kind != "none") {
        if kinds.contains(&event.kind) {
            continue;
        }
        kinds.push(event.kind);
        let kernel = KernelEvent::ALL.into_iter().find(|kernel| kernel.name() == event.kind);
        let kind = match kernel {
            Some(kernel) => schema::kernel_event(kernel),
            None => {
                let nr = schema::syscall_nr(Abi::X86_64, event.kind).expect("a call of this machine");
                schema::event_kind(Abi::X86_64, nr)
            }
        };
        writer.define(kinds.len() as Ref, kind);
    }
    for (index, process) in processes().into_iter().enumerate() {
        writer.define(index as Ref + 1, process);
    }
    writer.define(BASH, thread(100, "bash", 2, 1000));
    writer.define(CAT, thread(200, "cat", 3, 1000));
    writer.define(NGINX, thread(301, "nginx", 4, 33));
    for (index, descriptor) in descriptors().into_iter().enumerate() {
        writer.define(index as Ref + 1, descriptor);
    }
    let container = Container {
        full_id: text("0123456789abcdef0123456789abcdef"),
        runtime: "docker".to_owned(),
        name: text("web"),
        image: text("nginx:1.27"),
        ..Container::default()
    };
    writer.define(1, container);
    let alice = User {
        uid: 1000,
        gid: 1000,
        name: text("alice"),
        home: text("/home/alice"),
        shell: text("/bin/bash"),
    };
    writer.define(1, alice);
    writer.define(1, Group { gid: 1000, name: text("users") });
    for (index, event) in events.iter().enumerate() {
        let event = Event {
            time_ns: 1_001_000_000 + index as u64 * 1_000_000,
            cpu: index as u16 % 2,
            kind: kinds.iter().position(|kind| *kind == event.kind).map_or(0, |at| at as Ref + 1),
            thread: event.thread,
            descriptor: event.descriptor,
            result: event.result,
            latency_ns: event.latency_ns,
            args: &event.args,
        };
        writer.push(&event).expect("the arguments fit");
    }
    writer.finish()
}

/// The numbers of the events that a filter selects.
pub(crate) fn selected(capture: &[u8], filter: &str) -> Vec<u64> {
    let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{}", error.render()));
    let mut query = Query::new(Some(&filter));
    let mut numbers = Vec::new();
    each_block(capture, |recording, rows| {
        let may = query.may_match(recording, rows.events.summary());
        let selection = query.select(recording, rows).expect("the capture is whole");
        assert!(may || selection.is_empty(), "a summary ruled out a block that holds events");
        numbers.extend(selection.iter().map(|row| rows.first_number + row as u64));
    });
    numbers
}

/// What is printed of all events.
pub(crate) fn printed(capture: &[u8], format: &str, options: PrintOptions) -> String {
    let format = Format::parse(format).unwrap_or_else(|error| panic!("{}", error.render()));
    let mut printer = Printer::new(&format, options);
    let mut out = Vec::new();
    each_block(capture, |recording, rows| {
        let mut lines = printer.lines(recording, rows).expect("the capture is whole");
        for row in 0..rows.events.rows() {
            let before = out.len();
            let kept = lines.write_row(row, &mut out).expect("the capture is whole");
            assert_eq!(kept, out.len() > before);
        }
    });
    String::from_utf8(out).expect("what is printed is UTF-8")
}

/// Shows every block of a capture.
pub(crate) fn each_block(capture: &[u8], mut visit: impl FnMut(&Recording<'_>, &Rows<'_>)) {
    let capture = Capture::open(capture.to_vec()).expect("a capture");
    let first_time_ns = capture.blocks().first().map_or(0, |block| block.summary.time_first_ns);
    let recording =
        Recording { entities: capture.entities(), host: capture.host().expect("a host"), first_time_ns };
    let (mut first_number, mut time_before_ns) = (1, None);
    for index in 0..capture.blocks().len() {
        let events = capture.block(index).expect("a block");
        let rows = Rows { events: &events, first_number, time_before_ns };
        visit(&recording, &rows);
        first_number += events.rows() as u64;
        time_before_ns = Some(events.summary().time_last_ns);
    }
}
