//! Rings: the memory the kernel programs write records into, drained in order of time over all CPUs.
//!
//! Each CPU's records are in order. Before a pass, every CPU is looked at: one that is not writing just then has
//! published everything older than the look, so nothing older than [`SETTLE_NS`] before it can still come; the
//! smallest such time over all CPUs is the watermark, and records up to it are merged and handed out. The output
//! is strictly ordered without guessing how late a record may be. Records stay in the ring until they are
//! consumed: it is the only buffer between the kernel and the tracker.
//!
//! Others with enough privileges can map the same memory. What no program of ours can have written there is a fault: the
//! ring goes on from where it says it is, what is not read by that is missed in the counts of the ledger, and the number of
//! faults is told ([`Rings::take_faults`]).

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wire::record::HEADER_BYTES;
use wire::ring::{CLASS_SLOTS, LOSS_CAUSES, LossCause, RECORD_BYTES_MAX, RingState, TOUCHED_SLOTS};

use crate::clock::boot_ns;
use crate::probes::Probes;

/// A store may wait in the writing CPU's buffer before others see it. Far longer than any does.
const SETTLE_NS: u64 = 10_000;
/// Looks at a CPU that is writing, before it is left for the next pass.
const LOOKS_MAX: usize = 200;
/// Consumed bytes after which the kernel gets the room back.
const RELEASE_BYTES: u64 = 256 * 1024;
/// No counter grows by more between two looks.
const STEP_MAX: u64 = 1 << 40;
/// No record is from so far ahead.
const FUTURE_NS: u64 = 10_000_000_000;
/// Nobody takes so long for a record.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// Nor does so much happen on a CPU while it writes one: nothing can but what interrupts.
const NESTED_MAX: u64 = 100;

/// The rings of all CPUs, mapped.
pub(crate) struct Rings {
    rings: Vec<Ring>,
    /// States and data; what the rings point into.
    _memory: [Mapping; 2],
}

struct Ring {
    state: NonNull<RingState>,
    data: NonNull<u8>,
    mask: u64,
    tail: u64,
    /// Published bytes, as of the last look.
    head: u64,
    /// Everything up to this time was published before the last look.
    settled_ns: u64,
    /// Of `RingState::touched_count`, what was told.
    touched: u64,
    /// What the kernel side was told of `tail`.
    released: u64,
    limits: Limits,
    counters: Counters,
    /// Since when one and the same record is being written, how many were begun by then, and how many were lost because
    /// another one was being written.
    busy_since: Option<(Instant, u64, u64)>,
    /// Contents that no program of ours can have written.
    faults: u64,
}

/// The kernel side's counters: as they stood, and brought forward by the steps that can be.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    seen: RingCounts,
    total: RingCounts,
}

impl Counters {
    /// Takes over what they say now; whether that can be. `produced` is what was attempted here.
    fn advance(&mut self, now: &RingCounts) -> bool {
        fn step(seen: u64, now: u64, total: &mut u64) -> bool {
            let step = now.wrapping_sub(seen);
            let can_be = step <= STEP_MAX;
            *total = total.saturating_add(if can_be { step } else { 0 });
            can_be
        }
        let mut can_be = step(self.seen.produced, now.produced, &mut self.total.produced);
        let seen = self.seen.lost.as_flattened().iter().zip(now.lost.as_flattened());
        for ((seen, now), total) in seen.zip(self.total.lost.as_flattened_mut()) {
            can_be &= step(*seen, *now, total);
        }
        self.seen = *now;
        can_be
    }
}

/// A CPU's counters, read from the kernel's side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RingCounts {
    /// Events that should have been recorded since start.
    pub(crate) produced: u64,
    /// Events lost, by `wire::ring::LossCause` and `wire::ring::EventClass`.
    pub(crate) lost: [[u64; CLASS_SLOTS]; LOSS_CAUSES],
}

