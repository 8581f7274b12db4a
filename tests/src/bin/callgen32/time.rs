//! Clocks and timers, of 32 and of 64 bits, and waiting.

use tests::narrow::Low;

const MONOTONIC: u32 = 1;

pub(crate) fn run(low: &Low) {
    clocks(low);
    timers(low);
    waiting(low);
}

fn clocks(low: &Low) {
    let room = low.room(256);
    low.call("time", &[room]);
    low.call("gettimeofday", &[room, 0]);
    for call in ["clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64"] {
        low.call(call, &[MONOTONIC, room]);
        low.call(call, &[99, room]);
    }
    let (short, wide) = (low.words(&[0, 1000]), low.words(&[0, 0, 1000, 0]));
    low.call("nanosleep", &[short, 0]);
    low.call("clock_nanosleep", &[MONOTONIC, 0, short, 0]);
    low.call("clock_nanosleep_time64", &[MONOTONIC, 0, wide, 0]);
    low.call("adjtimex", &[low.room(256)]);
    low.call("clock_adjtime", &[0, low.room(256)]);
    low.call("clock_adjtime64", &[0, low.room(256)]);
    low.call("alarm", &[0]);
}

fn timers(low: &Low) {
    let room = low.room(64);
    low.call("getitimer", &[0, room]);
    low.call("setitimer", &[0, low.words(&[0, 0, 0, 0]), room]);
    let timer = low.room(4);
    // What it is told, by which signal, and how: not at all.
    low.call(
        "timer_create",
        &[MONOTONIC, low.words(&[5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), timer],
    );
    let timer = low.word(timer);
    low.call("timer_settime", &[timer, 0, low.words(&[0, 0, 1000, 0]), room]);
    low.call("timer_settime64", &[timer, 0, low.words(&[0, 0, 0, 0, 1000, 0, 0, 0]), room]);
    low.call("timer_gettime", &[timer, room]);
    low.call("timer_gettime64", &[timer, room]);
    low.call("timer_getoverrun", &[timer]);
    low.call("timer_delete", &[timer]);
    let fd = low.fd("timerfd_create", &[MONOTONIC, 0o4000]);
    low.call("timerfd_settime", &[fd, 0, low.words(&[0, 0, 1000, 0]), room]);
    low.call("timerfd_settime64", &[fd, 0, low.words(&[0, 0, 0, 0, 1000, 0, 0, 0]), room]);
    low.call("timerfd_gettime", &[fd, room]);
    low.call("timerfd_gettime64", &[fd, room]);
    low.call("close", &[fd]);
}

fn waiting(low: &Low) {
    let counter = low.fd("eventfd2", &[1, 0o4000]);
    let polled = low.words(&[counter, 5]);
    let (short, wide) = (low.words(&[0, 0]), low.words(&[0, 0, 0, 0]));
    low.call("poll", &[polled, 1, 0]);
    low.call("ppoll", &[polled, 1, short, 0, 8]);
    low.call("ppoll_time64", &[polled, 1, wide, 0, 8]);
    let set = || low.words(&[1 << counter, 0, 0, 0]);
    // The old select has its arguments in memory.
    low.call("select", &[low.words(&[counter + 1, set(), 0, 0, short])]);
    low.call("_newselect", &[counter + 1, set(), 0, 0, short]);
    low.call("pselect6", &[counter + 1, 0, set(), 0, short, 0]);
    low.call("pselect6_time64", &[counter + 1, 0, set(), 0, wide, 0]);
    let epoll = low.fd("epoll_create1", &[0]);
    low.call("epoll_create", &[0]);
    low.call("epoll_ctl", &[epoll, 1, counter, low.words(&[1, 42, 0])]);
    let ready = low.room(64);
    low.call("epoll_wait", &[epoll, ready, 4, 0]);
    low.call("epoll_pwait", &[epoll, ready, 4, 0, 0, 8]);
    low.call("epoll_pwait2", &[epoll, ready, 4, wide, 0, 8]);
    low.call("close", &[epoll]);
    low.call("close", &[counter]);
    let word = low.words(&[1]);
    low.call("futex", &[word, 0, 1, low.words(&[0, 1000]), 0, 0]);
    low.call("futex", &[word, 0x81, 1, 0, 0, 0]);
    low.call("futex_time64", &[word, 0, 1, low.words(&[0, 0, 1000, 0]), 0, 0]);
    let watch = low.fd("inotify_init1", &[0o4000]);
    low.call("inotify_add_watch", &[watch, low.text("."), 0x300]);
    low.call("close", &[watch]);
}
