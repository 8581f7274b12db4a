//! Gathering what a capture is made of, and a whole writer in one value, for tests and simple programs.

use crate::model::{Entity, Event, Host, Loss, Mark, Ref};
use crate::{Block, BlockBuilder, Chain, EncodedSegment, EntityBatch, PushError, Squeezer, Tally};

/// What is to become the next segments of a capture, in whatever order it comes.
#[derive(Debug, Default)]
pub struct Gathering {
    builder: BlockBuilder,
    batch: EntityBatch,
    losses: Vec<Loss>,
    tallies: Vec<Tally>,
    marks: Vec<Mark>,
}

/// What was gathered, in the order in which it is to be written.
#[derive(Debug)]
pub enum Gathered {
    /// A segment, ready to be sealed.
    Segment(EncodedSegment),
    /// Events, to be encoded on any thread and then handed back to [`Gathering::reuse`].
    Events(Block),
}

impl Gathering {
    /// Defines an entity, or completes one. Must come before events that refer to it when readers of a pipe are
    /// to know it in time.
    pub fn define(&mut self, number: Ref, entity: impl Into<Entity>) {
        let entity = entity.into();
        if let Entity::Kind(kind) = &entity {
            self.builder.define_kind(number, kind);
        }
        self.batch.push(number, entity);
    }

    /// Adds an event; [`PushError::Full`] when what was gathered has to be taken before.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), PushError> {
        if self.builder.is_full() || self.batch.is_full() {
            return Err(PushError::Full);
        }
        self.builder.push(event)
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

    /// Takes everything that was added.
    pub fn take(&mut self, squeezer: &mut Squeezer) -> Vec<Gathered> {
        let mut gathered = Vec::new();
        while !self.batch.is_empty() {
            gathered.push(Gathered::Segment(self.batch.encode(squeezer)));
        }
        if !self.builder.is_empty() {
            gathered.push(Gathered::Events(self.builder.finish()));
        }
        if !self.losses.is_empty() || !self.tallies.is_empty() {
            gathered.push(Gathered::Segment(EncodedSegment::counts(&self.losses, &self.tallies)));
            self.losses.clear();
            self.tallies.clear();
        }
        if !self.marks.is_empty() {
            gathered.push(Gathered::Segment(EncodedSegment::marks(&self.marks)));
            self.marks.clear();
        }
        gathered
    }

    /// Takes back the buffers of an encoded block, to be filled again.
    pub fn reuse(&mut self, block: Block) {
        self.builder.reuse(block);
    }
}

/// Writes a capture into memory; [`Self::take`] hands over what is ready.
#[derive(Debug)]
pub struct Writer {
    chain: Chain,
    gathering: Gathering,
    squeezer: Squeezer,
    out: Vec<u8>,
}

impl Writer {
    /// Begins a capture of this host, compressed at a zstd level.
    pub fn new(host: &Host, level: i32) -> Self {
        let mut chain = Chain::new([0; 12]);
        let mut out = chain.header().to_vec();
        chain.seal(EncodedSegment::host(host), &mut out);
        Writer { chain, gathering: Gathering::default(), squeezer: Squeezer::new(level), out }
    }

    /// As [`Gathering::define`].
    pub fn define(&mut self, number: Ref, entity: impl Into<Entity>) {
        self.gathering.define(number, entity);
    }

    /// Adds an event.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), PushError> {
        match self.gathering.push(event) {
            Err(PushError::Full) => {
                self.flush();
                self.gathering.push(event)
            }
            pushed => pushed,
        }
    }

    /// As [`Gathering::loss`].
    pub fn loss(&mut self, loss: Loss) {
        self.gathering.loss(loss);
    }

    /// As [`Gathering::mark`].
    pub fn mark(&mut self, mark: Mark) {
        self.gathering.mark(mark);
    }

    /// As [`Gathering::tally`].
    pub fn tally(&mut self, tally: Tally) {
        self.gathering.tally(tally);
    }

    /// Writes everything added so far as segments.
    pub fn flush(&mut self) {
        for gathered in self.gathering.take(&mut self.squeezer) {
            let segment = match gathered {
                Gathered::Segment(segment) => segment,
                Gathered::Events(block) => {
                    let segment = block.encode(&mut self.squeezer);
                    self.gathering.reuse(block);
                    segment
                }
            };
            self.chain.seal(segment, &mut self.out);
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
