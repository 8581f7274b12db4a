//! A whole writer in one value, for tests and simple programs: what the agent does on several threads.

use crate::model::{Entity, Event, Host, Loss, Mark, Ref};
use crate::{Block, BlockBuilder, Chain, EntityBatch, PushError, Tally};

/// Writes a capture into memory; [`Self::take`] hands over what is ready.
#[derive(Debug)]
pub struct Writer {
    chain: Chain,
    builder: BlockBuilder,
    batch: EntityBatch,
}

impl Writer {
    /// Begins a capture of this host.
    pub fn new(_host: &Host, _level: i32) -> Self {
        todo!()
    }

    /// Defines an entity, or completes one. Must come before events that refer to it when readers of a pipe are
    /// to know it in time.
    pub fn define(&mut self, _number: Ref, _entity: impl Into<Entity>) {
        todo!()
    }

    /// Adds an event.
    pub fn push(&mut self, _event: &Event<'_>) -> Result<(), PushError> {
        todo!()
    }

    /// Adds a loss.
    pub fn loss(&mut self, _loss: Loss) {
        todo!()
    }

    /// Adds a mark.
    pub fn mark(&mut self, _mark: Mark) {
        todo!()
    }

    /// States how many events a CPU has produced and how many were stored.
    pub fn tally(&mut self, _tally: Tally) {
        todo!()
    }

    /// Writes everything added so far as segments.
    pub fn flush(&mut self) {
        let _: Block = self.builder.finish();
        todo!()
    }

    /// The bytes that became ready since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        todo!()
    }

    /// Ends the capture and returns the bytes that [`Self::take`] has not handed over.
    pub fn finish(self) -> Vec<u8> {
        todo!()
    }
}
