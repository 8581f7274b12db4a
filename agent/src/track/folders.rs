//! Working directories: of which thread, shared with whom.
//!
//! All threads of a process have one, and what `clone` makes with `CLONE_FS` has the same one: a change by either is a
//! change for both. A thread that went its own way (`unshare`) has another than its process; its versions then refer
//! to a version of the process that is made for it.

use capture_format::model::{Process, Ref, Text};

use super::Tracker;
use super::calls::Call;
use super::path;
use super::shared::SharedId;
use super::tasks::{Slot, Task};

/// Place of the mount namespace in [`Process::namespaces`].
pub(super) const MOUNT_NAMESPACE: usize = 2;

impl Tracker {
    /// The working directory of a thread.
    pub(super) fn cwd(&self, task: &Task) -> &[u8] {
        self.tasks.folders.get(self.tasks.folder(task))
    }

    /// A thread changed its working directory, and that of all with whom it shares it.
    pub(super) fn change_cwd(&mut self, task: &Task, cwd: Text) {
        self.set_folder(task.process, self.tasks.folder(task), cwd);
    }

    /// The directory with this number, which a thread of this process has, is another one now.
    pub(super) fn set_folder(&mut self, slot: Slot, folder: SharedId, cwd: Text) {
        self.tasks.folders.get_mut(folder).clone_from(&cwd);
        // Nearly always only this process has it; finding the others is a walk over all.
        if self.tasks.folders.users(folder) == 1 && self.tasks.group(slot).folder == folder {
            return self.change_process(slot, |process| process.cwd = cwd);
        }
        // The versions of these are made by their next events.
        self.tasks.threads_in(folder).for_each(|task| task.process_version = 0);
        let slots: Vec<Slot> = self.tasks.groups_in(folder).collect();
        for slot in slots {
            self.change_process(slot, |process| process.cwd.clone_from(&cwd));
        }
    }

    /// Gives a thread a working directory of its own.
    pub(super) fn unshare_folder(&mut self, tid: u32) {
        let Some(task) = self.tasks.thread(tid).copied() else { return };
        let group = *self.tasks.group(task.process);
        if task.own.folder.is_none() && group.threads == 1 {
            self.tasks.group_mut(task.process).folder = self.tasks.folders.unshare(group.folder);
            return;
        }
        let own = match task.own.folder {
            Some(own) => self.tasks.folders.unshare(own),
            None => self.tasks.folders.copy(group.folder),
        };
        self.tasks.thread_mut(tid).expect("the thread was just found").own.folder = Some(own);
    }

    /// The version of its process that a thread's version refers to: the current one, or one like it but for the working
    /// directory.
    pub(super) fn process_version_for(&mut self, task: &Task) -> Ref {
        let version = self.tasks.group(task.process).version;
        let Some(folder) = task.own.folder else { return version };
        let cwd = self.tasks.folders.get(folder);
        match self.store.process(version) {
            Some(process) if process.cwd != *cwd => {
                let own = Process { cwd: cwd.clone(), ..process.clone() };
                let before = self.store.thread(task.version).map_or(0, |thread| thread.process);
                if self.store.process(before) == Some(&own) { before } else { self.store.add_process(own) }
            }
            _ => version,
        }
    }

    /// What was the root of a mount namespace is at `put_old` now, and `new_root` is its root. Whoever stood at the old root
    /// is moved to the new one; all others stay where they are, which has another name.
    pub(super) fn on_pivot_root(&mut self, task: &Task, call: &Call<'_, '_>) {
        let (Some(new_root), Some(put_old)) = (call.bytes(0), call.bytes(1)) else { return };
        let new_root = self.resolve(task, None, path::until_nul(new_root));
        let put_old = self.resolve(task, None, path::until_nul(put_old));
        let namespace = self.process_of(task).map_or(0, |process| process.namespaces[MOUNT_NAMESPACE]);
        let is_within = |slot: &Slot| {
            let process = self.store.process(self.tasks.group(*slot).version);
            *slot == task.process
                || namespace != 0
                    && process.is_some_and(|process| process.namespaces[MOUNT_NAMESPACE] == namespace)
        };
        let all = self.tasks.groups().filter_map(|group| self.tasks.slot(group.pid));
        let slots: Vec<Slot> = all.filter(is_within).collect();
        let mut folders: Vec<(Slot, SharedId)> =
            slots.iter().map(|slot| (*slot, self.tasks.group(*slot).folder)).collect();
        let threads = self.tasks.threads().filter(|task| slots.contains(&task.process));
        folders.extend(threads.filter_map(|task| Some((task.process, task.own.folder?))));
        folders.sort_unstable_by_key(|(_, folder)| *folder);
        folders.dedup_by_key(|(_, folder)| *folder);
        for (slot, folder) in folders {
            let cwd = path::after_pivot(self.tasks.folders.get(folder), &new_root, &put_old);
            self.set_folder(slot, folder, cwd);
        }
    }
}
