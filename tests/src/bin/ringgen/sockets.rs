//! Operations on sockets: a connection to ourselves. What makes the listening socket are calls.

use std::io::Result;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;

use tests::ring::Sqe;

use crate::{Generator, op};

/// An IPv4 address as the kernel takes it.
pub(crate) fn sockaddr(address: SocketAddr) -> [u8; 16] {
    let SocketAddr::V4(v4) = address else { panic!("asked for IPv4") };
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&v4.port().to_be_bytes());
    bytes[4..8].copy_from_slice(&v4.ip().octets());
    bytes
}

/// The local port of a socket.
pub(crate) fn port(fd: i32) -> u16 {
    let mut address = [0_u8; 16];
    let mut length = 16_u32;
    // SAFETY: both live across the call, and the length is that of the buffer.
    unsafe { libc::getsockname(fd, address.as_mut_ptr().cast(), &raw mut length) };
    u16::from_be_bytes([address[2], address[3]])
}

/// A connection through its life.
pub(crate) fn run(generator: &mut Generator) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let to = listener.local_addr()?;
    let address = sockaddr(to);
    let socket =
        Sqe { opcode: op::SOCKET, fd: libc::AF_INET, off: libc::SOCK_STREAM as u64, ..Sqe::default() };
    let mut client = generator.run("socket", socket, "-")?;
    if client < 0 {
        // Before Linux 5.19 there is no such operation.
        // SAFETY: no pointer is passed.
        client = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    }
    let entry = |opcode, fd, addr: u64| Sqe { opcode, fd, addr, ..Sqe::default() };
    let connect = Sqe { off: 16, ..entry(op::CONNECT, client, address.as_ptr() as u64) };
    // The name is known to the printer only when there is a port.
    let user_data = generator.next();
    generator.ring.push(Sqe { user_data, flags: generator.flags, ..connect });
    generator.ring.submit(1)?;
    let result = generator.ring.wait()?.res;
    let name = format!("127.0.0.1:{}->127.0.0.1:{}", port(client), to.port());
    generator.print(user_data, "connect", result, &name);
    let server = generator.run("accept4", entry(op::ACCEPT, listener.as_raw_fd(), 0), &name)?;

    let text = b"over a ring";
    let send = Sqe { len: text.len() as u32, ..entry(op::SEND, client, text.as_ptr() as u64) };
    generator.run("sendto", send, &name)?;
    let mut buffer = [0_u8; 64];
    let receive = Sqe { len: 64, ..entry(op::RECV, server, buffer.as_mut_ptr() as u64) };
    generator.run("recvfrom", receive, &name)?;
    let part = libc::iovec { iov_base: text.as_ptr() as *mut _, iov_len: text.len() };
    // SAFETY: a message of zeroes has no name, no parts and no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = ((&raw const part).cast_mut(), 1);
    let send = Sqe { len: 1, ..entry(op::SENDMSG, server, (&raw const message) as u64) };
    generator.run("sendmsg", send, &name)?;
    let part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: 64 };
    message.msg_iov = (&raw const part).cast_mut();
    let receive = Sqe { len: 1, ..entry(op::RECVMSG, client, (&raw const message) as u64) };
    generator.run("recvmsg", receive, &name)?;
    let shutdown = Sqe { len: libc::SHUT_WR as u32, ..entry(op::SHUTDOWN, client, 0) };
    generator.run("shutdown", shutdown, &name)?;
    generator.run("close", entry(op::CLOSE, client, 0), &name)?;
    generator.run("close", entry(op::CLOSE, server, 0), &name)?;
    Ok(())
}
