//! Reading a block, column by column.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use crate::block::column::{Codes, Column, ColumnSize, DataColumn, MaybeInts};
use crate::block::encode::{PRESENCE_ALL, PRESENCE_LISTED, PRESENCE_NONE};
use crate::block::{
    ARG_DATA, ARG_INTS, ARG_NAMES, Block, COLUMN_CPU, COLUMN_DATA, COLUMN_DESCRIPTOR, COLUMN_KIND,
    COLUMN_NAMES, COLUMN_THREAD, COLUMN_TIME, COLUMNS_COMMON, COLUMNS_KIND, time,
};
use crate::codec::bytes::Cursor;
use crate::codec::ints::{self, Parts};
use crate::codec::payload::{ColumnBytes, Directory, Fetch, Squeezer};
use crate::codec::predict::{Context, Groups, Predictor};
use crate::codec::strings::Pool;
use crate::codec::{Broken, Decoded, malformed};
use crate::error::{Damage, Defect, ReadError};
use crate::model::{Arg, Event, Ref};
use crate::reader::{ReadAt, SegmentInfo};
use crate::segment::SegmentType;
use crate::summary::Summary;

/// A block of events. Columns are read and decoded when first asked for, and kept.
///
/// Rows of one kind are numbered on their own: `results(kind)?.get(n)` is the result of the n-th event of that
/// kind, which stands in row `rows_of_kind(kind)?[n]`; [`Self::rows_within_kind`] leads the other way.
#[derive(Debug)]
pub struct EventsBlock<'a> {
    bytes: BlockBytes<'a>,
    segment: SegmentInfo,
    directory: Directory,
    summary: Summary,
    kinds: Vec<KindColumns>,
    time: OnceCell<Vec<u64>>,
    cpu: OnceCell<Vec<u16>>,
    kind: OnceCell<Codes>,
    thread: OnceCell<Codes>,
    descriptor: OnceCell<Codes>,
    names: OnceCell<Arc<Pool>>,
    data: OnceCell<Arc<Pool>>,
    places: OnceCell<Places>,
}

/// Where the block's payload is.
pub(crate) struct BlockBytes<'a> {
    pub(crate) source: BlockSource<'a>,
    pub(crate) read: Cell<u64>,
}

/// See [`BlockBytes`].
pub(crate) enum BlockSource<'a> {
    /// The payload in memory.
    Owned(Vec<u8>),
    /// At an offset in a capture.
    At(&'a dyn ReadAt, u64),
}

impl std::fmt::Debug for BlockBytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockBytes").field("read", &self.read).finish_non_exhaustive()
    }
}

/// Why bytes could not be fetched or understood.
#[derive(Debug)]
pub(crate) enum FetchError {
    Broken(Broken),
    Io(u64, std::io::Error),
}

impl From<Broken> for FetchError {
    fn from(broken: Broken) -> Self {
        FetchError::Broken(broken)
    }
}

impl Fetch for BlockBytes<'_> {
    type Error = FetchError;

    fn fetch(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, FetchError> {
        self.read.set(self.read.get() + bytes as u64);
        match self.source {
            BlockSource::Owned(ref payload) => Ok(payload.as_slice().fetch(offset, bytes)?),
            BlockSource::At(source, start) => {
                // Lengths come from a directory that was checked against the payload's length, which itself
                // is bounded, so a hostile length cannot make this allocation large.
                let mut buffer = vec![0; bytes];
                let at = start + offset;
                source.read_at(at, &mut buffer).map_err(|error| FetchError::Io(at, error))?;
                Ok(buffer)
            }
        }
    }
}

#[derive(Debug)]
struct KindColumns {
    number: Ref,
    rows: usize,
    /// Index of the result's column; latency and arguments follow.
    first_column: usize,
    results: OnceCell<MaybeInts<i64>>,
    latencies: OnceCell<MaybeInts<u64>>,
    args: Vec<ArgColumn>,
}

