//! Entities in files: batches of definitions, and the tables readers build from them.

mod batch;
mod codec;
mod fields;
mod tables;

pub use batch::EntityBatch;
pub(crate) use codec::parse_entities;
pub use tables::{Entities, Table};

/// Most definitions of one class in a segment.
pub(crate) const ENTITIES_MAX: usize = 1 << 18;

/// Most items of a list column (arguments of processes, say) in a segment.
pub(crate) const ITEMS_MAX: usize = 1 << 22;

/// Most bytes that the texts of a segment's definitions have, each counted as often as a definition has it: one long
/// value that many share takes no room in a file. Twice what [`EntityBatch::encode`] puts into a segment.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 25;
