//! The per-CPU rings and the state that producer and consumer share.
//!
//! A ring is a plain region of memory mapped by the agent, not a `BPF_MAP_TYPE_RINGBUF`: the programs write a
//! record in place, without knowing its size beforehand, without a helper call to reserve and to submit, and
//! without a copy from a scratch buffer. Positions count bytes since the start and never wrap in practice;
//! `position & (ring_bytes - 1)` is the offset. A record starts below `ring_bytes` and may reach into the
//! [`RECORD_BYTES_MAX`] bytes that follow the ring, so it is always contiguous.

/// Largest record. Exec with its argument vector and environment needs most.
pub const RECORD_BYTES_MAX: usize = 128 * 1024;

/// What an event is about, as far as it matters when not all of them can be kept: those of the first classes go last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EventClass {
    /// Processes and threads: made, replaced, ended, signalled, moved between control groups.
    Process = 0,
    /// Identities, capabilities, namespaces, tracing, what changes the kernel.
    Credential = 1,
    /// Sockets and connections, without what is sent through them.
    Network = 2,
    /// Files: opened, closed, renamed, removed, looked at.
    File = 3,
    /// Memory, time, waiting, and whatever else changes nothing.
    Other = 4,
    /// Bytes read and written.
    Io = 5,
}

impl EventClass {
    /// All of them, the ones to keep longest first.
    pub const ALL: [Self; 6] =
        [Self::Process, Self::Credential, Self::Network, Self::File, Self::Other, Self::Io];

    /// How it is called in a capture.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Credential => "credential",
            Self::Network => "network",
            Self::File => "file",
            Self::Other => "other",
            Self::Io => "io",
        }
    }
}

/// Bytes of a ring that an event of the class with this number leaves free for those before it: nothing for the first
/// two, a sixteenth more for each that follows.
#[inline(always)]
pub const fn kept_free_bytes(class: u64, ring_bytes: u64) -> u64 {
    class.saturating_sub(1) * (ring_bytes / 16)
}

/// Room for [`EventClass`]es in arrays that programs look into: a power of two.
pub const CLASS_SLOTS: usize = 8;
const _: () = assert!(EventClass::ALL.len() <= CLASS_SLOTS);

/// Why an event was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum LossCause {
    /// The ring had no room: the agent did not keep up.
    RingFull = 0,
    /// The CPU was already writing a record when an interrupt produced another one.
    Nested = 1,
    /// The agent had set how many of the class are to be recorded, to stay within its budget.
    Shed = 2,
}

/// Calls of functions with these numbers, which no helper has, stand in the object where a program must not be
/// interrupted by another task from here on, and where it may again. Before load the agent puts the kernel's functions
/// in their place, where it has such.
pub const PREEMPT_DISABLE_MARK: i32 = 0x7265_656c;
/// See [`PREEMPT_DISABLE_MARK`].
pub const PREEMPT_ENABLE_MARK: i32 = 0x7265_656d;

/// Number of [`LossCause`]s.
pub const LOSS_CAUSES: usize = 3;

/// Threads of which is remembered that a change of their state was lost, until the agent looks.
pub const TOUCHED_SLOTS: usize = 32;

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
    /// The window that `used` counts in.
    pub used_window: u32,
    #[doc(hidden)]
    pub reserved: u32,
    /// Records of the window by [`EventClass`], where it has a quota.
    pub used: [u32; CLASS_SLOTS],
    /// Lost, by [`LossCause`] and [`EventClass`].
    pub lost: [[u64; CLASS_SLOTS]; LOSS_CAUSES],
    /// How often a change of the state of a thread was lost.
    pub touched_count: u64,
    /// The threads whose state that was, the last [`TOUCHED_SLOTS`] of them.
    pub touched: [u32; TOUCHED_SLOTS],
    /// 1: no data is kept of the event being written, which is one of reading or writing.
    pub without: u64,
    /// Class of the event being written, and in the lower half the thread it changes.
    pub weight: u64,
    /// Values pass through here of which the verifier is to know nothing.
    pub passed: u64,
    #[doc(hidden)]
    pub _producer_pad: [u64; 12],
    /// Bytes consumed by the agent.
    pub tail: u64,
    /// Quotas are for the time in which this number stays the same.
    pub window: u32,
    /// 1: data that is read and written is not copied.
    pub without_payload: u32,
    /// Records of a window at most, by [`EventClass`]; 0 for as many as there are.
    pub quota: [u32; CLASS_SLOTS],
    #[doc(hidden)]
    pub _consumer_pad: [u64; 10],
}

