//! What descriptors refer to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use capture_format::model::{Descriptor, DescriptorType, Endpoint, Role};

use super::number::write_uint;

/// The letter in `9(<f>/path)`. Types that sysdig has no letter for share X.
pub(crate) fn type_letter(kind: DescriptorType) -> u8 {
    match kind {
        DescriptorType::Unknown => b'o',
        DescriptorType::File => b'f',
        DescriptorType::Directory => b'd',
        DescriptorType::Ipv4 => b'4',
        DescriptorType::Ipv6 => b'6',
        DescriptorType::Unix | DescriptorType::Userfaultfd => b'u',
        DescriptorType::Pipe => b'p',
        DescriptorType::Event => b'e',
        DescriptorType::Signalfd => b's',
        DescriptorType::Eventpoll => b'l',
        DescriptorType::Inotify => b'i',
        DescriptorType::Timerfd => b't',
        DescriptorType::Netlink => b'n',
        DescriptorType::Bpf => b'b',
        DescriptorType::IoUring => b'r',
        DescriptorType::Memfd => b'm',
        DescriptorType::Pidfd => b'P',
        DescriptorType::Fanotify
        | DescriptorType::Packet
        | DescriptorType::PerfEvent
        | DescriptorType::Mqueue
        | DescriptorType::Anonymous
        | DescriptorType::Socket => b'X',
    }
}

/// The letter of the transport, behind that of an IP socket.
fn protocol_letter(descriptor: &Descriptor) -> Option<u8> {
    const SOCK_RAW: u8 = 3;
    match descriptor.protocol {
        _ if descriptor.socktype == SOCK_RAW => Some(b'r'),
        6 => Some(b't'),
        17 => Some(b'u'),
        1 | 58 => Some(b'i'),
        _ => None,
    }
}

/// `<4t>10.0.0.5:40001->1.2.3.4:80`
pub(crate) fn write_descriptor(out: &mut Vec<u8>, descriptor: &Descriptor) {
    out.extend_from_slice(&[b'<', type_letter(descriptor.kind)]);
    if matches!(descriptor.kind, DescriptorType::Ipv4 | DescriptorType::Ipv6) {
        out.extend(protocol_letter(descriptor));
    }
    out.push(b'>');
    descriptor_name(descriptor, out);
}

/// Appends the name: of IP sockets `client->server`, the address alone when there is one end, nothing when there
/// is none yet.
pub(crate) fn descriptor_name(descriptor: &Descriptor, out: &mut Vec<u8>) {
    let v6 = match descriptor.kind {
        DescriptorType::Ipv4 => false,
        DescriptorType::Ipv6 => true,
        _ => {
            out.extend_from_slice(&descriptor.name);
            return;
        }
    };
    let (local, remote) = (&descriptor.local, &descriptor.remote);
    let nothing = Endpoint::default();
    match (*local != nothing, *remote != nothing) {
        (false, false) => {}
        (true, false) => write_endpoint(out, local, v6),
        (_, true) => {
            let (from, to) = if descriptor.role == Role::Server { (remote, local) } else { (local, remote) };
            write_endpoint(out, from, v6);
            out.extend_from_slice(b"->");
            write_endpoint(out, to, v6);
        }
    }
}

pub(crate) fn ip_address(bytes: &[u8; 16], v6: bool) -> IpAddr {
    if v6 {
        return Ipv6Addr::from(*bytes).into();
    }
    let [a, b, c, d, ..] = *bytes;
    Ipv4Addr::new(a, b, c, d).into()
}

fn write_endpoint(out: &mut Vec<u8>, end: &Endpoint, v6: bool) {
    write_ip(out, ip_address(&end.address, v6));
    out.push(b':');
    write_uint(out, end.port.into());
}

pub(crate) fn write_ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (index, part) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                write_uint(out, part.into());
            }
        }
        IpAddr::V6(address) => out.extend_from_slice(address.to_string().as_bytes()),
    }
}
