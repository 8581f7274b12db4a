//! What the tests of this crate share: event kinds, a reader that collects everything, a small capture.

use capture_format::model::{
    Arg, ArgDef, Container, Descriptor, DescriptorType, Entity, Event, EventKind, FdSource, Group, Host,
    Loss, LossCause, Mark, Process, Ref, Thread, User,
};
use capture_format::{Capture, Damage, EventsBlock, ReadError, Segment, Step, StreamDecoder, Tally, Writer};

/// An argument's value that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnedArg {
    Int(u64),
    Bytes(Vec<u8>),
    Null,
    Unread(u64),
}

impl OwnedArg {
    pub(crate) fn borrow(&self) -> Arg<'_> {
        match self {
            OwnedArg::Int(value) => Arg::Int(*value),
            OwnedArg::Bytes(bytes) => Arg::Bytes(bytes),
            OwnedArg::Null => Arg::Null,
            OwnedArg::Unread(pointer) => Arg::Unread(*pointer),
        }
    }

    fn own(arg: &Arg<'_>) -> Self {
        match *arg {
            Arg::Int(value) => OwnedArg::Int(value),
            Arg::Bytes(bytes) => OwnedArg::Bytes(bytes.to_vec()),
            Arg::Null => OwnedArg::Null,
            Arg::Unread(pointer) => OwnedArg::Unread(pointer),
        }
    }
}

/// An event that owns its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnedEvent {
    pub(crate) time_ns: u64,
    pub(crate) cpu: u16,
    pub(crate) kind: Ref,
    pub(crate) thread: Ref,
    pub(crate) descriptor: Ref,
    pub(crate) result: Option<i64>,
    pub(crate) latency_ns: Option<u64>,
    pub(crate) args: Vec<OwnedArg>,
}

impl OwnedEvent {
    pub(crate) fn push_to(&self, writer: &mut Writer) {
        let args: Vec<Arg<'_>> = self.args.iter().map(OwnedArg::borrow).collect();
        let event = Event {
            time_ns: self.time_ns,
            cpu: self.cpu,
            kind: self.kind,
            thread: self.thread,
            descriptor: self.descriptor,
            result: self.result,
            latency_ns: self.latency_ns,
            args: &args,
        };
        writer.push(&event).expect("the event fits its kind");
    }
}

/// All events of a block.
pub(crate) fn block_events(block: &EventsBlock<'_>) -> Result<Vec<OwnedEvent>, ReadError> {
    (0..block.rows())
        .map(|row| {
            let mut args = Vec::new();
            let event = block.event(row, &mut args)?;
            Ok(OwnedEvent {
                time_ns: event.time_ns,
                cpu: event.cpu,
                kind: event.kind,
                thread: event.thread,
                descriptor: event.descriptor,
                result: event.result,
                latency_ns: event.latency_ns,
                args: event.args.iter().map(OwnedArg::own).collect(),
            })
        })
        .collect()
}

/// Every event that can be read, and all damage met.
pub(crate) fn read_file(bytes: &[u8]) -> Result<(Vec<OwnedEvent>, Vec<Damage>), ReadError> {
    let capture = Capture::open(bytes)?;
    let mut damage = capture.damage().to_vec();
    let mut events = Vec::new();
    for index in 0..capture.blocks().len() {
        match capture.block(index).and_then(|block| block_events(&block)) {
            Ok(found) => events.extend(found),
            Err(ReadError::Damaged(found)) => damage.push(found),
            Err(error) => return Err(error),
        }
    }
    Ok((events, damage))
}

/// The same from a pipe that delivers `step` bytes at a time.
pub(crate) fn read_pipe(bytes: &[u8], step: usize) -> Result<(Vec<OwnedEvent>, Vec<Damage>), ReadError> {
    let mut decoder = StreamDecoder::new();
    let (mut events, mut damage) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(step) {
        decoder.push(piece);
        loop {
            match decoder.step()? {
                Step::Need(bytes) => {
                    assert!(bytes > 0);
                    break;
                }
                Step::Damage(found) => damage.push(found),
                Step::Segment(Segment::Events(block)) => match block_events(&block) {
                    Ok(found) => events.extend(found),
                    Err(ReadError::Damaged(found)) => damage.push(found),
                    Err(error) => return Err(error),
                },
                Step::Segment(_) => {}
            }
        }
    }
    damage.extend(decoder.finish());
    Ok((events, damage))
}

fn kind(name: &str, args: &[(&str, &str)], result: Option<&str>, fd: FdSource) -> EventKind {
    EventKind {
        name: name.to_owned(),
        category: "file".to_owned(),
        nr: Some(name.len() as u32),
        abi: "x86_64".to_owned(),
        args: args
            .iter()
            .map(|(name, kind)| ArgDef { name: (*name).to_owned(), kind: kind.parse().expect("a kind") })
            .collect(),
        result: result.map(|kind| kind.parse().expect("a kind")),
        fd,
    }
}

pub(crate) const OPENAT: Ref = 1;
pub(crate) const READ: Ref = 2;
pub(crate) const CLOSE: Ref = 3;
pub(crate) const EXIT: Ref = 4;

