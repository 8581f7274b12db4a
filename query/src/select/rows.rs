//! Conditions on events themselves, over the rows of a block.
//!
//! Most are decided for many rows at once: not at all where the kind of event lacks what is asked for, once per
//! distinct value where that value is all that counts. The rest is evaluated row by row.

use capture_format::ReadError;
use capture_format::model::{Arg, Ref};
use capture_format::schema::Shape;

use super::selection::Selection;
use crate::fields::parameter;
use crate::filter::{Access, At, Node, Test};
use crate::print::PrintOptions;
use crate::recording::{Recording, Rows};
use crate::render::Parameter;
use crate::value::Value;
use crate::view::{KindView, RowView};

/// What a test reads.
enum Reads {
    /// The result, made into a value.
    Result(fn(i64) -> Value<'static>),
    /// CPU of the row.
    Cpu,
    /// A data argument of which equal bytes give equal answers.
    Data(usize),
    /// Nothing that this kind has: the test does not hold.
    Nothing,
    /// Something else.
    Other,
}

/// What a test reads in events of a kind.
fn reads(test: &Test, kind: Option<KindView<'_>>) -> Reads {
    let Access::Field(field, argument) = &test.left else { return Reads::Other };
    if test.reads_right() {
        return Reads::Other;
    }
    match (field.name, kind) {
        ("evt.cpu", _) => Reads::Cpu,
        ("evt.failed", _) => Reads::Result(|result| Value::Bool(result < 0)),
        ("evt.rawres", _) => Reads::Result(Value::Int),
        (_, None) => Reads::Other,
        ("evt.buffer", Some(view)) => view.data().map_or(Reads::Nothing, Reads::Data),
        ("evt.arg" | "evt.rawarg", Some(view)) => match parameter(&view, argument) {
            None => Reads::Nothing,
            Some(Parameter::Result) if field.name == "evt.rawarg" => Reads::Result(Value::Int),
            Some(Parameter::Arg(index)) if is_plain_data(&view, index) => Reads::Data(index),
            Some(_) => Reads::Other,
        },
        _ => Reads::Other,
    }
}

/// Whether an argument's text follows from its bytes alone.
fn is_plain_data(view: &KindView<'_>, index: usize) -> bool {
    let kind = &view.kind.args[index].kind;
    kind.is_data() && !matches!(kind.shape, Shape::Struct(_))
}

/// The rows of `among` for which a condition holds.
pub(super) fn rows_where(
    node: &Node,
    recording: &Recording<'_>,
    rows: &Rows<'_>,
    among: &Selection,
    options: &PrintOptions,
) -> Result<Selection, ReadError> {
    let mut selected = Selection::none(among.rows());
    let by_row = |row: usize| node.holds(&At::Row(&RowView::new(recording, rows, row, options)?));
    let Node::Test(test) = node else {
        for row in among.iter() {
            if by_row(row)? {
                selected.insert(row);
            }
        }
        return Ok(selected);
    };
    let events = rows.events;
    for &number in events.kinds()?.dictionary() {
        let kind = recording.entities.kind(number).map(|kind| KindView { kind });
        let of_kind =
            || Ok::<_, ReadError>(events.rows_of_kind(number)?.iter().map(|&row| row as usize).enumerate());
        let wanted = |(_, row): &(usize, usize)| among.contains(*row);
        match reads(test, kind) {
            Reads::Nothing => {}
            Reads::Cpu => {
                let cpus = events.cpus()?;
                for (_, row) in of_kind()?.filter(wanted) {
                    if test.holds_for(&Value::Uint(cpus[row].into())) {
                        selected.insert(row);
                    }
                }
            }
            Reads::Result(value) => {
                let results = events.results(number)?;
                for (within, row) in of_kind()?.filter(wanted) {
                    if results.get(within).is_some_and(|result| test.holds_for(&value(result))) {
                        selected.insert(row);
                    }
                }
            }
            Reads::Data(index) if has_data(rows, number, index) => {
                let column = events.arg_data(number, index)?;
                let mut known: Vec<Option<bool>> = vec![None; column.codes_count()];
                for (within, row) in of_kind()?.filter(wanted) {
                    let known = &mut known[column.code(within) as usize];
                    let holds = match *known {
                        Some(holds) => holds,
                        // Null and unread values are missing, whatever is asked.
                        None if !matches!(column.get(within), Arg::Bytes(_)) => false,
                        None => by_row(row)?,
                    };
                    *known = Some(holds);
                    if holds {
                        selected.insert(row);
                    }
                }
            }
            Reads::Data(_) | Reads::Other => {
                for (_, row) in of_kind()?.filter(wanted) {
                    if by_row(row)? {
                        selected.insert(row);
                    }
                }
            }
        }
    }
    Ok(selected)
}

/// Whether the block holds the argument as the kind says: a damaged capture need not.
fn has_data(rows: &Rows<'_>, kind: Ref, index: usize) -> bool {
    index < rows.events.arg_count(kind) && rows.events.arg_is_data(kind, index)
}
