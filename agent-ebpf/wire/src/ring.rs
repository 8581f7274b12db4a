//! The per-CPU rings and the state that producer and consumer share.
//!
//! A ring is a plain region of memory mapped by the agent, not a `BPF_MAP_TYPE_RINGBUF`: the programs write a
//! record in place, without knowing its size beforehand, without a helper call to reserve and to submit, and
//! without a copy from a scratch buffer. Positions count bytes since the start and never wrap in practice;
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

/// Calls of functions with these numbers, which no helper has, stand in the object where a program must not be
/// interrupted by another task from here on, and where it may again. Before load the agent puts the kernel's functions
/// in their place, where it has such.
pub const PREEMPT_DISABLE_MARK: i32 = 0x7265_656c;
/// See [`PREEMPT_DISABLE_MARK`].
pub const PREEMPT_ENABLE_MARK: i32 = 0x7265_656d;

/// Number of [`LossCause`]s.
pub const LOSS_CAUSES: usize = 2;

/// Per-CPU state. Producer and consumer write on cache lines of their own.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(128))]
pub struct RingState {
    /// Bytes published by the kernel side.
    pub head: u64,
    /// Not 0 while a program on this CPU is between taking its time stamp and publishing.
    pub busy: u64,
    /// Events that came to be written by this CPU: stored or lost, but for those lost as `Nested`.
    pub attempted: u64,
    /// Lost, by [`LossCause`].
    pub lost: [u64; LOSS_CAUSES],
    #[doc(hidden)]
    pub _producer_pad: [u64; 11],
    /// Bytes consumed by the agent.
    pub tail: u64,
    #[doc(hidden)]
    pub _consumer_pad: [u64; 15],
}

const _: () = assert!(size_of::<RingState>() == 256);

/// What the agent tells the programs while they run.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Control {
    /// Process that is followed from its next exec on; 0 for none.
    pub follow_from_exec: u32,
    #[doc(hidden)]
    pub reserved: u32,
}

/// Follow marks: one byte per possible thread id (`PID_MAX_LIMIT`, 4 Mi), in blocks.
pub const FOLLOW_BLOCK: usize = 4096;
/// Blocks of follow marks.
pub const FOLLOW_BLOCKS: usize = (4 << 20) / FOLLOW_BLOCK;

/// Slots for [`ExecStart`]s.
pub const EXEC_STARTS: u32 = 1024;

/// A call that is to replace the program, kept from `sys_enter` in a slot chosen by the low bits of the thread id.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct ExecStart {
    /// Thread that made it.
    pub tid: u32,
    /// Call number.
    pub nr: u32,
    /// 1 when it counts in the table of 32-bit programs.
    pub compat: u32,
    #[doc(hidden)]
    pub reserved: u32,
    /// Raw arguments.
    pub args: [u64; 6],
}

/// Entry of a call, kept from `sys_enter` to `sys_exit` in a slot chosen by the low bits of the thread id.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct CallStart {
    /// Thread that made it: a slot may be taken by another one, then this call has no latency.
    pub tid: u32,
    /// Call number.
    pub nr: u32,
    /// CLOCK_BOOTTIME ns.
    pub time_ns: u64,
}
