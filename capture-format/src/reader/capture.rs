//! A capture that can be read at any place.

use std::cell::Cell;

use crate::block::{BlockBytes, BlockSource, EventsBlock};
use crate::codec::payload::{PREFIX_BYTES, directory_end};
use crate::codec::{Broken, Decoded};
use crate::entity::{Entities, parse_entities};
use crate::error::{Damage, Defect, ReadError};
use crate::index::{END_BYTES, Listed, parse_end, parse_index};
use crate::model::{Host, Loss, Mark};
use crate::reader::ReadAt;
use crate::reader::scan::{
    ChainCheck, Found, check_file_header, damage_of, damage_of_gap, is_end, next_segment, not_finished, read,
    read_checked, read_payload,
};
use crate::segment::{
    HEADER_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentType, Tally, parse_counts, parse_host,
    parse_marks,
};
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

/// Everything but the events.
#[derive(Debug, Default)]
struct Contents {
    host: Option<Host>,
    entities: Entities,
    losses: Vec<Loss>,
    tallies: Vec<Tally>,
    marks: Vec<Mark>,
    blocks: Vec<BlockInfo>,
    segments: Vec<SegmentInfo>,
    damage: Vec<Damage>,
    is_finished: bool,
}

impl Contents {
    /// Takes in the payload of a segment other than events.
    fn add(&mut self, info: SegmentInfo, payload: &[u8]) {
        if let Err(broken) = self.try_add(info.kind, payload) {
            self.damage.push(Damage::in_segment(info, broken));
        }
    }

    fn try_add(&mut self, kind: SegmentType, payload: &[u8]) -> Decoded<()> {
        match kind {
            SegmentType::Host => self.host = Some(parse_host(payload)?),
            SegmentType::Entities => {
                for (number, entity) in parse_entities(payload)? {
                    self.entities.define(number, entity);
                }
            }
            SegmentType::Counts => {
                let (losses, tallies) = parse_counts(payload)?;
                self.losses.extend(losses);
                for tally in tallies {
                    // In order of the CPUs: a hostile capture may claim 2^16 of them, over and over.
                    match self.tallies.binary_search_by_key(&tally.cpu, |known| known.cpu) {
                        Ok(at) => self.tallies[at] = tally,
                        Err(at) => self.tallies.insert(at, tally),
                    }
                }
            }
            SegmentType::Marks => self.marks.extend(parse_marks(payload)?),
            SegmentType::Events | SegmentType::Index | SegmentType::End | SegmentType::Unknown(_) => {}
        }
        Ok(())
    }
}

/// An opened capture: everything but the events is in memory.
#[derive(Debug)]
pub struct Capture<R> {
    source: R,
    contents: Contents,
}

impl<R: ReadAt> Capture<R> {
    /// Opens a capture. Reads the index when the capture was ended properly, else the headers of all segments;
    /// in both cases everything but events. Fails only when the bytes are no capture at all or cannot be had:
    /// for anything less see [`Self::damage`].
    pub fn open(source: R) -> Result<Self, ReadError> {
        let header_damage = check_file_header(&source)?;
        let mut contents = match load_index(&source)? {
            Some(listed) => load_listed(&source, listed)?,
            None => load_scanned(&source)?,
        };
        contents.damage.splice(0..0, header_damage);
        Ok(Capture { source, contents })
    }

    /// The bytes it is read from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Whose capture it is; `None` when that part is damaged or missing.
    pub fn host(&self) -> Option<&Host> {
        self.contents.host.as_ref()
    }

    /// Threads, processes, descriptors and all other entities.
    pub fn entities(&self) -> &Entities {
        &self.contents.entities
    }

    /// Events that are missing, in the order in which they were noted.
    pub fn losses(&self) -> &[Loss] {
        &self.contents.losses
    }

    /// Events produced and stored, one per CPU, in their order.
    pub fn tallies(&self) -> &[Tally] {
        &self.contents.tallies
    }

    /// Marks in the order in which they were written.
    pub fn marks(&self) -> &[Mark] {
        &self.contents.marks
    }

    /// Blocks of events in order of time.
    pub fn blocks(&self) -> &[BlockInfo] {
        &self.contents.blocks
    }

