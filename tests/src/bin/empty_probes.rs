//! empty_probes: the least any recorder of system calls can cost.
//!
//! Usage: `empty_probes EVENT...`, for instance `empty_probes sys_enter sys_exit`. Attaches a BPF program that
//! returns at once to each raw tracepoint, says `ready` on stderr and waits for the end of stdin. A benchmark
//! compares against it: what is added beyond this is ours.

use std::ffi::CString;
use std::io::{Error, Read};
use std::process::ExitCode;

const BPF_PROG_LOAD: i32 = 5;
const BPF_RAW_TRACEPOINT_OPEN: i32 = 17;
const BPF_PROG_TYPE_RAW_TRACEPOINT: u32 = 17;

/// `r0 = 0; exit`.
const PROGRAM: [u64; 2] = [0x0000_0000_0000_00b7, 0x0000_0000_0000_0095];

/// The head of `union bpf_attr` as BPF_PROG_LOAD takes it.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    program: u64,
    license: u64,
    log: [u64; 2],
    kernel_version: u32,
    flags: u32,
}

/// The head of `union bpf_attr` as BPF_RAW_TRACEPOINT_OPEN takes it.
#[repr(C)]
struct Open {
    name: u64,
    program: u32,
    padding: u32,
}

fn bpf<T>(command: i32, attributes: &T) -> Result<i32, Error> {
    // SAFETY: the kernel reads as many bytes as said from `attributes`, and what its pointers point to lives in
    // the caller.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result as i32) }
}

/// Attaches an empty program; it stays while the process lives.
fn attach(event: &str) -> Result<(), Error> {
    let load = Load {
        kind: BPF_PROG_TYPE_RAW_TRACEPOINT,
        instructions: PROGRAM.len() as u32,
        program: PROGRAM.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        log: [0; 2],
        kernel_version: 0,
        flags: 0,
    };
    let program = bpf(BPF_PROG_LOAD, &load)?;
    let name = CString::new(event)?;
    let open = Open { name: name.as_ptr() as u64, program: program as u32, padding: 0 };
    bpf(BPF_RAW_TRACEPOINT_OPEN, &open).map(|_| ())
}

fn main() -> ExitCode {
    for event in std::env::args().skip(1) {
        if let Err(error) = attach(&event) {
            eprintln!("empty_probes: {event}: {error}");
            return ExitCode::FAILURE;
        }
    }
    eprintln!("ready");
    let _ = std::io::stdin().read(&mut [0]);
    ExitCode::SUCCESS
}
