//! Arguments of a call as strace prints them with `-X verbose`: numbers, and in remarks what they mean.
//!
//! A value is a number, a text, a list, a structure, or one of these that the call changed. What is printed in no
//! form that is known here stays [`Value::Other`], so that the comparison can say that it compared nothing.

use crate::text::take;

/// An argument or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number; `NULL` is 0.
    Number(Number),
    /// A descriptor and what it is.
    Descriptor(i32, Vec<u8>),
    /// A string, or a buffer as far as strace shows it.
    Text {
        /// What is shown.
        bytes: Vec<u8>,
        /// Whether there is more.
        cut: bool,
        /// What the bytes mean: `htons(80)`.
        remark: String,
    },
    /// Several values.
    List {
        /// As far as strace shows them.
        items: Vec<Value>,
        /// It is about all but these: a set of signals.
        inverted: bool,
        /// Whether there are more.
        cut: bool,
    },
    /// Named parts of a structure; those without a name are left out.
    Struct(Vec<(String, Value)>),
    /// What it was before the call, and after it.
    Changed(Box<Value>, Box<Value>),
    /// `name=value`, as strace prints the arguments of `clone`, in an order of its own.
    Named(String, Box<Value>),
    /// Anything else.
    Other(String),
}

/// A number and its meaning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Number {
    /// The number.
    pub value: i128,
    /// Names of it or of its bits.
    pub names: Vec<String>,
    /// Names of fields that are 0, among several: they need not be told.
    pub of_nothing: Vec<String>,
    /// The remark from which the names were taken, or which holds none.
    pub remark: String,
}

impl Value {
    /// A number without a meaning.
    pub fn number(value: i128) -> Value {
        Value::Number(Number { value, ..Number::default() })
    }

    /// Understands the text of an argument; what it does not understand is [`Value::Other`].
    pub(super) fn parse(text: &str) -> Value {
        let text = text.trim();
        let mut parser = Parser { rest: text };
        match parser.named() {
            Some(value) if parser.rest.is_empty() => value,
            _ => Value::Other(text.to_owned()),
        }
    }

