//! One socket of another process, asked itself: through a duplicate of the descriptor (`pidfd_getfd`, Linux 5.6).
//!
//! The tables in `/proc/PID/net` need a walk over all connections of the machine, which takes the kernel up to a
//! second, while a duplicate answers at once. It lives for some microseconds, in which a close by its owner would
//! not yet end the connection.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use capture_format::model::{Descriptor, Role};

use crate::track::sockets::{self, Address};

/// Ports from here on are given to clients that do not ask for one (`net.ipv4.ip_local_port_range`).
const PORT_EPHEMERAL_MIN: u16 = 32768;

/// The socket behind a descriptor of a process, if its inode number is `ino`: with another `/proc` than our own,
/// process ids may mean others. `None` too where the kernel does not let us (`CAP_SYS_PTRACE`).
pub(super) fn socket(pid: u32, fd: u32, ino: u64) -> Option<Descriptor> {
    let process = descriptor(libc::SYS_pidfd_open, [pid, 0, 0])?;
    let socket = descriptor(libc::SYS_pidfd_getfd, [process.as_raw_fd() as u32, fd, 0])?;
    if inode(&socket)? != ino {
        return None;
    }
    let option = |name| option(&socket, name);
    let (family, socktype) = (option(libc::SO_DOMAIN)?, option(libc::SO_TYPE)?);
    let protocol = option(libc::SO_PROTOCOL).unwrap_or(0);
    let mut descriptor = sockets::created(u64::from(family), u64::from(socktype), u64::from(protocol));
    descriptor.ino = ino;
    if let Some(address) = address(&socket, libc::getsockname) {
        sockets::set_local(&mut descriptor, address);
    }
    if option(libc::SO_ACCEPTCONN) == Some(1) {
        descriptor.role = Role::Server;
    } else if let Some(address) = address(&socket, libc::getpeername) {
        descriptor.connected = true;
        if matches!(address, Address::Ip(..)) {
            // Of a Unix socket the peer's path is not its own.
            sockets::set_remote(&mut descriptor, address);
            descriptor.role = role(descriptor.local.port, descriptor.remote.port);
        }
    }
    Some(descriptor)
}

/// Who called whom, as far as the ports tell.
fn role(local: u16, remote: u16) -> Role {
    match (local >= PORT_EPHEMERAL_MIN, remote >= PORT_EPHEMERAL_MIN) {
        (true, false) => Role::Client,
        (false, true) => Role::Server,
        _ => Role::Unknown,
    }
}

fn descriptor(call: libc::c_long, arguments: [u32; 3]) -> Option<OwnedFd> {
    let [a, b, c] = arguments;
    // SAFETY: both calls that come here take three integers and no pointer.
    let result = unsafe { libc::syscall(call, a, b, c) };
    let fd = i32::try_from(result).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the kernel has just given us this descriptor, which nobody else knows of.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn inode(socket: &OwnedFd) -> Option<u64> {
    // SAFETY: a structure of integers, for which zero is a value.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open and `stat` is a whole structure that outlives the call.
    let result = unsafe { libc::fstat(socket.as_raw_fd(), &raw mut stat) };
    (result == 0).then_some(stat.st_ino)
}

fn option(socket: &OwnedFd, name: i32) -> Option<u32> {
    let (mut value, mut length) = (0u32, size_of::<u32>() as libc::socklen_t);
    // SAFETY: `value` has the stated length, and both outlive the call.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut length)
    };
    (result == 0).then_some(value)
}

type AskAddress = unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32;

fn address(socket: &OwnedFd, ask: AskAddress) -> Option<Address> {
    let mut bytes = [0u8; size_of::<libc::sockaddr_storage>()];
    let mut length = bytes.len() as libc::socklen_t;
    // SAFETY: at most `length` bytes are written to `bytes`, and both outlive the call.
    let result = unsafe { ask(socket.as_raw_fd(), bytes.as_mut_ptr().cast(), &raw mut length) };
    let written = bytes.get(..length as usize).filter(|_| result == 0)?;
    Address::parse(written)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixListener;

    use capture_format::model::DescriptorType;

    use super::*;

    fn own(fd: &impl AsFd) -> Option<Descriptor> {
        let owned = fd.as_fd().try_clone_to_owned().expect("descriptors are left");
        let ino = inode(&owned).expect("it is open");
        let fd = fd.as_fd().as_raw_fd() as u32;
        assert_eq!(socket(std::process::id(), fd, ino + 1), None, "another inode is another socket");
        socket(std::process::id(), fd, ino)
    }

    #[test]
    fn sockets_tell_what_they_are() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let datagram = UdpSocket::bind("[::1]:0").or_else(|_| UdpSocket::bind("127.0.0.1:0")).expect("bound");
        let path = std::env::temp_dir().join(format!("sysreel-socket-{}", std::process::id()));
        let unix = UnixListener::bind(&path).expect("a path is free");
        let path = path.into_os_string().into_encoded_bytes();

        let seen = own(&listener).expect("our own descriptors are ours to copy");
        assert_eq!((seen.kind, seen.role, seen.connected), (DescriptorType::Ipv4, Role::Server, false));
        assert_eq!((seen.local.port, &seen.local.address[..4]), (port, &[127, 0, 0, 1][..]));
        let seen = own(&client).expect("a copy");
        assert!(seen.connected);
        assert_eq!((seen.remote.port, i32::from(seen.protocol)), (port, libc::IPPROTO_TCP));
        let seen = own(&datagram).expect("a copy");
        assert_eq!((i32::from(seen.socktype), seen.connected), (libc::SOCK_DGRAM, false));
        let seen = own(&unix).expect("a copy");
        assert_eq!((seen.kind, &seen.name, seen.role), (DescriptorType::Unix, &path, Role::Server));
        std::fs::remove_file(std::ffi::OsString::from(String::from_utf8_lossy(&path).into_owned()))
            .expect("it is ours");
    }

    #[test]
    fn ports_tell_who_called() {
        assert_eq!(role(40_000, 443), Role::Client);
        assert_eq!(role(443, 40_000), Role::Server);
        assert_eq!(role(40_000, 50_000), Role::Unknown);
    }
}
