//! The lines of a block.
//!
//! What a block's rows share is looked up once per block: its columns, its kinds, and for every thread and
//! descriptor in it the place of the text that is remembered. A row then only leads to these. Columns are asked
//! for when a row first needs them: most formats need few, and a damaged one must not spoil lines without it.

use capture_format::model::{Arg, Ref};
use capture_format::{Codes, DataColumn, MaybeInts, ReadError};

use crate::cache::NO_PLACE;
use crate::filter::{At, Scope};
use crate::print::printer::{Memory, Printer};
use crate::print::segment::{Part, Piece, Segment, Source};
use crate::print::write::{fit, write_value};
use crate::print::{OutputStyle, PrintOptions, TimeStyle};
use crate::recording::{Recording, Rows};
use crate::render::{self, InfoPlan, InfoSource};
use crate::view::{DescriptorView, RowView, ThreadView};

const NS_PER_S: u64 = 1_000_000_000;

/// A printer at work on a block.
#[derive(Debug)]
pub struct LinePrinter<'p> {
    segments: &'p [Segment],
    memory: &'p mut Memory,
    style: Style<'p>,
    columns: Columns<'p>,
    /// The row that is printed.
    view: RowView<'p>,
}

/// How values are printed.
#[derive(Clone, Copy, Debug)]
struct Style<'p> {
    shows_missing: bool,
    options: &'p PrintOptions,
}

/// What is known about the rows of the block.
#[derive(Debug)]
struct Columns<'p> {
    within: &'p [u16],
    kinds: &'p Codes,
    by_kind: Vec<KindColumns<'p>>,
    times: Option<&'p [u64]>,
    cpus: Option<&'p [u16]>,
    threads: Option<Places<'p>>,
    descriptors: Option<Places<'p>>,
}

/// What is known about the rows of a kind.
#[derive(Debug)]
struct KindColumns<'p> {
    number: Ref,
    place: u32,
    results: Option<&'p MaybeInts<i64>>,
    args: Option<Vec<ArgColumn<'p>>>,
}

/// The values of an argument.
#[derive(Clone, Copy, Debug)]
enum ArgColumn<'p> {
    Ints(&'p [u64]),
    Data(&'p DataColumn),
}

impl<'p> ArgColumn<'p> {
    #[inline(always)]
    fn get(self, within: usize) -> Arg<'p> {
        match self {
            ArgColumn::Ints(values) => Arg::Int(values[within]),
            ArgColumn::Data(column) => column.get(within),
        }
    }
}

/// A column of entities, with the places of what is remembered about them.
#[derive(Debug)]
struct Places<'p> {
    codes: &'p Codes,
    by_code: Vec<u32>,
}

impl<'p> Places<'p> {
    fn new(codes: &'p Codes, index: impl Fn(Ref) -> Option<usize>) -> Self {
        let by_code = codes.dictionary().iter().map(|&number| place(number, index(number))).collect();
        Places { codes, by_code }
    }

    /// Number and place of a row's entity.
    fn of(&self, row: usize) -> (Ref, u32) {
        let code = usize::from(self.codes.codes()[row]);
        (self.codes.dictionary()[code], self.by_code[code])
    }
}

/// Where texts of an entity are remembered: 0 is for none, and what is not defined yet has no place.
fn place(number: Ref, index: Option<usize>) -> u32 {
    match (number, index) {
        (0, _) => 0,
        // Tables count with 32 bits; whatever would not fit is not remembered.
        (_, Some(index)) => u32::try_from(index + 1).unwrap_or(NO_PLACE),
        (_, None) => NO_PLACE,
    }
}

/// The column, fetched when it was not yet.
fn fetched<T: Copy>(
    column: &mut Option<T>,
    fetch: impl FnOnce() -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    match column {
        Some(column) => Ok(*column),
        None => Ok(*column.insert(fetch()?)),
    }
}

impl<'p> Columns<'p> {
    fn new(recording: &Recording<'p>, rows: &Rows<'p>) -> Result<Self, ReadError> {
        let kinds = rows.events.kinds()?;
        let by_kind = kinds.dictionary().iter().map(|&number| KindColumns {
            number,
            place: place(number, recording.entities.kinds.index(number)),
            results: None,
            args: None,
        });
        Ok(Columns {
            within: rows.events.rows_within_kind()?,
            kinds,
            by_kind: by_kind.collect(),
            times: None,
            cpus: None,
            threads: None,
            descriptors: None,
        })
    }

    fn thread(&mut self, row: &RowView<'p>) -> Result<(Ref, u32), ReadError> {
        let places = match &mut self.threads {
            Some(places) => places,
            unknown => unknown.insert(Places::new(row.rows.events.threads()?, |number| {
                row.recording.entities.threads.index(number)
            })),
        };
        Ok(places.of(row.row))
    }

