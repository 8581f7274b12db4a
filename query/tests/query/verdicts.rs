//! What a filter says of events of which only a part is known must hold for every such event.

use crate::support::*;
use capture_format::model::{Arg, DescriptorType, Ref};
use query::{Filter, Known, Outside, Query, Recording, Rows, Verdict};

/// Conditions of every scope.
const CONDITIONS: &[&str] = &[
    "evt.type=openat",
    "evt.type in (read, write)",
    "evt.type glob \"*at\"",
    "evt.category=net",
    "evt.category=file",
    "evt.category=process",
    "evt.is_open_read=true",
    "evt.is_io=true",
    "evt.source=syscall",
    "evt.failed=true",
    "evt.failed=false",
    "evt.count.error=1",
    "evt.rawres<0",
    "evt.rawres>=5",
    "evt.rawres!=12",
    "evt.res=ENOENT",
    "evt.res!=SUCCESS",
    "evt.res=SUCCESS",
    "evt.res in (SUCCESS, EAGAIN)",
    "evt.res exists",
    "evt.latency>=1500000",
    "evt.latency>1500000",
    "evt.latency<1500000",
    "evt.latency=1500000",
    "evt.latency.ns>=500000",
    "evt.latency.s=0",
    "evt.num>6",
    "evt.cpu=1",
    "evt.buflen>4",
    "evt.buffer contains GET",
    "evt.arg.flags contains O_CREAT",
    "evt.arg.fd exists",
    "evt.rawarg.res<0",
    "evt.info contains a.txt",
    "evt.abspath contains nope",
    "fd.name startswith /home",
    "fd.name=/nope",
    "fd.name exists",
    "fd.num=4",
    "fd.port=443",
    "fd.sport in (80, 443)",
    "fd.directory=/home/alice",
    "fs.path.name startswith /nope",
    "fs.path.nameraw in (old, a.txt)",
    "fd.type=ipv4",
    "proc.name=bash",
    "proc.name in (cat, nginx)",
    "proc.pname=systemd",
    "proc.aname=bash",
    "proc.pid=200",
    "proc.pgid=200",
    "proc.cmdline contains b",
    "proc.duration>0",
    "user.uid=1000",
    "user.name=alice",
    "container.id=host",
    "container.id=0123456789ab",
    "thread.tid=301",
    "proc.name=val(proc.pname)",
    "proc.vmsize>0",
];

struct Story {
    events: Vec<Happened>,
}

impl Story {
    fn new() -> Self {
        let mut events = vec![
            event("openat", CAT, FILE, 9, &[CWD, b(b"a.txt"), n(0), n(0)]),
            event("read", CAT, FILE, 12, &[n(9), b(b"hello\0world!"), n(4096)]),
            event("openat", CAT, 0, -2, &[CWD, b(b"/nope"), n(0o1101), n(0o755)]),
            event("connect", BASH, CLIENT, -115, &[n(4), b(b"\x02\0\x01\xbb\x5d\xb8\xd8\x22"), n(16)]),
            event("write", BASH, CLIENT, 5, &[n(4), b(b"GET /"), n(5)]),
            event("read", NGINX, SERVER, 5, &[n(7), b(b"GET /"), n(512)]),
            event("write", NGINX, UNIX, -11, &[n(6), b(b"log"), n(3)]),
            event("setuid", UNKNOWN, 0, 0, &[n(1000)]),
            event("unlinkat", NGINX, 0, 0, &[n(5), b(b"old"), n(512)]),
            event("procexit", CAT, 0, None, &[n(0), n(0), n(0), n(0), n(1), b(b"")]),
            event("read", BASH, FRESH, -107, &[n(3), Arg::Null, n(5)]),
            event("write", BASH, V6, 2, &[n(8), b(b"hi"), n(2)]),
        ];
        for (at, event) in events.iter_mut().enumerate() {
            event.latency_ns = [Some(1_499_999), Some(1_500_000), Some(1_500_001), None][at % 4];
        }
        Story { events }
    }
}

