//! Where the fields of kernel structures are: looked up by the agent in the running kernel's BTF and handed to
//! the programs as read-only data before load, so that the verifier sees constants.

/// Value of an offset that the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

macro_rules! offsets {
    ($($name:ident = $structure:literal $paths:literal;)*) => {
        /// Byte offsets in kernel structures, [`ABSENT`] where this kernel lacks the field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        #[expect(missing_docs, reason = "named after structure and field; the table below says which")]
        pub struct Offsets {
            $(pub $name: u32,)*
        }

        impl Offsets {
            /// Every field absent.
            pub const NONE: Offsets = Offsets { $($name: ABSENT,)* };

            /// Looks every field up: `find(structure, path)` gives the offset of a field such as `ns.inum`.
            /// A field that was renamed has its names separated by `|`, newest first; the last one is empty when other
            /// kernels keep what it holds elsewhere, where the programs look for it.
            pub fn resolve(find: impl Fn(&str, &str) -> Option<u32>) -> Offsets {
                let first = |structure: &str, paths: &str| {
                    let mut paths = paths.split('|').filter(|path| !path.is_empty());
                    paths.find_map(|path| find(structure, path)).unwrap_or(ABSENT)
                };
                Offsets { $($name: first($structure, $paths),)* }
            }

            /// Names of the structures that are looked into, with repeats.
            pub fn structures() -> impl Iterator<Item = &'static str> {
                [$($structure,)*].into_iter()
            }

            /// Names of the fields that are absent, and kept nowhere else.
            pub fn absent(&self) -> impl Iterator<Item = &'static str> {
                [$((stringify!($name), self.$name, $paths),)*]
                    .into_iter()
                    .filter(|(_, offset, paths)| *offset == ABSENT && !paths.ends_with('|'))
                    .map(|(name, ..)| name)
            }
        }
    };
}

