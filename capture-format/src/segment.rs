//! Segments: the self-delimiting, hashed and chained parts a capture consists of.

use crate::model::{Host, Loss, Mark};
use crate::summary::Summary;

/// Length of the header a file begins with.
pub const HEADER_BYTES: usize = 32;

/// What a segment holds; the number is the one stored in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentType {
    /// The recorded host: [`Host`].
    Host,
    /// Entities of every class.
    Entities,
    /// A block of events.
    Events,
    /// Losses, and how many events were produced and stored.
    Counts,
    /// Marks.
    Marks,
    /// Where every other segment is, and the summaries of the blocks.
    Index,
    /// The last segment of a capture that was ended properly.
    End,
    /// A type this reader does not know; it is skipped.
    Unknown(u8),
}

impl SegmentType {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            SegmentType::Host => "host",
            SegmentType::Entities => "entities",
            SegmentType::Events => "events",
            SegmentType::Counts => "counts",
            SegmentType::Marks => "marks",
            SegmentType::Index => "index",
            SegmentType::End => "end",
            SegmentType::Unknown(_) => "unknown type",
        }
    }
}

/// How many events a CPU produced and how many of them the capture holds, since its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// The CPU.
    pub cpu: u16,
    /// Events the kernel side meant to report.
    pub produced: u64,
    /// Events written to this capture.
    pub stored: u64,
}

/// A segment's content, ready for [`crate::Chain::seal`].
#[derive(Debug)]
pub struct EncodedSegment {
    pub(crate) kind: SegmentType,
    pub(crate) payload: Vec<u8>,
    /// Of events segments, for the index.
    pub(crate) summary: Option<Summary>,
}

impl EncodedSegment {
    /// The segment that says whose capture this is; written first.
    pub fn host(_host: &Host) -> Self {
        todo!()
    }

    /// New losses, and the tallies of all CPUs as they stand now.
    pub fn counts(_losses: &[Loss], _tallies: &[Tally]) -> Self {
        todo!()
    }

    /// Marks.
    pub fn marks(_marks: &[Mark]) -> Self {
        todo!()
    }

    /// What it holds.
    pub fn kind(&self) -> SegmentType {
        self.kind
    }

    /// Length of the content; the file grows by this and a fixed header.
    pub fn bytes(&self) -> usize {
        self.payload.len()
    }

    /// What an events segment holds.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }
}
