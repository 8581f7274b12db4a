//! The table that drives the exit probe: per system call, how many raw arguments to send and what to fetch.

/// Fetch nothing: the raw value is all there is.
pub const FETCH_NONE: u8 = 0;
/// A NUL-terminated string in user memory, `PATH_MAX` at most; sent without the NUL.
pub const FETCH_STRING: u8 = 1;
/// `size` bytes, read whatever the result.
pub const FETCH_FIXED_IN: u8 = 2;
/// `size` bytes, read when the call succeeded.
pub const FETCH_FIXED_OUT: u8 = 3;
/// Elements of `size` bytes counted by argument `param`, read whatever the result, cut at the snap length.
pub const FETCH_COUNTED_IN: u8 = 4;
/// As [`FETCH_COUNTED_IN`], read when the call succeeded.
pub const FETCH_COUNTED_OUT: u8 = 5;
/// Elements of `size` bytes counted by the result, cut at the snap length.
pub const FETCH_RESULT_OUT: u8 = 6;
/// Bytes counted by the 32-bit length that argument `param` points to; read when the call succeeded.
pub const FETCH_LENPTR_OUT: u8 = 7;
/// An iovec array with `param` giving the argument that counts it; a table of its parts ([`crate::parts::Parts`]), then data up
/// to the snap length over all parts.
pub const FETCH_IOVEC_IN: u8 = 8;
/// As [`FETCH_IOVEC_IN`], but filled by the kernel: the data is as long as the result.
pub const FETCH_IOVEC_OUT: u8 = 9;
/// A `msghdr` to send: section is name length (u32), flags (u32), control length (u32), data length (u32),
/// then name, control, a table of parts as for [`FETCH_IOVEC_IN`], data.
pub const FETCH_MSGHDR_IN: u8 = 10;
/// A `msghdr` that was filled: as [`FETCH_MSGHDR_IN`], data as long as the result.
pub const FETCH_MSGHDR_OUT: u8 = 11;
/// A vector of string pointers ended by null: strings ended by NUL.
pub const FETCH_STRINGS: u8 = 12;

/// What the table of choices says for the value of argument `param`; `size` is the number of the table of choices.
pub const FETCH_CHOICE: u8 = 13;
/// A byte for each 2^`size` that argument `param` counts; of bits, when `size` is 3, in whole words of 8 bytes.
pub const FETCH_SHARE_IN: u8 = 14;
/// As [`FETCH_SHARE_IN`], read when the call succeeded.
pub const FETCH_SHARE_OUT: u8 = 15;
/// Several `mmsghdr`s to send, counted by argument `param`: of each its `msg_len` (u32) and how many bytes follow (u32), these
/// in the form of [`FETCH_MSGHDR_IN`], and what is missing to 8 bytes.
pub const FETCH_MESSAGES_IN: u8 = 16;
/// As [`FETCH_MESSAGES_IN`] of `mmsghdr`s that were filled, counted by the result; data as long as `msg_len`.
pub const FETCH_MESSAGES_OUT: u8 = 17;
/// `extra` bytes at each of the pointers in a vector, which argument `param` counts; the blocks, one behind the other.
pub const FETCH_POINTED_IN: u8 = 18;
/// Bytes of such a block at most.
pub const POINTED_BYTES_MAX: u8 = 64;
/// 16 bytes that begin with an address (u64) and a length (u32), and behind them what is there, cut at the snap length: read
/// whatever the result; with [`Fetch::extra`], no more of it than the result says.
pub const FETCH_LED: u8 = 20;

/// Entries of the table of choices at most.
pub const CHOICES_MAX: u32 = 1024;

/// Which argument holds the descriptor whose socket to describe: none.
pub const FD_NONE: u8 = 0xff;
/// The descriptor is the result.
pub const FD_RESULT: u8 = 0xfe;
/// The descriptor is the first one of the pair that argument 0 points to.
pub const FD_PAIR: u8 = 0xfd;

/// Send [`crate::SocketFacts`] of `fd` when the call succeeded, or failed with EINPROGRESS.
pub const CALL_SOCKET: u8 = 1;
/// Send [`crate::FileFacts`] of the descriptor in the result, or of a pair ([`FD_PAIR`]).
pub const CALL_FILE: u8 = 2;
/// A result of 0 is not an event of this call: a new image's `execve` and a child's `clone` are recorded
/// where they happen, with more facts ([`crate::RecordType::Exec`], [`crate::RecordType::Fork`]).
pub const CALL_SILENT_ZERO: u8 = 4;

