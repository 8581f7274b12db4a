//! Calls of most other kinds: queues, signals, scheduling, memory, keys, mounts, and what must be refused.

use tests::narrow::Low;

const NOBODY: u32 = u32::MAX;
const CWD: u32 = -100_i32 as u32;

pub(crate) fn run(low: &Low) {
    queues(low);
    several_messages(low);
    signals(low);
    scheduling(low);
    memory(low);
    attributes(low);
    watches(low);
    security(low);
    mounts(low);
    identities(low);
    refused(low);
    gone(low);
}

fn queues(low: &Low) {
    let name = low.text("sysreel-callgen32");
    // Flags, messages at most, bytes of each, messages there are.
    let attributes = low.words(&[0, 4, 64, 0, 0, 0, 0, 0]);
    let queue = low.fd("mq_open", &[name, 0o102, 0o600, attributes]);
    let late = low.words(&[1, 5]);
    let late64 = low.words(&[1, 0, 5, 0]);
    low.call("mq_timedsend", &[queue, low.text("first"), 5, 3, late]);
    low.call("mq_timedsend_time64", &[queue, low.text("second"), 6, 4, late64]);
    low.call("mq_getsetattr", &[queue, attributes, low.room(32)]);
    low.call("mq_timedreceive", &[queue, low.room(64), 64, low.room(4), late]);
    low.call("mq_timedreceive_time64", &[queue, low.room(64), 64, low.room(4), late64]);
    // SIGEV_SIGNAL of SIGURG.
    let mut event = [0; 16];
    event[..3].copy_from_slice(&[7, 23, 0]);
    low.call("mq_notify", &[queue, low.words(&event)]);
    low.call("close", &[queue]);
    low.call("mq_unlink", &[name]);
    low.call("mq_unlink", &[name]);
}

fn several_messages(low: &Low) {
    let ends = low.room(8);
    low.call("socketpair", &[1, 2, 0, ends]);
    let (one, other) = (low.word(ends), low.word(ends + 4));
    let message = |parts: u32| [0, 0, parts, 1, 0, 0, 0, 0];
    let parts = [low.words(&[low.text("first"), 5]), low.words(&[low.text("second"), 6])];
    let both = low.words(&parts.map(message).concat());
    low.call("sendmmsg", &[one, both, 2, 0]);
    let room = [low.words(&[low.room(16), 16]), low.words(&[low.room(16), 16])];
    let first = low.words(&message(room[0]));
    low.call("recvmmsg", &[other, first, 1, 0x40, low.words(&[1, 0])]);
    let second = low.words(&message(room[1]));
    low.call("recvmmsg_time64", &[other, second, 1, 0x40, low.words(&[1, 0, 0, 0])]);
    low.call("close", &[one]);
    low.call("close", &[other]);
}

fn signals(low: &Low) {
    // SIGURG, which does nothing.
    const URGENT: u32 = 23;
    let (pid, tid) = (low.call("getpid", &[]) as u32, low.call("gettid", &[]) as u32);
    low.call("signal", &[URGENT, 1]);
    low.call("signal", &[URGENT, 0]);
    let old = low.call("sgetmask", &[]) as u32;
    low.call("ssetmask", &[old]);
    // SI_QUEUE.
    let mut information = [0; 32];
    information[..6].copy_from_slice(&[URGENT, 0, -1_i32 as u32, pid, 0, 77]);
    let information = low.words(&information);
    low.call("rt_sigqueueinfo", &[pid, URGENT, information]);
    low.call("rt_tgsigqueueinfo", &[pid, tid, URGENT, information]);
    let pidfd = low.fd("pidfd_open", &[pid, 0]);
    low.call("pidfd_send_signal", &[pidfd, URGENT, information, 0]);
    let copy = low.fd("pidfd_getfd", &[pidfd, 0, 0]);
    low.call("close", &[copy]);
    low.call("close", &[pidfd]);
    let mask = low.words(&[1 << (URGENT - 1), 0]);
    let fd = low.fd("signalfd", &[NOBODY, mask, 8]);
    low.call("close", &[fd]);
    let fd = low.fd("eventfd", &[3]);
    low.call("close", &[fd]);
}

