//! One call's arguments and descriptor.

use capture_format::model::FdSource;
use capture_format::schema::{self, Abi, ArgKind, Shape, Syscall};
use serde_json::Value as Json;

use super::descriptor::{self, Verdict};
use super::shown::Shown;
use super::{Comparison, SNAP_BYTES, justification, message, value, waiting};
use crate::listing::Event;
use crate::strace::{Call, Outcome, Value};

/// The machine's own table of calls.
fn abi() -> Abi {
    Abi::of_machine(std::env::consts::ARCH).expect("tests run on machines the schema knows")
}

/// A call's name, also of those that are younger than strace, which prints them as `syscall_0x1c4`.
pub(super) fn name(call: &Call) -> String {
    let number = call.name.strip_prefix("syscall_0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match number {
        // Records have room for 16 bits of a number, and show larger ones, which no kernel knows, as the largest.
        Some(number) => schema::event_kind(abi(), number.min(u64::from(u16::MAX)) as u32).name,
        None => call.name.clone(),
    }
}

/// The schema's line for a call; strace decodes it without, so this only tells which argument is which.
fn signature(abi: Abi, name: &str) -> Option<&'static Syscall> {
    schema::syscall(abi, schema::syscall_nr(abi, name)?)
}

/// Where one of strace's arguments stands among ours: its place, and that of the upper half of a number of 64 bits that
/// a 32-bit program passes in two.
fn position(abi: Abi, call: &str, signature: &Syscall, index: usize) -> Option<(usize, Option<usize>)> {
    if abi != Abi::I386 {
        return match (call, index) {
            // It joins the halves of the position.
            ("preadv2" | "pwritev2", 4) => Some((5, None)),
            // Depending on the operation it leaves arguments out.
            ("futex", 3..) if signature.args.get(index)?.0 != "timeout" => None,
            _ => Some((index, None)),
        };
    }
    let mut ours = 0;
    for theirs in 0..=index {
        let name = signature.args.get(ours)?.0;
        let next = signature.args.get(ours + 1).map(|(next, _)| *next);
        let halves = match (name, next) {
            ("offset_high", _) => Some((ours + 1, Some(ours))),
            (name, Some(next)) if next.strip_suffix("_h") == Some(name) => Some((ours, Some(ours + 1))),
            _ => None,
        };
        if theirs == index {
            return Some(halves.unwrap_or((ours, None)));
        }
        ours += if halves.is_some() { 2 } else { 1 };
    }
    None
}

/// Compares what can be compared; what differs goes to `differences`.
pub(super) fn compare(
    call: &Call,
    event: &Event,
    chrooted: bool,
    comparison: &mut Comparison,
    differences: &mut Vec<String>,
) {
    let name = name(call);
    // What is told under another name has its arguments elsewhere.
    let abi = Abi::from_name(event.text("evt.abi")).unwrap_or_else(abi);
    let Some(signature) =
        signature(abi, &name).filter(|_| name == call.name || call.name.starts_with("syscall_"))
    else {
        return;
    };
    for (index, value) in call.arguments.iter().enumerate() {
        let (index, value) = match value {
            Value::Named(name, value) => match signature.args.iter().position(|(known, _)| known == name) {
                Some(index) => ((index, None), &**value),
                None => continue,
            },
            value => match position(abi, &call.name, signature, index) {
                Some(place) => (place, value),
                None => continue,
            },
        };
        let (index, upper) = index;
        let Some((argument, kind)) = signature.args.get(index) else { continue };
        let kind: ArgKind = kind.parse().expect("schema tests parse all kinds");
        let differing = match upper {
            Some(upper) => Some(halves_differ(value, event.argument(index), event.argument(upper))),
            None => differing(call, value, &kind, event, index),
        };
        comparison.arguments += usize::from(differing.is_some());
        comparison.ours_alone += usize::from(differing.is_none());
        let differing = differing.unwrap_or_default();
        for path in differing {
            let field = if path.is_empty() { (*argument).to_owned() } else { format!("{argument}.{path}") };
            match justification(&name, &field) {
                Some(reason) => *comparison.justified.entry(reason).or_default() += 1,
                None => differences.push(format!("argument {field}")),
            }
        }
        // Of AT_FDCWD strace shows the working directory, which is the process's and not the event's.
        let is_own = signature.fd == FdSource::Arg(index as u8);
        if let Value::Descriptor(number, what) = value
            && is_own
            && *number != libc::AT_FDCWD
        {
            judge(descriptor::same(&call.name, what, event, chrooted), comparison, differences);
        }
    }
    if let (Outcome::Returned { descriptor: Some(what), .. }, FdSource::Result) =
        (&call.outcome, signature.fd)
    {
        judge(descriptor::same(&call.name, what, event, chrooted), comparison, differences);
    }
}

fn judge(verdict: Verdict, comparison: &mut Comparison, differences: &mut Vec<String>) {
    match verdict {
        Verdict::Same => comparison.descriptors += 1,
        Verdict::Different => differences.push("descriptor".to_owned()),
        Verdict::Unknown => {}
    }
}

