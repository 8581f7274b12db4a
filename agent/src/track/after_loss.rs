//! After a loss: processes of which a change went unseen are uncertain until they have been read anew.
//!
//! A lost `close` leaves a name at a number that means another file by now. The kernel side tells whose changes were
//! lost; from the first event that may have come after such a loss on, the process is marked. When all records that
//! were written before the loss was known have been tracked, `/proc` is read, which is right from then on: what came
//! before could only have been undone by records that were still to be applied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use capture_format::model::{Process, Text};

use super::tasks::{Own, Slot, Task};
use super::{Tracker, procfs};

/// Reading state takes at most this part of the time: it is done while the rings fill up.
const COST_SHARE: u32 = 20;

/// Starts of one process, as `/proc` and as the kernel side tell them, are not further apart: a clock tick and what
/// rounding adds.
const START_NS: u64 = 20_000_000;

/// Processes to be read anew.
#[derive(Debug, Default)]
pub(super) struct AfterLoss {
    /// By process id: boot clock time up to which records must have been tracked before.
    due_ns: BTreeMap<u32, u64>,
    /// Not before this.
    next: Option<Instant>,
}

impl Tracker {
    /// Changes of the state of these threads were lost; with `others`, of any thread. Must be told before the first
    /// record is tracked that may be younger than the loss.
    pub fn lost_changes(&mut self, tids: &[u32], others: bool) {
        let now_ns = procfs::boot_time_ns();
        // Workers of io_uring are told by their process, whose first thread may have ended.
        let process = |tid: &u32| match self.tasks.thread(*tid) {
            Some(task) => Some(task.process),
            None => self.tasks.slot(*tid),
        };
        let slots: Vec<Slot> = match others {
            true => self.tasks.groups().filter_map(|group| self.tasks.slot(group.pid)).collect(),
            false => tids.iter().filter_map(process).collect(),
        };
        for slot in slots {
            self.after_loss.due_ns.insert(self.tasks.group(slot).pid, now_ns);
            self.change_process(slot, |process| process.is_uncertain = true);
        }
    }

    /// All records up to this boot clock time have been tracked: reads one of the processes anew that wait for it, if there
    /// is one, and tells which.
    pub fn read_uncertain(&mut self, watermark_ns: u64) -> Option<u32> {
        if self.after_loss.due_ns.is_empty() || self.after_loss.next.is_some_and(|next| Instant::now() < next)
        {
            return None;
        }
        let is_due = |(pid, due_ns): (&u32, &u64)| (*due_ns < watermark_ns).then_some(*pid);
        let pid = self.after_loss.due_ns.iter().find_map(is_due)?;
        self.after_loss.due_ns.remove(&pid);
        let begin = Instant::now();
        if let Some(slot) = self.tasks.slot(pid) {
            self.read_anew(pid, slot);
        }
        self.after_loss.next = Some(begin + begin.elapsed() * COST_SHARE);
        Some(pid)
    }

    fn read_anew(&mut self, pid: u32, slot: Slot) {
        let Some(mut seen) = self.proc.process(pid) else {
            // Its end was among what is lost, or is still to come.
            return self.forget_later(pid);
        };
        let known_start_ns =
            self.store.process(self.tasks.group(slot).version).map_or(0, |known| known.start_ns);
        if known_start_ns != 0 && known_start_ns.abs_diff(seen.process.start_ns) > START_NS {
            // Another process has the id by now. It is read when a record speaks of it later.
            return self.forget_later(pid);
        }
        let paths: Vec<&[u8]> = seen.cgroups.iter().map(Vec::as_slice).collect();
        self.set_container(&mut seen.process, &paths);
        let cwd = seen.process.cwd.clone();
        self.change_process(slot, |process| {
            let is_same_image =
                (seen.process.exe_dev, seen.process.exe_ino) == (process.exe_dev, process.exe_ino);
            if is_same_image {
                // What only exec tells.
                seen.process.exe_marks = process.exe_marks;
                seen.process.env = Arc::clone(&process.env);
            }
            let (parent, start_ns) = (process.parent, process.start_ns);
            *process = Process { parent, start_ns, ..seen.process };
        });
        self.read_folder_anew(slot, cwd);
        self.read_threads_anew(pid, slot);
        self.read_files_anew(pid, slot);
    }

    /// Those with whom the working directory is shared have gone along, or the end of that is what was lost.
    fn read_folder_anew(&mut self, slot: Slot, cwd: Text) {
        let folder = self.tasks.group(slot).folder;
        let is_elsewhere = |other: Slot| {
            let seen = self.proc.cwd(self.tasks.group(other).pid);
            !seen.is_empty() && seen != cwd
        };
        let is_shared = self.tasks.folders.users(folder) > 1;
        if is_shared && self.tasks.groups_in(folder).filter(|other| *other != slot).any(is_elsewhere) {
            self.tasks.folders.release(folder);
            self.tasks.group_mut(slot).folder = self.tasks.folders.create(cwd);
        } else {
            self.set_folder(slot, folder, cwd);
        }
    }

    fn read_threads_anew(&mut self, pid: u32, slot: Slot) {
        let tids = self.proc.tids(pid);
        let of_process = |task: &&Task| task.process == slot && !tids.contains(&task.tid);
        let ended: Vec<u32> = self.tasks.threads().filter(of_process).map(|task| task.tid).collect();
        for tid in ended {
            self.tasks.remove_thread(tid);
        }
        for tid in tids {
            let Some(now) = self.proc.thread(pid, tid) else { continue };
            match self.tasks.thread(tid) {
                Some(task) if task.process == slot => {
                    self.change_thread(tid, |thread| {
                        thread.comm = now.comm;
                        thread.credentials = now.credentials;
                    });
                }
                _ => {
                    self.tasks.remove_thread(tid);
                    self.add_thread(slot, now, Own::default());
                }
            }
        }
    }

    fn read_files_anew(&mut self, pid: u32, slot: Slot) {
        let Ok(files) = self.seen_files(pid, slot) else { return };
        let now_ns = procfs::boot_time_ns();
        self.tasks.files.set_time(now_ns, now_ns);
        let table = self.tasks.group(slot).files;
        let open: BTreeSet<u32> = files.iter().map(|(fd, _)| *fd).collect();
        let closed: Vec<u32> = self.tasks.files.numbers(table).filter(|fd| !open.contains(fd)).collect();
        for fd in closed {
            self.tasks.files.close(table, fd);
        }
        for (fd, file) in files {
            // As of now: a call that began before means what the number stood for then.
            if self.tasks.files.get(table, fd) != Some(file) {
                self.tasks.files.open(table, fd, file);
            }
        }
    }
}
