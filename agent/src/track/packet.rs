//! Headers of IP packets, as far as they say between whom a packet goes.
//!
//! The bytes come from the network and may be cut anywhere: what is not there is left out.

use capture_format::model::{DescriptorType, Endpoint};

const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;
/// Extension headers of IPv6 (RFC 8200) that are stepped over.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
const EXTENSIONS_MAX: usize = 4;
/// Protocols whose headers begin with two ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];
const TCP: u8 = 6;

/// Between whom a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) kind: DescriptorType,
    /// IP protocol.
    pub(super) protocol: u8,
    pub(super) source: Endpoint,
    pub(super) target: Endpoint,
    /// Flags of a TCP segment, the lowest 9 bits.
    pub(super) tcp_flags: u16,
}

impl Packet {
    /// Reads a packet from its IP header on.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::v4(bytes),
            6 => Self::v6(bytes),
            _ => None,
        }
    }

    fn v4(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<IPV4_BYTES>()?;
        let length = usize::from(header[0] & 0xf) * 4;
        let is_first = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
        let packet = Packet {
            kind: DescriptorType::Ipv4,
            protocol: header[9],
            source: endpoint(&header[12..16]),
            target: endpoint(&header[16..20]),
            tcp_flags: 0,
        };
        let rest = bytes.get(length.max(IPV4_BYTES)..).unwrap_or_default();
        Some(packet.with_ports(if is_first { rest } else { &[] }))
    }

    fn v6(bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_first_chunk::<IPV6_BYTES>()?;
        let mut protocol = header[6];
        for _ in 0..EXTENSIONS_MAX {
            let &[next, length, high, low, ..] = rest else { break };
            let bytes = match protocol {
                HOP_BY_HOP | ROUTING | DESTINATION => (usize::from(length) + 1) * 8,
                FRAGMENT => 8,
                _ => break,
            };
            let is_first = protocol != FRAGMENT || u16::from_be_bytes([high, low]) & 0xfff8 == 0;
            protocol = next;
            rest = rest.get(bytes..).filter(|_| is_first).unwrap_or_default();
        }
        let packet = Packet {
            kind: DescriptorType::Ipv6,
            protocol,
            source: endpoint(&header[8..24]),
            target: endpoint(&header[24..40]),
            tcp_flags: 0,
        };
        Some(packet.with_ports(rest))
    }

    /// Adds what the header behind the IP one says.
    fn with_ports(mut self, bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 2).map_or(0, |word| u16::from_be_bytes([word[0], word[1]]));
        if WITH_PORTS.contains(&self.protocol) {
            (self.source.port, self.target.port) = (word(0), word(2));
        }
        if self.protocol == TCP {
            self.tcp_flags = word(12) & 0x1ff;
        }
        self
    }
}

fn endpoint(address: &[u8]) -> Endpoint {
    let mut endpoint = Endpoint::default();
    endpoint.address[..address.len()].copy_from_slice(address);
    endpoint
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A TCP segment from 10.0.0.1:40000 to 10.0.0.2:80 with these flags.
    pub(in crate::track) fn segment(flags: u8) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_segment_tells_ends_and_flags() {
        let packet = Packet::parse(&segment(0x12)).expect("a packet");
        assert_eq!((packet.protocol, packet.source.port, packet.target.port), (6, 40000, 80));
        assert_eq!((packet.source.address[3], packet.target.address[3], packet.tcp_flags), (1, 2, 0x12));
        let mut later_fragment = segment(0x12);
        later_fragment[7] = 1;
        let packet = Packet::parse(&later_fragment).expect("a packet");
        assert_eq!((packet.source.port, packet.tcp_flags), (0, 0));
    }

    #[test]
    fn extension_headers_are_stepped_over() {
        let mut bytes = vec![0; 40];
        (bytes[0], bytes[6], bytes[23], bytes[39]) = (0x60, HOP_BY_HOP, 1, 2);
        bytes.extend([FRAGMENT, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([17, 0, 0, 1, 0, 0, 0, 9]);
        bytes.extend([0, 53, 0x9c, 0x40, 0, 8, 0, 0]);
        let packet = Packet::parse(&bytes).expect("a packet");
        assert_eq!((packet.protocol, packet.source.port, packet.target.port), (17, 53, 40000));
        assert_eq!((packet.source.address[15], packet.target.address[15]), (1, 2));
    }

    #[test]
    fn any_cut_and_any_byte_is_read_without_panic() {
        let whole = segment(2);
        for end in 0..whole.len() {
            let _ = Packet::parse(&whole[..end]);
        }
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = Packet::parse(&bytes);
            }
        }
    }
}