/// Everything that can be known of an event, in all combinations.
fn known_of(event: &Happened, kind: Ref) -> Vec<Known> {
    let mut all = Vec::new();
    for bits in 0..64u32 {
        let has = |bit: u32| bits & 1 << bit != 0;
        let result = event.result.map(|result| if result < 0 { (i64::MIN, -1) } else { (0, i64::MAX) });
        let bound = 1_500_000;
        let latency = |ns: u64| if ns < bound { (0, bound - 1) } else { (bound, u64::MAX) };
        all.push(Known {
            kind: has(0).then_some(kind),
            thread: has(1).then_some(event.thread),
            outside: None,
            descriptor: has(2).then_some(event.descriptor),
            result: result.filter(|_| has(3)),
            latency_ns: event.latency_ns.map(latency).filter(|_| has(4)),
            lasting: has(5),
        });
    }
    all
}

/// What is true of an event's descriptor or path besides.
fn outside_of(
    event: &Happened,
    recording: &Recording<'_>,
    filter: &Filter,
    query: &mut Query,
) -> Vec<Outside> {
    let mut all = Vec::new();
    let descriptor = recording.entities.descriptor(event.descriptor);
    if event.descriptor != 0 && query.is_outside(recording, event.descriptor) {
        all.push(Outside::Descriptor);
    }
    let is_other = |path: &[u8]| {
        path.starts_with(b"/") && !filter.prefixes().iter().any(|prefix| path.starts_with(prefix))
    };
    let opened = descriptor.map(|descriptor| descriptor.name.as_slice());
    let given = event.args.iter().find_map(|arg| match arg {
        Arg::Bytes(path) if event.kind == "openat" => Some(*path),
        _ => None,
    });
    if event.kind == "openat" && opened.or(given).is_some_and(is_other) {
        all.push(Outside::Path);
    }
    if descriptor.is_some_and(|socket| {
        let is_other = |port: u16| port != 0 && !filter.ports().contains(&port);
        matches!(socket.kind, DescriptorType::Ipv4 | DescriptorType::Ipv6)
            && is_other(socket.local.port)
            && is_other(socket.remote.port)
    }) {
        all.push(Outside::Socket);
    }
    all
}

/// Checks a filter against every event and all that can be known of it.
fn check_sound(story: &Story, recording: &Recording<'_>, rows: &Rows<'_>, text: &str) -> [u64; 3] {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{}", error.render()));
    let mut query = Query::new(Some(&filter));
    let selected = query.select(recording, rows).expect("the capture is whole");
    let kinds = rows.events.kinds().expect("the capture is whole");
    let mut counts = [0; 3];
    for (row, event) in story.events.iter().enumerate() {
        let kind = kinds.get(row);
        for known in known_of(event, kind) {
            let verdict = query.verdict(recording, &known);
            counts[verdict as usize] += 1;
            let is_right = match verdict {
                Verdict::No => !selected.contains(row),
                Verdict::Yes => selected.contains(row),
                Verdict::Unknown => true,
            };
            assert!(is_right, "'{text}' on event {} ({}), {known:?}: {verdict:?}", row + 1, event.kind);
        }
        for outside in outside_of(event, recording, &filter, &mut query) {
            let known = Known { kind: Some(kind), outside: Some(outside), ..Known::default() };
            let verdict = query.verdict(recording, &known);
            assert!(
                verdict != Verdict::No || !selected.contains(row),
                "'{text}' on event {} ({}), {known:?}",
                row + 1,
                event.kind
            );
            counts[verdict as usize] += 1;
        }
        let known = Known { kind: Some(kind), ..Known::default() };
        let least = query.latency_min_ns(recording, &known);
        assert!(
            !selected.contains(row) || event.latency_ns.is_none_or(|ns| ns >= least),
            "'{text}' on event {}: not below {least} ns",
            row + 1
        );
    }
    counts
}

