//! Sockets: TCP and UDP over both IP versions, Unix sockets with passed descriptors, netlink, packet.

use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW,
    SOCK_SEQPACKET, SOCK_STREAM,
};
use libc::{c_void, iovec, msghdr};

use crate::call::{descriptor, sys};

/// A `sockaddr` of any family: its bytes and how many count.
#[derive(Clone)]
struct Address {
    bytes: [u8; 128],
    len: u32,
}

impl Address {
    fn new(family: i32, rest: &[u8]) -> Address {
        let mut bytes = [0; 128];
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        bytes[2..2 + rest.len()].copy_from_slice(rest);
        Address { bytes, len: 2 + rest.len() as u32 }
    }

    fn ipv4(port: u16) -> Address {
        let [high, low] = port.to_be_bytes();
        Address::new(AF_INET, &[high, low, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    fn ipv6(port: u16) -> Address {
        let mut rest = [0; 26];
        rest[..2].copy_from_slice(&port.to_be_bytes());
        rest[21] = 1;
        Address::new(AF_INET6, &rest)
    }

    fn unix(path: &[u8]) -> Address {
        Address::new(AF_UNIX, path)
    }

    /// Room for the kernel to write an address into.
    fn room() -> Address {
        Address { bytes: [0; 128], len: 128 }
    }

    /// The port the kernel chose, of a socket bound to port 0.
    fn port(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }
}

pub(crate) fn run() {
    for ipv4 in [true, false] {
        stream(ipv4);
        datagrams(ipv4);
    }
    unix_stream();
    pairs();
    other_families();
    interfaces();
}

fn close(fds: &[i32]) {
    for fd in fds {
        sys!(libc::SYS_close, *fd);
    }
}

fn local_name(fd: i32) -> Address {
    let mut name = Address::room();
    sys!(libc::SYS_getsockname, fd, &mut name.bytes, &mut name.len);
    name
}

fn stream(ipv4: bool) {
    let (family, any) = if ipv4 { (AF_INET, Address::ipv4(0)) } else { (AF_INET6, Address::ipv6(0)) };
    let at = |port| if ipv4 { Address::ipv4(port) } else { Address::ipv6(port) };
    let server = descriptor(sys!(libc::SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    let one = 1_i32;
    sys!(libc::SYS_setsockopt, server, libc::SOL_SOCKET, libc::SO_REUSEADDR, &one, 4_usize);
    sys!(libc::SYS_setsockopt, server, libc::SOL_SOCKET, 9999, &one, 4_usize);
    sys!(libc::SYS_bind, server, &any.bytes, any.len);
    sys!(libc::SYS_bind, server, &any.bytes, any.len);
    sys!(libc::SYS_listen, server, 5);
    sys!(libc::SYS_listen, -1, 5);
    let here = at(local_name(server).port());
    let client = descriptor(sys!(libc::SYS_socket, family, SOCK_STREAM, 0));
    sys!(libc::SYS_connect, client, &here.bytes, here.len);
    sys!(libc::SYS_connect, client, &here.bytes, here.len);
    let mut peer = Address::room();
    let accepted = descriptor(sys!(libc::SYS_accept4, server, &mut peer.bytes, &mut peer.len, SOCK_CLOEXEC));
    sys!(libc::SYS_accept4, client, 0, 0, 0);
    sys!(libc::SYS_getpeername, accepted, &mut Address::room().bytes, &mut 128_u32);
    sys!(libc::SYS_getpeername, server, &mut Address::room().bytes, &mut 128_u32);
    local_name(accepted);
    let mut room = [0_u8; 200];
    sys!(libc::SYS_write, client, b"GET / HTTP/1.0\r\n\r\n".as_ptr(), 18_usize);
    sys!(libc::SYS_read, accepted, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_sendto, accepted, b"200 OK".as_ptr(), 6_usize, libc::MSG_NOSIGNAL, 0, 0);
    sys!(libc::SYS_recvfrom, client, room.as_mut_ptr(), room.len(), 0, 0, 0);
    sys!(libc::SYS_recvfrom, client, room.as_mut_ptr(), room.len(), libc::MSG_DONTWAIT, 0, 0);
    let (mut value, mut len) = (0_i32, 4_u32);
    sys!(libc::SYS_getsockopt, client, libc::SOL_SOCKET, libc::SO_ERROR, &mut value, &mut len);
    sys!(libc::SYS_getsockopt, client, libc::SOL_SOCKET, 9999, &mut value, &mut len);
    sys!(libc::SYS_shutdown, client, libc::SHUT_WR);
    sys!(libc::SYS_shutdown, -1, libc::SHUT_WR);
    sys!(libc::SYS_read, accepted, room.as_mut_ptr(), room.len());
    // Without blocking: in progress or done at once, and accept without the length of an address.
    let second = descriptor(sys!(libc::SYS_socket, family, SOCK_STREAM | SOCK_NONBLOCK, 0));
    sys!(libc::SYS_connect, second, &here.bytes, here.len);
    let answered = descriptor(sys!(libc::SYS_accept, server, 0, 0));
    close(&[second, answered, client, accepted, server]);
    // Nobody listens here any more.
    let refused = descriptor(sys!(libc::SYS_socket, family, SOCK_STREAM, 0));
    sys!(libc::SYS_connect, refused, &here.bytes, here.len);
    sys!(libc::SYS_connect, refused, 8_usize, here.len);
    close(&[refused]);
}

fn datagrams(ipv4: bool) {
    let (family, any) = if ipv4 { (AF_INET, Address::ipv4(0)) } else { (AF_INET6, Address::ipv6(0)) };
    let at = |port| if ipv4 { Address::ipv4(port) } else { Address::ipv6(port) };
    let server = descriptor(sys!(libc::SYS_socket, family, SOCK_DGRAM, 0));
    sys!(libc::SYS_bind, server, &any.bytes, any.len);
    let here = at(local_name(server).port());
    let client = descriptor(sys!(libc::SYS_socket, family, SOCK_DGRAM, libc::IPPROTO_UDP));
    sys!(libc::SYS_sendto, client, b"to a stranger".as_ptr(), 13_usize, 0, &here.bytes, here.len);
    sys!(libc::SYS_sendto, client, b"without address".as_ptr(), 15_usize, 0, 0, 0);
    let mut room = [0_u8; 64];
    let mut peer = Address::room();
    sys!(libc::SYS_recvfrom, server, room.as_mut_ptr(), room.len(), 0, &mut peer.bytes, &mut peer.len);
    sys!(libc::SYS_connect, client, &here.bytes, here.len);
    sys!(libc::SYS_sendto, client, b"connected".as_ptr(), 9_usize, 0, 0, 0);
    sys!(
        libc::SYS_recvfrom,
        server,
        room.as_mut_ptr(),
        room.len(),
        libc::MSG_TRUNC,
        &mut peer.bytes,
        &mut peer.len
    );
    let mut text = *b"one of many";
    let mut part = iovec { iov_base: text.as_mut_ptr().cast::<c_void>(), iov_len: text.len() };
    let mut parts = [part; 3];
    let mut messages = [(); 12].map(|()| message(&mut part));
    messages[9].msg_hdr.msg_iov = parts.as_mut_ptr();
    messages[9].msg_hdr.msg_iovlen = parts.len();
    sys!(libc::SYS_sendmmsg, client, &mut messages, messages.len(), 0);
    sys!(libc::SYS_sendmmsg, -1, &mut messages, 2_u32, 0);
    let mut space = iovec { iov_base: room.as_mut_ptr().cast::<c_void>(), iov_len: room.len() };
    let mut arrived = [(); 12].map(|()| message(&mut space));
    sys!(libc::SYS_recvmmsg, server, &mut arrived, arrived.len(), libc::MSG_DONTWAIT, 0);
    sys!(libc::SYS_recvmmsg, server, &mut arrived, 2_u32, libc::MSG_DONTWAIT, 0);
    let mut far = here.clone();
    let mut letter = message(&mut part);
    letter.msg_hdr.msg_name = far.bytes.as_mut_ptr().cast::<c_void>();
    letter.msg_hdr.msg_namelen = far.len;
    sys!(libc::SYS_sendmsg, client, &letter.msg_hdr, 0);
    let mut answer = message(&mut space);
    answer.msg_hdr.msg_name = peer.bytes.as_mut_ptr().cast::<c_void>();
    answer.msg_hdr.msg_namelen = 128;
    sys!(libc::SYS_recvmsg, server, &mut answer.msg_hdr, 0);
    close(&[client, server]);
}

fn message(part: &mut iovec) -> libc::mmsghdr {
    libc::mmsghdr {
        msg_hdr: msghdr {
            msg_name: std::ptr::null_mut(),
            msg_namelen: 0,
            msg_iov: std::ptr::from_mut(part),
            msg_iovlen: 1,
            msg_control: std::ptr::null_mut(),
            msg_controllen: 0,
            msg_flags: 0,
        },
        msg_len: 0,
    }
}

fn unix_stream() {
    let server = descriptor(sys!(libc::SYS_socket, AF_UNIX, SOCK_STREAM, 0));
    let path = Address::unix(b"listening.sock\0");
    sys!(libc::SYS_bind, server, &path.bytes, path.len);
    sys!(libc::SYS_bind, server, &path.bytes, path.len);
    sys!(libc::SYS_listen, server, 1);
    let client = descriptor(sys!(libc::SYS_socket, AF_UNIX, SOCK_STREAM, 0));
    let absent = Address::unix(b"absent.sock\0");
    sys!(libc::SYS_connect, client, &absent.bytes, absent.len);
    sys!(libc::SYS_connect, client, &path.bytes, path.len);
    let accepted = descriptor(sys!(libc::SYS_accept4, server, 0, 0, 0));
    sys!(libc::SYS_write, client, b"local".as_ptr(), 5_usize);
    sys!(libc::SYS_read, accepted, &mut [0_u8; 16], 16_usize);
    let hidden = descriptor(sys!(libc::SYS_socket, AF_UNIX, SOCK_DGRAM, 0));
    let name = Address::unix(format!("\0callgen-{}", std::process::id()).as_bytes());
    sys!(libc::SYS_bind, hidden, &name.bytes, name.len);
    local_name(hidden);
    close(&[hidden, accepted, client, server]);
}

/// Space for one control message that carries one descriptor, aligned as `cmsghdr` must be.
#[repr(C, align(8))]
struct Control {
    len: usize,
    level: i32,
    kind: i32,
    fd: i32,
    padding: i32,
}

fn pairs() {
    let mut ends = [-1_i32; 2];
    sys!(libc::SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, &mut ends);
    // The kernel writes the numbers before it finds that the family has no pairs.
    sys!(libc::SYS_socketpair, AF_INET, SOCK_STREAM, 0, &mut [-1_i32; 2]);
    let mut packets = [-1_i32; 2];
    sys!(libc::SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, &mut packets);
    sys!(libc::SYS_sendto, packets[0], b"packet".as_ptr(), 6_usize, libc::MSG_EOR, 0, 0);
    sys!(libc::SYS_recvfrom, packets[1], &mut [0_u8; 16], 16_usize, 0, 0, 0);
    // A descriptor travels through the socket and arrives with a new number.
    let file =
        descriptor(sys!(libc::SYS_openat, libc::AT_FDCWD, c"passed", libc::O_RDWR | libc::O_CREAT, 0o600));
    let mut text = *b"!";
    let mut part = iovec { iov_base: text.as_mut_ptr().cast::<c_void>(), iov_len: 1 };
    let mut control =
        Control { len: 20, level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, fd: file, padding: 0 };
    let mut letter = message(&mut part);
    letter.msg_hdr.msg_control = std::ptr::from_mut(&mut control).cast::<c_void>();
    letter.msg_hdr.msg_controllen = size_of::<Control>() as _;
    sys!(libc::SYS_sendmsg, ends[0], &letter.msg_hdr, 0);
    sys!(libc::SYS_recvmsg, ends[1], &mut letter.msg_hdr, 0);
    sys!(libc::SYS_write, control.fd, b"through the passed one".as_ptr(), 22_usize);
    sys!(libc::SYS_recvmsg, -1, &mut letter.msg_hdr, 0);
    close(&[control.fd, file, ends[0], ends[1], packets[0], packets[1]]);
}

/// `struct ifreq`: a name, and what is asked about or set.
fn interface(name: &str, rest: &[u8]) -> [u8; 40] {
    let mut request = [0; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    request[16..16 + rest.len()].copy_from_slice(rest);
    request
}

/// An IPv4 address, as a `struct sockaddr`.
fn internet(address: [u8; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(AF_INET as u16).to_ne_bytes());
    bytes[4..8].copy_from_slice(&address);
    bytes
}

/// What is asked of a device that there is, and what is to be changed of one that there is not.
fn interfaces() {
    let socket = descriptor(sys!(libc::SYS_socket, AF_INET, SOCK_DGRAM, 0));
    let ask = |request: u32, name: &str| {
        sys!(libc::SYS_ioctl, socket, request, &mut interface(name, &[]));
    };
    // SIOCGIFFLAGS, ADDR, DSTADDR, BRDADDR, NETMASK, METRIC, MTU, HWADDR, INDEX, TXQLEN, MAP, SLAVE.
    for request in
        [0x8913, 0x8915, 0x8917, 0x8919, 0x891b, 0x891d, 0x8921, 0x8927, 0x8933, 0x8942, 0x8970, 0x8929]
    {
        ask(request, "lo");
        ask(request, "absent0");
    }
    sys!(libc::SYS_ioctl, socket, 0x8910_u32, &mut interface("", &1_i32.to_ne_bytes())); // SIOCGIFNAME
    // SIOCSIFADDR, DSTADDR, BRDADDR, NETMASK.
    for request in [0x8916_u32, 0x8918, 0x891a, 0x891c] {
        sys!(libc::SYS_ioctl, socket, request, &interface("absent0", &internet([192, 0, 2, 1])));
    }
    let ether = [1, 0, 2, 0xfc, 0, 0xab, 0xcd, 0xef];
    sys!(libc::SYS_ioctl, socket, 0x8924_u32, &interface("absent0", &ether)); // SIOCSIFHWADDR
    sys!(libc::SYS_ioctl, socket, 0x8914_u32, &interface("absent0", &[0x41, 1])); // SIOCSIFFLAGS
    sys!(libc::SYS_ioctl, socket, 0x8922_u32, &interface("absent0", &1400_i32.to_ne_bytes())); // SIOCSIFMTU
    sys!(libc::SYS_ioctl, socket, 0x8943_u32, &interface("absent0", &77_i32.to_ne_bytes())); // SIOCSIFTXQLEN
    sys!(libc::SYS_ioctl, socket, 0x8923_u32, &interface("absent0", b"absent1")); // SIOCSIFNAME
    // An entry of the ARP table, and a route, through a device that there is not.
    let mut entry = [0_u8; 68];
    entry[..16].copy_from_slice(&internet([192, 0, 2, 7]));
    entry[16..24].copy_from_slice(&ether);
    entry[32] = 6;
    entry[52..59].copy_from_slice(b"absent0");
    for request in [0x8953_u32, 0x8954, 0x8955] {
        sys!(libc::SYS_ioctl, socket, request, &mut entry);
    }
    let mut route = [0_u64; 15];
    let [destination, gateway] =
        [[192, 0, 2, 0], [192, 0, 2, 9]].map(|address| internet(address).map(u64::from));
    let half = |bytes: &[u64]| bytes.iter().rev().fold(0, |all, byte| all << 8 | byte);
    (route[1], route[2]) = (half(&destination[..8]), half(&destination[8..]));
    (route[3], route[4]) = (half(&gateway[..8]), half(&gateway[8..]));
    (route[7], route[11]) = (3, c"absent0".as_ptr() as u64);
    sys!(libc::SYS_ioctl, socket, 0x890b_u32, &route); // SIOCADDRT
    sys!(libc::SYS_ioctl, socket, 0x890c_u32, &route); // SIOCDELRT
    sys!(libc::SYS_ioctl, socket, 0x89a1_u32, c"absent0"); // SIOCBRDELBR
    close(&[socket]);
}

fn other_families() {
    let route = descriptor(sys!(libc::SYS_socket, AF_NETLINK, SOCK_RAW, libc::NETLINK_ROUTE));
    let kernel = Address::new(AF_NETLINK, &[0; 10]);
    sys!(libc::SYS_bind, route, &kernel.bytes, kernel.len);
    local_name(route);
    let packet = descriptor(sys!(libc::SYS_socket, AF_PACKET, SOCK_RAW, 0));
    sys!(libc::SYS_socket, 9999, SOCK_RAW, 0);
    close(&[route, packet]);
}