offsets! {
    task_pid = "task_struct" "pid";
    task_tgid = "task_struct" "tgid";
    task_flags = "task_struct" "flags";
    task_state = "task_struct" "__state|state";
    task_nvcsw = "task_struct" "nvcsw";
    task_nivcsw = "task_struct" "nivcsw";
    module_name = "module" "name";
    task_status = "task_struct" "thread_info.status|";
    task_real_parent = "task_struct" "real_parent";
    task_group_leader = "task_struct" "group_leader";
    task_exit_code = "task_struct" "exit_code";
    task_comm = "task_struct" "comm";
    task_start = "task_struct" "start_boottime|real_start_time";
    task_mm = "task_struct" "mm";
    mm_users = "mm_struct" "mm_users";
    task_stack = "task_struct" "stack";
    task_files = "task_struct" "files";
    task_fs = "task_struct" "fs";
    task_signal = "task_struct" "signal";
    task_nsproxy = "task_struct" "nsproxy";
    task_thread_pid = "task_struct" "thread_pid";
    task_cgroups = "task_struct" "cgroups";
    task_cred = "task_struct" "cred";
    task_loginuid = "task_struct" "loginuid";
    pid_level = "pid" "level";
    pid_numbers = "pid" "numbers";
    upid_ns = "upid" "ns";
    pidns_inum = "pid_namespace" "ns.inum";
    signal_pids = "signal_struct" "pids";
    signal_tty = "signal_struct" "tty";
    signal_live = "signal_struct" "live";
    signal_exit_code = "signal_struct" "group_exit_code";
    tty_index = "tty_struct" "index";
    tty_driver = "tty_struct" "driver";
    tty_driver_major = "tty_driver" "major";
    tty_driver_minor = "tty_driver" "minor_start";
    nsproxy_uts = "nsproxy" "uts_ns";
    nsproxy_ipc = "nsproxy" "ipc_ns";
    nsproxy_mnt = "nsproxy" "mnt_ns";
    nsproxy_net = "nsproxy" "net_ns";
    nsproxy_cgroup = "nsproxy" "cgroup_ns";
    nsproxy_time = "nsproxy" "time_ns";
    uts_inum = "uts_namespace" "ns.inum";
    ipc_inum = "ipc_namespace" "ns.inum";
    mnt_inum = "mnt_namespace" "ns.inum";
    net_inum = "net" "ns.inum";
    cgroupns_inum = "cgroup_namespace" "ns.inum";
    time_inum = "time_namespace" "ns.inum";
    user_inum = "user_namespace" "ns.inum";
    cred_uid = "cred" "uid";
    cred_caps = "cred" "cap_inheritable";
    cred_user_ns = "cred" "user_ns";
    mm_arg_start = "mm_struct" "arg_start";
    mm_arg_end = "mm_struct" "arg_end";
    mm_env_start = "mm_struct" "env_start";
    mm_env_end = "mm_struct" "env_end";
    mm_exe_file = "mm_struct" "exe_file";
    file_path = "file" "f_path";
    file_inode = "file" "f_inode";
    file_private = "file" "private_data";
    path_mnt = "path" "mnt";
    path_dentry = "path" "dentry";
    dentry_parent = "dentry" "d_parent";
    dentry_name = "dentry" "d_name.name";
    inode_mode = "inode" "i_mode";
    inode_ino = "inode" "i_ino";
    inode_sb = "inode" "i_sb";
    inode_nlink = "inode" "i_nlink";
    inode_mtime_s = "inode" "i_mtime_sec|__i_mtime.tv_sec|i_mtime.tv_sec";
    inode_mtime_ns = "inode" "i_mtime_nsec|__i_mtime.tv_nsec|i_mtime.tv_nsec";
    inode_ctime_s = "inode" "i_ctime_sec|__i_ctime.tv_sec|i_ctime.tv_sec";
    inode_ctime_ns = "inode" "i_ctime_nsec|__i_ctime.tv_nsec|i_ctime.tv_nsec";
    sb_dev = "super_block" "s_dev";
    sb_magic = "super_block" "s_magic";
    mount_mnt = "mount" "mnt";
    mount_parent = "mount" "mnt_parent";
    mount_mountpoint = "mount" "mnt_mountpoint";
    fs_root = "fs_struct" "root";
    fs_pwd = "fs_struct" "pwd";
    files_fdt = "files_struct" "fdt";
    files_count = "files_struct" "count";
    fdt_fd = "fdtable" "fd";
    fdt_max = "fdtable" "max_fds";
    socket_sk = "socket" "sk";
    socket_type = "socket" "type";
    sock_family = "sock_common" "skc_family";
    sock_state = "sock_common" "skc_state";
    sock_local_address = "sock_common" "skc_rcv_saddr";
    sock_remote_address = "sock_common" "skc_daddr";
    sock_local_address6 = "sock_common" "skc_v6_rcv_saddr";
    sock_remote_address6 = "sock_common" "skc_v6_daddr";
    sock_local_port = "sock_common" "skc_num";
    sock_remote_port = "sock_common" "skc_dport";
    sock_protocol = "sock" "sk_protocol";
    sock_type = "sock" "sk_type";
    sock_socket = "sock" "sk_socket";
    sock_net = "sock_common" "skc_net.net";
    socket_inode = "socket_alloc" "vfs_inode";
    tcp_srtt = "tcp_sock" "srtt_us";
    tcp_bytes_acked = "tcp_sock" "bytes_acked";
    tcp_bytes_received = "tcp_sock" "bytes_received";
    tcp_total_retrans = "tcp_sock" "total_retrans";
    skb_sk = "sk_buff" "sk";
    skb_device = "sk_buff" "dev";
    skb_incoming_device = "sk_buff" "skb_iif";
    skb_protocol = "sk_buff" "protocol";
    skb_network_header = "sk_buff" "network_header";
    skb_head = "sk_buff" "head";
    skb_tail = "sk_buff" "tail";
    skb_bytes = "sk_buff" "len";
    device_name = "net_device" "name";
    device_net = "net_device" "nd_net.net";
    unix_peer = "unix_sock" "peer";
    cssset_dfl = "css_set" "dfl_cgrp";
    cssset_subsys = "css_set" "subsys";
    css_cgroup = "cgroup_subsys_state" "cgroup";
    cgroup_kn = "cgroup" "kn";
    kn_name = "kernfs_node" "name";
    kn_parent = "kernfs_node" "__parent|parent";
    bprm_filename = "linux_binprm" "filename";
    bprm_fdpath = "linux_binprm" "fdpath";
    filename_name = "filename" "name";
    request_opcode = "io_kiocb" "opcode";
    request_flags = "io_kiocb" "flags";
    request_file = "io_kiocb" "file";
    request_user_data = "io_kiocb" "cqe.user_data|user_data";
    request_fd = "io_kiocb" "cqe.fd|";
    request_ring = "io_kiocb" "ctx";
    request_owner = "io_kiocb" "tctx|task";
    tctx_task = "io_uring_task" "task|";
    uring_flags = "io_ring_ctx" "flags";
    uring_sq_array = "io_ring_ctx" "sq_array";
    uring_sqes = "io_ring_ctx" "sq_sqes";
    uring_sq_head = "io_ring_ctx" "cached_sq_head";
    uring_sq_entries = "io_ring_ctx" "sq_entries";
    uring_sq_data = "io_ring_ctx" "sq_data";
    sq_data_tgid = "io_sq_data" "task_tgid";
    ovl_upper = "ovl_inode" "__upperdentry";
    ovl_vfs_inode = "ovl_inode" "vfs_inode";
}

