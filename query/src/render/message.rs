//! Messages of sockets: data, address, control messages and flags.

use capture_format::schema::{self, Abi, Shape};

use super::buffer::{write_buffer, write_digits};
use super::names::write_flag_names;
use super::number::{write_int, write_uint};
use super::sockaddr::write_sockaddr;
use super::structure::write_structures;
use crate::view::RowView;

/// The parts of a recorded message; `docs/format.md` says how they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) flags: u32,
    pub(crate) control: &'a [u8],
    pub(crate) data: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message in an argument's bytes: lengths of name, flags, control data and data, then these in order.
    /// What the snap length cut off is not there.
    pub(crate) fn parse(section: &'a [u8]) -> Self {
        let word = |at: usize| {
            let bytes = section.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let (Some(name), Some(flags), Some(control), Some(data)) = (word(0), word(4), word(8), word(12))
        else {
            return Message::default();
        };
        let (name, rest) = split(&section[16..], name);
        let (control, rest) = split(rest, control);
        Message { name, flags, control, data: split(rest, data).0 }
    }
}

fn split(bytes: &[u8], at: u32) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.len().min(at as usize))
}

/// Appends what a message has besides its data: ` addr=.. control=[..] msg_flags=..`.
pub(crate) fn write_envelope(row: &RowView<'_>, out: &mut Vec<u8>, message: Message<'_>) {
    if !message.name.is_empty() {
        out.extend_from_slice(b" addr=");
        write_sockaddr(row, out, message.name);
    }
    if !message.control.is_empty() {
        out.extend_from_slice(b" control=[");
        write_control(row, out, message.control);
        out.push(b']');
    }
    if message.flags != 0 {
        out.extend_from_slice(b" msg_flags=");
        let start = out.len();
        write_uint(out, message.flags.into());
        out.push(b'(');
        let named = schema::set("msg").is_some_and(|set| write_flag_names(out, set, message.flags.into()));
        if named {
            out.push(b')');
        } else {
            out.truncate(start);
            write_uint(out, message.flags.into());
        }
    }
}

/// Appends `struct cmsghdr`s; 32-bit programs have shorter ones.
fn write_control(row: &RowView<'_>, out: &mut Vec<u8>, mut bytes: &[u8]) {
    let abi = row.kind().and_then(|view| Abi::from_name(&view.kind.abi));
    let is_narrow = matches!(abi, Some(Abi::I386 | Abi::Arm));
    let (word, head) = if is_narrow { (4, 12) } else { (8, 16) };
    let start = out.len();
    while bytes.len() >= head {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let length = number(0) as usize;
        // A length of more than 32 bits is none that the kernel takes.
        let is_wide = !is_narrow && number(4) != 0;
        if length < head || is_wide {
            break;
        }
        if out.len() > start {
            out.push(b' ');
        }
        out.extend_from_slice(b"{cmsg_len=");
        write_uint(out, length as u64);
        write_one(row, out, number(word), number(word + 4), &bytes[head..length.min(bytes.len())], abi);
        bytes = bytes.get(length.next_multiple_of(word)..).unwrap_or_default();
    }
}

fn write_one(row: &RowView<'_>, out: &mut Vec<u8>, level: u32, kind: u32, data: &[u8], abi: Option<Abi>) {
    let named = |out: &mut Vec<u8>, number: u32, name: Option<&str>| {
        write_int(out, i64::from(number as i32));
        if let Some(name) = name {
            out.push(b'(');
            out.extend_from_slice(name.as_bytes());
            out.push(b')');
        }
    };
    out.extend_from_slice(b" cmsg_level=");
    named(out, level, schema::set("sol").and_then(|set| set.name(level.into())));
    out.extend_from_slice(b" cmsg_type=");
    const SOL_SOCKET: u32 = 1;
    let kinds =
        if level == SOL_SOCKET { schema::set("cmsg_socket") } else { schema::socket_options(level.into()) };
    named(out, kind, kinds.and_then(|set| set.name(kind.into())));
    out.extend_from_slice(b" cmsg_data=");
    let table =
        abi.and_then(|abi| schema::choices(&format!("cmsg.{abi}"))).or_else(|| schema::choices("cmsg"));
    let shape = table.map(|table| table.kind(schema::joined(level.into(), kind.into())).shape);
    match shape {
        Some(Shape::Struct(name)) => match schema::structure(&name) {
            Some(structure) => write_structures(row, out, structure, data),
            None => write_digits(out, data, row.options),
        },
        _ => write_digits(out, data, row.options),
    }
    out.push(b'}');
}

/// Appends a message: its data, and behind it the rest where `whole`.
pub(crate) fn write_message(row: &RowView<'_>, out: &mut Vec<u8>, bytes: &[u8], whole: bool) {
    let message = Message::parse(bytes);
    write_buffer(out, message.data, row.options);
    if whole {
        write_envelope(row, out, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cut_anywhere_is_read() {
        let mut section = Vec::new();
        for length in [3u32, 0, 2, 4] {
            section.extend_from_slice(&length.to_le_bytes());
        }
        section.extend_from_slice(b"NAMccDATA");
        let message = Message { name: b"NAM", flags: 0, control: b"cc", data: b"DATA" };
        assert_eq!(Message::parse(&section), message);
        for end in 0..section.len() {
            let cut = Message::parse(&section[..end]);
            assert!(
                b"NAM".starts_with(cut.name)
                    && b"cc".starts_with(cut.control)
                    && b"DATA".starts_with(cut.data)
            );
        }
    }
}
