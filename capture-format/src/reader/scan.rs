//! Walking over the segments of a capture from header to header, and finding the way behind damage.

use crate::error::{Damage, Defect, ReadError};
use crate::reader::{ReadAt, SegmentInfo};
use crate::segment::{
    FileHeader, HEADER_BYTES, Hash, MAGIC, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SegmentHeader, SegmentType,
    VERSION, parse_file_header,
};

/// Bytes looked through at a time when the way is lost.
const SEARCH_BYTES: u64 = 1 << 20;

/// Reads bytes, naming the place on failure.
pub(crate) fn read<R: ReadAt + ?Sized>(source: &R, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
    source.read_at(offset, buffer).map_err(|error| ReadError::Io { offset, source: error })
}

/// What follows in a capture.
pub(crate) enum Found {
    /// A segment that is complete as far as its length goes.
    Segment { info: SegmentInfo, header: SegmentHeader },
    /// The capture ends within this segment.
    Cut { info: SegmentInfo, bytes_missing: u64 },
    /// These bytes are no segment; a segment or the end follows.
    Gap { offset: u64, bytes: u64 },
    /// Nothing more.
    End,
}

/// Checks what a file begins with. Damage of the header alone is no reason to give up, when a segment follows.
pub(crate) fn check_file_header<R: ReadAt + ?Sized>(source: &R) -> Result<Option<Damage>, ReadError> {
    let length = source.len();
    let mut header = [0; HEADER_BYTES];
    let have = length.min(HEADER_BYTES as u64) as usize;
    read(source, 0, &mut header[..have])?;
    judge_file_header(&header[..have], || Ok(segment_at(source, HEADER_BYTES as u64)?.is_some()))
}

/// As [`check_file_header`], from the header's bytes and a way to see whether a segment follows it.
pub(crate) fn judge_file_header(
    header: &[u8],
    segment_follows: impl FnOnce() -> Result<bool, ReadError>,
) -> Result<Option<Damage>, ReadError> {
    let damage =
        |bytes: usize, defect| Damage { offset: 0, bytes: bytes as u64, number: None, segment: None, defect };
    let Ok(whole) = <&[u8; HEADER_BYTES]>::try_from(header) else {
        let known = header.len().min(MAGIC.len());
        if header.is_empty() || header[..known] != MAGIC[..known] {
            return Err(ReadError::NotACapture);
        }
        let bytes_missing = (HEADER_BYTES - header.len()) as u64;
        return Ok(Some(damage(header.len(), Defect::Truncated { bytes_missing })));
    };
    match parse_file_header(whole) {
        FileHeader::Good { version } if version > VERSION => {
            Err(ReadError::TooNew { found: version, newest: VERSION })
        }
        FileHeader::Good { .. } => Ok(None),
        FileHeader::Bad if whole[..MAGIC.len()] == MAGIC || segment_follows()? => {
            Ok(Some(damage(HEADER_BYTES, Defect::FileHeader)))
        }
        FileHeader::Bad => Err(ReadError::NotACapture),
    }
}

fn segment_at<R: ReadAt + ?Sized>(source: &R, offset: u64) -> Result<Option<SegmentHeader>, ReadError> {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    if source.len().saturating_sub(offset) < header.len() as u64 {
        return Ok(None);
    }
    read(source, offset, &mut header)?;
    Ok(SegmentHeader::parse(&header))
}

/// What stands at this place of a capture.
pub(crate) fn next_segment<R: ReadAt + ?Sized>(source: &R, offset: u64) -> Result<Found, ReadError> {
    let left = source.len().saturating_sub(offset);
    if left == 0 {
        return Ok(Found::End);
    }
    let Some(header) = segment_at(source, offset)? else {
        let end = search(source, offset + 1)?;
        return Ok(Found::Gap { offset, bytes: end - offset });
    };
    let bytes = header.segment_bytes();
    let info = SegmentInfo { number: header.number, kind: header.kind, offset, bytes };
    if bytes > left {
        return Ok(Found::Cut { info, bytes_missing: bytes - left });
    }
    Ok(Found::Segment { info, header })
}

