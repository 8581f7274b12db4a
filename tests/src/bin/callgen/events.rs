//! Waiting for things: epoll, poll, select, eventfd, timerfd, signalfd, inotify, fanotify, io_uring, aio.

use libc::{AT_FDCWD, O_CLOEXEC, O_NONBLOCK, epoll_event, itimerspec, timespec};

use crate::call::{descriptor, sys};

/// `libc` does not name it on every architecture.
#[cfg(target_arch = "x86_64")]
const IO_PGETEVENTS: i64 = 333;
#[cfg(not(target_arch = "x86_64"))]
const IO_PGETEVENTS: i64 = 292;

pub(crate) fn run() {
    epoll();
    polling();
    timers();
    watches();
    asynchronous();
}

fn epoll() {
    let epoll = descriptor(sys!(libc::SYS_epoll_create1, libc::EPOLL_CLOEXEC));
    sys!(libc::SYS_epoll_create1, 12345);
    let counter = descriptor(sys!(libc::SYS_eventfd2, 1_u32, libc::EFD_NONBLOCK));
    sys!(libc::SYS_eventfd2, 1_u32, 12345);
    let mut interest = epoll_event { events: libc::EPOLLIN as u32, u64: 42 };
    sys!(libc::SYS_epoll_ctl, epoll, libc::EPOLL_CTL_ADD, counter, &mut interest);
    sys!(libc::SYS_epoll_ctl, epoll, libc::EPOLL_CTL_ADD, counter, &mut interest);
    sys!(libc::SYS_epoll_ctl, epoll, libc::EPOLL_CTL_MOD, counter, &mut interest);
    let mut ready = [epoll_event { events: 0, u64: 0 }; 4];
    sys!(libc::SYS_epoll_pwait, epoll, ready.as_mut_ptr(), 4, 0, 0, 8_usize);
    let now = timespec { tv_sec: 0, tv_nsec: 0 };
    sys!(libc::SYS_epoll_pwait2, epoll, ready.as_mut_ptr(), 4, &now, 0, 8_usize);
    let mut count = 0_u64;
    sys!(libc::SYS_read, counter, &mut count, 8_usize);
    sys!(libc::SYS_read, counter, &mut count, 8_usize);
    sys!(libc::SYS_write, counter, &5_u64, 8_usize);
    sys!(libc::SYS_epoll_pwait, epoll, ready.as_mut_ptr(), 4, 1, 0, 8_usize);
    sys!(libc::SYS_epoll_pwait, counter, ready.as_mut_ptr(), 4, 0, 0, 8_usize);
    sys!(libc::SYS_epoll_ctl, epoll, libc::EPOLL_CTL_DEL, counter, 0);
    sys!(libc::SYS_epoll_ctl, epoll, libc::EPOLL_CTL_DEL, counter, 0);
    sys!(libc::SYS_close, counter);
    sys!(libc::SYS_close, epoll);
}

fn polling() {
    let counter = descriptor(sys!(libc::SYS_eventfd2, 0_u32, 0));
    let mut polled = [
        libc::pollfd { fd: counter, events: libc::POLLIN | libc::POLLOUT, revents: 0 },
        libc::pollfd { fd: 1234, events: libc::POLLIN, revents: 0 },
    ];
    let now = timespec { tv_sec: 0, tv_nsec: 0 };
    sys!(libc::SYS_ppoll, &mut polled, 2_usize, &now, 0, 8_usize);
    sys!(libc::SYS_ppoll, &mut polled, usize::MAX, &now, 0, 8_usize);
    let mut set = [0_u64; 16];
    set[0] = 1 << counter;
    let mut timeout = timespec { tv_sec: 0, tv_nsec: 1000 };
    sys!(libc::SYS_pselect6, counter + 1, 0, &mut set, 0, &mut timeout, 0);
    sys!(libc::SYS_pselect6, -1, 0, 0, 0, 0, 0);
    sys!(libc::SYS_close, counter);
}

fn timers() {
    let timer = descriptor(sys!(libc::SYS_timerfd_create, libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK));
    sys!(libc::SYS_timerfd_create, 99, 0);
    let zero = timespec { tv_sec: 0, tv_nsec: 0 };
    let soon = itimerspec { it_interval: zero, it_value: timespec { tv_sec: 0, tv_nsec: 1 } };
    let mut old = itimerspec { it_interval: zero, it_value: zero };
    sys!(libc::SYS_timerfd_settime, timer, 0, &soon, &mut old);
    sys!(libc::SYS_timerfd_gettime, timer, &mut old);
    sys!(libc::SYS_timerfd_gettime, -1, &mut old);
    let mut polled = libc::pollfd { fd: timer, events: libc::POLLIN, revents: 0 };
    sys!(libc::SYS_ppoll, &mut polled, 1_usize, 0, 0, 8_usize);
    sys!(libc::SYS_read, timer, &mut [0_u64; 1], 8_usize);
    sys!(libc::SYS_close, timer);
    let mask = 1_u64 << (libc::SIGUSR1 - 1);
    let signal = descriptor(sys!(libc::SYS_signalfd4, -1, &mask, 8_usize, libc::SFD_NONBLOCK));
    sys!(libc::SYS_signalfd4, -1, &mask, 3_usize, 0);
    sys!(libc::SYS_read, signal, &mut [0_u8; 128], 128_usize);
    sys!(libc::SYS_close, signal);
}

