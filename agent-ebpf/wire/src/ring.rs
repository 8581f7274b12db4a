//! The per-CPU rings and the state that producer and consumer share.
//!
//! A ring is a plain region of memory mapped by the agent, not a `BPF_MAP_TYPE_RINGBUF`: the programs write a
//! record in place without knowing its size beforehand and without a helper call, which is a third of the cost
//! (figures in `docs/architecture.md`). Positions count bytes since the start and never wrap in practice;
//! `position & (ring_bytes - 1)` is the offset. A record starts below `ring_bytes` and may reach into the
//! [`RECORD_BYTES_MAX`] bytes that follow the ring, so it is always contiguous.

/// Largest record. Exec with its argument vector and environment needs most.
pub const RECORD_BYTES_MAX: usize = 128 * 1024;

/// Why an event was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum LossCause {
    /// The ring had no room: the agent did not keep up.
    RingFull = 0,
    /// The CPU was already writing a record when an interrupt produced another one.
    Nested = 1,
}

/// Number of [`LossCause`]s.
pub const LOSS_CAUSES: usize = 2;

/// Per-CPU state, on cache lines of its own for each writer.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(128))]
pub struct RingState {
    /// Bytes published by the kernel side.
    pub head: u64,
    /// Not 0 while a program on this CPU is between taking its time stamp and publishing.
    pub busy: u64,
    /// Events that should have been recorded, stored or lost.
    pub produced: u64,
    /// Lost, by [`LossCause`].
    pub lost: [u64; LOSS_CAUSES],
    /// Time of the first and the latest loss since start, CLOCK_BOOTTIME ns.
    pub lost_first_ns: u64,
    #[doc(hidden)]
    pub lost_last_ns: u64,
    #[doc(hidden)]
    pub reserved: [u64; 9],
    /// Bytes consumed by the agent.
    pub tail: u64,
    #[doc(hidden)]
    pub reserved_tail: [u64; 15],
}

const _: () = assert!(size_of::<RingState>() == 256);
