//! `read -w`: matching events go into a new capture, together with all they refer to.
//!
//! Numbers of entities stay as they are, so nothing has to be rewritten; only what is referred to is copied.
//! Losses and marks go along, each to the file whose events are around it. Start at [`Copy`]; `encoder`
//! makes bytes, `files` says where they go.

mod encoder;
mod files;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result};
use capture_format::message::Parts;
use capture_format::model::{Arg, Class, Entity, Event, Host, Loss, Mark, Ref};
use capture_format::schema::Shape;
use capture_format::{Entities, Tally};

use crate::input::FileId;
use crate::plan::WritePlan;
use encoder::{Encoder, Pool};
use files::{Files, Target};

/// The writer is asked for bytes once in so many events.
const EVENTS_BETWEEN_WRITES: u64 = 1 << 12;

/// Writes events of one capture to others.
pub(crate) struct Copy<'a> {
    plan: &'a WritePlan,
    pool: Arc<Pool>,
    files: Files<'a>,
    current: Option<Current>,
    /// Not written yet, in order of their beginning.
    losses: VecDeque<Loss>,
    marks: VecDeque<Mark>,
    /// Events by CPU that the recording left out, as far as is known, and how many of them the files before tell of.
    left_out: BTreeMap<u16, (u64, u64)>,
    host: Host,
}

/// The file being written.
struct Current {
    writer: Encoder,
    target: Target,
    defined: Defined,
    events: u64,
    bytes: u64,
    first_ns: u64,
    /// Events by CPU.
    stored: Vec<u64>,
    lost: BTreeMap<u16, u64>,
}

impl<'a> Copy<'a> {
    /// Nothing is created before there is something to write, or the end is reached. `source` is never written to.
    pub(crate) fn new(plan: &'a WritePlan, source: Option<FileId>) -> Copy<'a> {
        Copy {
            plan,
            pool: Arc::new(Pool::new(plan.threads)),
            files: Files::new(plan, source),
            current: None,
            losses: VecDeque::new(),
            marks: VecDeque::new(),
            left_out: BTreeMap::new(),
            host: Host::default(),
        }
    }

    /// Says whose events they are; files begun from now on carry it.
    pub(crate) fn set_host(&mut self, host: &Host) {
        self.host = host.clone();
        if let Some(snap_bytes) = self.plan.snap_bytes {
            self.host.snap_bytes = self.host.snap_bytes.min(snap_bytes);
        }
    }

    /// Losses to be written when their time comes.
    pub(crate) fn lose(&mut self, losses: &[Loss]) {
        self.losses.extend(losses.iter().cloned());
        self.losses.make_contiguous().sort_by_key(|loss| loss.from_ns);
    }

    /// What the source counts, as it stands: what the recording left out is missing from the copy, too.
    pub(crate) fn tally(&mut self, tallies: &[Tally]) {
        for tally in tallies {
            self.left_out.entry(tally.cpu).or_default().0 = tally.left_out;
        }
    }

    /// Marks to be written when their time comes.
    pub(crate) fn mark(&mut self, marks: &[Mark]) {
        self.marks.extend(marks.iter().cloned());
        self.marks.make_contiguous().sort_by_key(|mark| mark.time_ns);
    }

    /// An entity was completed: what was written of it is written anew.
    pub(crate) fn complete(&mut self, entities: &Entities, number: Ref, entity: &Entity) {
        let Some(current) = &mut self.current else { return };
        let is_account = matches!(entity, Entity::User(_) | Entity::Group(_));
        if is_account || current.defined.holds(entities, entity.class(), number) {
            current.writer.define(number, entity.clone());
        }
    }

    /// Writes an event and what it refers to.
    pub(crate) fn push(&mut self, entities: &Entities, event: &Event<'_>) -> Result<()> {
        if self.current.as_ref().is_some_and(|current| current.is_over(self.plan, event.time_ns)) {
            self.end(false)?;
        }
        if self.current.is_none() {
            self.begin(entities, event.time_ns)?;
        }
        self.write_remarks(event.time_ns);
        let snap_bytes = self.plan.snap_bytes;
        let current = self.current.as_mut().context("a file was begun above")?;
        current.define(entities, event);
        let (mut args, mut parts) = (Vec::new(), Vec::new());
        let mut event = *event;
        if let (Some(snap_bytes), Some(kind)) = (snap_bytes, entities.kind(event.kind)) {
            let shapes = kind.args.iter().map(|arg| &arg.kind.shape);
            let shaped = event.args.iter().zip(shapes);
            // No event has several of these.
            for (arg, shape) in shaped.clone() {
                if let (Arg::Bytes(bytes), Shape::Parts) = (arg, shape) {
                    Parts::parse(bytes).put_cut(&mut parts, snap_bytes as usize);
                }
            }
            args.extend(shaped.map(|(arg, shape)| snapped(*arg, shape, snap_bytes, &parts)));
            event.args = &args;
        }
        current.writer.push(&event)?;
        current.events += 1;
        let cpu = usize::from(event.cpu);
        if current.stored.len() <= cpu {
            current.stored.resize(cpu + 1, 0);
        }
        current.stored[cpu] += 1;
        if current.events.is_multiple_of(EVENTS_BETWEEN_WRITES) {
            current.drain()?;
        }
        Ok(())
    }

    /// Writes out what is there, for readers who look on.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        current.writer.flush()?;
        current.drain()
    }

