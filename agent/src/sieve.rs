//! The exact part of a recording's filter: what reaches the agent is judged as `sysreel read` would judge it.
//!
//! Most events are decided by what they refer to, at once. Where the filter asks about the event itself, events wait
//! until they fill a block, which is filtered like a block of a capture. Start at [`Sieve::judge`].

use std::time::Instant;

use capture_format::model::{Arg, Entity, Event, Host, Ref};
use capture_format::{BlockBuilder, Entities, EventsBlock, PushError, ReadError, Squeezer};
use query::{Filter, Known, Query, Recording, Rows, Verdict};

use crate::track::Store;

/// Events that wait at most.
const WAITING_MAX: usize = 1 << 14;
/// Entities that are remembered; when there are more, all are forgotten.
const ENTITIES_MAX: usize = 1 << 17;

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It matches.
    Kept,
    /// It does not.
    LeftOut,
    /// It is to wait: for a verdict, or for others before it.
    Waits,
}

/// A filter at work on events that are being recorded.
#[derive(Debug)]
pub struct Sieve {
    query: Query,
    host: Host,
    entities: Entities,
    defined: usize,
    waiting: BlockBuilder,
    /// When the oldest waiting event came.
    since: Option<Instant>,
    squeezer: Squeezer,
}

impl Sieve {
    /// For events of this host, whose users and groups the store knows by now.
    pub fn new(filter: &Filter, host: Host, store: &Store) -> Self {
        let mut sieve = Sieve {
            query: Query::new(Some(filter)),
            host,
            entities: Entities::default(),
            defined: 0,
            waiting: BlockBuilder::new(),
            since: None,
            squeezer: Squeezer::idle(),
        };
        sieve.forget(store);
        sieve
    }

    /// From now on another filter holds. Nothing may be waiting.
    pub fn set_filter(&mut self, filter: &Filter) {
        self.query = Query::new(Some(filter));
    }

    /// Judges an event. One that shall wait has to be handed to [`Self::wait`].
    pub fn judge(&mut self, event: &Event<'_>, store: &Store) -> Fate {
        if self.defined > ENTITIES_MAX && self.waiting.is_empty() {
            self.forget(store);
        }
        self.define(event, store);
        let known = Known {
            kind: Some(event.kind),
            thread: Some(event.thread),
            descriptor: Some(event.descriptor),
            result: event.result.map(|result| (result, result)),
            latency_ns: event.latency_ns.map(|ns| (ns, ns)),
            ..Known::default()
        };
        match self.verdict(&known) {
            Verdict::No => Fate::LeftOut,
            Verdict::Yes if self.waiting.is_empty() => Fate::Kept,
            Verdict::Yes | Verdict::Unknown => Fate::Waits,
        }
    }

    /// Whether no event of a thread matches, until its process changes.
    pub fn turns_away(&mut self, thread: Ref, store: &Store) -> bool {
        self.define_thread(thread, store);
        self.verdict(&Known { thread: Some(thread), lasting: true, ..Known::default() }) == Verdict::No
    }

    /// Whether every condition about descriptors is false for this one.
    pub fn is_outside(&mut self, descriptor: Ref, store: &Store) -> bool {
        self.define_descriptor(descriptor, store);
        let recording = Recording { entities: &self.entities, host: &self.host, first_time_ns: 0 };
        descriptor != 0 && self.query.is_outside(&recording, descriptor)
    }

    /// Takes an event that shall wait. When there is no room the others must be released first.
    pub fn wait(&mut self, event: &Event<'_>) -> Result<(), PushError> {
        self.waiting.push(event)?;
        self.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Whether waiting events are to be released before there are more.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX || self.waiting.is_full()
    }

    /// Since when events have been waiting, if there are such.
    pub fn waits_since(&self) -> Option<Instant> {
        self.since
    }

    /// Shows every waiting event with what it refers to, and whether it matches; none is waiting then. On an error
    /// those that were not shown are gone.
    pub fn release(&mut self, mut show: impl FnMut(&Event<'_>, &Entities, bool)) -> Result<(), ReadError> {
        self.since = None;
        if self.waiting.is_empty() {
            return Ok(());
        }
        let collected = self.waiting.finish();
        let block = EventsBlock::of_collected(&collected, &mut self.squeezer)?;
        let recording = Recording { entities: &self.entities, host: &self.host, first_time_ns: 0 };
        let rows = Rows { events: &block, first_number: 1, time_before_ns: None };
        let selection = self.query.select(&recording, &rows)?;
        let mut args: Vec<Arg<'_>> = Vec::new();
        for row in 0..block.rows() {
            show(&block.event(row, &mut args)?, &self.entities, selection.contains(row));
        }
        self.waiting.reuse(collected);
        Ok(())
    }

    fn verdict(&mut self, known: &Known) -> Verdict {
        let recording = Recording { entities: &self.entities, host: &self.host, first_time_ns: 0 };
        self.query.verdict(&recording, known)
    }

    fn forget(&mut self, store: &Store) {
        self.entities = Entities::default();
        self.defined = 0;
        self.query.forget();
        for (index, user) in store.users().iter().enumerate() {
            self.entities.define(index as Ref + 1, Entity::User(user.clone()));
        }
        for (index, group) in store.groups().iter().enumerate() {
            self.entities.define(index as Ref + 1, Entity::Group(group.clone()));
        }
    }

    fn define(&mut self, event: &Event<'_>, store: &Store) {
        if self.entities.kind(event.kind).is_none()
            && let Some(kind) = store.kind(event.kind)
        {
            self.waiting.define_kind(event.kind, kind);
            self.entities.define(event.kind, Entity::Kind(kind.clone()));
        }
        self.define_thread(event.thread, store);
        self.define_descriptor(event.descriptor, store);
    }

    fn define_descriptor(&mut self, number: Ref, store: &Store) {
        if number != 0
            && self.entities.descriptor(number).is_none()
            && let Some(descriptor) = store.descriptor(number)
        {
            self.entities.define(number, Entity::Descriptor(descriptor.clone()));
            self.defined += 1;
        }
    }

    fn define_thread(&mut self, number: Ref, store: &Store) {
        if self.entities.thread(number).is_some() {
            return;
        }
        let Some(thread) = store.thread(number) else { return };
        self.entities.define(number, Entity::Thread(thread.clone()));
        self.defined += 1;
        let mut process = thread.process;
        // Ancestors, until one that is there already.
        while process != 0 && self.entities.process(process).is_none() {
            let Some(found) = store.process(process) else { break };
            self.entities.define(process, Entity::Process(found.clone()));
            self.defined += 1;
            if let Some(container) = store.container(found.container) {
                self.entities.define(found.container, Entity::Container(container.clone()));
            }
            process = found.parent;
        }
    }
}
