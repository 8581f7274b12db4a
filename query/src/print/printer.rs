//! A format at work.

use std::sync::Arc;

use capture_format::ReadError;

use crate::cache::TextCache;
use crate::filter::{At, Scope};
use crate::print::format::Format;
use crate::print::segment::{Part, Piece, Segment, Source, segments};
use crate::print::write::{fit, write_value};
use crate::print::{OutputStyle, PrintOptions, TimeStyle};
use crate::recording::{Recording, Rows};
use crate::render::{self, Clock, InfoPlan};
use crate::view::{DescriptorView, KindView, RowView, ThreadView};

const NS_PER_S: u64 = 1_000_000_000;

/// A format at work. It remembers how entities print; threads that work in parallel take clones.
#[derive(Clone, Debug)]
pub struct Printer {
    segments: Arc<[Segment]>,
    shows_missing: bool,
    options: PrintOptions,
    /// One per segment.
    caches: Vec<TextCache>,
    /// How events of each kind are shown.
    plans: Vec<Option<InfoPlan>>,
    /// What descriptors are shown as among arguments.
    descriptors: TextCache,
    /// Time of the line printed before.
    printed_before_ns: Option<u64>,
    /// The second and zone that `clock_text` shows.
    clock_second: Option<(u64, i32)>,
    clock_text: Vec<u8>,
    scratch: Vec<u8>,
}