    /// All segments in order.
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.contents.segments
    }

    /// What is missing or cannot be trusted, as far as opening the capture has shown.
    pub fn damage(&self) -> &[Damage] {
        &self.contents.damage
    }

    /// Whether the capture was ended properly.
    pub fn is_finished(&self) -> bool {
        self.contents.is_finished
    }

    /// Opens a block; columns are read when they are asked for, and checked each by its own checksum.
    pub fn block(&self, index: usize) -> Result<EventsBlock<'_>, ReadError> {
        let info = self.contents.blocks.get(index).ok_or(ReadError::Absent { what: "such block" })?;
        open_block(&self.source, info.segment)
    }

    /// Reads a whole block at once and checks its hash: for when all of it is going to be used.
    pub fn block_whole(&self, index: usize) -> Result<EventsBlock<'static>, ReadError> {
        let info = self.contents.blocks.get(index).ok_or(ReadError::Absent { what: "such block" })?.segment;
        let mut header = [0; SEGMENT_HEADER_BYTES];
        read(&self.source, info.offset, &mut header)?;
        let payload = read_payload(&self.source, info)?;
        match SegmentHeader::parse(&header) {
            Some(header) if header.matches(&payload) => {
                let opened = EventsBlock::from_payload(payload, info);
                opened.map_err(|broken| ReadError::Damaged(Damage::in_segment(info, broken)))
            }
            _ => Err(ReadError::Damaged(damage_of(info, Defect::Hash))),
        }
    }

    /// Reads everything, checks every hash and the chain, and decodes every column; lists all that is wrong.
    pub fn verify(&self) -> Result<Vec<Damage>, ReadError> {
        verify(&self.source)
    }
}

/// The list of segments, when the capture was ended properly and its end and index are intact.
fn load_index<R: ReadAt>(source: &R) -> Result<Option<Vec<(SegmentInfo, Listed)>>, ReadError> {
    let length = source.len();
    let Some(end_offset) = length.checked_sub(END_BYTES as u64) else { return Ok(None) };
    let Found::Segment { info, header } = next_segment_only(source, end_offset)? else { return Ok(None) };
    if info.kind != SegmentType::End || info.bytes != END_BYTES as u64 {
        return Ok(None);
    }
    let Ok(payload) = read_checked(source, info, &header)? else { return Ok(None) };
    let Ok(end) = parse_end(&payload) else { return Ok(None) };
    let reaches_end = end.index_offset.checked_add(end.index_bytes) == Some(end_offset);
    if !reaches_end || end.index_offset < HEADER_BYTES as u64 {
        return Ok(None);
    }
    let Found::Segment { info: index, header: index_header } = next_segment_only(source, end.index_offset)?
    else {
        return Ok(None);
    };
    if index.kind != SegmentType::Index
        || index.bytes != end.index_bytes
        || index_header.hash != header.previous
    {
        return Ok(None);
    }
    let Ok(payload) = read_checked(source, index, &index_header)? else { return Ok(None) };
    let Ok(listed) = parse_index(&payload, end.index_offset) else { return Ok(None) };
    let events: u64 = listed.iter().flat_map(|listed| &listed.summary).map(|s| u64::from(s.rows)).sum();
    if end.segments != info.number || end.events != events {
        return Ok(None);
    }
    let mut segments = Vec::with_capacity(listed.len() + 2);
    let mut offset = HEADER_BYTES as u64;
    for (number, listed) in (0..).zip(listed) {
        let info = SegmentInfo { number, kind: listed.kind, offset, bytes: listed.bytes };
        offset += listed.bytes;
        segments.push((info, listed));
    }
    for info in [index, info] {
        segments.push((info, Listed { kind: info.kind, bytes: info.bytes, summary: None }));
    }
    Ok(Some(segments))
}

/// As [`next_segment`], without a search when there is none.
fn next_segment_only<R: ReadAt>(source: &R, offset: u64) -> Result<Found, ReadError> {
    if source.len().saturating_sub(offset) < SEGMENT_HEADER_BYTES as u64 {
        return Ok(Found::End);
    }
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    read(source, offset, &mut bytes)?;
    match SegmentHeader::parse(&bytes) {
        Some(header) if header.segment_bytes() <= source.len() - offset => {
            let info = SegmentInfo {
                number: header.number,
                kind: header.kind,
                offset,
                bytes: header.segment_bytes(),
            };
            Ok(Found::Segment { info, header })
        }
        _ => Ok(Found::End),
    }
}

