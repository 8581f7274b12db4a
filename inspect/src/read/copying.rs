//! `-w`: the events that match are copied instead of printed.

use anyhow::Result;
use capture_format::model::Arg;
use capture_format::{EventsBlock, ReadError};
use query::{Query, Recording, Rows};

use super::Outcome;
use super::block::{Bounds, KindCount, Unreadable, row_after};
use crate::copy::Copy;

/// Selects and copies, block by block.
pub(super) struct CopyReader<'a> {
    pub(super) query: Query,
    pub(super) copy: Copy<'a>,
    pub(super) by_kind: bool,
}

impl CopyReader<'_> {
    /// Copies the matching events of a block. Damage is noted in the outcome; an error is one of writing.
    pub(super) fn read(
        &mut self,
        recording: &Recording<'_>,
        rows: &Rows<'_>,
        bounds: Bounds,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let block = rows.events;
        let (selection, end, mut counted) = match self.select(recording, rows, bounds) {
            Ok(selected) => selected,
            Err(error) => {
                outcome.failures.push((error, block.rows() as u64));
                return Ok(());
            }
        };
        let mut unreadable = Unreadable::default();
        let mut args: Vec<Arg<'_>> = Vec::new();
        for row in selection.iter().take_while(|&row| row < end) {
            if outcome.matched == bounds.events_max {
                break;
            }
            if unreadable.skips(block, row) {
                continue;
            }
            match block.event(row, &mut args) {
                Ok(event) => self.copy.push(recording.entities, &event)?,
                Err(error) => match unreadable.add(block, row, error) {
                    Ok(()) => continue,
                    Err(error) => {
                        outcome.failures.push((error, (end - row) as u64));
                        break;
                    }
                },
            }
            outcome.matched += 1;
            counted.add(row);
        }
        outcome.kinds = counted.finish();
        outcome.failures.extend(unreadable.failure);
        Ok(())
    }

    fn select<'b>(
        &mut self,
        recording: &Recording<'_>,
        rows: &Rows<'b>,
        bounds: Bounds,
    ) -> Result<(query::Selection, usize, KindCount<'b>), ReadError> {
        let block: &'b EventsBlock<'b> = rows.events;
        let selection = self.query.select(recording, rows)?;
        Ok((selection, row_after(block, bounds.until_ns)?, KindCount::new(block, self.by_kind)?))
    }
}
