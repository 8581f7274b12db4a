//! Signals: handlers, masks, waiting and sending, and the return from a handler.

use libc::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM, SIGUSR1, SIGUSR2, timespec};

use crate::call::{in_child, sys};

/// Bit of a signal in a kernel signal set.
const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

extern "C" fn nothing(_signal: i32) {}

pub(crate) fn run() {
    handled();
    masked();
    queued();
    stopped_and_killed();
}

fn handle(signal: i32) {
    // SAFETY: the handler does nothing, so it is safe at any moment. libc supplies the restorer the kernel wants.
    unsafe { libc::signal(signal, nothing as *const () as libc::sighandler_t) };
}

fn handled() {
    handle(SIGUSR1);
    let pid = sys!(libc::SYS_getpid);
    let tid = sys!(libc::SYS_gettid);
    sys!(libc::SYS_kill, pid, SIGUSR1);
    sys!(libc::SYS_tgkill, pid, tid, SIGUSR1);
    sys!(libc::SYS_tkill, tid, SIGUSR1);
    sys!(libc::SYS_kill, pid, 0);
    sys!(libc::SYS_kill, 0x3fff_ffff, SIGUSR1);
    sys!(libc::SYS_kill, pid, 9999);
    sys!(libc::SYS_tgkill, pid, 0x3fff_ffff, SIGUSR1);
    sys!(libc::SYS_rt_sigaction, SIGUSR2, 0, &mut [0_u64; 4], 8_usize);
    sys!(libc::SYS_rt_sigaction, SIGKILL, &[0_u64; 4], 0, 8_usize);
    let mut stack = [0_u64; 3];
    sys!(libc::SYS_sigaltstack, 0, &mut stack);
    sys!(libc::SYS_sigaltstack, 8_usize, 0);
    // A timer's signal ends a wait: the call reports EINTR after its handler ran. It comes in the wait alone, or one that begins
    // late, as under a tracer on a busy machine, would never end.
    handle(libc::SIGALRM);
    let mut before = 0_u64;
    sys!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &bit(libc::SIGALRM), &mut before, 8_usize);
    sys!(libc::SYS_setitimer, libc::ITIMER_REAL, &[0_i64, 0, 0, 2000], &mut [0_i64; 4]);
    sys!(libc::SYS_rt_sigsuspend, &0_u64, 8_usize);
    sys!(libc::SYS_setitimer, libc::ITIMER_REAL, &[0_i64, 0, 0, 2000], 0);
    sys!(libc::SYS_ppoll, 0, 0_usize, 0, &0_u64, 8_usize);
    sys!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &before, 0, 8_usize);
    sys!(libc::SYS_getitimer, libc::ITIMER_REAL, &mut [0_i64; 4]);
    sys!(libc::SYS_getitimer, 9999, &mut [0_i64; 4]);
}

fn masked() {
    let (mut old, mask) = (0_u64, bit(SIGUSR1));
    let pid = sys!(libc::SYS_getpid);
    sys!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &mask, &mut old, 8_usize);
    sys!(libc::SYS_rt_sigprocmask, 9999, &mask, 0, 8_usize);
    sys!(libc::SYS_kill, pid, SIGUSR1);
    sys!(libc::SYS_rt_sigpending, &mut [0_u64; 1], 8_usize);
    let (mut information, now) = ([0_u8; 128], timespec { tv_sec: 0, tv_nsec: 0 });
    sys!(libc::SYS_rt_sigtimedwait, &mask, &mut information, &now, 8_usize);
    sys!(libc::SYS_rt_sigtimedwait, &mask, &mut information, &now, 8_usize);
    sys!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &old, 0, 8_usize);
}

fn queued() {
    let pid = sys!(libc::SYS_getpid);
    let tid = sys!(libc::SYS_gettid);
    let mut information = [0_i32; 32];
    information[2] = -1; // SI_QUEUE
    sys!(libc::SYS_rt_sigqueueinfo, pid, SIGUSR1, &information);
    sys!(libc::SYS_rt_tgsigqueueinfo, pid, tid, SIGUSR1, &information);
    sys!(libc::SYS_rt_tgsigqueueinfo, pid, 0x3fff_ffff, SIGUSR1, &information);
    let pidfd = sys!(libc::SYS_pidfd_open, pid, 0_u32);
    sys!(libc::SYS_pidfd_send_signal, pidfd, SIGUSR1, 0, 0_u32);
    sys!(libc::SYS_pidfd_send_signal, pidfd, 9999, 0, 0_u32);
    sys!(libc::SYS_close, pidfd);
}

fn stopped_and_killed() {
    let mut status = 0_i32;
    for deadly in [SIGTERM, SIGKILL] {
        let child = sys!(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0);
        if child == 0 {
            loop {
                sys!(libc::SYS_ppoll, 0, 0_usize, 0, 0, 8_usize);
            }
        }
        sys!(libc::SYS_kill, child, deadly);
        sys!(libc::SYS_wait4, child, &mut status, 0, 0);
    }
    in_child(|| {
        sys!(libc::SYS_kill, sys!(libc::SYS_getpid), libc::SIGABRT);
    });
    // A sleep that is stopped and continued goes on as restart_syscall.
    let sleeper = sys!(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0);
    if sleeper == 0 {
        sys!(libc::SYS_nanosleep, &timespec { tv_sec: 0, tv_nsec: 60_000_000 }, 0);
        sys!(libc::SYS_exit_group, 3);
    }
    sys!(libc::SYS_nanosleep, &timespec { tv_sec: 0, tv_nsec: 10_000_000 }, 0);
    sys!(libc::SYS_kill, sleeper, SIGSTOP);
    sys!(libc::SYS_wait4, sleeper, &mut status, libc::WUNTRACED, 0);
    sys!(libc::SYS_kill, sleeper, SIGCONT);
    sys!(libc::SYS_wait4, sleeper, &mut status, 0, 0);
}
