//! A whole writer in one value, for tests and simple programs: what the agent does on several threads.

use crate::model::{Entity, Event, Host, Loss, Mark, Ref};
use crate::{BlockBuilder, Chain, EncodedSegment, EntityBatch, PushError, Squeezer, Tally};

/// Writes a capture into memory; [`Self::take`] hands over what is ready.
#[derive(Debug)]
pub struct Writer {
    chain: Chain,
    builder: BlockBuilder,
    batch: EntityBatch,
    losses: Vec<Loss>,
    tallies: Vec<Tally>,
    marks: Vec<Mark>,
    squeezer: Squeezer,
    out: Vec<u8>,
}

impl Writer {
    /// Begins a capture of this host, compressed at a zstd level.
    pub fn new(host: &Host, level: i32) -> Self {
        let mut chain = Chain::new([0; 12]);
        let mut out = chain.header().to_vec();
        chain.seal(EncodedSegment::host(host), &mut out);
        Writer {
            chain,
            builder: BlockBuilder::new(),
            batch: EntityBatch::new(),
            losses: Vec::new(),
            tallies: Vec::new(),
            marks: Vec::new(),
            squeezer: Squeezer::new(level),
            out,
        }
    }

    /// Defines an entity, or completes one. Must come before events that refer to it when readers of a pipe are
    /// to know it in time.
    pub fn define(&mut self, number: Ref, entity: impl Into<Entity>) {
        let entity = entity.into();
        if let Entity::Kind(kind) = &entity {
            self.builder.define_kind(number, kind);
        }
        self.batch.push(number, entity);
    }

    /// Adds an event.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), PushError> {
        if self.builder.is_full() || self.batch.is_full() {
            self.flush();
        }
        match self.builder.push(event) {
            Err(PushError::Full) => {
                self.flush();
                self.builder.push(event)
            }
            pushed => pushed,
        }
    }

    /// Adds a loss.
    pub fn loss(&mut self, loss: Loss) {
        self.losses.push(loss);
    }

    /// Adds a mark.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// States how many events a CPU has produced and how many were stored.
    pub fn tally(&mut self, tally: Tally) {
        self.tallies.retain(|known| known.cpu != tally.cpu);
        self.tallies.push(tally);
    }

    /// Writes everything added so far as segments.
    pub fn flush(&mut self) {
        while !self.batch.is_empty() {
            let segment = self.batch.encode(&mut self.squeezer);
            self.chain.seal(segment, &mut self.out);
        }
        if !self.builder.is_empty() {
            let block = self.builder.finish();
            self.chain.seal(block.encode(&mut self.squeezer), &mut self.out);
            self.builder.reuse(block);
        }
        if !self.losses.is_empty() || !self.tallies.is_empty() {
            self.chain.seal(EncodedSegment::counts(&self.losses, &self.tallies), &mut self.out);
            self.losses.clear();
            self.tallies.clear();
        }
        if !self.marks.is_empty() {
            self.chain.seal(EncodedSegment::marks(&self.marks), &mut self.out);
            self.marks.clear();
        }
    }

    /// The bytes that became ready since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Ends the capture and returns the bytes that [`Self::take`] has not handed over.
    pub fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.chain.finish(&mut self.out);
        self.out
    }
}
