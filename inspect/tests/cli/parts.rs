//! Data in several parts: in captures that hold how long they are, and in those from before.

use capture_format::Writer;
use capture_format::message::{Message, put_data, put_lengths};
use capture_format::model::{Arg, Event, FdSource};

use crate::support::{CURL, FIRST_NS, Scratch, kind, run, writer};

const WRITEV: u32 = 5;
const WRITEV_BEFORE: u32 = 6;
const SENDMSG: u32 = 7;

fn parts(data: &[u8], count: u64, lengths: &[u64]) -> Vec<u8> {
    let mut stored = Vec::new();
    put_data(&mut stored, data);
    put_lengths(&mut stored, data.len(), count, lengths.iter().copied());
    stored
}

fn message(lengths: &[u64]) -> Vec<u8> {
    let mut stored = Vec::new();
    Message { flags: 0x40, data: b"hello", ..Message::default() }.put(&mut stored);
    put_lengths(&mut stored, 5, lengths.len() as u64, lengths.iter().copied());
    stored
}

fn push(writer: &mut Writer, time_ns: u64, kind: u32, data: &[u8]) {
    let args = [Arg::Int(3), Arg::Bytes(data), Arg::Int(2)];
    let event = Event {
        time_ns,
        cpu: 0,
        kind,
        thread: CURL,
        descriptor: 1,
        result: Some(5),
        latency_ns: None,
        args: &args,
    };
    writer.push(&event).expect("the event fits its kind");
}

fn capture() -> Vec<u8> {
    let mut writer = writer();
    let args = |data| [("fd", "fd"), ("data", data), ("iovcnt", "ulong")];
    let define = |writer: &mut Writer, number, name, data| {
        writer.define(number, kind(name, "io-write", 20, &args(data), FdSource::Arg(0)));
    };
    define(&mut writer, WRITEV, "writev", "parts<in:arg2>");
    define(&mut writer, WRITEV_BEFORE, "writev", "iovec<in:arg2>");
    define(&mut writer, SENDMSG, "sendmsg", "msghdr<in>");
    let before = message(&[5]);
    let stored = [
        (WRITEV, parts(b"hello", 1, &[5])),
        (WRITEV, parts(b"hello", 2, &[2, 300])),
        (WRITEV, parts(b"hello", 40, &[1, 2])),
        (WRITEV, parts(b"", 0, &[])),
        (WRITEV_BEFORE, b"hello".to_vec()),
        (SENDMSG, message(&[2, 3])),
        (SENDMSG, before),
    ];
    for (time_ns, (kind, data)) in (FIRST_NS..).zip(&stored) {
        push(&mut writer, time_ns, *kind, data);
    }
    writer.finish()
}

#[test]
fn lengths_are_shown_where_there_is_more_to_tell_than_the_data_does() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture());
    let shown = |file: &str, format| run(&["read", file, "-p", format]).stdout;
    let expected = [
        "data=hello ",
        "data=hello parts=[2 300] ",
        "data=hello parts=[1 2 ... 40] ",
        "data= parts=[] ",
        "data=hello ",
        "data=hello parts=[2 3] msg_flags=64(MSG_DONTWAIT) ",
        "data=hello msg_flags=64(MSG_DONTWAIT) ",
    ];
    let printed = shown(&file, "%evt.args");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{printed}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains(expected), "{line} instead of {expected}");
        assert_eq!(line.contains("parts="), expected.contains("parts="), "{line}");
    }
    let data = "hello\nhello\nhello\n\nhello\nhello\nhello\n";
    assert_eq!([shown(&file, "%evt.arg.data"), shown(&file, "%evt.buffer")], [data, data]);
    assert_eq!(run(&["read", &file, "evt.buffer=hello", "--count"]).stdout, "6\n");
    let objects = run(&["read", &file, "-j", "evt.num=2"]).stdout;
    assert!(objects.contains("data=hello parts=[2 300]"), "{objects}");
    // Data that is cut later keeps the lengths, also where they were the data's own.
    let copy = scratch.path("b.reel").display().to_string();
    run(&["read", &file, "-s", "2", "-w", &copy, "evt.type=writev"]);
    let lines = shown(&copy, "%evt.args");
    for expected in
        ["he parts=[5] ", "he parts=[2 300] ", "he parts=[1 2 ... 40] ", "data= parts=[] ", "he iovcnt"]
    {
        assert!(lines.contains(expected), "{expected}: {lines}");
    }
    assert!(!lines.contains("hel"), "{lines}");
}
