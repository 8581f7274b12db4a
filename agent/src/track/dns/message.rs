//! DNS messages (RFC 1035), as much of one as there is.
//!
//! Bytes come from whoever sent them, cut at any place: a message is read up to where it ends or makes no sense. Names
//! refer to earlier parts of the message; each reference must lead further back than the one before, so reading
//! a name ends. Existing parsers refuse a message that is cut, of which the beginning is what one wants to know.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// References within a name: as many as it can have labels. Without a bound each record of a message could walk all of it.
const REFERENCES_MAX: usize = 127;
/// Bytes of a message's head.
pub(super) const HEAD_BYTES: usize = 12;
/// Bytes of a name with the length of its labels (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 255;
/// Text of answers that is kept.
const ANSWERS_BYTES_MAX: usize = 1024;
/// What stands for answers that are not shown.
const CUT: &[u8] = b"...";

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_MX: u16 = 15;
const TYPE_TXT: u16 = 16;
const TYPE_AAAA: u16 = 28;
const TYPE_SRV: u16 = 33;
const TYPE_OPT: u16 = 41;
/// Types whose data is a name and nothing else, with the names of the types.
const NAME_TYPES: [(u16, &str); 4] = [(2, "NS"), (TYPE_CNAME, "CNAME"), (12, "PTR"), (39, "DNAME")];

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: u16,
    pub(super) is_response: bool,
    /// The name asked for, labels joined by dots, as it was sent.
    pub(super) name: Vec<u8>,
    pub(super) kind: u16,
    /// Response code, with the upper bits of EDNS (RFC 6891) where there are some.
    pub(super) rcode: u16,
    /// Records of the answer, joined.
    pub(super) answers: Vec<u8>,
}

/// A place in a message.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
}

impl Message {
    /// Reads a message; `None` when it has no question that makes sense.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEAD_BYTES>()?;
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let flags = word(2);
        let mut message = Message {
            id: word(0),
            is_response: flags & 0x8000 != 0,
            rcode: flags & 0xf,
            ..Message::default()
        };
        let mut cursor = Cursor { message: bytes, at: HEAD_BYTES };
        for question in 0..word(4) {
            let (name, kind) = (cursor.name()?, cursor.u16()?);
            cursor.u16()?;
            if question == 0 {
                (message.name, message.kind) = (name, kind);
            }
        }
        let is_whole = message.read_records(cursor, word(6), word(8).saturating_add(word(10)));
        if word(4) == 0 && message.name.is_empty() {
            return None;
        }
        let is_truncated = flags & 0x200 != 0;
        if message.is_response && (is_truncated || is_whole.is_none()) && !message.answers.ends_with(CUT) {
            message.add_answer(CUT);
        }
        Some(message)
    }

    /// Reads `answers` records as answers, and looks into `others` for more of the response code.
    fn read_records(&mut self, mut cursor: Cursor<'_>, answers: u16, others: u16) -> Option<()> {
        for index in 0..u32::from(answers) + u32::from(others) {
            let (name, kind) = (cursor.name()?, cursor.u16()?);
            cursor.u16()?;
            let ttl = [cursor.u16()?, cursor.u16()?];
            let length = usize::from(cursor.u16()?);
            let data = Cursor { message: cursor.message.get(..cursor.at + length)?, at: cursor.at };
            cursor.at += length;
            if index < u32::from(answers) {
                // Multicast answers repeat no question.
                if self.name.is_empty() && self.kind == 0 {
                    (self.name, self.kind) = (name, kind);
                }
                self.add_answer(&shown(kind, data).unwrap_or_else(|| CUT.to_vec()));
            } else if kind == TYPE_OPT {
                self.rcode |= ttl[0] >> 8 << 4;
            }
        }
        Some(())
    }

    fn add_answer(&mut self, answer: &[u8]) {
        if self.answers.len() + answer.len() > ANSWERS_BYTES_MAX {
            if !self.answers.ends_with(CUT) {
                self.answers.extend([b", ", CUT].concat());
            }
            return;
        }
        if !self.answers.is_empty() {
            self.answers.extend(b", ");
        }
        self.answers.extend(answer);
    }
}

