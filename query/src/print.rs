//! Printing events as text or JSON.

use capture_format::ReadError;

use crate::recording::{Recording, Rows};

/// What a line holds: the argument of `-p`.
#[derive(Clone, Debug)]
pub struct Format {}

/// Why a text is no format; shaped as [`crate::FilterError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FormatError {
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Byte at which it is wrong.
    pub index: usize,
}

impl FormatError {
    /// Several lines for a terminal.
    pub fn render(&self) -> String {
        todo!()
    }
}

impl Format {
    /// The line printed when nothing else is asked for.
    pub const DEFAULT: &str =
        "*%evt.num %evt.outputtime %evt.cpu %proc.name (%thread.tid) %evt.dir %evt.type %evt.info";

    /// Parses the argument of `-p`.
    pub fn parse(_text: &str) -> Result<Self, FormatError> {
        todo!()
    }
}

/// Text or JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names tell")]
pub enum OutputStyle {
    #[default]
    Text,
    Json,
}

/// What `evt.outputtime` shows: the argument of `-t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimeStyle {
    /// `h`: time of day.
    #[default]
    Clock,
    /// `a`: seconds since the epoch.
    Absolute,
    /// `r`: seconds since the first event.
    Relative,
    /// `d`: duration of the call.
    Latency,
    /// `D`: seconds since the line printed before.
    Delta,
}

/// How buffers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BufferStyle {
    /// Printable bytes, others as a dot, in the line.
    #[default]
    Dotted,
    /// `-A`: printable bytes and line ends, on lines of their own.
    Ascii,
    /// `-x`: hexadecimal, on lines of their own.
    Hex,
    /// `-X`: hexadecimal and text, on lines of their own.
    HexAscii,
    /// `-b`: base64.
    Base64,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PrintOptions {
    /// Text or JSON.
    pub output: OutputStyle,
    /// What `evt.outputtime` shows.
    pub time: TimeStyle,
    /// How buffers are shown.
    pub buffers: BufferStyle,
    /// `-v`: do not cut values at 80 characters.
    pub whole_values: bool,
    /// Time zone in seconds east of UTC, when not the recorded host's.
    pub zone_offset_s: Option<i32>,
}

/// A format at work. It remembers how entities print; threads that work in parallel take clones.
#[derive(Clone, Debug)]
pub struct Printer {}

impl Printer {
    /// Of a format.
    pub fn new(_format: &Format, _options: PrintOptions) -> Self {
        todo!()
    }

    /// Whether rows must be printed in order by one printer, because a line depends on the one before.
    pub fn is_sequential(&self) -> bool {
        todo!()
    }

    /// Appends a row's line (or JSON object) and a newline. `false` when the line is left out because a field
    /// is missing and the format does not begin with `*`.
    pub fn write_row(
        &mut self,
        _recording: &Recording<'_>,
        _rows: &Rows<'_>,
        _row: usize,
        _out: &mut Vec<u8>,
    ) -> Result<bool, ReadError> {
        todo!()
    }

    /// Forgets how entities print: call it when some were completed or another capture begins.
    pub fn forget(&mut self) {}
}
