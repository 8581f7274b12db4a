//! `struct sockaddr`: of the families people meet as they write it, of any other field by field.

use std::net::IpAddr;

use capture_format::schema::{self, Shape};

use super::buffer::write_digits;
use super::descriptor::write_ip;
use super::escape::escape_tail;
use super::number::{write_hex, write_int, write_uint};
use super::structure::write_structures;
use crate::view::RowView;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_NETLINK: u16 = 16;

/// Appends an address: `1.2.3.4:80`, `fe80::1%2:80`, `/run/x.sock`, `@abstract`, `netlink:PID:GROUPS`, of other families
/// the fields.
pub(crate) fn write_sockaddr(row: &RowView<'_>, out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    if write_usual(out, bytes) {
        if row.escape {
            escape_tail(out, start);
        }
        return;
    }
    let family = match bytes {
        [low, high, ..] => u64::from(u16::from_le_bytes([*low, *high])),
        _ => return write_digits(out, bytes, row.options),
    };
    let shape = schema::choices("sockaddr").map(|table| table.kind(family).shape);
    let structure = match shape {
        Some(Shape::Struct(name)) => schema::structure(&name),
        _ => None,
    };
    match structure {
        Some(structure) => write_structures(row, out, structure, bytes),
        None => write_digits(out, bytes, row.options),
    }
}

/// Appends an address of a family that has a form of its own, unless it is too short for it.
fn write_usual(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let Some((family, rest)) = bytes.split_first_chunk::<2>() else { return bytes.is_empty() };
    match (u16::from_le_bytes(*family), rest) {
        (AF_INET, [p0, p1, a, b, c, d, ..]) => {
            write_ip(out, IpAddr::from([*a, *b, *c, *d]));
            out.push(b':');
            write_uint(out, u16::from_be_bytes([*p0, *p1]).into());
        }
        (AF_INET6, [p0, p1, f0, f1, f2, f3, address @ ..]) if address.len() >= 16 => {
            let (address, scope) = address.split_at(16);
            write_ip(out, IpAddr::from(<[u8; 16]>::try_from(address).unwrap_or_default()));
            let scope = scope.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
            if let Some(scope) = scope.filter(|&scope| scope != 0) {
                out.push(b'%');
                write_uint(out, scope.into());
            }
            out.push(b':');
            write_uint(out, u16::from_be_bytes([*p0, *p1]).into());
            let flow = u32::from_be_bytes([*f0, *f1, *f2, *f3]);
            if flow != 0 {
                out.push(b'/');
                write_uint(out, flow.into());
            }
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
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_each_family() {
        for (bytes, expected) in [
            (&b"\x02\0\x01\xbb\x01\x02\x03\x04\0\0\0\0\0\0\0\0"[..], "1.2.3.4:443"),
            (b"\x0a\0\0\x50\0\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\0", "2001:db8::3:80"),
            (b"\x0a\0\0\x50\0\0\0\x07\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0", "fe80::1:80/7"),
            (b"\x0a\0\0\x50\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\0\0\0", "fe80::1%2:80"),
            (b"\x01\0/run/x.sock\0rest", "/run/x.sock"),
            (b"\x01\0\0hidden\0\0\0", "@hidden"),
            (b"\x01\0", ""),
            (b"\x10\0\0\0\x2a\0\0\0\x11\0\0\0", "netlink:42:11"),
            (b"", ""),
        ] {
            let mut out = Vec::new();
            write_usual(&mut out, bytes);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
        // Cut short, an address has no form.
        assert!(!write_usual(&mut Vec::new(), b"\x02\0\x01"));
    }
}
