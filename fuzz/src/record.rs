//! Any bytes are taken for records of the kernel half without a panic, and each one becomes exactly one event, or a part
//! of one, whose references can be looked up, whatever state the ones before it left behind.
//!
//! The first byte chooses: the rest is either the records themselves, or a script from which well-formed ones
//! are built, which gets much deeper than luck with lengths would.
#![no_main]

mod machine;

use libfuzzer_sys::fuzz_target;
use wire::facts::{EXEC_BYTES, EXIT_BYTES, FILE_BYTES, FORK_BYTES, SIGNAL_BYTES, SOCKET_BYTES};
use wire::record::{
    RecordBuilder, SECTION_ARGV, SECTION_CGROUP, SECTION_CGROUP_V1, SECTION_CWD, SECTION_DEVICE, SECTION_ENV,
    SECTION_EXE_PATH, SECTION_EXEC, SECTION_EXIT, SECTION_FILE, SECTION_FILENAME, SECTION_FORK,
    SECTION_OPENED, SECTION_OPERATION, SECTION_PACKET, SECTION_PATH, SECTION_REGISTERED,
    SECTION_REGISTERED_PATH, SECTION_SIGNAL, SECTION_SOCKET,
};
use wire::uring::IMAGE_BYTES;
use wire::{Record, RecordHeader, RecordType, SectionState};

use machine::Checked;

/// Types of records, those first that are most of what is recorded.
const KINDS: [RecordType; 11] = [
    RecordType::Syscall,
    RecordType::Exec,
    RecordType::Fork,
    RecordType::Exit,
    RecordType::CgroupMove,
    RecordType::Signal,
    RecordType::Tcp,
    RecordType::UringSubmit,
    RecordType::UringComplete,
    RecordType::Packet,
    RecordType::Kernel,
];

/// Sections but for arguments.
const SECTIONS: [u8; 20] = [
    SECTION_EXEC,
    SECTION_FORK,
    SECTION_EXIT,
    SECTION_SIGNAL,
    SECTION_FILE,
    SECTION_SOCKET,
    SECTION_CWD,
    SECTION_CGROUP,
    SECTION_CGROUP_V1,
    SECTION_ARGV,
    SECTION_ENV,
    SECTION_EXE_PATH,
    SECTION_FILENAME,
    SECTION_PATH,
    SECTION_OPENED,
    SECTION_OPERATION,
    SECTION_REGISTERED,
    SECTION_REGISTERED_PATH,
    SECTION_PACKET,
    SECTION_DEVICE,
];

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
            // A port that is looked at.
            0xf4 => 53,
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
            // Small ones first.
            SECTION_SOCKET => {
                return (0..SOCKET_BYTES / 2).flat_map(|_| (self.number() as u16).to_ne_bytes()).collect();
            }
            SECTION_OPERATION => IMAGE_BYTES / 4,
            SECTION_REGISTERED => (FILE_BYTES + 8) / 4,
            _ => {
                let len = usize::from(self.byte());
                return self.bytes(len);
            }
        };
        (0..words).flat_map(|_| (self.number() as u32).to_ne_bytes()).collect()
    }

    /// A number in the tables of calls, of operations or of what happens: all there are, and some that are none.
    fn nr(&mut self, kind: RecordType) -> u16 {
        match (kind, self.byte()) {
            (RecordType::Tcp | RecordType::Packet | RecordType::Kernel, byte) => u16::from(byte % 10),
            (RecordType::UringSubmit | RecordType::UringComplete, byte) => u16::from(byte),
            (_, byte) => u16::from_le_bytes([byte, self.byte() % 4]) | if byte == 0xff { 0x4000 } else { 0 },
        }
    }

    fn record(&mut self, time_ns: &mut u64) -> Vec<u8> {
        let process = self.number() as u32;
        let kind = KINDS[usize::from(self.byte()) % KINDS.len()];
        // Now and then so long that what is waited for is not any more.
        *time_ns = time_ns.saturating_add(u64::from(self.byte()) << (self.byte() % 40));
        let header = RecordHeader {
            kind: kind as u8,
            flags: self.byte() & 7,
            nr: self.nr(kind),
            tid: if self.byte() & 1 == 0 { process } else { self.number() as u32 },
            tgid: process,
            time_ns: *time_ns,
            latency_ns: self.number(),
            result: self.number() as i64,
            ..RecordHeader::default()
        };
        let args: Vec<u64> = (0..self.byte() % 7).map(|_| self.number()).collect();
        let mut built = RecordBuilder::<4096>::new(header, &args);
        for _ in 0..self.byte() % 6 {
            let index = match self.byte() {
                index @ 0..=127 => index % 6,
                index => SECTIONS[usize::from(index) % SECTIONS.len()],
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
    let mut tracker = machine::tracker();
    let mut sink = Checked::new(|_, _| {});
    let mut time_ns = 0;
    let mut records = 0;
    let mut script = Script(rest);
    loop {
        let built;
        let record = if mode & 1 == 0 {
            if script.0.is_empty() {
                break;
            }
            built = script.record(&mut time_ns);
            Record::parse(&built).expect("a record that was built is whole")
        } else {
            let Ok(record) = Record::parse(rest) else { break };
            rest = &rest[record.header.bytes as usize..];
            record
        };
        tracker.record(&record, 0, &mut sink);
        records += 1;
        let [events, left_out, derived] = sink.counts;
        assert!(events + left_out <= records + derived, "one event per record");
        if record.header.flags & 7 == 7 {
            // As if changes of this thread had been lost.
            tracker.lost_changes(&[record.header.tid], record.header.tgid == 0);
            tracker.read_uncertain(u64::MAX);
        }
    }
    tracker.finish(&mut sink);
    let [events, left_out, derived] = sink.counts;
    assert_eq!(events + left_out, records + derived, "each record is accounted for");
});
