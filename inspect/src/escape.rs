//! Captured text on its way to a terminal: it was written by whoever is under investigation.

/// The text with everything that could move a cursor or turn the direction of writing made visible.
pub(crate) fn escaped(text: &[u8]) -> String {
    let mut shown = Vec::with_capacity(text.len());
    query::write_escaped(&mut shown, text);
    String::from_utf8_lossy(&shown).into_owned()
}
