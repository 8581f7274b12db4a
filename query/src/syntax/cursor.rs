//! A place in a text, and the smallest parts read from it.

use crate::syntax::error::FilterError;
use crate::syntax::tree::{Literal, Span};

/// A place in a text.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'t> {
    pub(crate) text: &'t str,
    pub(crate) at: usize,
}

/// Blank between words of the language.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Part of a name: of fields, operators and transformers. `-` and `/` occur in label keys.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/')
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Cursor { text, at: 0 }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    pub(crate) fn skip_blanks(&mut self) {
        self.at += self.rest().iter().take_while(|&&byte| is_blank(byte)).count();
    }

    /// Takes these bytes if they come next.
    pub(crate) fn take(&mut self, symbol: &str) -> bool {
        let found = self.rest().starts_with(symbol.as_bytes());
        self.at += if found { symbol.len() } else { 0 };
        found
    }

    /// Takes a word if it comes next and ends there.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let ends = match self.rest().get(word.len()) {
            None => true,
            Some(&byte) => is_blank(byte) || matches!(byte, b'(' | b')' | b'"' | b'\'' | b'!'),
        };
        ends && self.take(word)
    }

    /// The name that comes next, empty when there is none.
    pub(crate) fn name(&mut self) -> (&'t str, Span) {
        let start = self.at;
        self.at += self.rest().iter().take_while(|&&byte| is_name(byte)).count();
        (&self.text[start..self.at], start..self.at)
    }

    /// A quoted text, or a bare one up to a byte that ends it.
    pub(crate) fn text(&mut self, ends_bare: impl Fn(u8) -> bool) -> Result<Option<Literal>, FilterError> {
        let start = self.at;
        if let Some(quote @ (b'"' | b'\'')) = self.peek() {
            self.at += 1;
            let text = self.quoted(quote, start)?;
            return Ok(Some(Literal { text, span: start..self.at }));
        }
        let length =
            self.rest().iter().take_while(|&&byte| !ends_bare(byte) && !matches!(byte, b'"' | b'\'')).count();
        let text = self.rest()[..length].to_vec();
        self.at += length;
        Ok((length > 0).then_some(Literal { text, span: start..self.at }))
    }

    /// A value of a filter.
    pub(crate) fn value(&mut self) -> Result<Option<Literal>, FilterError> {
        self.text(|byte| is_blank(byte) || matches!(byte, b'(' | b')' | b'=' | b','))
    }

    /// The text behind an opening quote, with the closing one.
    fn quoted(&mut self, quote: u8, start: usize) -> Result<Vec<u8>, FilterError> {
        let mut text = Vec::new();
        loop {
            let rest = self.rest();
            match *rest {
                [] => {
                    let message = "the quoted text does not end";
                    return Err(FilterError::new(self.text, start..self.text.len(), message)
                        .expecting(&[if quote == b'"' { "\"" } else { "'" }]));
                }
                [b'\\', ..] => text.push(self.escape(quote)?),
                [byte, ..] => {
                    self.at += 1;
                    if byte == quote {
                        return Ok(text);
                    }
                    text.push(byte);
                }
            }
        }
    }

    /// The byte an escape stands for.
    fn escape(&mut self, quote: u8) -> Result<u8, FilterError> {
        let rest = self.rest();
        let (byte, length) = match rest.get(1) {
            Some(b'b') => (8, 2),
            Some(b'f') => (12, 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            Some(&byte) if byte == b'\\' || byte == b'/' || byte == quote => (byte, 2),
            Some(b'x') => {
                let digits = rest.get(2..4).and_then(|two| std::str::from_utf8(two).ok());
                let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
                // from_str_radix takes a sign.
                let byte = byte.filter(|_| rest[2] != b'+');
                (byte.ok_or_else(|| self.bad_escape())?, 4)
            }
            _ => return Err(self.bad_escape()),
        };
        self.at += length;
        Ok(byte)
    }

    fn bad_escape(&self) -> FilterError {
        let after = self.text[self.at + 1..].chars().next().map_or(0, char::len_utf8);
        FilterError::new(self.text, self.at..self.at + 1 + after, "unknown escape in a quoted text")
            .expecting(&["\\b", "\\f", "\\n", "\\r", "\\t", "\\\\", "\\/", "the quote", "\\xHH"])
    }
}