    fn descriptor(&mut self, row: &RowView<'p>) -> Result<(Ref, u32), ReadError> {
        let places = match &mut self.descriptors {
            Some(places) => places,
            unknown => unknown.insert(Places::new(row.rows.events.descriptors()?, |number| {
                row.recording.entities.descriptors.index(number)
            })),
        };
        Ok(places.of(row.row))
    }

    /// ns since the epoch.
    fn wall_ns(&mut self, row: &RowView<'p>) -> Result<u64, ReadError> {
        let times = fetched(&mut self.times, || row.rows.events.times())?;
        Ok(times[row.row].saturating_add_signed(row.recording.host.epoch_offset_ns))
    }

    /// The columns of all arguments of the row's kind.
    fn args(&mut self, row: &RowView<'p>) -> Result<&[ArgColumn<'p>], ReadError> {
        let KindColumns { number, args, .. } = &mut self.by_kind[usize::from(row.kind_code)];
        if args.is_none() {
            let events = row.rows.events;
            let column = |index| {
                Ok(match events.arg_is_data(*number, index) {
                    true => ArgColumn::Data(events.arg_data(*number, index)?),
                    false => ArgColumn::Ints(events.arg_ints(*number, index)?),
                })
            };
            *args = Some((0..events.arg_count(*number)).map(column).collect::<Result<_, ReadError>>()?);
        }
        Ok(args.as_deref().unwrap_or_default())
    }

    fn result(&mut self, row: &RowView<'p>) -> Result<Option<i64>, ReadError> {
        let columns = &mut self.by_kind[usize::from(row.kind_code)];
        Ok(fetched(&mut columns.results, || row.rows.events.results(columns.number))?.get(row.within))
    }
}

impl<'p> LinePrinter<'p> {
    pub(super) fn new(
        printer: &'p mut Printer,
        recording: &Recording<'p>,
        rows: &Rows<'p>,
    ) -> Result<Self, ReadError> {
        let Printer { segments, shows_missing, options, memory } = printer;
        let style = Style { shows_missing: *shows_missing, options };
        let columns = Columns::new(recording, rows)?;
        let view = RowView::of_no_row(recording, rows, options);
        Ok(LinePrinter { segments, memory, style, columns, view })
    }

    /// Appends a row's line (or JSON object) and a newline. `false` when the line is left out because a field
    /// is missing and the format does not begin with `*`. Panics when there is no such row.
    pub fn write_row(&mut self, row: usize, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let start = out.len();
        let code = self.columns.kinds.codes()[row];
        self.view.go_to(row, code, self.columns.by_kind[usize::from(code)].number, self.columns.within[row]);
        for (index, segment) in self.segments.iter().enumerate() {
            if !self.write_segment(index, segment, out)? {
                out.truncate(start);
                return Ok(false);
            }
        }
        if self.style.options.time == TimeStyle::Delta {
            self.memory.printed_before_ns = Some(self.view.time_ns()?);
        }
        Ok(true)
    }

