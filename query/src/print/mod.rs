//! Printing events as text or JSON.
//!
//! A [`Format`] is parsed once; a [`Printer`] takes it apart into segments. What depends on an entity alone
//! (`proc.name`) is made into text once per entity and then copied; only what belongs to the event itself is
//! written anew for every line. A [`LinePrinter`] does so for the rows of one block. Start at [`Printer`].

mod format;
mod line;
mod printer;
mod segment;
mod write;

pub use format::{Format, FormatError};
pub use line::LinePrinter;
pub use printer::Printer;

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
    /// `-s`: no more bytes of a buffer than this, as if no more had been recorded.
    pub buffer_bytes_max: Option<u32>,
    /// Time zone in seconds east of UTC, when not the recorded host's.
    pub zone_offset_s: Option<i32>,
}

impl PrintOptions {
    pub(crate) const DEFAULT: PrintOptions = PrintOptions {
        output: OutputStyle::Text,
        time: TimeStyle::Clock,
        buffers: BufferStyle::Dotted,
        whole_values: false,
        buffer_bytes_max: None,
        zone_offset_s: None,
    };
}
