//! Structures in captured bytes, field by field.

use capture_format::schema::{Field, Storage, Structure};

use super::argument::{Mode, Shown, write_number};
use super::number::{write_int, write_uint};
use crate::value::Value;
use crate::view::RowView;

/// Appends the structures that the bytes hold: `{a=1 b=2}`, several in brackets. Fields beyond the bytes are
/// left out.
pub(crate) fn write_structures(row: &RowView<'_>, out: &mut Vec<u8>, structure: &Structure, bytes: &[u8]) {
    // A structure that grew is as long as the program says: only whole multiples are several.
    let several =
        structure.bytes > 0 && bytes.len() > structure.bytes && bytes.len().is_multiple_of(structure.bytes);
    if !several {
        write_structure(row, out, structure, bytes);
        return;
    }
    out.push(b'[');
    for (index, part) in bytes.chunks(structure.bytes).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write_structure(row, out, structure, part);
    }
    out.push(b']');
}

fn write_structure(row: &RowView<'_>, out: &mut Vec<u8>, structure: &Structure, bytes: &[u8]) {
    if let [only] = structure.fields
        && only.name == "_"
    {
        match only.read(bytes) {
            Some(value) => write_field(row, out, only, value),
            None => out.extend_from_slice(b"<NA>"),
        }
        return;
    }
    out.push(b'{');
    let mut first = true;
    for field in structure.fields {
        let Some(value) = field.read(bytes) else { continue };
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        out.extend_from_slice(field.name.as_bytes());
        out.push(b'=');
        write_field(row, out, field, value);
    }
    out.push(b'}');
}

/// Fields whose meaning is a plain number are as wide and signed as they are stored.
fn write_field(row: &RowView<'_>, out: &mut Vec<u8>, field: &Field, value: u64) {
    match Shown::of(&field.shape()) {
        Shown::Signed32 | Shown::Unsigned32 | Shown::Signed | Shown::Unsigned => match number(field, value) {
            Value::Int(value) => write_int(out, value),
            _ => write_uint(out, value),
        },
        shown => write_number(row, out, &shown, value, Mode::Both),
    }
}

/// A field's value as a number.
pub(crate) fn number(field: &Field, value: u64) -> Value<'static> {
    match field.storage {
        Storage::I16 | Storage::I32 | Storage::I64 => Value::Int(value as i64),
        Storage::U16 | Storage::U32 | Storage::U64 => Value::Uint(value),
    }
}