    /// The value after the call, where it changed.
    pub fn after(&self) -> &Value {
        match self {
            Value::Changed(_, after) => after.after(),
            value => value,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// `name=value` or a value alone.
    fn named(&mut self) -> Option<Value> {
        let before = self.rest;
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && take(&mut self.rest, "=") {
            return Some(Value::Named(name.to_owned(), Box::new(self.value()?)));
        }
        self.rest = before;
        self.value()
    }

    fn value(&mut self) -> Option<Value> {
        let value = self.single()?;
        take(&mut self.rest, " /* ").then(|| self.remark_end());
        if take(&mut self.rest, " => ") {
            return Some(Value::Changed(Box::new(value), Box::new(self.value()?)));
        }
        Some(value)
    }

    fn single(&mut self) -> Option<Value> {
        match self.rest.as_bytes().first()? {
            b'"' | b'@' => self.text(),
            b'[' | b'~' => self.list(),
            b'{' => self.structure(),
            _ => self.scalar(),
        }
    }

    /// `"text"`, or `@"text"` for the name of a socket that no path leads to.
    fn text(&mut self) -> Option<Value> {
        let is_abstract = take(&mut self.rest, "@");
        let (bytes, rest) = quoted(self.rest)?;
        self.rest = rest;
        let cut = take(&mut self.rest, "...");
        let mut remark = self.remark().unwrap_or_default();
        if is_abstract {
            remark = "@".to_owned();
        }
        Some(Value::Text { bytes, cut, remark })
    }

    fn list(&mut self) -> Option<Value> {
        let inverted = take(&mut self.rest, "~");
        take(&mut self.rest, "[").then_some(())?;
        let (mut items, mut cut) = (Vec::new(), false);
        while !take(&mut self.rest, "]") {
            if take(&mut self.rest, "...") {
                cut = true;
            } else {
                self.label();
                items.push(self.named()?);
            }
            let is_separated = take(&mut self.rest, ", ") || take(&mut self.rest, " ");
            if !is_separated && !self.rest.starts_with(']') {
                return None;
            }
        }
        Some(Value::List { items, inverted, cut })
    }

    /// `[NAME]=`, which says where in an array the value behind it stands.
    fn label(&mut self) {
        let label = self.rest.strip_prefix('[').and_then(|rest| rest.split_once("]="));
        if let Some((name, rest)) = label
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            self.rest = rest;
        }
    }

    fn structure(&mut self) -> Option<Value> {
        take(&mut self.rest, "{").then_some(())?;
        let mut fields = Vec::new();
        while !take(&mut self.rest, "}") {
            let before = self.rest;
            match self.named() {
                Some(Value::Named(name, value)) => fields.push((name, *value)),
                Some(_) => (),
                None if before.starts_with("...") => self.rest = &before[3..],
                None => return None,
            }
            if !take(&mut self.rest, ", ") && !self.rest.starts_with('}') {
                return None;
            }
        }
        Some(Value::Struct(fields))
    }

    /// Numbers with their remarks, joined by `|`; `makedev(0x1, 0x2)`; a descriptor.
    fn scalar(&mut self) -> Option<Value> {
        let (mut all, mut is_several) = (Number::default(), false);
        loop {
            let mut part = Number::default();
            let mut is_number = true;
            if let Some(device) = self.device() {
                part.value = device;
            } else if take(&mut self.rest, "htons(") {
                let Value::Number(host) = self.scalar()? else { return None };
                take(&mut self.rest, ")").then_some(())?;
                part.value = i128::from((host.value as u16).swap_bytes());
                part.names.extend(host.names);
            } else {
                let word = self.take_while(|c| c.is_ascii_alphanumeric() || "-_?*".contains(c));
                match number(word) {
                    Some(value) => part.value = value,
                    None if is_name(word) => {
                        is_number = false;
                        part.names.push(word.to_owned());
                    }
                    None => return None,
                }
            }
            if let Some(remark) = self.remark() {
                part.names.extend(names(&remark));
                part.remark = remark;
            }
            if self.rest.starts_with('<') {
                let end = annotation_end(self.rest.as_bytes());
                let what = annotation(&self.rest[1..=end])?;
                self.rest = &self.rest[end + 1..];
                take(&mut self.rest, "(deleted)");
                return Some(Value::Descriptor(i32::try_from(all.value | part.value).ok()?, what));
            }
            let is_last = !take(&mut self.rest, "|");
            is_several |= !is_last;
            if is_several && is_number && part.value == 0 {
                all.of_nothing.extend(part.names);
            } else {
                all.value |= part.value;
                all.names.extend(part.names);
                all.remark = if part.remark.is_empty() { all.remark } else { part.remark };
            }
            if is_last {
                return Some(Value::Number(all));
            }
        }
    }

    fn device(&mut self) -> Option<i128> {
        let inner = self.rest.strip_prefix("makedev(")?;
        let (numbers, rest) = inner.split_once(')')?;
        let (major, minor) = numbers.split_once(", ")?;
        self.rest = rest;
        Some(i128::from(libc::makedev(number(major)? as u32, number(minor)? as u32)))
    }

    /// `/* ... */`, which may hold another one.
    fn remark(&mut self) -> Option<String> {
        take(&mut self.rest, " /* ").then(|| self.remark_end())
    }

    fn remark_end(&mut self) -> String {
        let end = remark_end(self.rest);
        let remark = self.rest[..end].trim_end_matches("*/").trim_end().to_owned();
        self.rest = &self.rest[end..];
        remark
    }
}

/// Where a remark that was opened before `text` is closed.
fn remark_end(text: &str) -> usize {
    let (mut depth, mut at) = (1, 0);
    while depth > 0 {
        let Some(next) = text[at..].find(['*', '/']) else { return text.len() };
        at += next;
        match text.as_bytes().get(at..at + 2) {
            Some(b"/*") => depth += 1,
            Some(b"*/") => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    at
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
        && !word.contains('?')
}

/// The names in a remark: `O_WRONLY|O_CREAT`, `1<<CAP_CHOWN`; none in `makedev(0x8, 0)` and in dates.
fn names(remark: &str) -> Vec<String> {
    remark
        .split('|')
        .map(|part| part.trim().strip_prefix("1<<").unwrap_or(part.trim()))
        .filter(|part| is_name(part) && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .map(str::to_owned)
        .collect()
}

fn number(text: &str) -> Option<i128> {
    if text == "NULL" {
        return Some(0);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(i128::from);
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(text, 8).ok().map(i128::from);
    }
    text.parse().ok()
}

/// What stands between `<` and `>` behind a descriptor, without a device remark.
fn annotation(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_suffix('>')?;
    let inner = match inner.find("<char ").or_else(|| inner.find("<block ")) {
        Some(at) if inner.ends_with('>') => &inner[..at],
        _ => inner,
    };
    Some(unescape(inner.as_bytes()))
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
            b'/' if text[at..].starts_with("/* ") => {
                at += 2 + remark_end(&text[at + 2..]);
                continue;
            }
            // The name of a descriptor: behind a digit or a remark, unlike `<unfinished ...>`.
            b'<' if at > 0 && (bytes[at - 1].is_ascii_digit() || text[..at].ends_with("*/")) => {
                at += annotation_end(&bytes[at..]);
            }
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

    fn named(value: i128, names: &[&str], remark: &str) -> Value {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Value::Number(Number { value, names, remark: remark.to_owned(), ..Number::default() })
    }

    fn text(bytes: &[u8], cut: bool) -> Value {
        Value::Text { bytes: bytes.to_vec(), cut, remark: String::new() }
    }

    fn list(items: Vec<Value>) -> Value {
        Value::List { items, inverted: false, cut: false }
    }

    #[test]
    fn values_are_understood() {
        for (given, value) in [
            ("-100</tmp/st>", Value::Descriptor(-100, b"/tmp/st".to_vec())),
            ("-100 /* AT_FDCWD */</tmp/st>", Value::Descriptor(-100, b"/tmp/st".to_vec())),
            ("1</dev/null<char 1:3>>", Value::Descriptor(1, b"/dev/null".to_vec())),
            ("8</memfd:scratch>(deleted)", Value::Descriptor(8, b"/memfd:scratch".to_vec())),
            (
                "4<TCP:[127.0.0.1:4->127.0.0.1:80]>",
                Value::Descriptor(4, b"TCP:[127.0.0.1:4->127.0.0.1:80]".to_vec()),
            ),
            ("5</a\\303\\257 \\\"b>", Value::Descriptor(5, b"/a\xc3\xaf \"b".to_vec())),
            ("NULL", Value::number(0)),
            ("-1", Value::number(-1)),
            ("0xffffffffffffff9c", Value::number(0xffff_ffff_ffff_ff9c)),
            ("0640", Value::number(0o640)),
            ("0x200|0600", Value::number(0x380)),
            ("0x241 /* O_WRONLY|O_CREAT */", named(0x241, &["O_WRONLY", "O_CREAT"], "O_WRONLY|O_CREAT")),
            ("0x200 /* IPC_CREAT */|0600", named(0x380, &["IPC_CREAT"], "IPC_CREAT")),
            ("0x801 /* makedev(0x8, 0x1) */", named(0x801, &[], "makedev(0x8, 0x1)")),
            ("makedev(0x8, 0x1)", Value::number(0x801)),
            ("htons(0x3 /* ETH_P_ALL */)", named(0x300, &["ETH_P_ALL"], "")),
            (
                "16388 /* IOPRIO_PRIO_VALUE(0x2 /* IOPRIO_CLASS_BE */, 4) */",
                named(16388, &[], "IOPRIO_PRIO_VALUE(0x2 /* IOPRIO_CLASS_BE */, 4)"),
            ),
            (r#""a\0\12\x7f\177\"\\""#, text(b"a\0\n\x7f\x7f\"\\", false)),
            (r#""abc"..."#, text(b"abc", true)),
            (
                "0 /* NL0 */|0x5 /* OPOST */",
                Value::Number(Number {
                    value: 5,
                    names: vec!["OPOST".to_owned()],
                    of_nothing: vec!["NL0".to_owned()],
                    remark: "OPOST".to_owned(),
                }),
            ),
            ("[[VINTR]=0x3, [18]=0]", list(vec![Value::number(3), Value::number(0)])),
            (r#"["a", "b c"]"#, list(vec![text(b"a", false), text(b"b c", false)])),
            ("[]", list(vec![])),
            ("flags=0x1200000|17", Value::Named("flags".to_owned(), Box::new(Value::number(0x0120_0011)))),
            (
                "[128 => 16]",
                list(vec![Value::Changed(Box::new(Value::number(128)), Box::new(Value::number(16)))]),
            ),
            (
                "{tv_sec=0, tv_nsec=1} /* 2001-09-09T01:46:40.000000005+0000 */",
                Value::Struct(vec![
                    ("tv_sec".to_owned(), Value::number(0)),
                    ("tv_nsec".to_owned(), Value::number(1)),
                ]),
            ),
            ("{WIFEXITED(s) && 1}", Value::Other("{WIFEXITED(s) && 1}".to_owned())),
        ] {
            assert_eq!(Value::parse(given), value, "{given}");
        }
    }

    #[test]
    fn a_set_may_be_about_all_others() {
        let expected = Value::List { items: vec![named(9, &["KILL"], "KILL")], inverted: true, cut: false };
        assert_eq!(Value::parse("~[9 /* KILL */]"), expected);
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
            ("1 /* V(2 /* A, B */, 3) */, 2) = 0", vec!["1 /* V(2 /* A, B */, 3) */", " 2"], " = 0"),
            ("-100 /* AT_FDCWD */</x,y>, 1) = 0", vec!["-100 /* AT_FDCWD */</x,y>", " 1"], " = 0"),
            ("1, 2 <unfinished ...>) = ?", vec!["1", " 2 <unfinished ...>"], " = ?"),
            ("4<TCP:[1:4->2:80]>, 1) = 0", vec!["4<TCP:[1:4->2:80]>", " 1"], " = 0"),
        ] {
            assert_eq!(split_arguments(given), (fields, end), "{given}");
        }
    }
}
