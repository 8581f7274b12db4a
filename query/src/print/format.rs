//! What a line holds: the argument of `-p`.

use crate::fields::{Field, Usage};
use crate::filter::{Access, access_of};
use crate::syntax::{Cursor, FieldName, FilterError, Operand, Transformer, operand};

/// Why a text is no format.
pub type FormatError = FilterError;

/// What a line holds: the argument of `-p`.
#[derive(Clone, Debug)]
pub struct Format {
    pub(super) tokens: Vec<Token>,
    /// Missing fields are shown instead of leaving the line out.
    pub(super) shows_missing: bool,
}

/// A part of a format.
#[derive(Clone, Debug)]
pub(super) enum Token {
    Text(Vec<u8>),
    Value {
        access: Access,
        /// As it was typed: the key in JSON.
        name: String,
        /// Characters to pad or cut to.
        width: Option<usize>,
    },
}

/// Longest name that is looked for.
const NAME_MAX: usize = 128;

/// Widest column that may be asked for.
const WIDTH_MAX: usize = 4096;

impl Format {
    /// The line printed when nothing else is asked for.
    pub const DEFAULT: &str =
        "*%evt.num %evt.outputtime %evt.cpu %proc.name (%thread.tid) %evt.dir %evt.type %evt.info";

    /// Parses the argument of `-p`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut tokens = Vec::new();
        let mut literal = Vec::new();
        let shows_missing = text.starts_with('*');
        let mut at = usize::from(shows_missing);
        while let Some(&byte) = text.as_bytes().get(at) {
            let after = text.as_bytes().get(at + 1);
            match (byte, after) {
                (b'\\', Some(escaped @ (b'n' | b't' | b'e' | b'\\'))) => {
                    literal.push(match escaped {
                        b'n' => b'\n',
                        b't' => b'\t',
                        b'e' => 0x1b,
                        _ => b'\\',
                    });
                    at += 2;
                }
                (b'%', Some(b'%')) => {
                    literal.push(b'%');
                    at += 2;
                }
                (b'%', _) => {
                    if !literal.is_empty() {
                        tokens.push(Token::Text(std::mem::take(&mut literal)));
                    }
                    let (token, end) = value(text, at)?;
                    tokens.push(token);
                    at = end;
                }
                (byte, _) => {
                    literal.push(byte);
                    at += 1;
                }
            }
        }
        if !literal.is_empty() {
            tokens.push(Token::Text(literal));
        }
        Ok(Format { tokens, shows_missing })
    }

    /// The fields in it that captures do not hold: they are missing in every event.
    pub fn unrecorded(&self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        for token in &self.tokens {
            if let Token::Value { access, .. } = token {
                access.fields(&mut fields);
            }
        }
        fields.into_iter().filter(|field| !field.is_recorded()).map(|field| field.name).collect()
    }
}

/// The token that begins with the `%` at `start`, and where it ends.
fn value(text: &str, start: usize) -> Result<(Token, usize), FormatError> {
    let mut cursor = Cursor { text, at: start + 1 };
    let digits = text[cursor.at..].bytes().take_while(u8::is_ascii_digit).count();
    let width = match &text[cursor.at..cursor.at + digits] {
        "" => None,
        digits => match digits.parse() {
            Ok(width) if width <= WIDTH_MAX => Some(width),
            _ => {
                let span = cursor.at..cursor.at + digits.len();
                return Err(FormatError::new(text, span, format!("a column is at most {WIDTH_MAX} wide")));
            }
        },
    };
    cursor.at += digits;
    let name_start = cursor.at;
    let run = text[name_start..]
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
    let run = &text[name_start..name_start + run.count()];
    if run.is_empty() {
        return Err(FormatError::new(text, start..name_start, "a field must follow '%'")
            .help("write '%%' for a percent sign"));
    }
    let called = text[name_start + run.len()..].starts_with('(') && Transformer::from_word(run).is_some();
    let (operand, end) = if called { operand(cursor)? } else { field(text, name_start, run)? };
    let access = access_of(text, &operand)?;
    if let Some(field) = filter_only(&access) {
        let message = format!("{} can be compared, not printed", field.name);
        return Err(FormatError::new(text, name_start..end, message));
    }
    Ok((Token::Value { access, name: text[name_start..end].to_owned(), width }, end))
}

