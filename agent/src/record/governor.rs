//! The governor: keeps the agent within its budget by leaving out what matters least, in a declared order.
//!
//! First the data that is read and written, then events: of reading and writing, of what only asks, of files, of the
//! network. Events that change what is known of a process, and those of processes and credentials, always come
//! through. The kernel side does it, by a number of events per class, CPU and [`STEP`], and counts what it leaves out;
//! here is decided how many. This module sees numbers and no clock, so tests give it a machine of their own.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::time::Duration;

use sysreel_agent::budget::Budget;
use wire::ring::EventClass;

use crate::rings::Limits;

/// How often the governor decides. Quotas are for this long.
pub(super) const STEP: Duration = Duration::from_millis(100);
/// Steps over which use is averaged, since the last change: blocks are written out about once a second.
const AVERAGED: usize = 10;
/// Steps that tell the use of CPU.
const TELLING: usize = 4;
/// Beyond this many times its budget the agent does not wait to see whether leaving out the data is enough.
const STORM: f64 = 2.0;
/// Steps below [`CALM`] before something is let in again.
const CALM_STEPS: u32 = 15;
/// Part of the budget below which there is room for more.
const CALM: f64 = 0.7;

/// Classes in the order in which they are left out.
const ORDER: [EventClass; 4] = [EventClass::Io, EventClass::Other, EventClass::File, EventClass::Network];

/// What was used during one step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// The step, in seconds.
    pub(super) seconds: f64,
    /// CPU time, in seconds.
    pub(super) cpu_seconds: f64,
    /// Resident memory at its end.
    pub(super) memory_bytes: u64,
    /// Bytes written.
    pub(super) written_bytes: u64,
    /// Events stored, per CPU.
    pub(super) events: u64,
    /// Events left out because of quotas, all classes.
    pub(super) shed: u64,
}

/// What is nearest to its limit, or furthest beyond.
#[derive(Clone, Copy, Debug)]
struct Pressure {
    /// Use divided by the limit.
    ratio: f64,
    name: &'static str,
}

/// Decides what is left out.
#[derive(Debug)]
pub(super) struct Governor {
    budget: Budget,
    history: VecDeque<Usage>,
    limits: Limits,
    /// Classes of [`ORDER`] that have a quota.
    limited: usize,
    calm: u32,
    /// Said once: there is nothing left to leave out.
    is_exhausted: bool,
}

/// New limits, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decision {
    pub(super) limits: Limits,
    /// For the capture, when another kind of thing is left out than before, or one less.
    pub(super) remark: Option<String>,
}

impl Governor {
    /// A governor that leaves out nothing yet.
    pub(super) fn new(budget: Budget) -> Self {
        Governor {
            budget,
            history: VecDeque::with_capacity(AVERAGED),
            limits: Limits::default(),
            limited: 0,
            calm: 0,
            is_exhausted: false,
        }
    }

    /// What there is to say when the budget of memory is used up before anything is recorded: `resident_bytes` are taken, of
    /// which `rings_bytes` are rings. Leaving out events gives none of it back.
    pub(super) fn beyond_from_start(&self, resident_bytes: u64, rings_bytes: u64) -> Option<String> {
        let budget = self.budget.memory.filter(|&budget| budget < resident_bytes)?;
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        Some(format!(
            "the budget of {} MiB of memory cannot be kept: {} MiB are taken from the start, {} MiB of them for rings \
             (--ring-bytes); events are left out only where it grows further",
            budget >> 20,
            mebibytes(resident_bytes),
            mebibytes(rings_bytes)
        ))
    }

    /// Takes the use of one step; says what is to change.
    pub(super) fn step(&mut self, usage: Usage) -> Option<Decision> {
        if self.history.len() == AVERAGED {
            self.history.pop_front();
        }
        self.history.push_back(usage);
        let pressure = self.pressure()?;
        self.calm = if pressure.ratio < CALM { self.calm + 1 } else { 0 };
        let before = self.limits;
        let told = if pressure.ratio > 1.0 {
            self.tighten(pressure.ratio)
        } else if self.calm >= CALM_STEPS {
            self.loosen()
        } else {
            None
        };
        if self.limits == before && told.is_none() {
            return None;
        }
        self.calm = 0;
        self.history.clear();
        Some(Decision { limits: self.limits, remark: told.map(|told| self.remark(pressure, told)) })
    }