/// What one pass did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pass {
    /// Records handed out.
    pub(crate) records: u64,
    /// Largest fill of a ring that was found, in bytes.
    pub(crate) fill_bytes_max: u64,
    /// Everything up to this boot clock time has been handed out.
    pub(crate) watermark_ns: u64,
}

impl Rings {
    /// Maps the rings of loaded probes.
    pub(crate) fn map(probes: &Probes) -> Result<Self> {
        let element = probes.ring_bytes() + RECORD_BYTES_MAX;
        let states = Mapping::new(probes.map_fd("RING_STATES")?, probes.cpus() * size_of::<RingState>())
            .context("cannot map the state of the rings")?;
        let data =
            Mapping::new(probes.map_fd("RINGS")?, probes.cpus() * element).context("cannot map the rings")?;
        let rings = (0..probes.cpus())
            .map(|cpu| {
                let state = states.at(cpu * size_of::<RingState>()).cast();
                Ring::new(state, data.at(cpu * element), probes.ring_bytes() as u64 - 1, 0)
            })
            .collect();
        Ok(Rings { rings, _memory: [states, data] })
    }

    /// Counters of each CPU.
    pub(crate) fn counts(&mut self) -> impl Iterator<Item = RingCounts> + '_ {
        self.rings.iter_mut().map(Ring::counts)
    }

    /// Puts limits right that others have changed; how many faults were found since the last call.
    pub(crate) fn take_faults(&mut self) -> u64 {
        let of_ring = |ring: &mut Ring| {
            ring.check_limits();
            std::mem::take(&mut ring.faults)
        };
        self.rings.iter_mut().map(of_ring).sum()
    }

    /// Whether everything published was handed out.
    pub(crate) fn are_empty(&self) -> bool {
        self.rings.iter().all(|ring| ring.tail == Ring::load(&ring.state().head))
    }

    /// Looks what there is for the next [`Self::pass`], and tells whose state is not known any more from some record of
    /// it on, because changes of it were lost.
    pub(crate) fn look(&mut self) -> Touched {
        let mut touched = Touched::default();
        for ring in &mut self.rings {
            ring.look();
            // After the look: what was lost before any record that the look has found is in here.
            ring.take_touched(&mut touched);
        }
        touched
    }

    /// Hands out, in order of time, the records that no older one can follow, as of the last look.
    pub(crate) fn pass(&mut self, take: impl FnMut(u16, &[u8])) -> Pass {
        merge(&mut self.rings, take)
    }

    /// Sets what the programs may write from now on; quotas are for the time until this or [`Self::renew_limits`] is
    /// called.
    pub(crate) fn set_limits(&mut self, limits: &Limits) {
        self.rings.iter_mut().for_each(|ring| ring.set_limits(limits));
    }

    /// Quotas begin anew.
    pub(crate) fn renew_limits(&mut self) {
        self.rings.iter().for_each(Ring::renew_limits);
    }
}

/// What the programs may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Data that is read and written stays out.
    pub(crate) without_payload: bool,
    /// Records per CPU at most, by `wire::ring::EventClass`; 0 for no limit.
    pub(crate) quota: [u32; CLASS_SLOTS],
}

/// Threads of which changes of state were lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// Their ids.
    pub(crate) tids: Vec<u32>,
    /// Whether there were more than a CPU remembers: it may be any thread.
    pub(crate) others: bool,
}

