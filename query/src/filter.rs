//! Filters.

/// A filter, parsed and checked.
#[derive(Clone, Debug)]
pub struct Filter {}

impl Filter {
    /// Parses and checks a filter. Blank text selects every event.
    pub fn parse(_text: &str) -> Result<Self, FilterError> {
        todo!()
    }
}

/// Why a text is no filter. `Display` is one line; [`Self::render`] shows the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Byte at which it is wrong.
    pub index: usize,
    /// Line, counted from 1.
    pub line: usize,
    /// Character in the line, counted from 1.
    pub column: usize,
}

impl FilterError {
    /// Several lines for a terminal: what is wrong, the text with a caret below the place, and the help.
    pub fn render(&self) -> String {
        todo!()
    }
}
