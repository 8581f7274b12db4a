//! sequence: numbered system calls, so that one that is lost, doubled or moved shows.
//!
//! Usage: `sequence COUNT`. Call number N is `lseek(-1, N, SEEK_SET)`, which fails at once.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(Ok(count)) = std::env::args().nth(1).map(|text| text.parse::<i64>()) else {
        eprintln!("usage: sequence COUNT");
        return ExitCode::from(2);
    };
    for number in 0..count {
        // SAFETY: the call takes numbers only.
        unsafe { libc::lseek64(-1, number, libc::SEEK_SET) };
    }
    ExitCode::SUCCESS
}