fn load_listed<R: ReadAt>(source: &R, listed: Vec<(SegmentInfo, Listed)>) -> Result<Contents, ReadError> {
    let mut contents = Contents { is_finished: true, ..Contents::default() };
    for (info, listed) in listed {
        contents.segments.push(info);
        match listed.kind {
            SegmentType::Events => {
                let summary = listed.summary.unwrap_or_default();
                contents.blocks.push(BlockInfo { segment: info, summary });
            }
            SegmentType::Host | SegmentType::Entities | SegmentType::Counts | SegmentType::Marks => {
                match next_segment_only(source, info.offset)? {
                    Found::Segment { info: found, header } if found == info => {
                        match read_checked(source, info, &header)? {
                            Ok(payload) => contents.add(info, &payload),
                            Err(damage) => contents.damage.push(damage),
                        }
                    }
                    _ => contents.damage.push(damage_of(info, Defect::NotASegment)),
                }
            }
            SegmentType::Index | SegmentType::End | SegmentType::Unknown(_) => {}
        }
    }
    Ok(contents)
}

/// Opens a block after checking that it begins where it should.
fn open_block<R: ReadAt>(source: &R, info: SegmentInfo) -> Result<EventsBlock<'_>, ReadError> {
    /// Usually enough for header and directory, so that opening a block is one read.
    const FRONT_BYTES: u64 = 8192;
    let mut front = vec![0; FRONT_BYTES.min(info.bytes) as usize];
    read(source, info.offset, &mut front)?;
    let damaged = |defect| ReadError::Damaged(damage_of(info, defect));
    let header = front.first_chunk().and_then(SegmentHeader::parse);
    if !header.is_some_and(|header| header.segment_bytes() == info.bytes && header.kind == info.kind) {
        return Err(damaged(Defect::NotASegment));
    }
    let Some(prefix) = front[SEGMENT_HEADER_BYTES..].first_chunk::<PREFIX_BYTES>() else {
        return Err(damaged(Defect::Malformed("it ends before its content does")));
    };
    let need = SEGMENT_HEADER_BYTES as u64 + directory_end(prefix);
    if need > info.bytes {
        return Err(damaged(Defect::Malformed("the directory exceeds its segment")));
    }
    if need > front.len() as u64 {
        let have = front.len();
        // At most the segment's length, which is bounded by the source's.
        front.resize(need as usize, 0);
        read(source, info.offset + have as u64, &mut front[have..])?;
    }
    let payload_offset = info.offset + SEGMENT_HEADER_BYTES as u64;
    let bytes =
        BlockBytes { source: BlockSource::At(source, payload_offset), read: Cell::new(front.len() as u64) };
    let payload_bytes = info.bytes - SEGMENT_HEADER_BYTES as u64;
    EventsBlock::open(bytes, &front[SEGMENT_HEADER_BYTES..], payload_bytes, info)
        .map_err(|broken| ReadError::Damaged(Damage::in_segment(info, broken)))
}

fn file_header<R: ReadAt>(source: &R) -> Result<[u8; HEADER_BYTES], ReadError> {
    let mut header = [0; HEADER_BYTES];
    read(source, 0, &mut header)?;
    Ok(header)
}

/// Goes from header to header.
fn load_scanned<R: ReadAt>(source: &R) -> Result<Contents, ReadError> {
    let mut contents = Contents::default();
    let length = source.len();
    if length < HEADER_BYTES as u64 {
        return Ok(contents);
    }
    let mut chain = ChainCheck::new(&file_header(source)?);
    let mut offset = HEADER_BYTES as u64;
    loop {
        match next_segment(source, offset)? {
            Found::End => break,
            Found::Gap { offset: start, bytes } => {
                contents.damage.push(damage_of_gap(start, bytes, length));
                chain.lost();
                offset = start + bytes;
            }
            Found::Cut { info, bytes_missing } => {
                contents.damage.push(damage_of(info, Defect::Truncated { bytes_missing }));
                break;
            }
            Found::Segment { info, header } => {
                contents.damage.extend(chain.follow(info, &header));
                contents.segments.push(info);
                load_segment(source, info, &header, &mut contents)?;
                offset = info.offset + info.bytes;
            }
        }
    }
    let ended =
        contents.segments.last().is_some_and(|last| is_end(last.kind) && last.offset + last.bytes == length);
    contents.is_finished = ended;
    if !ended {
        contents.damage.push(not_finished(length));
    }
    Ok(contents)
}

