//! Captures whose every text was written by someone who wants to be overlooked, or to write on our terminal.

use capture_format::Writer;
use capture_format::model::{
    Arg, ArgDef, Container, Descriptor, DescriptorType, Event, EventKind, FdSource, Group, Host, Loss,
    LossCause, Mark, Process, Thread, User,
};
use serde_json::Value;

use crate::support::{FIRST_NS, Scratch, host, run};

/// Line ends, a tab, an escape sequence, NUL, DEL, a C1 control, quotes, a backslash, an override of direction, a line
/// separator, something invisible, and ends in the middle of a character.
const TEXT: &[u8] =
    b"a\nb\r\n\tc\x1b[2J\x1b]0;x\x07\0\x7f\xc2\x9b\"'\\ \xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xe2\x80\x8b \xff\xed\xa0\x80\xe2\x80";

/// The same where captures hold UTF-8 only.
const NAME: &str = "a\nb\r\n\tc\u{1b}[2J\u{1b}]0;x\u{7}\0\u{7f}\u{9b}\"'\\ \u{202e}\u{2066}\u{2028}\u{200b}";

const DESCRIPTORS: [DescriptorType; 8] = [
    DescriptorType::File,
    DescriptorType::Directory,
    DescriptorType::Unix,
    DescriptorType::Pipe,
    DescriptorType::Memfd,
    DescriptorType::Anonymous,
    DescriptorType::Unknown,
    DescriptorType::Ipv4,
];

const ARGUMENTS: [&str; 14] = [
    "fd",
    "path",
    "path(0)",
    "text",
    "strings",
    "bytes<out:ret>",
    "bytes<in:16>",
    "sockaddr<in:16>",
    "struct(timespec)<in:16>",
    "struct(nonsense)<in:16>",
    "flags(open)",
    "pid",
    "uid",
    "gid",
];

fn define(writer: &mut Writer) {
    let args = ARGUMENTS
        .iter()
        .map(|kind| ArgDef { name: NAME.to_owned(), kind: kind.parse().expect("a kind of the schema") });
    let kind = EventKind {
        name: NAME.to_owned(),
        category: NAME.to_owned(),
        nr: Some(1),
        abi: NAME.to_owned(),
        args: args.collect(),
        result: Some("errno".parse().expect("a kind of the schema")),
        fd: FdSource::Arg(0),
    };
    writer.define(1, kind.clone());
    writer.define(2, EventKind { category: "io-read".to_owned(), ..kind.clone() });
    writer.define(3, EventKind { name: "openat".to_owned(), fd: FdSource::Result, ..kind });
    let text = || TEXT.to_vec();
    let process = Process {
        pid: 7,
        comm: text(),
        exe: text(),
        exe_path: text(),
        args: [text(), text()].into(),
        env: [text(), text()].into(),
        cwd: text(),
        cgroup: text(),
        parent: 1,
        container: 1,
        ..Process::default()
    };
    writer.define(1, process);
    writer.define(1, Thread { tid: 7, comm: text(), process: 1, ..Thread::default() });
    let container =
        Container { full_id: text(), runtime: NAME.to_owned(), pod_uid: text(), name: text(), image: text() };
    writer.define(1, container);
    writer.define(1, User { uid: 0, gid: 0, name: text(), home: text(), shell: text() });
    writer.define(1, Group { gid: 0, name: text() });
    for (number, kind) in (1..).zip(DESCRIPTORS) {
        writer.define(number, Descriptor { kind, name: text(), name_raw: text(), ..Descriptor::default() });
    }
}

