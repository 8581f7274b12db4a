//! Blocks: up to 64 Ki events as columns, the unit of compression, hashing and seeking in a capture.
//!
//! A block is readable without its neighbours. Common columns (time, CPU, kind, thread, descriptor) run over all
//! rows; result, latency and one column per argument run over the rows of one kind. Start at [`BlockBuilder`]
//! for writing and [`EventsBlock`] for reading.

mod builder;
mod column;
mod read;

pub use builder::{Block, BlockBuilder, PushError};
pub use column::{Codes, Column, ColumnSize, DataColumn, MaybeInts};
pub use read::EventsBlock;

/// Most events a block may hold.
pub const BLOCK_ROWS_MAX: usize = 1 << 16;

/// A block of this size in memory should be finished though it could hold more events.
pub const BLOCK_BYTES_USUAL: usize = 16 << 20;
