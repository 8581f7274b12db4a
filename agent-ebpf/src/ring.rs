//! Writing records into the ring of the current CPU.
//!
//! A record is written with preemption off, so there is one at a time on a CPU, unless an interrupt brings in another
//! program: that one finds `busy` set and counts its event lost as nested. Until Linux 6.19 tracepoints run with
//! preemption off; from 7.0 on they do not, and we switch it off.
//! `busy` is set before the time stamp is taken and cleared after the head is published, so a reader that
//! finds it clear knows that nothing older is still to come (see `agent/src/rings.rs`).

use aya_ebpf::{
    helpers::generated::{bpf_get_smp_processor_id, bpf_ktime_get_boot_ns},
    macros::map,
    maps::Array,
};
use wire::record::{HEADER_BYTES, NARGS_SHIFT, SECTION_HEADER_BYTES};
use wire::ring::{
    CLASS_SLOTS, Control, EventClass, FOLLOW_BLOCK, FOLLOW_BLOCKS, LossCause, MARK_BLOCK, MARK_GENERATION,
    MarkWord, PREEMPT_DISABLE_MARK, PREEMPT_ENABLE_MARK, RECORD_BYTES_MAX, RingState, TOUCHED_SLOTS,
    kept_free_bytes,
};
use wire::table::{CALL_SOCKET_NAMED, CALL_STATE, CallEntry};
use wire::uring::{OPERATION_STATE, OperationEntry};
use wire::{RecordType, SectionState};

use crate::memory::{clamp, opaque};
use crate::settings::setting;

pub(crate) const MMAPABLE: u32 = 1 << 10;

/// The rings, one element per CPU. The agent sets the size of an element before load: the ring's bytes, and
/// `RECORD_BYTES_MAX` more for the record that starts at its end.
#[map]
static RINGS: Array<[u8; 8]> = Array::with_max_entries(1, MMAPABLE);

#[map]
static RING_STATES: Array<RingState> = Array::with_max_entries(1, MMAPABLE);

#[map]
static CONTROL: Array<Control> = Array::with_max_entries(1, MMAPABLE);

#[map]
static FOLLOWED: Array<[u8; FOLLOW_BLOCK]> = Array::with_max_entries(FOLLOW_BLOCKS as u32, 0);

/// One block, unless the agent has made room for every thread id.
#[map]
static MARKS: Array<[u32; MARK_BLOCK]> = Array::with_max_entries(1, MMAPABLE);

/// Bytes of one fetch at most.
pub(crate) const FETCH_BYTES_MAX: u64 = 64 * 1024;
/// Where a section may begin at most, so that a fetch fits behind its head.
pub(crate) const POSITION_MAX: u64 = RECORD_BYTES_MAX as u64 - FETCH_BYTES_MAX - 64;

/// A record being written.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    state: *mut RingState,
    record: *mut u8,
    /// When the event happened.
    pub(crate) time_ns: u64,
}

/// What the agent says while we run.
#[inline(always)]
pub(crate) fn control() -> Option<*mut Control> {
    CONTROL.get_ptr_mut(0)
}

#[inline(always)]
fn follow_mark(tid: u32) -> Option<*mut u8> {
    let block = FOLLOWED.get_ptr_mut(tid / FOLLOW_BLOCK as u32)?;
    let at = opaque(u64::from(tid)) & (FOLLOW_BLOCK as u64 - 1);
    // SAFETY: `at` is below the size of a block.
    Some(unsafe { block.cast::<u8>().add(at as usize) })
}

/// Whether this thread is followed.
#[inline(always)]
pub(crate) fn is_followed(tid: u32) -> bool {
    // SAFETY: a byte of the map.
    follow_mark(tid).is_some_and(|mark| unsafe { mark.read_volatile() } != 0)
}

/// Starts or ends following a thread.
#[inline(always)]
pub(crate) fn set_followed(tid: u32, followed: bool) {
    if let Some(mark) = follow_mark(tid) {
        // SAFETY: a byte of the map. The thread itself or its creator write it, never at once.
        unsafe { mark.write_volatile(u8::from(followed)) };
    }
}

