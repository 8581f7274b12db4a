//! ringchanging: operations through rings alone, on numbers that mean one file or connection after the other.
//!
//! Usage: `ringchanging TURNS`, in a network of its own, where it may have the ports 18080 and 18443. What it does is the
//! same each time, but for the order in which operations of one batch complete.

use std::ffi::CString;
use std::fs::File;
use std::io::{Error, Result};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;
use std::{env, fs, thread};

use tests::ring::{Ring, SETUP_SQPOLL, Sqe};

const ACCEPT: u8 = 13;
const ASYNC_CANCEL: u8 = 14;
const CONNECT: u8 = 16;
const OPENAT: u8 = 18;
const CLOSE: u8 = 19;
const STATX: u8 = 21;
const READ: u8 = 22;
const WRITE: u8 = 23;
const SEND: u8 = 26;
const RECV: u8 = 27;
const SENDMSG: u8 = 9;
const MKDIRAT: u8 = 37;
const NOP: u8 = 0;

const FIXED_FILE: u8 = 1;
const ASYNC: u8 = 0x10;
const CQE_SKIP_SUCCESS: u8 = 0x40;
const ACCEPT_MULTISHOT: u16 = 1;
const REGISTER_FILES: u32 = 2;

const PORTS: [u16; 2] = [18080, 18443];
/// A number out of the way of those that the kernel gives.
const MOVED: RawFd = 50;
/// Longer than a recorder takes to look at what there is.
const REST: Duration = Duration::from_millis(3);

/// A ring, and flags that every operation gets.
struct Maker {
    ring: Ring,
    flags: u8,
    next: u64,
    buffer: [u8; 64],
    /// Operations are carried out one after the other by the thread that submits them.
    is_alone: bool,
}

impl Maker {
    fn new(setup: u32, flags: u8) -> Result<Self> {
        let is_alone = setup == 0 && flags == 0;
        Ok(Maker { ring: Ring::new(64, setup)?, flags, next: 0, buffer: [0; 64], is_alone })
    }

    /// Submits all at once; the results, in the order of the operations.
    fn run(&mut self, entries: &[Sqe]) -> Result<Vec<i32>> {
        let first = self.next;
        for entry in entries {
            self.ring.push(Sqe { user_data: self.next, flags: entry.flags | self.flags, ..*entry });
            self.next += 1;
        }
        self.ring.submit(entries.len() as u32)?;
        let mut results = vec![0; entries.len()];
        for _ in entries {
            let cqe = self.ring.wait()?;
            results[(cqe.user_data - first) as usize] = cqe.res;
        }
        Ok(results)
    }

    fn one(&mut self, entry: Sqe) -> Result<i32> {
        Ok(self.run(&[entry])?[0])
    }

    fn on_buffer(&mut self, opcode: u8, fd: RawFd) -> Sqe {
        Sqe { opcode, fd, addr: self.buffer.as_mut_ptr() as u64, len: 1, ..Sqe::default() }
    }

    /// Reads the first byte so many times, in one batch.
    fn read(&mut self, fd: RawFd, times: usize) -> Result<()> {
        let read = self.on_buffer(READ, fd);
        self.run(&vec![read; times]).map(drop)
    }

    fn open(&mut self, path: &CString) -> Result<i32> {
        self.one(open_of(path))
    }

    fn connect(&mut self, fd: RawFd, port: u16) -> Result<()> {
        let address = sockaddr(port);
        let connect = Sqe { opcode: CONNECT, fd, addr: address.as_ptr() as u64, off: 16, ..Sqe::default() };
        self.one(connect).map(drop)
    }

    fn close(&mut self, fd: RawFd) -> Result<()> {
        self.one(Sqe { opcode: CLOSE, fd, ..Sqe::default() }).map(drop)
    }
}

fn path(text: &str) -> CString {
    CString::new(text).expect("no NUL in it")
}

fn open_of(path: &CString) -> Sqe {
    Sqe { opcode: OPENAT, fd: libc::AT_FDCWD, addr: path.as_ptr() as u64, ..Sqe::default() }
}

fn sockaddr(port: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&port.to_be_bytes());
    bytes[4..8].copy_from_slice(&[127, 0, 0, 1]);
    bytes
}

/// Paths of every form: with and without what a filter may ask for, and such as only look like it.
fn forms(own: &str) -> [CString; 7] {
    [
        "/etc/hostname",
        "work",
        own,
        "/usr/../etc/hostname",
        "//etc/hostname",
        "/etc/./hostname",
        "/etc/missing",
    ]
    .map(path)
}

