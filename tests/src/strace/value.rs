//! Arguments of a call as strace prints them.

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number; `NULL` is 0.
    Number(i128),
    /// A descriptor and what it is.
    Descriptor(i32, Vec<u8>),
    /// A string, or a buffer as far as strace shows it.
    Text {
        /// What is shown.
        bytes: Vec<u8>,
        /// Whether there is more.
        cut: bool,
    },
    /// Strings, as of `execve`.
    Texts(Vec<Vec<u8>>),
    /// `name=value`, as strace prints the arguments of `clone`, in an order of its own.
    Named(String, Box<Value>),
    /// Structures and the like.
    Other(String),
}

impl Value {
    /// Understands the text of an argument; what it does not understand is [`Value::Other`].
    pub(super) fn parse(text: &str) -> Value {
        let text = text.trim();
        if text == "NULL" {
            return Value::Number(0);
        }
        if text.starts_with('"') {
            return match quoted(text) {
                Some((bytes, "")) => Value::Text { bytes, cut: false },
                Some((bytes, "...")) => Value::Text { bytes, cut: true },
                _ => Value::Other(text.to_owned()),
            };
        }
        if let Some(texts) = texts(text) {
            return Value::Texts(texts);
        }
        if let Some(value) = alternatives(text) {
            return Value::Number(value);
        }
        if let Some((number, name)) = text.split_once('<')
            && let (Ok(number), Some(name)) = (number.parse(), annotation(name))
        {
            return Value::Descriptor(number, name);
        }
        if let Some((name, value)) = text.split_once('=')
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            return Value::Named(name.to_owned(), Box::new(Value::parse(value)));
        }
        Value::Other(text.to_owned())
    }
}

/// Numbers joined by `|`, as `0x200|0600`.
fn alternatives(text: &str) -> Option<i128> {
    text.split('|').map(number).try_fold(0, |all, one| one.map(|one| all | one))
}

fn number(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(i128::from);
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(text, 8).ok().map(i128::from);
    }
    text.parse().ok()
}

/// What stands between `<` and `>` behind a descriptor, without a device remark; `(deleted)` may follow.
fn annotation(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_suffix("(deleted)").unwrap_or(text).strip_suffix('>')?;
    let inner = match inner.find("<char ").or_else(|| inner.find("<block ")) {
        Some(at) if inner.ends_with('>') => &inner[..at],
        _ => inner,
    };
    Some(unescape(inner.as_bytes()))
}

/// `["a", "b"]`, every string whole.
fn texts(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut texts = Vec::new();
    while !rest.is_empty() {
        let (bytes, after) = quoted(rest)?;
        texts.push(bytes);
        rest = match after.strip_prefix("...") {
            Some(after) => after,
            None => after,
        };
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    Some(texts)
}

/// A quoted string and what follows it.
fn quoted(text: &str) -> Option<(Vec<u8>, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = closing_quote(inner)?;
    Some((unescape(&inner.as_bytes()[..end]), &inner[end + 1..]))
}

fn closing_quote(inner: &str) -> Option<usize> {
    let bytes = inner.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// Undoes C escapes: `\n`, `\"`, octal with one to three digits, `\x7f`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        if *first != b'\\' || after.is_empty() {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let (byte, used) = match after[0] {
            b'n' => (b'\n', 1),
            b't' => (b'\t', 1),
            b'r' => (b'\r', 1),
            b'v' => (0x0b, 1),
            b'f' => (0x0c, 1),
            b'x' => radix(&after[1..], 16, 2).map_or((b'x', 1), |(byte, used)| (byte, used + 1)),
            b'0'..=b'7' => radix(after, 8, 3).unwrap_or((0, 1)),
            other => (other, 1),
        };
        bytes.push(byte);
        rest = &after[used..];
    }
    bytes
}

/// The byte that up to `longest` digits at the start of `text` stand for, and how many there were.
fn radix(text: &[u8], radix: u32, longest: usize) -> Option<(u8, usize)> {
    let digits = text.iter().take(longest).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let value = u32::from_str_radix(std::str::from_utf8(&text[..digits]).ok()?, radix).ok()?;
    Some((value as u8, digits))
}

