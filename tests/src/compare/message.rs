//! Data in several parts, and messages of sockets: we show the parts' data joined, and how long each is.

use super::call::{same_text, shown, unescape};
use super::shown::Shown;
use super::value;
use crate::strace::Value;

/// Compares the data of an iovec, and the lengths of its parts: `lengths` is where we show them, if we do.
pub(super) fn parts(items: &[Value], is_cut_off: bool, text: &str, lengths: Option<&str>) -> Vec<String> {
    let (mut joined, mut is_cut, mut is_unread) = (Vec::new(), false, false);
    let mut theirs = Vec::new();
    for item in items {
        let Value::Struct(fields) = item else { return vec![String::new()] };
        let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        theirs.extend(match field("iov_len").map(Value::after) {
            Some(Value::Number(number)) => Some(number.value),
            _ => None,
        });
        if is_cut || is_unread {
            continue;
        }
        match field("iov_base") {
            Some(Value::Text { bytes, cut, .. }) => {
                joined.extend_from_slice(bytes);
                is_cut = *cut;
            }
            // An empty part may lead nowhere.
            Some(Value::Number(number)) => is_unread = number.value != 0,
            _ => return vec![String::new()],
        }
    }
    if is_unread && joined.is_empty() {
        // What is there could not be read, or was not filled: then we show where it is meant to be.
        let is_address = text.starts_with("0x") || text.is_empty();
        return vec![if is_address { "unfilled" } else { "iov_base" }.to_owned()];
    }
    let (ours, joined) = (unescape(text), joined);
    let lengths_differ = !same_lengths(&theirs, is_cut_off, lengths, ours.len());
    let (ours, theirs) = (shown(&ours), shown(&joined));
    let same = if is_cut || ours.ends_with("...") {
        let ours = ours.trim_end_matches("...");
        ours.starts_with(&theirs) || theirs.starts_with(ours)
    } else {
        same_text(&joined, false, &ours)
    };
    let differences = [(!same, "iov_base"), (lengths_differ, "iov_len")];
    differences.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| name.to_owned()).collect()
}

/// Whether we show these lengths, of which strace may show the first only: of one part that is as long as its data we show
/// none.
fn same_lengths(theirs: &[i128], is_cut_off: bool, ours: Option<&str>, data_bytes: usize) -> bool {
    let Some(ours) = ours else { return *theirs == [data_bytes as i128] };
    let Shown::List(items) = Shown::parse(ours) else { return false };
    let mut numbers = Vec::new();
    let mut count = None;
    for item in &items {
        match item {
            Shown::Number(number, _) if count.is_none() => numbers.push(*number),
            // Behind the first ones we show how many there are.
            Shown::Number(number, _) => count = Some(*number),
            Shown::Word(word) if word == "..." => count = Some(0),
            _ => return false,
        }
    }
    let is_whole = count.is_none() && !is_cut_off && numbers.len() == theirs.len();
    let shared = numbers.len().min(theirs.len());
    let is_counted = |count: i128| is_cut_off || count == theirs.len() as i128;
    numbers[..shared] == theirs[..shared] && (is_whole || count.is_some_and(is_counted))
}

/// Where the lengths of parts stand among arguments, or in one message of several.
pub(super) fn lengths(arguments: &str) -> Option<&str> {
    let (_, rest) = arguments.split_once(" parts=")?;
    Some(&rest[..=rest.find(']')?])
}

/// Compares a message; `arguments` is the text of all arguments, where ours stands with its address and the like.
pub(super) fn differing(theirs: &Value, text: &str, arguments: &str) -> Vec<String> {
    let Value::Struct(fields) = theirs.after() else { return vec![String::new()] };
    let mut differences = Vec::new();
    for (name, value) in fields {
        let ours = match name.as_str() {
            "msg_iov" => {
                if let Value::List { items, cut, .. } = value {
                    let lengths = lengths(arguments);
                    let is_alone = lengths.is_none() && items.len() == 1;
                    // Of one part we show no more than how much there is.
                    let room =
                        |name: String| if is_alone && name == "iov_len" { "room".to_owned() } else { name };
                    differences.extend(parts(items, *cut, text, lengths).into_iter().map(room));
                }
                continue;
            }
            "msg_name" => part(arguments, " addr="),
            "msg_control" => part(arguments, " control="),
            "msg_flags" => part(arguments, " msg_flags="),
            // They are as long as what is shown.
            _ => continue,
        };
        let is_null = matches!(value.after(), Value::Number(number) if number.value == 0);
        match ours {
            Some(ours) => value::compare(value, &Shown::parse(ours), name, &mut differences),
            None if is_null => (),
            // A pointer to nothing that was filled in.
            None if matches!(value.after(), Value::Number(_)) => (),
            None => differences.push(name.clone()),
        }
    }
    differences
}

/// Compares several messages, each of which we show with its length.
pub(super) fn several(items: &[Value], text: &str) -> Vec<String> {
    let ours: Vec<&str> = text.split("{msg_len=").skip(1).collect();
    if ours.len() != items.len() {
        return vec!["count".to_owned()];
    }
    let mut differences = Vec::new();
    for (item, ours) in items.iter().zip(ours) {
        let Value::Struct(fields) = item.after() else { return vec![String::new()] };
        let ours = ours.trim_end_matches([' ', ']']).trim_end_matches('}');
        for (name, value) in fields {
            match name.as_str() {
                "msg_hdr" => {
                    let found = differing(value, part(ours, " data=").unwrap_or_default(), ours);
                    // Of several we show how much room there was.
                    let shown = |name: String| if name == "room" { "iov_len".to_owned() } else { name };
                    differences.extend(found.into_iter().map(shown));
                }
                "msg_len" => {
                    let length = ours.split(' ').next().unwrap_or_default();
                    value::compare(value, &Shown::parse(length), name, &mut differences);
                }
                _ => differences.push(name.clone()),
            }
        }
    }
    // One argument, however many of its messages differ alike.
    differences.sort_unstable();
    differences.dedup();
    differences
}

/// A part of a message as it stands among the arguments.
fn part<'a>(arguments: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = arguments.split_once(name)?;
    let end = [" parts=", " addr=", " control=", " msg_flags=", " flags="]
        .iter()
        .filter_map(|next| rest.find(next))
        .min();
    Some(&rest[..end.unwrap_or(rest.len())])
}
