//! A format at work.

use capture_format::ReadError;

use crate::cache::TextCache;
use crate::print::format::Format;
use crate::print::line::LinePrinter;
use crate::print::segment::{Piece, Segment, Source, segments};
use crate::print::{PrintOptions, TimeStyle};
use crate::recording::{Recording, Rows};
use crate::render::{self, Clock, InfoPlan};

const NS_PER_S: u64 = 1_000_000_000;

/// A format at work. It remembers how entities print; threads that work in parallel take clones.
#[derive(Clone, Debug)]
pub struct Printer {
    pub(super) segments: Vec<Segment>,
    pub(super) shows_missing: bool,
    pub(super) options: PrintOptions,
    pub(super) memory: Memory,
}

/// What a printer remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// One per segment.
    pub(super) segments: Vec<TextCache>,
    /// How events of each kind are shown, by the kinds' places.
    pub(super) plans: Vec<Option<InfoPlan>>,
    /// What descriptors are shown as among arguments.
    pub(super) descriptors: TextCache,
    /// Time of the line printed before.
    pub(super) printed_before_ns: Option<u64>,
    /// The second and zone that `clock_text` shows.
    clock_second: Option<(u64, i32)>,
    clock_text: Vec<u8>,
    pub(super) scratch: Vec<u8>,
}

impl Printer {
    /// Of a format.
    pub fn new(format: &Format, options: PrintOptions) -> Self {
        let segments = segments(format, &options);
        let memory = Memory { segments: vec![TextCache::default(); segments.len()], ..Memory::default() };
        Printer { segments, shows_missing: format.shows_missing, options, memory }
    }

    /// Whether rows must be printed in order by one printer, because a line depends on the one before.
    pub fn is_sequential(&self) -> bool {
        let mut pieces = self.segments.iter().flat_map(|segment| &segment.pieces);
        self.options.time == TimeStyle::Delta
            && pieces.any(|piece| matches!(piece, Piece::Value(part) if part.source == Source::OutputTime))
    }

    /// Begins to print rows of a block.
    pub fn lines<'p>(
        &'p mut self,
        recording: &Recording<'p>,
        rows: &Rows<'p>,
    ) -> Result<LinePrinter<'p>, ReadError> {
        LinePrinter::new(self, recording, rows)
    }

    /// Forgets how entities print: call it when some were completed or another capture begins.
    pub fn forget(&mut self) {
        self.memory.segments.iter_mut().for_each(TextCache::forget);
        self.memory.plans.clear();
        self.memory.descriptors.forget();
    }
}

impl Memory {
    /// Appends the time of day; most events happen in the same second as the one before.
    pub(super) fn write_clock_time(&mut self, wall_ns: u64, zone_offset_s: i32, out: &mut Vec<u8>) {
        let second = (wall_ns / NS_PER_S, zone_offset_s);
        if self.clock_second != Some(second) {
            self.clock_text.clear();
            render::write_clock(&mut self.clock_text, wall_ns, zone_offset_s, Clock::Time);
            self.clock_text.push(b'.');
            self.clock_second = Some(second);
        }
        match self.clock_text.first_chunk::<9>() {
            Some(text) => out.extend_from_slice(text),
            None => out.extend_from_slice(&self.clock_text),
        }
        render::write_padded(out, wall_ns % NS_PER_S, 9);
    }
}
