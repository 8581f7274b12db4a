//! Encoding a block: from collected rows to the payload of a segment.

use crate::block::builder::{ArgRows, Block, DataRows, KindRows, WORD_BYTES, WORD_NULL, WORD_UNREAD};
use crate::block::{COLUMN_DATA, COLUMN_NAMES, COLUMNS_COMMON, time};
use crate::codec::bytes::put_varint;
use crate::codec::ints;
use crate::codec::payload::{ColumnParts, Squeezer, write_payload};
use crate::codec::predict::{self, Context, Groups, Predictor};
use crate::codec::strings::{PoolWriter, Value};
use crate::model::{FdSource, Ref};
use crate::segment::{EncodedSegment, SegmentType};
use crate::summary::{RefSet, Summary};

/// Presence of an optional column: no row has a value, all have, or the missing ones are listed.
pub(crate) const PRESENCE_NONE: u8 = 0;
pub(crate) const PRESENCE_ALL: u8 = 1;
pub(crate) const PRESENCE_LISTED: u8 = 2;

/// Numbers spanning less than this get their codes from a table, others from a search.
const TABLE_SPAN: u32 = 1 << 21;

/// Values of the arguments that are byte strings.
#[derive(Default)]
struct Pools<'a> {
    names: PoolWriter<'a>,
    data: PoolWriter<'a>,
}

/// Ascending distinct numbers, and each row's place among them.
struct Dictionary {
    numbers: Vec<Ref>,
    codes: Vec<u16>,
}

impl Dictionary {
    fn new(rows: &[Ref]) -> Self {
        let (low, high) = rows.iter().fold((Ref::MAX, 0), |(low, high), &row| (low.min(row), high.max(row)));
        if rows.is_empty() {
            return Dictionary { numbers: Vec::new(), codes: Vec::new() };
        }
        if high - low >= TABLE_SPAN {
            let mut numbers = rows.to_vec();
            numbers.sort_unstable();
            numbers.dedup();
            let codes = rows.iter().map(|row| numbers.partition_point(|number| number < row) as u16);
            return Dictionary { codes: codes.collect(), numbers };
        }
        // A block has at most 2^16 rows, so at most 2^16 distinct numbers: codes fit.
        let mut table = vec![None; (high - low) as usize + 1];
        rows.iter().for_each(|&row| table[(row - low) as usize] = Some(0));
        let mut numbers = Vec::new();
        for (number, slot) in (low..=high).zip(&mut table) {
            if let Some(code) = slot {
                *code = numbers.len() as u16;
                numbers.push(number);
            }
        }
        let codes = rows.iter().map(|&row| table[(row - low) as usize].unwrap_or(0)).collect();
        Dictionary { numbers, codes }
    }

    fn groups(&self) -> Groups<'_> {
        Groups { of_row: &self.codes, bound: self.numbers.len() }
    }
}

fn widen(codes: &[u16]) -> Vec<u64> {
    codes.iter().copied().map(u64::from).collect()
}

impl Block {
    /// Encodes and compresses it.
    pub fn encode(&self, squeezer: &mut Squeezer) -> EncodedSegment {
        let (threads, descriptors) = (Dictionary::new(&self.threads), Dictionary::new(&self.descriptors));
        let mut kinds: Vec<(u16, &KindRows)> =
            (0..).zip(&self.kinds).filter(|(_, kind)| kind.len() > 0).collect();
        kinds.sort_unstable_by_key(|(_, kind)| kind.number);
        let mut code_of_slot = vec![0u16; self.kinds.len()];
        for (code, &(slot, _)) in kinds.iter().enumerate() {
            code_of_slot[usize::from(slot)] = code as u16;
        }
        let kind_codes: Vec<u16> = self.slots.iter().map(|&slot| code_of_slot[usize::from(slot)]).collect();
        let kinds: Vec<&KindRows> = kinds.into_iter().map(|(_, kind)| kind).collect();

        let summary = self.summary(&kinds, &threads, &descriptors);
        let mut head = Vec::new();
        summary.put(&mut head);
        kinds.iter().for_each(|kind| put_shape(kind, &mut head));

        let context = Context { threads: threads.groups(), ..Context::default() };
        let cpus = widen(&self.cpus);
        let mut columns = vec![
            time::encode(self, &kinds, &kind_codes, &threads.codes, threads.numbers.len()),
            predict::encode(&cpus, &[Predictor::Thread, Predictor::None], &context),
            predict::encode(&widen(&kind_codes), &[Predictor::None], &context),
            predict::encode(&widen(&threads.codes), &[Predictor::None, Predictor::Previous], &context),
            predict::encode(
                &widen(&descriptors.codes),
                &[Predictor::None, Predictor::Previous, Predictor::Thread, Predictor::Sparse],
                &context,
            ),
        ];
        // The pools take their places when all columns that refer to them are encoded.
        columns.resize_with(COLUMNS_COMMON, ColumnParts::default);
        let mut pools = Pools::default();
        // Thread and descriptor of the rows of each kind: what predictors of its columns look at.
        let mut by_kind = vec![(Vec::new(), Vec::new()); kinds.len()];
        for (row, &code) in kind_codes.iter().enumerate() {
            let (kind_threads, kind_descriptors) = &mut by_kind[usize::from(code)];
            kind_threads.push(threads.codes[row]);
            kind_descriptors.push(descriptors.codes[row]);
        }
        for (kind, (kind_threads, kind_descriptors)) in kinds.iter().zip(&by_kind) {
            let args: Vec<_> = kind.args.iter().map(ArgRows::ints).collect();
            let context = Context {
                threads: Groups { of_row: kind_threads, bound: threads.numbers.len() },
                descriptors: Groups { of_row: kind_descriptors, bound: descriptors.numbers.len() },
                args: &args,
            };
            encode_kind(kind, &context, &mut pools, &mut columns);
        }
        columns[COLUMN_NAMES] = pools.names.finish();
        columns[COLUMN_DATA] = pools.data.finish();
        let payload = write_payload(&head, &columns, squeezer);
        EncodedSegment { kind: SegmentType::Events, payload, summary: Some(summary) }
    }

