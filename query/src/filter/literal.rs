//! Values of a filter, turned into the type of the field they are compared with.

use std::collections::HashSet;

use capture_format::schema;

use super::network::Network;
use crate::fields::{Type, service_port};
use crate::value::Value;

/// A value in every form that the field's type can be compared in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Literal {
    text: Option<Vec<u8>>,
    /// Another text that means the same.
    alias: Option<&'static str>,
    integer: Option<i128>,
    truth: Option<bool>,
    network: Option<Network>,
}

/// A whole number: decimal or `0x`, with a sign, or a fraction that is whole (`3.0`, `1e3`).
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i128::from(u64::from_str_radix(hex.strip_prefix(['+']).map_or(hex, |_| "?"), 16).ok()?),
        None => match digits.parse::<u64>() {
            Ok(value) => value.into(),
            Err(_) => {
                let value = float(digits).filter(|value| value.fract() == 0.0 && value.abs() < 1e18)?;
                value as i128
            }
        },
    };
    Some(if negative { -value } else { value })
}

fn float(text: &str) -> Option<f64> {
    // Rust reads "inf" and "nan" as well.
    let numeric =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|_| numeric)
}

/// A duration in ns: a plain number, or one with a unit.
fn duration(text: &str) -> Option<i128> {
    const UNITS: [(&str, f64); 6] =
        [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    if let Some(value) = integer(text) {
        return Some(value);
    }
    // Longer units first: every one of them ends in a shorter one.
    let (number, unit_ns) = UNITS.iter().find_map(|(unit, ns)| Some((text.strip_suffix(unit)?, ns)))?;
    float(number).map(|value| (value * unit_ns) as i128)
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

impl Literal {
    /// The value for a field of this type; `Err` says what the type takes.
    pub(crate) fn parse(text: &[u8], kind: Type) -> Result<Self, &'static str> {
        let utf8 = std::str::from_utf8(text).unwrap_or("");
        let mut literal = Literal::default();
        let understood = match kind {
            Type::Text | Type::Bytes | Type::List => {
                literal.text = Some(text.to_vec());
                true
            }
            Type::Number | Type::Time => {
                literal.integer = integer(utf8);
                literal.integer.is_some()
            }
            Type::Duration => {
                literal.integer = duration(utf8);
                literal.integer.is_some()
            }
            Type::Port => {
                literal.integer = integer(utf8).or_else(|| service_port(utf8).map(i128::from));
                literal.integer.is_some()
            }
            Type::Percent => {
                // Nothing is measured in percent yet, so there is nothing to compare with.
                float(utf8).is_some()
            }
            Type::Bool => {
                literal.truth = truth(utf8);
                literal.truth.is_some()
            }
            Type::Address => {
                literal.network = Network::parse(utf8);
                literal.network.is_some()
            }
            Type::Dynamic => {
                literal.text = Some(text.to_vec());
                literal.integer = integer(utf8);
                literal.truth = truth(utf8);
                literal.network = Network::parse(utf8);
                true
            }
        };
        if understood {
            return Ok(literal);
        }
        Err(match kind {
            Type::Number | Type::Time => "a number",
            Type::Duration => "a number of ns, or a duration as 1.5ms",
            Type::Port => "a port number or the name of a service",
            Type::Percent => "a number",
            Type::Bool => "true or false",
            _ => "an address or a network",
        })
    }

    /// An event type, which may have another name as well.
    pub(crate) fn event_type(text: &[u8]) -> Self {
        let alias = std::str::from_utf8(text).ok().and_then(schema::event_name_of_alias);
        Literal { text: Some(text.to_vec()), alias, ..Literal::default() }
    }

    /// A number for a value that is read as a text.
    pub(crate) fn number(text: &[u8]) -> Option<Self> {
        let number = integer(std::str::from_utf8(text).ok()?)?;
        Some(Literal { integer: Some(number), ..Literal::default() })
    }

    pub(crate) fn milliseconds_to_ns(&mut self) {
        self.integer = self.integer.map(|value| value.saturating_mul(1_000_000));
    }

    /// The number it stands for.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        self.text.as_deref()
    }

    pub(crate) fn integer(&self) -> Option<i128> {
        self.integer
    }

    pub(crate) fn equals(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Int(_) | Value::Uint(_) => self.integer.is_some() && self.integer == value.integer(),
            Value::Bool(value) => self.truth == Some(*value),
            Value::Text(text) | Value::Bytes(text) => {
                self.text.as_deref() == Some(text)
                    || self.alias.is_some_and(|alias| alias.as_bytes() == &text[..])
            }
            Value::Ip(address) => self.network.is_some_and(|network| network.contains(*address)),
            Value::Any(values) | Value::Ends(values) => values.iter().any(|value| self.equals(value)),
        }
    }

    /// How a value stands to this one, where both have an order.
    pub(crate) fn order(&self, value: &Value<'_>) -> Option<std::cmp::Ordering> {
        match value {
            Value::Int(_) | Value::Uint(_) => Some(value.integer()?.cmp(&self.integer?)),
            Value::Text(text) | Value::Bytes(text) => Some(text[..].cmp(self.text.as_deref()?)),
            _ => None,
        }
    }
}

/// A list of values; looking one up does not get slower with its length where texts and numbers are concerned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Literals {
    texts: HashSet<Vec<u8>>,
    integers: HashSet<i128>,
    others: Vec<Literal>,
}

impl FromIterator<Literal> for Literals {
    fn from_iter<T: IntoIterator<Item = Literal>>(literals: T) -> Self {
        let mut all = Literals::default();
        for literal in literals {
            all.texts.extend(literal.alias.map(|alias| alias.as_bytes().to_vec()));
            all.texts.extend(literal.text.clone());
            all.integers.extend(literal.integer);
            if literal.truth.is_some() || literal.network.is_some() {
                all.others.push(literal);
            }
        }
        all
    }
}

impl Literals {
    pub(crate) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.texts.iter().map(Vec::as_slice)
    }

    pub(crate) fn integers(&self) -> impl Iterator<Item = i128> {
        self.integers.iter().copied()
    }

    pub(crate) fn contain(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Int(_) | Value::Uint(_) => {
                value.integer().is_some_and(|value| self.integers.contains(&value))
            }
            Value::Text(text) | Value::Bytes(text) => self.texts.contains(&text[..]),
            value => self.others.iter().any(|literal| literal.equals(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_form() {
        for (text, expected) in [
            ("3", Some(3)),
            ("-3", Some(-3)),
            ("+3", Some(3)),
            ("0x1F", Some(31)),
            ("-0x1", Some(-1)),
            ("3.0", Some(3)),
            ("1e3", Some(1000)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("3.5", None),
            ("abc", None),
            ("", None),
            ("0x", None),
            ("0x+1", None),
            ("--1", None),
            ("inf", None),
            ("nan", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_may_have_units() {
        for (text, expected) in [
            ("5", Some(5)),
            ("1.5ms", Some(1_500_000)),
            ("2s", Some(2_000_000_000)),
            ("3m", Some(180_000_000_000)),
            ("x", None),
            ("ms", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
