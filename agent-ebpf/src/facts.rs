//! Facts read from kernel structures: tasks, credentials, files, sockets.

use wire::SectionState;
use wire::facts::{
    CRED_BYTES, CredFacts, FILE_BYTES, FILE_DELETED, FILE_MEMFD, FILE_OVERLAY_LOWER, FILE_OVERLAY_UPPER,
    FileFacts, SOCKET_BYTES, SocketFacts, TaskFacts,
};
use wire::offsets::ABSENT;

use crate::memory::{Head, copy_kernel, follow, read, store};
use crate::ring::Slot;
use crate::settings::offset;

/// Bytes at the beginning of `struct file` that hold inode and private data, from Linux 6.12 on.
type FileHead = Head<48>;
/// Bytes at the beginning of `struct inode` that hold mode, file system and number.
type InodeHead = Head<80>;
/// Bytes at the beginning of `struct socket` that hold type and sock.
type SocketHead = Head<32>;
/// Bytes at the beginning of `struct sock` that hold addresses, ports, family and state.
type SockHead = Head<88>;
/// Where the copies of these go, behind the section that is being written.
const COPIES_AT: usize = 256;
const S_IFMT: u32 = 0o170000;
const S_IFSOCK: u32 = 0o140000;
const OVERLAYFS_MAGIC: u64 = 0x794c_7630;
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// `struct upid`: the number, then the namespace pointer.
const UPID_BYTES: u64 = 16;
/// `enum pid_type`.
const PIDTYPE_PGID: u64 = 2;
const PIDTYPE_SID: u64 = 3;

/// The file that `task`, the current one, has under this descriptor number, or 0.
#[inline(always)]
pub(crate) unsafe fn file_of(task: *const u8, fd: u64) -> u64 {
    let table = follow(follow(task, offset!(task_files)), offset!(files_fdt));
    // No check against the table's size: the call just succeeded with this number, and a wrong one reads as 0.
    let slots = follow(table, offset!(fdt_fd)) as u64;
    read(slots, (fd & 0xffff_ffff) * 8)
}

/// Number of a file's inode.
#[inline(always)]
pub(crate) unsafe fn inode_number(file: u64) -> u64 {
    read(read(file, offset!(file_inode)), offset!(inode_ino))
}

/// Whether a file is a socket.
#[inline(always)]
pub(crate) unsafe fn is_socket(file: u64) -> bool {
    let inode: u64 = read(file, offset!(file_inode));
    u32::from(read::<u16>(inode, offset!(inode_mode))) & S_IFMT == S_IFSOCK
}

/// Writes to `target` what file this is, as far as its inode tells.
#[inline(always)]
pub(crate) unsafe fn write_file(target: *mut FileFacts, file: u64, flags: u32) {
    let copies = target.cast::<u8>().add(COPIES_AT);
    let inode = InodeHead::read(copies, read(file, offset!(file_inode)));
    let sb: u64 = inode.field(offset!(inode_sb));
    store!(target,
        ino: inode.field(offset!(inode_ino)),
        dev: read(sb, offset!(sb_dev)),
        mode: u32::from(inode.field::<u16>(offset!(inode_mode))),
        flags: flags,
        reserved: 0,
    );
}

/// The marks of a file that take more reads than every open can afford: deleted, memfd, overlay layer.
#[inline(always)]
pub(crate) unsafe fn file_marks(file: u64) -> u32 {
    let inode: u64 = read(file, offset!(file_inode));
    let sb: u64 = read(inode, offset!(inode_sb));
    let mut flags = 0;
    if inode != 0 && read::<u32>(inode, offset!(inode_nlink)) == 0 {
        flags |= FILE_DELETED;
    }
    let dentry: u64 = read(file, offset!(file_path) + offset!(path_dentry));
    let name: u64 = read(dentry, offset!(dentry_name));
    if read::<[u8; 6]>(name, 0) == *b"memfd:" {
        flags |= FILE_MEMFD;
    }
    if read::<u64>(sb, offset!(sb_magic)) == OVERLAYFS_MAGIC && offset!(ovl_upper) != u64::from(ABSENT) {
        let outer = inode.wrapping_sub(offset!(ovl_vfs_inode));
        let upper: u64 = read(outer, offset!(ovl_upper));
        flags |= if upper != 0 { FILE_OVERLAY_UPPER } else { FILE_OVERLAY_LOWER };
    }
    flags
}

