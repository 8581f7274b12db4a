//! Does one thing to a running agent, as somebody would who does not want to be recorded: `tamper WHAT PID [CAPTURE]`.
//!
//! Prints what it could not do and goes on; `WHAT` says which attempt. Objects of the kernel are found as anybody finds
//! them, by what `/proc/PID/fdinfo` says.

use std::ffi::CString;
use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

const MAP_UPDATE: i64 = 2;
const PROGRAM_BY_ID: i64 = 13;
const MAP_BY_ID: i64 = 14;
const MAP_FREEZE: i64 = 22;
const LINK_BY_ID: i64 = 30;
const LINK_DETACH: i64 = 34;
const PTRACE_SEIZE: libc::c_long = 0x4206;
/// Larger than any key or element that is looked at here.
const ELEMENT_BYTES: usize = 64 << 10;
/// The size of `RingState` in the kernel side.
const RING_STATE_BYTES: usize = 640;

fn check(name: &str, result: i64) -> i64 {
    if result < 0 {
        println!("{name}: {}", io::Error::last_os_error());
    }
    result
}

fn bpf(command: i64, attributes: &[u32]) -> i64 {
    let mut block = [0_u32; 32];
    block[..attributes.len()].copy_from_slice(attributes);
    // SAFETY: the block is as long as is said.
    check("bpf", unsafe { libc::syscall(libc::SYS_bpf, command, block.as_ptr(), size_of_val(&block)) })
}

/// What `fdinfo` says of all descriptors of a process under this name: the number, and the descriptor's.
fn ids(pid: i32, line: &str) -> Result<Vec<(u32, i32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).context("the agent's descriptors")? {
        let entry = entry?;
        let info = fs::read_to_string(entry.path()).unwrap_or_default();
        let id = info.lines().find_map(|text| text.strip_prefix(line)?.trim().parse().ok());
        if let (Some(id), Some(fd)) = (id, entry.file_name().to_str().and_then(|fd| fd.parse().ok())) {
            found.push((id, fd));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn open(path: &str, flags: i32) -> i32 {
    let path = CString::new(path).expect("no NUL");
    // SAFETY: the path ends with NUL.
    check("open", unsafe { libc::open(path.as_ptr(), flags) }.into()) as i32
}

fn pidfd(pid: i32) -> i64 {
    // SAFETY: only returns a descriptor.
    check("pidfd_open", unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, what, pid, rest @ ..] = &words[..] else { bail!("tamper WHAT PID [CAPTURE]") };
    let pid: i32 = pid.parse()?;
    let capture = rest.first().map_or("", String::as_str);
    match what.as_str() {
        "maps" => {
            for (id, _) in ids(pid, "map_id:")? {
                let fd = bpf(MAP_BY_ID, &[id]) as u32;
                bpf(MAP_FREEZE, &[fd]);
            }
        }
        "objects" => {
            let first = |line| -> Result<u32> { Ok(ids(pid, line)?.first().context(line)?.0) };
            bpf(PROGRAM_BY_ID, &[first("prog_id:")?]);
            let link = bpf(LINK_BY_ID, &[first("link_id:")?]);
            bpf(LINK_DETACH, &[link as u32]);
        }
        // Breaks what the map holds: its first element, or all of it by memory. With `tables` the states of the rings stay.
        "update" | "tables" => {
            let (key, value) = (vec![0_u8; ELEMENT_BYTES], vec![0xff_u8; ELEMENT_BYTES]);
            let mut maps = Vec::new();
            for (id, fd) in ids(pid, "map_id:")? {
                let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}"))?;
                let bytes =
                    info.lines().find_map(|line| line.strip_prefix("value_size:")?.trim().parse().ok());
                let is_wanted = |bytes: &usize| {
                    *bytes <= ELEMENT_BYTES && (what == "update" || *bytes != RING_STATE_BYTES)
                };
                maps.extend(bytes.filter(is_wanted).map(|bytes: usize| (bytes, id)));
            }
            // What is done on the first CPU goes unrecorded for a while once the state of its ring is broken, which comes last.
            // SAFETY: a set of one CPU for this process; where there is no other than the first one, it stays there.
            unsafe {
                let mut second: libc::cpu_set_t = std::mem::zeroed();
                libc::CPU_SET(1, &mut second);
                libc::sched_setaffinity(0, size_of_val(&second), &raw const second);
            }
            // What its ring still holds is lost with it, and the start of this process may be there: until that is read.
            thread::sleep(Duration::from_millis(500));
            maps.sort_unstable_by_key(|(bytes, id)| (*bytes == RING_STATE_BYTES, *id));
            for (_, id) in maps {
                let fd = bpf(MAP_BY_ID, &[id]) as u32;
                let halves = |pointer: *const u8| [pointer as u64 as u32, (pointer as u64 >> 32) as u32];
                let ([a, b], [c, d]) = (halves(key.as_ptr()), halves(value.as_ptr()));
                bpf(MAP_UPDATE, &[fd, 0, a, b, c, d]);
            }
        }
        "take" => {
            let fd = ids(pid, "map_id:")?.first().context("no map")?.1;
            // SAFETY: only returns a descriptor.
            check("pidfd_getfd", unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd(pid), fd, 0) });
        }
        "signal" => {
            // SAFETY: signals that the agent goes on after.
            unsafe {
                check("kill", libc::kill(pid, libc::SIGCONT).into());
                check("tgkill", libc::syscall(libc::SYS_tgkill, pid, pid, libc::SIGCONT));
                check("kill", libc::kill(pid, 0).into());
                let fd = pidfd(pid);
                check(
                    "pidfd_send_signal",
                    libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGCONT, 0, 0),
                );
            }
        }
        "trace" => {
            // SAFETY: the agent goes on; it is let go when this process ends.
            check("ptrace", unsafe { libc::syscall(libc::SYS_ptrace, PTRACE_SEIZE, pid, 0, 0) });
            open(&format!("/proc/{pid}/mem"), libc::O_RDWR);
        }
        "limit" => {
            let score = fs::read_to_string(format!("/proc/{pid}/oom_score_adj"))?;
            fs::write(format!("/proc/{pid}/oom_score_adj"), score.trim())?;
            // SAFETY: sets what it has read.
            unsafe {
                let mut set: libc::cpu_set_t = std::mem::zeroed();
                check("get", libc::sched_getaffinity(pid, size_of_val(&set), &raw mut set).into());
                check(
                    "sched_setaffinity",
                    libc::sched_setaffinity(pid, size_of_val(&set), &raw const set).into(),
                );
            }
        }
        // Opened and left as it was, then by another name and back.
        "capture" => {
            let fd = open(capture, libc::O_WRONLY | libc::O_APPEND);
            // SAFETY: writes nothing.
            check("write", unsafe { libc::write(fd, [0_u8; 1].as_ptr().cast(), 0) } as i64);
            let other = format!("{capture}.other");
            fs::rename(capture, &other)?;
            fs::rename(&other, capture)?;
        }
        "append" => {
            let longer = fs::metadata(capture)?.len() + 5;
            fs::OpenOptions::new().append(true).open(capture)?.set_len(longer)?;
        }
        "truncate" => fs::OpenOptions::new().write(true).open(capture)?.set_len(10)?,
        "remove" => fs::remove_file(capture)?,
        // SAFETY: ends the agent.
        "kill" => _ = check("kill", unsafe { libc::kill(pid, libc::SIGKILL) }.into()),
        _ => bail!("nobody knows how to {what}"),
    }
    Ok(())
}
