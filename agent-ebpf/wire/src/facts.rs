//! Facts about tasks, files and sockets that the kernel side reads from kernel structures.
//!
//! Each is a `repr(C)` block of integers in a section of its own; `parse` refuses a block of another size.

use crate::record::{u16_at, u32_at, u64_at};

/// Credentials of a task (`struct cred`), in the initial user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields carry the kernel's own names")]
pub struct CredFacts {
    pub uid: u32,
    pub gid: u32,
    pub suid: u32,
    pub sgid: u32,
    pub euid: u32,
    pub egid: u32,
    pub fsuid: u32,
    pub fsgid: u32,
    pub cap_inheritable: u64,
    pub cap_permitted: u64,
    pub cap_effective: u64,
}

/// Size of [`CredFacts`].
pub const CRED_BYTES: usize = 56;
const _: () = assert!(size_of::<CredFacts>() == CRED_BYTES);

impl CredFacts {
    fn read(b: &[u8]) -> Self {
        CredFacts {
            uid: u32_at(b, 0),
            gid: u32_at(b, 4),
            suid: u32_at(b, 8),
            sgid: u32_at(b, 12),
            euid: u32_at(b, 16),
            egid: u32_at(b, 20),
            fsuid: u32_at(b, 24),
            fsgid: u32_at(b, 28),
            cap_inheritable: u64_at(b, 32),
            cap_permitted: u64_at(b, 40),
            cap_effective: u64_at(b, 48),
        }
    }
}

/// Ids of a task in its process tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct TaskFacts {
    /// Parent process id, initial pid namespace.
    pub ppid: u32,
    /// Process group id, initial pid namespace.
    pub pgid: u32,
    /// Session id, initial pid namespace.
    pub sid: u32,
    /// Thread id in the task's own pid namespace.
    pub vtid: u32,
    /// Process id in the task's own pid namespace.
    pub vpid: u32,
    /// Process group id in the task's own pid namespace.
    pub vpgid: u32,
    /// Session id in the task's own pid namespace.
    pub vsid: u32,
    /// Controlling terminal as a device number (major in the high, minor in the low 20 bits), 0 for none.
    pub tty: u32,
    /// Audit login uid, all ones when unset.
    pub loginuid: u32,
    #[doc(hidden)]
    pub reserved: u32,
    /// Inode numbers of the namespaces: uts, ipc, mnt, pid, net, cgroup, user, time; 0 where unknown.
    pub namespaces: [u32; 8],
    /// Start of the process, CLOCK_BOOTTIME ns.
    pub start_ns: u64,
    /// `comm`, NUL padded.
    pub comm: [u8; 16],
}

/// Size of [`TaskFacts`].
pub const TASK_BYTES: usize = 96;
const _: () = assert!(size_of::<TaskFacts>() == TASK_BYTES);

impl TaskFacts {
    fn read(b: &[u8]) -> Self {
        let mut comm = [0; 16];
        comm.copy_from_slice(&b[80..96]);
        TaskFacts {
            ppid: u32_at(b, 0),
            pgid: u32_at(b, 4),
            sid: u32_at(b, 8),
            vtid: u32_at(b, 12),
            vpid: u32_at(b, 16),
            vpgid: u32_at(b, 20),
            vsid: u32_at(b, 24),
            tty: u32_at(b, 28),
            loginuid: u32_at(b, 32),
            reserved: 0,
            namespaces: core::array::from_fn(|i| u32_at(b, 40 + i * 4)),
            start_ns: u64_at(b, 72),
            comm,
        }
    }
}

/// The file is no longer reachable by its name (unlinked).
pub const FILE_DELETED: u32 = 1;
/// The file is a memfd.
pub const FILE_MEMFD: u32 = 2;
/// The file lies in the upper layer of an overlay file system.
pub const FILE_OVERLAY_UPPER: u32 = 4;
/// The file lies in a lower layer of an overlay file system.
pub const FILE_OVERLAY_LOWER: u32 = 8;

/// Identity of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct FileFacts {
    /// Inode number.
    pub ino: u64,
    /// Device as the kernel packs it: major << 20 | minor.
    pub dev: u32,
    /// File type and permissions (`i_mode`); 0 when the file could not be read.
    pub mode: u32,
    /// `FILE_*`.
    pub flags: u32,
    #[doc(hidden)]
    pub reserved: u32,
}

/// Size of [`FileFacts`].
pub const FILE_BYTES: usize = 24;
const _: () = assert!(size_of::<FileFacts>() == FILE_BYTES);

