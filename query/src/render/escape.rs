//! Making captured text harmless.
//!
//! Control characters (ESC could rewrite what stands on a terminal), characters that change the direction of
//! writing or are not seen at all, and bytes that are no UTF-8 become `\xNN` or `\u{NNNN}`. A backslash stays as it is: the text is for
//! eyes, not for parsing back.

/// Whether a character may be shown.
fn is_shown(c: char) -> bool {
    let direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Two names that differ in these alone look the same. Joiners (200c, 200d) are part of how words are written.
    let invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
        | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !direction && !invisible
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// Whether every byte passes. Looks at all of them, whatever is found: without a way out the loop is compiled to
/// vector instructions, and nearly all text passes.
fn all(text: &[u8], passes: impl Fn(u8) -> bool) -> bool {
    text.iter().fold(true, |passing, &byte| passing & passes(byte))
}

fn push_byte(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[b'\\', b'x', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Appends a text, escaped.
pub fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    if all(text, is_plain) {
        out.extend_from_slice(text);
        return;
    }
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_shown(c) {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            } else if let Ok(byte) = u8::try_from(u32::from(c)) {
                push_byte(out, byte);
            } else {
                out.extend_from_slice(format!("\\u{{{:x}}}", u32::from(c)).as_bytes());
            }
        }
        for &byte in chunk.invalid() {
            push_byte(out, byte);
        }
    }
}

/// Escapes what stands in `out` from `start` on.
pub(crate) fn escape_tail(out: &mut Vec<u8>, start: usize) {
    if !all(&out[start..], is_plain) {
        let tail = out.split_off(start);
        write_escaped(out, &tail);
    }
}

/// Appends a text as a JSON string, quotes included; escaped as for terminals, so always valid JSON.
pub(crate) fn write_json_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    if all(text, is_plain) {
        push_quoted(out, text);
    } else {
        let mut safe = Vec::with_capacity(text.len() + 8);
        // Line ends of multi-line buffers have a JSON escape of their own.
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\\n");
            }
            safe.clear();
            write_escaped(&mut safe, line);
            push_quoted(out, &safe);
        }
    }
    out.push(b'"');
}

/// Appends a text without control characters, with what ends a JSON string escaped.
fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    let mut start = 0;
    for at in memchr::memchr2_iter(b'"', b'\\', text) {
        out.extend_from_slice(&text[start..at]);
        out.extend_from_slice(&[b'\\', text[at]]);
        start = at + 1;
    }
    out.extend_from_slice(&text[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], shown: &str, json: &str) {
        let (mut out, mut string) = (b"before\x1b".to_vec(), Vec::new());
        out.extend_from_slice(text);
        escape_tail(&mut out, 7);
        assert_eq!(String::from_utf8_lossy(&out[7..]), shown);
        write_json_string(&mut string, text);
        assert_eq!(String::from_utf8_lossy(&string), json);
    }

    #[test]
    fn hostile_text_is_shown_but_not_obeyed() {
        check(b"plain text", "plain text", "\"plain text\"");
        check("gr\u{fc}n".as_bytes(), "gr\u{fc}n", "\"gr\u{fc}n\"");
        check(b"\x1b[2Jx\x7f", "\\x1b[2Jx\\x7f", "\"\\\\x1b[2Jx\\\\x7f\"");
        check(b"a\xff\xc3b", "a\\xff\\xc3b", "\"a\\\\xff\\\\xc3b\"");
        check("a\u{202e}b\u{9b}".as_bytes(), "a\\u{202e}b\\x9b", "\"a\\\\u{202e}b\\\\x9b\"");
        check(
            "a\u{200b}b\u{feff}\u{e0041}".as_bytes(),
            "a\\u{200b}b\\u{feff}\\u{e0041}",
            "\"a\\\\u{200b}b\\\\u{feff}\\\\u{e0041}\"",
        );
        check(b"two\nlines\r\n", "two\\x0alines\\x0d\\x0a", "\"two\\nlines\\\\x0d\\n\"");
        check(b"say \"hi\" c:\\", "say \"hi\" c:\\", "\"say \\\"hi\\\" c:\\\\\"");
    }
}
