//! Addresses of sockets: from `struct sockaddr` in arguments and from what the kernel programs saw.

use capture_format::model::{Descriptor, DescriptorType, Endpoint, Role};
use wire::SocketFacts;

/// TCP state of a socket with a connection.
const TCP_ESTABLISHED: u16 = 1;
/// TCP state of a listening socket.
const TCP_LISTEN: u16 = 10;

const AF_UNSPEC: u16 = libc::AF_UNSPEC as u16;
const AF_UNIX: u16 = libc::AF_UNIX as u16;
const AF_INET: u16 = libc::AF_INET as u16;
const AF_INET6: u16 = libc::AF_INET6 as u16;

/// An address as a program gave it or was given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// IPv4 or IPv6, the family as `AF_*`.
    Ip(u16, Endpoint),
    /// Path of a Unix socket, an abstract one with a leading `@`.
    Unix(Vec<u8>),
    /// `AF_UNSPEC`: a connect to it ends what an earlier one began.
    Unspecified,
    /// Any other family.
    Other,
}

impl Address {
    /// Reads a `struct sockaddr` of any family and length.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first_chunk::<2>()?;
        Some(match u16::from_ne_bytes(*family) {
            AF_INET => Address::Ip(AF_INET, endpoint(rest.get(..2)?, rest.get(2..6)?)),
            // Between port and address stands the flow label.
            AF_INET6 => Address::Ip(AF_INET6, endpoint(rest.get(..2)?, rest.get(6..22)?)),
            AF_UNIX => Address::Unix(unix_path(rest)),
            AF_UNSPEC => Address::Unspecified,
            _ => Address::Other,
        })
    }
}

fn endpoint(port: &[u8], address: &[u8]) -> Endpoint {
    let mut endpoint = Endpoint { port: u16::from_be_bytes([port[0], port[1]]), ..Endpoint::default() };
    endpoint.address[..address.len()].copy_from_slice(address);
    endpoint
}

fn unix_path(path: &[u8]) -> Vec<u8> {
    match path {
        // An abstract name may hold any byte; the kernel shows its NULs as `@`, in `/proc/net/unix` too.
        [0, name @ ..] if !name.is_empty() => {
            let end = name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            let shown = name[..end].iter().map(|&byte| if byte == 0 { b'@' } else { byte });
            std::iter::once(b'@').chain(shown).collect()
        }
        _ => super::path::until_nul(path).to_vec(),
    }
}

/// A socket as `socket(family, type, protocol)` makes it.
pub(super) fn created(family: u64, socktype: u64, protocol: u64) -> Descriptor {
    let kind = kind_of_family(family as u16);
    // The upper bits are SOCK_CLOEXEC and SOCK_NONBLOCK.
    let socktype = (socktype & 0xf) as u8;
    let protocol = match (kind, protocol, i32::from(socktype)) {
        (DescriptorType::Ipv4 | DescriptorType::Ipv6, 0, libc::SOCK_STREAM) => libc::IPPROTO_TCP as u16,
        (DescriptorType::Ipv4 | DescriptorType::Ipv6, 0, libc::SOCK_DGRAM) => libc::IPPROTO_UDP as u16,
        (DescriptorType::Ipv4 | DescriptorType::Ipv6, protocol, _) => protocol as u16,
        _ => 0,
    };
    Descriptor { kind, socktype, protocol, ..Descriptor::default() }
}

fn kind_of_family(family: u16) -> DescriptorType {
    match i32::from(family) {
        libc::AF_INET => DescriptorType::Ipv4,
        libc::AF_INET6 => DescriptorType::Ipv6,
        libc::AF_UNIX => DescriptorType::Unix,
        libc::AF_NETLINK => DescriptorType::Netlink,
        libc::AF_PACKET => DescriptorType::Packet,
        _ => DescriptorType::Socket,
    }
}

/// Whether sockets of this protocol listen and connect as those of TCP do.
pub(super) fn has_connections(protocol: u16) -> bool {
    matches!(i32::from(protocol), libc::IPPROTO_TCP | libc::IPPROTO_MPTCP)
}

fn is_ip(kind: DescriptorType) -> bool {
    matches!(kind, DescriptorType::Ipv4 | DescriptorType::Ipv6)
}

