//! Clocks and timers; none is set.

use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME, itimerspec, timespec};

use crate::call::sys;

pub(crate) fn run() {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    sys!(libc::SYS_clock_gettime, CLOCK_REALTIME, &mut now);
    sys!(libc::SYS_clock_gettime, 9999, &mut now);
    sys!(libc::SYS_clock_getres, CLOCK_MONOTONIC, &mut now);
    sys!(libc::SYS_gettimeofday, &mut [0_i64; 2], 0);
    let short = timespec { tv_sec: 0, tv_nsec: 1000 };
    sys!(libc::SYS_nanosleep, &short, &mut now);
    sys!(libc::SYS_nanosleep, &timespec { tv_sec: -1, tv_nsec: 0 }, 0);
    sys!(libc::SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &short, 0);
    sys!(libc::SYS_clock_nanosleep, 9999, 0, &short, 0);
    // Modes 0: read only.
    sys!(libc::SYS_adjtimex, &mut [0_u64; 32]);
    sys!(libc::SYS_clock_adjtime, CLOCK_REALTIME, &mut [0_u64; 32]);
    let mut timer = 0_i32;
    let mut event = [0_u64; 8];
    event[1] = (libc::SIGEV_NONE as u64) << 32;
    sys!(libc::SYS_timer_create, CLOCK_MONOTONIC, &event, &mut timer);
    sys!(libc::SYS_timer_create, 9999, &event, &mut timer);
    let never = itimerspec {
        it_interval: timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: timespec { tv_sec: 1000, tv_nsec: 0 },
    };
    let mut old = never;
    sys!(libc::SYS_timer_settime, timer, 0, &never, &mut old);
    sys!(libc::SYS_timer_gettime, timer, &mut old);
    sys!(libc::SYS_timer_getoverrun, timer);
    sys!(libc::SYS_timer_delete, timer);
    sys!(libc::SYS_timer_delete, timer);
    sys!(libc::SYS_times, &mut [0_i64; 4]);
    sys!(libc::SYS_getrusage, libc::RUSAGE_SELF, &mut [0_i64; 18]);
    sys!(libc::SYS_getrusage, 9999, &mut [0_i64; 18]);
}
