//! Which blocks of a capture a query must look at, and what falls between them.

use std::ops::Range;

use capture_format::BlockInfo;
use query::{Query, Recording};

use crate::read::Gap;

/// A block to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// The block's index in the capture.
    pub(crate) block: usize,
    /// `evt.num` of its first event.
    pub(crate) first_number: u64,
    /// Time of the event before its first.
    pub(crate) time_before_ns: Option<u64>,
    /// Gaps that come before its end and were not shown with a job before: a range of the gaps in order of
    /// their beginning.
    pub(crate) gaps: Range<usize>,
}

/// The blocks in which the query can match an event up to `until_ns`. Gaps must be in order of their beginning;
/// those after the last job are left over.
pub(crate) fn plan_blocks(
    query: &mut Query,
    recording: &Recording<'_>,
    blocks: &[BlockInfo],
    gaps: &[Gap],
    until_ns: u64,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut first_number = 1;
    let mut time_before_ns = None;
    let mut gaps_shown = 0;
    for (block, info) in blocks.iter().enumerate() {
        let summary = &info.summary;
        if summary.time_first_ns > until_ns {
            break;
        }
        if query.may_match(recording, summary) {
            let end = gaps.partition_point(|gap| gap.begin_ns() <= summary.time_last_ns);
            jobs.push(Job { block, first_number, time_before_ns, gaps: gaps_shown..end.max(gaps_shown) });
            gaps_shown = end.max(gaps_shown);
        }
        first_number += u64::from(summary.rows);
        time_before_ns = Some(summary.time_last_ns);
    }
    jobs
}