fn files(maker: &mut Maker, own: &str) -> Result<()> {
    for path in forms(own) {
        let fd = maker.open(&path)?;
        if fd < 0 {
            continue;
        }
        maker.read(fd, 6)?;
        // SAFETY: takes numbers.
        unsafe { libc::dup2(fd, MOVED) };
        maker.close(fd)?;
        maker.read(MOVED, 6)?;
        maker.read(fd, 1)?;
    }
    Ok(())
}

/// Paths that are looked at, and some below which nothing can be made. The kernel has threads of its own do this, which stay.
fn paths(maker: &mut Maker, own: &str) -> Result<()> {
    let mut statx = [0_u64; 32];
    for given in forms(own) {
        let below = path(&format!("{}/below", given.to_str().expect("it is text")));
        let look = Sqe { opcode: STATX, off: statx.as_mut_ptr() as u64, len: 0x7ff, ..open_of(&given) };
        maker.run(&[look, look, Sqe { opcode: MKDIRAT, ..open_of(&below) }])?;
    }
    Ok(())
}

fn socket() -> RawFd {
    // SAFETY: takes numbers.
    unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) }
}

fn connections(maker: &mut Maker, servers: &[TcpListener]) -> Result<()> {
    for (port, server) in PORTS.into_iter().zip(servers) {
        let client = socket();
        maker.connect(client, port)?;
        let other = maker.one(Sqe { opcode: ACCEPT, fd: server.as_raw_fd(), ..Sqe::default() })?;
        talk(maker, client, other, 3)?;
        // SAFETY: takes a number.
        let copy = unsafe { libc::dup(client) };
        maker.close(client)?;
        talk(maker, copy, other, 1)?;
        maker.close(copy)?;
        let receive = maker.on_buffer(RECV, other);
        maker.one(receive)?;
        maker.close(other)?;
    }
    Ok(())
}

/// Bytes to and fro over a connection.
fn talk(maker: &mut Maker, client: RawFd, other: RawFd, times: usize) -> Result<()> {
    for _ in 0..times {
        for (sends, fd, receives, to) in [(SEND, client, RECV, other), (WRITE, other, READ, client)] {
            let (send, receive) = (maker.on_buffer(sends, fd), maker.on_buffer(receives, to));
            maker.one(send)?;
            maker.one(receive)?;
        }
    }
    Ok(())
}

fn datagrams(maker: &mut Maker) -> Result<()> {
    let bind = |port| UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], port)));
    let (left, right) = (bind(PORTS[0])?, bind(PORTS[1])?);
    let address = sockaddr(PORTS[1]);
    for _ in 0..3 {
        // `addr_len` shares its place with `file_index`.
        let send = maker.on_buffer(SEND, left.as_raw_fd());
        maker.one(Sqe { off: address.as_ptr() as u64, file_index: 16, ..send })?;
        let receive = maker.on_buffer(RECV, right.as_raw_fd());
        maker.one(receive)?;
    }
    let right_fd = right.as_raw_fd();
    maker.connect(right_fd, PORTS[0])?;
    let part = libc::iovec { iov_base: maker.buffer.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: a message of zeroes has no name, no parts and no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = ((&raw const part).cast_mut(), 1);
    let message =
        Sqe { opcode: SENDMSG, fd: right_fd, addr: (&raw const message) as u64, len: 1, ..Sqe::default() };
    let send = maker.on_buffer(SEND, right_fd);
    let receive = maker.on_buffer(RECV, left.as_raw_fd());
    for sends in [send, message] {
        maker.one(sends)?;
        maker.one(receive)?;
    }
    Ok(())
}

/// What one number means while it is closed and opened in the same batch, and files in the ring's own table.
fn batches(maker: &mut Maker, steady: &[File; 3]) -> Result<()> {
    let (inside, outside) = (path("/etc/hostname"), path("/proc/version"));
    for (first, second) in [(&inside, &outside), (&outside, &inside)] {
        let fd = maker.open(first)?;
        let read = maker.on_buffer(READ, fd);
        maker.run(&[read, read])?;
        thread::sleep(REST);
        let close = Sqe { opcode: CLOSE, fd, ..Sqe::default() };
        // Where others carry them out, what comes first is a matter of luck.
        let entries = [read, close, open_of(second), read];
        let opened = if maker.is_alone {
            maker.run(&entries)?[2]
        } else {
            let results: Result<Vec<i32>> = entries.into_iter().map(|entry| maker.one(entry)).collect();
            results?[2]
        };
        maker.read(opened, 3)?;
        maker.close(opened)?;
    }
    for (index, _) in steady.iter().enumerate() {
        let read = Sqe { flags: FIXED_FILE, ..maker.on_buffer(READ, index as i32) };
        maker.run(&[read, read, read])?;
    }
    // Reads that say nothing, and a nop behind them that tells that they are over.
    for file in steady {
        let silent = Sqe { flags: CQE_SKIP_SUCCESS, ..maker.on_buffer(READ, file.as_raw_fd()) };
        maker.ring.push(Sqe { user_data: u64::MAX, flags: silent.flags | maker.flags, ..silent });
        maker.one(Sqe { opcode: NOP, ..Sqe::default() })?;
    }
    Ok(())
}