/// The call replaces the program: its number and arguments are kept from entry on, because exec overwrites them.
pub const CALL_IMAGE: u8 = 8;

/// With [`CALL_SOCKET`]: only when argument 4, the address of a peer, is not null. Datagrams to a connected peer, and
/// all that goes through a stream, leave the socket as it was.
pub const CALL_SOCKET_NAMED: u8 = 16;

/// The call changes what the agent keeps of a process.
pub const CALL_STATE: u8 = 32;

/// The call opens a file without naming it: its path is always sent.
pub const CALL_NAMELESS: u8 = 64;

/// The call opens a file by a path, the first that it is given.
pub const CALL_NAMED: u8 = 128;

/// Bit of [`CallEntry::selected`]: the call is recorded when it succeeds, or does not return.
pub const SELECTED_SUCCEEDED: u8 = 1;
/// Bit of [`CallEntry::selected`]: the call is recorded when it fails.
pub const SELECTED_FAILED: u8 = 2;
/// The call is recorded.
pub const SELECTED: u8 = SELECTED_SUCCEEDED | SELECTED_FAILED;

/// Value of [`CallEntry::upkeep`]: what is not selected makes no record.
pub const UPKEEP_NONE: u8 = 0;
/// The state the call changes is kept: it makes a record when it succeeds, selected or not.
pub const UPKEEP_ON_SUCCESS: u8 = SELECTED_SUCCEEDED;
/// As [`UPKEEP_ON_SUCCESS`], for a call that changes state also when it fails.
pub const UPKEEP_ALWAYS: u8 = SELECTED;
/// What the call sends or receives is looked at, though the call is not recorded: it makes a record when it succeeds, its
/// descriptor is a socket, and its thread may be one whose events are wanted.
pub const UPKEEP_ON_SOCKET: u8 = 4;
/// A native call that may name the peer of a socket that is not connected, or hand descriptors on: it makes a record when it
/// succeeds and says of that what was not told lately, selected or not.
pub const UPKEEP_PEER: u8 = 8;
/// The part of [`CallEntry::upkeep`] that holds these.
pub const UPKEEP_WHEN: u8 = 15;
/// Bit of [`CallEntry::upkeep`]: the call changes what is told of the calling thread or its process, descriptors aside:
/// verdicts on the process do not hold any more ([`crate::ring::MarkWord`]).
pub const UPKEEP_OWN: u8 = 128;

/// One fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Fetch {
    /// `FETCH_*`.
    pub how: u8,
    /// Index of the argument this fetch reads through.
    pub arg: u8,
    /// Index of the argument that gives the length, where the fetch has one.
    pub param: u8,
    /// Bytes that are read beyond those that are counted; those of a block of [`FETCH_POINTED_IN`]; of
    /// [`FETCH_LED`] whether the kernel filled what is there.
    pub extra: u8,
    /// Bytes, or bytes per element.
    pub size: u32,
}

/// What a fetch is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct ChoiceKey {
    /// Number of the table.
    pub table: u32,
    /// Value of the argument that decides.
    pub value: u32,
}

/// Simple fetches (all but those by a loop) per call at most; the others fill [`CallEntry::vector`].
pub const FETCHES_MAX: usize = 4;

/// One call's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct CallEntry {
    /// Raw arguments to send.
    pub nargs: u8,
    /// Entries of `fetch` in use.
    pub fetches: u8,
    /// `CALL_*`.
    pub flags: u8,
    /// Argument that holds the descriptor, or `FD_*`.
    pub fd: u8,
    /// Bits `SELECTED_*`; 0 when the call is not recorded.
    pub selected: u8,
    /// Bits `EITHER_*` of what is true of this number natively or in the 32-bit table: what is of no interest is turned
    /// away before it is known which of the two the call counts in.
    pub either: u8,
    /// Number of its [`crate::ring::EventClass`].
    pub class: u8,
    /// An `UPKEEP_*`, and perhaps [`UPKEEP_OWN`].
    pub upkeep: u8,
    /// What to fetch: strings and blocks.
    pub fetch: [Fetch; FETCHES_MAX],
    /// What to fetch by a loop: an iovec, `msghdr`s, a string vector or what other pointers lead to; one per call.
    pub vector: Fetch,
    /// A call that took less, as far as is known, is not selected.
    pub latency_min_ns: u64,
    /// Of a call behind `ipc`, three bits for each argument: the register that holds it.
    pub order: u32,
    /// A `SHARED_*`: where the call has its arguments, when they are not in the registers; or that it is one of several.
    pub shared: u8,
    /// Bits `JUDGED_*`: by what else the call may be turned away.
    pub judged: u8,
    /// Argument that is the path, where it is judged by that.
    pub path: u8,
    /// Bits `CHANGES_*`: of which descriptors the call changes what is known.
    pub changes: u8,
}

