//! callgen32: a program that makes many different calls of 32-bit programs, with success and failure, in a fixed order.
//!
//! Usage: `callgen32 DIR`. As `callgen`, it works inside DIR, prints nothing, ignores what calls answer and is there to be
//! watched by two witnesses. It is a 64-bit program that uses the 32-bit entry (`int 0x80`), so that no toolchain for 32 bits
//! is needed. Start at `tests::narrow`.

#[cfg(target_arch = "x86_64")]
mod files;
#[cfg(target_arch = "x86_64")]
mod further;
#[cfg(target_arch = "x86_64")]
mod paths;
#[cfg(target_arch = "x86_64")]
mod processes;
#[cfg(target_arch = "x86_64")]
mod sockets;
#[cfg(target_arch = "x86_64")]
mod time;

use std::process::ExitCode;

#[cfg(target_arch = "x86_64")]
fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        eprintln!("usage: callgen32 DIR");
        return ExitCode::from(2);
    };
    let prepared = std::fs::create_dir_all(&directory).and_then(|()| std::env::set_current_dir(&directory));
    let low = match prepared.and_then(|()| tests::narrow::Low::new()) {
        Ok(low) => low,
        Err(error) => {
            eprintln!("callgen32: {directory}: {error}");
            return ExitCode::FAILURE;
        }
    };
    files::run(&low);
    paths::run(&low);
    processes::run(&low);
    time::run(&low);
    sockets::run(&low);
    further::run(&low);
    ExitCode::SUCCESS
}

#[cfg(not(target_arch = "x86_64"))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
