//! Segments: the self-delimiting, hashed and chained parts a capture consists of.
//!
//! Every segment begins with a [`SegmentHeader`] that can be recognised and trusted on its own, so a reader finds
//! its way again behind damage. The hash covers header and payload, and the header holds the hash of the segment
//! before: removing, exchanging or altering a segment breaks the chain at a place that can be named.

use crate::codec::Decoded;
use crate::codec::bytes::{Cursor, put_text, put_varint, unzigzag, zigzag};
use crate::codec::malformed;
use crate::codec::payload::{Directory, Squeezer, write_payload};
use crate::model::{Host, Loss, LossCause, Mark};
use crate::summary::Summary;

/// Length of the header a file begins with.
pub const HEADER_BYTES: usize = 32;

/// What a file begins with. As in PNG, the first byte is no text, and the line ends show damage by text transfer.
pub(crate) const MAGIC: [u8; 8] = *b"\x89REEL\r\n\x1a";

/// The format written, and the newest that is read.
pub(crate) const VERSION: u16 = 1;

/// Length of the header of a segment.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 96;

/// What a segment begins with; the first byte is never part of UTF-8.
pub(crate) const SEGMENT_MAGIC: [u8; 4] = *b"\xf5SEG";

/// Longest payload.
pub(crate) const PAYLOAD_BYTES_MAX: u32 = 1 << 29;

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
    pub(crate) const fn number(self) -> u8 {
        match self {
            SegmentType::Host => 1,
            SegmentType::Entities => 2,
            SegmentType::Events => 3,
            SegmentType::Counts => 4,
            SegmentType::Marks => 5,
            SegmentType::Index => 6,
            SegmentType::End => 7,
            SegmentType::Unknown(number) => number,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            1 => SegmentType::Host,
            2 => SegmentType::Entities,
            3 => SegmentType::Events,
            4 => SegmentType::Counts,
            5 => SegmentType::Marks,
            6 => SegmentType::Index,
            7 => SegmentType::End,
            _ => SegmentType::Unknown(number),
        }
    }

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

/// A BLAKE3 hash.
pub(crate) type Hash = [u8; 32];

fn sum4(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = *blake3::hash(bytes).as_bytes();
    [a, b, c, d]
}

/// The header a file begins with.
pub(crate) fn file_header(capture_id: [u8; 12]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    // 10..12 are flags, 12..16 a hole.
    header[16..28].copy_from_slice(&capture_id);
    let sum = sum4(&header[..28]);
    header[28..].copy_from_slice(&sum);
    header
}

/// How the beginning of a file looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileHeader {
    /// A capture of this version.
    Good { version: u16 },
    /// It has neither the magic nor a valid checksum.
    Bad,
}

pub(crate) fn parse_file_header(header: &[u8; HEADER_BYTES]) -> FileHeader {
    if header[..8] == MAGIC && header[28..] == sum4(&header[..28]) {
        FileHeader::Good { version: u16::from_le_bytes([header[8], header[9]]) }
    } else {
        FileHeader::Bad
    }
}

/// The header of a segment.
///
/// ```text
///  0  magic           4
///  4  type            1
///  5  flags           1   0; a reader skips a segment with flags it does not know
///  6  hole            2   0
///  8  number          8   counted from 0
/// 16  payload length  4
/// 20  hole            4   0
/// 24  previous hash  32   of the segment before; of the file's header for the first
/// 56  hash           32   BLAKE3 of bytes 0..56 and the payload
/// 88  checksum        8   first bytes of the BLAKE3 of bytes 0..88
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) kind: SegmentType,
    pub(crate) flags: u8,
    pub(crate) number: u64,
    pub(crate) payload_bytes: u32,
    pub(crate) previous: Hash,
    pub(crate) hash: Hash,
}

const HASHED_BYTES: usize = 56;
const SUMMED_BYTES: usize = HASHED_BYTES + 32;
const _: () = assert!(SUMMED_BYTES + 8 == SEGMENT_HEADER_BYTES);

impl SegmentHeader {
    /// The header of a payload, with its hash.
    pub(crate) fn seal(kind: SegmentType, number: u64, previous: Hash, payload: &[u8]) -> Self {
        let mut header = SegmentHeader {
            kind,
            flags: 0,
            number,
            payload_bytes: payload.len() as u32,
            previous,
            hash: [0; 32],
        };
        header.hash = header.compute_hash(payload);
        header
    }

