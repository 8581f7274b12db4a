//! Facts about the recorded machine that head every capture.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use capture_format::model::{Host, Text};

use crate::clock::{epoch_offset_ns, zone_offset_s};

fn line(path: &Path) -> Text {
    fs::read(path).map(|text| text.trim_ascii().to_vec()).unwrap_or_default()
}

/// This machine, as read below `proc_root`.
pub(crate) fn read(proc_root: &Path, snap_bytes: u32, scope: Text) -> Host {
    let kernel = proc_root.join("sys/kernel");
    Host {
        hostname: line(&kernel.join("hostname")),
        kernel: line(&kernel.join("osrelease")),
        machine: std::env::consts::ARCH.into(),
        boot_id: line(&kernel.join("random/boot_id")),
        cpus: online_cpus(),
        epoch_offset_ns: epoch_offset_ns(),
        zone_offset_s: zone_offset_s(),
        snap_bytes,
        writer: concat!("sysreel-agent ", env!("CARGO_PKG_VERSION")).into(),
        scope,
        addresses: addresses(),
    }
}

/// Online CPUs, whatever this process may run on; 0 when the list cannot be read.
fn online_cpus() -> u32 {
    let list = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<u32>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    list.trim().split(',').filter_map(count).sum()
}

/// Addresses of the machine's interfaces.
fn addresses() -> Vec<Text> {
    let mut list = std::ptr::null_mut();
    // SAFETY: fills `list`, which is freed below.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: an element of the list, which lives until it is freed.
        let interface = unsafe { &*next };
        next = interface.ifa_next;
        if interface.ifa_addr.is_null() {
            continue;
        }
        // SAFETY: every address begins with its family, and has the size that the family tells.
        let text = unsafe {
            match i32::from((*interface.ifa_addr).sa_family) {
                libc::AF_INET => {
                    let address = &*interface.ifa_addr.cast::<libc::sockaddr_in>();
                    Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()).to_string()
                }
                libc::AF_INET6 => {
                    let address = &*interface.ifa_addr.cast::<libc::sockaddr_in6>();
                    Ipv6Addr::from(address.sin6_addr.s6_addr).to_string()
                }
                _ => continue,
            }
        };
        found.push(text.into_bytes());
    }
    // SAFETY: the list that was filled above.
    unsafe { libc::freeifaddrs(list) };
    found
}
