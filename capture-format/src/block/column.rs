//! Decoded columns.

use std::sync::Arc;

use crate::codec::strings::{Pool, Value};
use crate::model::{Arg, Ref};

/// A column of entity numbers: a dictionary of the block's distinct numbers and one code per row.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Codes {
    pub(crate) dictionary: Vec<Ref>,
    pub(crate) codes: Vec<u16>,
}

impl Codes {
    /// The distinct numbers; a code is an index into it.
    pub fn dictionary(&self) -> &[Ref] {
        &self.dictionary
    }

    /// One code per row; every one of them is within the dictionary.
    pub fn codes(&self) -> &[u16] {
        &self.codes
    }

    /// The number in a row. Panics when there is no such row.
    pub fn get(&self, row: usize) -> Ref {
        self.dictionary[usize::from(self.codes[row])]
    }
}

/// A column of numbers some of which may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MaybeInts<T> {
    pub(crate) values: Vec<T>,
    /// Ascending rows that have no value.
    pub(crate) missing: Vec<u32>,
}

impl<T: Copy> MaybeInts<T> {
    /// All values; the default where one is missing.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Rows without a value, ascending.
    pub fn missing(&self) -> &[u32] {
        &self.missing
    }

    /// The value in a row of the kind. Panics when there is no such row.
    pub fn get(&self, row: usize) -> Option<T> {
        let value = self.values[row];
        let missing = !self.missing.is_empty() && self.missing.binary_search(&(row as u32)).is_ok();
        (!missing).then_some(value)
    }
}

/// A column of argument values that are byte strings, null or unread. Equal values share their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DataColumn {
    pub(crate) codes: Vec<u32>,
    pub(crate) pool: Arc<Pool>,
}

impl DataColumn {
    /// Rows of the kind.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether the kind has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in a row of the kind: never [`Arg::Int`]. Panics when there is no such row.
    pub fn get(&self, row: usize) -> Arg<'_> {
        self.value(self.codes[row])
    }

    /// The block-local number of the value of each row: equal values have equal codes, also across the columns of
    /// paths and strings, and across those of other data, so a predicate can be evaluated once per value.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The code of a row's value. Panics when there is no such row.
    pub fn code(&self, row: usize) -> u32 {
        self.codes[row]
    }

    /// Codes are below this. Other columns have values among them, too.
    pub fn codes_count(&self) -> usize {
        self.pool.len()
    }

    /// The value of a code. Panics when there is no such code.
    pub fn value(&self, code: u32) -> Arg<'_> {
        match self.pool.value(code) {
            Value::Null => Arg::Null,
            Value::Unread(pointer) => Arg::Unread(pointer),
            Value::Bytes(bytes) => Arg::Bytes(bytes),
        }
    }
}

/// A column of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Column {
    /// Times of all rows.
    Time,
    /// CPUs of all rows.
    Cpu,
    /// Kinds of all rows.
    Kind,
    /// Threads of all rows.
    Thread,
    /// Descriptors of all rows.
    Descriptor,
    /// Values of all arguments that are strings.
    Names,
    /// Values of all arguments that are other byte strings.
    Data,
    /// Results of a kind.
    Result(Ref),
    /// Latencies of a kind.
    Latency(Ref),
    /// An argument of a kind.
    Arg(Ref, u8),
}

/// How many bytes a column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnSize {
    /// Which.
    pub column: Column,
    /// In the file; columns that share a compressed chunk share its size in proportion.
    pub bytes_stored: u64,
    /// Before compression.
    pub bytes_raw: u64,
}