    /// Ends the last file. Without any event it is a capture all the same.
    pub(crate) fn finish(mut self, entities: &Entities) -> Result<()> {
        if self.current.is_none() {
            self.begin(entities, 0)?;
        }
        self.end(true)
    }

    fn begin(&mut self, entities: &Entities, first_ns: u64) -> Result<()> {
        let wall_ns = crate::clock::wall_ns(first_ns, self.host.epoch_offset_ns);
        let target = self.files.next(wall_ns, self.host.zone_offset_s)?;
        // Where the size of a file decides when the next begins, it must be known.
        let mut writer = Encoder::new(&self.host, Arc::clone(&self.pool), self.plan.rotate_bytes.is_some());
        for (number, user) in entities.users.iter() {
            writer.define(number, user.clone());
        }
        for (number, group) in entities.groups.iter() {
            writer.define(number, group.clone());
        }
        self.current = Some(Current {
            writer,
            target,
            defined: Defined::default(),
            events: 0,
            bytes: 0,
            first_ns,
            stored: Vec::new(),
            lost: BTreeMap::new(),
        });
        Ok(())
    }

    fn end(&mut self, last: bool) -> Result<()> {
        if last {
            self.write_remarks(u64::MAX);
        }
        let Some(mut current) = self.current.take() else { return Ok(()) };
        for cpu in 0..=u16::MAX {
            let stored = current.stored.get(usize::from(cpu)).copied().unwrap_or(0);
            let lost = current.lost.get(&cpu).copied().unwrap_or(0);
            let left_out = self.left_out.get_mut(&cpu).map_or(0, |(known, told)| {
                let before = std::mem::replace(told, *known);
                known.saturating_sub(before)
            });
            if stored + lost + left_out > 0 {
                current.writer.tally(Tally { cpu, produced: stored + lost, stored, left_out });
            }
        }
        current.target.write(&current.writer.finish()?)
    }

    fn write_remarks(&mut self, until_ns: u64) {
        let Some(current) = &mut self.current else { return };
        while let Some(loss) = self.losses.pop_front_if(|loss| loss.from_ns <= until_ns) {
            *current.lost.entry(loss.cpu).or_default() += loss.count;
            current.writer.loss(loss);
        }
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.time_ns <= until_ns) {
            current.writer.mark(mark);
        }
    }
}

