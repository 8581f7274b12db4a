//! A capture that arrives byte by byte.

use crate::block::EventsBlock;
use crate::codec::Decoded;
use crate::entity::parse_entities;
use crate::error::{Damage, Defect, ReadError};
use crate::model::{Entity, Host, Loss, Mark, Ref};
use crate::reader::SegmentInfo;
use crate::reader::scan::{ChainCheck, damage_of, find_segment, judge_file_header, not_finished};
use crate::segment::{
    HEADER_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentType, Tally, parse_counts, parse_host,
    parse_marks,
};

/// The content of a segment.
#[derive(Debug)]
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
#[derive(Debug)]
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
    /// How many bytes of the buffer were dealt with.
    used: usize,
    /// Where in the capture the rest of the buffer begins.
    offset: u64,
    /// `None` before the file's header.
    chain: Option<ChainCheck>,
    /// Where the bytes began that are being searched for a segment.
    lost_since: Option<u64>,
    ended: bool,
}

impl StreamDecoder {
    /// At the beginning of a capture.
    pub fn new() -> Self {
        StreamDecoder::default()
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.extend_from_slice(bytes);
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    fn advance(&mut self, bytes: usize) {
        self.used += bytes;
        self.offset += bytes as u64;
    }

    /// The next segment, if it is complete. Fails when the bytes are no capture.
    pub fn step(&mut self) -> Result<Step, ReadError> {
        if self.chain.is_none() {
            return self.step_header();
        }
        let Some(front) = self.rest().first_chunk::<SEGMENT_HEADER_BYTES>() else {
            return Ok(Step::Need(SEGMENT_HEADER_BYTES - self.rest().len()));
        };
        match SegmentHeader::parse(front) {
            Some(header) => Ok(self.step_segment(header)),
            None => Ok(self.step_search()),
        }
    }

    /// The next step behind the file's header, or what is wrong with it.
    fn step_header(&mut self) -> Result<Step, ReadError> {
        let Some(&header) = self.rest().first_chunk::<HEADER_BYTES>() else {
            return Ok(Step::Need(HEADER_BYTES - self.rest().len()));
        };
        let follows =
            self.rest()[HEADER_BYTES..].first_chunk().map(|front| SegmentHeader::parse(front).is_some());
        let mut undecided = false;
        let damage = judge_file_header(&header, || {
            undecided = follows.is_none();
            Ok(follows.unwrap_or(true))
        })?;
        if undecided {
            return Ok(Step::Need(HEADER_BYTES + SEGMENT_HEADER_BYTES - self.rest().len()));
        }
        self.chain = Some(ChainCheck::new(&header));
        self.advance(HEADER_BYTES);
        match damage {
            Some(damage) => {
                self.chain = Some(ChainCheck::default());
                Ok(Step::Damage(damage))
            }
            None => self.step(),
        }
    }

    fn step_segment(&mut self, header: SegmentHeader) -> Step {
        if let Some(since) = self.lost_since.take() {
            return Step::Damage(gap(since, self.offset, Defect::NotASegment));
        }
        // Bounded: the header's parser refuses longer payloads than a segment may have.
        let bytes = header.segment_bytes() as usize;
        if self.rest().len() < bytes {
            return Step::Need(bytes - self.rest().len());
        }
        let info = SegmentInfo {
            number: header.number,
            kind: header.kind,
            offset: self.offset,
            bytes: header.segment_bytes(),
        };
        if let Some(damage) = self.chain.as_mut().and_then(|chain| chain.follow(info, &header)) {
            // The segment itself comes with the next step: then it follows from itself.
            self.chain = Some(ChainCheck::default());
            return Step::Damage(damage);
        }
        let payload = &self.rest()[SEGMENT_HEADER_BYTES..bytes];
        let step = if header.matches(payload) {
            match decode(info, payload) {
                Ok(segment) => Step::Segment(segment),
                Err(broken) => Step::Damage(Damage::in_segment(info, broken)),
            }
        } else {
            Step::Damage(damage_of(info, Defect::Hash))
        };
        self.ended = info.kind == SegmentType::End;
        self.advance(bytes);
        step
    }

    /// Looks for the next segment in bytes that do not begin with one.
    fn step_search(&mut self) -> Step {
        self.lost_since.get_or_insert(self.offset);
        if let Some(chain) = &mut self.chain {
            chain.lost();
        }
        // The header of the next segment may begin in the last bytes there are.
        let (skip, need) = match find_segment(self.rest()) {
            Some(found) => (found, 0),
            None => (self.rest().len() - SEGMENT_HEADER_BYTES + 1, 1),
        };
        self.advance(skip);
        match self.rest().first_chunk().and_then(SegmentHeader::parse) {
            Some(header) => self.step_segment(header),
            None => Step::Need(need),
        }
    }

    /// Says what is wrong when no more bytes will come: a segment cut short, or a capture that was not ended.
    pub fn finish(self) -> Option<Damage> {
        let end = self.offset + self.rest().len() as u64;
        if self.chain.is_none() {
            // More than a header is left when the header was judged before: that it is no capture, or too new.
            let header = &self.rest()[..self.rest().len().min(HEADER_BYTES)];
            return match judge_file_header(header, || Ok(false)) {
                Ok(damage) => damage,
                Err(_) => Some(gap(0, end, Defect::FileHeader)),
            };
        }
        if let Some(since) = self.lost_since {
            return Some(gap(since, end, Defect::NotASegment));
        }
        let left = self.rest().len();
        if left == 0 {
            return (!self.ended).then(|| not_finished(end));
        }
        let Some(header) = self.rest().first_chunk().and_then(SegmentHeader::parse) else {
            let bytes_missing = SEGMENT_HEADER_BYTES.saturating_sub(left) as u64;
            return Some(gap(self.offset, end, Defect::Truncated { bytes_missing }));
        };
        let info = SegmentInfo {
            number: header.number,
            kind: header.kind,
            offset: self.offset,
            bytes: header.segment_bytes(),
        };
        Some(damage_of(info, Defect::Truncated { bytes_missing: info.bytes.saturating_sub(left as u64) }))
    }
}

fn gap(offset: u64, end: u64, defect: Defect) -> Damage {
    Damage { offset, bytes: end - offset, number: None, segment: None, defect }
}

fn decode(info: SegmentInfo, payload: &[u8]) -> Decoded<Segment> {
    Ok(match info.kind {
        SegmentType::Host => Segment::Host(parse_host(payload)?),
        SegmentType::Entities => Segment::Entities(parse_entities(payload)?),
        SegmentType::Events => Segment::Events(Box::new(EventsBlock::from_payload(payload.to_vec(), info)?)),
        SegmentType::Counts => {
            let (losses, tallies) = parse_counts(payload)?;
            Segment::Counts(losses, tallies)
        }
        SegmentType::Marks => Segment::Marks(parse_marks(payload)?),
        SegmentType::Index | SegmentType::Unknown(_) => Segment::Other,
        SegmentType::End => Segment::End,
    })
}
