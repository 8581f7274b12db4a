//! Whether a number means the agent: as a process, a thread or a group, by whoever says it.

use capture_format::model::{DescriptorType, Ref};

use super::super::Tracker;
use super::super::calls::Call;
use super::super::tasks::Task;

const CAP_KILL: u64 = 1 << 5;

impl Tracker {
    /// Whether a process means the agent, or a thread of it, by this number.
    pub(super) fn means_us(&self, task: &Task, number: i32) -> bool {
        let Some(number) = u32::try_from(number).ok().filter(|&number| number != 0) else { return false };
        let guarded = &self.guarded;
        if self.counts_as_host(task) {
            return number == guarded.own.pid || self.is_our_thread(number);
        }
        self.counts_as_we(task) && number == guarded.vpid
    }

    fn is_our_thread(&self, tid: u32) -> bool {
        // Our own threads come and go unrecorded. Those of others are known, in most cases.
        let is_other = self.tasks.thread(tid).is_some_and(|known| {
            let pid = self.tasks.group(known.process).pid;
            pid != self.guarded.own.pid
        });
        !is_other && self.proc.path(self.guarded.own.pid, &format!("task/{tid}")).exists()
    }

    fn pid_namespace(&self, task: &Task) -> u32 {
        self.process_of(task).map_or(0, |process| process.namespaces[3])
    }

    fn counts_as_host(&self, task: &Task) -> bool {
        let namespace = self.pid_namespace(task);
        namespace == 0 || self.guarded.host_pid_namespace == 0 || namespace == self.guarded.host_pid_namespace
    }

    fn counts_as_we(&self, task: &Task) -> bool {
        self.pid_namespace(task) == self.guarded.pid_namespace
    }

    /// Whether a process means the agent's group; 0 is its own.
    pub(super) fn means_our_group(&self, task: &Task, group: i32) -> bool {
        let own = self.process_of(task).map_or(0, |process| process.pgid);
        if group == 0 {
            return own != 0 && own == self.guarded.pgid;
        }
        let pgid = if self.counts_as_host(task) {
            self.guarded.pgid
        } else if self.counts_as_we(task) {
            self.guarded.vpgid
        } else {
            0
        };
        pgid != 0 && u32::try_from(group) == Ok(pgid)
    }

    pub(super) fn user_meant(&self, task: &Task, user: i32) -> u32 {
        let own = || self.store.thread(task.version).map_or(u32::MAX, |thread| thread.credentials.uid);
        if user == 0 { own() } else { user as u32 }
    }

    pub(super) fn signal_reaches_us(&self, call: &Call<'_, '_>, task: &Task, to: i32) -> bool {
        match to {
            1.. => self.means_us(task, to),
            // Of several receivers the result does not say which it reached.
            _ if !call.succeeded() || !self.may_signal(task) => false,
            0 => self.means_our_group(task, 0),
            -1 => self.counts_as_host(task) || self.counts_as_we(task),
            _ => self.means_our_group(task, to.saturating_neg()),
        }
    }

    fn may_signal(&self, task: &Task) -> bool {
        let Some(thread) = self.store.thread(task.version) else { return true };
        let (theirs, ours) = (&thread.credentials, &self.guarded.credentials);
        theirs.cap_effective & CAP_KILL != 0
            || [theirs.uid, theirs.euid].iter().any(|uid| [ours.uid, ours.suid].contains(uid))
    }

    /// Whether a pidfd is of the agent.
    pub(super) fn is_our_pidfd(&self, task: &Task, pidfd: Ref) -> bool {
        let Some(descriptor) = self.store.descriptor(pidfd) else { return false };
        let pid = std::str::from_utf8(&descriptor.name).ok().and_then(|name| name.parse().ok());
        // A pidfd that was passed on has the number that its maker knew.
        descriptor.kind == DescriptorType::Pidfd
            && pid.is_some_and(|pid| pid as u32 == self.guarded.own.pid || self.means_us(task, pid))
    }
}