/// What the programs are told once, before load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Settings {
    /// `ring_bytes - 1`, where `ring_bytes` is a power of two.
    pub ring_mask: u64,
    /// Drawn for each recording: what the numbers of [`crate::names`] begin with.
    pub name_seed: u64,
    /// The same: their key, which is odd.
    pub name_key: u64,
    /// Bytes kept of a buffer.
    pub snap_bytes: u32,
    /// Process whose own events are never recorded: the agent.
    pub self_tgid: u32,
    /// 1 to record only followed tasks.
    pub follow: u32,
    /// 1 to keep start times.
    pub latency: u32,
    /// `slots - 1` of the start table, where `slots` is a power of two.
    pub start_mask: u32,
    /// 1 to send the environment at exec.
    pub env: u32,
    /// Index in `css_set.subsys` of the v1 hierarchy to report, `ABSENT` for none.
    pub cgroup_v1_subsys: u32,
    /// 1 on aarch64, 0 on x86_64: which `pt_regs` layout and which call numbers hold.
    pub aarch64: u32,
    /// 0 where the kernel hands out the current task with its type, and its registers (5.15 and later). Otherwise where
    /// the registers stand in the task's kernel stack.
    pub untyped_regs_at: u32,
    /// Arguments of the tracepoint for dropped packets: with 3 or more there is a reason, with 4 the receiving socket.
    pub drop_args: u32,
    /// A `COMPLETE_*` of [`crate::uring`]: what the tracepoint of completions has.
    pub uring_complete: u32,
    /// Which argument of the tracepoint `io_uring_submit_sqe` is the request: 0 from 6.0 on, before 1.
    pub uring_submit_request: u32,
    /// Bytes kept of what looks like a DNS message, where that is more than of any buffer; 0 to treat it like any.
    pub dns_bytes: u32,
    /// 1: threads have marks, see [`crate::ring::MarkWord`].
    pub marks: u32,
    /// 1: descriptors have marks, see [`crate::outside`].
    pub descriptor_marks: u32,
    /// 1 where a request leads to its task by a context of that task's (6.13 and newer).
    pub uring_has_context: u32,
    /// Which bit of a `struct io_ring_ctx` tells that the ring is a 32-bit program's, [`ABSENT`] where none does.
    pub uring_compat_bit: u32,
    /// Structure offsets.
    pub offsets: Offsets,
    #[doc(hidden)]
    pub reserved: [u32; SETTINGS_RESERVED],
}

/// Words that fill [`Settings`] up, so that there is no padding: the whole of it is handed over as bytes.
pub const SETTINGS_RESERVED: usize = (SETTINGS_WORDS + size_of::<Offsets>() / 4) % 2;
/// Words of [`Settings`] of half the size before the offsets.
const SETTINGS_WORDS: usize = 17;
const _: () =
    assert!(size_of::<Settings>() == 24 + (SETTINGS_WORDS + SETTINGS_RESERVED) * 4 + size_of::<Offsets>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_kept_elsewhere_is_not_missed() {
        // As on 6.1: a request leads to its task without a context.
        let old = Offsets::resolve(|structure, path| match (structure, path) {
            ("io_uring_task", "task") | ("net", _) => None,
            ("io_kiocb", "cqe.fd") => None,
            (_, "") => Some(99),
            _ => Some(8),
        });
        assert_eq!((old.tctx_task, old.request_fd, old.request_owner), (ABSENT, ABSENT, 8));
        assert!(old.absent().eq(["net_inum"]));
    }
}
