//! One call's arguments and descriptor.

use capture_format::model::FdSource;
use capture_format::schema::{self, Abi, ArgKind, Syscall};
use serde_json::Value as Json;

use super::Comparison;
use super::descriptor::{self, Verdict};
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
fn signature(name: &str) -> Option<&'static Syscall> {
    schema::syscall(abi(), schema::syscall_nr(abi(), name)?)
}

/// Where strace's argument stands in the call, when it prints fewer than there are.
fn position(call: &str, index: usize) -> Option<usize> {
    match (call, index) {
        // It joins the halves of the position.
        ("preadv2" | "pwritev2", 4) => Some(5),
        // Depending on the operation it leaves arguments out.
        ("futex", 3..) => None,
        // It shows the kernel's struct in place of pointers and lengths.
        _ => Some(index),
    }
}

/// Compares what can be compared; names of what differs go to `differences`.
pub(super) fn compare(
    call: &Call,
    event: &Event,
    chrooted: bool,
    comparison: &mut Comparison,
    differences: &mut Vec<String>,
) {
    let name = name(call);
    // What is told under another name has its arguments elsewhere.
    let Some(signature) = signature(&name).filter(|_| name == call.name || call.name.starts_with("syscall_"))
    else {
        return;
    };
    for (index, value) in call.arguments.iter().enumerate() {
        let (index, value) = match value {
            Value::Named(name, value) => match signature.args.iter().position(|(known, _)| known == name) {
                Some(index) => (index, &**value),
                None => continue,
            },
            value => match position(&call.name, index) {
                Some(index) => (index, value),
                None => continue,
            },
        };
        let Some((argument, kind)) = signature.args.get(index) else { continue };
        let is_data = kind.parse::<ArgKind>().is_ok_and(|kind| kind.is_data());
        match same(value, is_data, event.argument(index), event.argument_text(index)) {
            Some(true) => comparison.arguments += 1,
            Some(false) => differences.push(format!("argument {argument}")),
            None => {}
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

/// Whether an argument is the same; `None` when strace shows another part of it than we do.
fn same(theirs: &Value, is_data: bool, ours: Option<&Json>, our_text: &str) -> Option<bool> {
    match theirs {
        // One side has the pointer, the other what it points to.
        Value::Number(number) if is_data && *number != 0 => None,
        Value::Text { .. } | Value::Texts(_) if !is_data => None,
        Value::Number(number) => match ours {
            Some(Json::Number(ours)) => {
                Some(same_number(*number, ours.as_i64().map(i128::from).or(ours.as_u64().map(i128::from))?))
            }
            Some(Json::Bool(ours)) => Some((*number != 0) == *ours),
            // We say what the pointer points to, or nothing when it points nowhere.
            _ => None,
        },
        Value::Descriptor(number, _) => match ours {
            Some(ours) => Some(ours.as_i64() == Some(i64::from(*number))),
            None => Some(false),
        },
        Value::Text { bytes, cut } => {
            Some(same_text(bytes, *cut, ours.and_then(Json::as_str).unwrap_or_default()))
        }
        Value::Texts(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| shown(text)).collect();
            let joined = shown(&unescape(our_text));
            Some(texts.iter().all(|text| joined.contains(text)))
        }
        Value::Named(..) | Value::Other(_) => None,
    }
}

/// Same number of 64 bits, or of 32 where one side prints it with a sign.
fn same_number(left: i128, right: i128) -> bool {
    let is_narrow = |value: i128| (-(1_i128 << 31)..1_i128 << 32).contains(&value);
    let difference = left - right;
    difference == 0
        || difference.rem_euclid(1 << 64) == 0
        || (is_narrow(left) && is_narrow(right) && difference.rem_euclid(1 << 32) == 0)
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
fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect()
}

fn same_text(theirs: &[u8], cut: bool, ours: &str) -> bool {
    let theirs = shown(theirs);
    let ours = shown(&unescape(ours));
    if cut { ours.starts_with(&theirs) || theirs.starts_with(&ours) } else { theirs == ours }
}
