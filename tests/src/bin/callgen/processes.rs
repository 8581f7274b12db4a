//! Processes: their numbers, children in every way, exec, waiting, scheduling and limits.

use libc::{SIGCHLD, WEXITED, WNOHANG};

use crate::call::{descriptor, in_child, sys};

pub(crate) fn run() {
    numbers();
    children();
    exec();
    scheduling();
    limits();
    control();
}

fn numbers() {
    sys!(libc::SYS_getpid);
    sys!(libc::SYS_gettid);
    sys!(libc::SYS_getppid);
    sys!(libc::SYS_getpgid, 0);
    sys!(libc::SYS_getpgid, 0x3fff_ffff);
    sys!(libc::SYS_getsid, 0);
    sys!(libc::SYS_set_tid_address, &mut 0_i32);
    in_child(|| {
        sys!(libc::SYS_setpgid, 0, 0);
        sys!(libc::SYS_setsid);
    });
    in_child(|| {
        sys!(libc::SYS_setsid);
        sys!(libc::SYS_setsid);
    });
    sys!(libc::SYS_setpgid, 0x3fff_ffff, 0);
}

fn children() {
    let mut status = 0_i32;
    let mut usage = [0_u64; 18];
    let plain = sys!(libc::SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if plain == 0 {
        sys!(libc::SYS_exit, 11);
    }
    sys!(libc::SYS_wait4, plain, &mut status, 0, &mut usage);
    sys!(libc::SYS_wait4, plain, &mut status, WNOHANG, 0);
    // clone3 with a pidfd: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls.
    let mut pidfd = -1_i32;
    let arguments =
        [libc::CLONE_PIDFD as u64, std::ptr::from_mut(&mut pidfd) as u64, 0, 0, SIGCHLD as u64, 0, 0, 0];
    let modern = sys!(libc::SYS_clone3, &arguments, size_of_val(&arguments));
    if modern == 0 {
        sys!(libc::SYS_exit_group, 12);
    }
    let mut information = [0_u8; 128];
    sys!(libc::SYS_waitid, libc::P_PIDFD, pidfd, &mut information, WEXITED, 0);
    sys!(libc::SYS_waitid, libc::P_PID, modern, &mut information, WEXITED, 0);
    sys!(libc::SYS_pidfd_getfd, pidfd, 0, 0_u32);
    sys!(libc::SYS_close, pidfd);
    sys!(libc::SYS_clone3, &arguments, 3_usize);
    sys!(libc::SYS_clone3, 8_usize, 64_usize);
    let own = descriptor(sys!(libc::SYS_pidfd_open, sys!(libc::SYS_getpid), 0_u32));
    let copy = descriptor(sys!(libc::SYS_pidfd_getfd, own, 2, 0_u32));
    sys!(libc::SYS_close, copy);
    sys!(libc::SYS_close, own);
    sys!(libc::SYS_pidfd_open, 0x3fff_ffff, 0_u32);
}

fn exec() {
    let arguments: [*const libc::c_char; 4] = [
        c"/proc/self/exe".as_ptr(),
        c"--exit".as_ptr(),
        c"an argument with spaces".as_ptr(),
        std::ptr::null(),
    ];
    let environment: [*const libc::c_char; 2] = [c"CALLGEN=1".as_ptr(), std::ptr::null()];
    sys!(libc::SYS_execve, c"/absent/program", &arguments, &environment);
    sys!(libc::SYS_execve, c"/etc/passwd", &arguments, &environment);
    sys!(libc::SYS_execve, c"/", &arguments, 0);
    sys!(libc::SYS_execveat, -1, c"absent", &arguments, &environment, 0);
    in_child(|| {
        sys!(libc::SYS_execve, c"/proc/self/exe", &arguments, &environment);
    });
    in_child(|| {
        let program =
            sys!(libc::SYS_openat, libc::AT_FDCWD, c"/proc/self/exe", libc::O_PATH | libc::O_CLOEXEC);
        sys!(libc::SYS_execveat, program, c"", &arguments, &environment, libc::AT_EMPTY_PATH);
    });
    // The parent of a vfork sleeps until the child has replaced itself; the child runs on the parent's stack, so
    // it is left to the standard library, which knows how.
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg("--exit").env_clear();
    let _ = command.status();
}

fn scheduling() {
    let mut mask = [0_u64; 16];
    let mut parameter = 0_i32;
    sys!(libc::SYS_sched_yield);
    sys!(libc::SYS_sched_getaffinity, 0, size_of_val(&mask), &mut mask);
    sys!(libc::SYS_sched_setaffinity, 0, size_of_val(&mask), &mask);
    sys!(libc::SYS_sched_getaffinity, 0x3fff_ffff, size_of_val(&mask), &mut mask);
    sys!(libc::SYS_sched_getscheduler, 0);
    sys!(libc::SYS_sched_getparam, 0, &mut parameter);
    sys!(libc::SYS_sched_setparam, 0, &parameter);
    sys!(libc::SYS_sched_setscheduler, 0, libc::SCHED_BATCH, &parameter);
    sys!(libc::SYS_sched_setscheduler, 0, libc::SCHED_OTHER, &parameter);
    sys!(libc::SYS_sched_setscheduler, 0, 9999, &parameter);
    sys!(libc::SYS_sched_get_priority_max, libc::SCHED_FIFO);
    sys!(libc::SYS_sched_get_priority_min, 9999);
    sys!(libc::SYS_sched_rr_get_interval, 0, &mut [0_i64; 2]);
    let mut attributes = [0_u64; 7];
    sys!(libc::SYS_sched_getattr, 0, &mut attributes, 56_u32, 0_u32);
    sys!(libc::SYS_sched_setattr, 0, &mut attributes, 0_u32);
    sys!(libc::SYS_getpriority, libc::PRIO_PROCESS, 0);
    sys!(libc::SYS_setpriority, libc::PRIO_PROCESS, 0x3fff_ffff, 5);
    sys!(libc::SYS_ioprio_get, 1, 0);
    sys!(libc::SYS_ioprio_set, 1, 0, 0x4004);
    sys!(libc::SYS_getcpu, &mut 0_u32, &mut 0_u32, 0);
}

fn limits() {
    let mut limit = [0_u64; 2];
    sys!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, 0, &mut limit);
    sys!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, &limit, 0);
    sys!(libc::SYS_prlimit64, 0, 9999, 0, &mut limit);
    sys!(libc::SYS_uname, &mut [0_u8; 390]);
    sys!(libc::SYS_sysinfo, &mut [0_u8; 128]);
    sys!(libc::SYS_sysinfo, 8_usize);
}

fn control() {
    sys!(libc::SYS_prctl, libc::PR_GET_NAME, &mut [0_u8; 16], 0, 0, 0);
    sys!(libc::SYS_prctl, libc::PR_SET_NAME, c"callgen-renamed", 0, 0, 0);
    sys!(libc::SYS_prctl, libc::PR_GET_DUMPABLE, 0, 0, 0, 0);
    sys!(libc::SYS_prctl, 0x7fff_0000, 0, 0, 0, 0);
    sys!(libc::SYS_personality, 0xffff_ffff_u32);
    let pid = sys!(libc::SYS_getpid);
    sys!(libc::SYS_kcmp, pid, pid, 0, 0, 1);
    sys!(libc::SYS_ptrace, 9999, pid, 0, 0);
    sys!(libc::SYS_get_robust_list, 0, &mut 0_u64, &mut 0_u64);
    sys!(libc::SYS_set_robust_list, 0, 3_usize);
    sys!(libc::SYS_process_madvise, -1, 0, 0_usize, 0, 0_u32);
    sys!(libc::SYS_process_mrelease, -1, 0_u32);
    sys!(libc::SYS_rseq, 8_usize, 32_u32, 0, 0_u32);
}
