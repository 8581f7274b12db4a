//! The command's tasks: recording ends when the last of them is gone.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use wire::{ExecFacts, Record, RecordType};

/// After losses a task's end may never be told: look for it in `/proc` this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The live tasks of the command and its descendants.
pub(crate) struct Followed {
    tids: HashSet<u32>,
    looked: Instant,
}

impl Followed {
    /// Begins with the command itself.
    pub(crate) fn new(pid: u32) -> Self {
        Followed { tids: HashSet::from([pid]), looked: Instant::now() }
    }

    /// Notes starts and ends.
    pub(crate) fn record(&mut self, record: &Record<'_>) {
        match record.kind {
            RecordType::Fork => _ = self.tids.insert(record.header.tid),
            RecordType::Exit => _ = self.tids.remove(&record.header.tid),
            RecordType::Exec => {
                let facts = record.section(wire::record::SECTION_EXEC);
                if let Some(facts) = facts.and_then(|section| ExecFacts::parse(section.bytes)) {
                    self.tids.remove(&facts.old_tid);
                }
                self.tids.insert(record.header.tid);
            }
            _ => {}
        }
    }

    /// Whether no task is left.
    pub(crate) fn all_gone(&mut self, has_losses: bool) -> bool {
        if has_losses && self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            self.tids.retain(|tid| Path::new(&format!("/proc/{tid}")).exists());
        }
        self.tids.is_empty()
    }
}