/// The kinds of events the tests use.
pub(crate) fn kinds() -> Vec<(Ref, EventKind)> {
    vec![
        (
            OPENAT,
            kind(
                "openat",
                &[("dirfd", "dirfd"), ("path", "path(0)"), ("flags", "flags(open)"), ("mode", "mode")],
                Some("fd"),
                FdSource::Result,
            ),
        ),
        (
            READ,
            kind(
                "read",
                &[("fd", "fd"), ("data", "bytes<out:ret>"), ("size", "size")],
                Some("size"),
                FdSource::Arg(0),
            ),
        ),
        (CLOSE, kind("close", &[("fd", "fd")], Some("errno"), FdSource::Arg(0))),
        (EXIT, EventKind { nr: None, ..kind("procexit", &[("status", "int")], None, FdSource::None) }),
    ]
}

pub(crate) fn host() -> Host {
    Host {
        hostname: b"node-1".to_vec(),
        kernel: b"6.18.0".to_vec(),
        machine: b"x86_64".to_vec(),
        boot_id: b"5cfe5a1c-9d0e-4d3c-8d3e-3c7d7a9f0001".to_vec(),
        cpus: 2,
        epoch_offset_ns: 1_790_000_000_000_000_000,
        zone_offset_s: -3600,
        snap_bytes: 80,
        writer: b"test 1.0".to_vec(),
        scope: b"everything".to_vec(),
        addresses: vec![b"127.0.0.1".to_vec(), b"::1".to_vec()],
    }
}

/// One entity of every class besides kinds.
pub(crate) fn entities() -> Vec<(Ref, Entity)> {
    let process = Process {
        pid: 100,
        ppid: 1,
        comm: b"cat".to_vec(),
        exe: b"cat".to_vec(),
        exe_path: b"/usr/bin/cat".to_vec(),
        args: [b"/etc/passwd".to_vec(), Vec::new()].into(),
        cwd: b"/root".to_vec(),
        start_ns: 77,
        namespaces: [1, 2, 3, 4, 5, 6, 7, 8],
        loginuid: u32::MAX,
        ..Process::default()
    };
    let thread = Thread { tid: 100, vtid: 1, comm: b"cat".to_vec(), process: 1, ..Thread::default() };
    let file = Descriptor {
        kind: DescriptorType::File,
        name: b"/etc/passwd".to_vec(),
        ino: 4711,
        mode: 0o100_644,
        ..Descriptor::default()
    };
    let container =
        Container { full_id: vec![b'a'; 64], runtime: "docker".to_owned(), ..Container::default() };
    let user =
        User { uid: 0, gid: 0, name: b"root".to_vec(), home: b"/root".to_vec(), shell: b"/bin/sh".to_vec() };
    vec![
        (1, container.into()),
        (1, process.into()),
        (1, thread.into()),
        (1, file.into()),
        (1, user.into()),
        (1, Group { gid: 0, name: b"root".to_vec() }.into()),
    ]
}

/// What `count` events from `first` on look like: a thread that opens, reads and closes files.
pub(crate) fn some_events(first: u64, count: u64) -> Vec<OwnedEvent> {
    let event = |number: u64| {
        let (kind, result, args) = match number % 4 {
            0 => (
                OPENAT,
                Some(3),
                vec![
                    OwnedArg::Int(-100i64 as u64),
                    OwnedArg::Bytes(format!("/tmp/file-{}", number / 8).into_bytes()),
                    OwnedArg::Int(0),
                    OwnedArg::Int(0),
                ],
            ),
            1 => (
                READ,
                Some(11),
                vec![OwnedArg::Int(3), OwnedArg::Bytes(b"hello world".to_vec()), OwnedArg::Int(4096)],
            ),
            2 => {
                (READ, Some(-11), vec![OwnedArg::Int(3), OwnedArg::Unread(0x7fff_0000), OwnedArg::Int(4096)])
            }
            _ => (CLOSE, Some(0), vec![OwnedArg::Int(3)]),
        };
        OwnedEvent {
            time_ns: 1_000_000 + number * 1000 + number % 7,
            cpu: (number / 64 % 2) as u16,
            kind,
            thread: 1,
            descriptor: (number / 8) as Ref + 1,
            result,
            latency_ns: (number % 16 != 5).then_some(200 + number % 13),
            args,
        }
    };
    (first..first + count).map(event).collect()
}

/// A capture of two blocks with everything in it, and its events.
pub(crate) fn small_capture() -> (Vec<u8>, Vec<OwnedEvent>) {
    let mut writer = Writer::new(&host(), 3);
    kinds().into_iter().for_each(|(number, kind)| writer.define(number, kind));
    entities().into_iter().for_each(|(number, entity)| writer.define(number, entity));
    let mut events = some_events(0, 40);
    events.push(OwnedEvent {
        time_ns: 2_000_000,
        cpu: 0,
        kind: EXIT,
        thread: 1,
        descriptor: 0,
        result: None,
        latency_ns: None,
        args: vec![OwnedArg::Int(0)],
    });
    events.iter().for_each(|event| event.push_to(&mut writer));
    writer.loss(loss());
    writer.flush();
    let more = some_events(2000, 30);
    more.iter().for_each(|event| event.push_to(&mut writer));
    writer.mark(mark());
    writer.tally(tally());
    events.extend(more);
    (writer.finish(), events)
}

pub(crate) fn loss() -> Loss {
    Loss { cpu: 1, cause: LossCause::RingFull, class: "syscall".to_owned(), count: 17, from_ns: 5, to_ns: 9 }
}

pub(crate) fn mark() -> Mark {
    Mark { time_ns: 6, kind: "note".to_owned(), text: b"disk is slow".to_vec() }
}

pub(crate) fn tally() -> Tally {
    Tally { cpu: 0, produced: 88, stored: 71, left_out: 0 }
}
