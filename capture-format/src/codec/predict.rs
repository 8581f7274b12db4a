//! Predictors: what a column's values are expected to be, so that only the difference is stored.
//!
//! | tag | name       | a value is compared with                                                     |
//! |-----|------------|------------------------------------------------------------------------------|
//! | 0   | none       | nothing: it is stored as it is                                               |
//! | 1   | previous   | the value before it in the column                                            |
//! | 2   | thread     | the last value of the same thread in the column                              |
//! | 3   | descriptor | the last value with the same descriptor in the column                        |
//! | 4   | argument   | the numeric argument whose index follows, in the same row                    |
//! | 5   | sparse     | as `thread`, where 0 stays 0, is not remembered, and differences start at 1  |
//! | 6   | zero       | 0: for numbers of both signs                                                 |
//!
//! Differences wrap and are stored zigzag. Before the first value the expectation is 0.

use std::ops::Range;

use super::bytes::{Cursor, unzigzag, zigzag};
use super::ints;
use super::payload::ColumnParts;
use super::{Decoded, malformed};

/// How values are predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predictor {
    None,
    Previous,
    Thread,
    Descriptor,
    Argument(u8),
    Sparse,
    Zero,
}

/// A number per row: rows of equal numbers belong together. All are below `bound`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Groups<'a> {
    pub(crate) of_row: &'a [u16],
    pub(crate) bound: usize,
}

/// What predictors may look at; each as long as the column.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context<'a> {
    pub(crate) threads: Groups<'a>,
    pub(crate) descriptors: Groups<'a>,
    /// Numeric arguments by index, for [`Predictor::Argument`].
    pub(crate) args: &'a [Option<&'a [u64]>],
}

impl<'a> Context<'a> {
    fn arg(&self, index: u8) -> Option<&'a [u64]> {
        self.args.get(usize::from(index)).copied().flatten()
    }
}

impl Predictor {
    fn put(self, header: &mut Vec<u8>) {
        let tag = match self {
            Predictor::None => 0,
            Predictor::Previous => 1,
            Predictor::Thread => 2,
            Predictor::Descriptor => 3,
            Predictor::Argument(_) => 4,
            Predictor::Sparse => 5,
            Predictor::Zero => 6,
        };
        header.push(tag);
        if let Predictor::Argument(index) = self {
            header.push(index);
        }
    }

    pub(crate) fn parse(header: &mut Cursor<'_>) -> Decoded<Self> {
        Ok(match header.u8()? {
            0 => Predictor::None,
            1 => Predictor::Previous,
            2 => Predictor::Thread,
            3 => Predictor::Descriptor,
            4 => Predictor::Argument(header.u8()?),
            5 => Predictor::Sparse,
            6 => Predictor::Zero,
            _ => return malformed("an unknown predictor"),
        })
    }

    /// What is stored for some of the values, as if the column began with them.
    fn apply(self, values: &[u64], rows: Range<usize>, context: &Context<'_>) -> Vec<u64> {
        let difference = |value: u64, expected: u64| zigzag(value.wrapping_sub(expected) as i64);
        let values = &values[rows.clone()];
        match self {
            Predictor::None => values.to_vec(),
            Predictor::Zero => values.iter().map(|&value| difference(value, 0)).collect(),
            Predictor::Previous => {
                let before = std::iter::once(0).chain(values.iter().copied());
                values.iter().zip(before).map(|(&value, before)| difference(value, before)).collect()
            }
            Predictor::Thread => grouped(values, rows, context.threads, difference),
            Predictor::Descriptor => grouped(values, rows, context.descriptors, difference),
            Predictor::Argument(index) => {
                let arg = &context.arg(index).unwrap_or_default()[rows];
                values.iter().zip(arg).map(|(&value, &arg)| difference(value, arg)).collect()
            }
            Predictor::Sparse => {
                let mut last = vec![0u64; context.threads.bound];
                let rows = values.iter().zip(&context.threads.of_row[rows]);
                rows.map(|(&value, &group)| {
                    if value == 0 {
                        return 0;
                    }
                    let expected = std::mem::replace(&mut last[usize::from(group)], value);
                    difference(value, expected) + 1
                })
                .collect()
            }
        }
    }

    /// What is stored for a part of the column that stands for the whole: its beginning and its middle.
    fn apply_to_sample(self, values: &[u64], context: &Context<'_>) -> Vec<u64> {
        let middle = values.len() / 2;
        if values.len() <= 4 * SAMPLE_ROWS {
            return self.apply(values, 0..values.len(), context);
        }
        let mut sample = self.apply(values, 0..SAMPLE_ROWS, context);
        // The rows before the middle only show it what came before.
        let warm = self.apply(values, middle - SAMPLE_ROWS..middle + SAMPLE_ROWS, context);
        sample.extend_from_slice(&warm[SAMPLE_ROWS..]);
        sample
    }