/// Splits what follows the opening parenthesis of a call into its arguments and what comes after them.
pub(super) fn split_arguments(text: &str) -> (Vec<&str>, &str) {
    let bytes = text.as_bytes();
    let mut fields = Vec::new();
    let (mut start, mut at, mut depth) = (0, 0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at += closing_quote(&text[at + 1..]).map_or(bytes.len() - at, |end| end + 1),
            // The name of a descriptor: behind a digit, unlike `<unfinished ...>`.
            b'<' if at > 0 && bytes[at - 1].is_ascii_digit() => at += annotation_end(&bytes[at..]),
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => {
                if !(fields.is_empty() && text[start..at].is_empty()) {
                    fields.push(&text[start..at]);
                }
                return (fields, &text[at + 1..]);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                fields.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    fields.push(&text[start..]);
    (fields, "")
}

/// Where the annotation that begins here ends: at its last `>`. strace escapes these signs in paths, but itself
/// prints `<char 1:3>` inside and `->` between the ends of a connection.
fn annotation_end(bytes: &[u8]) -> usize {
    let mut depth = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_understood() {
        let text = |bytes: &[u8], cut| Value::Text { bytes: bytes.to_vec(), cut };
        for (given, value) in [
            ("-100</tmp/st>", Value::Descriptor(-100, b"/tmp/st".to_vec())),
            ("1</dev/null<char 1:3>>", Value::Descriptor(1, b"/dev/null".to_vec())),
            ("8</memfd:scratch>(deleted)", Value::Descriptor(8, b"/memfd:scratch".to_vec())),
            (
                "4<TCP:[127.0.0.1:4->127.0.0.1:80]>",
                Value::Descriptor(4, b"TCP:[127.0.0.1:4->127.0.0.1:80]".to_vec()),
            ),
            ("5</a\\303\\257 \\\"b>", Value::Descriptor(5, b"/a\xc3\xaf \"b".to_vec())),
            ("NULL", Value::Number(0)),
            ("-1", Value::Number(-1)),
            ("0xffffffffffffff9c", Value::Number(0xffff_ffff_ffff_ff9c)),
            ("0640", Value::Number(0o640)),
            ("0x200|0600", Value::Number(0x380)),
            (r#""a\0\12\x7f\177\"\\""#, text(b"a\0\n\x7f\x7f\"\\", false)),
            (r#""abc"..."#, text(b"abc", true)),
            (r#"["a", "b c"]"#, Value::Texts(vec![b"a".to_vec(), b"b c".to_vec()])),
            ("[]", Value::Texts(vec![])),
            ("flags=0x1200000|17", Value::Named("flags".to_owned(), Box::new(Value::Number(0x0120_0011)))),
            ("{tv_sec=0, tv_nsec=1}", Value::Other("{tv_sec=0, tv_nsec=1}".to_owned())),
        ] {
            assert_eq!(Value::parse(given), value, "{given}");
        }
    }

    #[test]
    fn arguments_are_split_where_they_end() {
        for (given, fields, end) in [
            (") = 1", vec![], " = 1"),
            (
                r#"3</a,b)>, "x, \")", {a=1, b=[2, 3]}, 4) = 0"#,
                vec!["3</a,b)>", r#" "x, \")""#, " {a=1, b=[2, 3]}", " 4"],
                " = 0",
            ),
            ("-100</x>, , 1) = 0", vec!["-100</x>", " ", " 1"], " = 0"),
            ("1, 2 <unfinished ...>) = ?", vec!["1", " 2 <unfinished ...>"], " = ?"),
            ("4<TCP:[1:4->2:80]>, 1) = 0", vec!["4<TCP:[1:4->2:80]>", " 1"], " = 0"),
        ] {
            assert_eq!(split_arguments(given), (fields, end), "{given}");
        }
    }
}