fn scheduling(low: &Low) {
    low.call("sched_setparam", &[0, low.words(&[0])]);
    low.call("sched_setscheduler", &[0, 0, low.words(&[0])]);
    let room = low.room(128);
    low.call("sched_getaffinity", &[0, 128, room]);
    low.call("sched_setaffinity", &[0, 128, room]);
    let attributes = low.room(56);
    low.call("sched_getattr", &[0, attributes, 56, 0]);
    low.call("sched_setattr", &[0, attributes, 0]);
    low.call("ioprio_get", &[1, 0]);
    low.call("ioprio_set", &[1, 0x3fff_ffff, 0]);
    low.call("membarrier", &[0, 0, 0]);
    low.call("set_robust_list", &[8, 5]);
    // One waiter, of a word that has another value.
    let word = low.words(&[1]);
    let waiter = low.words(&[2, 0, word, 0, 2, 0]);
    low.call("futex_waitv", &[waiter, 1, 0, low.words(&[1, 0, 0, 0]), 1]);
    low.call("clone3", &[low.room(88), 3]);
    low.call("unshare", &[0]);
    low.call("setns", &[NOBODY, 0]);
    low.call("kcmp", &[1, 0x3fff_ffff, 0, 0, 0]);
}

fn memory(low: &Low) {
    let pid = low.call("getpid", &[]) as u32;
    let text = low.text("of the same process");
    let (here, there) = (low.words(&[low.room(32), 9]), low.words(&[text, 19]));
    low.call("process_vm_readv", &[pid, here, 1, there, 1, 0]);
    low.call("process_vm_writev", &[pid, there, 1, here, 1, 0]);
    low.call("process_madvise", &[NOBODY, there, 1, 4, 0]);
    low.call("process_mrelease", &[NOBODY, 0]);
    low.call("mlock2", &[text, 1, 9999]);
    low.call("munlockall", &[]);
    low.call("mlockall", &[9999]);
    low.call("pkey_alloc", &[0, 9999]);
    low.call("pkey_mprotect", &[8, 4096, 1, 9999]);
    low.call("pkey_free", &[9999]);
    low.call("get_mempolicy", &[low.room(4), 0, 0, 0, 0]);
    low.call("set_mempolicy", &[9999, 0, 0]);
    low.call("mbind", &[8, 4096, 9999, 0, 0, 0]);
    low.call("set_mempolicy_home_node", &[0, 4096, 9999, 0]);
    low.call("remap_file_pages", &[8, 4096, 0, 0, 0]);
    low.call("modify_ldt", &[0, low.room(16), 16]);
}

fn attributes(low: &Low) {
    let fd = low.fd("open", &[low.text("attributed"), 0o102, 0o600]);
    let (path, name, value, room) =
        (low.text("attributed"), low.text("user.form"), low.text("round"), low.room(64));
    low.call("fsetxattr", &[fd, name, value, 5, 0]);
    low.call("fgetxattr", &[fd, name, room, 64]);
    low.call("flistxattr", &[fd, room, 64]);
    low.call("fremovexattr", &[fd, name]);
    low.call("lsetxattr", &[path, name, value, 5, 1]);
    low.call("lgetxattr", &[path, name, room, 64]);
    low.call("llistxattr", &[path, room, 64]);
    low.call("lremovexattr", &[path, name]);
    low.call("syncfs", &[fd]);
    low.call("ustat", &[0, low.room(32)]);
    low.call("sysfs", &[3, 0, 0]);
    low.call("close", &[fd]);
}

fn watches(low: &Low) {
    let watcher = low.fd("inotify_init", &[]);
    low.call("inotify_rm_watch", &[watcher, 9999]);
    low.call("close", &[watcher]);
    let watcher = low.fd("fanotify_init", &[1, 0]);
    // FAN_MARK_ADD of FAN_OPEN, which has 64 bits.
    low.call("fanotify_mark", &[watcher, 1, 0x20, 0, CWD, low.text("attributed")]);
    low.call("close", &[watcher]);
    let fd = low.fd("userfaultfd", &[0o2_004_000]);
    low.call("close", &[fd]);
    let ring = low.fd("io_uring_setup", &[4, low.room(120)]);
    low.call("io_uring_enter", &[ring, 0, 0, 0, 0, 0]);
    low.call("io_uring_register", &[ring, 9999, 0, 0]);
    low.call("close", &[ring]);
    let fd = low.fd("perf_event_open", &[low.room(128), 0, NOBODY, NOBODY, 0]);
    low.call("close", &[fd]);
}

