//! The chain: gives segments their place in a file, each sealed with the hash of the one before it.

use crate::index::{End, Listed, encode_end, encode_index};
use crate::segment::{EncodedSegment, HEADER_BYTES, Hash, SegmentHeader, SegmentType, file_header};

/// Turns encoded segments, in order, into the bytes of a file. Whatever prefix of these bytes reaches the disk
/// is a readable capture.
#[derive(Debug)]
pub struct Chain {
    header: [u8; HEADER_BYTES],
    bytes: u64,
    previous: Hash,
    listed: Vec<Listed>,
    events: u64,
}

/// A place between two segments: to go back to when what follows could not be written, or to append to a file that was left
/// without an end.
#[derive(Clone, Copy, Debug)]
pub struct ChainPlace {
    segments: usize,
    bytes: u64,
    previous: Hash,
    events: u64,
}

impl ChainPlace {
    /// Length of the file up to here.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends the bytes of a segment that stands here to `out`; gives the place behind it.
    pub fn append(&self, segment: &EncodedSegment, out: &mut Vec<u8>) -> ChainPlace {
        let header = SegmentHeader::seal(segment.kind, self.segments as u64, self.previous, &segment.payload);
        out.extend_from_slice(&header.to_bytes());
        out.extend_from_slice(&segment.payload);
        ChainPlace {
            segments: self.segments + 1,
            bytes: self.bytes + header.segment_bytes(),
            previous: header.hash,
            events: self.events + segment.summary.as_ref().map_or(0, |summary| u64::from(summary.rows)),
        }
    }
}

impl Chain {
    /// Begins a file. `capture_id` should be random; files of one recording that was rotated share it.
    pub fn new(capture_id: [u8; 12]) -> Self {
        let header = file_header(capture_id);
        let previous = *blake3::hash(&header).as_bytes();
        Chain { header, bytes: HEADER_BYTES as u64, previous, listed: Vec::new(), events: 0 }
    }

    /// The bytes the file begins with; already counted in [`Self::bytes`].
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        self.header
    }

    /// Where the chain stands.
    pub fn place(&self) -> ChainPlace {
        let Chain { bytes, previous, ref listed, events, .. } = *self;
        ChainPlace { segments: listed.len(), bytes, previous, events }
    }

    /// Takes back every segment sealed since the chain stood at `place`.
    pub fn go_back(&mut self, place: ChainPlace) {
        self.listed.truncate(place.segments);
        (self.bytes, self.previous, self.events) = (place.bytes, place.previous, place.events);
    }

    /// Appends a segment's bytes to `out`.
    pub fn seal(&mut self, segment: EncodedSegment, out: &mut Vec<u8>) {
        let behind = self.place().append(&segment, out);
        let bytes = behind.bytes - self.bytes;
        self.listed.push(Listed { kind: segment.kind, bytes, summary: segment.summary });
        (self.bytes, self.previous, self.events) = (behind.bytes, behind.previous, behind.events);
    }

    /// Length of the file so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Events in the segments so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Appends the index and the end of the file to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        let index_offset = self.bytes;
        self.seal(encode_index(&self.listed), out);
        let end = End {
            index_offset,
            index_bytes: self.bytes - index_offset,
            segments: self.listed.len() as u64,
            events: self.events,
        };
        debug_assert_eq!(self.listed.last().map(|listed| listed.kind), Some(SegmentType::Index));
        self.seal(encode_end(end), out);
    }
}