/// The fields in which an argument differs; an empty name is the whole of it. `None` when there is nothing to compare: we
/// show what a pointer leads to and they the pointer.
fn differing(
    call: &Call,
    theirs: &Value,
    kind: &ArgKind,
    event: &Event,
    index: usize,
) -> Option<Vec<String>> {
    let text = event.argument_text(index);
    if let (Value::Number(number), true) = (theirs.after(), kind.is_data())
        && number.value != 0
        && number.names.is_empty()
        && waiting::differing(call, theirs, kind, event, index).is_none()
    {
        // What it points to could not be read, or they do not decode it.
        return match Shown::parse(text) {
            Shown::Number(ours, meaning) if meaning.is_empty() && text.starts_with("0x") => {
                let is_same = value::same_number(number.value, ours);
                Some(if is_same { Vec::new() } else { vec![String::new()] })
            }
            // Nothing is shown for a pointer that leads somewhere.
            _ if matches!(text, "NULL" | "" | "<NA>") => Some(vec![String::new()]),
            _ => None,
        };
    }
    Some(fields_differing(call, theirs, kind, event, index))
}

fn fields_differing(call: &Call, theirs: &Value, kind: &ArgKind, event: &Event, index: usize) -> Vec<String> {
    let (ours, text) = (event.argument(index), event.argument_text(index));
    let whole = |same: bool| if same { Vec::new() } else { vec![String::new()] };
    if let Some(differences) = waiting::differing(call, theirs, kind, event, index) {
        return differences;
    }
    match (theirs.after(), &kind.shape) {
        // We say what the pointer points to, or nothing when it points nowhere.
        (Value::Number(number), _) if kind.is_data() && number.value == 0 && number.names.is_empty() => {
            whole(ours.is_none() || matches!(text, "NULL" | "0x0" | "0" | "false"))
        }
        (Value::Number(number), _) if !kind.is_data() => whole(
            ours.and_then(number_of).is_some_and(|ours| value::same_number(number.value, ours))
                && value::same_names(number, text),
        ),
        (Value::Descriptor(number, _), _) => {
            let shown = match Shown::parse(text) {
                Shown::Number(number, _) => Some(number),
                _ => ours.and_then(number_of),
            };
            whole(shown.is_some_and(|ours| value::same_number(i128::from(*number), ours)))
        }
        (Value::Text { bytes, cut, .. }, Shape::Text | Shape::Path(_) | Shape::Bytes) => {
            whole(same_text(bytes, *cut, ours.and_then(Json::as_str).unwrap_or_default()))
        }
        (Value::Text { bytes, cut, .. }, Shape::By(..)) if !text.starts_with(['{', '[', '"']) => {
            whole(same_text(bytes, *cut, ours.and_then(Json::as_str).unwrap_or_default()))
        }
        (Value::List { items, .. }, Shape::Strings) => {
            let joined = shown(&unescape(text));
            whole(items.iter().all(|item| match item {
                Value::Text { bytes, .. } => joined.contains(&shown(bytes)),
                _ => false,
            }))
        }
        (Value::List { items, cut, .. }, Shape::Parts) => {
            message::parts(items, *cut, text, message::lengths(event.text("evt.args")))
        }
        (Value::List { items, .. }, Shape::Messages) => message::several(items, text),
        (Value::Struct(_), Shape::Msghdr) => message::differing(theirs, text, event.text("evt.args")),
        (Value::List { items, .. }, Shape::Struct(name)) if name.starts_with("dirent") => {
            let mut differences = Vec::new();
            let Shown::List(mut ours) = Shown::parse(text) else { return vec![String::new()] };
            let is_cut = event.result().is_some_and(|bytes| bytes > SNAP_BYTES);
            if is_cut {
                // Of the last one only a part was kept.
                ours.pop();
            }
            let theirs = if is_cut { &items[..ours.len().min(items.len())] } else { items };
            let theirs = Value::List { items: theirs.to_vec(), inverted: false, cut: false };
            value::compare(&theirs, &Shown::List(ours), "", &mut differences);
            differences
        }
        (Value::Other(status), Shape::Struct(name)) if name == "wait_status" => {
            whole(waiting::status(status).is_some_and(|status| text.ends_with(&format!("({status})"))))
        }
        _ => {
            let mut differences = Vec::new();
            value::compare(theirs, &Shown::parse(text), "", &mut differences);
            differences
        }
    }
}

/// Compares a number of 64 bits with the two that we show.
fn halves_differ(theirs: &Value, lower: Option<&Json>, upper: Option<&Json>) -> Vec<String> {
    let half = |json: Option<&Json>| json.and_then(number_of).map(|number| number & 0xffff_ffff);
    let same = match (theirs, half(lower), half(upper)) {
        (Value::Number(theirs), Some(lower), Some(upper)) => {
            value::same_number(theirs.value, upper << 32 | lower)
        }
        _ => false,
    };
    if same { Vec::new() } else { vec![String::new()] }
}

fn number_of(ours: &Json) -> Option<i128> {
    match ours {
        Json::Number(number) => number.as_i64().map(i128::from).or(number.as_u64().map(i128::from)),
        Json::Bool(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// Undoes `\xNN`, which stands in our texts for what a terminal must not see.
pub(super) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.strip_prefix(b"x").and_then(|digits| std::str::from_utf8(digits.get(..2)?).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// Bytes as both sides can show them: what is not printable becomes a dot, as in our listing of buffers.
pub(super) fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect()
}

pub(super) fn same_text(theirs: &[u8], cut: bool, ours: &str) -> bool {
    let theirs = shown(theirs);
    let ours = shown(&unescape(ours));
    if cut { ours.starts_with(&theirs) || theirs.starts_with(&ours) } else { theirs == ours }
}
