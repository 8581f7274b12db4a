//! One block: select, and print what was selected.

use capture_format::model::Ref;
use capture_format::{EventsBlock, ReadError};
use query::{Printer, Query, Recording, Rows};

use super::gap::{Gap, GapPrinter};
use crate::plan::{ReadPlan, Show};

/// Looks at blocks; each thread has one, because filters and printers remember what they found out about entities.
#[derive(Clone)]
pub(crate) struct BlockReader {
    query: Query,
    printer: Option<Printer>,
    gap_printer: Option<GapPrinter>,
    by_kind: bool,
    /// Remember where each event's text ends, so that it can be cut after any of them.
    cuttable: bool,
}

/// What came of a block.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Lines or objects.
    pub(crate) text: Vec<u8>,
    /// Where the text of each event ends, if the output may have to be cut.
    pub(crate) ends: Vec<usize>,
    /// Matching events.
    pub(crate) matched: u64,
    /// Matching events by kind, in no order.
    pub(crate) kinds: Vec<(Ref, u64)>,
    /// What could not be read, and how many events are missing for it.
    pub(crate) failures: Vec<(ReadError, u64)>,
}

impl Outcome {
    /// Empties it; its memory stays for the next block.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.kinds.clear();
        self.failures.clear();
        self.matched = 0;
    }
}

/// How far a block is to be read.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// No events after this time.
    pub(crate) until_ns: u64,
    /// No more events than this.
    pub(crate) events_max: u64,
}

impl BlockReader {
    pub(crate) fn new(plan: &ReadPlan, query: Query) -> BlockReader {
        let (printer, gap_printer) = match &plan.show {
            Show::Lines(format, options) => {
                (Some(Printer::new(format, *options)), Some(GapPrinter::new(*options)))
            }
            _ => (None, None),
        };
        BlockReader {
            query,
            printer,
            gap_printer,
            by_kind: plan.summary,
            cuttable: plan.events_max.is_some() || plan.unbuffered,
        }
    }

    /// Whether blocks must be read by one reader in order.
    pub(crate) fn is_sequential(&self) -> bool {
        self.printer.as_ref().is_some_and(Printer::is_sequential)
    }

    /// Call it when entities were completed.
    pub(crate) fn forget(&mut self) {
        self.query.forget();
        if let Some(printer) = &mut self.printer {
            printer.forget();
        }
    }

    /// Reads a block into `outcome`, with the gaps that fell into it or before it. What was read before a
    /// failure stays.
    pub(crate) fn read(
        &mut self,
        recording: &Recording<'_>,
        rows: &Rows<'_>,
        gaps: &[Gap],
        bounds: Bounds,
        outcome: &mut Outcome,
    ) {
        let mut waiting = gaps;
        if let Err(error) = self.read_rows(recording, rows, &mut waiting, bounds, outcome) {
            let missing = (rows.events.rows() as u64).saturating_sub(outcome.matched);
            outcome.failures.push((error, missing));
        }
        if outcome.matched < bounds.events_max {
            self.print_gaps(recording, waiting, &mut outcome.text);
        }
    }

    /// Gaps alone, where no block follows.
    pub(crate) fn print_gaps(&self, recording: &Recording<'_>, gaps: &[Gap], text: &mut Vec<u8>) {
        if let Some(printer) = &self.gap_printer {
            gaps.iter().for_each(|gap| printer.write(recording, gap, text));
        }
    }

