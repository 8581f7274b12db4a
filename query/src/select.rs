//! Running a filter over blocks of events.

use capture_format::{ReadError, Summary};

use crate::filter::Filter;
use crate::recording::{Recording, Rows};

/// A set of rows of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    words: Vec<u64>,
    rows: usize,
}

impl Selection {
    /// Every row of a block of this many.
    pub fn all(rows: usize) -> Self {
        let mut words = vec![u64::MAX; rows.div_ceil(64)];
        if let Some(last) = words.last_mut().filter(|_| !rows.is_multiple_of(64)) {
            *last = (1 << (rows % 64)) - 1;
        }
        Selection { words, rows }
    }

    /// How many rows are in it.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no row is in it.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Rows of the block, in it or not.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether a row is in it.
    pub fn contains(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(at * 64 + bit)
            })
        })
    }
}

/// A filter at work. It remembers what it found out about entities, so use one over many blocks of one capture;
/// threads that work in parallel take clones.
#[derive(Clone)]
pub struct Query {
    filter: Option<Filter>,
}

impl Query {
    /// Of a filter; `None` selects every event.
    pub fn new(filter: Option<&Filter>) -> Self {
        Query { filter: filter.cloned() }
    }

    /// Whether a block with this summary can hold an event the filter selects.
    pub fn may_match(&mut self, _recording: &Recording<'_>, _summary: &Summary) -> bool {
        self.filter.is_none() || todo!()
    }

    /// The rows the filter selects. Reads only the columns it needs.
    pub fn select(&mut self, _recording: &Recording<'_>, rows: &Rows<'_>) -> Result<Selection, ReadError> {
        match &self.filter {
            None => Ok(Selection::all(rows.events.rows())),
            Some(_) => todo!(),
        }
    }

    /// Forgets what was found out about entities: call it when some were completed or another capture begins.
    /// Entities that are only added need no call.
    pub fn forget(&mut self) {}
}