#[test]
fn what_is_said_of_a_part_holds_for_the_whole() {
    let story = Story::new();
    let bytes = capture(&story.events);
    // Any sequence does that mixes well; this one is the same in every run.
    let mut state = 1u64;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    each_block(&bytes, |recording, rows| {
        let mut counts = [0; 3];
        let mut add = |text: &str| {
            let more = check_sound(&story, recording, rows, text);
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        };
        for one in CONDITIONS {
            add(one);
            add(&format!("not {one}"));
        }
        for _ in 0..1500 {
            let mut condition = || {
                let not = if next(3) == 0 { "not " } else { "" };
                format!("{not}{}", CONDITIONS[next(CONDITIONS.len())])
            };
            let (a, b, c) = (condition(), condition(), condition());
            add(&match next(4) {
                0 => format!("{a} and {b} and {c}"),
                1 => format!("({a} or {b}) and {c}"),
                2 => format!("{a} or {b} and {c}"),
                _ => format!("not ({a} and ({b} or {c}))"),
            });
        }
        // An evaluator that never knows anything would be sound as well.
        let [no, unknown, yes] = counts;
        assert!(no > unknown / 8 && yes > unknown / 8, "{no} no, {unknown} unknown, {yes} yes");
    });
}

#[test]
fn enough_is_known() {
    let story = Story::new();
    let bytes = capture(&story.events);
    each_block(&bytes, |recording, rows| {
        let kind_of = |name: &str| {
            let row = story.events.iter().position(|event| event.kind == name).expect("it happened");
            Some(rows.events.kinds().expect("the capture is whole").get(row))
        };
        let check = |filter: &str, known: Known, expected: Verdict| {
            let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{}", error.render()));
            assert_eq!(
                Query::new(Some(&filter)).verdict(recording, &known),
                expected,
                "{filter:?} {known:?}"
            );
        };
        let (openat, read, connect) = (kind_of("openat"), kind_of("read"), kind_of("connect"));
        let kind = |kind| Known { kind, ..Known::default() };
        check("evt.type=openat", kind(openat), Verdict::Yes);
        check("evt.type=openat", kind(read), Verdict::No);
        check("evt.category=net", kind(connect), Verdict::Yes);
        check("evt.category=net", kind(openat), Verdict::No);
        // What it reads from is not known.
        check("evt.category=net", kind(read), Verdict::Unknown);
        check("evt.arg.flags contains O_CREAT", kind(read), Verdict::No);
        let bash = Known { thread: Some(BASH), lasting: true, ..Known::default() };
        check("proc.name=nginx and evt.category=net", bash, Verdict::No);
        check("proc.pgid=7", bash, Verdict::Unknown);
        check("proc.name=bash and proc.pgid=7", bash, Verdict::Unknown);
        check("proc.name=nginx and proc.pgid=7", bash, Verdict::No);
        let failed = Known { result: Some((i64::MIN, -1)), ..kind(openat) };
        let succeeded = Known { result: Some((0, i64::MAX)), ..kind(openat) };
        check("evt.failed=true", succeeded, Verdict::No);
        check("evt.failed=true", failed, Verdict::Yes);
        check("evt.res=EACCES", succeeded, Verdict::No);
        check("evt.res=EACCES", failed, Verdict::Unknown);
        check("evt.rawres>=3", failed, Verdict::No);
        check("fd.port=443", Known { descriptor: Some(CLIENT), ..Known::default() }, Verdict::Yes);
        check("fd.port=443", Known { descriptor: Some(0), ..kind(connect) }, Verdict::No);
        // A failed open names a path of which nothing is known.
        check("fd.name=/nope", Known { descriptor: Some(0), ..kind(openat) }, Verdict::Unknown);
        let filter = Filter::parse("evt.latency>=10ms and fd.type=file").expect("a filter");
        assert_eq!(Query::new(Some(&filter)).latency_min_ns(recording, &kind(read)), 10_000_000);
        let filter = Filter::parse("evt.latency>=10ms or fd.type=file").expect("a filter");
        assert_eq!(Query::new(Some(&filter)).latency_min_ns(recording, &kind(read)), 0);
    });
}