/// One pass over `rings`; the index of a ring is its CPU.
fn merge(rings: &mut [Ring], mut take: impl FnMut(u16, &[u8])) -> Pass {
    let mut pass = Pass { watermark_ns: u64::MAX, ..Pass::default() };
    for ring in rings.iter() {
        pass.watermark_ns = pass.watermark_ns.min(ring.settled_ns);
        pass.fill_bytes_max = pass.fill_bytes_max.max(ring.head - ring.tail);
    }
    loop {
        // The ring with the oldest record, and the time up to which it has the oldest.
        let mut oldest = None;
        let mut oldest_ns = u64::MAX;
        let mut until_ns = pass.watermark_ns;
        for (cpu, ring) in rings.iter().enumerate() {
            let Some(time_ns) = ring.next_time_ns() else { continue };
            if time_ns < oldest_ns {
                until_ns = until_ns.min(oldest_ns);
                oldest_ns = time_ns;
                oldest = Some(cpu);
            } else {
                until_ns = until_ns.min(time_ns);
            }
        }
        let Some(cpu) = oldest else { break };
        if oldest_ns > pass.watermark_ns {
            break;
        }
        pass.records += rings[cpu].take_until(until_ns, |record| take(cpu as u16, record));
    }
    for ring in rings {
        ring.release();
    }
    pass
}

impl Ring {
    fn new(state: NonNull<RingState>, data: NonNull<u8>, mask: u64, tail: u64) -> Self {
        Ring {
            state,
            data,
            mask,
            tail,
            head: tail,
            settled_ns: 0,
            touched: 0,
            released: tail,
            limits: Limits::default(),
            counters: Counters::default(),
            busy_since: None,
            faults: 0,
        }
    }

    fn state(&self) -> &RingState {
        // SAFETY: inside the mapping, which lives as long as `Rings`. The kernel changes the fields, but they are
        // only ever read and written through the atomics below.
        unsafe { self.state.as_ref() }
    }

    fn load(field: &u64) -> u64 {
        // SAFETY: an aligned word of the shared mapping.
        unsafe { AtomicU64::from_ptr(std::ptr::from_ref(field).cast_mut()) }.load(Ordering::Acquire)
    }

    fn counts(&mut self) -> RingCounts {
        let state = self.state();
        let lost = state.lost.each_ref().map(|classes| classes.each_ref().map(Self::load));
        let now = RingCounts { produced: Self::load(&state.attempted), lost };
        if !self.counters.advance(&now) {
            self.faults += 1;
        }
        let RingCounts { produced: attempted, lost } = self.counters.total;
        let nested = lost[LossCause::Nested as usize].iter();
        RingCounts { produced: nested.fold(attempted, |sum, nested| sum.saturating_add(*nested)), lost }
    }

    fn take_touched(&mut self, touched: &mut Touched) {
        let state = self.state();
        let count = Self::load(&state.touched_count);
        let new = count.wrapping_sub(self.touched);
        for at in 0..new.min(TOUCHED_SLOTS as u64) {
            let slot = &state.touched[(self.touched.wrapping_add(at) % TOUCHED_SLOTS as u64) as usize];
            // SAFETY: an aligned word of the shared mapping.
            let tid = unsafe { AtomicU32::from_ptr(std::ptr::from_ref(slot).cast_mut()) };
            touched.tids.push(tid.load(Ordering::Relaxed));
        }
        // The kernel side goes on meanwhile, and may be writing the next one: of what it told up to here, that which stood
        // in the places it has used again was not read.
        fence(Ordering::Acquire);
        let told = Self::load(&state.touched_count).wrapping_sub(self.touched);
        touched.others |= new != 0 && told >= TOUCHED_SLOTS as u64;
        self.touched = count;
    }

    fn check_limits(&mut self) {
        let state = self.state();
        let load = |field: &u32| {
            // SAFETY: an aligned word of the shared mapping.
            unsafe { AtomicU32::from_ptr(std::ptr::from_ref(field).cast_mut()) }.load(Ordering::Relaxed)
        };
        let quota = state.quota.each_ref().map(load);
        let without_payload = load(&state.without_payload);
        if quota != self.limits.quota || without_payload != u32::from(self.limits.without_payload) {
            self.faults += 1;
            self.set_limits(&{ self.limits });
        }
    }