/// Completions for which there is no room.
fn overflow(steady: &[File; 3]) -> Result<()> {
    for file in steady {
        let mut maker = Maker { ring: Ring::new(1, 0)?, ..Maker::new(0, 0)? };
        for user_data in 0..6 {
            let read = maker.on_buffer(READ, file.as_raw_fd());
            maker.ring.push(Sqe { user_data, ..read });
            maker.ring.submit(0)?;
        }
        for _ in 0..6 {
            maker.ring.wait()?;
        }
    }
    Ok(())
}

/// One accept that takes several connections.
fn multishot(maker: &mut Maker, servers: &[TcpListener]) -> Result<()> {
    for (port, server) in PORTS.into_iter().zip(servers) {
        let mut taker = Ring::new(8, 0)?;
        let accept =
            Sqe { opcode: ACCEPT, fd: server.as_raw_fd(), ioprio: ACCEPT_MULTISHOT, ..Sqe::default() };
        taker.push(Sqe { user_data: 7, ..accept });
        taker.submit(0)?;
        for _ in 0..3 {
            let client = socket();
            maker.connect(client, port)?;
            let other = taker.wait()?.res;
            talk(maker, client, other, 2)?;
            maker.close(client)?;
            maker.close(other)?;
        }
        taker.push(Sqe { opcode: ASYNC_CANCEL, fd: -1, addr: 7, user_data: 8, ..Sqe::default() });
        taker.submit(2)?;
        for _ in 0..2 {
            taker.wait()?;
        }
    }
    Ok(())
}

/// Brings the loopback device up.
fn loopback() -> Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: zeroes are a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l', b'o'].map(|letter| letter as libc::c_char));
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the kernel reads the request.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

fn main() -> Result<()> {
    let turns: u32 = env::args().nth(1).and_then(|turns| turns.parse().ok()).unwrap_or(10);
    loopback()?;
    fs::write("work", "x".repeat(10))?;
    let here = env::current_dir()?;
    let here = here.to_str().expect("a name that is text");
    let servers = PORTS.map(|port| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))));
    let [first, second] = servers;
    let servers = [first?, second?];
    let own = format!("{here}/work");
    let steady = ["/etc/hostname", "work", &own].map(File::open);
    let [first, second, third] = steady;
    let steady = [first?, second?, third?];
    // In the order of what the recorder can go by: one thread, then one beside it, then a thread of the kernel's that submits.
    for (setup, flags) in [(0, 0), (0, ASYNC), (SETUP_SQPOLL, 0)] {
        let mut maker = Maker::new(setup, flags)?;
        let numbers: Vec<RawFd> = steady.iter().map(AsRawFd::as_raw_fd).collect();
        maker.ring.register(REGISTER_FILES, &numbers)?;
        for _ in 0..turns {
            files(&mut maker, &own)?;
            connections(&mut maker, &servers)?;
            datagrams(&mut maker)?;
            thread::sleep(REST);
        }
        batches(&mut maker, &steady)?;
        multishot(&mut maker, &servers)?;
        let client = socket();
        maker.connect(client, PORTS[1])?;
        let other = maker.one(Sqe { opcode: ACCEPT, fd: servers[1].as_raw_fd(), ..Sqe::default() })?;
        for _ in 0..10 * turns {
            for file in &steady {
                maker.read(file.as_raw_fd(), 20)?;
            }
            talk(&mut maker, client, other, 3)?;
            thread::sleep(Duration::from_millis(1));
        }
        maker.close(client)?;
        maker.close(other)?;
    }
    overflow(&steady)?;
    let mut maker = Maker::new(0, 0)?;
    for _ in 0..turns {
        paths(&mut maker, &own)?;
    }
    // SAFETY: the child makes a ring of its own and ends; there is one thread.
    let child = unsafe { libc::fork() };
    let mut maker = Maker::new(0, 0)?;
    if child == 0 {
        // SAFETY: takes numbers.
        unsafe { libc::dup2(steady[0].as_raw_fd(), steady[1].as_raw_fd()) };
    }
    for file in &steady {
        maker.read(file.as_raw_fd(), 20)?;
    }
    if child == 0 {
        std::process::exit(0);
    }
    // SAFETY: nobody is told how it ended.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    Ok(())
}
