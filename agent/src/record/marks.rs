//! Marks of threads: tells the kernel side of which threads no event matches the filter, so that it turns them away.
//!
//! A verdict is about what is told of a thread at one moment, and records on their way to us may change that. So a
//! thread's generation is read first; when all records up to that time have been tracked the verdict is found, and
//! written down as one of that generation. If the kernel side has begun another one meanwhile, it says nothing. See
//! [`MarkWord`]; start at [`Marks::note`]. Descriptors that are outside are marked in the same way, see `wire::outside`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use anyhow::{Context, Result};
use wire::outside::{
    ALL_DESCRIPTORS, DESCRIPTOR_NUMBERS, DESCRIPTOR_SLOTS, DescriptorMark, slot_of, verdict,
};
use wire::ring::MarkWord;

use crate::clock::boot_ns;
use crate::probes::Probes;
use crate::rings::Mapping;

/// Threads that may wait for a verdict. Those beyond are noted again by their next event.
const WAITING_MAX: usize = 4096;

/// A thread that waits for a verdict.
#[derive(Clone, Copy, Debug)]
struct Noted {
    word: u32,
    process: u32,
    noted_ns: u64,
}

/// Descriptors that may wait for a verdict.
const DESCRIPTORS_WAITING_MAX: usize = 512;

/// A descriptor that waits for a verdict.
#[derive(Clone, Copy, Debug)]
struct NotedDescriptor {
    generation: u32,
    noted_ns: u64,
}

/// The marks of descriptors, mapped.
struct DescriptorMarks {
    memory: Mapping,
    /// By process and number.
    waiting: HashMap<(u32, u32), NotedDescriptor>,
}

impl DescriptorMarks {
    fn map(probes: &Probes) -> Result<Self> {
        let bytes = DESCRIPTOR_SLOTS as usize * size_of::<DescriptorMark>();
        let memory = Mapping::new(probes.map_fd("DESCRIPTORS")?, bytes)
            .context("cannot map the marks of descriptors")?;
        Ok(DescriptorMarks { memory, waiting: HashMap::new() })
    }

    fn place(&self, slot: u32) -> *mut DescriptorMark {
        let at = slot as usize % DESCRIPTOR_SLOTS as usize;
        self.memory.at(at * size_of::<DescriptorMark>()).cast().as_ptr()
    }

    fn verdict(&self, pid: u32, fd: u32) -> &AtomicU64 {
        // SAFETY: an aligned word within the mapping, which lives as long as `self`; everybody uses it as a whole.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.place(slot_of(pid, fd))).verdict) }
    }

    fn generation_at(&self, slot: u32) -> &AtomicU32 {
        // SAFETY: as above; everybody but we only adds to it, atomically.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.place(slot)).generation) }
    }

    fn generation(&self, pid: u32, fd: u32) -> u32 {
        let of = |fd| self.generation_at(slot_of(pid, fd)).load(Ordering::SeqCst);
        of(fd).wrapping_add(of(ALL_DESCRIPTORS))
    }

    fn note(&mut self, pid: u32, fd: u32) {
        if fd >= DESCRIPTOR_NUMBERS
            || self.waiting.len() >= DESCRIPTORS_WAITING_MAX
            || self.waiting.contains_key(&(pid, fd))
        {
            return;
        }
        let generation = self.generation(pid, fd);
        if self.verdict(pid, fd).load(Ordering::SeqCst) != verdict(pid, fd, generation) {
            self.waiting.insert((pid, fd), NotedDescriptor { generation, noted_ns: boot_ns() });
        }
    }

    fn settle(&mut self, watermark_ns: u64, mut is_outside: impl FnMut(u32, u32) -> bool) {
        let mut due = Vec::new();
        self.waiting.retain(|&at, noted| {
            let is_due = noted.noted_ns < watermark_ns;
            if is_due {
                due.push((at, noted.generation));
            }
            !is_due
        });
        for ((pid, fd), generation) in due {
            if is_outside(pid, fd) {
                // It says nothing if there is another generation by now.
                self.verdict(pid, fd).store(verdict(pid, fd, generation), Ordering::SeqCst);
            }
        }
    }
}

