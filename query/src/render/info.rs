//! Result and arguments of an event: `evt.info`, `evt.arg`.

use capture_format::ReadError;
use capture_format::model::{Arg, EventKind};

use super::argument::{Mode, Shown, argument_value, write_result, write_value};
use crate::value::Value;
use crate::view::RowView;

/// The result or an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    Result,
    Arg(usize),
}

/// How events of a kind are shown, prepared once.
#[derive(Clone, Debug)]
pub(crate) struct InfoPlan {
    result: Option<Shown>,
    args: Vec<ArgPlan>,
}

/// How an argument is shown.
#[derive(Clone, Debug)]
struct ArgPlan {
    /// `" name="`
    name: Box<[u8]>,
    shown: Shown,
    /// The flags shown last, for most calls pass the same ones again and again.
    last: Option<(u64, Box<[u8]>)>,
}

/// How an argument of a kind is shown.
fn shown(kind: &EventKind, index: usize) -> Shown {
    let shown = Shown::of(&kind.args[index].kind.shape);
    let opens = matches!(kind.name.as_str(), "open" | "openat" | "openat2" | "creat");
    if opens && matches!(shown, Shown::Mode) { Shown::OpenMode } else { shown }
}

impl InfoPlan {
    pub(crate) fn new(kind: &EventKind) -> Self {
        let args = kind.args.iter().enumerate();
        InfoPlan {
            result: kind.result.as_ref().map(|result| Shown::of(&result.shape)),
            args: args
                .map(|(index, arg)| ArgPlan {
                    name: format!(" {}=", arg.name).into_bytes().into(),
                    shown: shown(kind, index),
                    last: None,
                })
                .collect(),
        }
    }
}

/// Appends result and arguments as `name=value`.
pub(crate) fn write_info(row: &RowView<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    match row.kind() {
        Some(view) => write_planned_info(row, &mut InfoPlan::new(view.kind), out),
        None => Ok(()),
    }
}

/// As [`write_info`], with a plan of the row's kind.
pub(crate) fn write_planned_info(
    row: &RowView<'_>,
    plan: &mut InfoPlan,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let start = out.len();
    if let Some(shown) = &plan.result
        && let Some(result) = row.result()?
    {
        out.extend_from_slice(b"res=");
        write_result(row, out, shown, result, Mode::Both)?;
    }
    for (index, ArgPlan { name, shown, last }) in plan.args.iter_mut().enumerate() {
        let Some(arg) = row.arg(index)? else { break };
        // The blank between two parameters is the name's first byte.
        out.extend_from_slice(if out.len() == start { &name[1..] } else { name });
        match (arg, last.as_ref(), &*shown) {
            (Arg::Int(raw), Some((known, text)), _) if raw == *known => out.extend_from_slice(text),
            (Arg::Int(raw), _, Shown::Flags(_) | Shown::Enum(_)) => {
                let before = out.len();
                write_value(row, out, shown, index, arg, Mode::Both)?;
                *last = Some((raw, out[before..].into()));
            }
            _ => write_value(row, out, shown, index, arg, Mode::Both)?,
        }
    }
    Ok(())
}

/// Appends the meaning of the result or an argument; `false` when it is missing.
pub(crate) fn write_resolved(
    row: &RowView<'_>,
    parameter: Parameter,
    out: &mut Vec<u8>,
) -> Result<bool, ReadError> {
    let Some(view) = row.kind() else { return Ok(false) };
    match parameter {
        Parameter::Result => {
            let (Some(kind), Some(result)) = (&view.kind.result, row.result()?) else { return Ok(false) };
            write_result(row, out, &Shown::of(&kind.shape), result, Mode::Meaning)?;
        }
        Parameter::Arg(index) => match row.arg(index)? {
            None | Some(Arg::Null | Arg::Unread(_)) => return Ok(false),
            Some(arg) => write_value(row, out, &shown(view.kind, index), index, arg, Mode::Meaning)?,
        },
    }
    Ok(true)
}

/// The result or an argument in its own type.
pub(crate) fn parameter_value<'a>(
    row: &RowView<'a>,
    parameter: Parameter,
) -> Result<Option<Value<'a>>, ReadError> {
    let Some(view) = row.kind() else { return Ok(None) };
    match parameter {
        Parameter::Result => Ok(row.result()?.map(Value::Int)),
        Parameter::Arg(index) => match row.arg(index)? {
            Some(arg) => argument_value(row, &shown(view.kind, index), index, arg),
            None => Ok(None),
        },
    }
}
