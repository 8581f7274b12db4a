//! The machine: what is mounted in it, its network, its clocks, its CPUs, its sleep.

use std::ffi::CString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// What is mounted: type and place. The last may fail, as they do where a kernel was built without.
const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("tmpfs", "/tmp"),
    ("cgroup2", tests::known::CGROUPS),
    ("devtmpfs", "/dev"),
    ("tracefs", "/sys/kernel/tracing"),
];
const MOUNTS_NEEDED: usize = 4;

/// The machine is woken later than that: what the clocks say of it is more than what comes between two looks.
const SUSPENDED_LEAST_NS: i64 = 50_000_000;

/// CPUs that run.
const ONLINE: &str = "/sys/devices/system/cpu/online";

pub(super) fn mount() -> Result<()> {
    for (index, (kind, place)) in MOUNTS.into_iter().enumerate() {
        let made = fs::create_dir_all(place);
        let [kind_text, place_text] = [kind, place].map(|text| CString::new(text).expect("no zero byte"));
        // SAFETY: three C strings that live as long as the call; no data.
        let status = unsafe {
            libc::mount(kind_text.as_ptr(), place_text.as_ptr(), kind_text.as_ptr(), 0, std::ptr::null())
        };
        if status != 0 {
            let error = std::io::Error::last_os_error();
            println!("cannot mount {kind} at {place}: {error}");
            if index < MOUNTS_NEEDED {
                made?;
                bail!("cannot mount {kind} at {place}: {error}");
            }
        }
    }
    Ok(())
}

pub(super) fn loopback_up() -> Result<()> {
    // SAFETY: a request made of zeroes is one; the calls read and write it only.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 || libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        libc::close(socket);
    }
    Ok(())
}

/// Seconds since the kernel began, to tell what takes time.
pub(super) fn uptime() -> String {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// CPUs that are there.
pub(super) fn cpus() -> Result<usize> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    Ok(text.lines().filter(|line| line.starts_with("processor")).count())
}

/// Puts all threads of a process, and what they start from now on, on one CPU.
pub(super) fn pin(process: u32, cpu: usize) -> Result<()> {
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread: i32 = thread?.file_name().to_string_lossy().parse().context("a thread's id")?;
        // SAFETY: a set made of zeroes is empty; `cpu` is below its 1024.
        let status = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut set);
            libc::sched_setaffinity(thread, size_of_val(&set), &raw const set)
        };
        if status != 0 {
            return Err(std::io::Error::last_os_error()).with_context(|| format!("cannot run on CPU {cpu}"));
        }
    }
    Ok(())
}

fn read_ns(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// How far one clock is ahead of another: the most that several looks say, as what comes between two makes it less.
fn ahead_ns(clock: libc::clockid_t, of: libc::clockid_t) -> i64 {
    let look = |_| {
        let ahead = read_ns(clock);
        ahead - read_ns(of)
    };
    (0..5).map(look).max().unwrap_or(0)
}

/// Tells wall time, as if nobody set that clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Witness {
    offset_ns: i64,
}

impl Witness {
    /// By the wall clock as it is now.
    pub(super) fn new() -> Self {
        Witness { offset_ns: ahead_ns(libc::CLOCK_REALTIME, libc::CLOCK_BOOTTIME) }
    }

    pub(super) fn now_ns(self) -> u64 {
        (read_ns(libc::CLOCK_BOOTTIME) + self.offset_ns) as u64
    }
}

/// When the machine was suspended, by a [`Witness`], and for how long, by the kernel's word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspension {
    pub(super) before_ns: u64,
    pub(super) after_ns: u64,
    pub(super) lasted_ns: u64,
}

impl Suspension {
    /// What a time may be off for two looks at the clocks; had the suspension not been taken into account, it would be more.
    pub(super) fn slack_ns(self) -> u64 {
        self.lasted_ns / 4
    }
}

/// Suspends the machine, which is woken from outside. Nothing where it cannot be: where it can and is not, that is an error.
pub(super) fn suspend(witness: Witness) -> Result<Option<Suspension>> {
    const KIND: &str = "/sys/power/mem_sleep";
    let kinds = fs::read_to_string(KIND).unwrap_or_default();
    if !kinds.contains("deep") {
        return Ok(None);
    }
    fs::write(KIND, "deep").context("cannot choose how to suspend")?;
    let suspended_ns = || ahead_ns(libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC);
    let (earlier_ns, before_ns) = (suspended_ns(), witness.now_ns());
    fs::write("/sys/power/state", "mem").context("cannot suspend")?;
    let (after_ns, lasted_ns) = (witness.now_ns(), suspended_ns() - earlier_ns);
    ensure!(lasted_ns > SUSPENDED_LEAST_NS, "was to be suspended, which took {lasted_ns} ns");
    Ok(Some(Suspension { before_ns, after_ns, lasted_ns: lasted_ns as u64 }))
}

/// Sets the clock forward by so many seconds.
pub(super) fn set_clock(seconds: i64) -> Result<()> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is filled, then read.
    let status = unsafe {
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut time);
        time.tv_sec += seconds;
        libc::clock_settime(libc::CLOCK_REALTIME, &time)
    };
    ensure!(status == 0, "cannot set the clock: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Takes the second CPU away or brings it back, and looks that this is so. Whether the kernel can do such a thing at all:
/// where it can and does not, that is an error.
pub(super) fn set_second_cpu(is_on: bool) -> Result<bool> {
    let switch = Path::new("/sys/devices/system/cpu/cpu1/online");
    if !switch.exists() {
        return Ok(false);
    }
    let what = if is_on { "bring CPU 1 back" } else { "take CPU 1 away" };
    fs::write(switch, if is_on { "1" } else { "0" }).with_context(|| format!("cannot {what}"))?;
    let online = fs::read_to_string(ONLINE)?;
    let expected = if is_on { "0-1" } else { "0" };
    ensure!(online.trim() == expected, "cannot {what}: those that run are {}", online.trim());
    Ok(true)
}
