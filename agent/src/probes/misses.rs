//! Misses: how often the kernel did not run a program of ours.
//!
//! A tracing program does not run while it has not ended on the same CPU: an interrupt came in between or, where programs
//! on tracepoints can be preempted (Linux 7.0), another task. The kernel counts these (from 5.12 on), without telling on
//! which CPU or for which task, so what is told is the most that can be missing.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use aya::programs::BtfTracePoint;
use wire::ring::EventClass;

use super::{PROGRAMS, Probes};

/// `BPF_OBJ_GET_INFO_BY_FD` of include/uapi/linux/bpf.h.
const GET_INFO: libc::c_int = 15;
/// `struct bpf_prog_info` up to the count, which is its last word.
const INFO_WORDS: usize = 27;

/// The programs that make records, and the counts that were told.
pub(crate) struct Misses(Vec<Counted>);

struct Counted {
    program: OwnedFd,
    class: EventClass,
    told: u64,
}

impl Misses {
    /// Begins to count. The programs' descriptors are kept, so that nothing that is missed before they are gone goes untold.
    pub(crate) fn of(probes: &Probes) -> Result<Self> {
        let mut counted = Vec::new();
        for name in PROGRAMS {
            let Some(class) = class_of(name) else { continue };
            let program: &BtfTracePoint =
                probes.ebpf.program(name).context("the kernel programs lack one of them")?.try_into()?;
            // One that was not needed is not loaded.
            let Ok(fd) = program.fd() else { continue };
            let program = fd.as_fd().try_clone_to_owned().context("cannot keep a program's descriptor")?;
            counted.push(Counted { program, class, told: 0 });
        }
        Ok(Misses(counted))
    }

    /// How many there were since the last call.
    pub(crate) fn take(&mut self) -> Vec<(EventClass, u64)> {
        let mut taken = Vec::new();
        for counted in &mut self.0 {
            // Kernels that do not count give 0; a descriptor of our own is not refused.
            let count = misses(&counted.program).unwrap_or(counted.told);
            if count > counted.told {
                taken.push((counted.class, count - counted.told));
                counted.told = count;
            }
        }
        taken
    }
}

/// What a program tells of; none for one that makes no record of its own.
fn class_of(program: &str) -> Option<EventClass> {
    Some(match program {
        "sys_enter" | "signal_generate" => return None,
        "sys_exit" => EventClass::Other,
        // They make none, but turn away what they should not when one of their runs is missed.
        "sys_exit_before" | "sys_exit_after" => EventClass::File,
        "kfree_skb" | "page_fault_user" | "sched_switch" => EventClass::Other,
        "inet_sock_set_state" => EventClass::Network,
        _ if program.starts_with("tcp_") => EventClass::Network,
        _ if program.starts_with("io_uring_") => EventClass::File,
        _ => EventClass::Process,
    })
}

fn misses(program: &OwnedFd) -> io::Result<u64> {
    #[repr(C)]
    struct Request {
        fd: u32,
        bytes: u32,
        info: u64,
    }
    let mut info = [0_u64; INFO_WORDS];
    let request = Request {
        fd: program.as_raw_fd() as u32,
        bytes: size_of_val(&info) as u32,
        info: info.as_mut_ptr() as u64,
    };
    // SAFETY: the request is as the kernel has it, and `info` has as many bytes as it says.
    let status = unsafe { libc::syscall(libc::SYS_bpf, GET_INFO, &raw const request, size_of::<Request>()) };
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(info[INFO_WORDS - 1]) }
}
