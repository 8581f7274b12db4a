//! What `cargo xtask test` hands to the tests, and whether this machine lets them run.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::PathBuf;

/// The folder with the `sysreel-agent` and `sysreel` under test.
///
/// # Panics
/// When the tests were not started through `cargo xtask test`, which builds both.
pub fn programs_dir() -> PathBuf {
    env::var_os("SYSREEL_BIN_DIR").expect("SYSREEL_BIN_DIR is not set: run `cargo xtask test`").into()
}

/// Whether a live test cannot run because the kernel refuses bpf(), as in an unprivileged container.
///
/// Says so past the test runner, which swallows what a passing test prints, and notes it in the file
/// that `cargo xtask test` reads afterwards: a skipped test must not look like a passed one.
pub fn skip_without_bpf(test: &str) -> bool {
    if !bpf_is_refused() {
        return false;
    }
    let line = format!("SKIPPED {test}: this kernel refuses bpf() (EPERM)\n");
    // Neither can be reported anywhere else when it fails.
    let _ = io::stderr().write_all(line.as_bytes());
    if let Some(path) = env::var_os("SYSREEL_SKIPS") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    true
}

/// Tries to load the smallest program of the type the agent needs.
fn bpf_is_refused() -> bool {
    const BPF_PROG_LOAD: i32 = 5;
    const BPF_PROG_TYPE_RAW_TRACEPOINT: u64 = 17;
    /// `r0 = 0; exit`.
    const PROGRAM: [u64; 2] = [0xb7, 0x95];
    // The head of `union bpf_attr`: type and number of instructions, program, licence, then no log and no flags.
    let head = BPF_PROG_TYPE_RAW_TRACEPOINT | (PROGRAM.len() as u64) << 32;
    let attributes = [head, PROGRAM.as_ptr() as u64, c"GPL".as_ptr() as u64, 0, 0, 0];
    // SAFETY: the kernel reads as many bytes as said from `attributes`; what it points to is constant.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const attributes, size_of_val(&attributes))
    };
    let refused = result < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
    if result >= 0 {
        // SAFETY: the kernel has just given this descriptor, and nobody else knows it.
        drop(unsafe { OwnedFd::from_raw_fd(result as i32) });
    }
    refused
}
