//! Summaries: enough about a block of events to know whether a query can match any of them.

use crate::model::Ref;

/// A set of entity numbers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RefSet {
    /// Ascending, without overlap: first and last number of each run.
    runs: Vec<(Ref, Ref)>,
}

impl RefSet {
    /// A set of these numbers, which must be in ascending order.
    pub fn from_sorted(_refs: impl IntoIterator<Item = Ref>) -> Self {
        todo!()
    }

    /// Whether the number is in the set.
    pub fn contains(&self, number: Ref) -> bool {
        let after = self.runs.partition_point(|&(first, _)| first <= number);
        after.checked_sub(1).is_some_and(|run| number <= self.runs[run].1)
    }

    /// The numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Ref> + '_ {
        self.runs.iter().flat_map(|&(first, last)| first..=last)
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|&(first, last)| (last - first) as usize + 1).sum()
    }

    /// Whether it holds no number.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// What a block holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Summary {
    /// How many events.
    pub rows: u32,
    /// How many of them have a negative result.
    pub rows_failed: u32,
    /// Time of the first event, boot clock ns.
    pub time_first_ns: u64,
    /// Time of the last event, boot clock ns.
    pub time_last_ns: u64,
    /// Event kinds in ascending order, and how many events of each.
    pub kinds: Vec<(Ref, u32)>,
    /// Threads; 0 is among them when an event has none.
    pub threads: RefSet,
    /// Descriptors; 0 is among them when an event has none.
    pub descriptors: RefSet,
}

impl Summary {
    /// Events of a kind.
    pub fn rows_of_kind(&self, kind: Ref) -> u32 {
        self.kinds.binary_search_by_key(&kind, |&(number, _)| number).map_or(0, |at| self.kinds[at].1)
    }
}