    /// What is left out, in words.
    fn remark(&self, pressure: Pressure, told: Told) -> String {
        let mut text = String::new();
        let _ = write!(text, "{} at {:.0}% of its budget: {told}", pressure.name, pressure.ratio * 100.0);
        text
    }

    fn pressure(&self) -> Option<Pressure> {
        let sum = |part: fn(&Usage) -> f64| self.history.iter().map(part).sum::<f64>();
        // Less than that tells nothing yet, and what it leads to is no number.
        let since =
            |steps: usize| if self.history.len() < steps { f64::NAN } else { sum(|usage| usage.seconds) };
        let limits = [
            ("cpu", self.budget.cpu, sum(|usage| usage.cpu_seconds) / since(TELLING)),
            ("memory", self.budget.memory.map(|bytes| bytes as f64), self.growing_memory()),
            (
                "rate",
                self.budget.rate.map(|bytes| bytes as f64),
                sum(|usage| usage.written_bytes as f64) / since(AVERAGED),
            ),
        ];
        let ratios = limits
            .into_iter()
            .filter_map(|(name, limit, used)| Some(Pressure { ratio: used / limit?, name }));
        ratios.filter(|pressure| pressure.ratio.is_finite()).max_by(|a, b| a.ratio.total_cmp(&b.ratio))
    }

    /// Resident memory while it grows. What was taken does not come back by leaving out events, so memory that stays as it is
    /// is no reason to leave out more, nor to let in less.
    fn growing_memory(&self) -> f64 {
        let bytes = |usage: Option<&Usage>| usage.map_or(0, |usage| usage.memory_bytes);
        let (first, last) = (bytes(self.history.front()), bytes(self.history.back()));
        if self.history.len() < AVERAGED {
            f64::NAN
        } else if last > first {
            last as f64
        } else {
            0.0
        }
    }

    /// Leaves out more.
    fn tighten(&mut self, ratio: f64) -> Option<Told> {
        if !self.limits.without_payload {
            self.limits.without_payload = true;
            if ratio < STORM {
                return Some(Told::Payload(true));
            }
        }
        // Half as many at least: what is not left out costs as well.
        let part = ratio.max(2.0);
        if let Some(class) = self.limited.checked_sub(1).map(|last| ORDER[last]) {
            let quota = &mut self.limits.quota[class as usize];
            if *quota > 1 {
                *quota = ((f64::from(*quota) / part) as u32).max(1);
                return None;
            }
        }
        let Some(class) = ORDER.get(self.limited).copied() else {
            return (!std::mem::replace(&mut self.is_exhausted, true)).then_some(Told::Exhausted);
        };
        let events = self.history.back().map_or(0, |usage| usage.events);
        self.limits.quota[class as usize] = ((events as f64 / part) as u32).max(1);
        self.limited += 1;
        Some(Told::Class(class, true))
    }

    /// Lets in more.
    fn loosen(&mut self) -> Option<Told> {
        self.is_exhausted = false;
        let Some(last) = self.limited.checked_sub(1) else {
            return std::mem::replace(&mut self.limits.without_payload, false)
                .then_some(Told::Payload(false));
        };
        let class = ORDER[last];
        let quota = &mut self.limits.quota[class as usize];
        let is_reached = self.history.iter().any(|usage| usage.shed > 0);
        if is_reached && *quota < u32::MAX / 2 {
            *quota += *quota / 2 + 1;
            return None;
        }
        *quota = 0;
        self.limited = last;
        Some(Told::Class(class, false))
    }
}

