//! Any bytes are taken for records of the kernel half without a panic, and each one becomes exactly one event, or a part
//! of one, whose references can be looked up, whatever state the ones before it left behind.
//!
//! The first byte chooses: the rest is either the records themselves, or a script from which well-formed ones
//! are built, which gets much deeper than luck with lengths would.
#![no_main]

use std::path::PathBuf;

use capture_format::model::Event;
use capture_format::schema::Abi;
use libfuzzer_sys::fuzz_target;
use sysreel_agent::operations::Operations;
use sysreel_agent::selection::Selection;
use sysreel_agent::track::{Sink, Store, Tracker, TrackerOptions};
use wire::facts::{EXEC_BYTES, EXIT_BYTES, FILE_BYTES, FORK_BYTES, SIGNAL_BYTES, SOCKET_BYTES};
use wire::record::{
    RecordBuilder, SECTION_ARGV, SECTION_CGROUP, SECTION_CWD, SECTION_EXEC, SECTION_EXIT, SECTION_FILE,
    SECTION_FILENAME, SECTION_FORK, SECTION_OPERATION, SECTION_PATH, SECTION_REGISTERED,
    SECTION_REGISTERED_PATH, SECTION_SIGNAL, SECTION_SOCKET,
};
use wire::uring::IMAGE_BYTES;
use wire::{Record, RecordHeader, SectionState};

#[derive(Default)]
struct Checked {
    events: usize,
    left_out: usize,
    derived: usize,
}

impl Sink for Checked {
    fn event(&mut self, event: &Event<'_>, store: &Store) {
        self.events += 1;
        let kind = store.kind(event.kind).expect("the kind is in the store");
        assert_eq!(event.args.len(), kind.args.len());
        let thread = store.thread(event.thread).expect("the thread is in the store");
        let process = store.process(thread.process).expect("its process is in the store");
        assert!(process.container == 0 || store.container(process.container).is_some());
        assert!(event.descriptor == 0 || store.descriptor(event.descriptor).is_some());
        let mut parent = process.parent;
        let mut ancestors = 0;
        while parent != 0 {
            parent = store.process(parent).expect("every ancestor is in the store").parent;
            ancestors += 1;
            assert!(ancestors < 1000, "ancestors end somewhere");
        }
    }

    fn derived(&mut self, _: u16) {
        self.derived += 1;
    }

    fn left_out(&mut self, _: u16) {
        self.left_out += 1;
    }
}

/// What takes bytes off the front of the input; zeros when it is used up.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    /// Small numbers, so that ids and descriptors meet, and now and then the ends of the range.
    fn number(&mut self) -> u64 {
        match self.byte() {
            byte @ 0..=0xf0 => u64::from(byte & 15),
            0xf1 => u64::MAX,
            0xf2 => -100i64 as u64,
            0xf3 => u64::from(u32::MAX),
            byte => u64::from(byte) << (self.byte() % 56),
        }
    }

    /// The bytes of a section, of the length that its number asks for.
    fn section(&mut self, index: u8) -> Vec<u8> {
        let words = match index {
            SECTION_EXEC => EXEC_BYTES / 4,
            SECTION_FORK => FORK_BYTES / 4,
            SECTION_EXIT => EXIT_BYTES / 4,
            SECTION_SIGNAL => SIGNAL_BYTES / 4,
            SECTION_FILE => FILE_BYTES / 4,
            SECTION_SOCKET => SOCKET_BYTES / 4,
            SECTION_OPERATION => IMAGE_BYTES / 4,
            SECTION_REGISTERED => (FILE_BYTES + 8) / 4,
            _ => {
                let len = usize::from(self.byte());
                return self.bytes(len);
            }
        };
        (0..words).flat_map(|_| (self.number() as u32).to_ne_bytes()).collect()
    }

    fn record(&mut self) -> Vec<u8> {
        let process = self.number() as u32;
        let header = RecordHeader {
            // Connections need not have a thread.
            kind: [1, 2, 3, 4, 5, 6, 8, 9][usize::from(self.byte() % 8)],
            flags: self.byte() & 7,
            nr: u16::from_le_bytes([self.byte(), self.byte() & 1]),
            tid: if self.byte() & 1 == 0 { process } else { self.number() as u32 },
            tgid: process,
            result: self.number() as i64,
            ..RecordHeader::default()
        };
        let args: Vec<u64> = (0..self.byte() % 7).map(|_| self.number()).collect();
        let mut built = RecordBuilder::<4096>::new(header, &args);
        for _ in 0..self.byte() % 6 {
            const FACTS: [u8; 14] = [
                SECTION_EXEC,
                SECTION_FORK,
                SECTION_EXIT,
                SECTION_SIGNAL,
                SECTION_FILE,
                SECTION_SOCKET,
                SECTION_CWD,
                SECTION_CGROUP,
                SECTION_ARGV,
                SECTION_FILENAME,
                SECTION_PATH,
                SECTION_OPERATION,
                SECTION_REGISTERED,
                SECTION_REGISTERED_PATH,
            ];
            let index = match self.byte() % 27 {
                index @ 0..=12 => index % 6,
                index => FACTS[usize::from(index) - 13],
            };
            let bytes = self.section(index);
            built = match self.byte() {
                0xff => built.section(index, SectionState::Null, &[]),
                0xfe => built.section(index, SectionState::Unreadable, &[]),
                _ => built.section(index, SectionState::Data, &bytes),
            };
        }
        built.finish().to_vec()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, mut rest)) = bytes.split_first() else { return };
    let mut tracker = Tracker::new(TrackerOptions {
        // No process of the machine that runs the fuzzer is to be read.
        proc_root: PathBuf::from("/nonexistent"),
        snap_bytes: 80,
        abi: Abi::X86_64,
        skip_start_scan: true,
        selection: Selection::default(),
        drop_reasons: [(2, "NOT_SPECIFIED".to_owned())].into(),
        operations: Operations::new(Abi::X86_64, |_, _| None),
    });
    let mut sink = Checked::default();
    let mut records = 0;
    let mut script = Script(rest);
    loop {
        let built;
        let record = if mode & 1 == 0 {
            if script.0.is_empty() {
                break;
            }
            built = script.record();
            Record::parse(&built).expect("a record that was built is whole")
        } else {
            let Ok(record) = Record::parse(rest) else { break };
            rest = &rest[record.header.bytes as usize..];
            record
        };
        tracker.record(&record, 0, &mut sink);
        records += 1;
        assert!(sink.events + sink.left_out <= records + sink.derived, "one event per record");
    }
    tracker.finish(&mut sink);
    assert_eq!(sink.events + sink.left_out, records + sink.derived, "each record is accounted for");
});
