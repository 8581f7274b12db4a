//! What can be wrong with a capture's bytes, and where.

use std::fmt;
use std::io;

use crate::segment::SegmentType;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes do not begin like a capture.
    #[error("not a capture: it does not begin with the magic bytes of a .reel file")]
    NotACapture,
    /// Written by a newer format than this reader knows.
    #[error("format version {found} is newer than {newest}, the newest this program reads")]
    TooNew {
        /// Version of the file.
        found: u16,
        /// Newest version known.
        newest: u16,
    },
    /// A segment or a part of one does not hold together.
    #[error("{0}")]
    Damaged(Damage),
    /// The capture has no such block, column or kind.
    #[error("the capture has no {what}")]
    Absent {
        /// What was asked for.
        what: &'static str,
    },
    /// The bytes could not be had.
    #[error("reading at byte {offset}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
}

/// A part of a capture that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where the part begins.
    pub offset: u64,
    /// How many bytes are affected, as far as it is known.
    pub bytes: u64,
    /// Number of the segment, when its header could be read.
    pub number: Option<u64>,
    /// Type of the segment, when its header could be read.
    pub segment: Option<SegmentType>,
    /// What is wrong.
    pub defect: Defect,
}

/// What is wrong with a part of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// The capture ends inside a segment: usual after a crash.
    Truncated {
        /// How many bytes the segment lacks, as far as it is known.
        bytes_missing: u64,
    },
    /// No segment begins where one should.
    NotASegment,
    /// The header of the file fails its own checksum.
    FileHeader,
    /// The bytes do not match their hash.
    Hash,
    /// A segment does not follow the one before it: something was removed, inserted or exchanged.
    Chain,
    /// A column's bytes do not match their checksum.
    ColumnChecksum,
    /// The content contradicts itself.
    Malformed(&'static str),
    /// The capture was not ended properly: it has no index. Everything else may be there.
    NotFinished,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.number {
            write!(f, "segment {number}")?;
            if let Some(kind) = self.segment {
                write!(f, " ({})", kind.name())?;
            }
            write!(f, ", ")?;
        }
        write!(f, "byte {}: ", self.offset)?;
        match self.defect {
            Defect::Truncated { bytes_missing } => write!(f, "cut short, {bytes_missing} bytes are missing"),
            Defect::NotASegment => write!(f, "{} bytes are no segment", self.bytes),
            Defect::FileHeader => write!(f, "the header of the file fails its checksum"),
            Defect::Hash => write!(f, "{} bytes do not match their hash", self.bytes),
            Defect::Chain => write!(f, "does not follow the segment before it"),
            Defect::ColumnChecksum => write!(f, "{} bytes of a column fail their checksum", self.bytes),
            Defect::Malformed(what) => write!(f, "malformed: {what}"),
            Defect::NotFinished => write!(f, "the capture was not ended: it has no index"),
        }
    }
}
