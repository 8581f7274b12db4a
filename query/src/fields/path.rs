//! Fields of the paths a call names: `fs.*`.

use std::borrow::Cow;

use capture_format::ReadError;
use capture_format::schema::Shape;

use super::{Field, Read, Type, field};
use crate::render::{absolute_path, raw_path};
use crate::value::Value;
use crate::view::{KindView, RowView};

use Read::Row;
use Type::Text;

/// Which of the paths of a call with two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Only,
    Source,
    Target,
}

/// The argument that holds the path asked for.
fn path_argument(row: &RowView<'_>, which: Which) -> Option<usize> {
    argument_of(&row.kind()?, which)
}

fn argument_of(view: &KindView<'_>, which: Which) -> Option<usize> {
    let name = view.kind.name.as_str();
    // The content of a symbolic link and the device of a mount are texts: they need not lead anywhere.
    let mut paths =
        view.kind.args.iter().enumerate().filter_map(|(index, arg)| {
            matches!(arg.kind.shape, Shape::Path(_) | Shape::Text).then_some(index)
        });
    let (first, second) = (paths.next(), paths.next());
    // Names a new link first: its source is the new name, its target what it leads to.
    let reversed = ["link", "linkat", "symlink", "symlinkat"].contains(&name);
    let two = reversed || ["rename", "renameat", "renameat2", "mount", "pivot_root"].contains(&name);
    match which {
        Which::Only if !two => view.paths().next(),
        Which::Only => None,
        Which::Source if two => {
            if reversed {
                second
            } else {
                first
            }
        }
        Which::Target if two => {
            if reversed {
                first
            } else {
                second
            }
        }
        _ => None,
    }
}

/// The argument of a kind of call with one path that is the path.
pub(crate) fn only_path(view: &KindView<'_>) -> Option<usize> {
    argument_of(view, Which::Only)
}

type Path<'a> = fn(&RowView<'a>, usize) -> Result<Option<Cow<'a, [u8]>>, ReadError>;

/// The path, of successful calls only.
fn path<'a>(row: &RowView<'a>, which: Which, read: Path<'a>) -> Result<Option<Value<'a>>, ReadError> {
    match path_argument(row, which) {
        Some(index) if row.result()?.is_some_and(|result| result >= 0) => {
            Ok(read(row, index)?.map(Value::Text))
        }
        _ => Ok(None),
    }
}

pub(super) const FIELDS: &[Field] = &[
    field(
        "fs.path.name",
        Text,
        Row(|row, _| path(row, Which::Only, absolute_path)),
        "Path that a successful call works on, absolute.",
    ),
    field(
        "fs.path.nameraw",
        Text,
        Row(|row, _| path(row, Which::Only, raw_path)),
        "Path that a successful call works on, as given.",
    ),
    field(
        "fs.path.source",
        Text,
        Row(|row, _| path(row, Which::Source, absolute_path)),
        "Source of a successful call with two paths, absolute: the old name of a rename, the new name of a link, \
         the device of a mount.",
    ),
    field(
        "fs.path.sourceraw",
        Text,
        Row(|row, _| path(row, Which::Source, raw_path)),
        "Source of a successful call with two paths, as given.",
    ),
    field(
        "fs.path.target",
        Text,
        Row(|row, _| path(row, Which::Target, absolute_path)),
        "Target of a successful call with two paths, absolute: the new name of a rename, what a link leads to, \
         the directory of a mount.",
    ),
    field(
        "fs.path.targetraw",
        Text,
        Row(|row, _| path(row, Which::Target, raw_path)),
        "Target of a successful call with two paths, as given.",
    ),
];