/// So many events, and their capture.
fn capture() -> (usize, Vec<u8>) {
    let host = Host {
        hostname: TEXT.to_vec(),
        kernel: TEXT.to_vec(),
        machine: TEXT.to_vec(),
        writer: TEXT.to_vec(),
        scope: TEXT.to_vec(),
        addresses: vec![TEXT.to_vec()],
        ..host()
    };
    let mut writer = Writer::new(&host, 3);
    define(&mut writer);
    let mut events = 0;
    let bytes = [b"\x01\0", TEXT].concat();
    for kind in 1..=3 {
        for descriptor in 0..=DESCRIPTORS.len() as u32 {
            let args: Vec<Arg<'_>> = ARGUMENTS
                .iter()
                .map(|shape| match *shape {
                    "fd" => Arg::Int(3),
                    "pid" => Arg::Int(7),
                    "sockaddr<in:16>" => Arg::Bytes(&bytes),
                    shape
                        if shape
                            .parse::<capture_format::schema::ArgKind>()
                            .is_ok_and(|kind| kind.is_data()) =>
                    {
                        Arg::Bytes(TEXT)
                    }
                    _ => Arg::Int(0),
                })
                .collect();
            events += 1;
            let event = Event {
                time_ns: FIRST_NS + events as u64,
                cpu: 0,
                kind,
                thread: 1,
                descriptor,
                result: Some(3),
                latency_ns: Some(1),
                args: &args,
            };
            writer.push(&event).expect("a well-formed event");
        }
    }
    (events, writer.finish())
}

#[track_caller]
fn check_harmless(text: &str) {
    let bad = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    assert!(!text.contains(bad), "{text:?}");
}

/// Every field, as a format and as arguments of its own where it needs some.
fn formats() -> Vec<String> {
    let fields = query::fields().iter().filter(|field| field.usage != query::Usage::FilterOnly);
    let tokens = fields.filter(|field| !matches!(field.argument(), "[N or NAME]" | "[N]"));
    let mut formats: Vec<String> = tokens.map(|field| format!("%{}", field.name)).collect();
    formats.extend((0..16).map(|index| format!("%evt.arg[{index}]")));
    formats.extend((0..16).map(|index| format!("%evt.rawarg[{index}]")));
    formats.extend(["%proc.aname[1]", "%proc.env[1]", "%proc.args[1]"].map(str::to_owned));
    formats.extend(
        ["%toupper(proc.name)", "%concat(proc.name, fd.name)", "%20proc.name|%3fd.name"].map(str::to_owned),
    );
    formats
}

#[test]
fn every_event_is_one_harmless_line() {
    let (events, bytes) = capture();
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &bytes);
    let check = |words: &[&str]| {
        let ran = run(&[&["read", &file], words].concat());
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        assert_eq!(ran.stdout.lines().count(), events, "{words:?}");
        assert_eq!(ran.stdout.matches('\n').count(), events, "{words:?}");
        check_harmless(&ran.stdout);
        ran.stdout
    };
    check(&[]);
    check(&["-v"]);
    check(&["-pc"]);
    check(&["-b"]);
    let formats = formats();
    for format in &formats {
        check(&["-p", &format!("*{format}")]);
    }
    let all = format!("*{}", formats.join(" "));
    check(&["-p", &all]);
    for words in [&["-j"][..], &["-j", "-p", &all], &["-j", "-v", "-p", &all], &["-j", "-X", "-p", &all]] {
        for line in check(words).lines() {
            let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(object.is_object());
        }
    }
}

#[test]
fn sums_remarks_and_messages_are_harmless() {
    let (_, whole) = capture();
    let scratch = Scratch::new();
    let mut writer = Writer::new(&Host { hostname: TEXT.to_vec(), ..host() }, 3);
    define(&mut writer);
    let loss =
        Loss { cpu: 0, cause: LossCause::RingFull, class: NAME.to_owned(), count: 7, from_ns: 1, to_ns: 2 };
    writer.loss(loss);
    writer.mark(Mark { time_ns: 1, kind: NAME.to_owned(), text: TEXT.to_vec() });
    let file = scratch.file("a.reel", &whole);
    let lossy = scratch.file("b\n\u{1b}[2J\u{202e}.reel", &writer.finish());
    for words in [
        &["read", "-S", "-q", &file][..],
        &["read", "-S", "-q", "-j", &file],
        &["read", &lossy],
        &["read", "-j", &lossy],
        &["info", &file],
        &["info", "-v", &file],
        &["info", "-j", &file],
        &["info", &lossy],
        &["info", "-j", &lossy],
        &["verify", "-v", &lossy],
        &["read", "b\n\u{1b}[2J\u{202e}"],
        &["read", &file, "evt.type = \u{1b}[2J\u{202e}"],
        &["read", &file, "-w", &file],
    ] {
        let ran = run(words);
        check_harmless(&ran.stdout);
        check_harmless(&ran.stderr);
        if words.contains(&"-j") {
            for line in ran.stdout.lines() {
                serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            }
        }
    }
}
