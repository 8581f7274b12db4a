//! Values of fields.

use std::borrow::Cow;
use std::net::IpAddr;

/// The value of a field for one event; a missing one is `None` of an `Option`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Int(i64),
    Uint(u64),
    Bool(bool),
    /// Text of unknown origin: it need not be UTF-8 and is escaped when printed.
    Text(Cow<'a, [u8]>),
    /// Bytes that are no text.
    Bytes(Cow<'a, [u8]>),
    Ip(IpAddr),
    /// Several values that stand for one: a comparison is true when it is true for any of them.
    Any(Vec<Value<'a>>),
    /// Both ends of a connection: as [`Value::Any`], but `!=` is true only when both differ.
    Ends(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// The value as a whole number, if it is one.
    pub(crate) fn integer(&self) -> Option<i128> {
        match *self {
            Value::Int(value) => Some(value.into()),
            Value::Uint(value) => Some(value.into()),
            _ => None,
        }
    }

    /// The value without what it borrows.
    pub(crate) fn into_owned<'b>(self) -> Value<'b> {
        let each = |values: Vec<Value<'a>>| values.into_iter().map(Value::into_owned).collect();
        match self {
            Value::Int(value) => Value::Int(value),
            Value::Uint(value) => Value::Uint(value),
            Value::Bool(value) => Value::Bool(value),
            Value::Ip(value) => Value::Ip(value),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Value::Any(values) => Value::Any(each(values)),
            Value::Ends(values) => Value::Ends(each(values)),
        }
    }

    /// The value's bytes, if it has some.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Text(bytes) | Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// A text that is known: empty ones stand for unknown in captures.
pub(crate) fn known(text: &[u8]) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(Cow::Borrowed(text)))
}

/// A text, empty or not.
pub(crate) fn text(text: &[u8]) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

/// A text made just now.
pub(crate) fn owned<'a>(text: impl Into<Vec<u8>>) -> Value<'a> {
    Value::Text(Cow::Owned(text.into()))
}