    fn set_limits(&mut self, limits: &Limits) {
        self.limits = *limits;
        let state = self.state.as_ptr();
        // SAFETY: aligned words of the shared mapping that only we write.
        let set =
            |field: *mut u32, value| unsafe { AtomicU32::from_ptr(field) }.store(value, Ordering::Release);
        // SAFETY: as above; the addresses are those of fields.
        unsafe {
            set(&raw mut (*state).without_payload, u32::from(limits.without_payload));
            for (class, quota) in limits.quota.iter().enumerate() {
                set((&raw mut (*state).quota).cast::<u32>().add(class), *quota);
            }
        }
        self.renew_limits();
    }

    fn renew_limits(&self) {
        // SAFETY: an aligned word of the shared mapping that only we write.
        let window = unsafe { AtomicU32::from_ptr(&raw mut (*self.state.as_ptr()).window) };
        window.fetch_add(1, Ordering::Release);
    }

    /// Looks what is published, and how far back that is complete.
    fn look(&mut self) {
        for _ in 0..LOOKS_MAX {
            let now_ns = boot_ns();
            let busy = Self::load(&self.state().busy) != 0;
            let head = Self::load(&self.state().head);
            // The kernel side adds to it, and never more than there is room for.
            let room = self.mask + 1;
            if head.wrapping_sub(self.head) <= room && head.wrapping_sub(self.tail) <= room {
                self.head = head;
            } else {
                self.skip_to(head);
            }
            // Not as of the look: the machine may have been suspended since.
            if self.next_time_ns().is_some_and(|time_ns| time_ns > boot_ns().saturating_add(FUTURE_NS)) {
                self.skip_to(head);
            }
            if !busy {
                self.settled_ns = now_ns - SETTLE_NS;
                self.busy_since = None;
                return;
            }
            std::hint::spin_loop();
        }
        let attempted = Self::load(&self.state().attempted);
        let lost = &self.state().lost[LossCause::Nested as usize];
        let nested = lost.iter().map(Self::load).fold(0, u64::wrapping_add);
        match self.busy_since {
            Some((since, then, before)) if then == attempted => {
                if since.elapsed() >= BUSY_MAX || nested.wrapping_sub(before) >= NESTED_MAX {
                    self.faults += 1;
                    self.busy_since = None;
                    // Or everything on this CPU would count as lost from now on, and all that is older than it wait.
                    // SAFETY: an aligned word of the shared mapping.
                    unsafe { AtomicU64::from_ptr(&raw mut (*self.state.as_ptr()).busy) }
                        .store(0, Ordering::Release);
                }
            }
            _ => self.busy_since = Some((Instant::now(), attempted, nested)),
        }
    }

    /// Gives up what is before this position: it is not what our programs wrote.
    fn skip_to(&mut self, head: u64) {
        self.faults += 1;
        (self.head, self.tail) = (head, head);
    }

    fn record_at(&self, position: u64, bytes: usize) -> &[u8] {
        let at = (position & self.mask) as usize;
        // SAFETY: `at` is within the ring and `bytes` is at most RECORD_BYTES_MAX, which the ring's element has
        // in addition. The kernel does not touch published bytes before `tail` passes them.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr().add(at), bytes) }
    }

    fn next_time_ns(&self) -> Option<u64> {
        if self.tail == self.head {
            return None;
        }
        let head = self.record_at(self.tail, HEADER_BYTES);
        let mut time = [0; 8];
        time.copy_from_slice(&head[16..24]);
        Some(u64::from_ne_bytes(time))
    }

    fn take_until(&mut self, until_ns: u64, mut take: impl FnMut(&[u8])) -> u64 {
        let mut records = 0;
        let mut released = self.tail;
        while let Some(time_ns) = self.next_time_ns() {
            if time_ns > until_ns {
                break;
            }
            let mut length = [0; 4];
            length.copy_from_slice(&self.record_at(self.tail, 8)[..4]);
            // A length that cannot be is the mark of a broken ring: take what is left as one broken record.
            let left = (self.head - self.tail) as usize;
            let bytes = u32::from_ne_bytes(length) as usize;
            let is_possible =
                bytes >= HEADER_BYTES && bytes.is_multiple_of(8) && bytes <= left.min(RECORD_BYTES_MAX);
            let bytes = if is_possible { bytes } else { left };
            take(self.record_at(self.tail, bytes.min(RECORD_BYTES_MAX)));
            records += 1;
            self.tail += bytes as u64;
            if self.tail - released >= RELEASE_BYTES {
                self.release();
                released = self.tail;
            }
        }
        records
    }

