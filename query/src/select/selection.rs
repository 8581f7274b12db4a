//! Sets of rows, one bit each.

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

    /// No row of a block of this many.
    pub(crate) fn none(rows: usize) -> Self {
        Selection { words: vec![0; rows.div_ceil(64)], rows }
    }

    pub(crate) fn insert(&mut self, row: usize) {
        self.words[row / 64] |= 1 << (row % 64);
    }

    /// Adds a row if something holds, without asking the processor to guess whether.
    pub(crate) fn insert_if(&mut self, row: usize, holds: bool) {
        self.words[row / 64] |= u64::from(holds) << (row % 64);
    }

    pub(crate) fn add(&mut self, other: &Selection) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    pub(crate) fn remove(&mut self, other: &Selection) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    /// The rows of this set for which something holds.
    pub(crate) fn filtered(&self, holds: impl Fn(usize) -> bool) -> Selection {
        let mut selected = Selection::none(self.rows);
        for (at, &word) in self.words.iter().enumerate().filter(|(_, word)| **word != 0) {
            let rows = at * 64..self.rows.min(at * 64 + 64);
            let holding = rows.fold(0, |bits, row| bits | u64::from(holds(row)) << (row % 64));
            selected.words[at] = word & holding;
        }
        selected
    }

    /// The rows of this set whose code is marked.
    pub(crate) fn with_codes(&self, codes: &[u16], marked: &[bool]) -> Selection {
        let mut words = self.words.clone();
        for (word, codes) in words.iter_mut().zip(codes.chunks(64)).filter(|(word, _)| **word != 0) {
            let mut holding = 0;
            for (bit, &code) in codes.iter().enumerate() {
                holding |= u64::from(marked[usize::from(code)]) << bit;
            }
            *word &= holding;
        }
        Selection { words, rows: self.rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_as_they_went_in() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let all = Selection::all(rows);
            assert_eq!(all.len(), rows);
            assert!(all.iter().eq(0..rows));
            assert!(!all.contains(rows));
            let mut odd = Selection::none(rows);
            (1..rows).step_by(2).for_each(|row| odd.insert(row));
            let mut even = all.clone();
            even.remove(&odd);
            assert!(even.iter().eq((0..rows).step_by(2)));
            even.add(&odd);
            assert_eq!(even, all);
            let codes: Vec<u16> = (0..rows).map(|row| (row % 2) as u16).collect();
            assert_eq!(all.with_codes(&codes, &[false, true]), odd);
            assert_eq!(all.filtered(|row| row % 2 == 1), odd);
            assert!(odd.filtered(|row| row % 2 == 0).is_empty());
        }
    }
}