#[derive(Debug)]
enum ArgColumn {
    Ints(OnceCell<Vec<u64>>),
    /// With the column of its pool.
    Data(usize, OnceCell<DataColumn>),
}

/// Which rows are of which kind.
#[derive(Debug)]
struct Places {
    of_kind: Vec<Vec<u32>>,
    within: Vec<u16>,
}

/// The content of a cell, which is filled first when it is empty.
fn filled<T, E>(cell: &OnceCell<T>, fill: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
    if cell.get().is_none() {
        let value = fill()?;
        // It is still empty: `fill` never asks for the column that it fills.
        let _ = cell.set(value);
    }
    Ok(cell.get().expect("the cell was filled above"))
}

impl<'a> EventsBlock<'a> {
    /// A block whose payload of `segment` is reachable through `bytes`. `front` holds at least its directory.
    pub(crate) fn open(
        bytes: BlockBytes<'a>,
        front: &[u8],
        payload_bytes: u64,
        segment: SegmentInfo,
    ) -> Decoded<Self> {
        let directory = Directory::parse(front, payload_bytes)?;
        let mut cursor = Cursor::new(&directory.head);
        let summary = Summary::parse(&mut cursor)?;
        let mut kinds = Vec::with_capacity(summary.kinds.len());
        let mut column = COLUMNS_COMMON;
        for &(number, rows) in &summary.kinds {
            let count = cursor.count()?;
            let mut args = Vec::with_capacity(count);
            for &shape in cursor.take(count)? {
                args.push(match shape {
                    ARG_INTS => ArgColumn::Ints(OnceCell::new()),
                    ARG_NAMES => ArgColumn::Data(COLUMN_NAMES, OnceCell::new()),
                    ARG_DATA => ArgColumn::Data(COLUMN_DATA, OnceCell::new()),
                    _ => return malformed("an argument is neither number nor data"),
                });
            }
            kinds.push(KindColumns {
                number,
                rows: rows as usize,
                first_column: column,
                results: OnceCell::new(),
                latencies: OnceCell::new(),
                args,
            });
            column += COLUMNS_KIND + count;
        }
        // Whatever a later minor version adds to the head or as further columns is not for this reader.
        if directory.column_count() < column {
            return malformed("a block lacks columns");
        }
        Ok(EventsBlock {
            bytes,
            segment,
            directory,
            summary,
            kinds,
            time: OnceCell::new(),
            cpu: OnceCell::new(),
            kind: OnceCell::new(),
            thread: OnceCell::new(),
            descriptor: OnceCell::new(),
            names: OnceCell::new(),
            data: OnceCell::new(),
            places: OnceCell::new(),
        })
    }

