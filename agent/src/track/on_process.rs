//! Calls that change a process: working directory, session, names, credentials, namespaces, limits.

use capture_format::model::Ref;

use super::calls::Call;
use super::effect::Effect;
use super::folders::MOUNT_NAMESPACE;
use super::tasks::Task;
use super::{Tracker, credentials, path};

const CLONE_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWCGROUP
    | 0x80; // CLONE_NEWTIME

/// What `unshare` ends the sharing of directories with: neither of the others is possible without it.
const UNSHARE_FOLDER: i32 = libc::CLONE_FS | libc::CLONE_NEWNS | libc::CLONE_NEWUSER;

/// Length of a thread's name in the kernel, without the NUL.
const COMM_BYTES: usize = 15;

/// Place of the user namespace in [`capture_format::model::Process::namespaces`].
const USER_NAMESPACE: usize = 6;

impl Tracker {
    pub(super) fn apply_to_process(
        &mut self,
        effect: Effect,
        task: &Task,
        call: &Call<'_, '_>,
    ) -> Option<Ref> {
        let tid = call.header().tid;
        match effect {
            Effect::Chdir => {
                let given = path::until_nul(call.bytes(0)?);
                let cwd = self.resolve(task, None, given);
                self.change_cwd(task, cwd);
            }
            Effect::Fchdir => {
                let folder = self.descriptor_of(task, call.fd(0), 0);
                let cwd = self.store.descriptor(folder)?.name.clone();
                if cwd.first() == Some(&b'/') {
                    self.change_cwd(task, cwd);
                }
            }
            Effect::PivotRoot => self.on_pivot_root(task, call),
            Effect::Setsid => self.change_process(task.process, |process| {
                process.sid = process.pid;
                process.pgid = process.pid;
                process.vpgid = process.vpid;
                process.tty = 0;
            }),
            Effect::Setpgid => self.on_setpgid(task, call),
            Effect::Ids(ids) => {
                if self.in_host_user_namespace(task) {
                    let arguments = [call.int(0), call.int(1), call.int(2)].map(|id| id as u32);
                    self.change_thread(tid, |thread| {
                        credentials::set_ids(&mut thread.credentials, ids, arguments);
                    });
                } else {
                    self.reread_credentials(task, tid);
                }
            }
            Effect::Capset => match call.bytes(1) {
                Some(sets) => {
                    self.change_thread(tid, |thread| {
                        credentials::set_capabilities(&mut thread.credentials, sets)
                    });
                }
                None => self.reread_credentials(task, tid),
            },
            Effect::Prctl if call.int(0) == libc::PR_SET_NAME => self.on_set_name(task, call),
            Effect::Unshare => {
                if call.int(0) & libc::CLONE_FILES != 0 {
                    self.unshare_files(tid);
                }
                if call.int(0) & UNSHARE_FOLDER != 0 {
                    self.unshare_folder(tid);
                }
                if call.int(0) & CLONE_NAMESPACES != 0 {
                    self.reread_namespaces(task, tid);
                }
            }
            Effect::Setns => self.on_setns(task, tid),
            Effect::Limit { resource, limit } if call.int(resource) == libc::RLIMIT_NOFILE as i32 => {
                let own = resource == 0
                    || matches!(call.raw(0) as u32, 0)
                    || call.raw(0) as u32 == call.header().tgid;
                let soft = call.bytes(limit)?.first_chunk::<8>()?;
                if own {
                    self.change_process(task.process, |process| process.fd_limit = u64::from_ne_bytes(*soft));
                }
            }
            _ => {}
        }
        None
    }

    /// `setpgid(pid, pgid)`, both 0 for the caller's own. Ids count in the caller's pid namespace, so another
    /// process is followed only where that is the host's.
    fn on_setpgid(&mut self, task: &Task, call: &Call<'_, '_>) {
        let (pid, pgid) = (call.raw(0) as u32, call.raw(1) as u32);
        let Some(own) = self.process_of(task) else { return };
        let on_host = own.pid == own.vpid;
        let target = match pid {
            0 => Some(task.process),
            _ if pid == own.vpid => Some(task.process),
            _ if on_host => self.tasks.slot(pid),
            _ => None,
        };
        let Some(target) = target else { return };
        self.change_process(target, |process| {
            process.vpgid = if pgid == 0 { process.vpid } else { pgid };
            if pgid == 0 || pgid == process.vpid {
                process.pgid = process.pid;
            } else if on_host {
                process.pgid = pgid;
            }
        });
    }

    fn on_set_name(&mut self, task: &Task, call: &Call<'_, '_>) {
        let tid = call.header().tid;
        let pid = self.tasks.group(task.process).pid;
        let comm = match call.bytes(1) {
            Some(name) => path::until_nul(name),
            // The name was not sent along: what the thread is called now is the best there is.
            None => &self.proc.comm(pid, tid).unwrap_or_default(),
        };
        let comm = &comm[..comm.len().min(COMM_BYTES)];
        if comm.is_empty() && call.bytes(1).is_none() {
            return;
        }
        self.change_thread(tid, |thread| {
            thread.comm.clear();
            thread.comm.extend_from_slice(comm);
        });
        if tid == pid {
            self.change_process(task.process, |process| {
                process.comm.clear();
                process.comm.extend_from_slice(comm);
            });
        }
    }

    fn in_host_user_namespace(&self, task: &Task) -> bool {
        let host = self.discovery.host_namespaces[USER_NAMESPACE];
        let own = self.process_of(task).map_or(0, |process| process.namespaces[USER_NAMESPACE]);
        own == 0 || host == 0 || own == host
    }

    /// Ids in another user namespace say nothing without its map: the kernel has applied it already.
    fn reread_credentials(&mut self, task: &Task, tid: u32) {
        let pid = self.tasks.group(task.process).pid;
        if let Some(now) = self.proc.thread(pid, tid) {
            self.change_thread(tid, |thread| thread.credentials = now.credentials);
        }
    }

    fn on_setns(&mut self, task: &Task, tid: u32) {
        if self.reread_namespaces(task, tid)[MOUNT_NAMESPACE] {
            // Whoever enters another tree of mounts stands at its top; unshare leaves everything in place.
            self.change_cwd(task, b"/".to_vec());
        }
    }

    /// Which of them have changed.
    fn reread_namespaces(&mut self, task: &Task, tid: u32) -> [bool; 8] {
        let now = self.proc.namespaces(self.tasks.group(task.process).pid);
        let mut changed = [false; 8];
        self.change_process(task.process, |process| {
            for ((known, now), changed) in process.namespaces.iter_mut().zip(now).zip(&mut changed) {
                if now != 0 {
                    *changed = *known != 0 && *known != now;
                    *known = now;
                }
            }
        });
        if changed[USER_NAMESPACE] {
            // Its first process, and whoever enters, has all capabilities there.
            self.reread_credentials(task, tid);
        }
        changed
    }
}
