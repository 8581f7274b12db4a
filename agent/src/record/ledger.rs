//! The ledger: per CPU, how many events were produced, stored and lost, and when they were lost.

use capture_format::Tally;
use capture_format::model::{Loss, LossCause};
use wire::ring::LossCause as RingLoss;

use crate::rings::RingCounts;

#[derive(Clone, Copy, Debug, Default)]
struct Cpu {
    /// Counters of the ring as of the last look.
    counts: RingCounts,
    /// When that look was.
    looked_ns: u64,
    stored: u64,
    lost: u64,
    /// Records that only kept the state right.
    left_out: u64,
    /// `stored` and `lost` where the current file began.
    file_base: (u64, u64),
}

/// Accounts of all CPUs.
#[derive(Debug)]
pub(super) struct Ledger {
    cpus: Vec<Cpu>,
    pending: Vec<Loss>,
}

impl Ledger {
    /// Opens the accounts at this boot clock time.
    pub(super) fn new(cpus: usize, now_ns: u64) -> Self {
        Ledger { cpus: vec![Cpu { looked_ns: now_ns, ..Cpu::default() }; cpus], pending: Vec::new() }
    }

    /// An event of this CPU went into the capture.
    pub(super) fn stored(&mut self, cpu: u16) {
        if let Some(cpu) = self.cpus.get_mut(usize::from(cpu)) {
            cpu.stored += 1;
        }
    }

    /// A record of this CPU was not for the capture. Had it been lost, it would have been counted: what came later
    /// may then be told with a wrong name.
    pub(super) fn left_out(&mut self, cpu: u16) {
        if let Some(cpu) = self.cpus.get_mut(usize::from(cpu)) {
            cpu.left_out += 1;
        }
    }

    /// One event of this CPU, at about this time, could not be stored.
    pub(super) fn lost(&mut self, cpu: u16, cause: LossCause, at_ns: u64) {
        self.enter(cpu, cause, 1, at_ns, at_ns);
    }

    /// Takes over what the rings' counters say at this time.
    pub(super) fn look(&mut self, counts: impl Iterator<Item = RingCounts>, now_ns: u64) {
        for (cpu, counts) in counts.enumerate() {
            let Some(account) = self.cpus.get_mut(cpu) else { continue };
            let before = std::mem::replace(&mut account.counts, counts);
            let from_ns = std::mem::replace(&mut account.looked_ns, now_ns);
            for (ring_cause, cause) in
                [(RingLoss::RingFull, LossCause::RingFull), (RingLoss::Nested, LossCause::Nested)]
            {
                let index = ring_cause as usize;
                let count = counts.lost[index] - before.lost[index];
                if count > 0 {
                    self.enter(cpu as u16, cause, count, from_ns, now_ns);
                }
            }
        }
    }

    /// In the end: whatever was produced and is neither stored nor counted lost is entered, with this cause.
    pub(super) fn settle(&mut self, cause: LossCause, now_ns: u64) {
        for cpu in 0..self.cpus.len() {
            let account = &self.cpus[cpu];
            let missing =
                account.counts.produced.saturating_sub(account.stored + account.lost + account.left_out);
            if missing > 0 {
                self.enter(cpu as u16, cause, missing, 0, now_ns);
            }
        }
    }

    /// The losses entered since the last call.
    pub(super) fn take_losses(&mut self) -> Vec<Loss> {
        std::mem::take(&mut self.pending)
    }

    /// Produced and stored events of the current file.
    pub(super) fn tallies(&self) -> Vec<Tally> {
        let tally = |(cpu, account): (usize, &Cpu)| {
            let (stored_before, lost_before) = account.file_base;
            let stored = account.stored - stored_before;
            Tally { cpu: cpu as u16, produced: stored + account.lost - lost_before, stored }
        };
        self.cpus.iter().enumerate().map(tally).collect()
    }

    /// A new file begins.
    pub(super) fn begin_file(&mut self) {
        for account in &mut self.cpus {
            account.file_base = (account.stored, account.lost);
        }
    }

    /// Events that came to be, as of the last look.
    pub(super) fn produced_total(&self) -> u64 {
        self.cpus.iter().map(|account| account.counts.produced.saturating_sub(account.left_out)).sum()
    }

    /// Events lost since the beginning.
    pub(super) fn lost_total(&self) -> u64 {
        self.cpus.iter().map(|account| account.lost).sum()
    }

    fn enter(&mut self, cpu: u16, cause: LossCause, count: u64, from_ns: u64, to_ns: u64) {
        if let Some(account) = self.cpus.get_mut(usize::from(cpu)) {
            account.lost += count;
        }
        self.pending.push(Loss { cpu, cause, class: "any".to_owned(), count, from_ns, to_ns });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(produced: u64, full: u64) -> RingCounts {
        RingCounts { produced, lost: [full, 0] }
    }

    #[test]
    fn what_is_neither_stored_nor_counted_lost_is_named() {
        let mut ledger = Ledger::new(1, 100);
        for _ in 0..5 {
            ledger.stored(0);
        }
        ledger.look([counts(9, 3)].into_iter(), 200);
        ledger.settle(LossCause::Unaccounted, 300);
        let losses = ledger.take_losses();
        let brief: Vec<_> = losses.iter().map(|l| (l.cause, l.count, l.from_ns, l.to_ns)).collect();
        assert_eq!(brief, [(LossCause::RingFull, 3, 100, 200), (LossCause::Unaccounted, 1, 0, 300)]);
        assert_eq!(ledger.tallies(), [Tally { cpu: 0, produced: 9, stored: 5 }]);
    }

    #[test]
    fn what_was_not_for_the_capture_is_neither_produced_nor_missing() {
        let mut ledger = Ledger::new(1, 0);
        ledger.stored(0);
        ledger.left_out(0);
        ledger.left_out(0);
        ledger.look([counts(4, 1)].into_iter(), 200);
        ledger.settle(LossCause::Unaccounted, 300);
        assert_eq!(ledger.tallies(), [Tally { cpu: 0, produced: 2, stored: 1 }]);
        assert_eq!(ledger.lost_total(), 1);
    }

    #[test]
    fn each_file_has_its_own_tally() {
        let mut ledger = Ledger::new(1, 0);
        ledger.stored(0);
        ledger.lost(0, LossCause::BadRecord, 10);
        ledger.begin_file();
        ledger.stored(0);
        assert_eq!(ledger.tallies(), [Tally { cpu: 0, produced: 1, stored: 1 }]);
        assert_eq!(ledger.lost_total(), 1);
    }
}
