//! Reading a stream: every segment is taken as it arrives and its events are printed at once.
//!
//! Entities that are completed later cannot reach back to lines that are printed already; everything else is as
//! with a file.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use capture_format::model::{Entity, Host, Loss, Mark, Ref};
use capture_format::{Entities, EventsBlock, Segment};
use query::{Query, Recording, Rows};

use super::block::Bounds;
use super::copying::CopyReader;
use super::{BlockReader, Gap, Outcome, Tail};
use crate::copy::Copy;
use crate::exit::Exit;
use crate::input::{Arrival, Segments, describe};
use crate::plan::{ReadPlan, Show};
use crate::talk;

/// Prints the matching events of a stream until it ends, or no more are wanted.
pub(super) fn read(plan: &ReadPlan, name: &str, mut segments: Segments) -> Result<Exit> {
    let remaining = AtomicU64::new(plan.events_max.unwrap_or(u64::MAX));
    let mut tail = Tail::new(plan, name, &remaining)?;
    let mut stream = Stream::new(plan, &remaining);
    while remaining.load(Ordering::Relaxed) > 0 {
        let segment = match segments.next().map_err(|error| describe(name, error))? {
            None => break,
            Some(Arrival::Segment(segment)) => segment,
            Some(Arrival::Damage(damage)) => {
                tail.damage(&damage);
                continue;
            }
        };
        let flow = match segment {
            Segment::Host(host) => {
                stream.set_host(host);
                ControlFlow::Continue(())
            }
            Segment::Marks(marks) => {
                if let Taker::Copy(reader) = &mut stream.taker {
                    reader.copy.mark(&marks);
                }
                stream.leave(&[], &marks, &mut tail)?
            }
            Segment::Entities(definitions) => {
                stream.define(definitions);
                ControlFlow::Continue(())
            }
            Segment::Counts(losses, tallies) => {
                if let Taker::Copy(reader) = &mut stream.taker {
                    reader.copy.tally(&tallies);
                }
                stream.lose(&losses, &mut tail)?
            }
            Segment::Events(block) => stream.read(&block, &mut tail)?,
            _ => ControlFlow::Continue(()),
        };
        if flow.is_break() {
            break;
        }
    }
    if plan.verbose {
        let (bytes, blocks) = (segments.bytes, stream.blocks);
        talk::say(format_args!("read {bytes} of {bytes} bytes, {blocks} of {blocks} blocks"));
    }
    let (entities, lost) = stream.finish(&mut tail)?;
    tail.finish(&entities, lost)
}

/// What is done with events.
enum Taker<'a> {
    Print(Box<BlockReader>),
    Copy(Box<CopyReader<'a>>),
}

/// What is known so far.
struct Stream<'a> {
    span_ns: Option<u64>,
    remaining: &'a AtomicU64,
    taker: Taker<'a>,
    entities: Entities,
    host: Host,
    first_time_ns: Option<u64>,
    time_before_ns: Option<u64>,
    events: u64,
    blocks: u64,
    lost: u64,
    /// Gaps not shown yet, in order of their beginning.
    waiting: Vec<Gap>,
    /// Used for each block again.
    outcome: Outcome,
}