    /// Gives consumed room back to the kernel.
    fn release(&mut self) {
        // SAFETY: an aligned word of the shared mapping that only we write.
        let tail = unsafe { AtomicU64::from_ptr(&raw mut (*self.state.as_ptr()).tail) };
        if tail.load(Ordering::Relaxed) != self.released {
            self.faults += 1;
        }
        tail.store(self.tail, Ordering::Release);
        self.released = self.tail;
    }
}

/// A map's memory, shared with the kernel.
pub(crate) struct Mapping {
    address: NonNull<u8>,
    bytes: usize,
}

impl Mapping {
    /// Maps so many bytes of an array.
    pub(crate) fn new(map: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        Mapping::with(map, bytes, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Maps so many bytes of an array that may be frozen, to read.
    pub(crate) fn read_only(map: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        Mapping::with(map, bytes, libc::PROT_READ)
    }

    fn with(map: BorrowedFd<'_>, bytes: usize, protection: libc::c_int) -> io::Result<Self> {
        let bytes = bytes.next_multiple_of(4096);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let address = unsafe {
            libc::mmap(std::ptr::null_mut(), bytes, protection, libc::MAP_SHARED, crate::probes::raw(map), 0)
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let address = NonNull::new(address.cast()).expect("a mapping is never at address 0");
        Ok(Mapping { address, bytes })
    }

    /// The byte at an offset, which must be within.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.bytes, "offset {offset} in a mapping of {} bytes", self.bytes);
        // SAFETY: within the mapping, checked just above.
        unsafe { self.address.add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and whoever points into it is dropped with it.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use wire::RecordHeader;
    use wire::record::RecordBuilder;

    use super::*;

    const RING_BYTES: usize = 4096;

    /// A ring in ordinary memory, written as the kernel side would.
    struct Fake {
        state: Box<RingState>,
        data: Vec<u64>,
    }

    impl Fake {
        fn new() -> Self {
            let data = vec![0; (RING_BYTES + RECORD_BYTES_MAX) / 8];
            Fake { state: Box::new(RingState::default()), data }
        }

        fn write(&mut self, time_ns: u64) {
            let header = RecordHeader { kind: 1, time_ns, ..RecordHeader::default() };
            let mut built = RecordBuilder::<64>::new(header, &[]);
            let bytes = built.finish();
            let at = self.state.head as usize % RING_BYTES / 8;
            for (word, chunk) in self.data[at..].iter_mut().zip(bytes.chunks_exact(8)) {
                *word = u64::from_ne_bytes(chunk.try_into().expect("chunks of 8"));
            }
            self.state.head += bytes.len() as u64;
        }

        fn ring(&mut self) -> Ring {
            let tail = self.state.tail;
            let data = NonNull::new(self.data.as_mut_ptr().cast()).expect("a vector has an address");
            Ring::new(NonNull::from(&mut *self.state), data, RING_BYTES as u64 - 1, tail)
        }
    }

    fn times(rings: &mut [Ring]) -> Vec<(u16, u64)> {
        let mut seen = Vec::new();
        rings.iter_mut().for_each(Ring::look);
        merge(rings, |cpu, bytes| {
            seen.push((cpu, wire::Record::parse(bytes).expect("a record").header.time_ns))
        });
        seen
    }

    #[test]
    fn records_of_all_cpus_come_in_order_of_time() {
        let (mut a, mut b) = (Fake::new(), Fake::new());
        [10, 20, 50].into_iter().for_each(|time| a.write(time));
        [15, 30, 40, 60].into_iter().for_each(|time| b.write(time));
        let mut rings = [a.ring(), b.ring()];
        assert_eq!(times(&mut rings), [(0, 10), (1, 15), (0, 20), (1, 30), (1, 40), (0, 50), (1, 60)]);
        assert_eq!(times(&mut rings), []);
        assert_eq!((a.state.tail, b.state.tail), (a.state.head, b.state.head));
    }

    #[test]
    fn a_writing_cpu_holds_back_what_it_may_still_precede() {
        let (mut a, mut b) = (Fake::new(), Fake::new());
        [10, 20].into_iter().for_each(|time| a.write(time));
        b.state.busy = 1;
        let mut rings = [a.ring(), b.ring()];
        assert_eq!(times(&mut rings), []);
        b.write(12);
        b.state.busy = 0;
        assert_eq!(times(&mut rings), [(0, 10), (1, 12), (0, 20)]);
    }

    #[test]
    fn a_cpu_on_which_much_happens_does_not_write_all_the_while() {
        let mut a = Fake::new();
        a.write(10);
        (a.state.busy, a.state.attempted) = (1, 7);
        let mut rings = [a.ring()];
        for (nested, is_freed) in [(50, false), (149, false), (150, true)] {
            a.state.lost[LossCause::Nested as usize][2] = nested;
            times(&mut rings);
            assert_eq!((a.state.busy == 0, rings[0].faults), (is_freed, u64::from(is_freed)), "{nested}");
        }
        assert_eq!(times(&mut rings), [(0, 10)]);
    }

    #[test]
    fn what_happened_just_now_is_left_for_later() {
        let mut a = Fake::new();
        a.write(10);
        a.write(boot_ns() + FUTURE_NS - 1_000_000_000);
        assert_eq!(times(&mut [a.ring()]), [(0, 10)]);
    }

    #[test]
    fn records_run_over_the_end_of_the_ring() {
        let mut a = Fake::new();
        // Records of 40 bytes: the last one before the end begins below it and reaches beyond.
        for time in 0..400 {
            a.write(time);
            let seen = times(&mut [a.ring()]);
            assert_eq!(seen, [(0, time)]);
        }
    }

    #[test]
    fn a_broken_length_costs_what_is_left_and_no_more() {
        let mut a = Fake::new();
        a.write(10);
        a.data[0] = 7;
        let mut broken = 0;
        let mut ring = a.ring();
        ring.look();
        merge(&mut [ring], |_, bytes| broken += usize::from(wire::Record::parse(bytes).is_err()));
        assert_eq!(broken, 1);
        a.write(20);
        assert_eq!(times(&mut [a.ring()]), [(0, 20)]);
    }

    #[test]
    fn positions_that_cannot_be_are_gone_on_from() {
        for head in [u64::MAX, 1 << 63, RING_BYTES as u64 * 3, 80, 0] {
            let mut a = Fake::new();
            (1..=5).for_each(|time| a.write(time));
            let mut rings = [a.ring()];
            assert_eq!(times(&mut rings).len(), 5);
            a.state.head = head;
            times(&mut rings);
            assert_eq!(rings[0].faults, 1, "{head}");
            assert_eq!((a.state.tail, rings[0].tail), (head, head));
            // The kernel side has room again, and what it writes from there on is read.
            if head % RING_BYTES as u64 <= 2048 {
                a.write(20);
                assert_eq!(times(&mut rings), [(0, 20)], "{head}");
            }
        }
    }

    #[test]
    fn a_tail_that_others_moved_is_put_right() {
        let mut a = Fake::new();
        let mut rings = [a.ring()];
        a.write(1);
        a.state.tail = 4000;
        assert_eq!(times(&mut rings), [(0, 1)]);
        assert_eq!((a.state.tail, rings[0].faults), (a.state.head, 1));
    }

    #[test]
    fn a_record_from_far_ahead_does_not_stop_the_others() {
        let (mut a, mut b) = (Fake::new(), Fake::new());
        a.write(u64::MAX);
        b.write(7);
        let mut rings = [a.ring(), b.ring()];
        assert_eq!(times(&mut rings), [(1, 7)]);
        assert_eq!(rings[0].faults, 1);
        a.write(9);
        assert_eq!(times(&mut rings), [(0, 9)]);
    }

    #[test]
    fn counters_that_go_back_or_leap_are_not_believed() {
        let mut a = Fake::new();
        let mut ring = a.ring();
        (a.state.attempted, a.state.lost[0][1]) = (10, 4);
        assert_eq!((ring.counts().produced, ring.faults), (10, 0));
        (a.state.attempted, a.state.lost[0][1]) = (0, u64::MAX);
        assert_eq!((ring.counts().produced, ring.counts().lost[0][1], ring.faults), (10, 4, 1));
        (a.state.attempted, a.state.lost[0][1]) = (3, 1);
        assert_eq!((ring.counts().produced, ring.counts().lost[0][1], ring.faults), (13, 6, 1));
    }

    #[test]
    fn limits_that_others_set_are_put_right() {
        let mut a = Fake::new();
        let mut ring = a.ring();
        ring.check_limits();
        assert_eq!(ring.faults, 0);
        a.state.quota[2] = 1;
        ring.check_limits();
        assert_eq!((a.state.quota[2], ring.faults), (0, 1));
    }

    #[test]
    fn whose_changes_were_lost_is_told_once() {
        let mut a = Fake::new();
        let mut ring = a.ring();
        a.state.touched[..2].copy_from_slice(&[7, 9]);
        a.state.touched_count = 2;
        let mut take = || {
            let mut touched = Touched::default();
            ring.take_touched(&mut touched);
            touched
        };
        assert_eq!(take(), Touched { tids: vec![7, 9], others: false });
        assert_eq!(take(), Touched::default());
        a.state.touched_count = 2 + TOUCHED_SLOTS as u64 + 1;
        assert!(take().others);
    }

    #[test]
    fn whose_changes_are_lost_at_this_moment_is_told_or_it_is_said_that_it_is_not() {
        const LOSSES: u32 = 2_000_000;
        let mut a = Fake::new();
        let mut ring = a.ring();
        let state = ring.state.as_ptr();
        // SAFETY: aligned words that live as long as `a`, and that everybody uses atomically.
        let (count, slots): (_, [&AtomicU32; TOUCHED_SLOTS]) = unsafe {
            let slots = (&raw mut (*state).touched).cast::<u32>();
            let slot = |at| AtomicU32::from_ptr(slots.add(at));
            (AtomicU64::from_ptr(&raw mut (*state).touched_count), std::array::from_fn(slot))
        };
        let seen = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for tid in 0..LOSSES {
                    slots[tid as usize % TOUCHED_SLOTS].store(tid, Ordering::Relaxed);
                    count.store(u64::from(tid) + 1, Ordering::Release);
                    // Now and then no faster than it is looked at.
                    while tid % 65536 < 4 && seen.load(Ordering::Acquire) <= u64::from(tid) {
                        std::thread::yield_now();
                    }
                    (0..tid % 8).for_each(|_| std::hint::spin_loop());
                }
            });
            let mut whole = 0;
            while ring.touched < u64::from(LOSSES) {
                let first = ring.touched as u32;
                let mut touched = Touched::default();
                ring.take_touched(&mut touched);
                let expected: Vec<u32> = (first..ring.touched as u32).collect();
                let is_right = touched.others || touched.tids == expected;
                // Nobody waits for a test that has failed.
                seen.store(if is_right { ring.touched } else { u64::MAX }, Ordering::Release);
                assert!(is_right, "{touched:?} instead of {expected:?}");
                whole += usize::from(!touched.others && !expected.is_empty());
            }
            assert!(whole > 0, "there was always too much");
        });
    }
}
