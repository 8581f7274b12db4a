//! DNS messages of any bytes, sent over TCP in any pieces, are found as they are when each is a datagram of its own; and
//! streams of any bytes, recorded in part, are read without a panic.
//!
//! The first byte chooses which of the two. The messages go the way they come: in records of calls on a socket.
#![no_main]

mod machine;

use capture_format::model::{Arg, Event};
use libfuzzer_sys::fuzz_target;
use sysreel_agent::track::{Store, Tracker};
use wire::facts::SocketFacts;
use wire::record::{RecordBuilder, SECTION_SOCKET};
use wire::{Record, RecordHeader, RecordType, SectionState};

use machine::Checked;

const WRITE: u16 = 1;
const CONNECT: u16 = 42;
const FD: u64 = 3;
/// Bytes of a call that are recorded at most.
const PIECE_BYTES_MAX: usize = 3000;
const HEAD_BYTES: usize = 12;

/// A message as its event shows it, but for the latency.
#[derive(Debug, PartialEq, Eq)]
struct Told(Vec<Vec<u8>>, Vec<u64>);

/// A client with a socket that is connected to port 53.
struct Client {
    tracker: Tracker,
    time_ns: u64,
    told: Vec<Told>,
}

impl Client {
    fn new(protocol: u16) -> Self {
        let mut client = Client { tracker: machine::tracker(), time_ns: 0, told: Vec::new() };
        let facts = SocketFacts {
            family: 2,
            socktype: if protocol == 6 { 1 } else { 2 },
            protocol,
            state: 1,
            local_port: 40000,
            remote_port: 53,
            local_address: [1; 16],
            remote_address: [1; 16],
            ino: 7,
            kernel_address: 9,
            ..SocketFacts::default()
        };
        client.call(CONNECT, 0, SECTION_SOCKET, &facts.to_bytes());
        client
    }

    /// Sends `whole` bytes, of which these were recorded.
    fn send(&mut self, bytes: &[u8], whole: usize) {
        self.call(WRITE, whole as i64, 1, bytes);
    }

    fn call(&mut self, nr: u16, result: i64, section: u8, bytes: &[u8]) {
        self.time_ns += 1;
        let header = RecordHeader {
            kind: RecordType::Syscall as u8,
            nr,
            tid: 10,
            tgid: 10,
            time_ns: self.time_ns,
            result,
            ..RecordHeader::default()
        };
        let mut built =
            RecordBuilder::<4096>::new(header, &[FD, 1, 1]).section(section, SectionState::Data, bytes);
        let record = Record::parse(built.finish()).expect("a record that was built is whole");
        let told = &mut self.told;
        self.tracker.record(
            &record,
            0,
            &mut Checked::new(|event: &Event<'_>, store: &Store| told.extend(read(event, store))),
        );
    }
}

/// What an event tells of a message, if it is about one.
fn read(event: &Event<'_>, store: &Store) -> Option<Told> {
    let kind = store.kind(event.kind).expect("the kind is in the store");
    if kind.name != "dns" {
        return None;
    }
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    for arg in event.args {
        match arg {
            Arg::Bytes(text) => texts.push(text.to_vec()),
            Arg::Int(number) => numbers.push(*number),
            _ => {}
        }
    }
    let name = &texts[0];
    // Neither can it end a line, nor pass for several.
    assert!(name.iter().all(|&byte| byte > b' ' && byte != 0x7f && !b"\",".contains(&byte)), "{name:?}");
    assert!(name.len() <= 4 * 255 && texts.iter().all(|text| text.len() <= 1024 + 8), "{texts:?}");
    Some(Told(texts, numbers))
}

/// The messages in the input, each behind its length, and the bytes that say how to cut.
fn messages(mut bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut messages = Vec::new();
    while let Some((&length, rest)) = bytes.split_first()
        && length != 0
    {
        let length = (HEAD_BYTES + usize::from(length) - 1).min(rest.len());
        if length < HEAD_BYTES {
            break;
        }
        let (message, rest) = rest.split_at(length);
        messages.push(message);
        bytes = rest;
    }
    (messages, bytes)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, bytes)) = bytes.split_first() else { return };
    if mode & 1 == 1 {
        // Whatever comes, of which pieces were recorded in part.
        let mut client = Client::new(6);
        let mut rest = bytes;
        while let Some((&[length, more], after)) = rest.split_first_chunk::<2>() {
            let (piece, after) = after.split_at(after.len().min(usize::from(length)));
            client.send(piece, piece.len() + usize::from(more) * usize::from(more));
            rest = after;
        }
        return;
    }
    let (messages, mut cuts) = messages(bytes);
    let mut datagrams = Client::new(17);
    let mut stream = Vec::new();
    for message in &messages {
        datagrams.send(message, message.len());
        stream.extend((message.len() as u16).to_be_bytes());
        stream.extend_from_slice(message);
    }
    let mut connection = Client::new(6);
    let mut rest = &stream[..];
    while !rest.is_empty() {
        let cut = cuts.split_off_first().map_or(PIECE_BYTES_MAX, |&cut| usize::from(cut) + 1);
        let (piece, after) = rest.split_at(rest.len().min(cut));
        connection.send(piece, piece.len());
        rest = after;
    }
    assert_eq!(datagrams.told, connection.told);
});
