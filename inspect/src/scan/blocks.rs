//! Which blocks of a capture a query must look at, and what falls between them.

use std::ops::Range;

use capture_format::BlockInfo;
use capture_format::model::Loss;
use query::{Query, Recording};

/// A block to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// The block's index in the capture.
    pub(crate) block: usize,
    /// `evt.num` of its first event.
    pub(crate) first_number: u64,
    /// Time of the event before its first.
    pub(crate) time_before_ns: Option<u64>,
    /// Losses that come before its end and were not shown with a job before: a range of the losses in order of
    /// their beginning.
    pub(crate) losses: Range<usize>,
}

/// The blocks in which the query can match an event up to `until_ns`. Losses must be in order of their beginning;
/// those after the last job are left over.
pub(crate) fn plan_blocks(
    query: &mut Query,
    recording: &Recording<'_>,
    blocks: &[BlockInfo],
    losses: &[Loss],
    until_ns: u64,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut first_number = 1;
    let mut time_before_ns = None;
    let mut losses_shown = 0;
    for (block, info) in blocks.iter().enumerate() {
        let summary = &info.summary;
        if summary.time_first_ns > until_ns {
            break;
        }
        if query.may_match(recording, summary) {
            let end = losses.partition_point(|loss| loss.from_ns <= summary.time_last_ns);
            jobs.push(Job {
                block,
                first_number,
                time_before_ns,
                losses: losses_shown..end.max(losses_shown),
            });
            losses_shown = end.max(losses_shown);
        }
        first_number += u64::from(summary.rows);
        time_before_ns = Some(summary.time_last_ns);
    }
    jobs
}
