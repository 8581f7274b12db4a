//! Descriptors: copies, flags, pipes, and data moved between them inside the kernel.

use libc::{
    AT_FDCWD, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD, F_SETFL, O_CLOEXEC, O_CREAT, O_NONBLOCK,
    O_RDWR,
};
use libc::{c_void, iovec};

use crate::call::{descriptor, sys};

pub(crate) fn run() {
    let fd = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"source", O_RDWR | O_CREAT, 0o600));
    sys!(libc::SYS_write, fd, b"0123456789abcdef".as_ptr(), 16_usize);
    copies(fd);
    control(fd);
    pipes(fd);
    anonymous();
    sys!(libc::SYS_close, fd);
}

fn copies(fd: i32) {
    let copy = descriptor(sys!(libc::SYS_dup, fd));
    sys!(libc::SYS_dup, -1);
    sys!(libc::SYS_dup3, fd, 77, O_CLOEXEC);
    sys!(libc::SYS_dup3, fd, fd, 0);
    // A descriptor that is replaced while open.
    sys!(libc::SYS_dup3, copy, 77, 0);
    sys!(libc::SYS_write, 77, b"through 77".as_ptr(), 10_usize);
    sys!(libc::SYS_close, copy);
    for target in 200..205 {
        sys!(libc::SYS_dup3, fd, target, 0);
    }
    sys!(libc::SYS_close_range, 200_u32, 203_u32, 0);
    sys!(libc::SYS_close_range, 204_u32, 204_u32, libc::CLOSE_RANGE_CLOEXEC);
    sys!(libc::SYS_close_range, 5_u32, 4_u32, 0);
    sys!(libc::SYS_read, 201, &mut [0_u8; 4], 4_usize);
    sys!(libc::SYS_close, 204);
    sys!(libc::SYS_close, 77);
}

fn control(fd: i32) {
    let copy = descriptor(sys!(libc::SYS_fcntl, fd, F_DUPFD, 50));
    let other = descriptor(sys!(libc::SYS_fcntl, fd, F_DUPFD_CLOEXEC, 60));
    sys!(libc::SYS_fcntl, copy, F_GETFD, 0);
    sys!(libc::SYS_fcntl, copy, F_SETFD, libc::FD_CLOEXEC);
    sys!(libc::SYS_fcntl, copy, F_GETFL, 0);
    sys!(libc::SYS_fcntl, copy, F_SETFL, O_NONBLOCK);
    sys!(libc::SYS_fcntl, copy, 9999, 0);
    sys!(libc::SYS_fcntl, -1, F_GETFD, 0);
    sys!(libc::SYS_close, copy);
    sys!(libc::SYS_close, other);
    let mut waiting = 0_i32;
    sys!(libc::SYS_ioctl, fd, libc::FIONREAD, &mut waiting);
    sys!(libc::SYS_ioctl, fd, libc::TCGETS, &mut [0_u8; 64]);
    sys!(libc::SYS_ioctl, -1, libc::FIONREAD, &mut waiting);
    sys!(libc::SYS_ioctl, fd, 0x8008_6601_u32, &mut 0_i32); // FS_IOC_GETFLAGS
    sys!(libc::SYS_ioctl, fd, 0x4008_6602_u32, &0xc0_i32); // FS_IOC_SETFLAGS: FS_NODUMP_FL, FS_NOATIME_FL
    sys!(libc::SYS_ioctl, fd, 0x8008_6601_u32, &mut 0_i32);
    sys!(libc::SYS_ioctl, fd, 0x8008_7601_u32, &mut 0_i32); // FS_IOC_GETVERSION
    sys!(libc::SYS_ioctl, fd, 0x801c_581f_u32, &mut [0_u32; 7]); // FS_IOC_FSGETXATTR
    sys!(libc::SYS_ioctl, fd, 2_u32, &mut 0_i32); // FIGETBSZ
    for request in [libc::FIONBIO, libc::FIOASYNC] {
        sys!(libc::SYS_ioctl, fd, request, &1_i32);
        sys!(libc::SYS_ioctl, fd, request, &0_i32);
    }
    sys!(libc::SYS_ioctl, fd, libc::FIOCLEX);
    sys!(libc::SYS_ioctl, fd, libc::FIONCLEX);
    terminal();
    sys!(libc::SYS_ioctl, fd, 0x4020_940d_u32, &[i64::from(fd), 1, 2, 3]); // FICLONERANGE
    sys!(libc::SYS_ioctl, fd, 0xc020_660b_u32, &mut [0_u64, u64::MAX, 1, 0]); // FS_IOC_FIEMAP
    sys!(libc::SYS_ioctl, fd, 0x4c04_u32, &mut [0_u64; 29]); // LOOP_SET_STATUS64
}