impl<'a> Stream<'a> {
    fn new(plan: &'a ReadPlan, remaining: &'a AtomicU64) -> Stream<'a> {
        let query = Query::new(plan.filter.as_ref());
        let taker = match &plan.show {
            Show::Capture(write) => Taker::Copy(Box::new(CopyReader {
                query,
                copy: Copy::new(write, None),
                by_kind: plan.summary,
            })),
            _ => Taker::Print(Box::new(BlockReader::new(plan, query))),
        };
        Stream {
            span_ns: plan.span_ns,
            remaining,
            taker,
            entities: Entities::default(),
            host: Host::default(),
            first_time_ns: None,
            time_before_ns: None,
            events: 0,
            blocks: 0,
            lost: 0,
            waiting: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    fn define(&mut self, definitions: Vec<(Ref, Entity)>) {
        let mut completed = false;
        for (number, entity) in definitions {
            completed |= is_defined(&self.entities, number, &entity);
            if let Taker::Copy(reader) = &mut self.taker {
                reader.copy.complete(&self.entities, number, &entity);
            }
            self.entities.define(number, entity);
        }
        match &mut self.taker {
            Taker::Print(reader) if completed => reader.forget(),
            Taker::Copy(reader) if completed => reader.query.forget(),
            _ => {}
        }
    }

    fn set_host(&mut self, host: Host) {
        if let Taker::Copy(reader) = &mut self.taker {
            reader.copy.set_host(&host);
        }
        self.host = host;
    }

    fn until_ns(&self) -> u64 {
        let first = self.first_time_ns.unwrap_or(0);
        self.span_ns.map_or(u64::MAX, |span| first.saturating_add(span))
    }

    fn read(&mut self, block: &EventsBlock<'_>, tail: &mut Tail<'_>) -> Result<ControlFlow<()>> {
        let summary = block.summary();
        self.first_time_ns.get_or_insert(summary.time_first_ns);
        let until_ns = self.until_ns();
        if summary.time_first_ns > until_ns {
            return Ok(ControlFlow::Break(()));
        }
        let recording = Recording {
            entities: &self.entities,
            host: &self.host,
            first_time_ns: self.first_time_ns.unwrap_or(summary.time_first_ns),
        };
        let rows = Rows { events: block, first_number: self.events + 1, time_before_ns: self.time_before_ns };
        let bounds = Bounds { until_ns, events_max: self.remaining.load(Ordering::Relaxed) };
        let passed = self.waiting.partition_point(|gap| gap.begin_ns() <= summary.time_last_ns);
        self.outcome.clear();
        match &mut self.taker {
            Taker::Print(reader) => {
                reader.read(&recording, &rows, &self.waiting[..passed], bounds, &mut self.outcome);
                self.waiting.drain(..passed);
            }
            Taker::Copy(reader) => {
                reader.read(&recording, &rows, bounds, &mut self.outcome)?;
                // Someone may look on at the other end.
                reader.copy.flush()?;
            }
        }
        self.events += block.rows() as u64;
        self.blocks += 1;
        self.time_before_ns = Some(summary.time_last_ns);
        for (error, missing) in self.outcome.failures.drain(..) {
            tail.fail(error, missing)?;
        }
        tail.take(&self.outcome)
    }

    fn lose(&mut self, losses: &[Loss], tail: &mut Tail<'_>) -> Result<ControlFlow<()>> {
        self.lost = losses.iter().fold(self.lost, |lost, loss| lost.saturating_add(loss.count));
        if let Taker::Copy(reader) = &mut self.taker {
            reader.copy.lose(losses);
        }
        self.leave(losses, &[], tail)
    }

    /// Gaps between events that were printed already are shown at once; others wait for the events around them.
    fn leave(&mut self, losses: &[Loss], marks: &[Mark], tail: &mut Tail<'_>) -> Result<ControlFlow<()>> {
        if matches!(self.taker, Taker::Copy(_)) {
            return Ok(ControlFlow::Continue(()));
        }
        self.waiting.extend(Gap::all(losses, marks, self.until_ns()));
        self.waiting.sort_by_key(Gap::begin_ns);
        let printed_ns = self.time_before_ns.unwrap_or(0);
        let late = self.waiting.partition_point(|gap| gap.begin_ns() <= printed_ns);
        self.print_gaps(late, tail)
    }

    /// Shows what still waits; returns what was learnt of entities, and how much was lost.
    fn finish(mut self, tail: &mut Tail<'_>) -> Result<(Entities, u64)> {
        if self.remaining.load(Ordering::Relaxed) > 0 {
            let _ = self.print_gaps(self.waiting.len(), tail)?;
        }
        if let Taker::Copy(reader) = self.taker {
            reader.copy.finish(&self.entities)?;
        }
        Ok((self.entities, self.lost))
    }

    fn print_gaps(&mut self, count: usize, tail: &mut Tail<'_>) -> Result<ControlFlow<()>> {
        self.outcome.clear();
        let recording = Recording {
            entities: &self.entities,
            host: &self.host,
            first_time_ns: self.first_time_ns.unwrap_or(0),
        };
        if let Taker::Print(reader) = &self.taker {
            reader.print_gaps(&recording, &self.waiting[..count], &mut self.outcome.text);
        }
        self.waiting.drain(..count);
        tail.take(&self.outcome)
    }
}

fn is_defined(entities: &Entities, number: Ref, entity: &Entity) -> bool {
    match entity {
        Entity::Kind(_) => entities.kind(number).is_some(),
        Entity::Thread(_) => entities.thread(number).is_some(),
        Entity::Process(_) => entities.process(number).is_some(),
        Entity::Descriptor(_) => entities.descriptor(number).is_some(),
        Entity::Container(_) => entities.container(number).is_some(),
        Entity::User(_) => entities.users.get(number).is_some(),
        Entity::Group(_) => entities.groups.get(number).is_some(),
    }
}
