//! Reading text from left to right.

/// Steps over `text` if that is what comes next.
pub(crate) fn take(rest: &mut &str, text: &str) -> bool {
    match rest.strip_prefix(text) {
        Some(behind) => {
            *rest = behind;
            true
        }
        None => false,
    }
}