    /// The inverse of [`Self::apply`], in place.
    pub(crate) fn undo(self, values: &mut [u64], context: &Context<'_>) -> Decoded<()> {
        let sum = |stored: u64, expected: u64| expected.wrapping_add(unzigzag(stored) as u64);
        match self {
            Predictor::None => {}
            Predictor::Zero => values.iter_mut().for_each(|value| *value = sum(*value, 0)),
            Predictor::Previous => {
                let mut last = 0;
                for value in values {
                    last = sum(*value, last);
                    *value = last;
                }
            }
            Predictor::Thread => ungroup(values, context.threads)?,
            Predictor::Descriptor => ungroup(values, context.descriptors)?,
            Predictor::Argument(index) => {
                let Some(arg) = context.arg(index).filter(|arg| arg.len() == values.len()) else {
                    return malformed("a predictor names an argument that is no number");
                };
                values.iter_mut().zip(arg).for_each(|(value, &arg)| *value = sum(*value, arg));
            }
            Predictor::Sparse => {
                if context.threads.of_row.len() != values.len() {
                    return malformed("a predictor cannot be used here");
                }
                let mut last = vec![0u64; context.threads.bound];
                for (value, &group) in values.iter_mut().zip(context.threads.of_row) {
                    if *value != 0 {
                        let last = &mut last[usize::from(group)];
                        *last = sum(*value - 1, *last);
                        *value = *last;
                    }
                }
            }
        }
        Ok(())
    }
}

fn grouped(
    values: &[u64],
    rows: Range<usize>,
    groups: Groups<'_>,
    difference: impl Fn(u64, u64) -> u64,
) -> Vec<u64> {
    let mut last = vec![0u64; groups.bound];
    let rows = values.iter().zip(&groups.of_row[rows]);
    rows.map(|(&value, &group)| {
        let expected = std::mem::replace(&mut last[usize::from(group)], value);
        difference(value, expected)
    })
    .collect()
}

fn ungroup(values: &mut [u64], groups: Groups<'_>) -> Decoded<()> {
    if groups.of_row.len() != values.len() {
        return malformed("a predictor cannot be used here");
    }
    let mut last = vec![0u64; groups.bound];
    for (value, &group) in values.iter_mut().zip(groups.of_row) {
        let last = &mut last[usize::from(group)];
        *last = last.wrapping_add(unzigzag(*value) as u64);
        *value = *last;
    }
    Ok(())
}

/// Columns of fewer rows than this take the first predictor.
const COMPARE_ROWS: usize = 64;

/// A column that costs fewer bits than this per row needs no further trial.
const GOOD_BITS: f64 = 0.05;

/// Rows of each of the two parts of a column by which predictors are compared.
const SAMPLE_ROWS: usize = 512;

/// Encodes a column with what seems the best of these predictors.
pub(crate) fn encode(values: &[u64], candidates: &[Predictor], context: &Context<'_>) -> ColumnParts {
    let mut best: Option<(Predictor, ints::Choice)> = None;
    for &predictor in candidates {
        // With one thread its last value is the value before.
        if predictor == Predictor::Thread
            && context.threads.bound == 1
            && candidates.contains(&Predictor::Previous)
        {
            continue;
        }
        let sample = predictor.apply_to_sample(values, context);
        let choice = ints::choose(&sample);
        if best.is_none_or(|(_, known)| choice.bits < known.bits) {
            best = Some((predictor, choice));
        }
        if values.len() < COMPARE_ROWS || choice.bits < GOOD_BITS * sample.len() as f64 {
            break;
        }
    }
    let mut out = ColumnParts::default();
    if let Some((predictor, choice)) = best {
        predictor.put(&mut out.header);
        let stored = predictor.apply(values, 0..values.len(), context);
        ints::encode_chosen(choice, &stored, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_undone() {
        let values = [5, 0, u64::MAX, 7, 7, 1 << 63, 0, 5];
        let of_row = [0, 1, 0, 2, 1, 0, 2, 2];
        let groups = Groups { of_row: &of_row, bound: 3 };
        let arg = [4, 4, 4, 1, 0, 0, u64::MAX, 5];
        let context = Context { threads: groups, descriptors: groups, args: &[None, Some(&arg)] };
        for predictor in [
            Predictor::None,
            Predictor::Previous,
            Predictor::Thread,
            Predictor::Descriptor,
            Predictor::Argument(1),
            Predictor::Sparse,
            Predictor::Zero,
        ] {
            let mut stored = predictor.apply(&values, 0..values.len(), &context);
            assert_eq!(predictor.undo(&mut stored, &context), Ok(()));
            assert_eq!(stored, values, "{predictor:?}");
            let mut header = Vec::new();
            predictor.put(&mut header);
            assert_eq!(Predictor::parse(&mut Cursor::new(&header)), Ok(predictor));
        }
    }
}