/// Writes a file's facts as a section.
#[inline(always)]
pub(crate) unsafe fn file_facts(slot: &Slot, position: u64, index: u8, address: u64) -> u64 {
    write_file(slot.body(position).cast(), address, 0);
    slot.section(position, index, SectionState::Data, FILE_BYTES as u64)
}

/// Writes a socket's facts as a section; nothing when the file is no socket.
#[inline(always)]
pub(crate) unsafe fn socket_facts(slot: &Slot, position: u64, index: u8, file: u64) -> u64 {
    let target = slot.body(position).cast::<SocketFacts>();
    let copies = target.cast::<u8>().add(COPIES_AT);
    let file = FileHead::read(copies.add(200), file);
    let inode = InodeHead::read(copies, file.field(offset!(file_inode)));
    if u32::from(inode.field::<u16>(offset!(inode_mode))) & S_IFMT != S_IFSOCK {
        return position;
    }
    let socket = SocketHead::read(copies.add(80), file.field(offset!(file_private)));
    let sk: u64 = socket.field(offset!(socket_sk));
    write_sock(target, sk, socket.field(offset!(socket_type)), inode.field(offset!(inode_ino)));
    slot.section(position, index, SectionState::Data, SOCKET_BYTES as u64)
}

/// Local and remote port of the IP socket that `task`, the current one, has under this descriptor number; 0 where there is
/// none.
#[inline(always)]
pub(crate) unsafe fn socket_ports(task: *const u8, fd: u64) -> (u16, u16) {
    let file = file_of(task, fd);
    if !is_socket(file) {
        return (0, 0);
    }
    let socket: u64 = read(file, offset!(file_private));
    let sk: u64 = read(socket, offset!(socket_sk));
    let family: u16 = read(sk, offset!(sock_family));
    if family != AF_INET && family != AF_INET6 {
        return (0, 0);
    }
    (read(sk, offset!(sock_local_port)), u16::from_be(read(sk, offset!(sock_remote_port))))
}

/// Writes to `target` what a `struct sock` tells of the socket it belongs to.
#[inline(always)]
pub(crate) unsafe fn write_sock(target: *mut SocketFacts, sk: u64, socktype: u16, ino: u64) {
    let sock = SockHead::read(target.cast::<u8>().add(COPIES_AT + 112), sk);
    let family: u16 = sock.field(offset!(sock_family));
    let is_ip = family == AF_INET || family == AF_INET6;
    store!(target,
        family: family,
        socktype: socktype,
        protocol: read(sk, offset!(sock_protocol)),
        state: u16::from(sock.field::<u8>(offset!(sock_state))),
        local_port: if is_ip { sock.field(offset!(sock_local_port)) } else { 0 },
        remote_port: if is_ip { u16::from_be(sock.field(offset!(sock_remote_port))) } else { 0 },
        netns: 0,
        ino: ino,
        kernel_address: sk,
        peer_kernel_address: if family == AF_UNIX { read(sk, offset!(unix_peer)) } else { 0 },
    );
    let local = (&raw mut (*target).local_address).cast::<u64>();
    let remote = (&raw mut (*target).remote_address).cast::<u64>();
    let (mut local_words, mut remote_words) = ([0, 0], [0, 0]);
    if family == AF_INET {
        local_words[0] = u64::from(sock.field::<u32>(offset!(sock_local_address)));
        remote_words[0] = u64::from(sock.field::<u32>(offset!(sock_remote_address)));
    }
    if family == AF_INET6 {
        local_words = sock.field(offset!(sock_local_address6));
        remote_words = sock.field(offset!(sock_remote_address6));
    }
    local.write_volatile(local_words[0]);
    local.add(1).write_volatile(local_words[1]);
    remote.write_volatile(remote_words[0]);
    remote.add(1).write_volatile(remote_words[1]);
}

