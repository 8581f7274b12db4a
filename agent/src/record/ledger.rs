//! The ledger: per CPU, how many events were produced, stored and lost, and when they were lost.

use capture_format::Tally;
use capture_format::model::{CPU_UNKNOWN, Loss, LossCause};
use wire::ring::{EventClass, LossCause as RingLoss};

use crate::rings::RingCounts;

/// The causes that the kernel side counts, and what they are in a capture.
const CAUSES: [(RingLoss, LossCause); 3] = [
    (RingLoss::RingFull, LossCause::RingFull),
    (RingLoss::Nested, LossCause::Nested),
    (RingLoss::Shed, LossCause::Shed),
];

/// Class of events of which it is not known what they were.
const ANY: &str = "any";

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
    /// Events beyond those of records.
    derived: u64,
    /// Events that the filter left out.
    filtered: u64,
    /// `stored`, `lost` and `filtered` where the current file began.
    file_base: (u64, u64, u64),
}

/// Accounts of all CPUs.
#[derive(Debug)]
pub(super) struct Ledger {
    cpus: Vec<Cpu>,
    /// What was lost nobody knows on which CPU: since the beginning, and where the current file began.
    unplaced: (u64, u64),
    pending: Vec<Loss>,
}

impl Ledger {
    /// Opens the accounts at this boot clock time.
    pub(super) fn new(cpus: usize, now_ns: u64) -> Self {
        Ledger {
            cpus: vec![Cpu { looked_ns: now_ns, ..Cpu::default() }; cpus],
            unplaced: (0, 0),
            pending: Vec::new(),
        }
    }

    /// An event of this CPU went into the capture.
    pub(super) fn stored(&mut self, cpu: u16) {
        if let Some(cpu) = self.cpus.get_mut(usize::from(cpu)) {
            cpu.stored += 1;
        }
    }

    /// An event of this CPU comes without a record of its own.
    pub(super) fn derived(&mut self, cpu: u16) {
        if let Some(cpu) = self.cpus.get_mut(usize::from(cpu)) {
            cpu.derived += 1;
        }
    }

    /// A record of this CPU was not for the capture. Had it been lost, it would have been counted: what came later
    /// may then be told with a wrong name.
    pub(super) fn left_out(&mut self, cpu: u16) {
        if let Some(cpu) = self.cpus.get_mut(usize::from(cpu)) {
            cpu.left_out += 1;
        }
    }

    /// An event of this CPU did not match the filter.
    pub(super) fn filtered(&mut self, cpu: u16) {
        if let Some(cpu) = self.cpus.get_mut(usize::from(cpu)) {
            cpu.filtered += 1;
        }
    }

    /// One event of this CPU, at about this time, could not be stored.
    pub(super) fn lost(&mut self, cpu: u16, cause: LossCause, at_ns: u64) {
        self.enter(cpu, cause, ANY, 1, at_ns, at_ns);
    }

    /// Takes over what the rings' counters say at this time.
    pub(super) fn look(&mut self, counts: impl Iterator<Item = RingCounts>, now_ns: u64) {
        for (cpu, counts) in counts.enumerate() {
            let Some(account) = self.cpus.get_mut(cpu) else { continue };
            let before = std::mem::replace(&mut account.counts, counts);
            let from_ns = std::mem::replace(&mut account.looked_ns, now_ns);
            for (ring_cause, cause) in CAUSES {
                let (lost, before) = (&counts.lost[ring_cause as usize], &before.lost[ring_cause as usize]);
                for class in EventClass::ALL {
                    let count = lost[class as usize] - before[class as usize];
                    if count > 0 {
                        self.enter(cpu as u16, cause, class.name(), count, from_ns, now_ns);
                    }
                }
            }
        }
    }

    /// The kernel did not run programs, which would have told of at most so many events of the class.
    pub(super) fn missed(&mut self, class: EventClass, count: u64, from_ns: u64, to_ns: u64) {
        self.enter(CPU_UNKNOWN, LossCause::Missed, class.name(), count, from_ns, to_ns);
    }