#[inline(always)]
fn mark(tid: u32) -> Option<*mut u32> {
    // SAFETY: as everywhere, a field of the settings.
    if unsafe { setting!(marks) } == 0 {
        return None;
    }
    let block = MARKS.get_ptr_mut(tid / MARK_BLOCK as u32)?;
    let at = opaque(u64::from(tid)) & (MARK_BLOCK as u64 - 1);
    // SAFETY: `at` is below the size of a block.
    Some(unsafe { block.cast::<u32>().add(at as usize) })
}

#[inline(always)]
fn mark_word(tid: u32) -> MarkWord {
    // SAFETY: a word of the map.
    MarkWord(mark(tid).map_or(0, |mark| unsafe { mark.read_volatile() }))
}

/// Whether the recording's filter is known to match no event of this task.
#[inline(always)]
pub(crate) fn is_turned_away(pid_tgid: u64) -> bool {
    let (tid, tgid) = (pid_tgid as u32, (pid_tgid >> 32) as u32);
    let own = mark_word(tid);
    if !own.has_verdict() {
        return false;
    }
    own.is_turned_away(if tid == tgid { 0 } else { mark_word(tgid).generation() })
}

/// What was found of a process's threads does not hold any more.
#[inline(always)]
pub(crate) fn end_verdicts(tgid: u32) {
    if let Some(mark) = mark(tgid) {
        // SAFETY: a word of the map.
        unsafe {
            core::arch::asm!("lock *(u32 *)({0} + 0) += {1}", in(reg) mark, in(reg) u64::from(MARK_GENERATION));
        }
    }
}

/// Nothing is known of a new thread, whatever had its id before.
#[inline(always)]
pub(crate) fn begin_mark(tid: u32) {
    if let Some(mark) = mark(tid) {
        // SAFETY: a word of the map, of a thread that does not run yet.
        unsafe { mark.write_volatile(MarkWord(mark.read_volatile()).renewed().0) };
    }
}

/// Whether events of this task are to be recorded.
#[inline(always)]
pub(crate) unsafe fn is_selected(pid_tgid: u64) -> bool {
    if (pid_tgid >> 32) as u32 == setting!(self_tgid) {
        return false;
    }
    setting!(follow) == 0 || is_followed(pid_tgid as u32)
}

/// Adds one to a loss counter that an interrupt may touch at the same time.
#[inline(always)]
unsafe fn count(counter: *mut u64) {
    core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) counter, in(reg) 1u64);
}

/// Calls one of the kernel's functions that take and give nothing, or does nothing on a kernel without it.
#[inline(always)]
unsafe fn call_marked<const MARK: i32>() {
    // What a call leaves in these registers is lost, whatever it calls.
    core::arch::asm!(
        "call {mark}",
        mark = const MARK,
        out("r0") _,
        out("r1") _,
        out("r2") _,
        out("r3") _,
        out("r4") _,
        out("r5") _,
    );
}

/// From here until the record is published or given up no other task runs on this CPU.
#[inline(always)]
unsafe fn preempt_disable() {
    call_marked::<PREEMPT_DISABLE_MARK>();
}

#[inline(always)]
unsafe fn preempt_enable() {
    call_marked::<PREEMPT_ENABLE_MARK>();
}

/// What an event is worth when there is not room for all.
#[derive(Clone, Copy)]
pub(crate) struct Weight {
    /// Number of its [`EventClass`].
    class: u64,
    /// The thread whose state is not what we know any more if the event is lost; 0 for none.
    touched: u32,
}

impl Weight {
    /// An event that changes nothing we keep.
    #[inline(always)]
    pub(crate) fn of(class: EventClass) -> Self {
        Weight { class: class as u64, touched: 0 }
    }

