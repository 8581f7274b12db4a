//! The index and the end of a capture: what lets a reader begin without reading everything.

use crate::codec::bytes::{Cursor, put_varint};
use crate::codec::{Decoded, malformed};
use crate::segment::{EncodedSegment, HEADER_BYTES, SEGMENT_HEADER_BYTES, SegmentType, plain_head};
use crate::summary::Summary;

/// Length of the whole end segment: a reader finds it by reading so many bytes from the end of the file.
pub(crate) const END_BYTES: usize = SEGMENT_HEADER_BYTES + END_PAYLOAD_BYTES;

/// Offset of the index segment, its length, count of segments before the end, count of events; 8 bytes each.
pub(crate) const END_PAYLOAD_BYTES: usize = 32;

/// A segment as the index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) kind: SegmentType,
    /// Length, header included.
    pub(crate) bytes: u64,
    /// Of events segments.
    pub(crate) summary: Option<Summary>,
}

pub(crate) fn encode_index(listed: &[Listed]) -> EncodedSegment {
    let mut head = Vec::new();
    put_varint(&mut head, listed.len() as u64);
    for segment in listed {
        head.push(segment.kind.number());
        put_varint(&mut head, segment.bytes);
    }
    listed.iter().filter_map(|segment| segment.summary.as_ref()).for_each(|summary| summary.put(&mut head));
    EncodedSegment::plain(SegmentType::Index, &head)
}

/// All segments before the index. `index_offset` is where the index begins and so where they must end.
pub(crate) fn parse_index(payload: &[u8], index_offset: u64) -> Decoded<Vec<Listed>> {
    let head = plain_head(payload)?;
    let mut cursor = Cursor::new(&head);
    // Not reserved: what is listed must fit the bytes before the index, and until then the count is only a claim.
    let mut listed = Vec::new();
    let mut offset = HEADER_BYTES as u64;
    for _ in 0..cursor.count()? {
        let kind = SegmentType::from_number(cursor.u8()?);
        let bytes = cursor.varint()?;
        offset = match offset.checked_add(bytes) {
            Some(end) if bytes >= SEGMENT_HEADER_BYTES as u64 && end <= index_offset => end,
            _ => return malformed("the index lists segments that cannot be there"),
        };
        listed.push(Listed { kind, bytes, summary: None });
    }
    if offset != index_offset {
        return malformed("the index does not list all segments before it");
    }
    for segment in listed.iter_mut().filter(|segment| segment.kind == SegmentType::Events) {
        segment.summary = Some(Summary::parse(&mut cursor)?);
    }
    cursor.end()?;
    Ok(listed)
}

/// What the end of a capture says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) index_offset: u64,
    pub(crate) index_bytes: u64,
    pub(crate) segments: u64,
    pub(crate) events: u64,
}

pub(crate) fn encode_end(end: End) -> EncodedSegment {
    let mut payload = Vec::with_capacity(END_PAYLOAD_BYTES);
    for word in [end.index_offset, end.index_bytes, end.segments, end.events] {
        payload.extend_from_slice(&word.to_le_bytes());
    }
    EncodedSegment { kind: SegmentType::End, payload, summary: None }
}

pub(crate) fn parse_end(payload: &[u8]) -> Decoded<End> {
    let mut cursor = Cursor::new(payload);
    Ok(End {
        index_offset: cursor.u64()?,
        index_bytes: cursor.u64()?,
        segments: cursor.u64()?,
        events: cursor.u64()?,
    })
}
