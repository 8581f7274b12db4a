//! Sockets of a network namespace, from the tables in `/proc/PID/net`.
//!
//! A descriptor's link tells only the socket's inode number; these tables give the addresses. They are listed by
//! column position, as the kernel has printed them since 2.4.

use capture_format::model::{Descriptor, DescriptorType, Endpoint, Role};

use super::parse;
use crate::track::fx::{FxMap, FxSet};
use crate::track::sockets::unmap_v4;

/// Descriptors of sockets by inode number.
pub(in crate::track) type SocketTable = FxMap<u64, Descriptor>;

/// TCP state of a listening socket.
const TCP_LISTEN: u64 = 10;
/// TCP state of a socket without a connection; UDP shows unconnected sockets so.
const TCP_CLOSE: u64 = 7;

/// Reads all tables, each as `read` gives it.
pub(super) fn sockets(read: impl Fn(&str) -> Option<Vec<u8>>) -> SocketTable {
    let mut table = SocketTable::default();
    for (name, kind, protocol, socktype) in [
        ("tcp", DescriptorType::Ipv4, libc::IPPROTO_TCP, libc::SOCK_STREAM),
        ("tcp6", DescriptorType::Ipv6, libc::IPPROTO_TCP, libc::SOCK_STREAM),
        ("udp", DescriptorType::Ipv4, libc::IPPROTO_UDP, libc::SOCK_DGRAM),
        ("udp6", DescriptorType::Ipv6, libc::IPPROTO_UDP, libc::SOCK_DGRAM),
        ("raw", DescriptorType::Ipv4, 0, libc::SOCK_RAW),
        ("raw6", DescriptorType::Ipv6, 0, libc::SOCK_RAW),
    ] {
        if let Some(text) = read(name) {
            ip(&text, kind, protocol as u16, socktype as u8, &mut table);
        }
    }
    for (name, parse_line) in
        [("unix", unix as fn(&[u8]) -> Option<Descriptor>), ("netlink", netlink), ("packet", packet)]
    {
        let text = read(name).unwrap_or_default();
        let mut seen = FxSet::default();
        for descriptor in lines(&text).filter_map(parse_line) {
            // A Unix socket's path may hold a line end and go on like another line of the table. It cannot take the
            // place of other sockets, and of two lines for one socket neither is believed.
            if !seen.insert(descriptor.ino) {
                if table.get(&descriptor.ino).is_some_and(|known| known.kind == descriptor.kind) {
                    table.remove(&descriptor.ino);
                }
            } else {
                table.entry(descriptor.ino).or_insert(descriptor);
            }
        }
    }
    table
}

/// The lines after the heading.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').skip(1).filter(|line| !line.is_empty())
}

fn ip(text: &[u8], kind: DescriptorType, protocol: u16, socktype: u8, table: &mut SocketTable) {
    let mut listening = FxSet::default();
    let mut found = Vec::new();
    for line in lines(text) {
        let columns: Vec<&[u8]> = super::words(line).collect();
        let (Some(local), Some(remote), Some(state), Some(ino)) = (
            columns.get(1).and_then(|text| endpoint(text)),
            columns.get(2).and_then(|text| endpoint(text)),
            columns.get(3).and_then(|text| hex(text)),
            columns.get(9).and_then(|text| parse(text)),
        ) else {
            continue;
        };
        let protocol = if socktype == libc::SOCK_RAW as u8 { local.port } else { protocol };
        let tcp = protocol == libc::IPPROTO_TCP as u16;
        let mut descriptor =
            Descriptor { kind, ino, protocol, socktype, local, remote, ..Descriptor::default() };
        if tcp && state == TCP_LISTEN {
            descriptor.role = Role::Server;
            listening.insert(local.port);
        } else {
            descriptor.connected = state != TCP_CLOSE;
        }
        found.push(descriptor);
    }
    for mut descriptor in found {
        if descriptor.connected {
            let server = listening.contains(&descriptor.local.port);
            descriptor.role = if server { Role::Server } else { Role::Client };
        }
        // Sockets waiting to be forgotten (TIME_WAIT) all have inode number 0.
        if descriptor.ino != 0 {
            unmap_v4(&mut descriptor);
            table.insert(descriptor.ino, descriptor);
        }
    }
}

/// `ADDRESS:PORT`, the address as 32-bit words in the machine's order.
fn endpoint(text: &[u8]) -> Option<Endpoint> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    let (address, port) = (&text[..colon], &text[colon + 1..]);
    let mut endpoint = Endpoint { port: hex(port)? as u16, ..Endpoint::default() };
    if address.len() != 8 && address.len() != 32 {
        return None;
    }
    for (word, out) in address.chunks(8).zip(endpoint.address.chunks_mut(4)) {
        out.copy_from_slice(&(hex(word)? as u32).to_ne_bytes());
    }
    Some(endpoint)
}

fn hex(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

/// `Num RefCount Protocol Flags Type St Inode [Path]`.
fn unix(line: &[u8]) -> Option<Descriptor> {
    let columns: Vec<&[u8]> = super::words(line).collect();
    // The path may hold blanks: it is all that follows the inode number.
    let name = columns.get(7).map_or(&b""[..], |path| {
        let start = path.as_ptr() as usize - line.as_ptr() as usize;
        &line[start..]
    });
    let listens = hex(columns.get(3)?)? & LISTENS != 0;
    Some(Descriptor {
        kind: DescriptorType::Unix,
        name: name.to_vec(),
        ino: parse(columns.get(6)?)?,
        socktype: hex(columns.get(4)?)? as u8,
        role: if listens { Role::Server } else { Role::Unknown },
        connected: columns.get(5) == Some(&&b"03"[..]),
        ..Descriptor::default()
    })
}

/// Flag of a Unix socket that listens (`__SO_ACCEPTCON`).
const LISTENS: u64 = 0x10000;

/// `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`.
fn netlink(line: &[u8]) -> Option<Descriptor> {
    let ino = parse(super::words(line).nth(9)?)?;
    let socktype = libc::SOCK_RAW as u8;
    Some(Descriptor { kind: DescriptorType::Netlink, ino, socktype, ..Descriptor::default() })
}

/// `sk RefCnt Type Proto Iface R Rmem User Inode`.
fn packet(line: &[u8]) -> Option<Descriptor> {
    let columns: Vec<&[u8]> = super::words(line).collect();
    let (ino, socktype) = (parse(columns.get(8)?)?, hex(columns.get(2)?)? as u8);
    Some(Descriptor { kind: DescriptorType::Packet, ino, socktype, ..Descriptor::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_line_end_is_not_believed_about_other_sockets() {
        let tcp = "heading\n 0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 0 0 500 1 0 100\n";
        let unix = "heading\n\
            0: 2 0 10000 1 1 600 /run/true.sock\n\
            0: 2 0 10000 1 1 601 @x\n\
            0: 2 0 10000 1 1 600 /run/false.sock\n\
            0: 2 0 10000 1 1 500 /run/false.sock\n";
        let table = sockets(|name| match name {
            "tcp" => Some(tcp.into()),
            "unix" => Some(unix.into()),
            _ => None,
        });
        let shown = |ino| table.get(&ino).map(|socket| (socket.kind, socket.name.as_slice()));
        assert_eq!(shown(500), Some((DescriptorType::Ipv4, &b""[..])));
        assert_eq!(shown(600), None);
        assert_eq!(shown(601), Some((DescriptorType::Unix, &b"@x"[..])));
    }
}