const _: () = assert!(size_of::<RingState>() == 640);
const _: () = assert!(core::mem::offset_of!(RingState, tail).is_multiple_of(128));

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

/// Marks of threads: one [`MarkWord`] per possible thread id, in blocks.
pub const MARK_BLOCK: usize = 1024;

/// What is known of a thread by the filter of a recording: whether none of its events can match.
///
/// The upper half is a generation. The kernel side adds to that of a process's first thread when anything happens that
/// may change what is told of the process, and to that of a new thread. The lower half is the agent's: the generation
/// for which it found that nothing matches, plus one; 0 for none. Generations of a thread and of its process's first
/// one are added up, so either ends the verdict. Each half has one side that writes it while a thread lives: neither can
/// undo what the other did, and a verdict that comes too late says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkWord(pub u32);

/// What the kernel side adds for a new generation.
pub const MARK_GENERATION: u32 = 1 << 16;

impl MarkWord {
    /// How often what was known became unknown.
    #[inline(always)]
    pub fn generation(self) -> u32 {
        self.0 >> 16
    }

    /// Whether there may be a verdict at all.
    #[inline(always)]
    pub fn has_verdict(self) -> bool {
        self.0 & 0xffff != 0
    }

    /// Whether no event of the thread matches, `process` being the generation of its process's first thread, or 0 when it
    /// is that thread itself.
    #[inline(always)]
    pub fn is_turned_away(self, process: u32) -> bool {
        self.has_verdict() && (self.generation() + process + 1) & 0xffff == self.0 & 0xffff
    }

    /// The word with the verdict that no event of the thread matches, as of its generation and this one.
    pub fn turned_away(self, process: u32) -> MarkWord {
        MarkWord(self.0 & 0xffff_0000 | (self.generation() + process + 1) & 0xffff)
    }

    /// The word of a thread that begins where another had the same id.
    #[inline(always)]
    pub fn renewed(self) -> MarkWord {
        MarkWord((self.0 & 0xffff_0000).wrapping_add(MARK_GENERATION))
    }
}

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
    /// Call number, and perhaps [`START_OUTSIDE`] and [`START_SHARED`].
    pub nr: u32,
    /// CLOCK_BOOTTIME ns.
    pub time_ns: u64,
}

/// Bit of [`CallStart::nr`]: the descriptor was outside when the call began.
pub const START_OUTSIDE: u32 = 1 << 30;
/// Bit of [`CallStart::nr`] of a call that opens a file: others ran in the memory of the task when the call began.
pub const START_SHARED: u32 = 1 << 31;

#[cfg(test)]
mod mark_tests {
    use super::*;

    fn later(word: MarkWord, times: u32) -> MarkWord {
        MarkWord(word.0.wrapping_add(times.wrapping_mul(MARK_GENERATION)))
    }

    #[test]
    fn a_verdict_holds_for_its_generation_alone() {
        for generation in [0, 1, 7, 0xfffe, 0xffff] {
            let word = later(MarkWord(0), generation);
            assert!(!word.is_turned_away(0), "nothing was found yet");
            let away = word.turned_away(0);
            // The one generation of 65536 that has no number left is never turned away.
            assert_eq!(away.is_turned_away(0), generation != 0xffff, "{generation}");
            assert_eq!(away.generation(), generation);
            assert!(
                !later(away, 1).is_turned_away(0) && !later(away, 0xffff).is_turned_away(0),
                "{generation}"
            );
        }
    }

    #[test]
    fn a_change_of_the_process_ends_the_verdict_on_every_thread() {
        let (thread, process) = (later(MarkWord(0), 3), 5);
        let away = thread.turned_away(process);
        assert!(away.is_turned_away(process));
        assert!(!away.is_turned_away(process + 1) && !later(away, 1).is_turned_away(process));
    }

    #[test]
    fn a_new_thread_has_none_of_the_old_ones_verdict() {
        let away = later(MarkWord(0), 3).turned_away(5);
        let renewed = away.renewed();
        assert_eq!((renewed.generation(), renewed.has_verdict()), (4, false));
        // Whatever the generation of its process is.
        assert!((0..10).all(|process| !renewed.is_turned_away(process)));
    }
}