    fn summary(&self, kinds: &[&KindRows], threads: &Dictionary, descriptors: &Dictionary) -> Summary {
        let failed = |kind: &&KindRows| kind.results.iter().filter(|&&result| result < 0).count() as u32;
        Summary {
            rows: self.len() as u32,
            rows_failed: kinds.iter().map(failed).sum(),
            time_first_ns: self.times.first().copied().unwrap_or(0),
            time_last_ns: self.times.last().copied().unwrap_or(0),
            kinds: kinds.iter().map(|kind| (kind.number, kind.len() as u32)).collect(),
            threads: RefSet::from_sorted(threads.numbers.iter().copied()),
            descriptors: RefSet::from_sorted(descriptors.numbers.iter().copied()),
        }
    }
}

impl ArgRows {
    fn ints(&self) -> Option<&[u64]> {
        match self {
            ArgRows::Ints(values) => Some(values),
            ArgRows::Data(_) => None,
        }
    }
}

/// Count of arguments, and what the column of each holds.
fn put_shape(kind: &KindRows, head: &mut Vec<u8>) {
    put_varint(head, kind.args.len() as u64);
    head.extend(kind.args.iter().map(ArgRows::shape));
}

fn encode_kind<'a>(
    kind: &'a KindRows,
    context: &Context<'_>,
    pools: &mut Pools<'a>,
    columns: &mut Vec<ColumnParts>,
) {
    let results: Vec<u64> = kind.results.iter().map(|&result| result as u64).collect();
    let mut candidates = vec![Predictor::Zero];
    for (index, arg) in context.args.iter().enumerate() {
        let equal =
            arg.map_or(0, |arg| arg.iter().zip(&results).filter(|(arg, result)| arg == result).count());
        if equal * 2 > results.len() && index < 256 {
            candidates.push(Predictor::Argument(index as u8));
        }
    }
    candidates.push(Predictor::Thread);
    if kind.fd == FdSource::Result {
        candidates.push(Predictor::Descriptor);
    }
    columns.push(optional(&results, &kind.results_missing, &candidates, context));
    columns.push(optional(&kind.latencies, &kind.latencies_missing, &[Predictor::None], context));
    for (index, arg) in kind.args.iter().enumerate() {
        columns.push(match arg {
            ArgRows::Ints(values) => {
                let mut candidates = vec![Predictor::None, Predictor::Previous, Predictor::Thread];
                if u8::try_from(index).is_ok_and(|index| kind.fd == FdSource::Arg(index)) {
                    candidates.push(Predictor::Descriptor);
                }
                predict::encode(values, &candidates, context)
            }
            ArgRows::Data(data) if data.is_name => pools.names.column(data.values()),
            ArgRows::Data(data) => pools.data.column(data.values()),
        });
    }
}

fn optional(values: &[u64], missing: &[u32], candidates: &[Predictor], context: &Context<'_>) -> ColumnParts {
    if missing.len() == values.len() {
        return ColumnParts { header: vec![PRESENCE_NONE], parts: Vec::new() };
    }
    let mut out = ColumnParts::default();
    if missing.is_empty() {
        out.header.push(PRESENCE_ALL);
    } else {
        out.header.push(PRESENCE_LISTED);
        put_varint(&mut out.header, missing.len() as u64);
        let before = std::iter::once(0).chain(missing.iter().map(|&row| row + 1));
        let gaps: Vec<u64> =
            missing.iter().zip(before).map(|(&row, before)| u64::from(row - before)).collect();
        ints::encode_into(&gaps, &mut out);
    }
    let column = predict::encode(values, candidates, context);
    out.header.extend(column.header);
    out.parts.extend(column.parts);
    out
}

impl DataRows {
    fn values(&self) -> impl Iterator<Item = Value<'_>> {
        let (mut bytes, mut pointers) = (self.bytes.as_slice(), self.pointers.iter());
        self.words.iter().map(move |&word| match word {
            WORD_NULL => Value::Null,
            WORD_UNREAD => Value::Unread(pointers.next().copied().unwrap_or(0)),
            _ => {
                let (value, rest) = bytes.split_at((word - WORD_BYTES) as usize);
                bytes = rest;
                Value::Bytes(value)
            }
        })
    }
}