/// Whether a socket is known as the kernel holds it: so it is for nearly every call, and then costs no copy.
pub(super) fn agrees(descriptor: &Descriptor, facts: &SocketFacts) -> bool {
    let identity =
        descriptor.socktype == facts.socktype as u8 && (facts.ino == 0 || facts.ino == descriptor.ino);
    if !is_ip(kind_of_family(facts.family)) {
        return identity && descriptor.kind == kind_of_family(facts.family);
    }
    // On an IPv6 socket that speaks IPv4 the address is the last four bytes.
    let (length, from) = match (facts.family, descriptor.kind) {
        (AF_INET, DescriptorType::Ipv4) => (4, 0),
        (AF_INET6, DescriptorType::Ipv6) => (16, 0),
        (AF_INET6, DescriptorType::Ipv4) => (4, 12),
        _ => return false,
    };
    let same = |end: &Endpoint, address: &[u8; 16], port| {
        end.port == port && end.address[..length] == address[from..from + length]
    };
    let established = facts.state == TCP_ESTABLISHED;
    let listens = has_connections(facts.protocol) && facts.state == TCP_LISTEN;
    identity
        && descriptor.protocol == facts.protocol
        && same(&descriptor.local, &facts.local_address, facts.local_port)
        && (facts.remote_port == 0 || same(&descriptor.remote, &facts.remote_address, facts.remote_port))
        && (facts.remote_port == 0 || !established || descriptor.connected)
        && (!listens || descriptor.role == Role::Server)
}

/// Brings a socket to what the kernel held right after the call.
pub(super) fn apply_facts(descriptor: &mut Descriptor, facts: &SocketFacts) {
    if facts.ino != 0 {
        descriptor.ino = facts.ino;
    }
    descriptor.socktype = facts.socktype as u8;
    // An unconnected IPv6 socket that speaks with an IPv4 peer goes on to be shown with it.
    let kept = descriptor.kind == DescriptorType::Ipv4 && facts.family == AF_INET6 && facts.remote_port == 0;
    if kept && descriptor.remote != Endpoint::default() {
        return;
    }
    descriptor.kind = kind_of_family(facts.family);
    if !is_ip(descriptor.kind) {
        return;
    }
    descriptor.protocol = facts.protocol;
    let v4 = descriptor.kind == DescriptorType::Ipv4;
    let end = |address: &[u8; 16], port| {
        let mut endpoint = Endpoint { address: *address, port };
        if v4 {
            endpoint.address[4..].fill(0);
        }
        endpoint
    };
    descriptor.local = end(&facts.local_address, facts.local_port);
    if facts.remote_port != 0 {
        descriptor.remote = end(&facts.remote_address, facts.remote_port);
        // UDP has no states of its own but shows a connected socket as established.
        descriptor.connected |= facts.state == TCP_ESTABLISHED;
    }
    if has_connections(facts.protocol) && facts.state == TCP_LISTEN {
        descriptor.role = Role::Server;
    }
    unmap_v4(descriptor);
}

/// Sets the remote end, as connect, sendto or recvfrom named it.
pub(super) fn set_remote(descriptor: &mut Descriptor, address: Address) {
    match address {
        Address::Ip(family, endpoint) => {
            // A program may name an IPv4 peer on an IPv6 socket only in mapped form, but a wrong family is
            // refused by the kernel, not by us.
            if !is_ip(descriptor.kind) {
                descriptor.kind = kind_of_family(family);
            }
            if descriptor.kind == kind_of_family(family) {
                descriptor.remote = endpoint;
            } else if let Some(v4) = mapped(&endpoint) {
                descriptor.remote = v4;
            }
            unmap_v4(descriptor);
        }
        Address::Unix(path) => {
            descriptor.kind = DescriptorType::Unix;
            if !path.is_empty() {
                descriptor.name = path;
            }
        }
        Address::Unspecified | Address::Other => {}
    }
}

/// Sets the local end, as bind named it.
pub(super) fn set_local(descriptor: &mut Descriptor, address: Address) {
    match address {
        Address::Ip(family, endpoint) if descriptor.kind == kind_of_family(family) => {
            descriptor.local = endpoint
        }
        Address::Unix(path) if !path.is_empty() => descriptor.name = path,
        _ => {}
    }
}