fn load_segment<R: ReadAt>(
    source: &R,
    info: SegmentInfo,
    header: &SegmentHeader,
    contents: &mut Contents,
) -> Result<(), ReadError> {
    if info.kind == SegmentType::Events {
        match open_block(source, info) {
            Ok(block) => contents.blocks.push(BlockInfo { segment: info, summary: block.summary().clone() }),
            Err(ReadError::Damaged(damage)) => contents.damage.push(damage),
            Err(error) => return Err(error),
        }
        return Ok(());
    }
    match read_checked(source, info, header)? {
        Ok(payload) => contents.add(info, &payload),
        Err(damage) => contents.damage.push(damage),
    }
    Ok(())
}

/// Reads and checks everything.
fn verify<R: ReadAt>(source: &R) -> Result<Vec<Damage>, ReadError> {
    let mut damage: Vec<Damage> = check_file_header(source)?.into_iter().collect();
    let length = source.len();
    if length < HEADER_BYTES as u64 {
        return Ok(damage);
    }
    let mut chain = ChainCheck::new(&file_header(source)?);
    if !damage.is_empty() {
        // One flipped bit in the file's header is one complaint.
        chain.lost();
    }
    let mut offset = HEADER_BYTES as u64;
    let mut last = None;
    let mut found = Vec::new();
    loop {
        match next_segment(source, offset)? {
            Found::End => break,
            Found::Gap { offset: start, bytes } => {
                damage.push(damage_of_gap(start, bytes, length));
                chain.lost();
                offset = start + bytes;
                last = None;
            }
            Found::Cut { info, bytes_missing } => {
                damage.push(damage_of(info, Defect::Truncated { bytes_missing }));
                last = None;
                break;
            }
            Found::Segment { info, header } => {
                damage.extend(chain.follow(info, &header));
                let (summary, broken) = verify_segment(source, info, &header)?;
                damage.extend(broken);
                found.push((info, Listed { kind: info.kind, bytes: info.bytes, summary }));
                offset = info.offset + info.bytes;
                last = Some(info.kind);
            }
        }
    }
    if last.is_none_or(|kind| !is_end(kind)) {
        damage.push(not_finished(length));
    } else if damage.is_empty() && load_index(source)? != Some(found) {
        // Readers believe the index: what it does not list nobody would see.
        damage.push(Damage {
            defect: Defect::Malformed("the index does not fit the capture"),
            ..not_finished(length)
        });
    }
    Ok(damage)
}

/// The summary of an events segment, and what is wrong with the segment.
fn verify_segment<R: ReadAt>(
    source: &R,
    info: SegmentInfo,
    header: &SegmentHeader,
) -> Result<(Option<Summary>, Option<Damage>), ReadError> {
    let payload = match read_checked(source, info, header)? {
        Ok(payload) => payload,
        Err(damage) => return Ok((None, Some(damage))),
    };
    let in_segment = |broken: Broken| (None, Some(Damage::in_segment(info, broken)));
    if info.kind != SegmentType::Events {
        let added = Contents::default().try_add(info.kind, &payload);
        return Ok(added.err().map_or((None, None), in_segment));
    }
    let block = match EventsBlock::from_payload(payload, info) {
        Ok(block) => block,
        Err(broken) => return Ok(in_segment(broken)),
    };
    match block.decode_all() {
        Err(ReadError::Damaged(damage)) => Ok((None, Some(damage))),
        Err(error) => Err(error),
        Ok(()) if !is_true(&block)? => {
            Ok(in_segment(Broken::Malformed("the summary does not fit the events")))
        }
        Ok(()) => Ok((Some(block.summary().clone()), None)),
    }
}

