//! The payload of a segment: a directory, then chunks that are compressed one by one.
//!
//! ```text
//! +--------------+-----------+----------+-----------------+---------+---------+---
//! | stored bytes | raw bytes | checksum | directory       | chunk 0 | chunk 1 | ..
//! | u32          | u32       | u32      | zstd when raw > |         |         |
//! +--------------+-----------+----------+-----------------+---------+---------+---
//! directory = head (what the segment is about), chunk table, columns (name-less: their order is the head's
//!             business), each with its encoding and the parts it consists of
//! ```
//! A column's parts (byte planes, dictionaries, ...) differ in nature, so a large part is a chunk of its own, with
//! entropy tables of its own; small parts share chunk 0, so that rare kinds of events cost little.
//! A reader fetches the directory and then only the chunks of the columns it wants.

use std::cell::OnceCell;
use std::fmt;

use zstd::bulk::{Compressor, Decompressor};

use super::bytes::{Cursor, put_text, put_varint};
use super::{Broken, Decoded, malformed};

/// Length of what comes before the directory.
pub(crate) const PREFIX_BYTES: usize = 12;

/// Largest directory, uncompressed. The index is the largest: some 200 bytes per block of 64 Ki events.
pub(crate) const DIRECTORY_BYTES_MAX: usize = 256 << 20;

/// Largest chunk, uncompressed.
pub(crate) const CHUNK_BYTES_MAX: usize = 64 << 20;

/// Most that all chunks of a payload hold, uncompressed, so that a small hostile file cannot claim much memory.
pub(crate) const PAYLOAD_RAW_BYTES_MAX: u64 = 256 << 20;

/// Most columns: 2^16 kinds of events have half as many.
pub(crate) const COLUMNS_MAX: usize = 1 << 20;

/// Most parts that all columns have, and so most chunks but for chunk 0.
pub(crate) const PARTS_MAX: usize = 1 << 22;

/// Parts shorter than this share chunk 0.
const PART_BYTES_OWN: usize = 1024;

/// Whether bytes match their checksum. A fuzzer cannot guess checksums; without them it reaches what lies behind.
fn matches(bytes: &[u8], sum: u32) -> bool {
    cfg!(fuzzing) || checksum(bytes) == sum
}

/// First four bytes of the BLAKE3 hash: enough against accidents; the segment's hash stands against intent.
fn checksum(bytes: &[u8]) -> u32 {
    let hash = blake3::hash(bytes);
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// An encoded column: its encoding, and the parts it consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColumnParts {
    pub(crate) header: Vec<u8>,
    pub(crate) parts: Vec<Vec<u8>>,
}

/// Compresses segments, all with one context: setting one up costs more than compressing a small chunk.
pub struct Squeezer {
    compressor: Option<Compressor<'static>>,
}

impl fmt::Debug for Squeezer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Squeezer").finish_non_exhaustive()
    }
}

impl Squeezer {
    /// Compresses at a zstd level.
    pub fn new(level: i32) -> Self {
        // Without a context (no memory) chunks are stored as they are.
        Squeezer { compressor: Compressor::new(level).ok() }
    }

    /// Leaves everything as it is, for what is read back at once.
    pub fn idle() -> Self {
        Squeezer { compressor: None }
    }

    /// The compressed bytes, when they are fewer.
    pub(crate) fn squeeze(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        let compressed = self.compressor.as_mut()?.compress(raw).ok()?;
        (compressed.len() < raw.len()).then_some(compressed)
    }
}

fn unsqueeze(stored: &[u8], raw_bytes: usize) -> Decoded<Vec<u8>> {
    if stored.len() == raw_bytes {
        return Ok(stored.to_vec());
    }
    let mut decompressor = Decompressor::new().map_err(|_| Broken::Malformed("no memory to decompress"))?;
    match decompressor.decompress(stored, raw_bytes) {
        Ok(raw) if raw.len() == raw_bytes => Ok(raw),
        _ => malformed("a chunk does not decompress to its stated length"),
    }
}

/// Puts a payload together.
pub(crate) fn write_payload(head: &[u8], columns: &[ColumnParts], squeezer: &mut Squeezer) -> Vec<u8> {
    let mut shared = Vec::new();
    let mut own: Vec<&[u8]> = Vec::new();
    let mut entries = Vec::new();
    put_varint(&mut entries, columns.len() as u64);
    for column in columns {
        put_text(&mut entries, &column.header);
        put_varint(&mut entries, column.parts.len() as u64);
        for part in &column.parts {
            let is_own = part.len() >= PART_BYTES_OWN;
            put_varint(&mut entries, (part.len() as u64) << 1 | u64::from(is_own));
            if is_own { own.push(part) } else { shared.extend_from_slice(part) }
        }
    }

    let mut directory = Vec::new();
    put_text(&mut directory, head);
    put_varint(&mut directory, 1 + own.len() as u64);
    let mut chunks = Vec::new();
    for raw in std::iter::once(shared.as_slice()).chain(own) {
        let squeezed = squeezer.squeeze(raw);
        let stored = squeezed.as_deref().unwrap_or(raw);
        put_varint(&mut directory, stored.len() as u64);
        put_varint(&mut directory, (raw.len() - stored.len()) as u64);
        directory.extend_from_slice(&checksum(stored).to_le_bytes());
        chunks.extend_from_slice(stored);
    }
    directory.extend_from_slice(&entries);

    let squeezed = squeezer.squeeze(&directory);
    let stored = squeezed.as_deref().unwrap_or(&directory);
    let mut payload = Vec::with_capacity(PREFIX_BYTES + stored.len() + chunks.len());
    payload.extend_from_slice(&(stored.len() as u32).to_le_bytes());
    payload.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    payload.extend_from_slice(&checksum(stored).to_le_bytes());
    payload.extend_from_slice(stored);
    payload.extend_from_slice(&chunks);
    payload
}

