//! Clocks: the boot clock that records carry, and where it stands against wall time.

fn read(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec. It cannot fail for the clocks used here.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// CLOCK_BOOTTIME in ns.
pub(crate) fn boot_ns() -> u64 {
    read(libc::CLOCK_BOOTTIME) as u64
}

/// The boot clock, and how far it is ahead of the one that stands still while the machine is suspended: at least, as
/// something may come between the looks at both.
pub(crate) fn boot_and_suspended_ns() -> (u64, u64) {
    let boot = read(libc::CLOCK_BOOTTIME);
    let running = read(libc::CLOCK_MONOTONIC);
    (boot as u64, u64::try_from(boot - running).unwrap_or(0))
}

/// Wall clock minus boot clock, in ns.
pub(crate) fn epoch_offset_ns() -> i64 {
    // The smaller of two distances around the wall clock is the less disturbed one.
    let sample = || {
        let before = read(libc::CLOCK_BOOTTIME);
        let wall = read(libc::CLOCK_REALTIME);
        let after = read(libc::CLOCK_BOOTTIME);
        (after - before, wall - before - (after - before) / 2)
    };
    (0..5).map(|_| sample()).min().map_or(0, |(_, offset)| offset)
}

/// Seconds that local time is east of UTC.
pub(crate) fn zone_offset_s() -> i32 {
    let now = read(libc::CLOCK_REALTIME) / 1_000_000_000;
    // SAFETY: an all-zero `tm` is a value of it.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both point to values of ours.
    let result = unsafe { libc::localtime_r(&raw const now, &raw mut local) };
    if result.is_null() { 0 } else { i32::try_from(local.tm_gmtoff).unwrap_or(0) }
}
