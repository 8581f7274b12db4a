//! Marks of threads: tells the kernel side of which threads no event matches the filter, so that it turns them away.
//!
//! A verdict is about what is told of a thread at one moment, and records on their way to us may change that. So a
//! thread's generation is read first; when all records up to that time have been tracked the verdict is found, and
//! written down as one of that generation. If the kernel side has begun another one meanwhile, it says nothing. See
//! [`MarkWord`]; start at [`Marks::note`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
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

/// The marks of all threads, mapped.
pub(super) struct Marks {
    memory: Mapping,
    threads: usize,
    waiting: HashMap<u32, Noted>,
    given: Given,
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
        Ok(Some(Marks { memory, threads, waiting: HashMap::new(), given: Given::new(threads) }))
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

    /// Nothing is known of any thread any more: another filter holds.
    pub(super) fn clear(&mut self) {
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
