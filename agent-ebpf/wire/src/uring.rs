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
    /// Bits `JUDGED_*` and `BEGINS_*` of [`crate::table`]: by what else it may be turned away when it is submitted, and what it
    /// begins. With [`crate::table::JUDGED_WITHOUT`] alone it has no descriptor, and is not wanted for that.
    pub judged: u8,
    /// Bits `CHANGES_*` of [`crate::table`]: of which descriptors it changes what is known, when it completes.
    pub changes: u8,
    /// Where in the command the kernel keeps the descriptor of an operation without [`OPERATION_FILE`], if not 0.
    pub fd_at: u8,
    /// What to fetch when it is submitted: strings and blocks.
    pub fetch: [OperationFetch; OPERATION_FETCHES_MAX],
    /// What to fetch by a loop when it is submitted: an iovec or a `msghdr`.
    pub vector: OperationFetch,
    /// What to fetch when it completes.
    pub out: OperationFetch,
    /// Where in the command a pointer to the `struct filename` of its only path is, if not 0.
    pub path_at: u8,
    #[doc(hidden)]
    pub reserved: [u8; 7],
    /// Bits of [`PLAIN_WORDS`] of the queue's entry of which none is set where the operation completes once and names no peer.
    pub plain: [u64; PLAIN_WORDS.len()],
}

const _: () = assert!(size_of::<OperationEntry>() == 80);

/// Positions of the words of a queue's entry that [`OperationEntry::plain`] is about: opcode, flags, priority and
/// descriptor; the second address; length and flags of the operation.
pub const PLAIN_WORDS: [usize; 3] = [0, 8, 24];

/// Entries of the table. The last one serves opcodes beyond it.
pub const OPERATIONS_MAX: usize = 128;
/// Entry for opcodes that no table knows.
pub const OPERATION_UNKNOWN: usize = OPERATIONS_MAX - 1;

/// What is kept of an operation from its submission to its completion.
///
/// Its place is that of its ring and what the program calls it, [`mark_slot`], because that is all the kernel tells of a
/// completion that finds its queue full. It is given to nobody else before the operation has completed: one that finds the
/// place taken goes without, is not turned away, and ends what is known of all descriptors if it ends anything.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct OperationMark {
    /// How many have, or try to have, the place: who finds 1 after counting up has it.
    pub claims: u64,
    /// Address of the request; 0 for none.
    pub request: u64,
    /// Address of the ring.
    pub ring: u64,
    /// What the program calls the operation.
    pub user_data: u64,
    /// A `MARK_*`.
    pub what: u32,
    /// The descriptor it works on, of [`MARK_ARGUMENT`].
    pub fd: u32,
    /// Not 0: the program calls another operation on this ring the same, and a completion by that name may be its.
    pub is_shared: u64,
}

const _: () = assert!(size_of::<OperationMark>() == 48);

/// Value of [`OperationMark::what`]: it was turned away, and so are its completions.
pub const MARK_AWAY: u32 = 1;
/// It changes nothing that is known of descriptors.
pub const MARK_PLAIN: u32 = 2;
/// It changes what is known of one descriptor.
pub const MARK_ARGUMENT: u32 = 3;
/// It opens a file by a path that is outside ([`crate::outside`]).
pub const MARK_OPENS: u32 = 4;

/// Places for marks: a power of two.
pub const MARK_SLOTS: u32 = 1 << 15;

/// The place of an operation's mark.
#[inline(always)]
pub const fn mark_slot(ring: u64, user_data: u64) -> u32 {
    // Programs number their operations, or name them by an address.
    let mixed = (ring >> 8 ^ user_data ^ user_data >> 20).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32 & (MARK_SLOTS - 1)
}

/// What the number of a record says of a completion whose request is not known.
pub const OPCODE_NONE: u16 = 0xffff;

/// Value of [`crate::offsets::Settings::uring_complete`]: the tracepoint has ring, request and the whole completion (6.16
/// and newer).
pub const COMPLETE_WHOLE: u32 = 0;
/// It has ring, request, user data, result and flags (5.18 to 6.15).
pub const COMPLETE_PARTS: u32 = 1;
/// It has ring, user data, result and flags (before).
pub const COMPLETE_WITHOUT_REQUEST: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_in_flight_have_places_of_their_own() {
        for step in [1, 8, 64, 4096, 1 << 32] {
            let mut places = [0_u64; MARK_SLOTS as usize / 64];
            let mut taken = 0;
            for at in 0..1024_u64 {
                let slot = mark_slot(0xffff_8881_0a3b_c000, at * step);
                assert!(slot < MARK_SLOTS);
                let (word, bit) = (&mut places[slot as usize / 64], 1 << (slot % 64));
                taken += u32::from(*word & bit != 0);
                *word |= bit;
            }
            assert!(taken < 64, "{taken} of 1024 that are {step} apart find their place taken");
        }
    }
}
