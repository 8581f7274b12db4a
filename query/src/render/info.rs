//! Result and arguments of an event: `evt.info`, `evt.arg`.

use capture_format::ReadError;
use capture_format::model::{Arg, EventKind, FdSource};
use capture_format::schema::{self, Selector, Shape};

use super::argument::{Mode, Shown, argument_value, write_result, write_value};
use super::descriptor::write_descriptor;
use super::escape::{escape_tail, write_escaped};
use super::number::write_int;
use super::path::AT_FDCWD;
use crate::cache::{NO_PLACE, TextCache};
use crate::value::Value;
use crate::view::{KindView, RowView};

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
    result_is_fd: bool,
    names_descriptor: bool,
    /// The event is about a connection that is not named by a number.
    is_of_connection: bool,
    /// It is no call but does what one does.
    is_of_ring: bool,
    args: Vec<ArgPlan>,
}

/// How an argument is shown.
#[derive(Clone, Debug)]
struct ArgPlan {
    /// `" name="`
    name: Box<[u8]>,
    shown: Shown,
    /// It is the descriptor that the event is about.
    own_fd: bool,
    /// The flags shown last, for most calls pass the same ones again and again.
    last: Option<(u64, Box<[u8]>)>,
}

/// The name as it stands before a value. Captures say it, so it need not be one of ours.
fn parameter_name(name: &str) -> Box<[u8]> {
    let mut text = b" ".to_vec();
    write_escaped(&mut text, name.as_bytes());
    text.push(b'=');
    text.into()
}

/// How an argument of a kind is shown.
fn shown(kind: &EventKind, index: usize) -> Shown {
    let shown = Shown::of(&kind.args[index].kind.shape);
    let place =
        |name: &str| kind.args.iter().position(|arg| arg.name == name).and_then(|at| u8::try_from(at).ok());
    match (kind.name.as_str(), &shown) {
        ("open" | "openat" | "openat2" | "creat", Shown::Mode) => Shown::OpenMode(place("flags")),
        // Captures of version 0.1 say no more than that it is bytes.
        ("setsockopt" | "getsockopt", Shown::Bytes) => match (place("level"), place("optname")) {
            (Some(arg), lower @ Some(_)) => Shown::By(Selector { arg, lower }, schema::choices("sockopt")),
            _ => shown,
        },
        _ => shown,
    }
}

/// Whether other arguments say what an argument is: it may be a number where it is stored like data.
fn is_chosen(kind: &EventKind, index: usize) -> bool {
    matches!(kind.args[index].kind.shape, Shape::By(..))
}

impl InfoPlan {
    pub(crate) fn new(kind: &EventKind) -> Self {
        let args = kind.args.iter().enumerate();
        let own_fd = |index: usize| kind.fd == FdSource::Arg(index as u8) && !kind.args[index].kind.is_data();
        let is_of_connection = kind.nr.is_none() && kind.abi.is_empty() && kind.category == "net";
        InfoPlan {
            names_descriptor: kind.fd == FdSource::Result
                || (0..kind.args.len()).any(own_fd)
                || is_of_connection,
            is_of_connection,
            is_of_ring: KindView { kind }.is_of_ring(),
            result: kind.result.as_ref().map(|result| Shown::of(&result.shape)),
            result_is_fd: kind.fd == FdSource::Result,
            args: args
                .map(|(index, arg)| ArgPlan {
                    name: parameter_name(&arg.name),
                    shown: shown(kind, index),
                    own_fd: own_fd(index),
                    last: None,
                })
                .collect(),
        }
    }

    /// Whether the descriptor that the event is about is shown.
    pub(crate) fn names_descriptor(&self) -> bool {
        self.names_descriptor
    }

    pub(crate) fn has_result(&self) -> bool {
        self.result.is_some()
    }
}

/// Appends result and arguments as `name=value`.
pub(crate) fn write_info(row: &RowView<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    match row.kind() {
        Some(view) => {
            let (mut plan, mut texts) = (InfoPlan::new(view.kind), TextCache::default());
            let source =
                InfoSource { result: row.result()?, descriptor_place: NO_PLACE, arg: |at| row.arg(at) };
            write_planned_info(row, &mut plan, &mut texts, source, out)
        }
        None => Ok(()),
    }
}

/// What is written, for readers of many rows who have looked up columns.
pub(crate) struct InfoSource<F> {
    pub(crate) result: Option<i64>,
    /// Place of the row's descriptor among the texts of descriptors.
    pub(crate) descriptor_place: u32,
    /// An argument; `None` when there are fewer.
    pub(crate) arg: F,
}

/// As [`write_info`], with a plan of the row's kind and the texts of descriptors.
pub(crate) fn write_planned_info<'a>(
    row: &RowView<'a>,
    plan: &mut InfoPlan,
    descriptors: &mut TextCache,
    source: InfoSource<impl Fn(usize) -> Result<Option<Arg<'a>>, ReadError>>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let place = source.descriptor_place;
    let start = out.len();
    if let Some(shown) = &plan.result
        && let Some(result) = source.result
    {
        out.extend_from_slice(b"res=");
        match shown {
            Shown::Fd if plan.result_is_fd && result >= 0 => write_fd(row, result, descriptors, place, out)?,
            shown => write_result(row, out, shown, result, Mode::Both)?,
        }
    }
    for (index, ArgPlan { name, shown, own_fd, last }) in plan.args.iter_mut().enumerate() {
        let Some(arg) = (source.arg)(index)? else { break };
        // The blank between two parameters is the name's first byte.
        out.extend_from_slice(if out.len() == start { &name[1..] } else { name });
        match (arg, last.as_ref(), &*shown) {
            (Arg::Int(raw), ..) if *own_fd && raw as i32 != AT_FDCWD => {
                write_fd(row, i64::from(raw as i32), descriptors, place, out)?
            }
            (Arg::Int(raw), Some((known, text)), _) if raw == *known => out.extend_from_slice(text),
            (Arg::Int(raw), _, Shown::Flags(_) | Shown::Enum(_)) => {
                let before = out.len();
                write_value(row, out, shown, index, arg, Mode::Both)?;
                *last = Some((raw, out[before..].into()));
            }
            _ => write_value(row, out, shown, index, arg, Mode::Both)?,
        }
    }
    if plan.is_of_connection {
        out.extend_from_slice(if out.len() == start { b"fd=" } else { b" fd=" });
        write_known(row, descriptors, place, out)?;
    }
    if plan.is_of_ring {
        out.extend_from_slice(if out.len() == start { b"via=io_uring" } else { b" via=io_uring" });
    }
    Ok(())
}

/// Appends the descriptor that the event is about: `9(<f>/path)`.
fn write_fd(
    row: &RowView<'_>,
    fd: i64,
    descriptors: &mut TextCache,
    place: u32,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    write_int(out, fd);
    if fd < 0 {
        return Ok(());
    }
    write_known(row, descriptors, place, out)
}

/// Appends what is known of that descriptor: `(<f>/path)`.
fn write_known(
    row: &RowView<'_>,
    descriptors: &mut TextCache,
    place: u32,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    descriptors.write(place, out, |out| {
        if let Some(descriptor) = row.descriptor()? {
            out.push(b'(');
            let start = out.len();
            write_descriptor(out, descriptor);
            if row.escape {
                escape_tail(out, start);
            }
            out.push(b')');
        }
        Ok(true)
    })?;
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
            None => return Ok(false),
            Some(Arg::Null) if !is_chosen(view.kind, index) => return Ok(false),
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