    /// One that changes what we know of this thread.
    #[inline(always)]
    pub(crate) fn of_change(class: EventClass, tid: u32) -> Self {
        Weight { class: class as u64, touched: tid }
    }

    /// As the table of calls says.
    #[inline(always)]
    pub(crate) unsafe fn of_call(entry: *const CallEntry, names_peer: bool, tid: u32) -> Self {
        let flags = (*entry).flags;
        let is_change = flags & CALL_STATE != 0 || (flags & CALL_SOCKET_NAMED != 0 && names_peer);
        Weight { class: u64::from((*entry).class), touched: if is_change { tid } else { 0 } }
    }

    /// As the table of operations says.
    #[inline(always)]
    pub(crate) unsafe fn of_operation(entry: *const OperationEntry, tid: u32) -> Self {
        let is_change = (*entry).flags & OPERATION_STATE != 0;
        Weight { class: u64::from((*entry).class), touched: if is_change { tid } else { 0 } }
    }

    /// The same, out of memory: what is found out about it is not found out about the thread, of which the verifier would
    /// go on with as many kinds.
    #[inline(always)]
    unsafe fn forgotten(self, state: *mut RingState) -> Self {
        let kept = &raw mut (*state).weight;
        kept.write_volatile(self.class << 32 | u64::from(self.touched));
        let weight = kept.read_volatile();
        Weight { class: weight >> 32, touched: weight as u32 }
    }

    /// The class, where the verifier must see that it is within an array.
    #[inline(always)]
    fn slot(self) -> usize {
        (opaque(self.class) & (CLASS_SLOTS as u64 - 1)) as usize
    }
}

/// Counts an event that is not recorded.
#[inline(always)]
unsafe fn lose(state: *mut RingState, cause: LossCause, weight: Weight) {
    let row = (&raw mut (*state).lost[cause as usize]).cast::<u64>();
    count(row.add(weight.slot()));
    if weight.touched != 0 {
        let touched = (&raw const (*state).touched_count).read_volatile();
        let at = opaque(touched) & (TOUCHED_SLOTS as u64 - 1);
        (&raw mut (*state).touched).cast::<u32>().add(at as usize).write_volatile(weight.touched);
        (&raw mut (*state).touched_count).write_volatile(touched + 1);
    }
}

/// Whether the class has used up what the agent allows it in this window; counts the event if not.
#[inline(always)]
unsafe fn is_shed(state: *mut RingState, weight: Weight) -> bool {
    let class = weight.slot();
    let quota = (&raw const (*state).quota).cast::<u32>().add(class).read_volatile();
    // State is kept right whatever is shed.
    if quota == 0 || weight.touched != 0 {
        return false;
    }
    let used = (&raw mut (*state).used).cast::<u32>().add(class);
    let window = (&raw const (*state).window).read_volatile();
    if (&raw const (*state).used_window).read_volatile() != window {
        (&raw mut (*state).used_window).write_volatile(window);
        // Word by word: of a whole array the compiler would make a copy on the stack, by a loop over its bytes.
        const { assert!(CLASS_SLOTS == 8) };
        let words = (&raw mut (*state).used).cast::<u64>();
        words.write_volatile(0);
        words.add(1).write_volatile(0);
        words.add(2).write_volatile(0);
        words.add(3).write_volatile(0);
    }
    let count = used.read_volatile();
    used.write_volatile(count.wrapping_add(1));
    count >= quota
}