/// What a remark is about.
#[derive(Clone, Copy, Debug)]
enum Told {
    Payload(bool),
    Class(EventClass, bool),
    Exhausted,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Payload(true) => f.write_str("data that is read and written is left out"),
            Told::Payload(false) => f.write_str("data that is read and written is kept again"),
            Told::Class(class, true) => {
                write!(
                    f,
                    "data that is read and written is left out, events of class {} are limited",
                    class.name()
                )
            }
            Told::Class(class, false) => {
                write!(f, "events of class {} are not limited any more", class.name())
            }
            Told::Exhausted => f.write_str("nothing more can be left out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which events come at a rate and cost so much each.
    struct Machine {
        governor: Governor,
        limits: Limits,
        remarks: Vec<String>,
        stored: u64,
        memory_bytes: u64,
        leaks: bool,
    }

    const COST_SECONDS: f64 = 1e-6;

    impl Machine {
        fn new(budget: &str) -> Self {
            let governor = Governor::new(budget.parse().expect(budget));
            Machine {
                governor,
                limits: Limits::default(),
                remarks: Vec::new(),
                stored: 0,
                memory_bytes: 30_000_000,
                leaks: false,
            }
        }

        /// `io` and `others` events come in each of `steps` steps; the CPU share in the last of them.
        fn run(&mut self, steps: usize, io: u64, others: u64) -> f64 {
            let mut share = 0.0;
            for _ in 0..steps {
                let pass = |class: EventClass, events: u64| match self.limits.quota[class as usize] {
                    0 => events,
                    quota => events.min(u64::from(quota)),
                };
                let stored = pass(EventClass::Io, io) + pass(EventClass::Other, others);
                let payload = if self.limits.without_payload { 1.0 } else { 1.2 };
                let cpu_seconds = stored as f64 * COST_SECONDS * payload;
                share = cpu_seconds / 0.1;
                self.stored += stored;
                self.memory_bytes += u64::from(self.leaks) * 1_000;
                let decision = self.governor.step(Usage {
                    seconds: 0.1,
                    cpu_seconds,
                    memory_bytes: self.memory_bytes,
                    written_bytes: stored * 2,
                    events: stored,
                    shed: io + others - stored,
                });
                if let Some(decision) = decision {
                    self.limits = decision.limits;
                    self.remarks.extend(decision.remark);
                }
            }
            share
        }
    }

    #[test]
    fn within_the_budget_nothing_is_left_out() {
        let mut machine = Machine::new("cpu=50%,memory=100M,rate=10M");
        machine.run(100, 10_000, 1_000);
        assert_eq!((machine.limits, machine.remarks.len()), (Limits::default(), 0));
    }

    #[test]
    fn payload_goes_first_and_may_be_enough() {
        let mut machine = Machine::new("cpu=11%");
        let share = machine.run(100, 9_000, 1_000);
        assert!(share < 0.11, "{share}");
        assert_eq!(machine.remarks, ["cpu at 109% of its budget: data that is read and written is left out"]);
    }

    #[test]
    fn a_storm_is_brought_within_the_budget_and_let_in_again_when_it_is_over() {
        let mut machine = Machine::new("cpu=5%");
        let share = machine.run(100, 80_000, 1_000);
        assert!(share <= 0.05, "{share}");
        assert_eq!(machine.limits.quota[EventClass::Other as usize], 0, "io alone is enough");
        machine.run(400, 1_000, 1_000);
        assert_eq!(machine.limits, Limits::default());
        let last = machine.remarks.last().map(String::as_str).unwrap_or_default();
        assert!(last.ends_with("data that is read and written is kept again"), "{last}");
    }

    #[test]
    fn a_budget_that_is_used_up_from_the_start_is_told_with_the_least() {
        let said = |budget: &str| {
            Governor::new(budget.parse().expect(budget)).beyond_from_start(40 << 20, (32 << 20) + 1)
        };
        assert_eq!(said("memory=40M").as_deref().map(|text| text.contains("are taken")), Some(true));
        assert_eq!((said("memory=42M"), said("cpu=5%")), (None, None));
        let text = said("memory=8388608").expect("too little");
        assert!(
            text.starts_with(
                "the budget of 8 MiB of memory cannot be kept: 40 MiB are taken from the start, 33 MiB of them for rings"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_kept_is_said_once() {
        let mut machine = Machine::new("memory=1M");
        machine.run(100, 1_000, 1_000);
        assert_eq!(machine.limits, Limits::default(), "leaving out events gives no memory back");
        machine.leaks = true;
        machine.run(1000, 1_000, 1_000);
        assert_eq!(machine.limits.quota.iter().filter(|quota| **quota == 1).count(), ORDER.len());
        assert_eq!(machine.limits.quota[EventClass::Process as usize], 0);
        let exhausted =
            machine.remarks.iter().filter(|remark| remark.ends_with("nothing more can be left out"));
        assert_eq!(exhausted.count(), 1);
    }

    #[test]
    fn bytes_written_count_by_the_second() {
        let mut machine = Machine::new("rate=100kB/s");
        machine.run(100, 50_000, 100);
        assert!(machine.limits.quota[EventClass::Io as usize] > 0);
        let before = machine.stored;
        machine.run(10, 50_000, 100);
        assert!((machine.stored - before) * 2 <= 100_000, "{}", machine.stored - before);
    }
}
