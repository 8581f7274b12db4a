//! Bytes that were read and written.

use std::borrow::Cow;

use capture_format::ReadError;
use capture_format::message::{Message, Parts};
use capture_format::model::Arg;
use capture_format::schema::Shape;

use super::message::data_of_messages;
use crate::print::{BufferStyle, PrintOptions};
use crate::value::Value;
use crate::view::RowView;

/// Characters shown of a buffer unless the whole is asked for.
const SHOWN_MAX: usize = 80;

/// The bytes a call read or wrote.
pub(crate) fn buffer<'a>(row: &RowView<'a>) -> Result<Option<Value<'a>>, ReadError> {
    let Some(view) = row.kind() else { return Ok(None) };
    let Some(index) = view.data() else { return Ok(None) };
    Ok(match row.arg(index)? {
        Some(Arg::Bytes(bytes)) => Some(Value::Bytes(match view.kind.args[index].kind.shape {
            Shape::Parts => Cow::Borrowed(Parts::parse(bytes).data),
            Shape::Msghdr => Cow::Borrowed(Message::parse(bytes).data),
            Shape::Messages => Cow::Owned(data_of_messages(bytes)),
            _ => Cow::Borrowed(bytes),
        })),
        _ => None,
    })
}

/// Appends bytes in the style asked for.
pub(crate) fn write_buffer(out: &mut Vec<u8>, bytes: &[u8], options: &PrintOptions) {
    let bytes = &bytes[..options.buffer_bytes_max.map_or(bytes.len(), |max| bytes.len().min(max as usize))];
    let cut = |limit: usize| if options.whole_values { bytes.len() } else { bytes.len().min(limit) };
    match options.buffers {
        BufferStyle::Dotted => {
            let shown = &bytes[..cut(SHOWN_MAX)];
            let start = out.len();
            out.extend_from_slice(shown);
            // In place, the loop becomes vector instructions.
            for byte in &mut out[start..] {
                *byte = if (0x20..0x7f).contains(byte) { *byte } else { b'.' };
            }
            if shown.len() < bytes.len() {
                out.extend_from_slice(b"...");
            }
        }
        BufferStyle::Ascii => {
            out.push(b'\n');
            out.extend(bytes.iter().filter(|&&byte| byte == b'\n' || (0x20..0x7f).contains(&byte)));
            out.push(b'\n');
        }
        BufferStyle::Hex | BufferStyle::HexAscii => {
            write_dump(out, bytes, options.buffers == BufferStyle::HexAscii)
        }
        BufferStyle::Base64 => write_base64(out, bytes),
    }
}

/// Appends bytes that are hardly ever text as hexadecimal digits, unless another style was asked for.
pub(crate) fn write_digits(out: &mut Vec<u8>, bytes: &[u8], options: &PrintOptions) {
    let is_text = !bytes.is_empty() && bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    if options.buffers != BufferStyle::Dotted || is_text {
        return write_buffer(out, bytes, options);
    }
    let shown = if options.whole_values { bytes } else { &bytes[..bytes.len().min(SHOWN_MAX / 2)] };
    out.extend_from_slice(b"0x");
    out.extend(
        shown
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|digit| b"0123456789ABCDEF"[usize::from(digit)]),
    );
    if shown.len() < bytes.len() {
        out.extend_from_slice(b"...");
    }
}

/// Lines of 16 bytes: `0x0000: 4745 5420 ...`.
fn write_dump(out: &mut Vec<u8>, bytes: &[u8], text: bool) {
    for (line, part) in bytes.chunks(16).enumerate() {
        out.extend_from_slice(format!("\n\t0x{:04x}:", line * 16).as_bytes());
        for pair in part.chunks(2) {
            out.push(b' ');
            for byte in pair {
                out.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
        }
        if text {
            // Aligned with full lines: 2 digits per byte, 1 blank per pair.
            let missing = (16 - part.len()) * 2 + (16 - part.len()) / 2;
            out.extend(std::iter::repeat_n(b' ', missing + 2));
            out.extend(part.iter().map(|&byte| if (0x20..0x7f).contains(&byte) { byte } else { b'.' }));
        }
    }
    out.push(b'\n');
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.chunks(3) {
        let byte = |at: usize| u32::from(part.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let known = digit <= part.len();
            out.push(if known { BASE64[(bits >> (18 - 6 * digit)) as usize & 63] } else { b'=' });
        }
    }
}

/// The bytes that a base64 text stands for; `None` when it is none.
pub(crate) fn base64_decode(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|&byte| byte != b'=').map_or(0, |at| at + 1);
    let (digits, padding) = text.split_at(end);
    if digits.len() % 4 == 1 || padding.len() > 2 || !(padding.is_empty() || text.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for part in digits.chunks(4) {
        let mut bits = 0u32;
        for &digit in part {
            bits = bits << 6 | BASE64.iter().position(|&known| known == digit)? as u32;
        }
        bits <<= 6 * (4 - part.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..part.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], style: BufferStyle) -> String {
        let mut out = Vec::new();
        let options = PrintOptions { buffers: style, ..PrintOptions::default() };
        write_buffer(&mut out, bytes, &options);
        String::from_utf8(out).expect("shown as ASCII")
    }

    #[test]
    fn buffers_in_every_style() {
        let get = b"GET / HTTP/1.1\r\n\x1b\xff";
        assert_eq!(shown(get, BufferStyle::Dotted), "GET / HTTP/1.1....");
        assert_eq!(shown(get, BufferStyle::Ascii), "\nGET / HTTP/1.1\n\n");
        assert_eq!(shown(b"GET / ", BufferStyle::Hex), "\n\t0x0000: 4745 5420 2f20\n");
        assert_eq!(
            shown(get, BufferStyle::HexAscii),
            "\n\t0x0000: 4745 5420 2f20 4854 5450 2f31 2e31 0d0a  GET / HTTP/1.1..\
             \n\t0x0010: 1bff                                     ..\n"
        );
        assert_eq!(shown(&[b'x'; 81], BufferStyle::Dotted), format!("{}...", "x".repeat(80)));
        assert_eq!(shown(b"abcd", BufferStyle::Base64), "YWJjZA==");
    }

    #[test]
    fn base64_goes_both_ways() {
        for length in 0..20u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            let mut text = Vec::new();
            write_base64(&mut text, &bytes);
            assert_eq!(base64_decode(&text), Some(bytes));
        }
        for bad in ["a", "a===", "ab=", "a b=", "=", "\u{e9}"] {
            assert_eq!(base64_decode(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(base64_decode(b"YWJjZA"), Some(b"abcd".to_vec()));
    }
}
