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
