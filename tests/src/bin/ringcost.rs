//! What an operation through a ring costs: makes many, 32 at a time, and prints the time of the CPU that each took.
//!
//!     ringcost nop|read [COUNT]

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;

use tests::ring::{Ring, Sqe};

const NOP: u8 = 0;
const READ: u8 = 22;
const BATCH: u64 = 32;

/// Time of a CPU that this process has used, in the kernel and outside, ns.
fn cpu_ns() -> u64 {
    // SAFETY: zeroes are a valid value, and the kernel fills it.
    let mut used: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: `used` lives across the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut used) };
    used.tv_sec as u64 * 1_000_000_000 + used.tv_nsec as u64
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let opcode = match words.next().as_deref() {
        Some("nop") => NOP,
        Some("read") => READ,
        _ => return Err(Error::other("usage: ringcost nop|read [COUNT]")),
    };
    let count: u64 = words.next().map_or(Ok(1_000_000), |word| word.parse().map_err(Error::other))?;
    let mut ring = Ring::new(BATCH as u32, 0)?;
    let zero = File::open("/dev/zero")?;
    let mut buffer = [0_u8; 64];
    let entry = Sqe { opcode, fd: zero.as_raw_fd(), ..Sqe::default() };
    let entry = match opcode {
        READ => Sqe { addr: buffer.as_mut_ptr() as u64, len: 64, ..entry },
        _ => entry,
    };
    let start = cpu_ns();
    for batch in 0..count / BATCH {
        for user_data in 0..BATCH {
            ring.push(Sqe { user_data: batch * BATCH + user_data, ..entry });
        }
        ring.submit(BATCH as u32)?;
        while ring.completion().is_some() {}
    }
    println!("{} ns per operation", (cpu_ns() - start) / count.max(1));
    Ok(())
}
