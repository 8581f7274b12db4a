//! The living threads and processes, and which version of each is current.

use capture_format::model::{Ref, Text};

use super::files::{FileTables, TableId};
use super::fx::FxMap;
use super::shared::{Shared, SharedId};

/// Place of a process in [`Tasks`].
pub(super) type Slot = u32;

/// A living thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) tid: u32,
    /// Its current version.
    pub(super) version: Ref,
    /// The process's version when `version` was the thread's current one: another one may be current by now.
    pub(super) process_version: Ref,
    /// Its process.
    pub(super) process: Slot,
    /// What it does not share with its process.
    pub(super) own: Own,
}

/// What is somebody's own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    /// Table of descriptors.
    pub(super) files: Option<TableId>,
    /// Working directory.
    pub(super) folder: Option<SharedId>,
}

/// A living process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub(super) pid: u32,
    /// Its current version.
    pub(super) version: Ref,
    /// Living threads that we know of.
    pub(super) threads: u32,
    /// Ancestors that its versions keep in the store.
    pub(super) depth: u32,
    pub(super) files: TableId,
    /// Its working directory, which its current version tells as well.
    pub(super) folder: SharedId,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    threads: FxMap<u32, Task>,
    groups: Vec<Group>,
    free: Vec<Slot>,
    pids: FxMap<u32, Slot>,
    pub(super) files: FileTables,
    pub(super) folders: Shared<Text>,
}

impl Tasks {
    pub(super) fn thread(&self, tid: u32) -> Option<&Task> {
        self.threads.get(&tid)
    }

    pub(super) fn thread_mut(&mut self, tid: u32) -> Option<&mut Task> {
        self.threads.get_mut(&tid)
    }

    pub(super) fn slot(&self, pid: u32) -> Option<Slot> {
        self.pids.get(&pid).copied()
    }

    pub(super) fn group(&self, slot: Slot) -> &Group {
        &self.groups[slot as usize]
    }

    pub(super) fn group_mut(&mut self, slot: Slot) -> &mut Group {
        &mut self.groups[slot as usize]
    }

    /// The current version of the process with this id, 0 when it is not known.
    pub(super) fn process_version(&self, pid: u32) -> Ref {
        self.slot(pid).map_or(0, |slot| self.group(slot).version)
    }

    /// The table a thread uses.
    pub(super) fn table(&self, task: &Task) -> TableId {
        task.own.files.unwrap_or(self.group(task.process).files)
    }

    /// The working directory a thread has.
    pub(super) fn folder(&self, task: &Task) -> SharedId {
        task.own.folder.unwrap_or(self.group(task.process).folder)
    }

    /// Adds a process; one with the same id must have been removed.
    pub(super) fn add_group(&mut self, group: Group) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.groups[slot as usize] = group;
                slot
            }
            None => {
                self.groups.push(group);
                (self.groups.len() - 1) as Slot
            }
        };
        self.pids.insert(group.pid, slot);
        slot
    }

    /// Adds a thread; one with the same id must have been removed.
    pub(super) fn add_thread(&mut self, tid: u32, task: Task) {
        self.group_mut(task.process).threads += 1;
        self.threads.insert(tid, task);
    }

    /// Removes a thread. Its process stays, also without any thread.
    pub(super) fn remove_thread(&mut self, tid: u32) -> Option<Slot> {
        let task = self.threads.remove(&tid)?;
        if let Some(table) = task.own.files {
            self.files.release(table);
        }
        if let Some(folder) = task.own.folder {
            self.folders.release(folder);
        }
        self.group_mut(task.process).threads -= 1;
        Some(task.process)
    }

    /// Removes all threads of a process but one. Costs a walk over all threads, so only when there are others.
    pub(super) fn remove_other_threads(&mut self, slot: Slot, kept_tid: u32) {
        let kept = u32::from(self.threads.get(&kept_tid).is_some_and(|task| task.process == slot));
        if self.group(slot).threads == kept {
            return;
        }
        let of_process =
            |(tid, task): (&u32, &Task)| (task.process == slot && *tid != kept_tid).then_some(*tid);
        let gone: Vec<u32> = self.threads.iter().filter_map(of_process).collect();
        for tid in gone {
            self.remove_thread(tid);
        }
    }

    /// Removes a process with its threads.
    pub(super) fn remove_group(&mut self, slot: Slot) {
        self.remove_other_threads(slot, 0);
        // Thread 0 is the idle task: it makes no calls, but a forged record may claim so.
        if self.threads.get(&0).is_some_and(|task| task.process == slot) {
            self.remove_thread(0);
        }
        let group = *self.group(slot);
        self.files.release(group.files);
        self.folders.release(group.folder);
        self.pids.remove(&group.pid);
        *self.group_mut(slot) = Group::default();
        self.free.push(slot);
    }

    /// The threads that have a working directory of their own, which is this one.
    pub(super) fn threads_in(&mut self, folder: SharedId) -> impl Iterator<Item = &mut Task> {
        self.threads.values_mut().filter(move |task| task.own.folder == Some(folder))
    }

    /// The processes whose working directory this is.
    pub(super) fn groups_in(&self, folder: SharedId) -> impl Iterator<Item = Slot> {
        self.pids.values().copied().filter(move |slot| self.group(*slot).folder == folder)
    }

    /// Living threads.
    pub(super) fn threads(&self) -> impl Iterator<Item = &Task> {
        self.threads.values()
    }

    /// How many processes are known.
    pub(super) fn group_count(&self) -> usize {
        self.pids.len()
    }

    /// Living processes.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.pids.values().map(|slot| self.group(*slot))
    }
}