impl Current {
    fn is_over(&self, plan: &WritePlan, time_ns: u64) -> bool {
        plan.rotate_events.is_some_and(|events| self.events >= events)
            || plan.rotate_bytes.is_some_and(|bytes| self.bytes >= bytes)
            || plan.rotate_ns.is_some_and(|span| time_ns.saturating_sub(self.first_ns) >= span)
    }

    fn drain(&mut self) -> Result<()> {
        let bytes = self.writer.take();
        self.bytes += bytes.len() as u64;
        self.target.write(&bytes)
    }

    fn define(&mut self, entities: &Entities, event: &Event<'_>) {
        if self.defined.is_new(entities, Class::Kind, event.kind)
            && let Some(kind) = entities.kind(event.kind)
        {
            self.writer.define(event.kind, kind.clone());
        }
        if self.defined.is_new(entities, Class::Descriptor, event.descriptor)
            && let Some(descriptor) = entities.descriptor(event.descriptor)
        {
            self.writer.define(event.descriptor, descriptor.clone());
        }
        if self.defined.is_new(entities, Class::Thread, event.thread)
            && let Some(thread) = entities.thread(event.thread)
        {
            self.define_processes(entities, thread.process);
            self.writer.define(event.thread, thread.clone());
        }
    }

    /// A process and its ancestors. A chain that leads back to itself ends where it closes.
    fn define_processes(&mut self, entities: &Entities, mut number: Ref) {
        while self.defined.is_new(entities, Class::Process, number)
            && let Some(process) = entities.process(number)
        {
            if self.defined.is_new(entities, Class::Container, process.container)
                && let Some(container) = entities.container(process.container)
            {
                self.writer.define(process.container, container.clone());
            }
            self.writer.define(number, process.clone());
            number = process.parent;
        }
    }
}

/// Which entities a file refers to.
#[derive(Default)]
struct Defined {
    /// By class and place in the table.
    places: [Vec<bool>; CLASSES],
    /// Those that were referred to before they had a place.
    unplaced: HashSet<(Class, Ref)>,
}

/// Classes are numbered from 1.
const CLASSES: usize = Class::Group as usize + 1;

/// Where an entity stands in its table.
fn place(entities: &Entities, class: Class, number: Ref) -> Option<usize> {
    match class {
        Class::Kind => entities.kinds.index(number),
        Class::Thread => entities.threads.index(number),
        Class::Process => entities.processes.index(number),
        Class::Descriptor => entities.descriptors.index(number),
        Class::Container => entities.containers.index(number),
        Class::User => entities.users.index(number),
        Class::Group => entities.groups.index(number),
    }
}

impl Defined {
    /// Whether it was not referred to before; from now on it was.
    fn is_new(&mut self, entities: &Entities, class: Class, number: Ref) -> bool {
        if number == 0 {
            return false;
        }
        let Some(place) = place(entities, class, number) else {
            return self.unplaced.insert((class, number));
        };
        let places = &mut self.places[class as usize];
        if places.len() <= place {
            places.resize(place + 1, false);
        }
        !std::mem::replace(&mut places[place], true)
    }

    fn holds(&self, entities: &Entities, class: Class, number: Ref) -> bool {
        let placed = place(entities, class, number)
            .is_some_and(|place| self.places[class as usize].get(place).copied().unwrap_or(false));
        placed || self.unplaced.contains(&(class, number))
    }
}

/// Buffers cut to a length, that in several parts to what `parts` are; paths and structures stay whole.
fn snapped<'a>(arg: Arg<'a>, shape: &Shape, snap_bytes: u32, parts: &'a [u8]) -> Arg<'a> {
    match (arg, shape) {
        (Arg::Bytes(bytes), Shape::Bytes | Shape::Iovec) => {
            Arg::Bytes(&bytes[..bytes.len().min(snap_bytes as usize)])
        }
        (Arg::Bytes(_), Shape::Parts) => Arg::Bytes(parts),
        (whole, _) => whole,
    }
}