fn watches() {
    let watch = descriptor(sys!(libc::SYS_inotify_init1, libc::IN_NONBLOCK));
    let first = sys!(libc::SYS_inotify_add_watch, watch, c".", libc::IN_CREATE | libc::IN_DELETE);
    sys!(libc::SYS_inotify_add_watch, watch, c"absent", libc::IN_CREATE);
    let made = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"watched", libc::O_CREAT | libc::O_RDWR, 0o600));
    sys!(libc::SYS_read, watch, &mut [0_u8; 200], 200_usize);
    sys!(libc::SYS_inotify_rm_watch, watch, first);
    sys!(libc::SYS_inotify_rm_watch, watch, first);
    let everything = descriptor(sys!(libc::SYS_fanotify_init, libc::FAN_CLOEXEC, O_CLOEXEC));
    sys!(libc::SYS_fanotify_mark, everything, libc::FAN_MARK_ADD, libc::FAN_OPEN, AT_FDCWD, c"watched");
    sys!(libc::SYS_fanotify_mark, everything, libc::FAN_MARK_ADD, libc::FAN_OPEN, AT_FDCWD, c"absent");
    for fd in [watch, made, everything] {
        sys!(libc::SYS_close, fd);
    }
    let faults = descriptor(sys!(libc::SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    sys!(libc::SYS_userfaultfd, 12345);
    sys!(libc::SYS_close, faults);
}

/// `struct iocb`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Iocb {
    data: u64,
    key: u32,
    rw_flags: u32,
    opcode: u16,
    reqprio: i16,
    fd: i32,
    buf: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    resfd: u32,
}

fn submitted(context: u64) {
    let [pread, pwrite, fsync, poll, preadv] = [0_u16, 1, 2, 5, 7];
    let fd =
        descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"submitted", libc::O_RDWR | libc::O_CREAT, 0o600_u32));
    let mut room = [0_u8; 32];
    let parts = [libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: 7 }; 2];
    let one = |opcode, buf: u64, bytes| Iocb { opcode, fd, buf, bytes, data: 0x5ec, ..Iocb::default() };
    let write = one(pwrite, c"by a queue".as_ptr() as u64, 10);
    let written = Iocb { offset: 4096, rw_flags: libc::RWF_DSYNC as u32, ..write };
    let read = one(pread, room.as_mut_ptr() as u64, 32);
    let scattered = Iocb { offset: 2, ..one(preadv, parts.as_ptr() as u64, 2) };
    let mut events = [[0_u64; 4]; 4];
    let mut get = |count: i64| {
        let second = timespec { tv_sec: 1, tv_nsec: 0 };
        sys!(libc::SYS_io_getevents, context, count, 4_i64, &mut events, &second);
    };
    sys!(libc::SYS_io_submit, context, 2_i64, &[&raw const write, &raw const written]);
    get(2);
    let sync = one(fsync, 0, 0);
    let ready = one(poll, libc::POLLIN as u64, 0);
    let all = [&raw const read, &raw const scattered, &raw const sync, &raw const ready];
    sys!(libc::SYS_io_submit, context, 4_i64, &all);
    get(4);
    // The kernel stops at the first that it does not take: it says how many it took, or why it took none.
    let (unknown, closed) = (one(99, 0, 0), Iocb { fd: -1, ..read });
    sys!(libc::SYS_io_submit, context, 2_i64, &[&raw const read, &raw const unknown]);
    get(1);
    sys!(libc::SYS_io_submit, context, 1_i64, &[&raw const closed]);
    sys!(libc::SYS_io_submit, context, 1_i64, &[0_u64]);
    sys!(libc::SYS_io_submit, context, 3_i64, 8_usize);
    sys!(libc::SYS_io_submit, context, -1_i64, &all);
    sys!(libc::SYS_close, fd);
    sys!(libc::SYS_unlink, c"submitted");
}

fn asynchronous() {
    let mut parameters = [0_u32; 30];
    let ring = descriptor(sys!(libc::SYS_io_uring_setup, 4_u32, &mut parameters));
    sys!(libc::SYS_io_uring_setup, 0_u32, &mut parameters);
    sys!(libc::SYS_io_uring_enter, ring, 0_u32, 0_u32, 0_u32, 0, 0_usize);
    sys!(libc::SYS_io_uring_register, ring, 9999_u32, 0, 0);
    sys!(libc::SYS_close, ring);
    let mut context = 0_u64;
    sys!(libc::SYS_io_setup, 4_u32, &mut context);
    sys!(libc::SYS_io_submit, context, 0_i64, 0);
    sys!(libc::SYS_io_getevents, context, 0_i64, 1_i64, &mut [0_u64; 8], &timespec { tv_sec: 0, tv_nsec: 0 });
    sys!(IO_PGETEVENTS, context, 0_i64, 1_i64, &mut [0_u64; 8], &timespec { tv_sec: 0, tv_nsec: 0 }, 0);
    submitted(context);
    sys!(libc::SYS_io_cancel, context, &mut [0_u64; 8], &mut [0_u64; 8]);
    sys!(libc::SYS_io_destroy, context);
    sys!(libc::SYS_io_destroy, 1_u64);
    let perf = descriptor(sys!(libc::SYS_perf_event_open, &[0_u8; 128], 0, -1, -1, 0));
    sys!(libc::SYS_close, perf);
}
