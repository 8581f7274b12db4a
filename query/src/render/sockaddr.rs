//! `struct sockaddr` of the families people meet; any other as its family and bytes.

use std::net::IpAddr;

use capture_format::schema;

use super::descriptor::write_ip;
use super::number::{write_hex, write_int, write_uint};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_NETLINK: u16 = 16;

/// Appends an address: `1.2.3.4:80`, `/run/x.sock`, `@abstract`, `netlink:PID:GROUPS`.
pub(crate) fn write_sockaddr(out: &mut Vec<u8>, bytes: &[u8]) {
    let Some((family, rest)) = bytes.split_first_chunk::<2>() else { return };
    let family = u16::from_le_bytes(*family);
    match (family, rest) {
        (AF_INET, [p0, p1, a, b, c, d, ..]) => {
            write_ip(out, IpAddr::from([*a, *b, *c, *d]));
            out.push(b':');
            write_uint(out, u16::from_be_bytes([*p0, *p1]).into());
        }
        // Port, flow label, address, scope.
        (AF_INET6, [p0, p1, _, _, _, _, address @ ..]) if address.len() >= 16 => {
            let (address, scope) = address.split_at(16);
            write_ip(out, IpAddr::from(<[u8; 16]>::try_from(address).unwrap_or_default()));
            if let Some(scope) =
                scope.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)).filter(|&s| s != 0)
            {
                out.push(b'%');
                write_uint(out, scope.into());
            }
            out.push(b':');
            write_uint(out, u16::from_be_bytes([*p0, *p1]).into());
        }
        (AF_UNIX, [0, name @ ..]) => {
            out.push(b'@');
            // Every byte of an abstract name counts, but programs often pass the whole array.
            let end = name.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
            out.extend_from_slice(&name[..end]);
        }
        (AF_UNIX, path) => out.extend_from_slice(path.split(|&byte| byte == 0).next().unwrap_or_default()),
        (AF_NETLINK, [_, _, p0, p1, p2, p3, g0, g1, g2, g3, ..]) => {
            out.extend_from_slice(b"netlink:");
            write_int(out, i32::from_le_bytes([*p0, *p1, *p2, *p3]).into());
            out.push(b':');
            write_hex(out, u32::from_le_bytes([*g0, *g1, *g2, *g3]).into());
        }
        (family, rest) => {
            match schema::set("socket_family").and_then(|set| set.name(family.into())) {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => write_uint(out, family.into()),
            }
            out.push(b':');
            for byte in rest {
                out.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_each_family() {
        for (bytes, expected) in [
            (&b"\x02\0\x01\xbb\x01\x02\x03\x04\0\0\0\0\0\0\0\0"[..], "1.2.3.4:443"),
            (b"\x0a\0\0\x50\0\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\0", "2001:db8::3:80"),
            (b"\x0a\0\0\x50\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\0\0\0", "fe80::1%2:80"),
            (b"\x01\0/run/x.sock\0rest", "/run/x.sock"),
            (b"\x01\0\0hidden\0\0\0", "@hidden"),
            (b"\x01\0", ""),
            (b"\x10\0\0\0\x2a\0\0\0\x11\0\0\0", "netlink:42:11"),
            (b"\x02", ""),
            (b"", ""),
        ] {
            let mut out = Vec::new();
            write_sockaddr(&mut out, bytes);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
        // Cut short, an address is shown as bytes.
        let mut out = Vec::new();
        write_sockaddr(&mut out, b"\x02\0\x01");
        assert!(out.ends_with(b":01"), "{out:?}");
    }
}
