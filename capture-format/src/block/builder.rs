//! Collecting events into columns: the path every event takes, so nothing here allocates per event.

use crate::model::{Event, EventKind, Ref};
use crate::segment::EncodedSegment;

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The block holds [`crate::BLOCK_ROWS_MAX`] events.
    #[error("the block is full")]
    Full,
    /// The event's kind was not defined.
    #[error("event kind {0} was not defined")]
    UnknownKind(Ref),
    /// The arguments do not fit the kind's definition.
    #[error("the arguments do not fit event kind {0}")]
    Arguments(Ref),
    /// It is older than the event before it.
    #[error("the event is older than the one before it")]
    TimeOrder,
}

/// Collects events; keeps its buffers between blocks.
#[derive(Debug, Default)]
pub struct BlockBuilder {}

impl BlockBuilder {
    /// An empty builder that knows no kinds.
    pub fn new() -> Self {
        BlockBuilder::default()
    }

    /// Says what events of this kind look like. Kinds stay defined over blocks.
    pub fn define_kind(&mut self, _number: Ref, _kind: &EventKind) {
        todo!()
    }

    /// Adds an event. On an error nothing was added.
    pub fn push(&mut self, _event: &Event<'_>) -> Result<(), PushError> {
        todo!()
    }

    /// Events collected.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether no event was collected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory the collected events take, about.
    pub fn approx_bytes(&self) -> usize {
        todo!()
    }

    /// Whether the block should be finished before the next event.
    pub fn is_full(&self) -> bool {
        self.len() >= crate::BLOCK_ROWS_MAX || self.approx_bytes() >= crate::BLOCK_BYTES_USUAL
    }

    /// Takes the collected events out; the builder is empty then.
    pub fn finish(&mut self) -> Block {
        todo!()
    }

    /// Takes back the buffers of an encoded block, to be filled again.
    pub fn reuse(&mut self, _block: Block) {
        todo!()
    }
}

/// Collected events, to be encoded on any thread.
#[derive(Debug)]
pub struct Block {}

impl Block {
    /// Events in it.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Encodes and compresses it at a zstd level.
    pub fn encode(&self, _level: i32) -> EncodedSegment {
        todo!()
    }
}