impl FileFacts {
    fn read(b: &[u8]) -> Self {
        FileFacts {
            ino: u64_at(b, 0),
            dev: u32_at(b, 8),
            mode: u32_at(b, 12),
            flags: u32_at(b, 16),
            reserved: 0,
        }
    }

    /// Reads a [`crate::record::SECTION_FILE`] section.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == FILE_BYTES).then(|| Self::read(bytes))
    }
}

/// What is known of a process right after exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct ExecFacts {
    /// Ids.
    pub task: TaskFacts,
    /// Credentials after exec.
    pub cred: CredFacts,
    /// The executable.
    pub exe: FileFacts,
    /// Modification time of the executable, ns since the epoch.
    pub exe_mtime_ns: u64,
    /// Inode change time of the executable, ns since the epoch.
    pub exe_ctime_ns: u64,
    /// Thread id before exec: differs from `tid` when a thread other than the leader called exec.
    pub old_tid: u32,
    /// Length in bytes of the whole argument vector, which may be more than was kept.
    pub argv_bytes: u32,
    /// Length in bytes of the whole environment.
    pub env_bytes: u32,
    #[doc(hidden)]
    pub reserved: u32,
}

/// Size of [`ExecFacts`].
pub const EXEC_BYTES: usize = TASK_BYTES + CRED_BYTES + FILE_BYTES + 32;
const _: () = assert!(size_of::<ExecFacts>() == EXEC_BYTES);

impl ExecFacts {
    /// Reads a [`crate::record::SECTION_EXEC`] section.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let tail = TASK_BYTES + CRED_BYTES + FILE_BYTES;
        (bytes.len() == EXEC_BYTES).then(|| ExecFacts {
            task: TaskFacts::read(bytes),
            cred: CredFacts::read(&bytes[TASK_BYTES..]),
            exe: FileFacts::read(&bytes[TASK_BYTES + CRED_BYTES..]),
            exe_mtime_ns: u64_at(bytes, tail),
            exe_ctime_ns: u64_at(bytes, tail + 8),
            old_tid: u32_at(bytes, tail + 16),
            argv_bytes: u32_at(bytes, tail + 20),
            env_bytes: u32_at(bytes, tail + 24),
            reserved: 0,
        })
    }
}

/// The child shares the descriptor table of its creator (CLONE_FILES).
pub const FORK_SHARES_FILES: u32 = 1;
/// The child shares root and working directory with its creator (CLONE_FS).
pub const FORK_SHARES_FS: u32 = 2;
/// The child shares the address space with its creator (CLONE_VM).
pub const FORK_SHARES_VM: u32 = 4;

/// What is known of a task when it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct ForkFacts {
    /// Ids of the child.
    pub task: TaskFacts,
    /// Thread that made the call: the state to copy from. Differs from `task.ppid` under CLONE_PARENT and in threads.
    pub creator_tid: u32,
    /// `FORK_SHARES_*`.
    pub flags: u32,
}

/// Size of [`ForkFacts`].
pub const FORK_BYTES: usize = TASK_BYTES + 8;
const _: () = assert!(size_of::<ForkFacts>() == FORK_BYTES);

impl ForkFacts {
    /// Reads a [`crate::record::SECTION_FORK`] section.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == FORK_BYTES).then(|| ForkFacts {
            task: TaskFacts::read(bytes),
            creator_tid: u32_at(bytes, TASK_BYTES),
            flags: u32_at(bytes, TASK_BYTES + 4),
        })
    }
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct ExitFacts {
    /// Status in `wait` form: code << 8 | signal | 0x80 when a core was dumped.
    pub status: u32,
    /// Call the task was in when it ended; `u32::MAX` for none.
    pub in_call: u32,
    /// 1 when the whole process is gone with this task.
    pub process_gone: u32,
    #[doc(hidden)]
    pub reserved: u32,
}

/// Size of [`ExitFacts`].
pub const EXIT_BYTES: usize = 16;
const _: () = assert!(size_of::<ExitFacts>() == EXIT_BYTES);

impl ExitFacts {
    /// Reads a [`crate::record::SECTION_EXIT`] section.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == EXIT_BYTES).then(|| ExitFacts {
            status: u32_at(bytes, 0),
            in_call: u32_at(bytes, 4),
            process_gone: u32_at(bytes, 8),
            reserved: 0,
        })
    }
}

/// A signal being delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct SignalFacts {
    /// Signal number.
    pub signal: u32,
    /// `si_code`.
    pub code: i32,
    /// Sender's process id as the receiver sees it, or of a signal that ends it as the host sees it; 0 when the kernel sent
    /// it or it is unknown.
    pub sender_pid: u32,
    /// Sender's user id as the receiver sees it; `u32::MAX` when it is unknown.
    pub sender_uid: u32,
}