    /// A block whose whole payload is in memory.
    pub(crate) fn from_payload(payload: Vec<u8>, segment: SegmentInfo) -> Decoded<EventsBlock<'static>> {
        let payload_bytes = payload.len() as u64;
        let front = payload.clone();
        let bytes = BlockBytes { source: BlockSource::Owned(payload), read: Cell::new(0) };
        EventsBlock::open(bytes, &front, payload_bytes, segment)
    }

    /// Events that were just collected, as a reader will see them. No capture holds them yet, so an error among them
    /// names no place.
    pub fn of_collected(block: &Block, squeezer: &mut Squeezer) -> Result<EventsBlock<'static>, ReadError> {
        let segment = SegmentInfo { number: 0, kind: SegmentType::Events, offset: 0, bytes: 0 };
        EventsBlock::from_payload(block.encode(squeezer).payload, segment)
            .map_err(|broken| ReadError::Damaged(Damage::in_segment(segment, broken)))
    }

    /// Events in the block.
    pub fn rows(&self) -> usize {
        self.summary.rows as usize
    }

    /// What the block holds.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The segment the block is stored in.
    pub fn segment(&self) -> SegmentInfo {
        self.segment
    }

    fn error(&self, error: FetchError) -> ReadError {
        match error {
            FetchError::Io(offset, source) => ReadError::Io { offset, source },
            FetchError::Broken(broken) => ReadError::Damaged(Damage::in_segment(self.segment, broken)),
        }
    }

    fn column(&self, index: usize) -> Result<ColumnBytes, ReadError> {
        self.directory.column(&self.bytes, index).map_err(|error| self.error(error))
    }

    fn broken(&self, broken: Broken) -> ReadError {
        self.error(FetchError::Broken(broken))
    }

    /// Decodes a column that may be predicted from threads, descriptors and arguments.
    fn predicted(
        &self,
        header: &mut Cursor<'_>,
        parts: &mut Parts<'_>,
        kind: Option<usize>,
    ) -> Result<Vec<u64>, ReadError> {
        let rows = kind.map_or(self.rows(), |kind| self.kinds[kind].rows);
        let predictor = Predictor::parse(header).map_err(|broken| self.broken(broken))?;
        let mut values = ints::decode(header, parts, rows).map_err(|broken| self.broken(broken))?;
        let of_kind = |codes: &Codes, kind: usize| -> Result<Vec<u16>, ReadError> {
            Ok(self.places()?.of_kind[kind].iter().map(|&row| codes.codes[row as usize]).collect())
        };
        let mut selected = Vec::new();
        let mut context = Context::default();
        let mut args = Vec::new();
        match (predictor, kind) {
            (Predictor::Thread | Predictor::Sparse, None) => {
                let threads = self.threads()?;
                context.threads = Groups { of_row: &threads.codes, bound: threads.dictionary.len() };
            }
            (Predictor::Thread | Predictor::Sparse, Some(kind)) => {
                let threads = self.threads()?;
                selected = of_kind(threads, kind)?;
                context.threads = Groups { of_row: &selected, bound: threads.dictionary.len() };
            }
            (Predictor::Descriptor, Some(kind)) => {
                let descriptors = self.descriptors()?;
                selected = of_kind(descriptors, kind)?;
                context.descriptors = Groups { of_row: &selected, bound: descriptors.dictionary.len() };
            }
            (Predictor::Argument(index), Some(kind)) => {
                // Only results are predicted from arguments, so this recursion has one step.
                args = vec![None; usize::from(index)];
                args.push(Some(self.arg_ints_at(kind, usize::from(index))?));
                context.args = &args;
            }
            _ => {}
        }
        predictor.undo(&mut values, &context).map_err(|broken| self.broken(broken))?;
        drop((selected, args));
        Ok(values)
    }

    /// Boot clock ns of every row, ascending.
    pub fn times(&self) -> Result<&[u64], ReadError> {
        filled(&self.time, || {
            let times = self.decode_times()?;
            let ascending =
                times.is_sorted() && times.last().is_none_or(|&last| last == self.summary.time_last_ns);
            if !ascending {
                return Err(self.broken(Broken::Malformed("times are not in order")));
            }
            Ok(times)
        })
        .map(Vec::as_slice)
    }

    fn decode_times(&self) -> Result<Vec<u64>, ReadError> {
        let column = self.column(COLUMN_TIME)?;
        let (mut header, mut parts) = (Cursor::new(&column.header), Parts::new(&column.parts));
        let first = self.summary.time_first_ns;
        let times = match header.u8() {
            Ok(time::TAG_GLOBAL) => time::decode_global(&mut header, &mut parts, first, self.rows()),
            Ok(time::TAG_THREAD) => {
                let (kinds, threads) = (self.kinds()?, self.threads()?);
                let mut latencies = Vec::with_capacity(self.kinds.len());
                for kind in &self.kinds {
                    latencies.push(self.latencies(kind.number)?.values());
                }
                let rows = time::Rows {
                    kind_codes: &kinds.codes,
                    thread_codes: &threads.codes,
                    threads: threads.dictionary.len(),
                    kind_rows: &self.kinds.iter().map(|kind| kind.rows).collect::<Vec<_>>(),
                    latencies: &latencies,
                };
                time::decode_by_thread(&mut header, &mut parts, first, &rows)
            }
            Ok(_) => malformed("an unknown form of times"),
            Err(broken) => Err(broken),
        };
        times.map_err(|broken| self.broken(broken))
    }

    /// CPU of every row.
    pub fn cpus(&self) -> Result<&[u16], ReadError> {
        filled(&self.cpu, || {
            let column = self.column(COLUMN_CPU)?;
            let values =
                self.predicted(&mut Cursor::new(&column.header), &mut Parts::new(&column.parts), None)?;
            let narrow: Result<Vec<u16>, _> = values.into_iter().map(u16::try_from).collect();
            narrow.map_err(|_| self.broken(Broken::Malformed("a CPU number exceeds 16 bits")))
        })
        .map(Vec::as_slice)
    }

    fn codes(&self, index: usize, dictionary: Vec<Ref>) -> Result<Codes, ReadError> {
        let column = self.column(index)?;
        let values =
            self.predicted(&mut Cursor::new(&column.header), &mut Parts::new(&column.parts), None)?;
        let bound = dictionary.len() as u64;
        if values.iter().any(|&code| code >= bound) {
            return Err(self.broken(Broken::Malformed("a code exceeds its dictionary")));
        }
        // No cut: the dictionary has at most as many numbers as the block has rows, 2^16.
        Ok(Codes { dictionary, codes: values.into_iter().map(|code| code as u16).collect() })
    }

    /// Kind of every row.
    pub fn kinds(&self) -> Result<&Codes, ReadError> {
        filled(&self.kind, || {
            let codes = self.codes(COLUMN_KIND, self.kinds.iter().map(|kind| kind.number).collect())?;
            let mut counts = vec![0usize; self.kinds.len()];
            codes.codes.iter().for_each(|&code| counts[usize::from(code)] += 1);
            if self.kinds.iter().zip(&counts).any(|(kind, &count)| kind.rows != count) {
                return Err(self.broken(Broken::Malformed("a kind has not as many rows as it states")));
            }
            Ok(codes)
        })
    }

    /// Thread of every row.
    pub fn threads(&self) -> Result<&Codes, ReadError> {
        filled(&self.thread, || self.codes(COLUMN_THREAD, self.summary.threads.iter().collect()))
    }

    /// Descriptor of every row, 0 for none.
    pub fn descriptors(&self) -> Result<&Codes, ReadError> {
        filled(&self.descriptor, || self.codes(COLUMN_DESCRIPTOR, self.summary.descriptors.iter().collect()))
    }

    fn places(&self) -> Result<&Places, ReadError> {
        filled(&self.places, || {
            let kinds = self.kinds()?;
            let mut of_kind: Vec<Vec<u32>> =
                self.kinds.iter().map(|kind| Vec::with_capacity(kind.rows)).collect();
            let mut within = Vec::with_capacity(self.rows());
            for (row, &code) in (0..).zip(&kinds.codes) {
                let rows = &mut of_kind[usize::from(code)];
                within.push(rows.len() as u16);
                rows.push(row);
            }
            Ok(Places { of_kind, within })
        })
    }

    /// For every row, its number among the rows of its kind.
    pub fn rows_within_kind(&self) -> Result<&[u16], ReadError> {
        Ok(&self.places()?.within)
    }

    fn kind_index(&self, kind: Ref) -> Result<usize, ReadError> {
        self.kinds
            .binary_search_by_key(&kind, |columns| columns.number)
            .map_err(|_| ReadError::Absent { what: "such kind of events in this block" })
    }

    /// The rows of a kind, ascending; empty when the block has none.
    pub fn rows_of_kind(&self, kind: Ref) -> Result<&[u32], ReadError> {
        match self.kind_index(kind) {
            Ok(index) => Ok(&self.places()?.of_kind[index]),
            Err(_) => Ok(&[]),
        }
    }

    fn optional(&self, kind: usize, column: usize) -> Result<MaybeInts<u64>, ReadError> {
        let rows = self.kinds[kind].rows;
        let column = self.column(self.kinds[kind].first_column + column)?;
        let (mut header, mut parts) = (Cursor::new(&column.header), Parts::new(&column.parts));
        let missing = match header.u8() {
            Ok(PRESENCE_NONE) => {
                return Ok(MaybeInts { values: vec![0; rows], missing: (0..rows as u32).collect() });
            }
            Ok(PRESENCE_ALL) => Ok(Vec::new()),
            Ok(PRESENCE_LISTED) => missing_rows(&mut header, &mut parts, rows),
            Ok(_) => malformed("an unknown presence"),
            Err(broken) => Err(broken),
        };
        let missing = missing.map_err(|broken| self.broken(broken))?;
        let values = self.predicted(&mut header, &mut parts, Some(kind))?;
        Ok(MaybeInts { values, missing })
    }

    /// Results of the rows of a kind.
    pub fn results(&self, kind: Ref) -> Result<&MaybeInts<i64>, ReadError> {
        self.results_at(self.kind_index(kind)?)
    }

    fn results_at(&self, index: usize) -> Result<&MaybeInts<i64>, ReadError> {
        filled(&self.kinds[index].results, || {
            let MaybeInts { values, missing } = self.optional(index, 0)?;
            Ok(MaybeInts { values: values.into_iter().map(|value| value as i64).collect(), missing })
        })
    }

    /// Durations in ns of the rows of a kind.
    pub fn latencies(&self, kind: Ref) -> Result<&MaybeInts<u64>, ReadError> {
        self.latencies_at(self.kind_index(kind)?)
    }

    fn latencies_at(&self, index: usize) -> Result<&MaybeInts<u64>, ReadError> {
        filled(&self.kinds[index].latencies, || self.optional(index, 1))
    }

    /// How many arguments events of a kind have in this block; 0 when it has no such events.
    pub fn arg_count(&self, kind: Ref) -> usize {
        self.kind_index(kind).map_or(0, |index| self.kinds[index].args.len())
    }

    /// Whether an argument's column is one of byte strings ([`Self::arg_data`]) or of numbers ([`Self::arg_ints`]).
    pub fn arg_is_data(&self, kind: Ref, arg: usize) -> bool {
        let columns = self.kind_index(kind).ok().and_then(|index| self.kinds[index].args.get(arg));
        matches!(columns, Some(ArgColumn::Data(..)))
    }

    /// Values of a numeric argument in the rows of a kind.
    pub fn arg_ints(&self, kind: Ref, arg: usize) -> Result<&[u64], ReadError> {
        self.arg_ints_at(self.kind_index(kind)?, arg)
    }

    fn arg_ints_at(&self, index: usize, arg: usize) -> Result<&[u64], ReadError> {
        let Some(ArgColumn::Ints(cell)) = self.kinds[index].args.get(arg) else {
            return Err(ReadError::Absent { what: "numeric argument at this place" });
        };
        filled(cell, || {
            let column = self.column(self.kinds[index].first_column + COLUMNS_KIND + arg)?;
            let mut header = Cursor::new(&column.header);
            if let Ok(Predictor::Argument(_)) = Predictor::parse(&mut header.clone()) {
                return Err(self.broken(Broken::Malformed("an argument is predicted from an argument")));
            }
            self.predicted(&mut header, &mut Parts::new(&column.parts), Some(index))
        })
        .map(Vec::as_slice)
    }

    /// The pool in this column.
    fn pool(&self, column: usize) -> Result<&Arc<Pool>, ReadError> {
        let cell = if column == COLUMN_NAMES { &self.names } else { &self.data };
        filled(cell, || {
            let bytes = self.column(column)?;
            // Each value was put there by a row of a column.
            let columns = self.kinds.iter().map(|kind| kind.rows * kind.args.len());
            let pool = Pool::decode(
                &mut Cursor::new(&bytes.header),
                &mut Parts::new(&bytes.parts),
                columns.sum::<usize>(),
            );
            Ok(Arc::new(pool.map_err(|broken| self.broken(broken))?))
        })
    }

    /// Values of a fetched argument in the rows of a kind.
    pub fn arg_data(&self, kind: Ref, arg: usize) -> Result<&DataColumn, ReadError> {
        self.arg_data_at(self.kind_index(kind)?, arg)
    }

    fn arg_data_at(&self, index: usize, arg: usize) -> Result<&DataColumn, ReadError> {
        let Some(ArgColumn::Data(pool, cell)) = self.kinds[index].args.get(arg) else {
            return Err(ReadError::Absent { what: "data argument at this place" });
        };
        filled(cell, || {
            let column = self.column(self.kinds[index].first_column + COLUMNS_KIND + arg)?;
            let (mut header, mut parts) = (Cursor::new(&column.header), Parts::new(&column.parts));
            let pool = Arc::clone(self.pool(*pool)?);
            let codes = pool.column(&mut header, &mut parts, self.kinds[index].rows);
            Ok(DataColumn { codes: codes.map_err(|broken| self.broken(broken))?, pool })
        })
    }

    /// The result of the `within`-th event of a kind, given by the kind's code in [`Self::kinds`]: for readers of
    /// many rows, who would else look the kind up for every value.
    pub fn result_at(&self, kind_code: u16, within: usize) -> Result<Option<i64>, ReadError> {
        match self.kinds.get(usize::from(kind_code)).and_then(|kind| kind.results.get()) {
            Some(results) => Ok(results.get(within)),
            None => Ok(self.results(self.number_of(kind_code)?)?.get(within)),
        }
    }

    /// The duration of the `within`-th event of a kind, as [`Self::result_at`].
    pub fn latency_at(&self, kind_code: u16, within: usize) -> Result<Option<u64>, ReadError> {
        match self.kinds.get(usize::from(kind_code)).and_then(|kind| kind.latencies.get()) {
            Some(latencies) => Ok(latencies.get(within)),
            None => Ok(self.latencies(self.number_of(kind_code)?)?.get(within)),
        }
    }

    /// An argument of the `within`-th event of a kind, as [`Self::result_at`]; `None` when the kind has fewer.
    pub fn arg_at(&self, kind_code: u16, arg: usize, within: usize) -> Result<Option<Arg<'_>>, ReadError> {
        let columns = self.kinds.get(usize::from(kind_code)).and_then(|kind| kind.args.get(arg));
        Ok(Some(match columns {
            None => return Ok(None),
            Some(ArgColumn::Ints(cell)) => match cell.get() {
                Some(values) => Arg::Int(values[within]),
                None => Arg::Int(self.arg_ints(self.number_of(kind_code)?, arg)?[within]),
            },
            Some(ArgColumn::Data(_, cell)) => match cell.get() {
                Some(values) => values.get(within),
                None => self.arg_data(self.number_of(kind_code)?, arg)?.get(within),
            },
        }))
    }

    fn number_of(&self, kind_code: u16) -> Result<Ref, ReadError> {
        let kind = self.kinds.get(usize::from(kind_code));
        kind.map(|kind| kind.number).ok_or(ReadError::Absent { what: "such kind of events in this block" })
    }

    /// The whole event in a row; its arguments are placed in `args`, which can be used again.
    pub fn event<'s, 'v>(&'s self, row: usize, args: &'v mut Vec<Arg<'s>>) -> Result<Event<'v>, ReadError> {
        let cpu = *self.cpus()?.get(row).ok_or(ReadError::Absent { what: "such row in this block" })?;
        // A code of the column of kinds is the index of the kind's columns.
        let index = usize::from(self.kinds()?.codes[row]);
        let within = usize::from(self.rows_within_kind()?[row]);
        args.clear();
        for (arg, column) in self.kinds[index].args.iter().enumerate() {
            args.push(match column {
                ArgColumn::Data(..) => self.arg_data_at(index, arg)?.get(within),
                ArgColumn::Ints(_) => Arg::Int(self.arg_ints_at(index, arg)?[within]),
            });
        }
        Ok(Event {
            time_ns: self.times()?[row],
            cpu,
            kind: self.kinds[index].number,
            thread: self.threads()?.get(row),
            descriptor: self.descriptors()?.get(row),
            result: self.results_at(index)?.get(within),
            latency_ns: self.latencies_at(index)?.get(within),
            args,
        })
    }

    /// What every column takes, for people who wonder where the bytes go.
    pub fn column_sizes(&self) -> Vec<ColumnSize> {
        let mut columns = vec![
            (Column::Time, COLUMN_TIME),
            (Column::Cpu, COLUMN_CPU),
            (Column::Kind, COLUMN_KIND),
            (Column::Thread, COLUMN_THREAD),
            (Column::Descriptor, COLUMN_DESCRIPTOR),
            (Column::Names, COLUMN_NAMES),
            (Column::Data, COLUMN_DATA),
        ];
        for kind in &self.kinds {
            columns.push((Column::Result(kind.number), kind.first_column));
            columns.push((Column::Latency(kind.number), kind.first_column + 1));
            let first = kind.first_column + COLUMNS_KIND;
            let args = (0..=u8::MAX).zip(&kind.args).zip(first..);
            columns.extend(args.map(|((arg, _), column)| (Column::Arg(kind.number, arg), column)));
        }
        let size = |(column, index)| {
            let (bytes_stored, bytes_raw) = self.directory.column_bytes(index);
            ColumnSize { column, bytes_stored, bytes_raw }
        };
        columns.into_iter().map(size).collect()
    }

    /// Bytes read from the source so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes.read.get()
    }

    /// Decodes every column; the first thing that is wrong.
    pub(crate) fn decode_all(&self) -> Result<(), ReadError> {
        self.times()?;
        self.cpus()?;
        self.descriptors()?;
        for kind in &self.kinds {
            self.results(kind.number)?;
            self.latencies(kind.number)?;
            for (index, arg) in kind.args.iter().enumerate() {
                match arg {
                    ArgColumn::Ints(_) => drop(self.arg_ints(kind.number, index)?),
                    ArgColumn::Data(..) => drop(self.arg_data(kind.number, index)?),
                }
            }
        }
        Ok(())
    }
}

