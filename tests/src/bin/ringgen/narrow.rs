//! A ring of a 32-bit program: vectors, messages and what is told of a child are laid out as such programs have them.

use std::io::Result;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use tests::narrow::Low;
use tests::ring::{Ring, Sqe};

use crate::{Generator, op};

const P_PID: u32 = 1;

fn entry(opcode: u8, fd: i32, addr: u32) -> Sqe {
    Sqe { opcode, fd, addr: addr.into(), ..Sqe::default() }
}

/// A `struct iovec` of two parts.
fn vector(low: &Low, [first, second]: [(u32, u32); 2]) -> u32 {
    low.words(&[first.0, first.1, second.0, second.1])
}

pub(crate) fn run(base: u64, directory: &str) -> Result<()> {
    let low = Low::new()?;
    let mut generator = Generator::with(base, Ring::narrow(&low, 8)?, 0);
    let name = format!("{directory}/narrow");
    let file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&name)?;
    let fd = file.as_raw_fd();
    let text = vector(&low, [(low.bytes(b"narrow "), 7), (low.bytes(b"parts"), 5)]);
    generator.run("writev", Sqe { len: 2, ..entry(op::WRITEV, fd, text) }, &name)?;
    let room = vector(&low, [(low.room(64), 7), (low.room(64), 64)]);
    generator.run("readv", Sqe { len: 2, ..entry(op::READV, fd, room) }, &name)?;
    std::fs::remove_file(&name)?;

    let (one, other) = UnixStream::pair()?;
    // SCM_RIGHTS: length, level and type of 4 bytes each, and a descriptor.
    let control = low.words(&[16, libc::SOL_SOCKET as u32, libc::SCM_RIGHTS as u32, fd as u32]);
    let message = low.words(&[0, 0, text, 2, control, 16, 0]);
    generator.run("sendmsg", Sqe { len: 1, ..entry(op::SENDMSG, one.as_raw_fd(), message) }, "-")?;
    let message = low.words(&[0, 0, room, 2, low.room(16), 16, 0]);
    generator.run("recvmsg", Sqe { len: 1, ..entry(op::RECVMSG, other.as_raw_fd(), message) }, "-")?;

    let mut child = std::process::Command::new("true").spawn()?;
    let room = u64::from(low.room(128));
    let exited = Sqe { len: P_PID, off: room, file_index: libc::WEXITED as u32, ..Sqe::default() };
    generator.run("waitid", Sqe { opcode: op::WAITID, fd: child.id() as i32, ..exited }, "-")?;
    child.wait().map(|_| ()).or_else(|error| match error.raw_os_error() {
        // The ring has waited for it.
        Some(libc::ECHILD) => Ok(()),
        _ => Err(error),
    })
}