const _: () = assert!(size_of::<CallEntry>() == 64);

/// Bit of [`CallEntry::either`]: some calls with this number are looked at.
pub const EITHER_OF_INTEREST: u8 = 1;
/// Some are, whoever makes them: for the state that they change, or for what they may do to the recording.
pub const EITHER_KEPT: u8 = 2;
/// The native one is, whoever makes it, when argument 4, the address of a peer, is not null.
pub const EITHER_NAMED: u8 = 4;

/// Bit of [`CallEntry::judged`]: the call is not wanted when its descriptor is outside ([`crate::outside`]).
pub const JUDGED_BY_DESCRIPTOR: u8 = 1;
/// The call is not wanted when its path is outside.
pub const JUDGED_BY_PATH: u8 = 2;
/// The call opens a descriptor by the path it is given, which may be outside from the start.
pub const BEGINS_FILE: u8 = 4;
/// The call connects the socket it is about, which may be outside from then on.
pub const BEGINS_CONNECTION: u8 = 8;

/// With [`JUDGED_BY_DESCRIPTOR`]: nor is it when the number is negative, as for the working directory and for memory of no file.
pub const JUDGED_WITHOUT: u8 = 16;
/// With [`JUDGED_BY_DESCRIPTOR`]: what is read out of the call is not wanted then either, and it changes no state.
pub const JUDGED_WHOLLY: u8 = 32;

/// Bit of [`CallEntry::changes`]: the descriptor the call is about.
pub const CHANGES_ARGUMENT: u8 = 1;
/// That too, but only when argument 4, the address of a peer, is not null.
pub const CHANGES_WITH_PEER: u8 = 2;
/// The one in the result.
pub const CHANGES_RESULT: u8 = 4;
/// All of the process.
pub const CHANGES_ALL: u8 = 8;

/// Value of [`CallEntry::shared`]: argument 0 points to the arguments, as of the old `mmap` and `select`.
pub const SHARED_MEMORY: u8 = 1;
/// Argument 0 said which of several calls it is, argument 1 points to the arguments.
pub const SHARED_SOCKETCALL: u8 = 2;
/// Argument 0 said which of several calls it is, the others are arguments in an order of their own.
pub const SHARED_IPC: u8 = 3;
/// A native call whose number means, to 32-bit programs, that a child is made.
pub const SHARED_CHILD: u8 = 4;
/// Argument 0 says which of several calls it is; each has an entry, which says [`SHARED_SOCKETCALL`].
pub const SHARED_BY_SOCKETCALL: u8 = 5;
/// Argument 0 says which of several calls it is; each has an entry, which says [`SHARED_IPC`].
pub const SHARED_BY_IPC: u8 = 6;
/// [`CallEntry::nargs`] of an entry that stands for no call.
pub const SHARED_ABSENT: u8 = 0xff;
/// Calls behind `socketcall`, and as many behind `ipc`, at most.
pub const SHARED_MAX: usize = 32;
/// A record says `sub << SHARED_SHIFT | number` of a call that shares its number with others.
pub const SHARED_SHIFT: u32 = 9;

/// Entries in the table for each of the two entry ways of a machine (native, 32-bit). The last one serves
/// numbers beyond it.
pub const CALLS_MAX: usize = 512;
/// Entries of the table: native calls, those of 32-bit programs, those behind `socketcall`, those behind `ipc`.
pub const CALL_ENTRIES: usize = 2 * CALLS_MAX + 2 * SHARED_MAX;
/// Entry for numbers that no table knows: six raw arguments.
pub const CALL_UNKNOWN: usize = CALLS_MAX - 1;