    fn read_rows(
        &mut self,
        recording: &Recording<'_>,
        rows: &Rows<'_>,
        waiting: &mut &[Gap],
        bounds: Bounds,
        outcome: &mut Outcome,
    ) -> Result<(), ReadError> {
        let block = rows.events;
        let selection = self.query.select(recording, rows)?;
        let end = row_after(block, bounds.until_ns)?;
        let selected = selection.len();
        let within_bounds = end == block.rows() && selected as u64 <= bounds.events_max;
        if self.printer.is_none() && within_bounds && (!self.by_kind || selected == block.rows()) {
            outcome.matched = selected as u64;
            if self.by_kind {
                outcome
                    .kinds
                    .extend(block.summary().kinds.iter().map(|&(kind, rows)| (kind, u64::from(rows))));
            }
            return Ok(());
        }
        if selected == 0 {
            return Ok(());
        }
        let mut counted = KindCount::new(block, self.by_kind)?;
        let mut unreadable = Unreadable::default();
        let mut lines = match &mut self.printer {
            Some(printer) => Some(printer.lines(recording, rows)?),
            None => None,
        };
        for row in selection.iter().take_while(|&row| row < end) {
            if outcome.matched == bounds.events_max {
                break;
            }
            if unreadable.skips(block, row) {
                continue;
            }
            if let (Some(lines), Some(gap_printer)) = (&mut lines, &self.gap_printer) {
                if !waiting.is_empty() {
                    let time = block.times()?[row];
                    let passed = waiting.partition_point(|gap| gap.begin_ns() <= time);
                    for gap in &waiting[..passed] {
                        gap_printer.write(recording, gap, &mut outcome.text);
                    }
                    *waiting = &waiting[passed..];
                }
                let length = outcome.text.len();
                if let Err(error) = lines.write_row(row, &mut outcome.text) {
                    outcome.text.truncate(length);
                    unreadable.add(block, row, error)?;
                    continue;
                }
                if self.cuttable {
                    outcome.ends.push(outcome.text.len());
                }
            }
            outcome.matched += 1;
            counted.add(row);
        }
        outcome.kinds = counted.finish();
        outcome.failures.extend(unreadable.failure);
        Ok(())
    }
}

/// The first row after a time.
pub(crate) fn row_after(block: &EventsBlock<'_>, until_ns: u64) -> Result<usize, ReadError> {
    if until_ns >= block.summary().time_last_ns {
        return Ok(block.rows());
    }
    Ok(block.times()?.partition_point(|&time| time <= until_ns))
}

/// Events whose columns are damaged. A damaged column spoils the events of one kind, the others go on; a second
/// look at a damaged column would cost as much as the first, so their rows are not tried again.
#[derive(Default)]
pub(crate) struct Unreadable {
    kinds: Vec<Ref>,
    pub(crate) failure: Option<(ReadError, u64)>,
}

impl Unreadable {
    pub(crate) fn skips(&mut self, block: &EventsBlock<'_>, row: usize) -> bool {
        let Some((_, missing)) = &mut self.failure else {
            return false;
        };
        let spoilt = block.kinds().is_ok_and(|kinds| self.kinds.contains(&kinds.get(row)));
        *missing += u64::from(spoilt);
        spoilt
    }

    /// Fails when the damage is not confined to one kind, or is none of the capture's.
    pub(crate) fn add(
        &mut self,
        block: &EventsBlock<'_>,
        row: usize,
        error: ReadError,
    ) -> Result<(), ReadError> {
        if !matches!(error, ReadError::Damaged(_)) {
            return Err(error);
        }
        self.kinds.push(block.kinds()?.get(row));
        match &mut self.failure {
            Some((_, missing)) => *missing += 1,
            None => self.failure = Some((error, 1)),
        }
        Ok(())
    }
}

/// Counts events by kind.
pub(crate) struct KindCount<'a> {
    kinds: Option<&'a capture_format::Codes>,
    by_code: Vec<u64>,
}

impl<'a> KindCount<'a> {
    pub(crate) fn new(block: &'a EventsBlock<'_>, wanted: bool) -> Result<Self, ReadError> {
        let kinds = if wanted { Some(block.kinds()?) } else { None };
        Ok(KindCount { kinds, by_code: vec![0; kinds.map_or(0, |kinds| kinds.dictionary().len())] })
    }

    pub(crate) fn add(&mut self, row: usize) {
        if let Some(kinds) = self.kinds {
            self.by_code[usize::from(kinds.codes()[row])] += 1;
        }
    }

    pub(crate) fn finish(self) -> Vec<(Ref, u64)> {
        let numbers = self.kinds.map_or(&[][..], |kinds| kinds.dictionary());
        numbers.iter().copied().zip(self.by_code).filter(|&(_, count)| count > 0).collect()
    }
}
