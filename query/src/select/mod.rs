//! Running a filter over blocks of events.
//!
//! A condition about an entity (an event kind, a thread with its process, a descriptor) is evaluated once per
//! entity and remembered; for a block it is evaluated over the column's dictionary, and the rows follow from
//! their codes. Only conditions about events themselves are evaluated row by row, on the rows that are left.
//! Start at [`Query`].

mod plan;
mod query;
mod remembered;
mod rows;
mod selection;
mod verdict;

pub use query::Query;
pub use selection::Selection;
pub use verdict::{Known, Outside, Verdict};
