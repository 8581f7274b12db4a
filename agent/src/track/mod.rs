//! Tracking: turns the kernel's records, already ordered by time, into events that refer to entities.
//!
//! The tracker keeps what a reader would otherwise have to replay a capture for: which threads and processes
//! exist, what their descriptors refer to, where they work, which container they belong to. It makes exactly one
//! event of each record, whatever the record holds, and hands it to a [`Sink`] while the entities it refers to
//! stand in the [`Store`]. It does not read rings and does not write files. Start at [`Tracker`].

mod fx;
mod store;

use std::fmt;
use std::path::PathBuf;

use capture_format::model::{Arg, Event};

pub use store::Store;

/// The machine whose native calls are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

/// What the tracker needs to know from the start.
#[derive(Clone, Debug)]
pub struct TrackerOptions {
    /// Where the host's `/proc` is mounted.
    pub proc_root: PathBuf,
    /// Bytes kept of a buffer.
    pub snap_bytes: u32,
    /// The machine: which table the numbers of native and 32-bit calls count in.
    pub abi: Abi,
    /// Do not read `/proc` for all processes at start: only what is followed is recorded.
    pub skip_start_scan: bool,
}

/// Something the tracker had to do without; recording goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What could not be had.
    pub subject: String,
    /// Why, and what follows from it.
    pub reason: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.reason)
    }
}

/// Takes the events the tracker makes.
pub trait Sink {
    /// One event. Every number it refers to can be looked up in `store` until this returns.
    fn event(&mut self, event: &Event<'_>, store: &Store);
}

/// The state of the recorded machine, brought forward by records.
#[derive(Debug)]
pub struct Tracker {
    options: TrackerOptions,
    store: Store,
}

impl Tracker {
    /// A tracker that knows nothing yet.
    pub fn new(options: TrackerOptions) -> Self {
        Tracker { options, store: Store::default() }
    }

    /// Reads users, groups and, unless the options say not to, every process from `/proc`.
    pub fn read_start_state(&mut self) -> Vec<Warning> {
        let _ = &self.options;
        Vec::new()
    }

    /// Reads one process with all its threads: the command that is about to be followed.
    pub fn read_process(&mut self, _pid: u32) {}

    /// Brings the state forward by one record and makes exactly one event of it.
    pub fn record(&mut self, record: &wire::Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let args: [Arg<'_>; 6] = std::array::from_fn(|i| Arg::Int(record.arg(i).unwrap_or(0)));
        let event = Event {
            time_ns: record.header.time_ns,
            cpu,
            kind: 0,
            thread: 0,
            descriptor: 0,
            result: Some(record.header.result),
            latency_ns: record.latency_ns(),
            args: &args[..0],
        };
        sink.event(&event, &self.store);
    }

    /// The entities as they stand.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