/// Whether a block's summary, by which readers skip blocks, says what its columns say. That kinds, threads and
/// descriptors are among those it names is so by their encoding.
fn is_true(block: &EventsBlock<'_>) -> Result<bool, ReadError> {
    let summary = block.summary();
    let mut failed = 0;
    for &(kind, _) in &summary.kinds {
        let results = block.results(kind)?;
        let is_failed = |&row: &usize| results.get(row).is_some_and(|result| result < 0);
        failed += (0..results.values().len()).filter(is_failed).count();
    }
    let times = block.times()?;
    let ends = times.first().zip(times.last());
    Ok(failed == summary.rows_failed as usize
        && times.is_sorted()
        && ends.is_none_or(|ends| ends == (&summary.time_first_ns, &summary.time_last_ns)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::payload::{ColumnBytes, ColumnParts, Directory, Squeezer, write_payload};
    use crate::index::{End, encode_end, encode_index};
    use crate::model::{Event, EventKind};
    use crate::segment::EncodedSegment;
    use crate::{Chain, Writer};

    fn capture() -> Vec<u8> {
        let mut writer = Writer::new(&Host::default(), 1);
        writer.define(1, EventKind { name: "sync".to_owned(), ..EventKind::default() });
        for (time_ns, result) in [(5, Some(0)), (6, Some(-1)), (9, None)] {
            let event = Event {
                time_ns,
                cpu: 0,
                kind: 1,
                thread: 1,
                descriptor: 0,
                result,
                latency_ns: None,
                args: &[],
            };
            writer.push(&event).expect("it fits its kind");
        }
        writer.finish()
    }

    /// What verifying finds when a capture's index and end are replaced by others, with all hashes right.
    fn verify_with(change: impl FnOnce(&mut Vec<Listed>, &mut End)) -> Vec<Damage> {
        let mut bytes = capture();
        let segments = load_index(&bytes).expect("memory can be read").expect("it was ended");
        let (index, end) = (segments[segments.len() - 2].0, segments[segments.len() - 1].0);
        let header = segment_header(&bytes, index.offset);
        let mut stated = parse_end(&bytes[end.offset as usize + SEGMENT_HEADER_BYTES..]).expect("an end");
        let mut listed: Vec<Listed> =
            segments[..segments.len() - 2].iter().map(|(_, listed)| listed.clone()).collect();
        change(&mut listed, &mut stated);
        bytes.truncate(index.offset as usize);
        let mut seal = |segment: EncodedSegment, number, previous| {
            let header = SegmentHeader::seal(segment.kind, number, previous, &segment.payload);
            bytes.extend(header.to_bytes());
            bytes.extend(segment.payload);
            header
        };
        let header = seal(encode_index(&listed), header.number, header.previous);
        stated.index_bytes = header.segment_bytes();
        seal(encode_end(stated), header.number + 1, header.hash);
        verify(&bytes).expect("memory can be read")
    }

    fn segment_header(bytes: &[u8], offset: u64) -> SegmentHeader {
        let front = bytes[offset as usize..].first_chunk().expect("a header");
        SegmentHeader::parse(front).expect("a header")
    }

    #[test]
    fn an_index_that_hides_something_is_found() {
        assert_eq!(verify_with(|_, _| ()), []);
        let events = |listed: &mut Vec<Listed>| {
            listed.iter().position(|listed| listed.kind == SegmentType::Events).expect("a block")
        };
        let hides: [fn(&mut Summary); 3] = [
            |summary| summary.rows_failed = 0,
            |summary| summary.time_last_ns = 7,
            |summary| summary.kinds = vec![(2, 3)],
        ];
        for hide in hides {
            let found = verify_with(|listed, _| {
                let at = events(listed);
                hide(listed[at].summary.as_mut().expect("blocks have one"));
            });
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].defect, Defect::Malformed("the index does not fit the capture"));
        }
        let found = verify_with(|listed, end| {
            let at = events(listed);
            listed[at] = Listed { kind: SegmentType::Unknown(99), summary: None, ..listed[at].clone() };
            end.events = 0;
        });
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(verify_with(|_, end| end.events = 2).len(), 1);
        assert_eq!(verify_with(|_, end| end.segments = 2).len(), 1);
    }

    #[test]
    fn a_summary_that_lies_about_its_block_is_found() {
        let bytes = capture();
        let opened = Capture::open(bytes.as_slice()).expect("a capture");
        let info = opened.blocks()[0].segment;
        let payload = read_payload(&bytes, info).expect("memory can be read");
        let directory = Directory::parse(&payload, payload.len() as u64).expect("it is intact");
        let column = |index| directory.column(payload.as_slice(), index).expect("it is intact");
        let columns: Vec<ColumnParts> = (0..directory.column_count())
            .map(column)
            .map(|ColumnBytes { header, parts }| ColumnParts { header, parts })
            .collect();
        // Rows, failed, time, span.
        let mut head = directory.head.clone();
        assert_eq!(head[..4], [3, 1, 5, 4]);
        head[1] = 0;
        let payload = write_payload(&head, &columns, &mut Squeezer::new(1));
        let mut chain = Chain::new([0; 12]);
        let mut lying = chain.header().to_vec();
        let summary = Some(Summary { rows_failed: 0, ..opened.blocks()[0].summary.clone() });
        chain.seal(EncodedSegment { kind: SegmentType::Events, payload, summary }, &mut lying);
        chain.finish(&mut lying);
        let found = verify(&lying).expect("memory can be read");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].defect, Defect::Malformed("the summary does not fit the events"));
    }
}
