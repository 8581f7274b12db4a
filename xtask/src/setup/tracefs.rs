//! tracefs, where the kernel describes its tracepoints. Containers and minimal systems come up without it.

use super::say;
use crate::programs::{execute, program};
use std::fs;

const MOUNT_POINT: &str = "/sys/kernel/tracing";

/// Mounts tracefs unless it is. Not fatal: recording needs only the kernel's type information.
pub(super) fn ensure() {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    if let Some(place) = mounts.lines().find_map(tracefs_place) {
        say("tracefs", &format!("mounted at {place}"));
    } else if execute(program("mount").args(["-t", "tracefs", "none", MOUNT_POINT])).is_ok() {
        say("tracefs", &format!("now mounted at {MOUNT_POINT}"));
    } else {
        say("tracefs", "could not be mounted (are you root?); recording works without, some tests do not");
    }
}

fn tracefs_place(line: &str) -> Option<&str> {
    let mut words = line.split(' ');
    let (_, place, kind) = (words.next()?, words.next()?, words.next()?);
    (kind == "tracefs").then_some(place)
}
