//! Blocks: up to 64 Ki events as columns, the unit of compression, hashing and seeking in a capture.
//!
//! A block is readable without its neighbours. Common columns (time, CPU, kind, thread, descriptor) run over all
//! rows; result, latency and one column per argument run over the rows of one kind. Start at [`BlockBuilder`]
//! for writing and [`EventsBlock`] for reading.

mod builder;
mod column;
mod encode;
mod read;
pub(crate) mod time;

pub use builder::{Block, BlockBuilder, PushError};
pub use column::{Codes, Column, ColumnSize, DataColumn, MaybeInts};
pub use read::EventsBlock;
pub(crate) use read::{BlockBytes, BlockSource};

/// Most events a block may hold: row numbers and codes fit 16 bits.
pub const BLOCK_ROWS_MAX: usize = 1 << 16;

/// A block of this size in memory should be finished though it could hold more events.
pub const BLOCK_BYTES_USUAL: usize = 16 << 20;

/// No event is added that would make a block larger than this, unless it is the only one.
pub(crate) const BLOCK_BYTES_MAX: usize = 32 << 20;

/// Columns of all rows, in the order in which they are stored; those of the kinds follow.
pub(crate) const COLUMN_TIME: usize = 0;
pub(crate) const COLUMN_CPU: usize = 1;
pub(crate) const COLUMN_KIND: usize = 2;
pub(crate) const COLUMN_THREAD: usize = 3;
pub(crate) const COLUMN_DESCRIPTOR: usize = 4;
/// Pools that the columns of arguments refer to: of strings and vectors of strings, and of all other data. Apart,
/// because a filter on names must not read payloads.
pub(crate) const COLUMN_NAMES: usize = 5;
pub(crate) const COLUMN_DATA: usize = 6;
pub(crate) const COLUMNS_COMMON: usize = 7;

/// What an argument's column holds: numbers, references to names, references to other data.
pub(crate) const ARG_INTS: u8 = 0;
pub(crate) const ARG_NAMES: u8 = 1;
pub(crate) const ARG_DATA: u8 = 2;

/// Columns each kind has before those of its arguments: result and latency.
pub(crate) const COLUMNS_KIND: usize = 2;
