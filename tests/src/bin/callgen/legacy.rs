//! Calls that only older architectures have; newer ones make do with the `*at` forms.

use libc::{O_CREAT, O_RDONLY, O_RDWR};

use crate::call::{descriptor, in_child, sys};

pub(crate) fn run() {
    files();
    waiting();
    processes();
    gone();
}

fn files() {
    let mut room = [0_u8; 256];
    let out = room.as_mut_ptr();
    let fd = descriptor(sys!(libc::SYS_open, c"old", O_RDWR | O_CREAT, 0o644));
    sys!(libc::SYS_open, c"absent", O_RDONLY);
    let made = descriptor(sys!(libc::SYS_creat, c"created", 0o600));
    sys!(libc::SYS_creat, c"no/where", 0o600);
    sys!(libc::SYS_stat, c"old", out);
    sys!(libc::SYS_stat, c"absent", out);
    sys!(libc::SYS_lstat, c"old", out);
    sys!(libc::SYS_lstat, c"absent", out);
    sys!(libc::SYS_access, c"old", libc::R_OK);
    sys!(libc::SYS_access, c"absent", libc::R_OK);
    sys!(libc::SYS_chmod, c"old", 0o600);
    sys!(libc::SYS_chmod, c"absent", 0o600);
    sys!(libc::SYS_chown, c"old", 0, 0);
    sys!(libc::SYS_lchown, c"absent", 0, 0);
    sys!(libc::SYS_link, c"old", c"old link");
    sys!(libc::SYS_link, c"absent", c"old link");
    sys!(libc::SYS_symlink, c"old", c"old symlink");
    sys!(libc::SYS_readlink, c"old symlink", out, room.len());
    sys!(libc::SYS_readlink, c"old", out, room.len());
    sys!(libc::SYS_rename, c"old link", c"old name");
    sys!(libc::SYS_rename, c"old link", c"old name");
    sys!(libc::SYS_mkdir, c"old dir", 0o700);
    sys!(libc::SYS_mkdir, c"old dir", 0o700);
    let folder = descriptor(sys!(libc::SYS_open, c"old dir", O_RDONLY));
    sys!(libc::SYS_getdents, folder, out, room.len());
    sys!(libc::SYS_close, folder);
    sys!(libc::SYS_rmdir, c"old dir");
    sys!(libc::SYS_rmdir, c"old dir");
    sys!(libc::SYS_mknod, c"old fifo", libc::S_IFIFO | 0o600, 0);
    sys!(libc::SYS_utime, c"old", &[1_000_000_000_i64, 1_000_000_001]);
    sys!(libc::SYS_utimes, c"old", &[1_000_000_000_i64, 1, 1_000_000_001, 2]);
    sys!(libc::SYS_futimesat, libc::AT_FDCWD, c"absent", 0);
    sys!(libc::SYS_dup2, fd, 88);
    sys!(libc::SYS_dup2, -1, 88);
    sys!(libc::SYS_write, 88, b"old".as_ptr(), 3_usize);
    sys!(libc::SYS_close, 88);
    sys!(libc::SYS_unlink, c"old name");
    sys!(libc::SYS_unlink, c"old name");
    sys!(libc::SYS_sysfs, 3);
    sys!(libc::SYS_ustat, 0, out);
    sys!(libc::SYS_close, made);
    sys!(libc::SYS_close, fd);
}

fn waiting() {
    let mut ends = [-1_i32; 2];
    sys!(libc::SYS_pipe, &mut ends);
    sys!(libc::SYS_pipe, 8_usize);
    let mut polled = libc::pollfd { fd: ends[0], events: libc::POLLIN, revents: 0 };
    sys!(libc::SYS_poll, &mut polled, 1_usize, 0);
    sys!(libc::SYS_poll, 8_usize, 1_usize, 0);
    let mut set = [0_u64; 16];
    set[0] = 1 << ends[0];
    sys!(libc::SYS_select, ends[0] + 1, &mut set, 0, 0, &mut [0_i64; 2]);
    let epoll = descriptor(sys!(libc::SYS_epoll_create, 1));
    sys!(libc::SYS_epoll_create, 0);
    sys!(libc::SYS_epoll_wait, epoll, &mut [0_u8; 120], 10, 0);
    sys!(libc::SYS_epoll_wait, epoll, &mut [0_u8; 120], 0, 0);
    let event = descriptor(sys!(libc::SYS_eventfd, 3_u32));
    let signal = descriptor(sys!(libc::SYS_signalfd, -1, &(1_u64 << (libc::SIGUSR2 - 1)), 8_usize));
    let watch = descriptor(sys!(libc::SYS_inotify_init));
    for fd in [ends[0], ends[1], epoll, event, signal, watch] {
        sys!(libc::SYS_close, fd);
    }
    let mut now = 0_i64;
    sys!(libc::SYS_time, &mut now);
    sys!(libc::SYS_alarm, 100_u32);
    sys!(libc::SYS_alarm, 0_u32);
}

/// Calls that were taken away again, or never made.
fn gone() {
    for number in [
        libc::SYS__sysctl,
        libc::SYS_afs_syscall,
        174, // create_module
        libc::SYS_epoll_ctl_old,
        libc::SYS_epoll_wait_old,
        177, // get_kernel_syms
        libc::SYS_get_thread_area,
        libc::SYS_getpmsg,
        libc::SYS_putpmsg,
        178, // query_module
        libc::SYS_security,
        libc::SYS_set_thread_area,
        libc::SYS_tuxcall,
    ] {
        sys!(number, 8_usize, 2, 3, 4, 5, 6);
    }
    sys!(libc::SYS_uselib, c"/absent/library");
}

/// A child that has the parent's stack as well, so that it must not return from where it is made.
fn borrowing() {
    // SAFETY: the child only ends, and uses no memory.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test eax, eax",
            "jnz 2f",
            "mov eax, {exit}",
            "mov edi, 9",
            "syscall",
            "2:",
            exit = const libc::SYS_exit_group,
            inout("rax") libc::SYS_vfork => _,
            out("rdi") _,
            out("rcx") _,
            out("r11") _,
        );
    }
    let mut status = 0_i32;
    sys!(libc::SYS_wait4, -1, &mut status, 0, 0);
}

fn processes() {
    borrowing();
    // Ends by the alarm.
    in_child(|| {
        sys!(libc::SYS_setitimer, libc::ITIMER_REAL, &[0_i64, 0, 0, 20_000], 0);
        sys!(libc::SYS_pause);
    });
    sys!(libc::SYS_getpgrp);
    let pid = sys!(libc::SYS_fork);
    if pid == 0 {
        sys!(libc::SYS_getppid);
        sys!(libc::SYS_exit, 7);
    }
    let mut status = 0_i32;
    sys!(libc::SYS_wait4, pid, &mut status, 0, 0);
    let mut resources = [0_u64; 2];
    sys!(libc::SYS_getrlimit, libc::RLIMIT_NOFILE, &mut resources);
    sys!(libc::SYS_setrlimit, libc::RLIMIT_NOFILE, &resources);
    sys!(libc::SYS_arch_prctl, 0x1003, &mut resources);
    sys!(libc::SYS_arch_prctl, 0xffff, 0);
    sys!(libc::SYS_iopl, 4);
    sys!(libc::SYS_ioperm, 0x80_u64, 1_u64, 0);
    sys!(libc::SYS_modify_ldt, 0, &mut [0_u8; 16], 16_usize);
}
