//! Captured text on its way to a terminal. It was written by whoever is under investigation.

use std::fmt::Write;

/// The text with everything that could move a cursor or turn the direction of writing made visible.
pub(crate) fn escaped(text: &[u8]) -> String {
    let mut shown = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || is_directional(character) {
                let _ = write!(shown, "{}", character.escape_unicode());
            } else {
                shown.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Marks, embeddings, overrides and isolates of writing direction, and the characters that show as nothing.
fn is_directional(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(escaped("/tmp/\u{fc}.log".as_bytes()), "/tmp/\u{fc}.log");
        assert_eq!(escaped(b"a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(escaped("exe\u{202e}gpj".as_bytes()), "exe\\u{202e}gpj");
        assert_eq!(escaped(b"\xff\xfe"), "\\xff\\xfe");
    }
}
