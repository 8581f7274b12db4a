//! Operations of `io_uring`: what the programs fetch for each, and how it is handed to the agent.
//!
//! An operation makes a record when it is submitted and one for each of its completions, which the agent joins by the
//! address of the request. The table of operations drives both, as the table of calls does for calls.

/// Bytes of a `struct io_uring_sqe`.
pub const SQE_BYTES: usize = 64;
/// Bytes of the part of a request that is the operation's own (`struct io_cmd_data`, at its beginning).
pub const COMMAND_BYTES: usize = 64;
/// Both, one behind the other: what [`crate::record::SECTION_OPERATION`] holds, and what offsets of a fetch refer to. The
/// entry of the queue is memory of the program, which may have changed it since the kernel took it (all zero where the
/// programs did not find it); the command is the kernel's own.
pub const IMAGE_BYTES: usize = SQE_BYTES + COMMAND_BYTES;

/// Position of a value that no image has.
pub const NOWHERE: u8 = 0xff;

/// A string in kernel memory: `address_at` holds a pointer to a `struct filename`. Where that fails the string is read from
/// user memory, by the address at `length_at`.
pub const FETCH_FILENAME: u8 = 0x80;

/// Value of [`OperationEntry::flags`]: send [`crate::FileFacts`] of the descriptor in the result.
pub const OPERATION_RESULT_FILE: u8 = 1;
/// Send [`crate::SocketFacts`] of the descriptor in the result.
pub const OPERATION_RESULT_SOCKET: u8 = 2;
/// Send [`crate::SocketFacts`] of the file that the request works on.
pub const OPERATION_SOCKET: u8 = 4;
/// The kernel looks the descriptor up, and keeps its number in the request.
pub const OPERATION_FILE: u8 = 8;
/// The operation changes what the agent keeps of a process.
pub const OPERATION_STATE: u8 = 16;

/// One fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct OperationFetch {
    /// A `FETCH_*` of [`crate::table`], or [`FETCH_FILENAME`]. Those that are filled by the kernel are read when the
    /// operation completes, from the command alone.
    pub how: u8,
    /// Number of the argument it is for.
    pub arg: u8,
    /// Where in the image the address is.
    pub address_at: u8,
    /// Where in the image the count is, in 32 bits.
    pub length_at: u8,
    /// Bytes, or bytes per element.
    pub size: u32,
}

/// Strings and blocks of a submission at most.
pub const OPERATION_FETCHES_MAX: usize = 3;

/// What the programs do for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct OperationEntry {
    /// Not 0: the operation makes records.
    pub selected: u8,
    /// Entries of `fetch` in use.
    pub fetches: u8,
    /// `OPERATION_*`.
    pub flags: u8,
    /// Where in the command the slot is that a new descriptor goes to instead of the process's table, if not 0.
    pub slot_at: u8,
    /// Number of its [`crate::ring::EventClass`].
    pub class: u8,
    #[doc(hidden)]
    pub reserved: [u8; 3],
    /// What to fetch when it is submitted: strings and blocks.
    pub fetch: [OperationFetch; OPERATION_FETCHES_MAX],
    /// What to fetch by a loop when it is submitted: an iovec or a `msghdr`.
    pub vector: OperationFetch,
    /// What to fetch when it completes.
    pub out: OperationFetch,
}

const _: () = assert!(size_of::<OperationEntry>() == 48);

/// Entries of the table. The last one serves opcodes beyond it.
pub const OPERATIONS_MAX: usize = 128;
/// Entry for opcodes that no table knows.
pub const OPERATION_UNKNOWN: usize = OPERATIONS_MAX - 1;

/// What the number of a record says of a completion whose request is not known.
pub const OPCODE_NONE: u16 = 0xffff;

/// Value of [`crate::offsets::Settings::uring_complete`]: the tracepoint has ring, request and the whole completion (6.16
/// and newer).
pub const COMPLETE_WHOLE: u32 = 0;
/// It has ring, request, user data, result and flags (5.18 to 6.15).
pub const COMPLETE_PARTS: u32 = 1;
/// It has ring, user data, result and flags (before).
pub const COMPLETE_WITHOUT_REQUEST: u32 = 2;
