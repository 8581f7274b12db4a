//! A capture that arrives byte by byte.

use crate::block::EventsBlock;
use crate::error::{Damage, ReadError};
use crate::model::{Entity, Host, Loss, Mark, Ref};
use crate::segment::Tally;

/// The content of a segment.
#[non_exhaustive]
pub enum Segment {
    /// Whose capture it is.
    Host(Host),
    /// Definitions: for [`crate::Entities::define`].
    Entities(Vec<(Ref, Entity)>),
    /// Events.
    Events(Box<EventsBlock<'static>>),
    /// New losses, and the tallies as they stand.
    Counts(Vec<Loss>, Vec<Tally>),
    /// Marks.
    Marks(Vec<Mark>),
    /// The index, or a type this reader does not know: nothing to do.
    Other,
    /// The capture ended properly.
    End,
}

/// What [`StreamDecoder::step`] found.
pub enum Step {
    /// A segment whose hash is right.
    Segment(Segment),
    /// Something that cannot be read; decoding goes on behind it.
    Damage(Damage),
    /// At least this many more bytes must be pushed.
    Need(usize),
}

/// Takes a capture's bytes as they come and gives its segments.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    buffer: Vec<u8>,
}

impl StreamDecoder {
    /// At the beginning of a capture.
    pub fn new() -> Self {
        StreamDecoder::default()
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next segment, if it is complete.
    pub fn step(&mut self) -> Result<Step, ReadError> {
        todo!()
    }

    /// Says what is wrong when no more bytes will come: a segment cut short, or a capture that was not ended.
    pub fn finish(self) -> Option<Damage> {
        todo!()
    }
}