/// Length of prefix and stored directory, told from the prefix.
pub(crate) fn directory_end(prefix: &[u8; PREFIX_BYTES]) -> u64 {
    let [a, b, c, d, ..] = *prefix;
    PREFIX_BYTES as u64 + u64::from(u32::from_le_bytes([a, b, c, d]))
}

#[derive(Clone, Copy, Debug)]
struct ChunkPlace {
    /// From the beginning of the payload.
    offset: u64,
    stored: u32,
    raw: u32,
    checksum: u32,
}

#[derive(Clone, Copy, Debug)]
struct PartPlace {
    chunk: u32,
    /// Within the uncompressed chunk.
    start: u32,
    bytes: u32,
}

#[derive(Clone, Debug)]
struct ColumnPlace {
    header: Vec<u8>,
    parts: Vec<PartPlace>,
}

/// Gives the stored bytes of a payload: `(offset, length)`.
pub(crate) trait Fetch {
    type Error: From<Broken>;

    fn fetch(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, Self::Error>;
}

impl Fetch for [u8] {
    type Error = Broken;

    fn fetch(&self, offset: u64, bytes: usize) -> Decoded<Vec<u8>> {
        let start = offset as usize;
        match self.get(start..).and_then(|rest| rest.get(..bytes)) {
            Some(found) => Ok(found.to_vec()),
            None => malformed("it ends before its content does"),
        }
    }
}

/// A payload's directory.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) head: Vec<u8>,
    chunks: Vec<ChunkPlace>,
    columns: Vec<ColumnPlace>,
    /// Chunk 0, decompressed: many columns have their parts there.
    shared: OnceCell<Vec<u8>>,
}

/// A column's encoding and parts, ready to be decoded.
#[derive(Debug)]
pub(crate) struct ColumnBytes {
    pub(crate) header: Vec<u8>,
    pub(crate) parts: Vec<Vec<u8>>,
}

impl Directory {
    /// Reads prefix and directory from the beginning of a payload of `payload_bytes`.
    pub(crate) fn parse(front: &[u8], payload_bytes: u64) -> Decoded<Self> {
        let mut cursor = Cursor::new(front);
        let (stored, raw, sum) = (cursor.u32()? as usize, cursor.u32()? as usize, cursor.u32()?);
        if raw > DIRECTORY_BYTES_MAX || stored > raw {
            return malformed("the directory has an impossible length");
        }
        let stored = cursor.take(stored)?;
        if !matches(stored, sum) {
            return Err(Broken::Checksum { offset: PREFIX_BYTES as u64, bytes: stored.len() as u64 });
        }
        let directory = unsqueeze(stored, raw)?;
        let mut cursor = Cursor::new(&directory);
        let head = cursor.text()?.to_vec();
        let chunks = Self::parse_chunks(&mut cursor, (PREFIX_BYTES + stored.len()) as u64, payload_bytes)?;
        let columns = Self::parse_columns(&mut cursor, &chunks)?;
        cursor.end()?;
        Ok(Directory { head, chunks, columns, shared: OnceCell::new() })
    }

    fn parse_chunks(cursor: &mut Cursor<'_>, start: u64, payload_bytes: u64) -> Decoded<Vec<ChunkPlace>> {
        let count = cursor.count()?;
        if count > 1 + PARTS_MAX {
            return malformed("it has too many chunks");
        }
        let mut chunks = Vec::with_capacity(count);
        let (mut offset, mut raw_total) = (start, 0u64);
        for _ in 0..count {
            let stored = cursor.varint32()?;
            let saved = cursor.varint32()?;
            let checksum = cursor.u32()?;
            let raw = match stored.checked_add(saved) {
                Some(raw) if raw as usize <= CHUNK_BYTES_MAX => raw,
                _ => return malformed("a chunk is too large"),
            };
            chunks.push(ChunkPlace { offset, stored, raw, checksum });
            // No overflow: the count is below 2^23 and each term below 2^32.
            offset += u64::from(stored);
            raw_total += u64::from(raw);
        }
        if offset > payload_bytes {
            return malformed("its chunks exceed it");
        }
        if raw_total > PAYLOAD_RAW_BYTES_MAX {
            return malformed("it decompresses to too much");
        }
        Ok(chunks)
    }

