//! Scanning a capture's blocks: which ones a query needs, and looking at them in parallel.
//!
//! Files go through [`plan_blocks`] and [`ordered`]; streams take the same [`Job`]s one by one. What happens to
//! the events of a block is decided elsewhere (`read`).

mod blocks;
mod ordered;

pub(crate) use blocks::{Job, plan_blocks};
pub(crate) use ordered::ordered;

/// More threads than this only on request: each may hold the text of a block, which takes up to some ten
/// megabytes, and no reader of a pipe keeps up with them.
const THREADS_USUAL_MAX: usize = 16;

/// As many threads as there are CPUs this program may use.
pub(crate) fn threads_usual() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_USUAL_MAX)
}
