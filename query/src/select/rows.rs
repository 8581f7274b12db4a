//! Conditions on events themselves, over the rows of a block.
//!
//! Most are decided from columns: for all rows at once where every event has the value (time, CPU), for the rows of
//! one kind otherwise; not at all where the kind lacks what is asked for, once where the kind decides, once per
//! distinct value where that value is all that counts. The rest is evaluated row by row. Columns of kinds without
//! rows in question are not read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use capture_format::model::{Arg, FdSource, Ref};
use capture_format::schema::Shape;
use capture_format::{MaybeInts, ReadError};

use super::selection::Selection;
use crate::cache::{NO_PLACE, TextCache};
use crate::fields::{Argument, io_category, only_path, parameter};
use crate::filter::{Access, At, Node, Test};
use crate::print::PrintOptions;
use crate::recording::{Recording, Rows};
use crate::render::{InfoPlan, InfoSource, Parameter, is_command, write_planned_info};
use crate::value::Value;
use crate::view::{KindView, RowView, is_directory};

const NS_PER_S: u64 = 1_000_000_000;

/// A number of every row.
type OfRow<'a> = Box<dyn Fn(usize) -> i128 + 'a>;

/// What a test reads in events of a kind.
pub(super) enum Reads {
    /// Nothing that this kind has: the test does not hold.
    Nothing,
    /// What is the same for all events of the kind.
    Kind,
    /// The same for all events of the kind whose descriptor is the same.
    Descriptor,
    /// The result, made into a number.
    Result(fn(i64) -> i128),
    /// The result, of which equal ones give equal answers.
    EqualResult,
    /// The number in an argument that is a descriptor.
    Fd(usize),
    /// Result and arguments as text.
    Info,
    /// The duration, made into a number.
    Latency(fn(u64) -> i128),
    /// The result as a length, of events whose category is this one.
    Length(Option<&'static str>),
    /// An argument of which equal numbers give equal answers.
    Number(usize),
    /// A data argument of which equal bytes give equal answers.
    Data(usize),
    /// The path that a successful call works on.
    Path,
    /// Something else.
    Other,
}

/// The number that a test reads in every row, if it is one.
fn of_rows<'a>(
    test: &Test,
    recording: &Recording<'a>,
    rows: &Rows<'a>,
) -> Result<Option<OfRow<'a>>, ReadError> {
    let Access::Field(field, argument) = &test.left else { return Ok(None) };
    let times = || rows.events.times();
    let (offset_ns, first_ns, first_number) =
        (recording.host.epoch_offset_ns, recording.first_time_ns, rows.first_number);
    let wall = move |time: u64| time.saturating_add_signed(offset_ns);
    let since = move |time: u64| time.saturating_sub(first_ns);
    Ok(Some(match (field.name, argument) {
        ("evt.num", _) => Box::new(move |row| i128::from(first_number) + row as i128),
        ("evt.rawtime", _) => {
            times().map(|times| Box::new(move |row| wall(times[row]).into()) as OfRow<'a>)?
        }
        ("evt.rawtime.s", _) => {
            times().map(|times| Box::new(move |row| (wall(times[row]) / NS_PER_S).into()) as OfRow<'a>)?
        }
        ("evt.reltime", _) => {
            times().map(|times| Box::new(move |row| since(times[row]).into()) as OfRow<'a>)?
        }
        ("evt.reltime.s", _) => {
            times().map(|times| Box::new(move |row| (since(times[row]) / NS_PER_S).into()) as OfRow<'a>)?
        }
        ("evt.around", Argument::Index(centre)) => {
            let centre = *centre;
            times().map(|times| Box::new(move |row| wall(times[row]).abs_diff(centre).into()) as OfRow<'a>)?
        }
        ("evt.deltatime", _) => {
            let (times, before) = (times()?, rows.time_before_ns);
            Box::new(move |row: usize| {
                let before = row.checked_sub(1).map_or(before, |before| Some(times[before]));
                before.map_or(0, |before| times[row].saturating_sub(before)).into()
            })
        }
        _ => return Ok(None),
    }))
}

/// What a test reads in events of a kind.
pub(super) fn reads(test: &Test, kind: Option<KindView<'_>>) -> Reads {
    let Access::Field(field, argument) = &test.left else { return Reads::Other };
    if test.reads_right() {
        return Reads::Other;
    }
    match (field.name, kind) {
        ("evt.failed" | "evt.count.error", _) => Reads::Result(|result| (result < 0).into()),
        ("evt.rawres", _) => Reads::Result(i128::from),
        ("evt.res", _) => Reads::EqualResult,
        ("evt.latency", _) => Reads::Latency(i128::from),
        ("evt.latency.s", _) => Reads::Latency(|ns| (ns / NS_PER_S).into()),
        ("evt.latency.ns", _) => Reads::Latency(|ns| (ns % NS_PER_S).into()),
        (_, None) => Reads::Other,
        ("evt.category", Some(view)) => {
            if view.is_io() {
                Reads::Descriptor
            } else {
                Reads::Kind
            }
        }
        ("evt.args" | "evt.info", Some(_)) => Reads::Info,
        ("fd.num", Some(view)) => match view.kind.fd {
            FdSource::None => Reads::Nothing,
            FdSource::Arg(index) if is_directory(view.kind, index) => Reads::Other,
            FdSource::Arg(index) => Reads::Fd(index.into()),
            FdSource::Result => Reads::Result(i128::from),
        },
        ("evt.is_syslog", Some(view)) => {
            if view.writes() {
                Reads::Descriptor
            } else {
                Reads::Kind
            }
        }
        (
            "evt.is_open_create" | "evt.is_open_exec" | "evt.is_open_read" | "evt.is_open_write",
            Some(view),
        ) if !view.opens() => Reads::Kind,
        ("evt.buffer", Some(view)) => view.data().map_or(Reads::Nothing, Reads::Data),
        ("evt.arg" | "evt.rawarg", Some(view)) => match parameter(&view, argument) {
            None => Reads::Nothing,
            Some(Parameter::Result) if field.name == "evt.rawarg" => Reads::Result(i128::from),
            Some(Parameter::Arg(index)) if is_plain_data(&view, index) => Reads::Data(index),
            Some(Parameter::Arg(index)) if is_plain_number(&view, index) => Reads::Number(index),
            Some(_) => Reads::Other,
        },
        ("fs.path.name" | "fs.path.nameraw", Some(view)) => {
            only_path(&view).map_or(Reads::Nothing, |_| Reads::Path)
        }
        (name, Some(view)) => match name.strip_prefix("evt.buflen") {
            Some(about) => length(&view, about),
            None => Reads::Other,
        },
    }
}

/// What `evt.buflen` and its likes read: `about` is the rest of the name, as `.net.in`.
fn length(view: &KindView<'_>, about: &str) -> Reads {
    let direction = (view.reads() && !about.ends_with(".out")) || (view.writes() && !about.ends_with(".in"));
    match about.split('.').nth(1) {
        _ if !direction => Reads::Nothing,
        Some("file") => Reads::Length(Some("file")),
        Some("net") => Reads::Length(Some("net")),
        _ => Reads::Length(None),
    }
}

/// Whether an argument's text follows from its bytes alone.
fn is_plain_data(view: &KindView<'_>, index: usize) -> bool {
    let kind = &view.kind.args[index].kind;
    // That of a socket option depends on the option.
    let is_option = matches!(view.kind.name.as_str(), "setsockopt" | "getsockopt");
    kind.is_data() && !is_option && !matches!(kind.shape, Shape::Struct(_) | Shape::Bits | Shape::By(..))
}

/// Whether an argument's text follows from its number alone.
fn is_plain_number(view: &KindView<'_>, index: usize) -> bool {
    let kind = &view.kind.args[index].kind;
    !kind.is_data()
        && !is_command(&kind.shape)
        && matches!(
            kind.shape,
            Shape::Int
                | Shape::Uint
                | Shape::Long
                | Shape::Offset
                | Shape::Ulong
                | Shape::Size
                | Shape::Hex
                | Shape::Pointer
                | Shape::Uid
                | Shape::Gid
                | Shape::Device
                | Shape::Signal
                | Shape::Errno
                | Shape::Bool
                | Shape::SignalSet
                | Shape::WaitStatus
                | Shape::Flags(_)
                | Shape::Enum(_)
        )
}

/// The rows of `among` for which a condition holds.
pub(super) fn rows_where(
    node: &Node,
    recording: &Recording<'_>,
    rows: &Rows<'_>,
    among: &Selection,
    options: &PrintOptions,
) -> Result<Selection, ReadError> {
    let test = match node {
        Node::Test(test) => Some(test).filter(|test| !test.reads_right()),
        _ => None,
    };
    let by_row = |row: usize| node.holds(&At::Row(&RowView::new(recording, rows, row, options)?));
    let Some(test) = test else {
        let mut selected = Selection::none(among.rows());
        for row in among.iter() {
            selected.insert_if(row, by_row(row)?);
        }
        return Ok(selected);
    };
    if matches!(test.left, Access::Field(field, _) if field.name == "evt.cpu") {
        let cpus = rows.events.cpus()?;
        let count = cpus.iter().max().map_or(0, |&max| i128::from(max) + 1);
        let numbers = test.integers();
        let marked: Vec<bool> = (0..count).map(|cpu| numbers.hold(cpu)).collect();
        return Ok(among.with_codes(cpus, &marked));
    }
    if let Some(number) = of_rows(test, recording, rows)? {
        let numbers = test.integers();
        return Ok(among.filtered(|row| numbers.hold(number(row))));
    }
    let mut selected = Selection::none(among.rows());
    for &number in rows.events.kinds()?.dictionary() {
        let of_kind = rows.events.rows_of_kind(number)?;
        let Some(first) = of_kind.iter().find(|&&row| among.contains(row as usize)) else { continue };
        let kind = recording.entities.kind(number).map(|kind| KindView { kind });
        let rows_of_kind = RowsOfKind { rows, number, of_kind, among, test };
        match reads(test, kind) {
            Reads::Nothing => {}
            Reads::Kind => {
                if by_row(*first as usize)? {
                    rows_of_kind.add(&mut selected, |_, _| true);
                }
            }
            Reads::Descriptor => rows_of_kind.by_descriptor(&mut selected, by_row)?,
            Reads::Result(value) => {
                let results = rows.events.results(number)?;
                rows_of_kind.by_number(&mut selected, results, value);
            }
            Reads::Latency(value) => {
                let latencies = rows.events.latencies(number)?;
                rows_of_kind.by_number(&mut selected, latencies, value);
            }
            Reads::EqualResult => {
                let results = rows.events.results(number)?;
                // The place of a missing result holds a number as well.
                if results.missing().is_empty() {
                    rows_of_kind.by_equal(&mut selected, results.values(), by_row)?;
                } else {
                    rows_of_kind.try_add(&mut selected, |_, row| by_row(row))?;
                }
            }
            Reads::Fd(index) if rows_of_kind.has(index, false) => {
                let numbers = test.integers();
                let values = rows.events.arg_ints(number, index)?;
                // Descriptors are 32 bits wide.
                rows_of_kind.add(&mut selected, |within, _| numbers.hold((values[within] as i32).into()));
            }
            Reads::Info => rows_of_kind.by_info(&mut selected, recording, kind, options)?,
            Reads::Length(category) => rows_of_kind.by_length(&mut selected, recording, category)?,
            Reads::Number(index) if rows_of_kind.has(index, false) => {
                rows_of_kind.by_equal(&mut selected, rows.events.arg_ints(number, index)?, by_row)?;
            }
            Reads::Data(index) if rows_of_kind.has(index, true) => {
                rows_of_kind.by_data(&mut selected, index, by_row)?;
            }
            Reads::Number(_) | Reads::Data(_) | Reads::Fd(_) | Reads::Path | Reads::Other => {
                rows_of_kind.try_add(&mut selected, |_, row| by_row(row))?;
            }
        }
    }
    Ok(selected)
}

/// The rows of a kind, of which those in `among` are in question.
struct RowsOfKind<'a> {
    rows: &'a Rows<'a>,
    number: Ref,
    of_kind: &'a [u32],
    among: &'a Selection,
    test: &'a Test,
}

impl RowsOfKind<'_> {
    /// Whether the block holds the argument as the kind says: a damaged capture need not.
    fn has(&self, index: usize, data: bool) -> bool {
        let events = self.rows.events;
        index < events.arg_count(self.number) && events.arg_is_data(self.number, index) == data
    }

    /// Adds the rows for which something holds; it gets their number among those of the kind and in the block.
    fn add(&self, selected: &mut Selection, holds: impl Fn(usize, usize) -> bool) {
        for (within, &row) in self.of_kind.iter().enumerate() {
            let row = row as usize;
            selected.insert_if(row, holds(within, row) & self.among.contains(row));
        }
    }

    /// As [`Self::add`], asking only about rows that are in question.
    fn try_add(
        &self,
        selected: &mut Selection,
        mut holds: impl FnMut(usize, usize) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        for (within, &row) in self.of_kind.iter().enumerate() {
            let row = row as usize;
            if self.among.contains(row) && holds(within, row)? {
                selected.insert_if(row, true);
            }
        }
        Ok(())
    }

    fn by_number<T: Copy>(
        &self,
        selected: &mut Selection,
        column: &MaybeInts<T>,
        number: impl Fn(T) -> i128,
    ) {
        let numbers = self.test.integers();
        if column.missing().is_empty() {
            let values = column.values();
            self.add(selected, |within, _| numbers.hold(number(values[within])));
        } else {
            self.add(selected, |within, _| {
                column.get(within).is_some_and(|value| numbers.hold(number(value)))
            });
        }
    }

    fn by_length(
        &self,
        selected: &mut Selection,
        recording: &Recording<'_>,
        category: Option<&str>,
    ) -> Result<(), ReadError> {
        let results = self.rows.events.results(self.number)?;
        let numbers = self.test.integers();
        let holds = |within: usize| {
            results.get(within).is_some_and(|result| result >= 0 && numbers.hold(result.into()))
        };
        let Some(category) = category else {
            self.add(selected, |within, _| holds(within));
            return Ok(());
        };
        let descriptors = self.rows.events.descriptors()?;
        let fits = |&number: &Ref| {
            let descriptor = if number == 0 { None } else { recording.entities.descriptor(number) };
            io_category(descriptor) == category
        };
        let fitting: Vec<bool> = descriptors.dictionary().iter().map(fits).collect();
        let codes = descriptors.codes();
        self.add(selected, |within, row| fitting[usize::from(codes[row])] && holds(within));
        Ok(())
    }

    fn by_descriptor(
        &self,
        selected: &mut Selection,
        ask: impl Fn(usize) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        let descriptors = self.rows.events.descriptors()?;
        let mut known: Vec<Option<bool>> = vec![None; descriptors.dictionary().len()];
        self.try_add(selected, |_, row| {
            let known = &mut known[usize::from(descriptors.codes()[row])];
            remembered(known, || ask(row))
        })
    }

    fn by_info(
        &self,
        selected: &mut Selection,
        recording: &Recording<'_>,
        kind: Option<KindView<'_>>,
        options: &PrintOptions,
    ) -> Result<(), ReadError> {
        let Some(KindView { kind }) = kind else { return Ok(()) };
        let (mut plan, mut texts, mut info) = (InfoPlan::new(kind), TextCache::default(), Vec::new());
        self.try_add(selected, |_, row| {
            let view = RowView::new(recording, self.rows, row, options)?;
            info.clear();
            let source = InfoSource {
                result: view.result()?,
                descriptor_place: NO_PLACE,
                arg: |index| view.arg(index),
            };
            write_planned_info(&view, &mut plan, &mut texts, source, &mut info)?;
            Ok(self.test.holds_for(&Value::Text(Cow::Borrowed(&info))))
        })
    }

    /// Asks once per distinct number.
    fn by_equal<T: Copy + Default + Eq + Hash>(
        &self,
        selected: &mut Selection,
        values: &[T],
        ask: impl Fn(usize) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        let mut known: HashMap<T, Option<bool>> = HashMap::new();
        let mut last = (T::default(), None);
        self.try_add(selected, |within, row| {
            let value = values[within];
            if last.0 != value || last.1.is_none() {
                // Numbers that never come again (addresses) need not be kept.
                if known.len() == KNOWN_MAX {
                    known.clear();
                }
                last = (value, Some(remembered(known.entry(value).or_default(), || ask(row))?));
            }
            Ok(last.1 == Some(true))
        })
    }

    fn by_data(
        &self,
        selected: &mut Selection,
        index: usize,
        ask: impl Fn(usize) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        let column = self.rows.events.arg_data(self.number, index)?;
        let mut known: Vec<Option<bool>> = vec![None; column.codes_count()];
        self.try_add(selected, |within, row| {
            remembered(&mut known[column.code(within) as usize], || {
                // Null and unread values are missing, whatever is asked.
                Ok(matches!(column.get(within), Arg::Bytes(_)) && ask(row)?)
            })
        })
    }
}

/// Answers about numbers that are kept.
const KNOWN_MAX: usize = 4096;

/// What is known, or what `ask` says, which is then known.
fn remembered(
    known: &mut Option<bool>,
    ask: impl FnOnce() -> Result<bool, ReadError>,
) -> Result<bool, ReadError> {
    match *known {
        Some(holds) => Ok(holds),
        None => Ok(*known.insert(ask()?)),
    }
}
