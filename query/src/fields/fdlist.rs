//! Fields of the descriptors that a call polls: `fdlist.*`.

use capture_format::ReadError;
use capture_format::model::Arg;
use capture_format::schema::Shape;

use super::{Field, Read, Type, field};
use crate::render;
use crate::value::{Value, owned};
use crate::view::RowView;

use Read::{Never, Row};
use Type::Text;

/// Bytes of a `pollfd`, which begins with the descriptor.
const POLLFD_BYTES: usize = 8;

/// Numbers of the descriptors, joined by commas.
fn numbers<'a>(row: &RowView<'a>) -> Result<Option<Value<'a>>, ReadError> {
    let Some(view) = row.kind() else { return Ok(None) };
    let polled = |shape: &Shape| matches!(shape, Shape::Struct(name) if name == "pollfd");
    let Some(index) = view.kind.args.iter().position(|arg| polled(&arg.kind.shape)) else { return Ok(None) };
    let Some(Arg::Bytes(bytes)) = row.arg(index)? else { return Ok(None) };
    let mut text = Vec::new();
    for fd in bytes.chunks_exact(POLLFD_BYTES).filter_map(|part| part.first_chunk::<4>()) {
        if !text.is_empty() {
            text.push(b',');
        }
        render::write_int(&mut text, i32::from_le_bytes(*fd).into());
    }
    Ok(Some(owned(text)))
}

pub(super) const FIELDS: &[Field] = &[
    field("fdlist.cips", Text, Never, "Addresses of clients: events name one descriptor each."),
    field("fdlist.cports", Text, Never, "Ports of clients: events name one descriptor each."),
    field("fdlist.names", Text, Never, "Names of the descriptors: events name one descriptor each."),
    field(
        "fdlist.nums",
        Text,
        Row(|row, _| numbers(row)),
        "Numbers of the descriptors that `poll` and `ppoll` were given, joined by commas.",
    ),
    field("fdlist.sips", Text, Never, "Addresses of servers: events name one descriptor each."),
    field("fdlist.sports", Text, Never, "Ports of servers: events name one descriptor each."),
];
