//! One value of strace beside ours: numbers, the names of their bits, texts, and structures field by field.

use super::address::address;
use super::shown::{Shown, names};
use crate::strace::{Number, Value};

/// Where two values differ: the path of the field, empty for the whole.
pub(super) type Differences = Vec<String>;

/// Names that we know as another one, or as others; the kernel's headers have both.
const SYNONYMS: &[(&str, &str)] = &[
    ("FUTEX_WAKE_PRIVATE", "FUTEX_WAKE|FUTEX_PRIVATE_FLAG"),
    ("FUTEX_WAIT_PRIVATE", "FUTEX_WAIT|FUTEX_PRIVATE_FLAG"),
    ("FUTEX_WAIT_BITSET_PRIVATE", "FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG"),
    ("FUTEX_WAKE_BITSET_PRIVATE", "FUTEX_WAKE_BITSET|FUTEX_PRIVATE_FLAG"),
    ("FUTEX_REQUEUE_PRIVATE", "FUTEX_REQUEUE|FUTEX_PRIVATE_FLAG"),
    ("FUTEX_CMP_REQUEUE_PRIVATE", "FUTEX_CMP_REQUEUE|FUTEX_PRIVATE_FLAG"),
    ("FUTEX_WAKE_OP_PRIVATE", "FUTEX_WAKE_OP|FUTEX_PRIVATE_FLAG"),
    ("FUTEX_32", "FUTEX2_SIZE_U32"),
    ("RLIM64_INFINITY", "RLIM_INFINITY"),
    ("WSTOPPED", "WUNTRACED"),
];

/// Compares; the names of fields that differ go to `differences`, with `path` in front.
pub(super) fn compare(theirs: &Value, ours: &Shown, path: &str, differences: &mut Differences) {
    if let Value::Changed(before, after) = theirs
        && let (Value::Struct(before), Value::Struct(after)) = (&**before, &**after)
    {
        return compare(&Value::Struct(changed(before, after)), ours, path, differences);
    }
    let mut differ = || differences.push(path.to_owned());
    match (theirs.after(), ours) {
        (Value::Number(theirs), Shown::Number(value, meaning)) => {
            if !same_number(theirs.value, *value) || !same_names(theirs, meaning) {
                differ();
            }
        }
        (Value::Number(theirs), Shown::Word(word)) if theirs.value == 0 && word == "NULL" => (),
        (Value::Number(theirs), Shown::Word(word)) if !theirs.names.is_empty() => {
            if !same_names(theirs, word) {
                differ();
            }
        }
        (Value::Descriptor(number, _), Shown::Number(value, _)) => {
            if i128::from(*number) != *value {
                differ();
            }
        }
        (Value::Text { bytes, cut, remark }, ours) => {
            if !same_text(bytes, *cut, remark, ours) {
                differ();
            }
        }
        // The kernel's union, of which we show the longest.
        (Value::Struct(fields), Shown::Number(value, _)) => {
            let whole = fields.iter().find(|(name, _)| name == "u64" || name == "sival_ptr");
            if !matches!(whole, Some((_, Value::Number(theirs))) if same_number(theirs.value, *value)) {
                differ();
            }
        }
        (Value::Struct(fields), Shown::Word(word)) => {
            if address(fields).as_ref() != Some(word) {
                differ();
            }
        }
        (Value::Struct(fields), Shown::Struct(_)) => {
            for (name, value) in fields {
                if joined(ours, name, value) || is_bit(ours, name, value) {
                    continue;
                }
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match ours.field(name) {
                    Some(ours) => compare(value, ours, &path, differences),
                    None if is_pointer_only(value) => (),
                    None => differences.push(path),
                }
            }
        }
        (Value::List { items, inverted, .. }, Shown::Number(_, meaning)) if meaning.contains('[') => {
            if !same_set(items, *inverted, meaning) {
                differ();
            }
        }
        (Value::List { items, inverted: false, cut }, Shown::List(ours)) => {
            if items.len() > ours.len() || (items.len() < ours.len() && !cut) {
                differ();
            }
            for (theirs, ours) in items.iter().zip(ours) {
                compare(theirs, ours, path, differences);
            }
        }
        (Value::List { items, inverted: false, cut: false }, Shown::Text(ours)) => {
            let is_same = |(theirs, ours): (&Value, &u8)| matches!(theirs, Value::Number(theirs) if theirs.value == i128::from(*ours));
            if items.len() != ours.len() || !items.iter().zip(ours).all(is_same) {
                differ();
            }
        }
        // strace puts what a pointer points to in brackets, also when it is one.
        (Value::List { items, inverted: false, .. }, ours) if items.len() == 1 => {
            compare(&items[0], ours, path, differences);
        }
        (Value::List { items, .. }, Shown::Word(word)) if items.is_empty() && word.is_empty() => (),
        (Value::Named(_, value), ours) => compare(value, ours, path, differences),
        _ => differ(),
    }
}