fn missing_rows(header: &mut Cursor<'_>, parts: &mut Parts<'_>, rows: usize) -> Decoded<Vec<u32>> {
    let count = match usize::try_from(header.varint()?) {
        Ok(count) if count <= rows => count,
        _ => return malformed("more values are missing than there are rows"),
    };
    let mut missing = Vec::with_capacity(count);
    let mut next = 0u64;
    for gap in ints::decode(header, parts, count)? {
        match next.checked_add(gap) {
            Some(row) if row < rows as u64 => {
                missing.push(row as u32);
                next = row + 1;
            }
            _ => return malformed("a missing row does not exist"),
        }
    }
    Ok(missing)
}

impl Damage {
    /// Something inside a segment.
    pub(crate) fn in_segment(segment: SegmentInfo, broken: Broken) -> Self {
        let (offset, bytes, defect) = match broken {
            Broken::Malformed(what) => (segment.offset, segment.bytes, Defect::Malformed(what)),
            Broken::Checksum { offset, bytes } => (
                segment.offset + crate::segment::SEGMENT_HEADER_BYTES as u64 + offset,
                bytes,
                Defect::ColumnChecksum,
            ),
        };
        Damage { offset, bytes, number: Some(segment.number), segment: Some(segment.kind), defect }
    }
}
