//! The chain: gives segments their place in a file, each sealed with the hash of the one before it.

use crate::segment::{EncodedSegment, HEADER_BYTES};

/// Turns encoded segments, in order, into the bytes of a file. Whatever prefix of these bytes reaches the disk
/// is a readable capture.
#[derive(Debug)]
pub struct Chain {
    bytes: u64,
}

impl Chain {
    /// Begins a file. `capture_id` should be random; files of one recording that was rotated share it.
    pub fn new(_capture_id: [u8; 12]) -> Self {
        todo!()
    }

    /// The bytes the file begins with; already counted in [`Self::bytes`].
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        todo!()
    }

    /// Appends a segment's bytes to `out`.
    pub fn seal(&mut self, _segment: EncodedSegment, _out: &mut Vec<u8>) {
        todo!()
    }

    /// Length of the file so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends the index and the end of the file to `out`.
    pub fn finish(self, _out: &mut Vec<u8>) {
        todo!()
    }
}
