//! Summaries: enough about a block of events to know whether a query can match any of them.

use crate::codec::bytes::{Cursor, put_varint};
use crate::codec::{Broken, Decoded, malformed};
use crate::model::Ref;

/// A set of entity numbers, kept as runs: entities that came up together have neighbouring numbers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RefSet {
    /// Ascending, with gaps between them: first and last number of each run.
    runs: Vec<(Ref, Ref)>,
}

impl RefSet {
    /// A set of these numbers, which must be in ascending order.
    pub fn from_sorted(refs: impl IntoIterator<Item = Ref>) -> Self {
        let mut runs: Vec<(Ref, Ref)> = Vec::new();
        for number in refs {
            match runs.last_mut() {
                Some((_, last)) if number <= last.saturating_add(1) => *last = number.max(*last),
                _ => runs.push((number, number)),
            }
        }
        RefSet { runs }
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

    /// Runs of numbers, ascending: first and last of each.
    pub fn runs(&self) -> &[(Ref, Ref)] {
        &self.runs
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|&(first, last)| (last - first) as usize + 1).sum()
    }

    /// Whether it holds no number.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Count of runs; then of each the distance from the end of the one before and its length less one.
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.runs.len() as u64);
        let mut end = 0;
        for &(first, last) in &self.runs {
            put_varint(out, u64::from(first - end));
            put_varint(out, u64::from(last - first));
            end = last;
        }
    }

    fn parse(cursor: &mut Cursor<'_>) -> Decoded<Self> {
        let count = cursor.count()?;
        if count > crate::BLOCK_ROWS_MAX {
            return malformed("a set has more runs than a block has rows");
        }
        let mut runs = Vec::with_capacity(count);
        let mut end = 0u32;
        for index in 0..count {
            let (gap, length) = (cursor.varint32()?, cursor.varint32()?);
            // Runs do not touch, or they would be one: only the first may begin at its predecessor's end, 0.
            if index > 0 && gap < 2 {
                return malformed("a set of numbers is not in order");
            }
            let first = end.checked_add(gap).ok_or(Broken::Malformed("a set exceeds its numbers"))?;
            end = first.checked_add(length).ok_or(Broken::Malformed("a set exceeds its numbers"))?;
            runs.push((first, end));
        }
        Ok(RefSet { runs })
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

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.rows));
        put_varint(out, u64::from(self.rows_failed));
        put_varint(out, self.time_first_ns);
        put_varint(out, self.time_last_ns - self.time_first_ns);
        put_varint(out, self.kinds.len() as u64);
        let mut last = 0;
        for &(kind, rows) in &self.kinds {
            put_varint(out, u64::from(kind - last));
            put_varint(out, u64::from(rows));
            last = kind;
        }
        self.threads.put(out);
        self.descriptors.put(out);
    }

    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Decoded<Self> {
        let (rows, rows_failed) = (cursor.varint32()?, cursor.varint32()?);
        if rows as usize > crate::BLOCK_ROWS_MAX || rows_failed > rows {
            return malformed("a block has too many rows");
        }
        let time_first_ns = cursor.varint()?;
        let time_last_ns = time_first_ns
            .checked_add(cursor.varint()?)
            .ok_or(Broken::Malformed("a block ends beyond time"))?;
        let count = cursor.count()?;
        if count > rows as usize {
            return malformed("a block has more kinds of events than rows");
        }
        let mut kinds = Vec::with_capacity(count);
        // No overflow in the sum: at most 2^16 counts below 2^32.
        let (mut last, mut total) = (0u32, 0u64);
        for index in 0..count {
            let (gap, rows) = (cursor.varint32()?, cursor.varint32()?);
            if index > 0 && gap == 0 {
                return malformed("kinds of events are not in order");
            }
            if rows == 0 {
                return malformed("a kind of events has no rows");
            }
            last = last.checked_add(gap).ok_or(Broken::Malformed("a kind exceeds its numbers"))?;
            total += u64::from(rows);
            kinds.push((last, rows));
        }
        if total != u64::from(rows) {
            return malformed("the rows of all kinds are not the rows of the block");
        }
        let (threads, descriptors) = (RefSet::parse(cursor)?, RefSet::parse(cursor)?);
        for set in [&threads, &descriptors] {
            // Each number has a row; so reading the set into a dictionary is bounded.
            if set.len() > rows as usize {
                return malformed("a block has more entities than rows");
            }
        }
        Ok(Summary { rows, rows_failed, time_first_ns, time_last_ns, kinds, threads, descriptors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_numbers_are_runs() {
        let set = RefSet::from_sorted([0, 1, 2, 2, 7, 9, 10, Ref::MAX]);
        assert_eq!(set.runs(), [(0, 2), (7, 7), (9, 10), (Ref::MAX, Ref::MAX)]);
        assert_eq!(set.len(), 7);
        assert!([0, 2, 7, 10, Ref::MAX].into_iter().all(|number| set.contains(number)));
        assert!([3, 6, 8, 11, Ref::MAX - 1].into_iter().all(|number| !set.contains(number)));
        let mut bytes = Vec::new();
        set.put(&mut bytes);
        assert_eq!(RefSet::parse(&mut Cursor::new(&bytes)), Ok(set));
    }

    #[test]
    fn summaries_survive() {
        let summary = Summary {
            rows: 10,
            rows_failed: 3,
            time_first_ns: 5_000_000_000,
            time_last_ns: 5_000_000_017,
            kinds: vec![(1, 4), (300, 6)],
            threads: RefSet::from_sorted([4, 5]),
            descriptors: RefSet::from_sorted([0, 9]),
        };
        let mut bytes = Vec::new();
        summary.put(&mut bytes);
        assert_eq!(Summary::parse(&mut Cursor::new(&bytes)), Ok(summary.clone()));
        assert_eq!((summary.rows_of_kind(300), summary.rows_of_kind(2)), (6, 0));
    }
    #[test]
    fn a_summary_claims_no_more_than_its_rows() {
        let refusal = |head: &[u8]| {
            let head = [head, &[0; 70_000]].concat();
            Summary::parse(&mut Cursor::new(&head)).expect_err("it is refused")
        };
        // Rows, failed, first time, span; then kinds.
        let more = refusal(&[1, 0, 0, 0, 2, 1, 1, 1, 0]);
        assert_eq!(more, Broken::Malformed("a block has more kinds of events than rows"));
        let none = refusal(&[2, 0, 0, 0, 2, 1, 2, 1, 0]);
        assert_eq!(none, Broken::Malformed("a kind of events has no rows"));
        // One kind; 65537 runs of threads.
        let runs = refusal(&[1, 0, 0, 0, 1, 1, 1, 0x81, 0x80, 4]);
        assert_eq!(runs, Broken::Malformed("a set has more runs than a block has rows"));
    }
}
