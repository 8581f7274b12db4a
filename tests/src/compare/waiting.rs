//! Calls that wait: strace shows what they were given, and behind the result what they found; we show what they left.

use capture_format::schema::{ArgKind, Shape};

use super::shown::Shown;
use super::value;
use crate::listing::Event;
use crate::strace::{Call, Value};

/// The fields in which an argument of such a call differs; `None` when it is no such argument.
pub(super) fn differing(
    call: &Call,
    theirs: &Value,
    kind: &ArgKind,
    event: &Event,
    index: usize,
) -> Option<Vec<String>> {
    let text = event.argument_text(index);
    let returned = event.result().filter(|result| *result >= 0);
    let found = |word: &str| call.found.iter().find(|(known, _)| known == word).map(|(_, value)| value);
    let mut differences = Vec::new();
    match (call.name.as_str(), &kind.shape, theirs) {
        ("select" | "_newselect" | "pselect6" | "pselect6_time64", Shape::Bits, Value::List { .. }) => {
            let word = ["", "in", "out", "except"].get(index).copied()?;
            let none = Value::List { items: Vec::new(), inverted: false, cut: false };
            let left = match returned {
                Some(_) => found(word).unwrap_or(&none),
                None => theirs,
            };
            value::compare(left, &Shown::parse(text), "", &mut differences);
        }
        (
            "select" | "_newselect" | "pselect6" | "pselect6_time64" | "ppoll" | "ppoll_time64" | "recvmmsg"
            | "recvmmsg_time64",
            _,
            Value::Struct(_),
        ) if returned.is_some() => {
            value::compare(found("left").unwrap_or(theirs), &Shown::parse(text), "", &mut differences);
        }
        // Refused, as for its count: what stands in memory behind the array is nobody's.
        ("poll" | "ppoll" | "ppoll_time64", Shape::Struct(_), Value::List { .. } | Value::Other(_))
            if returned.is_none() => {}
        ("poll" | "ppoll" | "ppoll_time64", Shape::Struct(_), Value::List { .. }) => {
            value::compare(theirs, &Shown::parse(text), "", &mut differences);
            if let Some(Value::List { items, .. }) = found("") {
                let ours = match Shown::parse(text) {
                    Shown::List(ours) => ours,
                    one => vec![one],
                };
                let is_ready = |poll: &&Shown| !matches!(poll.field("revents"), Some(Shown::Number(0, _)));
                let ready: Vec<&Shown> = ours.iter().filter(is_ready).collect();
                if ready.len() != items.len() {
                    differences.push(format!("{} ready, not {}", ready.len(), items.len()));
                }
                for (theirs, ours) in items.iter().zip(ready) {
                    value::compare(theirs, ours, "", &mut differences);
                }
            }
        }
        _ => return None,
    }
    Some(differences)
}

/// What became of a child, in our words.
pub(super) fn status(text: &str) -> Option<String> {
    let (_, test) = text.split_once("{")?;
    let value = test.rsplit("== ").next()?.split(['}', ' ']).next()?;
    Some(match test.split('(').next()? {
        "WIFEXITED" => format!("exited {value}"),
        "WIFSIGNALED" if test.contains("WCOREDUMP") => {
            format!("killed {} core", test.split("== ").nth(1)?.split([' ', '}']).next()?)
        }
        "WIFSIGNALED" => format!("killed {value}"),
        "WIFSTOPPED" => format!("stopped {value}"),
        "WIFCONTINUED" => "continued".to_owned(),
        _ => return None,
    })
}
