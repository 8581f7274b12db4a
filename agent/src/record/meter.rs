//! The meter: what this process uses, for the governor.

use std::fs;
use std::mem::MaybeUninit;
use std::time::Instant;

use super::governor::{STEP, Usage};

/// Counters since the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// Bytes of the file being written; less than before when a new one has begun.
    pub(super) file_bytes: u64,
    /// Events stored.
    pub(super) events: u64,
    /// Events left out because of quotas.
    pub(super) shed: u64,
}

/// Measures one step after the other.
#[derive(Debug)]
pub(super) struct Meter {
    cpus: u64,
    page_bytes: u64,
    since: Instant,
    cpu_seconds: f64,
    totals: Totals,
}

impl Meter {
    /// Begins now, for rings of so many CPUs.
    pub(super) fn new(cpus: usize) -> Self {
        // SAFETY: asks for a number.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(1) as u64;
        Meter {
            cpus: cpus as u64,
            page_bytes,
            since: Instant::now(),
            cpu_seconds: cpu_seconds(),
            totals: Totals::default(),
        }
    }

    /// Whether a step is over.
    pub(super) fn is_due(&self) -> bool {
        self.since.elapsed() >= STEP
    }

    /// What was used since the last call.
    pub(super) fn step(&mut self, totals: Totals) -> Usage {
        let before = std::mem::replace(&mut self.totals, totals);
        let cpu_before = std::mem::replace(&mut self.cpu_seconds, cpu_seconds());
        let since = std::mem::replace(&mut self.since, Instant::now());
        let written_bytes = match totals.file_bytes.checked_sub(before.file_bytes) {
            Some(bytes) => bytes,
            None => totals.file_bytes,
        };
        Usage {
            seconds: since.elapsed().as_secs_f64(),
            cpu_seconds: self.cpu_seconds - cpu_before,
            memory_bytes: self.resident_bytes(),
            written_bytes,
            events: (totals.events - before.events) / self.cpus,
            shed: totals.shed - before.shed,
        }
    }

    /// Resident memory; 0 where `/proc` does not tell.
    pub(super) fn resident_bytes(&self) -> u64 {
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
        pages * self.page_bytes
    }
}

/// CPU time of all threads of this process, ended ones as well.
fn cpu_seconds() -> f64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: fills the structure, which is valid as zeroes should it not.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