    /// In the end: whatever was produced and is neither stored nor counted lost is entered, with this cause.
    pub(super) fn settle(&mut self, cause: LossCause, now_ns: u64) {
        for cpu in 0..self.cpus.len() {
            let account = &self.cpus[cpu];
            let came = account.counts.produced + account.derived;
            let known = account.stored + account.lost + account.left_out + account.filtered;
            let missing = came.saturating_sub(known);
            if missing > 0 {
                self.enter(cpu as u16, cause, ANY, missing, 0, now_ns);
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
            let (stored_before, lost_before, filtered_before) = account.file_base;
            let stored = account.stored - stored_before;
            Tally {
                cpu: cpu as u16,
                produced: stored + account.lost - lost_before,
                stored,
                left_out: account.filtered - filtered_before,
            }
        };
        let unplaced = self.unplaced.0 - self.unplaced.1;
        let of_no_cpu = Tally { cpu: CPU_UNKNOWN, produced: unplaced, stored: 0, left_out: 0 };
        let of_cpus = self.cpus.iter().enumerate().map(tally);
        of_cpus.chain((unplaced > 0).then_some(of_no_cpu)).collect()
    }

    /// A new file begins.
    pub(super) fn begin_file(&mut self) {
        for account in &mut self.cpus {
            account.file_base = (account.stored, account.lost, account.filtered);
        }
        self.unplaced.1 = self.unplaced.0;
    }

    /// Events that came to be, as of the last look.
    pub(super) fn produced_total(&self) -> u64 {
        let came = |account: &Cpu| {
            let left_out = account.left_out + account.filtered;
            (account.counts.produced + account.derived).saturating_sub(left_out)
        };
        self.cpus.iter().map(came).sum::<u64>() + self.unplaced.0
    }

    /// Events that the filter left out.
    pub(super) fn filtered_total(&self) -> u64 {
        self.cpus.iter().map(|account| account.filtered).sum()
    }

    /// Events left out to keep the budget, as of the last look.
    pub(super) fn shed_total(&self) -> u64 {
        let shed = |account: &Cpu| account.counts.lost[RingLoss::Shed as usize].iter().sum::<u64>();
        self.cpus.iter().map(shed).sum()
    }

    /// Events lost since the beginning.
    pub(super) fn lost_total(&self) -> u64 {
        self.cpus.iter().map(|account| account.lost).sum::<u64>() + self.unplaced.0
    }

    fn enter(&mut self, cpu: u16, cause: LossCause, class: &str, count: u64, from_ns: u64, to_ns: u64) {
        match self.cpus.get_mut(usize::from(cpu)) {
            Some(account) => account.lost += count,
            None => self.unplaced.0 += count,
        }
        // What is left out on purpose comes with every look; the time since the last block is exact enough.
        let is_same = |loss: &&mut Loss| {
            cause == LossCause::Shed && (loss.cpu, loss.cause, loss.class.as_str()) == (cpu, cause, class)
        };
        match self.pending.iter_mut().find(is_same) {
            Some(loss) => (loss.count, loss.to_ns) = (loss.count + count, to_ns),
            None => self.pending.push(Loss { cpu, cause, class: class.to_owned(), count, from_ns, to_ns }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(produced: u64, full: u64) -> RingCounts {
        let mut counts = RingCounts { produced, ..RingCounts::default() };
        counts.lost[RingLoss::RingFull as usize][EventClass::Io as usize] = full;
        counts
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
        let brief: Vec<_> =
            losses.iter().map(|l| (l.cause, l.class.as_str(), l.count, l.from_ns, l.to_ns)).collect();
        assert_eq!(
            brief,
            [(LossCause::RingFull, "io", 3, 100, 200), (LossCause::Unaccounted, "any", 1, 0, 300)]
        );
        assert_eq!(ledger.tallies(), [Tally { cpu: 0, produced: 9, stored: 5, left_out: 0 }]);
    }

    #[test]
    fn what_was_not_for_the_capture_is_neither_produced_nor_missing() {
        let mut ledger = Ledger::new(1, 0);
        ledger.stored(0);
        ledger.left_out(0);
        ledger.left_out(0);
        ledger.filtered(0);
        ledger.look([counts(5, 1)].into_iter(), 200);
        ledger.settle(LossCause::Unaccounted, 300);
        assert_eq!(ledger.tallies(), [Tally { cpu: 0, produced: 2, stored: 1, left_out: 1 }]);
        assert_eq!(ledger.lost_total(), 1);
    }

    #[test]
    fn an_event_without_a_record_does_not_hide_one_that_is_missing() {
        let mut ledger = Ledger::new(1, 0);
        ledger.stored(0);
        ledger.derived(0);
        ledger.stored(0);
        ledger.look([counts(2, 0)].into_iter(), 200);
        ledger.settle(LossCause::Unaccounted, 300);
        assert_eq!(ledger.lost_total(), 1);
        assert_eq!(ledger.produced_total(), 3);
    }

    #[test]
    fn what_the_kernel_missed_is_of_no_cpu_and_adds_up() {
        let mut ledger = Ledger::new(1, 0);
        ledger.stored(0);
        ledger.missed(EventClass::Network, 2, 10, 20);
        let of_no_cpu = |produced| Tally { cpu: CPU_UNKNOWN, produced, stored: 0, left_out: 0 };
        assert_eq!(ledger.tallies().last(), Some(&of_no_cpu(2)));
        let losses = ledger.take_losses();
        assert_eq!((losses[0].cpu, losses[0].cause, losses[0].count), (CPU_UNKNOWN, LossCause::Missed, 2));
        assert_eq!(ledger.lost_total(), 2);
        ledger.begin_file();
        assert_eq!(ledger.tallies().len(), 1);
        ledger.missed(EventClass::Process, 1, 20, 30);
        assert_eq!(ledger.tallies().last(), Some(&of_no_cpu(1)));
    }

    #[test]
    fn each_file_has_its_own_tally() {
        let mut ledger = Ledger::new(1, 0);
        ledger.stored(0);
        ledger.lost(0, LossCause::BadRecord, 10);
        ledger.begin_file();
        ledger.stored(0);
        assert_eq!(ledger.tallies(), [Tally { cpu: 0, produced: 1, stored: 1, left_out: 0 }]);
        assert_eq!(ledger.lost_total(), 1);
    }
}