/// Copies a task's credentials to `target`.
#[inline(always)]
pub(crate) unsafe fn write_cred(target: *mut CredFacts, task: u64) {
    let cred: u64 = read(task, offset!(task_cred));
    // The ids and the capability sets stand in the kernel in the order of our fields.
    copy_kernel(target.cast(), 32, cred + offset!(cred_uid));
    copy_kernel(target.cast::<u8>().add(32), CRED_BYTES as u64 - 32, cred + offset!(cred_caps));
}

/// Number of a `struct pid` in the initial namespace, and in its own one.
#[inline(always)]
unsafe fn pid_numbers(pid: u64) -> (u32, u32) {
    let numbers = offset!(pid_numbers);
    let level: u32 = read(pid, offset!(pid_level));
    (read(pid, numbers), read(pid, numbers + u64::from(level & 63) * UPID_BYTES))
}

#[inline(always)]
unsafe fn namespace(holder: u64, pointer: u64, inum: u64) -> u32 {
    let namespace: u64 = read(holder, pointer);
    if namespace == 0 { 0 } else { read(namespace, inum) }
}

/// Writes a task's ids to `target`.
#[inline(always)]
pub(crate) unsafe fn write_task(target: *mut TaskFacts, task: u64) {
    let signal: u64 = read(task, offset!(task_signal));
    let leader: u64 = read(task, offset!(task_group_leader));
    let parent: u64 = read(task, offset!(task_real_parent));
    let thread_pid: u64 = read(task, offset!(task_thread_pid));
    let leader_pid: u64 = read(leader, offset!(task_thread_pid));
    let (pgid, vpgid) = pid_numbers(read(signal, offset!(signal_pids) + PIDTYPE_PGID * 8));
    let (sid, vsid) = pid_numbers(read(signal, offset!(signal_pids) + PIDTYPE_SID * 8));
    let tty: u64 = read(signal, offset!(signal_tty));
    let mut tty_number = 0;
    if tty != 0 {
        let driver: u64 = read(tty, offset!(tty_driver));
        let major: u32 = read(driver, offset!(tty_driver_major));
        let minor: u32 = read(driver, offset!(tty_driver_minor));
        let index: u32 = read(tty, offset!(tty_index));
        tty_number = major << 20 | (minor + index);
    }
    let nsproxy: u64 = read(task, offset!(task_nsproxy));
    let cred: u64 = read(task, offset!(task_cred));
    let level: u32 = read(thread_pid, offset!(pid_level));
    let own_upid = thread_pid + offset!(pid_numbers) + u64::from(level & 63) * UPID_BYTES;
    store!(target,
        ppid: read(parent, offset!(task_tgid)),
        pgid: pgid,
        sid: sid,
        vtid: pid_numbers(thread_pid).1,
        vpid: pid_numbers(leader_pid).1,
        vpgid: vpgid,
        vsid: vsid,
        tty: tty_number,
        loginuid: if offset!(task_loginuid) == u64::from(ABSENT) {
            u32::MAX
        } else {
            read(task, offset!(task_loginuid))
        },
        reserved: 0,
        start_ns: read(leader, offset!(task_start)),
        comm: read(task, offset!(task_comm)),
    );
    let namespaces = (&raw mut (*target).namespaces).cast::<u32>();
    namespaces.write_volatile(namespace(nsproxy, offset!(nsproxy_uts), offset!(uts_inum)));
    namespaces.add(1).write_volatile(namespace(nsproxy, offset!(nsproxy_ipc), offset!(ipc_inum)));
    namespaces.add(2).write_volatile(namespace(nsproxy, offset!(nsproxy_mnt), offset!(mnt_inum)));
    namespaces.add(3).write_volatile(namespace(own_upid, offset!(upid_ns), offset!(pidns_inum)));
    namespaces.add(4).write_volatile(namespace(nsproxy, offset!(nsproxy_net), offset!(net_inum)));
    namespaces.add(5).write_volatile(namespace(nsproxy, offset!(nsproxy_cgroup), offset!(cgroupns_inum)));
    namespaces.add(6).write_volatile(namespace(cred, offset!(cred_user_ns), offset!(user_inum)));
    namespaces.add(7).write_volatile(namespace(nsproxy, offset!(nsproxy_time), offset!(time_inum)));
}
