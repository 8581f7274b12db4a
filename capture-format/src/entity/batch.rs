//! Collecting definitions until they are written.

use crate::codec::payload::Squeezer;
use crate::entity::ENTITIES_MAX;
use crate::entity::codec::encode_entities;
use crate::model::{Entity, Ref};
use crate::segment::EncodedSegment;

/// A batch this large in memory should be written.
const BATCH_BYTES_USUAL: usize = 8 << 20;

/// Definitions that go into one segment. Larger batches compress better: thousands of like processes take a few
/// bytes each.
#[derive(Debug, Default)]
pub struct EntityBatch {
    definitions: Vec<(Ref, Entity)>,
    bytes: usize,
}

impl EntityBatch {
    /// An empty batch.
    pub fn new() -> Self {
        EntityBatch::default()
    }

    /// Adds a definition. A later one of the same number replaces an earlier one.
    pub fn push(&mut self, number: Ref, entity: impl Into<Entity>) {
        let entity = entity.into();
        self.bytes += entity_bytes(&entity);
        self.definitions.push((number, entity));
    }

    /// How many definitions it holds.
    pub fn len(&self) -> usize {
        self.definitions.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }

    /// Memory the definitions take, about.
    pub fn approx_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the batch should be written before the next definition.
    pub fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES_USUAL || self.len() >= ENTITIES_MAX
    }

    /// Encodes and compresses definitions and takes them out of the batch: all of them, unless it
    /// was let grow far beyond [`Self::is_full`]; ask [`Self::is_empty`] to see.
    pub fn encode(&mut self, squeezer: &mut Squeezer) -> EncodedSegment {
        let (mut bytes, mut count) = (0, 0);
        for (_, entity) in self.definitions.iter().take(ENTITIES_MAX) {
            bytes += entity_bytes(entity);
            // A single definition always goes: the largest, a process, is bounded by the kernel's records.
            if bytes > 2 * BATCH_BYTES_USUAL && count > 0 {
                break;
            }
            count += 1;
        }
        let rest = self.definitions.split_off(count);
        self.bytes = rest.iter().map(|(_, entity)| entity_bytes(entity)).sum();
        encode_entities(std::mem::replace(&mut self.definitions, rest), squeezer)
    }

    /// Forgets the definitions.
    pub fn clear(&mut self) {
        self.definitions.clear();
        self.bytes = 0;
    }
}

fn entity_bytes(entity: &Entity) -> usize {
    let texts = match entity {
        Entity::Process(process) => {
            let lists = process.args.iter().chain(process.env.iter());
            lists.map(|text| text.len() + size_of::<Vec<u8>>()).sum::<usize>()
                + process.exe_path.len()
                + process.cgroup.len()
                + process.cwd.len()
                + process.exe.len()
        }
        Entity::Descriptor(descriptor) => {
            descriptor.name.len() + descriptor.name_raw.len() + descriptor.name_opened.len()
        }
        Entity::Kind(kind) => 64 * kind.args.len(),
        _ => 64,
    };
    size_of::<Entity>() + texts
}