/// What is asked of a terminal of our own.
fn terminal() {
    let master = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"/dev/ptmx", O_RDWR | libc::O_NOCTTY, 0));
    sys!(libc::SYS_ioctl, master, libc::TIOCGPTN, &mut 0_i32);
    sys!(libc::SYS_ioctl, master, libc::TIOCSPTLCK, &0_i32);
    let mut settings = [0_u8; 64];
    sys!(libc::SYS_ioctl, master, libc::TCGETS, &mut settings);
    for request in [libc::TCSETS, libc::TCSETSW, libc::TCSETSF] {
        sys!(libc::SYS_ioctl, master, request, &settings);
    }
    sys!(libc::SYS_ioctl, master, libc::TIOCSWINSZ, &[24_u16, 80, 0, 0]);
    sys!(libc::SYS_ioctl, master, libc::TIOCGWINSZ, &mut [0_u16; 4]);
    sys!(libc::SYS_ioctl, master, libc::TIOCOUTQ, &mut 0_i32);
    sys!(libc::SYS_ioctl, master, libc::TIOCGETD, &mut 0_i32);
    sys!(libc::SYS_ioctl, master, libc::TIOCGPGRP, &mut 0_i32);
    sys!(libc::SYS_ioctl, master, libc::TIOCGSID, &mut 0_i32);
    sys!(libc::SYS_ioctl, master, libc::TCSBRK, 1);
    sys!(libc::SYS_ioctl, master, libc::TCFLSH, libc::TCIFLUSH);
    sys!(libc::SYS_ioctl, -1, libc::TIOCSTI, &b'x');
    sys!(libc::SYS_close, master);
}

fn pipes(fd: i32) {
    let mut first = [-1_i32; 2];
    let mut second = [-1_i32; 2];
    sys!(libc::SYS_pipe2, &mut first, O_CLOEXEC | O_NONBLOCK);
    sys!(libc::SYS_pipe2, &mut second, 0);
    sys!(libc::SYS_pipe2, 8_usize, 0);
    sys!(libc::SYS_write, first[1], b"through a pipe".as_ptr(), 14_usize);
    sys!(libc::SYS_tee, first[0], second[1], 100_usize, 0);
    sys!(libc::SYS_read, first[0], &mut [0_u8; 64], 64_usize);
    sys!(libc::SYS_read, first[0], &mut [0_u8; 64], 64_usize);
    sys!(libc::SYS_lseek, first[0], 0, libc::SEEK_CUR);
    let mut text = *b"spliced";
    let part = iovec { iov_base: text.as_mut_ptr().cast::<c_void>(), iov_len: text.len() };
    sys!(libc::SYS_vmsplice, second[1], &part, 1_usize, 0);
    let target = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"target", O_RDWR | O_CREAT, 0o600));
    sys!(libc::SYS_splice, second[0], 0, target, 0, 5_usize, 0);
    let mut at = 0_i64;
    sys!(libc::SYS_splice, fd, &mut at, second[1], 0, 6_usize, 0);
    sys!(libc::SYS_splice, fd, 0, target, 0, 6_usize, 0);
    let mut from = 0_i64;
    sys!(libc::SYS_sendfile, target, fd, &mut from, 8_usize);
    sys!(libc::SYS_sendfile, target, -1, 0, 8_usize);
    let (mut input, mut output) = (0_i64, 32_i64);
    sys!(libc::SYS_copy_file_range, fd, &mut input, target, &mut output, 8_usize, 0);
    sys!(libc::SYS_copy_file_range, first[0], 0, target, 0, 8_usize, 0);
    for end in [first[0], first[1], second[0], second[1], target] {
        sys!(libc::SYS_close, end);
    }
}

fn anonymous() {
    let memory =
        descriptor(sys!(libc::SYS_memfd_create, c"scratch", libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING));
    sys!(libc::SYS_memfd_create, c"scratch", 0x8000_0000_u32);
    sys!(libc::SYS_ftruncate, memory, 4096);
    sys!(libc::SYS_write, memory, b"in memory".as_ptr(), 9_usize);
    sys!(libc::SYS_fcntl, memory, libc::F_ADD_SEALS, libc::F_SEAL_SHRINK);
    sys!(libc::SYS_ftruncate, memory, 1);
    sys!(libc::SYS_close, memory);
    let secret = descriptor(sys!(libc::SYS_memfd_secret, 0));
    sys!(libc::SYS_close, secret);
}