/// Where the next segment begins, or the end of the bytes.
fn search<R: ReadAt + ?Sized>(source: &R, mut offset: u64) -> Result<u64, ReadError> {
    let length = source.len();
    let mut buffer = Vec::new();
    while length.saturating_sub(offset) >= SEGMENT_HEADER_BYTES as u64 {
        // Not more than SEARCH_BYTES, so the cast and the allocation are safe.
        buffer.resize(SEARCH_BYTES.min(length - offset) as usize, 0);
        read(source, offset, &mut buffer)?;
        if let Some(found) = find_segment(&buffer) {
            return Ok(offset + found as u64);
        }
        // A header may begin in the last bytes of this part.
        offset += (buffer.len() - SEGMENT_HEADER_BYTES + 1) as u64;
    }
    Ok(length)
}

/// Where in the bytes the first whole header of a segment begins.
pub(crate) fn find_segment(bytes: &[u8]) -> Option<usize> {
    bytes.windows(SEGMENT_HEADER_BYTES).position(|window| {
        window[..SEGMENT_MAGIC.len()] == SEGMENT_MAGIC
            && window.try_into().is_ok_and(|header| SegmentHeader::parse(header).is_some())
    })
}

/// Follows the hashes from segment to segment.
#[derive(Debug, Default)]
pub(crate) struct ChainCheck {
    /// Hash and number of the segment before; `None` behind damage, which hides it.
    before: Option<(Hash, Option<u64>)>,
}

impl ChainCheck {
    /// At the beginning of a file whose header is this.
    pub(crate) fn new(file_header: &[u8; HEADER_BYTES]) -> Self {
        ChainCheck { before: Some((*blake3::hash(file_header).as_bytes(), None)) }
    }

    /// Something was unreadable: what follows cannot be checked against it.
    pub(crate) fn lost(&mut self) {
        self.before = None;
    }

    /// Whether the segment follows the one before it.
    pub(crate) fn follow(&mut self, info: SegmentInfo, header: &SegmentHeader) -> Option<Damage> {
        let expected = self.before.replace((header.hash, Some(header.number)));
        let (hash, number) = expected?;
        let follows =
            header.previous == hash && header.number == number.map_or(0, |number| number.wrapping_add(1));
        (!follows).then(|| damage_of(info, Defect::Chain))
    }
}

/// A defect of a whole segment.
pub(crate) fn damage_of(info: SegmentInfo, defect: Defect) -> Damage {
    Damage {
        offset: info.offset,
        bytes: info.bytes,
        number: Some(info.number),
        segment: Some(info.kind),
        defect,
    }
}

/// The defect of bytes between segments, or behind the last.
pub(crate) fn damage_of_gap(offset: u64, bytes: u64, length: u64) -> Damage {
    // Fewer bytes than a header at the very end are the beginning of one.
    let is_tail = offset + bytes == length && bytes < SEGMENT_HEADER_BYTES as u64;
    let defect = if is_tail {
        Defect::Truncated { bytes_missing: SEGMENT_HEADER_BYTES as u64 - bytes }
    } else {
        Defect::NotASegment
    };
    Damage { offset, bytes, number: None, segment: None, defect }
}

/// The capture has no end.
pub(crate) fn not_finished(length: u64) -> Damage {
    Damage { offset: length, bytes: 0, number: None, segment: None, defect: Defect::NotFinished }
}

/// Reads a segment's payload; the length is bounded by the header's parser and the source's length.
pub(crate) fn read_payload<R: ReadAt + ?Sized>(source: &R, info: SegmentInfo) -> Result<Vec<u8>, ReadError> {
    let mut payload = vec![0; info.bytes as usize - SEGMENT_HEADER_BYTES];
    read(source, info.offset + SEGMENT_HEADER_BYTES as u64, &mut payload)?;
    Ok(payload)
}

/// Reads a payload and checks its hash.
pub(crate) fn read_checked<R: ReadAt + ?Sized>(
    source: &R,
    info: SegmentInfo,
    header: &SegmentHeader,
) -> Result<Result<Vec<u8>, Damage>, ReadError> {
    let payload = read_payload(source, info)?;
    if !header.matches(&payload) {
        return Ok(Err(damage_of(info, Defect::Hash)));
    }
    Ok(Ok(payload))
}

/// Whether nothing may follow this segment.
pub(crate) fn is_end(kind: SegmentType) -> bool {
    kind == SegmentType::End
}
