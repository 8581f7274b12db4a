//! The command's tasks: recording ends when the last of them is gone.

use std::collections::HashSet;
use std::fs;
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
            self.tids.retain(|tid| is_alive(*tid));
        }
        self.tids.is_empty()
    }
}

/// Whether a task still runs. The command itself stays in `/proc` as a zombie until it is waited for.
fn is_alive(tid: u32) -> bool {
    let stat = fs::read(format!("/proc/{tid}/stat")).unwrap_or_default();
    let after_name = stat.iter().rposition(|&byte| byte == b')').and_then(|at| stat.get(at + 2));
    after_name.is_some_and(|state| !b"ZX".contains(state))
}

#[cfg(test)]
mod tests {
    use wire::record::{RecordBuilder, SECTION_EXEC};
    use wire::{RecordHeader, SectionState};

    use super::*;

    fn tell(followed: &mut Followed, kind: RecordType, tid: u32, exec_by: Option<u32>) {
        let header = RecordHeader { kind: kind as u8, tid, ..RecordHeader::default() };
        let mut record = RecordBuilder::<512>::new(header, &[]);
        if let Some(old_tid) = exec_by {
            let mut facts = [0; wire::facts::EXEC_BYTES];
            let at = facts.len() - 16;
            facts[at..at + 4].copy_from_slice(&old_tid.to_ne_bytes());
            record = record.section(SECTION_EXEC, SectionState::Data, &facts);
        }
        followed.record(&Record::parse(record.finish()).expect("a record"));
    }

    #[test]
    fn ends_with_the_last_descendant() {
        let mut followed = Followed::new(10);
        tell(&mut followed, RecordType::Fork, 11, None);
        tell(&mut followed, RecordType::Exit, 10, None);
        assert!(!followed.all_gone(false));
        tell(&mut followed, RecordType::Exit, 11, None);
        assert!(followed.all_gone(false));
    }

    #[test]
    fn after_losses_a_zombie_counts_as_gone() {
        let mut child = std::process::Command::new("true").spawn().expect("true runs");
        let pid = child.id();
        assert!(is_alive(std::process::id()));
        while is_alive(pid) {
            std::thread::yield_now();
        }
        assert!(fs::exists(format!("/proc/{pid}")).expect("it can be asked for"));
        child.wait().expect("it is ours");
    }

    #[test]
    fn a_thread_that_calls_exec_takes_over_the_leaders_id() {
        let mut followed = Followed::new(10);
        tell(&mut followed, RecordType::Fork, 11, None);
        tell(&mut followed, RecordType::Exit, 10, None);
        tell(&mut followed, RecordType::Exec, 10, Some(11));
        assert!(!followed.all_gone(false));
        tell(&mut followed, RecordType::Exit, 10, None);
        assert!(followed.all_gone(false));
    }
}
