//! Signals that ask to end: SIGINT, SIGTERM, SIGHUP. Where the filter stands in a file, SIGHUP asks to read it again.
//!
//! The first one ends a recording cleanly (of a command: once the command is gone), the second one at once, the third
//! without another word, whatever we are stuck in.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::clock::boot_ns;

/// How many there were, and when the first one was; what a signal handler may touch are statics.
static COUNT: AtomicUsize = AtomicUsize::new(0);
static FIRST_NS: AtomicU64 = AtomicU64::new(0);
/// The filter is to be read again.
static RELOAD: AtomicBool = AtomicBool::new(false);

/// Exit status of a program that SIGINT ended, as shells have it.
const STATUS: i32 = 128 + libc::SIGINT;

/// Begins to count the signals; with `reloads`, SIGHUP is none of them.
pub(super) fn catch(reloads: bool) -> Result<()> {
    if reloads {
        // SAFETY: the handler sets an atomic.
        unsafe { signal_hook::low_level::register(libc::SIGHUP, || RELOAD.store(true, Ordering::Relaxed)) }
            .context("cannot catch signals")?;
    }
    let ending = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
    for signal in ending.into_iter().filter(|signal| !(reloads && *signal == libc::SIGHUP)) {
        // SAFETY: the handler reads a clock, adds to an atomic, and may end the process without cleaning up: all
        // of that is allowed in a signal handler.
        unsafe { signal_hook::low_level::register(signal, note) }.context("cannot catch signals")?;
    }
    // A file that may not grow any more (`ulimit -f`) is an error of the write, which is answered there.
    // SAFETY: the handler does nothing. Unlike an ignored signal, it is not handed on to the command.
    unsafe { signal_hook::low_level::register(libc::SIGXFSZ, || {}) }.context("cannot catch signals")?;
    Ok(())
}

fn note() {
    let now_ns = boot_ns();
    match COUNT.fetch_add(1, Ordering::Relaxed) {
        0 => FIRST_NS.store(now_ns, Ordering::Relaxed),
        1 => {}
        _ => signal_hook::low_level::exit(STATUS),
    }
}

/// Whether the filter is to be read again, since this was asked last.
pub(super) fn wants_reload() -> bool {
    RELOAD.swap(false, Ordering::Relaxed)
}

/// How many there were.
pub(super) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Whether somebody who waits in vain is to give up: when the first signal is `patience` ago, or there was another.
pub(super) fn end_waiting(patience: Duration) -> bool {
    match count() {
        0 => false,
        1 => {
            let first_ns = FIRST_NS.load(Ordering::Relaxed);
            first_ns != 0 && boot_ns().saturating_sub(first_ns) >= patience.as_nanos() as u64
        }
        _ => true,
    }
}