    pub(crate) fn to_bytes(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..4].copy_from_slice(&SEGMENT_MAGIC);
        bytes[4] = self.kind.number();
        bytes[5] = self.flags;
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[24..HASHED_BYTES].copy_from_slice(&self.previous);
        bytes[HASHED_BYTES..SUMMED_BYTES].copy_from_slice(&self.hash);
        let sum = blake3::hash(&bytes[..SUMMED_BYTES]);
        bytes[SUMMED_BYTES..].copy_from_slice(&sum.as_bytes()[..8]);
        bytes
    }

    /// `None` when the bytes are no header of a segment.
    pub(crate) fn parse(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Option<Self> {
        let sum = blake3::hash(&bytes[..SUMMED_BYTES]);
        // A fuzzer cannot guess hashes; without them it reaches what lies behind.
        let is_intact = bytes[SUMMED_BYTES..] == sum.as_bytes()[..8] || cfg!(fuzzing);
        if bytes[..4] != SEGMENT_MAGIC || !is_intact {
            return None;
        }
        let mut cursor = Cursor::new(&bytes[4..]);
        let (kind, flags, _) = (cursor.u8().ok()?, cursor.u8().ok()?, cursor.u16().ok()?);
        let (number, payload_bytes, _) = (cursor.u64().ok()?, cursor.u32().ok()?, cursor.u32().ok()?);
        let previous = cursor.take(32).ok()?.try_into().ok()?;
        let hash = cursor.take(32).ok()?.try_into().ok()?;
        let kind = if flags == 0 { SegmentType::from_number(kind) } else { SegmentType::Unknown(kind) };
        (payload_bytes <= PAYLOAD_BYTES_MAX).then_some(SegmentHeader {
            kind,
            flags,
            number,
            payload_bytes,
            previous,
            hash,
        })
    }

    /// Whether the payload is the one that was sealed. For fuzzers every one is, see [`Self::parse`].
    pub(crate) fn matches(&self, payload: &[u8]) -> bool {
        cfg!(fuzzing) || self.compute_hash(payload) == self.hash
    }

    /// What [`Self::hash`] must be.
    fn compute_hash(&self, payload: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.to_bytes()[..HASHED_BYTES]);
        hasher.update(payload);
        *hasher.finalize().as_bytes()
    }

    /// Length of header and payload.
    pub(crate) fn segment_bytes(&self) -> u64 {
        SEGMENT_HEADER_BYTES as u64 + u64::from(self.payload_bytes)
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
    /// Events, not among those produced, that reached the agent and did not match the recording's filter.
    pub left_out: u64,
}

/// A segment's content, ready for [`crate::Chain::seal`].
#[derive(Debug)]
pub struct EncodedSegment {
    pub(crate) kind: SegmentType,
    pub(crate) payload: Vec<u8>,
    /// Of events segments, for the index.
    pub(crate) summary: Option<Summary>,
}

/// zstd level for the small segments, whose time does not matter.
const LEVEL_SMALL: i32 = 6;

impl EncodedSegment {
    /// A segment that is all head: no columns.
    pub(crate) fn plain(kind: SegmentType, head: &[u8]) -> Self {
        let payload = write_payload(head, &[], &mut Squeezer::new(LEVEL_SMALL));
        EncodedSegment { kind, payload, summary: None }
    }

    /// The segment that says whose capture this is; written first.
    pub fn host(host: &Host) -> Self {
        let mut head = Vec::new();
        for text in [&host.hostname, &host.kernel, &host.machine, &host.boot_id, &host.writer, &host.scope] {
            put_text(&mut head, text);
        }
        put_varint(&mut head, u64::from(host.cpus));
        put_varint(&mut head, zigzag(host.epoch_offset_ns));
        put_varint(&mut head, zigzag(i64::from(host.zone_offset_s)));
        put_varint(&mut head, u64::from(host.snap_bytes));
        put_varint(&mut head, host.addresses.len() as u64);
        host.addresses.iter().for_each(|address| put_text(&mut head, address));
        EncodedSegment::plain(SegmentType::Host, &head)
    }

    /// New losses, and the tallies of all CPUs as they stand now.
    pub fn counts(losses: &[Loss], tallies: &[Tally]) -> Self {
        let mut head = Vec::new();
        put_varint(&mut head, losses.len() as u64);
        for loss in losses {
            put_varint(&mut head, u64::from(loss.cpu));
            head.push(loss.cause as u8);
            put_text(&mut head, loss.class.as_bytes());
            put_varint(&mut head, loss.count);
            put_varint(&mut head, loss.from_ns);
            put_varint(&mut head, loss.to_ns);
        }
        put_varint(&mut head, tallies.len() as u64);
        for tally in tallies {
            put_varint(&mut head, u64::from(tally.cpu));
            put_varint(&mut head, tally.produced);
            put_varint(&mut head, tally.stored);
        }
        // Behind all that readers from before know.
        tallies.iter().for_each(|tally| put_varint(&mut head, tally.left_out));
        EncodedSegment::plain(SegmentType::Counts, &head)
    }

