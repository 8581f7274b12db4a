//! One value, as text or as JSON.

use crate::fields::{Argument, Field};
use crate::filter::Access;
use crate::print::{OutputStyle, PrintOptions};
use crate::render::{
    write_buffer, write_escaped, write_hex, write_int, write_ip, write_json_string, write_padded, write_uint,
};
use crate::value::Value;

/// How numbers of a field are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberStyle {
    Decimal,
    Hex,
    /// With at least 9 digits: parts of a second.
    NineDigits,
}

impl NumberStyle {
    pub(super) fn of(access: &Access) -> Self {
        let Access::Field(Field { name, .. }, Argument::None) = access else { return NumberStyle::Decimal };
        match *name {
            "fd.dev" => NumberStyle::Hex,
            "evt.reltime" | "evt.reltime.ns" | "evt.deltatime" | "evt.deltatime.ns" | "evt.rawtime.ns"
            | "evt.latency.ns" => NumberStyle::NineDigits,
            _ => NumberStyle::Decimal,
        }
    }
}

/// Appends a value.
pub(super) fn write_value(out: &mut Vec<u8>, value: &Value<'_>, style: NumberStyle, options: &PrintOptions) {
    match options.output {
        OutputStyle::Text => write_text(out, value, style, options),
        OutputStyle::Json => write_json(out, value, options),
    }
}

fn write_text(out: &mut Vec<u8>, value: &Value<'_>, style: NumberStyle, options: &PrintOptions) {
    match value {
        Value::Int(value) => write_int(out, *value),
        Value::Uint(value) => match style {
            NumberStyle::Decimal => write_uint(out, *value),
            NumberStyle::Hex => write_hex(out, *value),
            NumberStyle::NineDigits => write_padded(out, *value, 9),
        },
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Text(text) => write_escaped(out, text),
        Value::Bytes(bytes) => write_buffer(out, bytes, options),
        Value::Ip(address) => write_ip(out, *address),
        Value::Any(values) | Value::Ends(values) => {
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                write_text(out, value, style, options);
            }
        }
    }
}

fn write_json(out: &mut Vec<u8>, value: &Value<'_>, options: &PrintOptions) {
    match value {
        Value::Int(value) => write_int(out, *value),
        Value::Uint(value) => write_uint(out, *value),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Text(text) => write_json_string(out, text),
        Value::Bytes(bytes) => {
            let mut shown = Vec::new();
            write_buffer(&mut shown, bytes, options);
            write_json_string(out, &shown);
        }
        Value::Ip(address) => {
            out.push(b'"');
            write_ip(out, *address);
            out.push(b'"');
        }
        Value::Any(values) | Value::Ends(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_json(out, value, options);
            }
            out.push(b']');
        }
    }
}

/// Pads what stands in `out` from `start` on to a number of characters, or cuts it.
pub(super) fn fit(out: &mut Vec<u8>, start: usize, width: usize) {
    // Printed text is UTF-8: everything in it was escaped.
    let starts_character = |byte: &u8| byte & 0xc0 != 0x80;
    let mut boundaries = out[start..].iter().enumerate().filter(|(_, byte)| starts_character(byte));
    match boundaries.nth(width).map(|(at, _)| at) {
        Some(end) => out.truncate(start + end),
        None => {
            let characters = out[start..].iter().filter(|byte| starts_character(byte)).count();
            out.extend(std::iter::repeat_n(b' ', width - characters));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_padded_or_cut_by_characters() {
        for (text, width, expected) in [
            ("abc", 5, "abc  "),
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("äöü", 2, "äö"),
            ("ä", 3, "ä  "),
            ("x", 0, ""),
        ] {
            let mut out = b"> ".to_vec();
            out.extend_from_slice(text.as_bytes());
            fit(&mut out, 2, width);
            assert_eq!(String::from_utf8_lossy(&out[2..]), expected);
        }
    }
}