/// The marks of all threads, mapped.
pub(super) struct Marks {
    memory: Mapping,
    threads: usize,
    waiting: HashMap<u32, Noted>,
    given: Given,
    /// Where the filter is about descriptors.
    descriptors: Option<DescriptorMarks>,
}

/// Verdicts that were written down, the agent's half of each word. One that stands in a mark and not here is not ours.
#[derive(Debug)]
struct Given {
    /// By thread id; 0 for none.
    verdicts: Vec<u16>,
    /// Where to look next for others.
    next: u32,
}

impl Given {
    fn new(threads: usize) -> Self {
        Given { verdicts: vec![0; threads], next: 0 }
    }

    fn set(&mut self, tid: u32, verdict: u16) {
        if let Some(known) = self.verdicts.get_mut(tid as usize) {
            *known = verdict;
        }
    }

    /// Whether the agent's half of a thread's word is what was written, or nothing.
    fn is_ours(&self, tid: u32, word: MarkWord) -> bool {
        !word.has_verdict() || self.verdicts.get(tid as usize) == Some(&(word.0 as u16))
    }
}

/// Marks that are looked at in one go: 256 KiB of them.
const LOOKED_AT: u32 = 1 << 16;

impl Marks {
    /// Maps the marks of loaded probes; `None` where they have none.
    pub(super) fn map(probes: &Probes) -> Result<Option<Self>> {
        let threads = probes.marked_threads();
        if threads == 0 {
            return Ok(None);
        }
        let memory = Mapping::new(probes.map_fd("MARKS")?, threads * size_of::<MarkWord>())
            .context("cannot map the marks of threads")?;
        let descriptors =
            probes.are_descriptors_marked().then(|| DescriptorMarks::map(probes)).transpose()?;
        Ok(Some(Marks { memory, threads, waiting: HashMap::new(), given: Given::new(threads), descriptors }))
    }

    fn word(&self, tid: u32) -> Option<&AtomicU32> {
        let at = usize::try_from(tid).ok().filter(|&tid| tid < self.threads)?;
        let address = self.memory.at(at * size_of::<MarkWord>()).cast::<u32>();
        // SAFETY: an aligned word within the mapping, which lives as long as `self`; everybody uses it atomically.
        Some(unsafe { AtomicU32::from_ptr(address.as_ptr()) })
    }

    /// What the generation of a process adds to that of one of its threads.
    fn generation(&self, tid: u32, pid: u32) -> u32 {
        let process = self.word(pid).filter(|_| pid != tid);
        process.map_or(0, |word| MarkWord(word.load(Ordering::SeqCst)).generation())
    }

    /// An event of this thread did not match: perhaps none does.
    pub(super) fn note(&mut self, tid: u32, pid: u32) {
        if self.waiting.len() >= WAITING_MAX || self.waiting.contains_key(&tid) {
            return;
        }
        let Some(word) = self.word(tid) else { return };
        let word = word.load(Ordering::SeqCst);
        let process = self.generation(tid, pid);
        if !MarkWord(word).is_turned_away(process) {
            self.waiting.insert(tid, Noted { word, process, noted_ns: boot_ns() });
        }
    }

    /// An event of this thread may match: what was found of an earlier generation must not hold again when generations,
    /// which are counted in 16 bits, come round.
    pub(super) fn take_back(&mut self, tid: u32) {
        if let Some(word) = self.word(tid)
            && MarkWord(word.load(Ordering::Relaxed)).has_verdict()
        {
            take_back(word);
            self.given.set(tid, 0);
        }
    }

