//! Messages of sockets: data, address, control messages and flags.

use capture_format::message::{Lengths, Message, Parts, messages};
use capture_format::schema::{self, Abi, Shape};

use super::buffer::{write_buffer, write_digits};
use super::names::write_flag_names;
use super::number::{write_int, write_uint};
use super::sockaddr::write_sockaddr;
use super::structure::write_structures;
use crate::view::RowView;

/// Appends how long the parts of some data are, where there is more to tell than the data does: ` parts=[5 6]`, or
/// ` parts=[5 6 ... 40]` when only the first of 40 are known.
fn write_lengths(out: &mut Vec<u8>, lengths: Lengths<'_>) {
    let Some(count) = lengths.count() else { return };
    out.extend_from_slice(b" parts=[");
    let mut told = 0;
    for length in lengths.iter() {
        if told > 0 {
            out.push(b' ');
        }
        write_uint(out, length);
        told += 1;
    }
    if told < count {
        out.extend_from_slice(if told > 0 { b" ... " } else { b"... " });
        write_uint(out, count);
    }
    out.push(b']');
}

/// Appends data in several parts, and behind it their lengths where `whole`.
pub(crate) fn write_parts(row: &RowView<'_>, out: &mut Vec<u8>, bytes: &[u8], whole: bool) {
    let parts = Parts::parse(bytes);
    write_buffer(out, parts.data, row.options);
    if whole {
        write_lengths(out, parts.lengths);
    }
}

/// Appends what a message has besides its data: ` parts=[..] addr=.. control=[..] msg_flags=..`.
pub(crate) fn write_envelope(row: &RowView<'_>, out: &mut Vec<u8>, message: Message<'_>) {
    write_lengths(out, message.lengths);
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
    let abi = row.kind().and_then(|view| schema::layout(view.kind));
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

/// Appends several messages: `[{msg_len=5 data=hello addr=..} ..]`.
pub(crate) fn write_messages(row: &RowView<'_>, out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'[');
    for (at, (length, message)) in messages(bytes).enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(b"{msg_len=");
        write_uint(out, length.into());
        out.extend_from_slice(b" data=");
        write_buffer(out, message.data, row.options);
        write_envelope(row, out, message);
        out.push(b'}');
    }
    out.push(b']');
}

/// The data of several messages, joined.
pub(crate) fn data_of_messages(bytes: &[u8]) -> Vec<u8> {
    messages(bytes).flat_map(|(_, message)| message.data).copied().collect()
}