fn security(low: &Low) {
    low.call("bpf", &[9999, 0, 0]);
    low.call("seccomp", &[2, 0, low.words(&[0x7fff_0000])]);
    let ruleset = low.fd("landlock_create_ruleset", &[low.words(&[4, 0]), 8, 0]);
    low.call("landlock_add_rule", &[ruleset, 9999, 0, 0]);
    low.call("landlock_restrict_self", &[NOBODY, 0]);
    low.call("close", &[ruleset]);
    low.call("add_key", &[low.text("user"), low.text("sysreel"), low.text("secret"), 6, -2_i32 as u32]);
    low.call("request_key", &[low.text("user"), low.text("absent"), 0, 0]);
    low.call("keyctl", &[0, -2_i32 as u32, 0, 0, 0]);
    low.call("capset", &[low.words(&[0x1234, 0]), low.room(24)]);
    low.call("ptrace", &[2, 0x3fff_ffff, 8, low.room(4)]);
}

fn mounts(low: &Low) {
    let absent = low.text("absent/place");
    low.call("mount", &[low.text("none"), absent, low.text("tmpfs"), 6, low.text("size=1m")]);
    low.call("umount", &[absent]);
    low.call("umount2", &[absent, 2]);
    low.call("pivot_root", &[absent, absent]);
    low.call("chroot", &[absent]);
    low.call("open_tree", &[CWD, absent, 1]);
    low.call("move_mount", &[CWD, absent, CWD, absent, 0]);
    low.call("mount_setattr", &[CWD, absent, 0, low.words(&[1, 0, 2, 0, 0, 0, 0, 0]), 32]);
    low.call("fsopen", &[low.text("absent"), 0]);
    low.call("fspick", &[CWD, absent, 0]);
    low.call("fsconfig", &[NOBODY, 1, low.text("key"), low.text("value"), 0]);
    low.call("fsmount", &[NOBODY, 0, 0]);
    low.call("name_to_handle_at", &[CWD, low.text("attributed"), low.words(&[0, 0]), low.room(4), 0]);
    low.call("open_by_handle_at", &[NOBODY, low.words(&[8, 1, 2, 3]), 0]);
}

/// What root already is.
fn identities(low: &Low) {
    for name in ["setuid", "setuid32", "setgid", "setgid32", "setfsgid", "setfsgid32"] {
        low.call(name, &[0]);
    }
    for name in ["setreuid", "setregid", "setreuid32", "setregid32"] {
        low.call(name, &[NOBODY, NOBODY]);
    }
    for name in ["setresuid", "setresgid", "setresuid32", "setresgid32"] {
        low.call(name, &[NOBODY, NOBODY, NOBODY]);
    }
    for name in ["setgroups", "setgroups32"] {
        low.call(name, &[70_000, 0]);
    }
    low.call("setpgid", &[0x3fff_ffff, 0]);
    low.call("setsid", &[]);
}

/// What is asked is wrong, so that the kernel refuses it.
fn refused(low: &Low) {
    let text = low.text("absent/file");
    low.call("clock_settime", &[1, low.words(&[1, 2])]);
    low.call("clock_settime64", &[1, low.words(&[1, 0, 2, 0])]);
    low.call("settimeofday", &[low.words(&[1, 2_000_000]), 0]);
    low.call("reboot", &[1, 2, 3, 0]);
    low.call("init_module", &[text, 9, low.text("parameter=1")]);
    low.call("finit_module", &[NOBODY, low.text(""), 0]);
    low.call("delete_module", &[low.text("sysreel_absent"), 0o4000]);
    low.call("kexec_load", &[0x1000, 1, low.words(&[0x10_0000, 0x1000, 0x20_0000, 0x2000]), 0xff00]);
    low.call("quotactl", &[0x8000_0700, text, 0, 0]);
    low.call("swapon", &[text, 0]);
    low.call("swapoff", &[text]);
    low.call("acct", &[text]);
    low.call("sethostname", &[8, 5]);
    low.call("setdomainname", &[8, 5]);
    low.call("syslog", &[10, 0, 0]);
    low.call("uselib", &[text]);
    low.call("arch_prctl", &[0xffff, 0]);
    low.call("iopl", &[4]);
    low.call("ioperm", &[0x80, 1, 0]);
}

/// Calls that were taken away again, or never made.
fn gone(low: &Low) {
    for name in [
        "afs_syscall",
        "bdflush",
        "break",
        "create_module",
        "ftime",
        "get_kernel_syms",
        "getpmsg",
        "gtty",
        "idle",
        "lock",
        "mpx",
        "nfsservctl",
        "prof",
        "profil",
        "putpmsg",
        "query_module",
        "stty",
        "ulimit",
        "vserver",
    ] {
        low.call(name, &[8, 2, 3, 4, 5, 6]);
    }
}