/// A structure after the call: what strace tells of it anew replaces what it was, unless it is what a pointer in it
/// points to.
fn changed(before: &[(String, Value)], after: &[(String, Value)]) -> Vec<(String, Value)> {
    let new = |name: &str| {
        let value = after.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        value.filter(|value| !matches!(value, Value::List { .. }))
    };
    let mut fields: Vec<(String, Value)> =
        before.iter().map(|(name, value)| (name.clone(), new(name).unwrap_or(value).clone())).collect();
    fields.extend(after.iter().filter(|(name, _)| !before.iter().any(|(known, _)| known == name)).cloned());
    fields
}

/// A field of which we show the halves: strace joins the bits of both with `|`.
fn joined(ours: &Shown, name: &str, theirs: &Value) -> bool {
    let (Some(Shown::Number(low, low_names)), Some(Shown::Number(high, high_names)), Value::Number(theirs)) =
        (ours.field(name), ours.field(&format!("{name}_high")), theirs.after())
    else {
        return false;
    };
    theirs.value == low | high && same_names(theirs, &format!("{low_names}|{high_names}"))
}

/// A bit that strace shows as a field of its own, and we as a name among `flags`.
fn is_bit(ours: &Shown, name: &str, theirs: &Value) -> bool {
    let (Some(Shown::Number(_, bits)), Value::Number(theirs)) = (ours.field("flags"), theirs.after()) else {
        return false;
    };
    ours.field(name).is_none() && (theirs.value == 1) == bits.split('|').any(|bit| bit == name)
}

/// A null pointer, which we need not mention.
fn is_pointer_only(value: &Value) -> bool {
    matches!(value.after(), Value::Number(number) if number.value == 0 && number.names.is_empty())
}

/// Same number of 64 bits, or of 32 where one side prints it with a sign.
pub(super) fn same_number(left: i128, right: i128) -> bool {
    let is_narrow = |value: i128| (-(1_i128 << 31)..1_i128 << 32).contains(&value);
    let difference = left - right;
    difference == 0
        || difference.rem_euclid(1 << 64) == 0
        || (is_narrow(left) && is_narrow(right) && difference.rem_euclid(1 << 32) == 0)
}

/// Whether our meaning has every name that strace has, and no other unless strace left bits without a name.
pub(super) fn same_names(theirs: &Number, meaning: &str) -> bool {
    if theirs.names.is_empty() {
        return true;
    }
    let expected: Vec<&str> = theirs.names.iter().flat_map(|name| known_as(name).split('|')).collect();
    let shown = names(meaning);
    let is_nothing = |name: &str| theirs.of_nothing.iter().any(|theirs| theirs == name);
    let leaves_bits =
        theirs.remark.split('|').any(|part| part.trim().starts_with(|c: char| c.is_ascii_digit()));
    expected.iter().all(|name| shown.contains(name))
        && (leaves_bits || shown.iter().all(|name| expected.contains(name) || is_nothing(name)))
}

fn known_as(name: &str) -> &str {
    SYNONYMS.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours)
}

fn same_text(bytes: &[u8], cut: bool, remark: &str, ours: &Shown) -> bool {
    match ours {
        Shown::Text(ours) => {
            *ours == bytes || (cut && ours.starts_with(bytes)) || bytes.starts_with(ours) && ours.len() >= 32
        }
        Shown::Word(word) if *word == remark => true,
        Shown::Word(word) if remark.contains('"') => remark.contains(&format!("\"{word}\"")),
        Shown::Number(value, _) if remark.is_empty() => {
            bytes.len() <= 8 && bytes.iter().rev().fold(0, |all, byte| all << 8 | i128::from(*byte)) == *value
        }
        Shown::Number(value, _) => remark.contains(&format!("({value})")),
        Shown::List(items) => {
            items.len() == bytes.len()
                && items.iter().zip(bytes).all(
                    |(item, byte)| matches!(item, Shown::Number(value, _) if *value == i128::from(*byte)),
                )
        }
        Shown::Word(word) => word.as_bytes() == bytes || word.is_empty() && bytes.is_empty(),
        Shown::Struct(_) => false,
    }
}

/// Signals: `[USR1 RTMIN]` on their side, `[SIGUSR1 32]` on ours.
fn same_set(items: &[Value], inverted: bool, meaning: &str) -> bool {
    let ours_inverted = meaning.starts_with('~');
    let inner = meaning.trim_start_matches('~').trim_matches(['[', ']']);
    let ours: Vec<&str> = inner.split(' ').filter(|name| !name.is_empty()).collect();
    let named = |value: &Value| match value {
        Value::Number(number) => ours.iter().any(|&name| {
            number.names.iter().any(|theirs| name.strip_prefix("SIG") == Some(theirs))
                || name.parse() == Ok(number.value)
        }),
        _ => false,
    };
    if ours_inverted != inverted {
        // A set of 64 signals: one side names those in it, the other those that are not.
        return items.len() + ours.len() == 64 && !items.iter().any(named);
    }
    items.len() == ours.len() && items.iter().all(named)
}