    fn write_segment(
        &mut self,
        index: usize,
        segment: &Segment,
        out: &mut Vec<u8>,
    ) -> Result<bool, ReadError> {
        let (style, pieces) = (self.style, &segment.pieces);
        let cache = &mut self.memory.segments[index];
        let (recording, view) = (&self.view.recording, &self.view);
        match segment.scope {
            Scope::Recording => {
                cache.write(0, out, |out| style.write_pieces(pieces, &At::Recording(recording), out))
            }
            Scope::Kind => {
                let place = self.columns.by_kind[usize::from(view.kind_code)].place;
                let make =
                    |out: &mut Vec<u8>| style.write_pieces(pieces, &At::Kind(recording, view.kind()), out);
                cache.write(place, out, make)
            }
            Scope::Thread => {
                let (number, place) = self.columns.thread(view)?;
                let make = |out: &mut Vec<u8>| {
                    style.write_pieces(pieces, &At::Thread(&ThreadView::new(recording, number)), out)
                };
                cache.write(place, out, make)
            }
            Scope::Descriptor | Scope::Path => {
                let (number, place) = self.columns.descriptor(view)?;
                let known = number != 0 && place != NO_PLACE;
                if !known && segment.scope == Scope::Path {
                    return style.write_pieces(pieces, &At::Row(view), out);
                }
                let make = |out: &mut Vec<u8>| {
                    let descriptor = if known { recording.entities.descriptor(number) } else { None };
                    let descriptor = descriptor.map(|descriptor| DescriptorView { descriptor });
                    style.write_pieces(pieces, &At::Descriptor(recording, descriptor), out)
                };
                cache.write(place, out, make)
            }
            Scope::Row => {
                for piece in pieces {
                    let kept = match piece {
                        Piece::Text(text) => {
                            match text.as_slice() {
                                // As most are: no call for one byte.
                                [byte] => out.push(*byte),
                                text => out.extend_from_slice(text),
                            }
                            true
                        }
                        Piece::Value(part) => self.write_part(part, out)?,
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
    fn write_part(&mut self, part: &Part, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let start = out.len();
        let view = &self.view;
        let known = match &part.source {
            Source::Value => return self.style.write_read(part, &At::Row(view), out),
            Source::Number => {
                render::write_uint(out, view.number());
                true
            }
            Source::Cpu => {
                let cpus = fetched(&mut self.columns.cpus, || view.rows.events.cpus())?;
                render::write_uint(out, cpus[view.row].into());
                true
            }
            Source::Result => {
                let result = self.columns.result(view)?;
                render::write_int(out, result.unwrap_or_default());
                result.is_some()
            }
            Source::Latency => {
                let latency = view.latency_ns()?;
                render::write_uint(out, latency.unwrap_or_default());
                latency.is_some()
            }
            Source::WallTime => {
                render::write_uint(out, self.columns.wall_ns(view)?);
                true
            }
            Source::ClockTime => {
                let wall_ns = self.columns.wall_ns(view)?;
                self.memory.write_clock_time(wall_ns, view.zone_offset_s(), out);
                true
            }
            Source::OutputTime => self.write_output_time(out)?,
            Source::Info => {
                self.write_info(out)?;
                self.quote(start, out);
                true
            }
            Source::Argument(which) => {
                let parameter = view.kind().and_then(|view| crate::fields::parameter(&view, which));
                let known = match parameter {
                    Some(parameter) => render::write_resolved(view, parameter, out)?,
                    None => false,
                };
                self.quote(start, out);
                known
            }
        };
        Ok(self.style.finish(known, start, part, out))
    }

    /// Appends result and arguments.
    fn write_info(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let view = &self.view;
        let Some(kind) = view.kind() else { return Ok(()) };
        let Memory { plans, descriptors, .. } = &mut *self.memory;
        let place = self.columns.by_kind[usize::from(view.kind_code)].place as usize;
        if plans.len() <= place {
            plans.resize(place + 1, None);
        }
        let plan = plans[place].get_or_insert_with(|| InfoPlan::new(kind.kind));
        let descriptor_place = match plan.names_descriptor() {
            true => self.columns.descriptor(view)?.1,
            false => NO_PLACE,
        };
        let result = if plan.has_result() { self.columns.result(view)? } else { None };
        let args = self.columns.args(view)?;
        let arg = |index: usize| Ok(args.get(index).map(|column| column.get(view.within)));
        let source = InfoSource { result, descriptor_place, arg };
        render::write_planned_info(view, plan, descriptors, source, out)
    }

    /// Makes the text from `start` on a string, in JSON.
    fn quote(&mut self, start: usize, out: &mut Vec<u8>) {
        if self.style.options.output == OutputStyle::Json {
            let scratch = &mut self.memory.scratch;
            scratch.clear();
            scratch.extend_from_slice(&out[start..]);
            out.truncate(start);
            render::write_json_string(out, scratch);
        }
    }

    /// Appends the time as asked for; `false` when it is a duration that was not measured.
    fn write_output_time(&mut self, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let view = &self.view;
        let ns = match self.style.options.time {
            TimeStyle::Clock => {
                let wall_ns = self.columns.wall_ns(view)?;
                self.memory.write_clock_time(wall_ns, view.zone_offset_s(), out);
                return Ok(true);
            }
            TimeStyle::Absolute => self.columns.wall_ns(view)?,
            TimeStyle::Relative => view.time_ns()?.saturating_sub(view.recording.first_time_ns),
            TimeStyle::Latency => match view.latency_ns()? {
                Some(latency) => latency,
                None => return Ok(false),
            },
            TimeStyle::Delta => {
                let now = view.time_ns()?;
                self.memory.printed_before_ns.map_or(0, |before| now.saturating_sub(before))
            }
        };
        render::write_uint(out, ns / NS_PER_S);
        out.push(b'.');
        render::write_padded(out, ns % NS_PER_S, 9);
        Ok(true)
    }
}

impl Style<'_> {
    /// Appends pieces that all depend on `at`; `false` when the line is left out.
    fn write_pieces(self, pieces: &[Piece], at: &At<'_, '_>, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value(part) => {
                    if !self.write_read(part, at, out)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Reads a value and appends it; `false` when the line is left out.
    fn write_read(self, part: &Part, at: &At<'_, '_>, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let start = out.len();
        let value = part.access.read(at)?;
        if let Some(value) = &value {
            write_value(out, value, part.style, self.options);
        }
        Ok(self.finish(value.is_some(), start, part, out))
    }

    /// Puts a stand-in for a missing value and fits the column; `false` when the line is left out.
    fn finish(self, known: bool, start: usize, part: &Part, out: &mut Vec<u8>) -> bool {
        if !known {
            out.truncate(start);
            out.extend_from_slice(match self.options.output {
                OutputStyle::Json => b"null",
                OutputStyle::Text => b"<NA>",
            });
        }
        if let Some(width) = part.width {
            fit(out, start, width);
        }
        known || self.shows_missing
    }
}
