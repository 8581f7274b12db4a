//! A capture that can be read at any place.

use crate::block::EventsBlock;
use crate::entity::Entities;
use crate::error::{Damage, ReadError};
use crate::model::{Host, Loss, Mark};
use crate::reader::ReadAt;
use crate::segment::{SegmentType, Tally};
use crate::summary::Summary;

/// Where a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Number, counted from 0.
    pub number: u64,
    /// What it holds.
    pub kind: SegmentType,
    /// Where its header begins.
    pub offset: u64,
    /// Its length, header included.
    pub bytes: u64,
}

/// A block of events in a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// Its segment.
    pub segment: SegmentInfo,
    /// What it holds.
    pub summary: Summary,
}

/// An opened capture: everything but the events is in memory.
pub struct Capture<R> {
    source: R,
}

impl<R: ReadAt> Capture<R> {
    /// Opens a capture. Reads the index when the capture was ended properly, else the headers of all segments;
    /// in both cases everything but events. Fails only when the bytes are no capture at all or cannot be had:
    /// for anything less see [`Self::damage`].
    pub fn open(source: R) -> Result<Self, ReadError> {
        let _ = Capture { source };
        todo!()
    }

    /// The bytes it is read from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Whose capture it is; `None` when that part is damaged.
    pub fn host(&self) -> Option<&Host> {
        todo!()
    }

    /// Threads, processes, descriptors and all other entities.
    pub fn entities(&self) -> &Entities {
        todo!()
    }

    /// Events that are missing, in the order in which they were noted.
    pub fn losses(&self) -> &[Loss] {
        todo!()
    }

    /// Events produced and stored, one per CPU.
    pub fn tallies(&self) -> &[Tally] {
        todo!()
    }

    /// Marks in the order in which they were written.
    pub fn marks(&self) -> &[Mark] {
        todo!()
    }

    /// Blocks of events in order of time.
    pub fn blocks(&self) -> &[BlockInfo] {
        todo!()
    }

    /// All segments in order.
    pub fn segments(&self) -> &[SegmentInfo] {
        todo!()
    }

    /// Opens a block; columns are read when they are asked for. Only their own checksums are verified.
    pub fn block(&self, _index: usize) -> Result<EventsBlock<'_>, ReadError> {
        todo!()
    }

    /// What is missing or cannot be trusted, as far as opening the capture has shown.
    pub fn damage(&self) -> &[Damage] {
        todo!()
    }

    /// Whether the capture was ended properly.
    pub fn is_finished(&self) -> bool {
        todo!()
    }

    /// Reads everything and checks every hash and the chain; lists all that is wrong.
    pub fn verify(&self) -> Result<Vec<Damage>, ReadError> {
        todo!()
    }
}
