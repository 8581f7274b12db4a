//! Processes: who they are, their limits, children, signals and System V objects.

use tests::narrow::{Low, raw};

pub(crate) fn run(low: &Low) {
    identity(low);
    limits(low);
    children(low);
    signals(low);
    system_v(low);
}

fn identity(low: &Low) {
    for call in [
        "getpid",
        "getppid",
        "gettid",
        "getuid",
        "getgid",
        "geteuid",
        "getegid",
        "getuid32",
        "getgid32",
        "geteuid32",
        "getegid32",
        "getpgrp",
    ] {
        low.call(call, &[]);
    }
    let three = [low.room(4), low.room(4), low.room(4)];
    for call in ["getresuid", "getresgid", "getresuid32", "getresgid32"] {
        low.call(call, &three);
    }
    low.call("getgroups", &[0, 0]);
    low.call("getgroups32", &[64, low.room(256)]);
    low.call("getpgid", &[0]);
    low.call("getsid", &[0]);
    low.call("setfsuid", &[0]);
    low.call("setfsuid32", &[0]);
    low.call("personality", &[u32::MAX]);
    low.call("capget", &[low.words(&[0x2008_0522, 0]), low.room(24)]);
    low.call("prctl", &[15, low.text("callgen32-main"), 0, 0, 0]);
    low.call("prctl", &[16, low.room(16), 0, 0, 0]);
}

fn limits(low: &Low) {
    let room = low.room(512);
    low.call("uname", &[room]);
    low.call("olduname", &[room]);
    low.call("sysinfo", &[room]);
    low.call("times", &[room]);
    low.call("getrusage", &[0, room]);
    low.call("getrlimit", &[7, room]);
    low.call("ugetrlimit", &[7, room]);
    low.call("setrlimit", &[7, room]);
    low.call("prlimit64", &[0, 7, 0, room]);
    low.call("getpriority", &[0, 0]);
    low.call("setpriority", &[0, 0x3fff_ffff, 5]);
    low.call("nice", &[0]);
    low.call("sched_getparam", &[0, room]);
    low.call("sched_getscheduler", &[0]);
    low.call("sched_get_priority_max", &[1]);
    low.call("sched_get_priority_min", &[1]);
    low.call("sched_rr_get_interval", &[0, room]);
    low.call("sched_rr_get_interval_time64", &[0, room]);
    low.call("sched_getaffinity", &[0, 64, room]);
    low.call("sched_yield", &[]);
    low.call("getrandom", &[room, 8, 1]);
    low.call("getcpu", &[low.room(4), low.room(4), 0]);
}

fn children(low: &Low) {
    let status = low.room(4);
    let wait = |name: &str, arguments: &dyn Fn(u32) -> Vec<u32>| {
        let pid = low.call("fork", &[]);
        if pid == 0 {
            low.call("exit", &[7]);
        }
        low.call(name, &arguments(pid as u32));
    };
    wait("waitpid", &|pid| vec![pid, status, 0]);
    wait("wait4", &|pid| vec![pid, status, 0, low.room(144)]);
    wait("waitid", &|pid| vec![1, pid, low.room(128), 4, low.room(144)]);
    low.call("wait4", &[u32::MAX, status, 1, 0]);
}

fn signals(low: &Low) {
    const SIGUSR1: u32 = 10;
    let room = low.room(64);
    let me = low.call("getpid", &[]) as u32;
    let set = low.words(&[1 << (SIGUSR1 - 1), 0]);
    low.call("rt_sigaction", &[SIGUSR1, low.words(&[1, 0x1000_0000, 0, 0, 0]), room, 8]);
    low.call("sigaction", &[SIGUSR1, 0, room]);
    low.call("rt_sigprocmask", &[0, set, room, 8]);
    low.call("sigprocmask", &[0, set, room]);
    low.call("kill", &[me, SIGUSR1]);
    low.call("rt_sigpending", &[room, 8]);
    low.call("sigpending", &[room]);
    let (now, wide) = (low.words(&[0, 0]), low.words(&[0, 0, 0, 0]));
    low.call("rt_sigtimedwait", &[set, low.room(128), now, 8]);
    low.call("rt_sigtimedwait_time64", &[set, low.room(128), wide, 8]);
    low.call("tgkill", &[me, me, 0]);
    low.call("tkill", &[me, 0]);
    low.call("sigaltstack", &[0, room]);
    low.call("rt_sigprocmask", &[1, set, 0, 8]);
    let signals = low.fd("signalfd4", &[u32::MAX, set, 8, 0o4000]);
    low.call("close", &[signals]);
    low.call("set_tid_address", &[room]);
    low.call("get_robust_list", &[0, room, room + 8]);
}

/// Through `ipc`, and by the numbers that came later.
fn system_v(low: &Low) {
    let ipc = |sub: u32, first: u32, second: u32, third: u32, pointer: u32, fifth: u32| {
        raw(117, &[sub, first, second, third, pointer, fifth])
    };
    const NEW_LAYOUT: u32 = 0x100;
    let room = low.room(128);
    let memory = ipc(23, 0, 4096, 0o1600, 0, 0) as u32;
    ipc(24, memory, NEW_LAYOUT | 2, 0, room, 0);
    let at = low.room(4);
    if ipc(21, memory, 0, at, 0, 0) == 0 {
        ipc(22, 0, 0, 0, low.word(at), 0);
    }
    low.call("shmctl", &[memory, NEW_LAYOUT | 2, room]);
    ipc(24, memory, NEW_LAYOUT, 0, 0, 0);
    let semaphores = ipc(2, 0, 1, 0o1600, 0, 0) as u32;
    let raise = low.bytes(&[0, 0, 1, 0, 0, 0]);
    ipc(1, semaphores, 1, 0, raise, 0);
    ipc(4, semaphores, 1, 0, raise, low.words(&[0, 1]));
    low.call("semtimedop_time64", &[semaphores, raise, 1, low.words(&[0, 0, 1, 0])]);
    low.call("semctl", &[semaphores, 0, NEW_LAYOUT, 0]);
    let queue = low.fd("msgget", &[0, 0o1600]);
    let message = low.bytes(b"\x01\0\0\0a message");
    ipc(11, queue, 9, 0, message, 0);
    low.call("msgrcv", &[queue, low.room(32), 16, 0, 0o4000]);
    low.call("msgsnd", &[queue, message, 9, 0]);
    low.call("msgctl", &[queue, NEW_LAYOUT | 2, room]);
    ipc(14, queue, NEW_LAYOUT, 0, 0, 0);
}
