//! Makes operations through `io_uring` alone, and prints each: what a recording of it has to hold.
//!
//! A line is: user data, name of the event, result, what it is about (a path or a descriptor's name, - for nothing), the
//! thread it belongs to; separated by tabs. Files are made in the working directory.

mod files;
mod kinds;
#[cfg(target_arch = "x86_64")]
mod narrow;
mod sockets;

use std::io::Result;

use tests::ring::{Ring, SETUP_SQPOLL, Sqe};

/// Opcodes.
mod op {
    pub(crate) const NOP: u8 = 0;
    pub(crate) const READV: u8 = 1;
    pub(crate) const WRITEV: u8 = 2;
    pub(crate) const FSYNC: u8 = 3;
    pub(crate) const READ_FIXED: u8 = 4;
    pub(crate) const WRITE_FIXED: u8 = 5;
    pub(crate) const POLL_ADD: u8 = 6;
    pub(crate) const SENDMSG: u8 = 9;
    pub(crate) const RECVMSG: u8 = 10;
    pub(crate) const TIMEOUT: u8 = 11;
    pub(crate) const ACCEPT: u8 = 13;
    pub(crate) const ASYNC_CANCEL: u8 = 14;
    pub(crate) const CONNECT: u8 = 16;
    pub(crate) const FALLOCATE: u8 = 17;
    pub(crate) const OPENAT: u8 = 18;
    pub(crate) const CLOSE: u8 = 19;
    pub(crate) const STATX: u8 = 21;
    pub(crate) const READ: u8 = 22;
    pub(crate) const WRITE: u8 = 23;
    pub(crate) const SEND: u8 = 26;
    pub(crate) const RECV: u8 = 27;
    pub(crate) const OPENAT2: u8 = 28;
    pub(crate) const SHUTDOWN: u8 = 34;
    pub(crate) const RENAMEAT: u8 = 35;
    pub(crate) const UNLINKAT: u8 = 36;
    pub(crate) const MKDIRAT: u8 = 37;
    pub(crate) const SYMLINKAT: u8 = 38;
    pub(crate) const LINKAT: u8 = 39;
    pub(crate) const SOCKET: u8 = 45;
    #[cfg(target_arch = "x86_64")]
    pub(crate) const WAITID: u8 = 50;
}

/// Flags of an entry.
mod sqe {
    pub(crate) const FIXED_FILE: u8 = 1;
    pub(crate) const LINK: u8 = 4;
    pub(crate) const ASYNC: u8 = 0x10;
    pub(crate) const CQE_SKIP_SUCCESS: u8 = 0x40;
}

/// A ring at work.
pub(crate) struct Generator {
    ring: Ring,
    /// Of every entry.
    flags: u8,
    user_data: u64,
    thread: i32,
}

impl Generator {
    fn new(base: u64, setup: u32, flags: u8) -> Result<Self> {
        Ok(Self::with(base, Ring::new(64, setup)?, flags))
    }

    fn with(base: u64, ring: Ring, flags: u8) -> Self {
        // SAFETY: takes nothing and cannot fail.
        let thread = unsafe { libc::gettid() };
        Generator { ring, flags, user_data: base, thread }
    }

    /// A number that no other operation has.
    pub(crate) fn next(&mut self) -> u64 {
        self.user_data += 1;
        self.user_data
    }

    /// Submits one operation, waits for it and prints it; gives the result.
    pub(crate) fn run(&mut self, name: &str, entry: Sqe, about: &str) -> Result<i32> {
        let user_data = self.next();
        self.ring.push(Sqe { user_data, flags: entry.flags | self.flags, ..entry });
        self.ring.submit(1)?;
        let cqe = self.ring.wait()?;
        assert_eq!(cqe.user_data, user_data, "{name}: another one completed");
        self.print(user_data, name, cqe.res, about);
        Ok(cqe.res)
    }

    /// Prints an operation.
    pub(crate) fn print(&self, user_data: u64, name: &str, result: i32, about: &str) {
        println!("{user_data}\t{name}\t{result}\t{about}\t{}", self.thread);
    }
}

fn main() -> Result<()> {
    let directory = std::env::current_dir()?;
    let directory = directory.to_str().expect("a name that is text");
    for (number, setup, flags) in [(1, 0, 0), (2, 0, sqe::ASYNC), (3, SETUP_SQPOLL, 0)] {
        let mut generator = Generator::new(number << 32, setup, flags)?;
        files::run(&mut generator, directory, number)?;
        sockets::run(&mut generator)?;
    }
    kinds::run(&mut Generator::new(4 << 32, 0, 0)?, directory)?;
    #[cfg(target_arch = "x86_64")]
    narrow::run(6 << 32, directory)?;
    // Another thread makes its own: the events are that thread's.
    let directory = directory.to_owned();
    let other = std::thread::spawn(move || files::run(&mut Generator::new(5 << 32, 0, 0)?, &directory, 5));
    other.join().expect("it does not panic")
}