/// The longest field that `run` begins with, and its argument in brackets.
fn field(text: &str, start: usize, run: &str) -> Result<(Operand, usize), FormatError> {
    let named = |length: usize| {
        let name = FieldName { name: run[..length].to_owned(), argument: None, span: start..start + length };
        with_brackets(text, name)
    };
    let mut first_error = None;
    // No name is that long: this bounds the work for a text of one endless word.
    for length in (1..=run.len().min(NAME_MAX)).rev() {
        let (operand, end) = match named(length) {
            Ok(found) => found,
            Err(error) => {
                first_error.get_or_insert(error);
                continue;
            }
        };
        match access_of(text, &operand) {
            Ok(_) => return Ok((operand, end)),
            Err(error) => first_error.get_or_insert(error),
        };
    }
    Err(first_error.unwrap_or_else(|| FormatError::new(text, start..start, "a field must follow '%'")))
}

fn with_brackets(text: &str, mut name: FieldName) -> Result<(Operand, usize), FormatError> {
    let mut cursor = Cursor { text, at: name.span.end };
    if cursor.take("[") {
        name.argument = cursor.text(|byte| byte == b']')?;
        if name.argument.is_none() || !cursor.take("]") {
            let message = "the argument in brackets does not end";
            return Err(FormatError::new(text, name.span.end..cursor.at, message).expecting(&["']'"]));
        }
        name.span.end = cursor.at;
    }
    let end = cursor.at;
    Ok((Operand::Field(name), end))
}

/// The first field in it that cannot be printed.
fn filter_only(access: &Access) -> Option<&'static Field> {
    match access {
        Access::Field(field, _) => (field.usage == Usage::FilterOnly).then_some(*field),
        Access::Transform(_, of) => of.iter().find_map(filter_only),
        Access::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens as text: fields in braces, with their width.
    fn show(format: &Format) -> String {
        let token = |token: &Token| match token {
            Token::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Token::Value { name, width: None, .. } => format!("{{{name}}}"),
            Token::Value { name, width: Some(width), .. } => format!("{{{width}:{name}}}"),
        };
        format.tokens.iter().map(token).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        match Format::parse(text) {
            Ok(format) => assert_eq!(show(&format), expected),
            Err(error) => panic!("{}", error.render()),
        }
    }

    #[test]
    fn tokens_end_at_the_longest_field_name() {
        check("%evt.num.", "{evt.num}.");
        check("%evt.time.s %proc.namex", "{evt.time.s} {proc.name}x");
        check("%proc.pid/%thread.tid", "{proc.pid}/{thread.tid}");
        check("%evt.arg.flags.%evt.arg[0]", "{evt.arg.flags}.{evt.arg[0]}");
        check("%10proc.name|%proc.aname[2]", "{10:proc.name}|{proc.aname[2]}");
        check("%toupper(proc.name)x", "{toupper(proc.name)}x");
        check(r"a\tb\n\e\\\q", "a\tb\n\u{1b}\\\\q");
        check("100%% *", "100% *");
        check("", "");
        assert!(Format::parse("*%evt.num").expect("a format").shows_missing);
        assert!(!Format::parse("%evt.num*").expect("a format").shows_missing);
        Format::parse(Format::DEFAULT).expect("the default is a format");
    }

    #[test]
    fn mistakes_are_pointed_at() {
        for (text, column, message) in [
            ("%", 1, "must follow '%'"),
            ("% x", 1, "must follow '%'"),
            ("%proc.nmae", 2, "did you mean 'proc.name'?"),
            ("x %fd.ip", 4, "can be compared, not printed"),
            ("%evt.arg", 2, "needs an argument"),
            ("%99999proc.name", 2, "at most 4096"),
            ("%proc.aname[1", 12, "does not end"),
            ("%tolower(proc.pid)", 2, "takes a text"),
        ] {
            let error = Format::parse(text).expect_err(text);
            assert!(error.render().contains(message), "{}", error.render());
            assert_eq!(error.column, column, "{}", error.render());
        }
    }
}
