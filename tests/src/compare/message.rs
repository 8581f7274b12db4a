//! Data in several parts, and messages of sockets: we show the parts' data joined.

use super::call::{same_text, shown, unescape};
use super::shown::Shown;
use super::value;
use crate::strace::Value;

/// Compares the data of an iovec; that we do not show how long each part is is told as `iov_len`.
pub(super) fn parts(items: &[Value], text: &str) -> Vec<String> {
    let (mut joined, mut is_cut, mut is_unread) = (Vec::new(), false, false);
    for item in items {
        let Value::Struct(fields) = item else { return vec![String::new()] };
        let base = fields.iter().find(|(name, _)| name == "iov_base").map(|(_, value)| value);
        match base {
            Some(Value::Text { bytes, cut, .. }) => {
                joined.extend_from_slice(bytes);
                is_cut |= *cut;
            }
            // An empty part may lead nowhere.
            Some(Value::Number(number)) => is_unread = number.value != 0,
            _ => return vec![String::new()],
        }
        if is_cut || is_unread {
            break;
        }
    }
    if is_unread && joined.is_empty() {
        // What is there could not be read, or was not filled: then we show where it is meant to be.
        let is_address = text.starts_with("0x") || text.is_empty();
        return vec![if is_address { "iov_len" } else { "iov_base" }.to_owned()];
    }
    let ours = shown(&unescape(text));
    let theirs = shown(&joined);
    let same = if is_cut || ours.ends_with("...") {
        let ours = ours.trim_end_matches("...");
        ours.starts_with(&theirs) || theirs.starts_with(ours)
    } else {
        same_text(&joined, false, &ours)
    };
    if same { vec!["iov_len".to_owned()] } else { vec!["iov_base".to_owned()] }
}

/// Compares a message; `arguments` is the text of all arguments, where ours stands with its address and the like.
pub(super) fn differing(theirs: &Value, text: &str, arguments: &str) -> Vec<String> {
    let Value::Struct(fields) = theirs.after() else { return vec![String::new()] };
    let mut differences = Vec::new();
    for (name, value) in fields {
        let ours = match name.as_str() {
            "msg_iov" => {
                if let Value::List { items, .. } = value {
                    differences.extend(parts(items, text));
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
                    differences.extend(differing(value, part(ours, " data=").unwrap_or_default(), ours));
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
    let end =
        [" addr=", " control=", " msg_flags=", " flags="].iter().filter_map(|next| rest.find(next)).min();
    Some(&rest[..end.unwrap_or(rest.len())])
}
