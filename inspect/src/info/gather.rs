//! Counting what is in a capture: a file's blocks in parallel, a stream's as they arrive.

use std::collections::HashMap;
use std::ops::ControlFlow;

use anyhow::Result;
use capture_format::model::Ref;
use capture_format::{Capture, Codes, Column, EventsBlock, ReadAt, ReadError, Segment};

use super::{ColumnName, Counts, Info};
use crate::input::{Arrival, CaptureFile, Input, Segments, Source, describe};
use crate::scan::{ordered, threads_usual};

/// Reads a capture to its end.
pub(super) fn gather(input: Input) -> Result<Info> {
    let Input { name, source } = input;
    let mut info = match source {
        Source::File(file) => from_file(&name, file),
        Source::Stream(stream) => from_stream(Segments::new(stream)),
    }
    .map_err(|error| describe(&name, error))?;
    info.name = name;
    Ok(info)
}

fn from_file(name: &str, file: CaptureFile) -> Result<Info, ReadError> {
    let bytes = file.len();
    let capture = Capture::open(file)?;
    let mut info = Info {
        name: name.to_owned(),
        bytes,
        finished: capture.is_finished(),
        host: capture.host().cloned(),
        losses: capture.losses().to_vec(),
        tallies: capture.tallies().to_vec(),
        marks: capture.marks().to_vec(),
        damage: capture.damage().to_vec(),
        ..Info::default()
    };
    for segment in capture.segments() {
        let (count, bytes) = info.segments.entry(segment.kind.name()).or_default();
        *count += 1;
        *bytes += segment.bytes;
    }
    let jobs: Vec<usize> = (0..capture.blocks().len()).collect();
    let counted = ordered(
        &jobs,
        threads_usual(),
        || (),
        |(), &index| {
            let mut counts = Counts::default();
            let read = capture.block(index).and_then(|block| counts.add_block(&block));
            read.map(|()| counts).map_err(|error| (index, error))
        },
        |outcome| {
            match outcome {
                Ok(counts) => info.counts.add(counts),
                Err((index, ReadError::Damaged(damage))) => {
                    info.unreadable += u64::from(capture.blocks()[index].summary.rows);
                    info.damage.push(damage);
                }
                Err((_, error)) => return ControlFlow::Break(error),
            }
            ControlFlow::Continue(())
        },
    );
    if let ControlFlow::Break(error) = counted {
        return Err(error);
    }
    info.entities = capture.entities().clone();
    Ok(info)
}

fn from_stream(mut segments: Segments) -> Result<Info, ReadError> {
    let mut info = Info::default();
    while let Some(arrival) = segments.next()? {
        let segment = match arrival {
            Arrival::Segment(segment) => segment,
            Arrival::Damage(damage) => {
                info.damage.push(damage);
                continue;
            }
        };
        match segment {
            Segment::Host(host) => info.host = Some(host),
            Segment::Entities(definitions) => {
                for (number, entity) in definitions {
                    info.entities.define(number, entity);
                }
            }
            Segment::Events(block) => match info.counts.add_block(&block) {
                Ok(()) => {}
                Err(ReadError::Damaged(damage)) => info.damage.push(damage),
                Err(error) => return Err(error),
            },
            Segment::Counts(losses, tallies) => {
                info.losses.extend(losses);
                for tally in tallies {
                    // In order of the CPUs: a hostile capture may claim 2^16 of them, over and over.
                    match info.tallies.binary_search_by_key(&tally.cpu, |known| known.cpu) {
                        Ok(at) => info.tallies[at] = tally,
                        Err(at) => info.tallies.insert(at, tally),
                    }
                }
            }
            Segment::Marks(marks) => info.marks.extend(marks),
            Segment::End => info.finished = true,
            _ => {}
        }
    }
    info.bytes = segments.bytes;
    Ok(info)
}

impl Counts {
    /// Counts a block. When it is damaged nothing of it is counted.
    fn add_block(&mut self, block: &EventsBlock<'_>) -> Result<(), ReadError> {
        let kinds = block.kinds()?;
        let threads = block.threads()?;
        let summary = block.summary();
        let mut failed = 0;
        for &kind in kinds.dictionary() {
            let results = block.results(kind)?;
            failed += results.values().iter().filter(|&&result| result < 0).count() as u64;
        }
        add_codes(&mut self.kinds, kinds);
        add_codes(&mut self.threads, threads);
        self.failed += failed;
        self.events += block.rows() as u64;
        self.blocks += 1;
        self.widen(Some((summary.time_first_ns, summary.time_last_ns)));
        for size in block.column_sizes() {
            let (stored, raw) = self.columns.entry(ColumnName::of(size.column)).or_default();
            *stored += size.bytes_stored;
            *raw += size.bytes_raw;
        }
        Ok(())
    }

    fn add(&mut self, other: Counts) {
        self.events += other.events;
        self.blocks += other.blocks;
        self.failed += other.failed;
        self.widen(other.span);
        add_each(&mut self.kinds, other.kinds);
        add_each(&mut self.threads, other.threads);
        for (name, (stored, raw)) in other.columns {
            let sum = self.columns.entry(name).or_default();
            sum.0 += stored;
            sum.1 += raw;
        }
    }

    fn widen(&mut self, span: Option<(u64, u64)>) {
        self.span = match (self.span, span) {
            (Some((first, last)), Some((from, to))) => Some((first.min(from), last.max(to))),
            (known, None) => known,
            (None, new) => new,
        };
    }
}

impl ColumnName {
    fn of(column: Column) -> ColumnName {
        match column {
            Column::Time => ColumnName::Common("time"),
            Column::Cpu => ColumnName::Common("cpu"),
            Column::Kind => ColumnName::Common("kind"),
            Column::Thread => ColumnName::Common("thread"),
            Column::Descriptor => ColumnName::Common("descriptor"),
            Column::Names => ColumnName::Common("names"),
            Column::Data => ColumnName::Common("data"),
            Column::Result(_) => ColumnName::Common("result"),
            Column::Latency(_) => ColumnName::Common("latency"),
            Column::Arg(kind, arg) => ColumnName::Arg(kind, arg),
        }
    }
}

/// Adds how often each entity number occurs in a column.
fn add_codes(totals: &mut HashMap<Ref, u64>, codes: &Codes) {
    let mut by_code = vec![0u64; codes.dictionary().len()];
    for &code in codes.codes() {
        by_code[usize::from(code)] += 1;
    }
    for (&number, count) in codes.dictionary().iter().zip(by_code) {
        *totals.entry(number).or_default() += count;
    }
}

fn add_each(totals: &mut HashMap<Ref, u64>, others: HashMap<Ref, u64>) {
    for (number, count) in others {
        *totals.entry(number).or_default() += count;
    }
}
