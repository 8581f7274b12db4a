//! One record: a fixed header, the raw arguments the call's table entry asks for, then sections.
//!
//! ```text
//! | RecordHeader (40) | argument 0 .. nargs-1, 8 bytes each | section | section | ... | pad to 8 |
//! section = | SectionHeader (8) | bytes | pad to 8 |
//! ```
//! Every record is one event: what a call did, an exec, a fork, an exit, a signal, a cgroup move, a turn in the life of
//! a connection.

/// An enumeration whose numbers pass from kernel to agent, and its variant with a number.
macro_rules! numbered {
    ($(#[$doc:meta])* pub enum $name:ident: $number:ty, $from:ident {
        $($(#[$of:meta])* $variant:ident = $value:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$of])* $variant = $value,)*
        }

        impl $name {
            /// The one with this number, if there is one.
            #[inline]
            pub fn $from(number: $number) -> Option<Self> {
                match number {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

numbered! {
    /// What a record tells; the value of [`RecordHeader::kind`].
    pub enum RecordType: u8, from_u8 {
        /// A system call returned (or, for `exit` and `exit_group`, will never return).
        Syscall = 1,
        /// A new program image was installed: the successful `execve` or `execveat` itself.
        Exec = 2,
        /// A task was created. Written by the parent, for the child: `tid` and `tgid` are the child's, the result
        /// is 0 and `nr` is the creating call.
        Fork = 3,
        /// A task ended.
        Exit = 4,
        /// A task was moved to another cgroup.
        CgroupMove = 5,
        /// A signal is being delivered to the current task.
        Signal = 6,
        /// Something happened to a TCP connection; the number is a [`TcpEvent`]. The current task is often not the one
        /// whose connection it is.
        Tcp = 7,
        /// An operation was submitted to an `io_uring`. The number is its opcode, the ids are those of the thread that
        /// submitted it, or that owns the ring where a thread of the kernel did. Raw arguments: request, ring.
        UringSubmit = 8,
        /// An operation completed, or had one of several completions. The number is its opcode, or
        /// [`crate::uring::OPCODE_NONE`]. Raw arguments: request or 0, ring, user data, flags of the completion.
        UringComplete = 9,
        /// Something happened to an IP packet for which there need not be a socket; the number is a [`PacketEvent`]. The
        /// current task is often not the one whose packet it is.
        Packet = 10,
        /// Something the kernel did; the number is a [`KernelNote`]. Names stand in a section of their own.
        Kernel = 11,
    }
}

numbered! {
    /// What happened to a TCP connection.
    pub enum TcpEvent: u16, from_nr {
        /// Its state changed. Raw arguments: old state, new state, smoothed round trip time in microseconds, bytes that the
        /// peer acknowledged, bytes received, segments retransmitted.
        State = 1,
        /// A segment was sent again. Raw arguments: state, segments retransmitted.
        Retransmit = 2,
        /// A reset was sent. Raw argument: state.
        ResetSent = 3,
        /// A reset was received. Raw argument: state.
        ResetReceived = 4,
    }
}

numbered! {
    /// What the kernel did.
    pub enum KernelNote: u16, from_nr {
        /// It ends a process for lack of memory. Raw arguments: thread id, process id (0 before Linux 6.8).
        OomKill = 1,
        /// A module was loaded.
        ModuleLoad = 2,
        /// A module goes.
        ModuleUnload = 3,
        /// A control group was made.
        CgroupMake = 4,
        /// A control group was removed.
        CgroupRemove = 5,
        /// A control group was renamed.
        CgroupRename = 6,
        /// Memory was not there. Raw arguments: its address, that of the instruction, what was tried (x86's error code).
        PageFault = 7,
        /// The current thread leaves the CPU; in the header is 0 if it is none of those to record. Raw arguments: its state, 1
        /// if it did not want to, its thread id, those of the next (its process's in the upper half), how often each of the two
        /// has left a CPU.
        Switch = 8,
    }
}

numbered! {
    /// What happened to an IP packet. Raw arguments: the kernel's reason, 1 if the packet came in from a device, its bytes,
    /// the network namespace's inode number.
    pub enum PacketEvent: u16, from_nr {
        /// It was dropped.
        Dropped = 1,
        /// It was a TCP segment for which there is no socket, and is answered by a reset.
        Reset = 2,
    }
}

/// Flag: `latency_ns` was measured.
pub const FLAG_LATENCY: u8 = 1;
/// Flag: the call was made with the 32-bit entry of a 64-bit kernel; `nr` counts in that table.
pub const FLAG_COMPAT: u8 = 2;
/// Flag: there is no result: the call does not return.
pub const FLAG_NO_RESULT: u8 = 4;
/// The count of raw arguments stands in the upper bits of the flags, from this one on.
pub const NARGS_SHIFT: u8 = 5;

/// The fixed head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct RecordHeader {
    /// Whole record in bytes, this header included; a multiple of 8.
    pub bytes: u32,
    /// A [`RecordType`].
    pub kind: u8,
    /// `FLAG_*`, and the count of raw arguments from [`NARGS_SHIFT`] on.
    pub flags: u8,
    /// System call number, or 0 where there is none.
    pub nr: u16,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Process (thread group) id in the initial pid namespace.
    pub tgid: u32,
    /// CLOCK_BOOTTIME in ns when the call returned.
    pub time_ns: u64,
    /// Return value, negative errno on failure.
    pub result: i64,
    /// Time from the call's entry to `time_ns`, when `FLAG_LATENCY` is set.
    pub latency_ns: u64,
}

/// Size of [`RecordHeader`].
pub const HEADER_BYTES: usize = 40;
const _: () = assert!(size_of::<RecordHeader>() == HEADER_BYTES);

numbered! {
    /// What became of the user memory an argument pointed to.
    pub enum SectionState: u8, from_u8 {
        /// The bytes follow.
        Data = 0,
        /// The pointer was null.
        Null = 1,
        /// The memory could not be read (not mapped, or paged out); the raw argument holds the pointer.
        Unreadable = 2,
    }
}

/// The head of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct SectionHeader {
    /// Argument index 0..6, or a `SECTION_*` number.
    pub index: u8,
    /// A [`SectionState`].
    pub state: u8,
    #[doc(hidden)]
    pub reserved: u16,
    /// Bytes that follow, without padding.
    pub bytes: u32,
}

/// Size of [`SectionHeader`].
pub const SECTION_HEADER_BYTES: usize = 8;
const _: () = assert!(size_of::<SectionHeader>() == SECTION_HEADER_BYTES);

/// Section: [`crate::SocketFacts`] of the descriptor the call worked on.
pub const SECTION_SOCKET: u8 = 0x40;
/// Section: [`crate::FileFacts`] of the descriptor the call returned.
pub const SECTION_FILE: u8 = 0x41;
/// Section: [`crate::ExecFacts`].
pub const SECTION_EXEC: u8 = 0x42;
/// Section: [`crate::ForkFacts`].
pub const SECTION_FORK: u8 = 0x43;
/// Section: [`crate::ExitFacts`].
pub const SECTION_EXIT: u8 = 0x44;
/// Section: [`crate::SignalFacts`].
pub const SECTION_SIGNAL: u8 = 0x45;
/// Section: resolved path of the executable: components from the file up to the root, each ended by NUL. An empty one at
/// the end says that there are more than were followed.
pub const SECTION_EXE_PATH: u8 = 0x46;
/// Section: working directory, in the same form.
pub const SECTION_CWD: u8 = 0x47;
/// Section: path in the default (v2) cgroup hierarchy, in the same form.
pub const SECTION_CGROUP: u8 = 0x48;
/// Section: path in a v1 cgroup hierarchy, in the same form.
pub const SECTION_CGROUP_V1: u8 = 0x49;
/// Section: argument vector of the new image, strings ended by NUL.
pub const SECTION_ARGV: u8 = 0x4a;
/// Section: environment of the new image, strings ended by NUL.
pub const SECTION_ENV: u8 = 0x4b;
/// Section: program name as it was given to the call.
pub const SECTION_FILENAME: u8 = 0x4c;
/// Section: a path as text (the target of a cgroup move).
pub const SECTION_PATH: u8 = 0x4d;
/// Section: a submitted operation, [`crate::uring::IMAGE_BYTES`].
pub const SECTION_OPERATION: u8 = 0x58;
/// Section: [`crate::FileFacts`] of the registered file that an operation worked on, and its address (u64).
pub const SECTION_REGISTERED: u8 = 0x59;
/// Section: the path of that file, in the form of [`SECTION_EXE_PATH`]. Left out when it was told shortly before.
pub const SECTION_REGISTERED_PATH: u8 = 0x5a;

/// Section: path of the file that was opened, in the form of [`SECTION_EXE_PATH`]; where the call names none, and unless it
/// is known that the path it was given is the same ([`crate::names`]).
pub const SECTION_OPENED: u8 = 0x4e;
/// What a section of [`crate::FileFacts`] takes.
pub const FILE_SECTION_BYTES: u64 = (SECTION_HEADER_BYTES + crate::facts::FILE_BYTES) as u64;
/// Section: two numbers (u64) that belong to [`SECTION_OPENED`] of a call that was given a path: the one by which the agent
/// can say that both are the same, 0 for none; and 1 if others could change the path while the call read it, as threads.
pub const SECTION_GIVEN: u8 = 0x4f;
/// Section: the beginning of an IP packet, from its IP header on.
pub const SECTION_PACKET: u8 = 0x50;
/// Section: name of the network device a packet was on, padded with NULs.
pub const SECTION_DEVICE: u8 = 0x51;

/// A record's bytes do not hold together: a fault of ours or tampering, never of the traced program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Fewer bytes than the header, or than the header claims.
    Truncated,
    /// A length that is not a multiple of 8, or smaller than its parts.
    BadLength,
    /// A type this build does not know.
    UnknownType(u8),
    /// A section that reaches beyond its record.
    BadSection,
}

/// A checked view of one record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The fixed head.
    pub header: RecordHeader,
    /// What the record tells.
    pub kind: RecordType,
    args: &'a [u8],
    sections: &'a [u8],
}

/// One section of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Argument index, or a `SECTION_*` number.
    pub index: u8,
    /// Whether `bytes` were read.
    pub state: SectionState,
    /// The bytes; empty unless `state` is `Data`.
    pub bytes: &'a [u8],
}

#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_ne_bytes(word)
}

#[inline]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(word)
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`; its length is `header.bytes`.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        if bytes.len() < HEADER_BYTES {
            return Err(RecordError::Truncated);
        }
        let header = RecordHeader {
            bytes: u32_at(bytes, 0),
            kind: bytes[4],
            flags: bytes[5],
            nr: u16_at(bytes, 6),
            tid: u32_at(bytes, 8),
            tgid: u32_at(bytes, 12),
            time_ns: u64_at(bytes, 16),
            result: u64_at(bytes, 24) as i64,
            latency_ns: u64_at(bytes, 32),
        };
        let len = header.bytes as usize;
        let nargs = usize::from(header.flags >> NARGS_SHIFT);
        let args_end = HEADER_BYTES + nargs * 8;
        if !len.is_multiple_of(8) || len < args_end || nargs > 6 {
            return Err(RecordError::BadLength);
        }
        let whole = bytes.get(..len).ok_or(RecordError::Truncated)?;
        let kind = RecordType::from_u8(header.kind).ok_or(RecordError::UnknownType(header.kind))?;
        let record =
            Record { header, kind, args: &whole[HEADER_BYTES..args_end], sections: &whole[args_end..] };
        let mut rest = record.sections;
        while !rest.is_empty() {
            (_, rest) = split_section(rest).ok_or(RecordError::BadSection)?;
        }
        Ok(record)
    }

    /// A record put together from several: raw arguments and sections as they stand in a record.
    pub fn joined(
        header: RecordHeader,
        kind: RecordType,
        args: &'a [u8],
        sections: &'a [u8],
    ) -> Result<Self, RecordError> {
        let mut rest = sections;
        while !rest.is_empty() {
            (_, rest) = split_section(rest).ok_or(RecordError::BadSection)?;
        }
        if !args.len().is_multiple_of(8) {
            return Err(RecordError::BadLength);
        }
        Ok(Record { header, kind, args, sections })
    }

    /// The bytes of all sections, for [`Record::joined`].
    pub fn section_bytes(&self) -> &'a [u8] {
        self.sections
    }

    /// Raw argument `index`, if the record carries it.
    #[inline]
    pub fn arg(&self, index: usize) -> Option<u64> {
        (index < self.args.len() / 8).then(|| u64_at(self.args, index * 8))
    }

    /// The sections in the order they were written.
    #[inline]
    pub fn sections(&self) -> Sections<'a> {
        Sections { rest: self.sections }
    }

    /// The section with this number, if the record has it.
    pub fn section(&self, index: u8) -> Option<Section<'a>> {
        self.sections().find(|section| section.index == index)
    }

    /// Latency, when it was measured.
    #[inline]
    pub fn latency_ns(&self) -> Option<u64> {
        (self.header.flags & FLAG_LATENCY != 0).then_some(self.header.latency_ns)
    }
}

/// Iterator over the sections of a record.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Sections<'a> {
    type Item = Section<'a>;

    #[inline]
    fn next(&mut self) -> Option<Section<'a>> {
        let (section, rest) = split_section(self.rest)?;
        self.rest = rest;
        Some(section)
    }
}

#[inline]
fn split_section(bytes: &[u8]) -> Option<(Section<'_>, &[u8])> {
    if bytes.len() < SECTION_HEADER_BYTES {
        return None;
    }
    let len = u32_at(bytes, 4) as usize;
    let state = SectionState::from_u8(bytes[1])?;
    let body = &bytes[SECTION_HEADER_BYTES..];
    // `len` is below 2^32 and usize is 64 bits wide on both supported machines, so the sum cannot wrap.
    let padded = len.next_multiple_of(8);
    if padded > body.len() {
        return None;
    }
    Some((Section { index: bytes[0], state, bytes: &body[..len] }, &body[padded..]))
}

/// Builds records the way the kernel half does: for tests and fuzzing of everything downstream.
#[derive(Clone, Debug)]
pub struct RecordBuilder<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> RecordBuilder<N> {
    /// A record with `header` (its length and count of arguments are filled in) and raw arguments. `N` bounds its size.
    pub fn new(mut header: RecordHeader, args: &[u64]) -> Self {
        header.flags |= (args.len() as u8) << NARGS_SHIFT;
        let mut builder = RecordBuilder { bytes: [0; N], len: 0 };
        builder.put(&[0; 4]);
        builder.put(&[header.kind, header.flags]);
        builder.put(&header.nr.to_ne_bytes());
        builder.put(&header.tid.to_ne_bytes());
        builder.put(&header.tgid.to_ne_bytes());
        builder.put(&header.time_ns.to_ne_bytes());
        builder.put(&header.result.to_ne_bytes());
        builder.put(&header.latency_ns.to_ne_bytes());
        for arg in args {
            builder.put(&arg.to_ne_bytes());
        }
        builder
    }

    /// Adds a section.
    pub fn section(mut self, index: u8, state: SectionState, bytes: &[u8]) -> Self {
        self.put(&[index, state as u8, 0, 0]);
        self.put(&(bytes.len() as u32).to_ne_bytes());
        self.put(bytes);
        self.len = self.len.next_multiple_of(8);
        self
    }

    /// The record's bytes.
    pub fn finish(&mut self) -> &[u8] {
        let len = self.len as u32;
        self.bytes[..4].copy_from_slice(&len.to_ne_bytes());
        &self.bytes[..self.len]
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> RecordHeader {
        RecordHeader {
            kind: 1,
            flags: FLAG_LATENCY,
            nr: 257,
            tid: 7,
            tgid: 6,
            latency_ns: 9,
            ..Default::default()
        }
    }

    #[test]
    fn a_built_record_parses_back() {
        let mut built = RecordBuilder::<256>::new(header(), &[1, 2, 3])
            .section(1, SectionState::Data, b"/etc/passwd\0")
            .section(2, SectionState::Null, b"");
        let record = Record::parse(built.finish()).unwrap();
        assert_eq!(record.arg(2), Some(3));
        assert_eq!(record.arg(3), None);
        assert_eq!(record.latency_ns(), Some(9));
        assert_eq!(record.section(1).unwrap().bytes, b"/etc/passwd\0");
        assert_eq!(record.section(2).unwrap().state, SectionState::Null);
        assert_eq!(record.sections().count(), 2);
    }

    #[test]
    fn every_prefix_and_every_flipped_byte_is_refused_or_parsed_without_panic() {
        let mut built = RecordBuilder::<256>::new(header(), &[1]).section(0, SectionState::Data, b"abc");
        let whole = built.finish();
        for len in 0..whole.len() {
            assert!(Record::parse(&whole[..len]).is_err(), "prefix of {len} bytes");
        }
        let mut bytes = [0; 256];
        let bytes = &mut bytes[..whole.len()];
        for at in 0..whole.len() {
            for bit in 0..8 {
                bytes.copy_from_slice(whole);
                bytes[at] ^= 1 << bit;
                if let Ok(record) = Record::parse(bytes) {
                    record.sections().for_each(drop);
                }
            }
        }
    }
}
