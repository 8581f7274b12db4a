//! What only rings have: registered files and buffers, links, several completions, silence, timeouts, cancellation, overflow.

use std::ffi::CString;
use std::io::{Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use tests::ring::{Ring, Sqe};

use crate::{Generator, op, sockets, sqe};

const CWD: i32 = libc::AT_FDCWD;
const REGISTER_BUFFERS: u32 = 0;
const REGISTER_FILES: u32 = 2;
/// `IORING_ACCEPT_MULTISHOT`.
const ACCEPT_MULTISHOT: u16 = 1;

fn entry(opcode: u8, fd: i32, addr: u64) -> Sqe {
    Sqe { opcode, fd, addr, ..Sqe::default() }
}

/// All of them.
pub(crate) fn run(generator: &mut Generator, directory: &str) -> Result<()> {
    generator.run("io_uring_nop", entry(op::NOP, 0, 0), "-")?;
    registered(generator, directory)?;
    linked(generator, directory)?;
    several_completions(generator)?;
    waiting(generator)?;
    silent(generator, directory)?;
    overflowing(generator)
}

fn registered(generator: &mut Generator, directory: &str) -> Result<()> {
    let name = format!("{directory}/registered");
    let mut file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&name)?;
    file.write_all(b"registered")?;
    let (one, other) = std::os::unix::net::UnixStream::pair()?;
    let table = [file.as_raw_fd(), one.as_raw_fd(), -1];
    generator.ring.register(REGISTER_FILES, &table)?;
    let mut buffer = vec![0_u8; 4096];
    let parts = [libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() }];
    generator.ring.register(REGISTER_BUFFERS, &parts)?;
    let address = buffer.as_mut_ptr() as u64;
    let fixed = |opcode, index| Sqe { flags: sqe::FIXED_FILE, len: 10, ..entry(opcode, index, address) };
    generator.run("read", fixed(op::READ, 0), &name)?;
    generator.run("read", fixed(op::READ_FIXED, 0), &name)?;
    generator.run("write", Sqe { off: 10, ..fixed(op::WRITE_FIXED, 0) }, &name)?;
    generator.run("fsync", Sqe { len: 0, addr: 0, ..fixed(op::FSYNC, 0) }, &name)?;
    generator.run("sendto", fixed(op::SEND, 1), "-")?;
    drop(other);

    // Opened into the table, used and closed there: no descriptor of the process is involved.
    let path = CString::new(name.clone()).expect("no NUL in it");
    let open = Sqe { file_index: 3, ..entry(op::OPENAT, CWD, path.as_ptr() as u64) };
    generator.run("openat", open, &name)?;
    generator.run("read", fixed(op::READ, 2), &name)?;
    generator.run("close", Sqe { file_index: 3, ..entry(op::CLOSE, 0, 0) }, "-")?;
    std::fs::remove_file(&name)
}

/// Three that begin when the one before has ended.
fn linked(generator: &mut Generator, directory: &str) -> Result<()> {
    let folder = format!("{directory}/linked");
    let path = CString::new(folder.clone()).expect("no NUL in it");
    let path = path.as_ptr() as u64;
    let first = generator.next();
    let names = ["mkdirat", "mkdirat", "unlinkat"];
    for (at, opcode) in [op::MKDIRAT, op::MKDIRAT, op::UNLINKAT].into_iter().enumerate() {
        let user_data = if at == 0 { first } else { generator.next() };
        let flags = if at < 2 { sqe::LINK } else { 0 };
        generator.ring.push(Sqe { user_data, flags, ..entry(opcode, CWD, path) });
    }
    generator.ring.submit(3)?;
    for _ in names {
        let cqe = generator.ring.wait()?;
        generator.print(cqe.user_data, names[(cqe.user_data - first) as usize], cqe.res, &folder);
    }
    std::fs::remove_dir(folder)
}

/// One accept takes three connections.
fn several_completions(generator: &mut Generator) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let to = listener.local_addr()?;
    let user_data = generator.next();
    let accept = Sqe { ioprio: ACCEPT_MULTISHOT, user_data, ..entry(op::ACCEPT, listener.as_raw_fd(), 0) };
    generator.ring.push(accept);
    generator.ring.submit(0)?;
    for _ in 0..3 {
        let client = TcpStream::connect(to)?;
        let cqe = generator.ring.wait()?;
        let name = format!("127.0.0.1:{}->127.0.0.1:{}", sockets::port(client.as_raw_fd()), to.port());
        generator.print(user_data, "accept4", cqe.res, &name);
        generator.run("close", entry(op::CLOSE, cqe.res, 0), &name)?;
    }
    cancel(generator, user_data, "accept4")
}

/// Cancels an operation, which completes as well.
fn cancel(generator: &mut Generator, target: u64, name: &str) -> Result<()> {
    let user_data = generator.next();
    generator.ring.push(Sqe { user_data, ..entry(op::ASYNC_CANCEL, -1, target) });
    generator.ring.submit(2)?;
    for _ in 0..2 {
        let cqe = generator.ring.wait()?;
        let is_target = cqe.user_data == target;
        generator.print(cqe.user_data, if is_target { name } else { "io_uring_async_cancel" }, cqe.res, "-");
    }
    Ok(())
}

fn waiting(generator: &mut Generator) -> Result<()> {
    let time = [0_i64, 20_000_000];
    let timeout = Sqe { len: 1, ..entry(op::TIMEOUT, -1, time.as_ptr() as u64) };
    generator.run("io_uring_timeout", timeout, "-")?;
    let (reader, _writer) = std::os::unix::net::UnixStream::pair()?;
    let user_data = generator.next();
    let poll = Sqe { op_flags: libc::POLLIN as u32, ..entry(op::POLL_ADD, reader.as_raw_fd(), 0) };
    generator.ring.push(Sqe { user_data, ..poll });
    generator.ring.submit(0)?;
    cancel(generator, user_data, "io_uring_poll_add")
}

/// Operations that say nothing when they succeed; a nop behind them tells that they are over.
fn silent(generator: &mut Generator, directory: &str) -> Result<()> {
    let name = format!("{directory}/silent");
    let path = CString::new(name.clone()).expect("no NUL in it");
    let flags = sqe::CQE_SKIP_SUCCESS | sqe::LINK;
    for (event, opcode) in [("mkdirat", op::MKDIRAT), ("unlinkat", op::UNLINKAT)] {
        let user_data = generator.next();
        let removes = if opcode == op::UNLINKAT { libc::AT_REMOVEDIR as u32 } else { 0 };
        let entry = Sqe { user_data, flags, op_flags: removes, ..entry(opcode, CWD, path.as_ptr() as u64) };
        generator.ring.push(entry);
        println!("{user_data}\t{event}\tnone\t{name}\t{}", generator.thread);
    }
    generator.run("io_uring_nop", entry(op::NOP, 0, 0), "-")?;
    Ok(())
}

/// Completions for which there is no room are kept aside by the kernel until there is.
fn overflowing(generator: &mut Generator) -> Result<()> {
    const OPERATIONS: usize = 7;
    let mut small = Ring::new(1, 0)?;
    for _ in 0..OPERATIONS {
        small.push(Sqe { user_data: generator.next(), ..entry(op::NOP, 0, 0) });
        small.submit(0)?;
    }
    for _ in 0..OPERATIONS {
        let cqe = small.wait()?;
        generator.print(cqe.user_data, "io_uring_nop", cqe.res, "-");
    }
    Ok(())
}
