//! Reading a file: blocks that can match, in parallel.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use capture_format::model::{Host, Loss};
use capture_format::{Capture, EventsBlock, ReadAt};
use query::{Query, Recording, Rows};

use super::block::Bounds;
use super::copying::CopyReader;
use super::{BlockReader, Gap, Outcome, Tail};
use crate::copy::Copy;
use crate::exit::Exit;
use crate::input::CaptureFile;
use crate::plan::{ReadPlan, Show, WritePlan};
use crate::scan::{Job, ordered, plan_blocks};
use crate::talk;

/// Prints the matching events of a file.
pub(super) fn read(plan: &ReadPlan, name: &str, capture: &Capture<CaptureFile>) -> Result<Exit> {
    let blocks = capture.blocks();
    let first_time_ns = blocks.first().map_or(0, |block| block.summary.time_first_ns);
    let until_ns = plan.span_ns.map_or(u64::MAX, |span| first_time_ns.saturating_add(span));
    let host = capture.host().cloned().unwrap_or_else(Host::default);
    let recording = Recording { entities: capture.entities(), host: &host, first_time_ns };
    let losses: Vec<Loss> =
        capture.losses().iter().filter(|loss| loss.from_ns <= until_ns).cloned().collect();
    let gaps = Gap::all(&losses, capture.marks(), until_ns);

    let mut query = Query::new(plan.filter.as_ref());
    let jobs = plan_blocks(&mut query, &recording, blocks, &gaps, until_ns);
    let remaining = AtomicU64::new(plan.events_max.unwrap_or(u64::MAX));
    let mut tail = Tail::new(plan, name, &remaining)?;
    capture.damage().iter().for_each(|damage| tail.damage(damage));

    let scan = Scan {
        plan,
        capture,
        recording,
        losses: &losses,
        gaps: &gaps,
        jobs: &jobs,
        until_ns,
        remaining: &remaining,
    };
    let blocks_read = match &plan.show {
        Show::Capture(write) => scan.copy(write, query, &mut tail)?,
        _ => scan.print(query, &mut tail)?,
    };
    if plan.verbose {
        let (read, bytes, total) = (capture.source().bytes_read(), capture.source().len(), blocks.len());
        talk::say(format_args!("read {read} of {bytes} bytes, {blocks_read} of {total} blocks"));
    }
    tail.finish(capture.entities(), losses.iter().fold(0, |lost, loss| lost.saturating_add(loss.count)))
}

/// A scan as it was planned.
struct Scan<'a> {
    plan: &'a ReadPlan,
    capture: &'a Capture<CaptureFile>,
    recording: Recording<'a>,
    losses: &'a [Loss],
    /// In order of their beginning.
    gaps: &'a [Gap],
    jobs: &'a [Job],
    until_ns: u64,
    remaining: &'a AtomicU64,
}

impl Scan<'_> {
    fn bounds(&self) -> Bounds {
        Bounds { until_ns: self.until_ns, events_max: self.remaining.load(Ordering::Relaxed) }
    }

    /// Prints in parallel; returns how many blocks were looked at.
    fn print(&self, query: Query, tail: &mut Tail<'_>) -> Result<u64> {
        let reader = BlockReader::new(self.plan, query);
        if self.remaining.load(Ordering::Relaxed) == 0 {
            return Ok(0);
        }
        // A sum by type cannot be cut after some events, so then no block is read ahead.
        let one_by_one = reader.is_sequential() || (self.plan.events_max.is_some() && self.plan.summary);
        let threads = if one_by_one { 1 } else { self.plan.threads };
        let texts = Texts::default();
        let mut blocks_read = 0;
        let mut consume = |mut outcome: Outcome| -> Result<ControlFlow<()>> {
            blocks_read += 1;
            for (error, missing) in outcome.failures.drain(..) {
                tail.fail(error, missing)?;
            }
            let flow = tail.take(&outcome)?;
            texts.give_back(outcome.text);
            Ok(flow)
        };
        let ended = ordered(
            self.jobs,
            threads,
            || reader.clone(),
            |reader, job| self.read_block(reader, job, texts.take()),
            |outcome| match consume(outcome) {
                Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
                Ok(ControlFlow::Break(())) => ControlFlow::Break(Ok(())),
                Err(error) => ControlFlow::Break(Err(error)),
            },
        );
        match ended {
            ControlFlow::Break(Err(error)) => return Err(error),
            ControlFlow::Break(Ok(())) => {}
            ControlFlow::Continue(()) => {
                let leftover = self.jobs.last().map_or(0, |job| job.gaps.end);
                let mut rest = Outcome::default();
                reader.print_gaps(&self.recording, &self.gaps[leftover..], &mut rest.text);
                let _ = tail.take(&rest)?;
            }
        }
        Ok(blocks_read)
    }

    fn read_block(&self, reader: &mut BlockReader, job: &Job, text: Vec<u8>) -> Outcome {
        let mut outcome = Outcome { text, ..Outcome::default() };
        let gaps = &self.gaps[job.gaps.clone()];
        match self.capture.block(job.block) {
            Ok(events) => {
                let rows = rows(job, &events);
                reader.read(&self.recording, &rows, gaps, self.bounds(), &mut outcome);
            }
            Err(error) => {
                outcome.failures.push((error, self.rows_of(job)));
                reader.print_gaps(&self.recording, gaps, &mut outcome.text);
            }
        }
        outcome
    }

    /// Copies, one block after the other; returns how many were looked at.
    fn copy(&self, write: &WritePlan, query: Query, tail: &mut Tail<'_>) -> Result<u64> {
        let mut copy = Copy::new(write, Some(self.capture.source().id()));
        copy.set_host(self.recording.host);
        copy.lose(self.losses);
        copy.tally(self.capture.tallies());
        copy.mark(self.capture.marks());
        let mut reader = CopyReader { query, copy, by_kind: self.plan.summary };
        let mut blocks_read = 0;
        for job in self.jobs {
            if self.remaining.load(Ordering::Relaxed) == 0 {
                break;
            }
            blocks_read += 1;
            let mut outcome = Outcome::default();
            match self.capture.block(job.block) {
                Ok(events) => {
                    reader.read(&self.recording, &rows(job, &events), self.bounds(), &mut outcome)?;
                }
                Err(error) => outcome.failures.push((error, self.rows_of(job))),
            }
            for (error, missing) in outcome.failures.drain(..) {
                tail.fail(error, missing)?;
            }
            let _ = tail.take(&outcome)?;
        }
        reader.copy.finish(self.recording.entities)?;
        Ok(blocks_read)
    }

    fn rows_of(&self, job: &Job) -> u64 {
        u64::from(self.capture.blocks()[job.block].summary.rows)
    }
}

fn rows<'a>(job: &Job, events: &'a EventsBlock<'a>) -> Rows<'a> {
    Rows { events, first_number: job.first_number, time_before_ns: job.time_before_ns }
}

/// Buffers for the text of blocks, used again: a block's text has many megabytes, and fresh memory of that size
/// costs a page fault every few lines.
#[derive(Default)]
struct Texts(Mutex<Vec<Vec<u8>>>);

impl Texts {
    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, mut text: Vec<u8>) {
        text.clear();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}
