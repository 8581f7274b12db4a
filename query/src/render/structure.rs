//! Structures in captured bytes, field by field.

use capture_format::schema::{self, Field, LAST_BYTE, Shape, Storage, Structure};

use super::argument::{Mode, Shown, write_number};
use super::escape::escape_tail;
use super::number::{write_int, write_uint};
use super::sockaddr::write_sockaddr;
use crate::value::Value;
use crate::view::RowView;

/// Structures inside structures: more than any has, so that tables that refer to themselves come to an end.
const DEPTH_MAX: usize = 4;

/// Appends the structures that the bytes hold: `{a=1 b=2}`, several in brackets. Fields beyond the bytes are
/// left out.
pub(crate) fn write_structures(row: &RowView<'_>, out: &mut Vec<u8>, structure: &Structure, bytes: &[u8]) {
    if let Some(length) = structure.length {
        return write_linked(row, out, structure, length, bytes);
    }
    if bytes.is_empty() {
        // There were none to fill in.
        out.extend_from_slice(b"[]");
        return;
    }
    // A structure that grew is as long as the program says: only whole multiples are several.
    let several = structure.bytes > 0
        && bytes.len() > structure.bytes
        && bytes.len().is_multiple_of(structure.bytes)
        && structure.fields.iter().all(|field| field.count > 0);
    if !several {
        write_structure(row, out, structure, bytes, 0);
        return;
    }
    write_list(out, bytes.chunks(structure.bytes), |out, part| write_structure(row, out, structure, part, 0));
}

/// Appends structures of different lengths, which stand in one of their fields.
fn write_linked(row: &RowView<'_>, out: &mut Vec<u8>, structure: &Structure, length: &str, mut bytes: &[u8]) {
    let length = structure.field(length);
    let parts = std::iter::from_fn(|| {
        if bytes.len() < structure.bytes {
            return None;
        }
        let length = length.and_then(|length| length.read(bytes)).map_or(0, |length| length as usize);
        let (part, rest) = bytes.split_at(length.max(structure.bytes).min(bytes.len()));
        bytes = rest;
        Some(part)
    });
    write_list(out, parts, |out, part| write_structure(row, out, structure, part, 0));
}

/// Appends items in brackets.
fn write_list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write(out, item);
    }
    out.push(b']');
}

fn write_structure(row: &RowView<'_>, out: &mut Vec<u8>, structure: &Structure, bytes: &[u8], depth: usize) {
    if let [only] = structure.fields
        && only.name == "_"
    {
        if only.offset + only.storage.bytes() > bytes.len() {
            out.extend_from_slice(b"<NA>");
        } else {
            write_field(row, out, structure, only, bytes, depth);
        }
        return;
    }
    out.push(b'{');
    write_fields(row, out, structure, bytes, depth);
    out.push(b'}');
}

fn write_fields(row: &RowView<'_>, out: &mut Vec<u8>, structure: &Structure, bytes: &[u8], depth: usize) {
    let start = out.len();
    for field in structure.fields {
        // What is beyond the bytes was not captured.
        let end = field.offset + field.storage.bytes() * usize::from(field.count > 0);
        if end > bytes.len() && field.offset != LAST_BYTE {
            continue;
        }
        if out.len() > start {
            out.push(b' ');
        }
        if field.storage == Storage::By {
            if let Some(inner) = chosen(structure, field, bytes).filter(|_| depth < DEPTH_MAX) {
                write_fields(row, out, inner, bytes, depth + 1);
            }
            continue;
        }
        out.extend_from_slice(field.name.as_bytes());
        out.push(b'=');
        write_field(row, out, structure, field, bytes, depth);
    }
}

/// The structure that a table says for the value of another field.
fn chosen(structure: &Structure, field: &Field, bytes: &[u8]) -> Option<&'static Structure> {
    let (by, table) = field.kind.split_once(',')?;
    let value = structure.field(by)?.read(bytes)?;
    match schema::choices(table)?.kind(value).shape {
        Shape::Struct(name) => schema::structure(&name),
        _ => None,
    }
}

fn write_field(
    row: &RowView<'_>,
    out: &mut Vec<u8>,
    structure: &Structure,
    field: &Field,
    bytes: &[u8],
    depth: usize,
) {
    match field.storage {
        Storage::Text | Storage::Bytes => {
            let stored = &bytes[field.offset..];
            let counted = structure.field(field.kind).and_then(|counter| counter.read(bytes));
            let count = if field.count == 0 { usize::MAX } else { field.count };
            let count = counted.map_or(count, |counted| count.min(counted as usize));
            let stored = &stored[..count.min(stored.len())];
            let end = stored.iter().position(|&byte| byte == 0).filter(|_| field.storage == Storage::Text);
            write_quoted(out, &stored[..end.unwrap_or(stored.len())]);
        }
        Storage::Sockaddr => {
            let stored = &bytes[field.offset..];
            write_sockaddr(row, out, &stored[..field.count.min(stored.len())]);
        }
        Storage::Mac => {
            let stored = &bytes[field.offset..];
            for (at, byte) in stored.iter().take(field.count).enumerate() {
                out.extend_from_slice(if at > 0 { b":" } else { b"" });
                out.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
        }
        Storage::Inner => {
            if let Some(inner) = schema::structure(field.kind).filter(|_| depth < DEPTH_MAX) {
                write_structure(row, out, inner, &bytes[field.offset..], depth + 1);
            }
        }
        Storage::By => (),
        _ if field.count == 1 => {
            if let Some(value) = field.read(bytes) {
                write_one(row, out, field, value);
            }
        }
        _ => {
            let values = (0..field.count).map_while(|index| field.read_at(bytes, index));
            write_list(out, values, |out, value| write_one(row, out, field, value));
        }
    }
}

/// Appends bytes in quotes, with nothing in it that ends the quotes early or that a terminal must not see.
fn write_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    for &byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            out.extend_from_slice(if byte == b'"' { b"\\x22" } else { b"\\x5C" });
        } else {
            out.push(byte);
        }
    }
    escape_tail(out, start);
    out.push(b'"');
}

/// Fields whose meaning is a plain number are as wide and signed as they are stored.
fn write_one(row: &RowView<'_>, out: &mut Vec<u8>, field: &Field, value: u64) {
    match Shown::of(&field.shape()) {
        Shown::Signed32 | Shown::Unsigned32 | Shown::Signed | Shown::Unsigned => match number(field, value) {
            Value::Int(value) => write_int(out, value),
            _ => write_uint(out, value),
        },
        // A number below 0, which has a name as one of 64 bits.
        Shown::Enum(set) if matches!(number(field, value), Value::Int(..0)) => {
            write_int(out, value as i64);
            if let Some(name) = set.and_then(|set| set.name(value)) {
                out.extend_from_slice(format!("({name})").as_bytes());
            }
        }
        shown => write_number(row, out, &shown, value, Mode::Both),
    }
}

/// A field's value as a number.
pub(crate) fn number(field: &Field, value: u64) -> Value<'static> {
    match field.storage {
        Storage::I8 | Storage::I16 | Storage::I32 | Storage::I64 => Value::Int(value as i64),
        _ => Value::Uint(value),
    }
}