    /// Takes back verdicts that the agent has not found: somebody else has written them. Looks at some marks each time; how
    /// many there were.
    pub(super) fn take_back_foreign(&mut self) -> usize {
        let first = self.given.next;
        let end = first.saturating_add(LOOKED_AT).min(self.threads as u32);
        self.given.next = if end as usize >= self.threads { 0 } else { end };
        let is_foreign =
            |tid: u32, word: &AtomicU32| !self.given.is_ours(tid, MarkWord(word.load(Ordering::Relaxed)));
        let words = (first..end).filter_map(|tid| Some((tid, self.word(tid)?)));
        words.filter(|(tid, word)| is_foreign(*tid, word)).map(|(_, word)| take_back(word)).count()
    }

    /// All records up to this time have been tracked: writes down of which threads nothing matches.
    pub(super) fn settle(&mut self, watermark_ns: u64, mut turns_away: impl FnMut(u32) -> bool) {
        if self.waiting.is_empty() {
            return;
        }
        let mut due = Vec::new();
        self.waiting.retain(|&tid, noted| {
            let is_due = noted.noted_ns < watermark_ns;
            if is_due {
                due.push((tid, *noted));
            }
            !is_due
        });
        for (tid, noted) in due {
            if turns_away(tid)
                && let Some(word) = self.word(tid)
            {
                let verdict = MarkWord(noted.word).turned_away(noted.process).0;
                // Refused when the kernel side was faster: then there is a new generation, or a new thread.
                let written = word.compare_exchange(noted.word, verdict, Ordering::SeqCst, Ordering::SeqCst);
                if written.is_ok() {
                    self.given.set(tid, verdict as u16);
                }
            }
        }
    }

    /// Whether descriptors have marks.
    pub(super) fn has_descriptors(&self) -> bool {
        self.descriptors.is_some()
    }

    /// An event of this descriptor, which is outside, did not match: others on it need not come.
    pub(super) fn note_descriptor(&mut self, pid: u32, fd: u32) {
        if let Some(descriptors) = &mut self.descriptors {
            descriptors.note(pid, fd);
        }
    }

    /// What is known of the descriptors of a process changed without a record.
    pub(super) fn end_descriptors(&mut self, pid: u32) {
        if let Some(descriptors) = &mut self.descriptors {
            descriptors.generation_at(slot_of(pid, ALL_DESCRIPTORS)).fetch_add(1, Ordering::SeqCst);
        }
    }

    /// What is known of any descriptor does not hold any more.
    pub(super) fn end_all_descriptors(&mut self) {
        if let Some(descriptors) = &mut self.descriptors {
            descriptors.waiting.clear();
            for slot in 0..DESCRIPTOR_SLOTS {
                descriptors.generation_at(slot).fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// As [`Self::settle`]: writes down which descriptors are outside.
    pub(super) fn settle_descriptors(&mut self, watermark_ns: u64, is_outside: impl FnMut(u32, u32) -> bool) {
        if let Some(descriptors) = &mut self.descriptors
            && !descriptors.waiting.is_empty()
        {
            descriptors.settle(watermark_ns, is_outside);
        }
    }

    /// Nothing is known of any thread or descriptor any more: another filter holds.
    pub(super) fn clear(&mut self) {
        self.end_all_descriptors();
        self.waiting.clear();
        self.given.verdicts.fill(0);
        for word in (0..self.threads as u32).filter_map(|tid| self.word(tid)) {
            take_back(word);
        }
    }
}

/// Takes a verdict back. Only the agent's half is written: the other one may be counted up at this moment.
fn take_back(word: &AtomicU32) {
    let clear = |word: u32| MarkWord(word).has_verdict().then_some(word & 0xffff_0000);
    let _ = word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, clear);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_down_is_ours() {
        let mut given = Given::new(10);
        let verdict = MarkWord(0x0007_0000).turned_away(3);
        assert!(given.is_ours(5, MarkWord(0x0007_0000)) && !given.is_ours(5, verdict));
        given.set(5, verdict.0 as u16);
        assert!(given.is_ours(5, verdict) && !given.is_ours(6, verdict));
        // The kernel side counts on: that is no change of ours.
        assert!(given.is_ours(5, MarkWord(verdict.0 + wire::ring::MARK_GENERATION)));
        assert!(!given.is_ours(5, MarkWord(verdict.0 + 1)));
    }
}