    fn parse_columns(cursor: &mut Cursor<'_>, chunks: &[ChunkPlace]) -> Decoded<Vec<ColumnPlace>> {
        let count = cursor.count()?;
        if count > COLUMNS_MAX {
            return malformed("it has too many columns");
        }
        let mut columns = Vec::with_capacity(count);
        let (mut shared_used, mut own, mut parts_left) = (0u32, 0usize, PARTS_MAX);
        for _ in 0..count {
            let header = cursor.text()?.to_vec();
            let part_count = cursor.count()?;
            parts_left = match parts_left.checked_sub(part_count) {
                Some(left) => left,
                None => return malformed("its columns have too many parts"),
            };
            let mut parts = Vec::with_capacity(part_count);
            for _ in 0..part_count {
                let word = cursor.varint()?;
                let Ok(bytes) = u32::try_from(word >> 1) else { return malformed("a part is too large") };
                let (chunk, start) = if word & 1 == 1 {
                    own += 1;
                    (own, 0)
                } else {
                    (0, shared_used)
                };
                let end = start.checked_add(bytes);
                let Some((chunk_place, end)) = chunks.get(chunk).zip(end) else {
                    return malformed("a part has no chunk");
                };
                if end > chunk_place.raw {
                    return malformed("a part exceeds its chunk");
                }
                if chunk == 0 {
                    shared_used = end;
                }
                parts.push(PartPlace { chunk: chunk as u32, start, bytes });
            }
            columns.push(ColumnPlace { header, parts });
        }
        Ok(columns)
    }

    pub(crate) fn column_count(&self) -> usize {
        self.columns.len()
    }

    fn chunk<F: Fetch + ?Sized>(&self, source: &F, chunk: u32) -> Result<Vec<u8>, F::Error> {
        let place = self.chunks[chunk as usize];
        let stored = source.fetch(place.offset, place.stored as usize)?;
        if !matches(&stored, place.checksum) {
            return Err(Broken::Checksum { offset: place.offset, bytes: u64::from(place.stored) }.into());
        }
        if place.stored == place.raw {
            return Ok(stored);
        }
        Ok(unsqueeze(&stored, place.raw as usize)?)
    }

    fn shared<F: Fetch + ?Sized>(&self, source: &F) -> Result<&[u8], F::Error> {
        if self.shared.get().is_none() {
            let chunk = self.chunk(source, 0)?;
            let _ = self.shared.set(chunk);
        }
        Ok(self.shared.get().map_or(&[], Vec::as_slice))
    }

    /// Fetches and decompresses the parts of a column.
    pub(crate) fn column<F: Fetch + ?Sized>(
        &self,
        source: &F,
        index: usize,
    ) -> Result<ColumnBytes, F::Error> {
        let Some(column) = self.columns.get(index) else {
            return Err(Broken::Malformed("it lacks a column").into());
        };
        let mut parts = Vec::with_capacity(column.parts.len());
        for part in &column.parts {
            if part.chunk == 0 {
                let start = part.start as usize;
                let bytes = self.shared(source)?.get(start..start + part.bytes as usize).unwrap_or_default();
                parts.push(bytes.to_vec());
            } else {
                let mut bytes = self.chunk(source, part.chunk)?;
                bytes.truncate(part.bytes as usize);
                parts.push(bytes);
            }
        }
        Ok(ColumnBytes { header: column.header.clone(), parts })
    }

    /// Stored and raw bytes of a column: its own chunks, and its share of the shared one.
    pub(crate) fn column_bytes(&self, index: usize) -> (u64, u64) {
        let (mut stored, mut raw) = (0, 0);
        for part in self.columns.get(index).map_or(&[][..], |column| &column.parts) {
            let chunk = self.chunks[part.chunk as usize];
            raw += u64::from(part.bytes);
            if part.bytes > 0 {
                stored += u64::from(part.bytes) * u64::from(chunk.stored) / u64::from(chunk.raw);
            }
        }
        (stored, raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why a directory is refused that begins so and goes on with zeros.
    fn refusal(begin: &[u8], count: usize) -> Broken {
        let mut directory = begin.to_vec();
        put_varint(&mut directory, count as u64);
        directory.resize(directory.len() + count + 8, 0);
        let stored = Squeezer::new(1).squeeze(&directory).expect("zeros compress");
        let mut payload = (stored.len() as u32).to_le_bytes().to_vec();
        payload.extend((directory.len() as u32).to_le_bytes());
        payload.extend(checksum(&stored).to_le_bytes());
        payload.extend(stored);
        Directory::parse(&payload, payload.len() as u64).expect_err("it is refused")
    }

    #[test]
    fn counts_are_bounded_before_room_is_made_for_them() {
        assert_eq!(refusal(&[0], PARTS_MAX + 2), Broken::Malformed("it has too many chunks"));
        // Behind the empty head: no chunks.
        assert_eq!(refusal(&[0, 0], COLUMNS_MAX + 1), Broken::Malformed("it has too many columns"));
        // One column, with an empty header.
        let refused = refusal(&[0, 0, 1, 0], PARTS_MAX + 1);
        assert_eq!(refused, Broken::Malformed("its columns have too many parts"));
    }
}