/// Begins a record, or counts why it cannot be written.
#[inline(always)]
pub(crate) unsafe fn begin(weight: Weight) -> Option<Slot> {
    let cpu = bpf_get_smp_processor_id() as u32;
    let state = RING_STATES.get_ptr_mut(cpu)?;
    preempt_disable();
    if (&raw const (*state).busy).read_volatile() != 0 {
        lose(state, LossCause::Nested, weight);
        preempt_enable();
        return None;
    }
    (&raw mut (*state).busy).write_volatile(1);
    let weight = weight.forgotten(state);
    let attempted = &raw mut (*state).attempted;
    attempted.write_volatile(attempted.read_volatile() + 1);
    let head = (&raw const (*state).head).read_volatile();
    let tail = (&raw const (*state).tail).read_volatile();
    let mask = setting!(ring_mask);
    let ring = RINGS.get_ptr_mut(cpu);
    let wanted = RECORD_BYTES_MAX as u64 + kept_free_bytes(weight.class, mask + 1);
    let is_full = head.wrapping_sub(tail) + wanted > mask + 1;
    let cause = if is_full { LossCause::RingFull } else { LossCause::Shed };
    let (false, Some(ring)) = (is_full || is_shed(state, weight), ring) else {
        lose(state, cause, weight);
        (&raw mut (*state).busy).write_volatile(0);
        preempt_enable();
        return None;
    };
    // Only what is read and written is data; the rest of what is fetched may change what we know.
    let is_data = weight.class == EventClass::Io as u64;
    let is_without = is_data && (&raw const (*state).without_payload).read_volatile() != 0;
    (&raw mut (*state).without).write_volatile(u64::from(is_without));
    let time_ns = bpf_ktime_get_boot_ns();
    let record = ring.cast::<u8>().add((opaque(head) & mask) as usize);
    Some(Slot { state, record, time_ns })
}

impl Slot {
    /// The record that this CPU is writing.
    #[inline(always)]
    pub(crate) unsafe fn being_written() -> Option<Slot> {
        let cpu = bpf_get_smp_processor_id() as u32;
        let state = RING_STATES.get_ptr_mut(cpu)?;
        let head = (&raw const (*state).head).read_volatile();
        let record = RINGS.get_ptr_mut(cpu)?.cast::<u8>().add((opaque(head) & setting!(ring_mask)) as usize);
        Some(Slot { state, record, time_ns: 0 })
    }

    #[inline(always)]
    unsafe fn put_u64(&self, at: u64, value: u64) {
        self.record.add(at as usize).cast::<u64>().write_volatile(value);
    }

    /// Writes the head, but for the length, which [`Slot::publish`] adds.
    #[inline(always)]
    pub(crate) unsafe fn header(&self, kind: RecordType, flags: u8, nargs: u8, nr: i64, pid_tgid: u64) {
        let flags = u64::from(flags) | u64::from(nargs) << NARGS_SHIFT;
        self.put_u64(0, (kind as u64) << 32 | flags << 40 | (nr as u64) << 48);
        // The helper's word holds the process id in its upper half: thread id, process id in memory.
        self.put_u64(8, pid_tgid);
        self.put_u64(16, self.time_ns);
    }

    /// Writes how the call ended.
    #[inline(always)]
    pub(crate) unsafe fn outcome(&self, result: i64, latency_ns: u64) {
        self.put_u64(24, result as u64);
        self.put_u64(32, latency_ns);
    }

    /// The result, from where [`Slot::outcome`] put it: with no range known, as for [`Slot::forget`].
    #[inline(always)]
    pub(crate) unsafe fn result(&self) -> i64 {
        self.record.add(24).cast::<i64>().read_volatile()
    }

    /// Writes raw argument `index`, a constant.
    #[inline(always)]
    pub(crate) unsafe fn arg(&self, index: u64, value: u64) {
        self.put_u64(HEADER_BYTES as u64 + index * 8, value);
    }

    /// Whether [`Slot::header`] was told so: with nothing known to the verifier, which would walk what follows twice.
    #[inline(always)]
    pub(crate) unsafe fn is_compat(&self) -> bool {
        self.record.add(5).read_volatile() & wire::record::FLAG_COMPAT != 0
    }

    /// Adds to the flags that the head has, when `is_compat` is 1 and not 0.
    #[inline(always)]
    pub(crate) unsafe fn set_compat(&self, is_compat: u8) {
        let flags = self.record.add(5);
        flags.write_volatile(flags.read_volatile() | (is_compat * wire::record::FLAG_COMPAT));
    }