impl Printer {
    /// Of a format.
    pub fn new(format: &Format, options: PrintOptions) -> Self {
        let segments: Arc<[Segment]> = segments(format, &options).into();
        Printer {
            caches: vec![TextCache::default(); segments.len()],
            segments,
            shows_missing: format.shows_missing,
            options,
            plans: Vec::new(),
            descriptors: TextCache::default(),
            printed_before_ns: None,
            clock_second: None,
            clock_text: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Whether rows must be printed in order by one printer, because a line depends on the one before.
    pub fn is_sequential(&self) -> bool {
        let mut pieces = self.segments.iter().flat_map(|segment| &segment.pieces);
        self.options.time == TimeStyle::Delta
            && pieces.any(|piece| matches!(piece, Piece::Value(part) if part.source == Source::OutputTime))
    }

    /// Appends a row's line (or JSON object) and a newline. `false` when the line is left out because a field
    /// is missing and the format does not begin with `*`.
    pub fn write_row(
        &mut self,
        recording: &Recording<'_>,
        rows: &Rows<'_>,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, ReadError> {
        let start = out.len();
        let options = self.options;
        let mut view = RowView::new(recording, rows, row, &options)?;
        view.escape = true;
        let segments = Arc::clone(&self.segments);
        for (index, segment) in segments.iter().enumerate() {
            if !self.write_segment(index, segment, &view, out)? {
                out.truncate(start);
                return Ok(false);
            }
        }
        if options.time == TimeStyle::Delta {
            self.printed_before_ns = Some(view.time_ns()?);
        }
        Ok(true)
    }

    /// Forgets how entities print: call it when some were completed or another capture begins.
    pub fn forget(&mut self) {
        self.caches.iter_mut().for_each(TextCache::forget);
        self.plans.clear();
        self.descriptors.forget();
    }

    fn write_segment(
        &mut self,
        index: usize,
        segment: &Segment,
        row: &RowView<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, ReadError> {
        let recording = &row.recording;
        let (shows_missing, options) = (self.shows_missing, self.options);
        let pieces = &segment.pieces;
        let cache = &mut self.caches[index];
        let make =
            |at: &At<'_, '_>, out: &mut Vec<u8>| write_pieces(pieces, at, shows_missing, &options, out);
        // Place 0 is that of no entity. One that is not defined yet is not remembered.
        let place =
            |number, index: Option<usize>| if number == 0 { Some(0) } else { index.map(|index| index + 1) };
        let (entities, events) = (recording.entities, row.rows.events);
        match segment.scope {
            Scope::Recording => cache.write(0, out, |out| make(&At::Recording(recording), out)),
            Scope::Kind => {
                let at = At::Kind(recording, row.kind());
                match place(row.kind_ref, entities.kinds.index(row.kind_ref)) {
                    Some(place) => cache.write(place, out, |out| make(&at, out)),
                    None => make(&at, out),
                }
            }
            Scope::Thread => {
                let number = events.threads()?.get(row.row);
                let make = |out: &mut Vec<u8>| make(&At::Thread(&ThreadView::new(recording, number)), out);
                match place(number, entities.threads.index(number)) {
                    Some(place) => cache.write(place, out, make),
                    None => make(out),
                }
            }
            Scope::Descriptor | Scope::Path => {
                let number = events.descriptors()?.get(row.row);
                let descriptor = if number == 0 { None } else { recording.entities.descriptor(number) };
                let view = descriptor.map(|descriptor| DescriptorView { descriptor });
                if view.is_none() && segment.scope == Scope::Path {
                    return make(&At::Row(row), out);
                }
                let at = At::Descriptor(recording, view);
                match place(number, entities.descriptors.index(number)) {
                    Some(place) => cache.write(place, out, |out| make(&at, out)),
                    None => make(&at, out),
                }
            }
            Scope::Row => {
                for piece in pieces {
                    let kept = match piece {
                        Piece::Text(text) => {
                            out.extend_from_slice(text);
                            true
                        }
                        Piece::Value(part) => self.write_part(part, row, out)?,
                    };
                    if !kept {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Appends a value of the row; `false` when it is missing and missing values are not shown.
    fn write_part(&mut self, part: &Part, row: &RowView<'_>, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let start = out.len();
        let known = match &part.source {
            Source::Value => return write_read(part, &At::Row(row), self.shows_missing, &self.options, out),
            Source::Number => {
                render::write_uint(out, row.number());
                true
            }
            Source::Cpu => {
                render::write_uint(out, row.rows.events.cpus()?[row.row].into());
                true
            }
            Source::WallTime => {
                render::write_uint(out, row.wall_ns()?);
                true
            }
            Source::OutputTime => self.write_output_time(row, out)?,
            Source::Info => {
                let (mut plans, mut descriptors) =
                    (std::mem::take(&mut self.plans), std::mem::take(&mut self.descriptors));
                let known = self.write_text_of(row, out, |row, out| {
                    match plan(&mut plans, row) {
                        Some(plan) => render::write_planned_info(row, plan, &mut descriptors, out)?,
                        None => render::write_info(row, out)?,
                    }
                    Ok(true)
                });
                (self.plans, self.descriptors) = (plans, descriptors);
                known?
            }
            Source::Argument(which) => self.write_text_of(row, out, |row, out| {
                let parameter = row.kind().and_then(|view| crate::fields::parameter(&view, which));
                match parameter {
                    Some(parameter) => render::write_resolved(row, parameter, out),
                    None => Ok(false),
                }
            })?,
        };
        Ok(finish(known, start, part, self.shows_missing, &self.options, out))
    }

    /// Appends a text that escapes itself; in JSON as a string.
    fn write_text_of(
        &mut self,
        row: &RowView<'_>,
        out: &mut Vec<u8>,
        write: impl FnOnce(&RowView<'_>, &mut Vec<u8>) -> Result<bool, ReadError>,
    ) -> Result<bool, ReadError> {
        if self.options.output == OutputStyle::Text {
            return write(row, out);
        }
        self.scratch.clear();
        let known = write(row, &mut self.scratch);
        render::write_json_string(out, &self.scratch);
        known
    }

    /// Appends the time of day; most events happen in the same second as the one before.
    fn write_clock_time(&mut self, wall_ns: u64, zone_offset_s: i32, out: &mut Vec<u8>) {
        let second = (wall_ns / NS_PER_S, zone_offset_s);
        if self.clock_second != Some(second) {
            self.clock_text.clear();
            render::write_clock(&mut self.clock_text, wall_ns, zone_offset_s, Clock::Time);
            self.clock_text.push(b'.');
            self.clock_second = Some(second);
        }
        out.extend_from_slice(&self.clock_text);
        render::write_padded(out, wall_ns % NS_PER_S, 9);
    }

    /// Appends the time as asked for; `false` when it is a duration that was not measured.
    fn write_output_time(&mut self, row: &RowView<'_>, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let ns = match self.options.time {
            TimeStyle::Clock => {
                self.write_clock_time(row.wall_ns()?, row.zone_offset_s(), out);
                return Ok(true);
            }
            TimeStyle::Absolute => row.wall_ns()?,
            TimeStyle::Relative => row.time_ns()?.saturating_sub(row.recording.first_time_ns),
            TimeStyle::Latency => match row.latency_ns()? {
                Some(latency) => latency,
                None => return Ok(false),
            },
            TimeStyle::Delta => {
                let now = row.time_ns()?;
                self.printed_before_ns.map_or(0, |before| now.saturating_sub(before))
            }
        };
        render::write_uint(out, ns / NS_PER_S);
        out.push(b'.');
        render::write_padded(out, ns % NS_PER_S, 9);
        Ok(true)
    }
}

/// How events of the row's kind are shown.
fn plan<'p>(plans: &'p mut Vec<Option<InfoPlan>>, row: &RowView<'_>) -> Option<&'p mut InfoPlan> {
    let place = row.recording.entities.kinds.index(row.kind_ref)?;
    if plans.len() <= place {
        plans.resize(place + 1, None);
    }
    Some(plans[place].get_or_insert_with(|| {
        let KindView { kind } = row.kind().expect("a kind that has a place is defined");
        InfoPlan::new(kind)
    }))
}

/// Appends pieces that all depend on `at`; `false` when the line is left out.
fn write_pieces(
    pieces: &[Piece],
    at: &At<'_, '_>,
    shows_missing: bool,
    options: &PrintOptions,
    out: &mut Vec<u8>,
) -> Result<bool, ReadError> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Value(part) => {
                if !write_read(part, at, shows_missing, options, out)? {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// Reads a value and appends it; `false` when the line is left out.
fn write_read(
    part: &Part,
    at: &At<'_, '_>,
    shows_missing: bool,
    options: &PrintOptions,
    out: &mut Vec<u8>,
) -> Result<bool, ReadError> {
    let start = out.len();
    let value = part.access.read(at)?;
    if let Some(value) = &value {
        write_value(out, value, part.style, options);
    }
    Ok(finish(value.is_some(), start, part, shows_missing, options, out))
}

/// Puts a stand-in for a missing value and fits the column; `false` when the line is left out.
fn finish(
    known: bool,
    start: usize,
    part: &Part,
    shows_missing: bool,
    options: &PrintOptions,
    out: &mut Vec<u8>,
) -> bool {
    if !known {
        out.truncate(start);
        out.extend_from_slice(if options.output == OutputStyle::Json { b"null" } else { b"<NA>" });
    }
    if let Some(width) = part.width {
        fit(out, start, width);
    }
    known || shows_missing
}
