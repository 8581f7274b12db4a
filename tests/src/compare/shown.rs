//! Values as we print them, taken apart again: `{tv_sec=0 flags=2(O_RDWR)}`, `[1 2]`, `"text"`.

use crate::text::take;

/// A value or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shown {
    /// A number, and what stands in parentheses behind it.
    Number(i128, String),
    /// A quoted text, its escapes undone.
    Text(Vec<u8>),
    /// `[a b]`
    List(Vec<Shown>),
    /// `{name=a}`
    Struct(Vec<(String, Shown)>),
    /// Anything without blanks: a name, an address, `NULL`.
    Word(String),
}

impl Shown {
    /// Takes a text apart; what is no structure, list or number is a word.
    pub(super) fn parse(text: &str) -> Shown {
        let mut parser = Parser { rest: text };
        match parser.value() {
            Some(value) if parser.rest.is_empty() => value,
            _ => Shown::Word(text.to_owned()),
        }
    }

    /// A field of a structure.
    pub(super) fn field(&self, name: &str) -> Option<&Shown> {
        match self {
            Shown::Struct(fields) => fields.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// The names in a meaning: `O_RDWR|O_CREAT`.
pub(super) fn names(meaning: &str) -> Vec<&str> {
    meaning
        .split(['|', ' '])
        .filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_'))
        .collect()
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Option<Shown> {
        match self.rest.as_bytes().first()? {
            b'{' => self.structure(),
            b'[' => self.list(),
            b'"' => self.text(),
            _ => Some(self.word()),
        }
    }

    fn structure(&mut self) -> Option<Shown> {
        take(&mut self.rest, "{");
        let mut fields = Vec::new();
        while !take(&mut self.rest, "}") {
            let (name, rest) = self.rest.split_once('=')?;
            self.rest = rest;
            fields.push((name.to_owned(), self.value()?));
            if !take(&mut self.rest, " ") && !self.rest.starts_with('}') {
                return None;
            }
        }
        Some(Shown::Struct(fields))
    }

    fn list(&mut self) -> Option<Shown> {
        take(&mut self.rest, "[");
        let mut items = Vec::new();
        while !take(&mut self.rest, "]") {
            items.push(self.value()?);
            if !take(&mut self.rest, " ") && !self.rest.starts_with(']') {
                return None;
            }
        }
        Some(Shown::List(items))
    }

    fn text(&mut self) -> Option<Shown> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        loop {
            match characters.next()? {
                (_, '\\') => match characters.next()?.1 {
                    'x' => text.push_str("\\x"),
                    character => text.push(character),
                },
                (at, '"') => {
                    self.rest = &self.rest[at + 1..];
                    break;
                }
                (_, character) => text.push(character),
            }
        }
        take(&mut self.rest, "...");
        Some(Shown::Text(super::call::unescape(&text)))
    }

    /// Up to the next blank or bracket outside parentheses.
    fn word(&mut self) -> Shown {
        let mut depth = 0;
        let end = self.rest.find(|c| {
            match c {
                '(' | '[' => depth += 1,
                ')' => depth -= 1,
                ']' if depth > 0 => depth -= 1,
                _ => (),
            }
            depth <= 0 && matches!(c, ' ' | '}' | ']')
        });
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let (head, meaning) = match word.split_once('(') {
            Some((head, meaning)) => (head, meaning.strip_suffix(')').unwrap_or(meaning)),
            None => (word, ""),
        };
        match number(head) {
            Some(value) => Shown::Number(value, meaning.to_owned()),
            None => Shown::Word(word.to_owned()),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_print_is_taken_apart() {
        let number = |value| Shown::Number(value, String::new());
        let field = |name: &str, value| (name.to_owned(), value);
        for (text, value) in [
            ("5", number(5)),
            ("0x1F", number(31)),
            ("0640", number(0o640)),
            ("2(O_RDWR)", Shown::Number(2, "O_RDWR".to_owned())),
            ("NULL", Shown::Word("NULL".to_owned())),
            ("a text", Shown::Word("a text".to_owned())),
            ("[1 2]", Shown::List(vec![number(1), number(2)])),
            ("{}", Shown::Struct(vec![])),
            (
                r#"{a={b=-1 c="x\"} y"} d=[{e=0x2} {e=3(A|B)}]}"#,
                Shown::Struct(vec![
                    field(
                        "a",
                        Shown::Struct(vec![
                            field("b", number(-1)),
                            field("c", Shown::Text(b"x\"} y".to_vec())),
                        ]),
                    ),
                    field(
                        "d",
                        Shown::List(vec![
                            Shown::Struct(vec![field("e", number(2))]),
                            Shown::Struct(vec![field("e", Shown::Number(3, "A|B".to_owned()))]),
                        ]),
                    ),
                ]),
            ),
        ] {
            assert_eq!(Shown::parse(text), value, "{text}");
        }
    }
}