    /// Bytes of a long of the program, as [`Slot::is_compat`] has it.
    #[inline(always)]
    pub(crate) unsafe fn long_bytes(&self) -> u64 {
        // No branch: this is asked in loops.
        const { assert!(wire::record::FLAG_COMPAT == 2) };
        8 - ((u64::from(self.record.add(5).read_volatile()) & 2) << 1)
    }

    /// Argument `index`, as [`Slot::arg`] put it there: it must be one of those that the call takes.
    #[inline(always)]
    pub(crate) unsafe fn argument(&self, index: u8) -> u64 {
        let at = HEADER_BYTES as u64 + (u64::from(index) & 7) * 8;
        self.record.add(opaque(at) as usize & 127).cast::<u64>().read_volatile()
    }

    /// Position behind `nargs` arguments.
    #[inline(always)]
    pub(crate) fn behind_args(nargs: u8) -> u64 {
        HEADER_BYTES as u64 + (u64::from(nargs) & 7) * 8
    }

    /// Writes a section's head; gives the position behind the section.
    #[inline(always)]
    pub(crate) unsafe fn section(&self, position: u64, index: u8, state: SectionState, bytes: u64) -> u64 {
        let position = clamp::<POSITION_MAX>(position);
        self.put_u64(position, u64::from(index) | (state as u64) << 8 | bytes << 32);
        position + SECTION_HEADER_BYTES as u64 + ((bytes + 7) & !7)
    }

    /// The same value, with nothing known of it to the verifier: what it found out on one way here would keep it from
    /// seeing that another way here leads on alike. What becomes a length or an offset is looked into back to where it
    /// came from; out of memory it came from nowhere.
    #[inline(always)]
    pub(crate) unsafe fn forget(&self, value: u64) -> u64 {
        let passed = &raw mut (*self.state).passed;
        passed.write_volatile(value);
        passed.read_volatile()
    }

    /// A length or an offset, `MAX` at most.
    #[inline(always)]
    pub(crate) unsafe fn bounded<const MAX: u64>(&self, value: u64) -> u64 {
        clamp::<MAX>(self.forget(value))
    }

    /// Keeps a count in the place of a section's head until that is written. A count that went through memory
    /// has no known range, so the verifier sees the rounds of a loop as alike and walks one of them only.
    #[inline(always)]
    pub(crate) unsafe fn keep(&self, position: u64, count: u64) {
        self.put_u64(clamp::<POSITION_MAX>(position), count);
    }

    /// The count last kept.
    #[inline(always)]
    pub(crate) unsafe fn kept(&self, position: u64) -> u64 {
        self.record.add(clamp::<POSITION_MAX>(position) as usize).cast::<u64>().read_volatile()
    }

    /// Where the bytes of a section at `position` go: room for `FETCH_BYTES_MAX`.
    #[inline(always)]
    pub(crate) unsafe fn body(&self, position: u64) -> *mut u8 {
        let position = clamp::<POSITION_MAX>(position);
        self.record.add(position as usize + SECTION_HEADER_BYTES)
    }

    /// Bytes of data that are kept of a buffer.
    #[inline(always)]
    pub(crate) unsafe fn snap_bytes(&self) -> u64 {
        let is_without = (&raw const (*self.state).without).read_volatile() != 0;
        if is_without { 0 } else { u64::from(setting!(snap_bytes)) }
    }

    /// Hands the record of `len` bytes, a multiple of 8, to the agent. The agent relies on the order of these
    /// stores, which x86-64 keeps; on aarch64 the agent waits out the store buffer instead.
    #[inline(always)]
    pub(crate) unsafe fn publish(&self, len: u64) {
        self.record.cast::<u32>().write_volatile(len as u32);
        let head = (&raw const (*self.state).head).read_volatile();
        (&raw mut (*self.state).head).write_volatile(head + len);
        (&raw mut (*self.state).busy).write_volatile(0);
        preempt_enable();
    }
}
