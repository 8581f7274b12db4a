//! Which calls may be an attempt on the recording, by their names, and how.

use super::super::Upkeep;

/// How a call may reach what is ours; the numbers are those of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::track) enum Watch {
    Bpf,
    /// A signal to a process or thread, or to several.
    Signal {
        to: u8,
        signal: u8,
    },
    PidfdSignal,
    Trace,
    /// Memory of a process is written.
    Memory,
    /// What a process may use is changed; without this argument it is only asked for.
    Limit {
        new: Option<u8>,
    },
    /// The same where argument 0 says whether 1 is a process, a group or a user: the number of the first of these.
    Priority {
        process: i32,
    },
    TakeDescriptor,
    /// A file is opened; the flags are in an argument, or in the structure that it points to.
    Open {
        path: u8,
        flags: Option<u8>,
    },
    /// What a descriptor leads to is written, or cut.
    Write {
        fd: u8,
        how: &'static str,
    },
    Map,
    Truncate,
    Remove {
        at: bool,
    },
    Rename {
        at: bool,
    },
}

impl Watch {
    pub(in crate::track) fn of_call(name: &str) -> Option<Self> {
        Some(match name {
            "bpf" => Watch::Bpf,
            "kill" | "tkill" | "rt_sigqueueinfo" => Watch::Signal { to: 0, signal: 1 },
            "tgkill" | "rt_tgsigqueueinfo" => Watch::Signal { to: 1, signal: 2 },
            "pidfd_send_signal" => Watch::PidfdSignal,
            "ptrace" => Watch::Trace,
            "process_vm_writev" => Watch::Memory,
            "prlimit64" => Watch::Limit { new: Some(2) },
            "sched_setparam" | "sched_setscheduler" | "sched_setattr" | "sched_setaffinity" => {
                Watch::Limit { new: None }
            }
            "setpriority" => Watch::Priority { process: 0 },
            "ioprio_set" => Watch::Priority { process: 1 },
            "pidfd_getfd" => Watch::TakeDescriptor,
            "open" => Watch::Open { path: 0, flags: Some(1) },
            "creat" => Watch::Open { path: 0, flags: None },
            "openat" | "openat2" | "open_by_handle_at" => Watch::Open { path: 1, flags: Some(2) },
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "sendfile" | "sendfile64"
            | "vmsplice" => Watch::Write { fd: 0, how: "file_written" },
            "copy_file_range" | "splice" => Watch::Write { fd: 2, how: "file_written" },
            "fallocate" => Watch::Write { fd: 0, how: "file_written" },
            "ftruncate" | "ftruncate64" => Watch::Write { fd: 0, how: "file_truncated" },
            "mmap" | "mmap2" => Watch::Map,
            "truncate" | "truncate64" => Watch::Truncate,
            "unlink" => Watch::Remove { at: false },
            "unlinkat" => Watch::Remove { at: true },
            "rename" => Watch::Rename { at: false },
            "renameat" | "renameat2" => Watch::Rename { at: true },
            _ => return None,
        })
    }
}

/// Whether a call that nobody wants to see must be looked at for tampering. Of calls on files, which are many, those that
/// succeed; what is written through a descriptor is seen where writing is recorded, and the opening of it always.
pub fn guard(name: &str) -> Upkeep {
    match Watch::of_call(name) {
        None | Some(Watch::Write { how: "file_written", .. } | Watch::Map) => Upkeep::None,
        Some(
            Watch::Open { .. }
            | Watch::Write { .. }
            | Watch::Truncate
            | Watch::Remove { .. }
            | Watch::Rename { .. },
        ) => Upkeep::OnSuccess,
        Some(_) => Upkeep::Always,
    }
}