/// The data of a record as text: an address as it is, everything else behind its type.
fn shown(kind: u16, mut data: Cursor<'_>) -> Option<Vec<u8>> {
    if let Some((_, word)) = NAME_TYPES.iter().find(|(known, _)| *known == kind) {
        return Some([word.as_bytes(), b" ", &data.name()?].concat());
    }
    Some(match kind {
        TYPE_A => Ipv4Addr::from(data.array::<4>()?).to_string().into_bytes(),
        TYPE_AAAA => Ipv6Addr::from(data.array::<16>()?).to_string().into_bytes(),
        TYPE_MX => [format!("MX {} ", data.u16()?).as_bytes(), &data.name()?].concat(),
        TYPE_SRV => {
            let [priority, weight, port] = [data.u16()?, data.u16()?, data.u16()?];
            [format!("SRV {priority} {weight} {port} ").as_bytes(), &data.name()?].concat()
        }
        TYPE_TXT => {
            let mut text = b"TXT \"".to_vec();
            while let Some(part) = data.label() {
                escape(part, b"", &mut text);
            }
            text.push(b'"');
            text
        }
        _ => format!("TYPE{kind} {} bytes", data.message.len() - data.at).into_bytes(),
    })
}

impl<'a> Cursor<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.message.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(*bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Bytes behind their length.
    fn label(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(*self.message.get(self.at)?);
        let label = self.message.get(self.at + 1..self.at + 1 + length)?;
        self.at += 1 + length;
        Some(label)
    }

    /// A name as text; the root is a dot.
    fn name(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let (mut place, mut end, mut bytes) = (*self, None, 0);
        // References must lead to before this.
        let mut before = self.at;
        let mut references = 0;
        loop {
            let length = *place.message.get(place.at)?;
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    let label = place.label()?;
                    bytes += 1 + label.len();
                    if bytes > NAME_BYTES_MAX {
                        return None;
                    }
                    if !text.is_empty() {
                        text.push(b'.');
                    }
                    escape(label, b".", &mut text);
                }
                3 => {
                    let target = usize::from(place.u16()? & 0x3fff);
                    end = end.or(Some(place.at));
                    references += 1;
                    if target >= before || references > REFERENCES_MAX {
                        return None;
                    }
                    (before, place.at) = (target, target);
                }
                _ => return None,
            }
        }
        self.at = end.unwrap_or(place.at + 1);
        if text.is_empty() {
            text.push(b'.');
        }
        Some(text)
    }
}

/// Appends bytes of a name or text as zone files have them (RFC 1035, 5.1; RFC 4343): what separates names, answers
/// or words, and control characters, as numbers. Bytes of UTF-8 stay.
fn escape(bytes: &[u8], special: &[u8], text: &mut Vec<u8>) {
    for &byte in bytes {
        if byte <= b' ' || matches!(byte, b'"' | b',' | b'\\' | 0x7f) || special.contains(&byte) {
            let mut number = String::new();
            // Writing to a string succeeds.
            let _ = write!(number, "\\{byte:03}");
            text.extend(number.as_bytes());
        } else {
            text.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_looked_for_through_a_whole_message() {
        // The root, and behind it references that each lead to the one before.
        let mut message = vec![0];
        for at in 0..200_u16 {
            let before = if at == 0 { 0 } else { 1 + (at - 1) * 2 };
            message.extend((0xc000 | before).to_be_bytes());
        }
        let name = |references: usize| Cursor { message: &message, at: 1 + (references - 1) * 2 }.name();
        assert_eq!(name(REFERENCES_MAX), Some(b".".to_vec()));
        assert_eq!(name(REFERENCES_MAX + 1), None);
    }
}
