//! Reading a block, column by column.

use crate::block::column::{Codes, ColumnSize, DataColumn, MaybeInts};
use crate::error::ReadError;
use crate::model::{Arg, Event, Ref};
use crate::reader::ReadAt;
use crate::summary::Summary;

/// A block of events. Columns are read and decoded when first asked for, and kept.
///
/// Rows of one kind are numbered on their own: `results(kind)?.get(n)` is the result of the n-th event of that
/// kind, which stands in row `rows_of_kind(kind)?[n]`; [`Self::rows_within_kind`] leads the other way.
pub struct EventsBlock<'a> {
    source: Source<'a>,
}

/// Where the block's bytes are.
enum Source<'a> {
    At(&'a dyn ReadAt),
}

impl<'a> EventsBlock<'a> {
    /// A block whose payload lies in `source` at `offset`; reads only its directory.
    pub fn open(source: &'a dyn ReadAt, _offset: u64, _bytes: u64) -> Result<Self, ReadError> {
        let _ = EventsBlock { source: Source::At(source) };
        todo!()
    }

    /// Events in the block.
    pub fn rows(&self) -> usize {
        let Source::At(_) = self.source;
        todo!()
    }

    /// What the block holds.
    pub fn summary(&self) -> &Summary {
        todo!()
    }

    /// Boot clock ns of every row, ascending.
    pub fn times(&self) -> Result<&[u64], ReadError> {
        todo!()
    }

    /// CPU of every row.
    pub fn cpus(&self) -> Result<&[u16], ReadError> {
        todo!()
    }

    /// Kind of every row.
    pub fn kinds(&self) -> Result<&Codes, ReadError> {
        todo!()
    }

    /// Thread of every row.
    pub fn threads(&self) -> Result<&Codes, ReadError> {
        todo!()
    }

    /// Descriptor of every row, 0 for none.
    pub fn descriptors(&self) -> Result<&Codes, ReadError> {
        todo!()
    }

    /// For every row, its number among the rows of its kind.
    pub fn rows_within_kind(&self) -> Result<&[u16], ReadError> {
        todo!()
    }

    /// The rows of a kind, ascending; empty when the block has none.
    pub fn rows_of_kind(&self, _kind: Ref) -> Result<&[u32], ReadError> {
        todo!()
    }

    /// Results of the rows of a kind.
    pub fn results(&self, _kind: Ref) -> Result<&MaybeInts<i64>, ReadError> {
        todo!()
    }

    /// Durations in ns of the rows of a kind.
    pub fn latencies(&self, _kind: Ref) -> Result<&MaybeInts<u64>, ReadError> {
        todo!()
    }

    /// How many arguments events of a kind have in this block.
    pub fn arg_count(&self, _kind: Ref) -> usize {
        todo!()
    }

    /// Whether an argument's column is one of byte strings ([`Self::arg_data`]) or of numbers ([`Self::arg_ints`]).
    pub fn arg_is_data(&self, _kind: Ref, _arg: usize) -> bool {
        todo!()
    }

    /// Values of a numeric argument in the rows of a kind.
    pub fn arg_ints(&self, _kind: Ref, _arg: usize) -> Result<&[u64], ReadError> {
        todo!()
    }

    /// Values of a fetched argument in the rows of a kind.
    pub fn arg_data(&self, _kind: Ref, _arg: usize) -> Result<&DataColumn, ReadError> {
        todo!()
    }

    /// The whole event in a row; its arguments are placed in `args`, which can be used again.
    pub fn event<'s, 'v>(&'s self, _row: usize, _args: &'v mut Vec<Arg<'s>>) -> Result<Event<'v>, ReadError> {
        todo!()
    }

    /// What every column takes, for people who wonder where the bytes go.
    pub fn column_sizes(&self) -> Vec<ColumnSize> {
        todo!()
    }

    /// Bytes read from the source so far.
    pub fn bytes_read(&self) -> u64 {
        todo!()
    }
}