fn mapped(endpoint: &Endpoint) -> Option<Endpoint> {
    let v4 = endpoint.address.strip_prefix(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])?;
    let mut address = [0; 16];
    address[..4].copy_from_slice(v4);
    Some(Endpoint { address, port: endpoint.port })
}

/// Shows an IPv6 socket that speaks IPv4 (`::ffff:1.2.3.4`) as what it is on the wire.
pub(super) fn unmap_v4(descriptor: &mut Descriptor) {
    if descriptor.kind != DescriptorType::Ipv6 {
        return;
    }
    let Some(remote) = mapped(&descriptor.remote) else { return };
    let unset = descriptor.local.address == [0; 16];
    let local = if unset { Some(descriptor.local) } else { mapped(&descriptor.local) };
    if let Some(local) = local {
        descriptor.kind = DescriptorType::Ipv4;
        descriptor.local = local;
        descriptor.remote = remote;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_families_are_read_whatever_their_length() {
        let v4 = [2, 0, 0x1f, 0x90, 127, 0, 0, 1, 9, 9];
        assert_eq!(show(&v4[..8]), "2 127.0.0.1:8080");
        assert_eq!(show(&v4), "2 127.0.0.1:8080");
        assert_eq!(show(&v4[..7]), "-");
        let mut v6 = [0u8; 28];
        (v6[0], v6[3], v6[8], v6[23]) = (10, 53, 0xfe, 1);
        assert_eq!(show(&v6), "10 fe.0.0.0:53");
        assert_eq!(show(b"\x01\0/run/x.sock\0garbage"), "/run/x.sock");
        assert_eq!(show(b"\x01\0/run/x.sock"), "/run/x.sock");
        assert_eq!(show(b"\x01\0\0abs\0tract\0\0"), "@abs@tract");
        assert_eq!(show(b"\x01\0"), "");
        assert_eq!(show(b"\x10\0\0\0"), "other");
        assert_eq!(show(b"\0\0\0\0"), "unspecified");
        assert_eq!(show(b"\x02"), "-");
        for len in 0..v6.len() {
            let _ = Address::parse(&v6[..len]);
        }
    }

    fn show(bytes: &[u8]) -> String {
        match Address::parse(bytes) {
            None => "-".to_owned(),
            Some(Address::Other) => "other".to_owned(),
            Some(Address::Unspecified) => "unspecified".to_owned(),
            Some(Address::Unix(path)) => String::from_utf8_lossy(&path).into_owned(),
            Some(Address::Ip(10, end)) => format!("10 {:x}.0.0.0:{}", end.address[0], end.port),
            Some(Address::Ip(family, end)) => {
                let [a, b, c, d, ..] = end.address;
                format!("{family} {a}.{b}.{c}.{d}:{}", end.port)
            }
        }
    }

    #[test]
    fn an_ipv4_peer_on_an_ipv6_socket_is_ipv4() {
        let mut descriptor = created(10, 1, 0);
        let facts = SocketFacts {
            family: 10,
            socktype: 1,
            protocol: 6,
            state: TCP_ESTABLISHED,
            local_port: 8000,
            remote_port: 40000,
            local_address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1],
            remote_address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2],
            ..SocketFacts::default()
        };
        apply_facts(&mut descriptor, &facts);
        assert_eq!(descriptor.kind, DescriptorType::Ipv4);
        assert_eq!(
            (&descriptor.local.address[..5], &descriptor.remote.address[..5]),
            (&[10, 0, 0, 1, 0][..], &[10, 0, 0, 2, 0][..])
        );
        assert!(descriptor.connected);
        assert!(agrees(&descriptor, &facts));
        assert!(!agrees(&descriptor, &SocketFacts { local_port: 8001, ..facts }));
        assert!(!agrees(&descriptor, &SocketFacts { family: 2, ..facts }));
        let mut same = descriptor.clone();
        apply_facts(&mut same, &SocketFacts { remote_port: 0, local_address: [0; 16], ..facts });
        assert_eq!(same, descriptor);
    }
}
