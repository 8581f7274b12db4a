//! Collecting definitions until they are written.

use crate::model::{Entity, Ref};
use crate::segment::EncodedSegment;

/// Definitions that go into one segment. Larger batches compress better: thousands of like processes take a few
/// bytes each.
#[derive(Debug, Default)]
pub struct EntityBatch {}

impl EntityBatch {
    /// An empty batch.
    pub fn new() -> Self {
        EntityBatch::default()
    }

    /// Adds a definition. A later one of the same number replaces an earlier one.
    pub fn push(&mut self, _number: Ref, _entity: impl Into<Entity>) {
        todo!()
    }

    /// How many definitions it holds.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory the definitions take, about.
    pub fn approx_bytes(&self) -> usize {
        todo!()
    }

    /// Encodes and compresses it at a zstd level.
    pub fn encode(&self, _level: i32) -> EncodedSegment {
        todo!()
    }

    /// Forgets the definitions.
    pub fn clear(&mut self) {
        todo!()
    }
}
