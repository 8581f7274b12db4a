//! The filter language, the field table and the printing of events.
//!
//! A filter is text until [`Filter::parse`] makes a checked tree of it; a [`Query`] runs it over blocks of
//! events. A [`Format`] says what a printed line holds; a [`Printer`] writes lines or JSON objects. Both learn
//! about fields from one table, [`fields()`]. This crate knows captures only through `capture-format` and does
//! no input or output.
#![forbid(unsafe_code)]

mod cache;
mod fields;
mod filter;
mod print;
mod recording;
mod render;
mod select;
mod syntax;
mod value;
mod view;

pub use fields::{Field, Type, Usage, fields, fields_markdown};
pub use filter::{Decider, Filter, FilterError, Naming};
pub use print::{
    BufferStyle, Format, FormatError, LinePrinter, OutputStyle, PrintOptions, Printer, TimeStyle,
};
pub use recording::{Recording, Rows};
pub use render::{Clock, write_clock, write_escaped, write_span};
pub use select::{Known, Outside, Query, Selection, Verdict};
