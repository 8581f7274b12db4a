//! Entities in files: batches of definitions, and the tables readers build from them.

mod batch;
mod tables;

pub use batch::EntityBatch;
pub use tables::{Entities, Table};