/// Size of [`SignalFacts`].
pub const SIGNAL_BYTES: usize = 16;
const _: () = assert!(size_of::<SignalFacts>() == SIGNAL_BYTES);

impl SignalFacts {
    /// Reads a [`crate::record::SECTION_SIGNAL`] section.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == SIGNAL_BYTES).then(|| SignalFacts {
            signal: u32_at(bytes, 0),
            code: u32_at(bytes, 4) as i32,
            sender_pid: u32_at(bytes, 8),
            sender_uid: u32_at(bytes, 12),
        })
    }
}

/// A socket's addresses as the kernel holds them (`struct sock_common`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct SocketFacts {
    /// Address family (`AF_*`).
    pub family: u16,
    /// Socket type (`SOCK_*`).
    pub socktype: u16,
    /// Protocol (`IPPROTO_*`).
    pub protocol: u16,
    /// TCP state, or 0.
    pub state: u16,
    /// Local port, host order.
    pub local_port: u16,
    /// Remote port, host order.
    pub remote_port: u16,
    /// Inode number of its network namespace in records of [`crate::RecordType::Tcp`], else 0.
    pub netns: u32,
    /// Local address, network order; IPv4 in the first four bytes.
    pub local_address: [u8; 16],
    /// Remote address, network order; IPv4 in the first four bytes.
    pub remote_address: [u8; 16],
    /// Inode number of the socket, as in `/proc/PID/fd`.
    pub ino: u64,
    /// Kernel address of the socket, which names the two ends of a Unix connection; not written to captures.
    pub kernel_address: u64,
    /// The peer's kernel address for a connected Unix socket, or 0.
    pub peer_kernel_address: u64,
}

/// Size of [`SocketFacts`].
pub const SOCKET_BYTES: usize = 72;
const _: () = assert!(size_of::<SocketFacts>() == SOCKET_BYTES);

impl SocketFacts {
    /// Reads a [`crate::record::SECTION_SOCKET`] section.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == SOCKET_BYTES).then(|| SocketFacts {
            family: u16_at(bytes, 0),
            socktype: u16_at(bytes, 2),
            protocol: u16_at(bytes, 4),
            state: u16_at(bytes, 6),
            local_port: u16_at(bytes, 8),
            remote_port: u16_at(bytes, 10),
            netns: u32_at(bytes, 12),
            local_address: core::array::from_fn(|i| bytes[16 + i]),
            remote_address: core::array::from_fn(|i| bytes[32 + i]),
            ino: u64_at(bytes, 48),
            kernel_address: u64_at(bytes, 56),
            peer_kernel_address: u64_at(bytes, 64),
        })
    }

    /// The section that [`SocketFacts::parse`] reads.
    pub fn to_bytes(&self) -> [u8; SOCKET_BYTES] {
        let mut bytes = [0; SOCKET_BYTES];
        let ports = [self.local_port, self.remote_port];
        let shorts = [self.family, self.socktype, self.protocol, self.state].into_iter().chain(ports);
        for (at, short) in shorts.enumerate() {
            bytes[2 * at..][..2].copy_from_slice(&short.to_ne_bytes());
        }
        bytes[12..16].copy_from_slice(&self.netns.to_ne_bytes());
        bytes[16..32].copy_from_slice(&self.local_address);
        bytes[32..48].copy_from_slice(&self.remote_address);
        for (at, long) in [self.ino, self.kernel_address, self.peer_kernel_address].into_iter().enumerate() {
            bytes[48 + 8 * at..][..8].copy_from_slice(&long.to_ne_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;

    #[test]
    fn a_section_of_a_socket_is_laid_out_as_the_programs_write_it() {
        let facts = SocketFacts {
            family: 1,
            socktype: 2,
            protocol: 3,
            state: 4,
            local_port: 5,
            remote_port: 6,
            netns: 7,
            local_address: [8; 16],
            remote_address: [9; 16],
            ino: 10,
            kernel_address: 11,
            peer_kernel_address: 12,
        };
        let bytes = facts.to_bytes();
        assert_eq!(SocketFacts::parse(&bytes), Some(facts));
        assert_eq!(u16_at(&bytes, offset_of!(SocketFacts, remote_port)), 6);
        assert_eq!(u32_at(&bytes, offset_of!(SocketFacts, netns)), 7);
        assert_eq!(bytes[offset_of!(SocketFacts, remote_address)], 9);
        assert_eq!(u64_at(&bytes, offset_of!(SocketFacts, peer_kernel_address)), 12);
    }
}