    /// Marks.
    pub fn marks(marks: &[Mark]) -> Self {
        let mut head = Vec::new();
        put_varint(&mut head, marks.len() as u64);
        for mark in marks {
            put_varint(&mut head, mark.time_ns);
            put_text(&mut head, mark.kind.as_bytes());
            put_text(&mut head, &mark.text);
        }
        EncodedSegment::plain(SegmentType::Marks, &head)
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

/// The head of a segment that is all head.
pub(crate) fn plain_head(payload: &[u8]) -> Decoded<Vec<u8>> {
    let directory = Directory::parse(payload, payload.len() as u64)?;
    Ok(directory.head)
}

fn string(cursor: &mut Cursor<'_>) -> Decoded<String> {
    Ok(String::from_utf8_lossy(cursor.text()?).into_owned())
}

pub(crate) fn parse_host(payload: &[u8]) -> Decoded<Host> {
    let head = plain_head(payload)?;
    let mut cursor = Cursor::new(&head);
    let mut text = || cursor.text().map(<[u8]>::to_vec);
    let mut host = Host {
        hostname: text()?,
        kernel: text()?,
        machine: text()?,
        boot_id: text()?,
        writer: text()?,
        scope: text()?,
        ..Host::default()
    };
    host.cpus = cursor.varint32()?;
    host.epoch_offset_ns = unzigzag(cursor.varint()?);
    host.zone_offset_s = unzigzag(cursor.varint()?) as i32;
    host.snap_bytes = cursor.varint32()?;
    for _ in 0..cursor.count()? {
        host.addresses.push(cursor.text()?.to_vec());
    }
    Ok(host)
}

/// Largest head of a segment of losses or marks: a million of either. A few bytes of a hostile file decompress
/// to many, and what is made of them takes ten times as much.
const SMALL_HEAD_BYTES_MAX: usize = 16 << 20;

fn small_head(payload: &[u8]) -> Decoded<Vec<u8>> {
    let head = plain_head(payload)?;
    if head.len() > SMALL_HEAD_BYTES_MAX {
        return malformed("it has more losses or marks than a segment may");
    }
    Ok(head)
}

pub(crate) fn parse_counts(payload: &[u8]) -> Decoded<(Vec<Loss>, Vec<Tally>)> {
    let head = small_head(payload)?;
    let mut cursor = Cursor::new(&head);
    let cpu = |cursor: &mut Cursor<'_>| match u16::try_from(cursor.varint()?) {
        Ok(cpu) => Ok(cpu),
        Err(_) => malformed("a CPU number exceeds 16 bits"),
    };
    let (mut losses, mut tallies) = (Vec::new(), Vec::new());
    for _ in 0..cursor.count()? {
        losses.push(Loss {
            cpu: cpu(&mut cursor)?,
            cause: loss_cause(cursor.u8()?),
            class: string(&mut cursor)?,
            count: cursor.varint()?,
            from_ns: cursor.varint()?,
            to_ns: cursor.varint()?,
        });
    }
    for _ in 0..cursor.count()? {
        tallies.push(Tally {
            cpu: cpu(&mut cursor)?,
            produced: cursor.varint()?,
            stored: cursor.varint()?,
            left_out: 0,
        });
    }
    if cursor.remaining() > 0 {
        for tally in &mut tallies {
            tally.left_out = cursor.varint()?;
        }
    }
    Ok((losses, tallies))
}

/// A cause that this reader does not know is shown as the one that claims least.
fn loss_cause(number: u8) -> LossCause {
    match number {
        0 => LossCause::RingFull,
        1 => LossCause::Nested,
        2 => LossCause::QueueFull,
        3 => LossCause::BadRecord,
        5 => LossCause::NotWritten,
        6 => LossCause::Shed,
        7 => LossCause::Missed,
        _ => LossCause::Unaccounted,
    }
}

pub(crate) fn parse_marks(payload: &[u8]) -> Decoded<Vec<Mark>> {
    let head = small_head(payload)?;
    let mut cursor = Cursor::new(&head);
    let mut marks = Vec::new();
    for _ in 0..cursor.count()? {
        marks.push(Mark {
            time_ns: cursor.varint()?,
            kind: string(&mut cursor)?,
            text: cursor.text()?.to_vec(),
        });
    }
    Ok(marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bytes_do_not_become_millions_of_losses_or_marks() {
        let mut head = Vec::new();
        put_varint(&mut head, 1 << 23);
        head.resize(SMALL_HEAD_BYTES_MAX + 1, 0);
        let segment = EncodedSegment::plain(SegmentType::Counts, &head);
        assert!(segment.payload.len() < 10_000);
        assert!(parse_counts(&segment.payload).is_err());
        assert!(parse_marks(&segment.payload).is_err());
        head.truncate(1000);
        head[..4].copy_from_slice(&[0; 4]);
        assert!(parse_marks(&EncodedSegment::plain(SegmentType::Marks, &head).payload).is_ok());
    }
}
