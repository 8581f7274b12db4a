//! Columns of integers: the physical encodings, and the choice between them.
//!
//! | tag | name   | header after the tag  | parts                                              |
//! |-----|--------|-----------------------|----------------------------------------------------|
//! | 0   | const  | value                 | none                                               |
//! | 1   | planes | base, width 1..8      | `width` byte planes of value - base, lowest first  |
//! | 2   | bins   | base, mantissa bits k | bins, low bits, escapes                            |
//! | 3   | dict   | size, width 1..2      | sorted values as deltas, then planes of codes      |
//!
//! Bins are for measurements (durations, gaps): a value becomes its order of magnitude with the `k` bits behind
//! the leading one, one byte whose distribution zstd's Huffman stage learns, and the remaining low bits, which are
//! noise and packed as they are. Compared with byte planes, where a noisy low byte hides the shape of the
//! distribution, this saves about a bit per value.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::bytes::{Cursor, put_varint};
use super::estimate::{compressed_bits, entropy_bits};
use super::payload::ColumnParts;
use super::{Broken, Decoded, malformed};

pub(crate) const TAG_CONST: u8 = 0;
pub(crate) const TAG_PLANES: u8 = 1;
pub(crate) const TAG_BINS: u8 = 2;
pub(crate) const TAG_DICT: u8 = 3;

/// The bin of values that fit no other: they are stored whole.
pub(crate) const BIN_ESCAPE: u8 = 255;

/// Mantissa bits tried for bins.
const BIN_BITS: std::ops::RangeInclusive<u32> = 2..=6;

/// Rows looked at when encodings are compared.
const SAMPLE_ROWS: usize = 1024;

/// Columns of fewer rows than this are stored as planes: comparing costs more than it saves.
const COMPARE_ROWS: usize = 64;

/// Distinct values up to which a dictionary is possible.
const DICT_VALUES_MAX: usize = 1 << 16;

/// How a column is to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Const(u64),
    Planes,
    Bins { base: u64, bits: u32 },
    Dict,
}

/// An encoding chosen for a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    plan: Plan,
    /// Bits the whole column takes, about.
    pub(crate) bits: f64,
}

/// Chooses what seems the smallest encoding.
pub(crate) fn choose(values: &[u64]) -> Choice {
    let (plan, bits) = choose_by_sample(values);
    Choice { plan, bits: bits * values.len() as f64 / sample(values).len().max(1) as f64 }
}

/// Encodes a column as it was chosen for it or for a sample of it, behind what the column has already.
pub(crate) fn encode_chosen(choice: Choice, values: &[u64], out: &mut ColumnParts) {
    let plan = match (constant(values), choice.plan) {
        (Some(value), _) => Plan::Const(value),
        // Only the sample was constant.
        (None, Plan::Const(_)) => Plan::Planes,
        (None, plan) => plan,
    };
    write(plan, values, out);
}

/// The value of all rows, when it is one; 0 for no rows.
fn constant(values: &[u64]) -> Option<u64> {
    let first = values.first().copied().unwrap_or(0);
    values.iter().all(|&value| value == first).then_some(first)
}

/// Encodes a column in what seems the smallest way, behind what the column has already.
pub(crate) fn encode_into(values: &[u64], out: &mut ColumnParts) {
    write(choose_by_sample(values).0, values, out);
}

fn sample(values: &[u64]) -> &[u64] {
    &values[..values.len().min(SAMPLE_ROWS)]
}

/// The plan, and the bits that a sample takes by it.
fn choose_by_sample(values: &[u64]) -> (Plan, f64) {
    if let Some(value) = constant(values) {
        return (Plan::Const(value), 0.0);
    }
    let sample = sample(values);
    let planes = (Plan::Planes, trial_bits(Plan::Planes, sample));
    if sample.len() < COMPARE_ROWS {
        return planes;
    }
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    let dict = dict_plan(&sorted).map(|plan| (plan, trial_bits(plan, sample)));
    let best = dict.into_iter().fold(planes, |best, plan| if plan.1 < best.1 { plan } else { best });
    // Bins end where repeats begin: a column that compresses this well is not noise.
    if best.1 < sample.len() as f64 {
        return best;
    }
    let bins = bins_plan(sample, &sorted);
    if bins.1 < best.1 { bins } else { best }
}

fn trial_bits(plan: Plan, sample: &[u64]) -> f64 {
    let mut out = ColumnParts::default();
    write(plan, sample, &mut out);
    8.0 * out.header.len() as f64 + out.parts.iter().map(|part| compressed_bits(part)).sum::<f64>()
}

fn write(plan: Plan, values: &[u64], out: &mut ColumnParts) {
    match plan {
        Plan::Const(value) => {
            out.header.push(TAG_CONST);
            put_varint(&mut out.header, value);
        }
        Plan::Planes => write_planes(values, out),
        Plan::Bins { base, bits } => write_bins(values, base, bits, out),
        Plan::Dict => write_dict(values, out),
    }
}

fn bytes_needed(value: u64) -> usize {
    (8 - value.leading_zeros() as usize / 8).max(1)
}

fn push_planes(values: impl Iterator<Item = u64> + Clone, width: usize, parts: &mut Vec<Vec<u8>>) {
    for plane in 0..width {
        parts.push(values.clone().map(|value| (value >> (8 * plane)) as u8).collect());
    }
}

fn write_planes(values: &[u64], out: &mut ColumnParts) {
    let base = values.iter().copied().min().unwrap_or(0);
    let width = bytes_needed(values.iter().copied().max().unwrap_or(0) - base);
    // A base that saves no plane only costs.
    let whole = bytes_needed(values.iter().copied().max().unwrap_or(0));
    let base = if whole == width { 0 } else { base };
    out.header.push(TAG_PLANES);
    put_varint(&mut out.header, base);
    out.header.push(width as u8);
    push_planes(values.iter().map(|value| value - base), width, &mut out.parts);
}

/// Bin and number of low bits of a value that the base was taken from; `None` for values that escape.
fn bin(value: u64, bits: u32) -> Option<(u8, u32)> {
    if value >> bits == 0 {
        return Some((value as u8, 0));
    }
    let low_bits = 63 - value.leading_zeros() - bits;
    let mantissa = (value >> low_bits) & ((1 << bits) - 1);
    let bin = u64::from(low_bits + 1) << bits | mantissa;
    (bin < u64::from(BIN_ESCAPE)).then_some((bin as u8, low_bits))
}

/// Smallest value of a bin and its number of low bits.
fn bin_start(bin: u8, bits: u32) -> (u64, u32) {
    let (bin, group) = (u64::from(bin), u32::from(bin) >> bits);
    if group == 0 {
        return (bin, 0);
    }
    let low_bits = group - 1;
    // A shift of at most 62, as `bits` is at least 2. With 2 bits the bins 252 to 254 lie beyond 64 bits and wrap.
    (((bin & ((1 << bits) - 1)) | 1 << bits) << low_bits, low_bits)
}

fn bins_bits(sample: &[u64], base: u64, bits: u32) -> f64 {
    let mut bins = [0u32; 256];
    let mut low = 0u64;
    for &value in sample {
        match bin(value.wrapping_sub(base), bits) {
            Some((bin, low_bits)) => {
                bins[usize::from(bin)] += 1;
                low += u64::from(low_bits);
            }
            None => {
                bins[usize::from(BIN_ESCAPE)] += 1;
                low += 64;
            }
        }
    }
    low as f64 + entropy_bits(&bins)
}

fn bins_plan(sample: &[u64], sorted: &[u64]) -> (Plan, f64) {
    // Not the minimum: a single value far below the others would spoil the bins of all.
    let low = sorted[sorted.len() / 200];
    let mut best = (Plan::Planes, f64::INFINITY);
    let mut consider = |base, bits| {
        let cost = bins_bits(sample, base, bits);
        if cost < best.1 {
            best = (Plan::Bins { base, bits }, cost);
        }
    };
    BIN_BITS.for_each(|bits| consider(low, bits));
    // Without a base precision matters less: one value shows whether that is better.
    consider(0, 4);
    best
}

fn write_bins(values: &[u64], base: u64, bits: u32, out: &mut ColumnParts) {
    out.header.push(TAG_BINS);
    put_varint(&mut out.header, base);
    out.header.push(bits as u8);
    let mut bins = Vec::with_capacity(values.len());
    let (mut low, mut escapes) = (BitWriter::default(), Vec::new());
    for &value in values {
        let value = value.wrapping_sub(base);
        match bin(value, bits) {
            Some((bin, low_bits)) => {
                bins.push(bin);
                low.put(value & ((1 << low_bits) - 1), low_bits);
            }
            None => {
                bins.push(BIN_ESCAPE);
                escapes.extend_from_slice(&value.to_le_bytes());
            }
        }
    }
    out.parts.extend([bins, low.finish(), escapes]);
}

fn dict_plan(sorted: &[u64]) -> Option<Plan> {
    let distinct = 1 + sorted.windows(2).filter(|pair| pair[0] != pair[1]).count();
    // A dictionary pays when values repeat and are wider than their codes.
    (distinct <= sorted.len() / 2 && sorted.last().is_some_and(|&last| last > 0xff)).then_some(Plan::Dict)
}

/// Distinct values in the order in which they come, and the place among them of each row's.
fn enumerate_distinct(values: &[u64]) -> (Vec<u64>, Vec<u32>) {
    let mut known: HashMap<u64, u32, RandomState> = HashMap::default();
    let mut distinct = Vec::new();
    let mut last = (0, u32::MAX);
    let places = values.iter().map(|&value| {
        if last.1 == u32::MAX || last.0 != value {
            let place = *known.entry(value).or_insert_with(|| {
                distinct.push(value);
                distinct.len() as u32 - 1
            });
            last = (value, place);
        }
        last.1
    });
    let places = places.collect();
    (distinct, places)
}

fn write_dict(values: &[u64], out: &mut ColumnParts) {
    let (distinct, places) = enumerate_distinct(values);
    if distinct.len() > DICT_VALUES_MAX {
        return write_planes(values, out);
    }
    let mut sorted: Vec<u32> = (0..distinct.len() as u32).collect();
    sorted.sort_unstable_by_key(|&place| distinct[place as usize]);
    let mut codes = vec![0u16; distinct.len()];
    let mut dictionary = Vec::new();
    let mut last = 0;
    for (code, &place) in sorted.iter().enumerate() {
        let value = distinct[place as usize];
        put_varint(&mut dictionary, value - last);
        last = value;
        codes[place as usize] = code as u16;
    }
    let width = if distinct.len() <= 256 { 1 } else { 2 };
    out.header.push(TAG_DICT);
    put_varint(&mut out.header, distinct.len() as u64);
    out.header.push(width as u8);
    out.parts.push(dictionary);
    push_planes(places.iter().map(|&place| u64::from(codes[place as usize])), width, &mut out.parts);
}

/// Packs bits, lowest first.
#[derive(Default)]
struct BitWriter {
    out: Vec<u8>,
    pending: u64,
    filled: u32,
}

impl BitWriter {
    /// `bits` is at most 63; `value` has no higher ones.
    fn put(&mut self, value: u64, bits: u32) {
        self.pending |= value << self.filled;
        let total = self.filled + bits;
        if total >= 64 {
            self.out.extend_from_slice(&self.pending.to_le_bytes());
            // `filled` is at least 1 here, as bits is below 64.
            self.pending = value >> (64 - self.filled);
            self.filled = total - 64;
        } else {
            self.filled = total;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let bytes = self.filled.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..bytes]);
        self.out
    }
}

/// Unpacks what [`BitWriter`] packed; reads zeros behind the end, which the caller rules out by length.
struct BitReader<'a> {
    bytes: &'a [u8],
    bit: usize,
}

impl BitReader<'_> {
    fn take(&mut self, bits: u32) -> u64 {
        let (start, shift) = (self.bit / 8, (self.bit % 8) as u32);
        self.bit += bits as usize;
        let low = match self.bytes.get(start..start + 8) {
            Some(word) => u64::from_le_bytes(word.try_into().unwrap_or_default()),
            None => {
                let mut word = [0; 8];
                let rest = self.bytes.get(start..).unwrap_or_default();
                word[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(word)
            }
        };
        let mut value = low >> shift;
        if shift + bits > 64 {
            value |= u64::from(self.bytes.get(start + 8).copied().unwrap_or(0)) << (64 - shift);
        }
        value & ((1u64 << bits) - 1)
    }
}

/// Hands out a column's parts in order.
pub(crate) struct Parts<'a> {
    parts: std::slice::Iter<'a, Vec<u8>>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(parts: &'a [Vec<u8>]) -> Self {
        Parts { parts: parts.iter() }
    }

    pub(crate) fn next(&mut self) -> Decoded<&'a [u8]> {
        self.parts.next().map(Vec::as_slice).ok_or(Broken::Malformed("a column lacks a part"))
    }

    fn plane(&mut self, rows: usize) -> Decoded<&'a [u8]> {
        let plane = self.next()?;
        if plane.len() == rows { Ok(plane) } else { malformed("a column has the wrong length") }
    }
}

/// Decodes `rows` values.
pub(crate) fn decode(header: &mut Cursor<'_>, parts: &mut Parts<'_>, rows: usize) -> Decoded<Vec<u64>> {
    match header.u8()? {
        TAG_CONST => {
            let value = header.varint()?;
            Ok(vec![value; rows])
        }
        TAG_PLANES => {
            let (base, width) = (header.varint()?, header.u8()?);
            let mut values = read_planes(parts, width, 8, rows)?;
            if base != 0 {
                values.iter_mut().for_each(|value| *value = value.wrapping_add(base));
            }
            Ok(values)
        }
        TAG_BINS => read_bins(header, parts, rows),
        TAG_DICT => read_dict(header, parts, rows),
        _ => malformed("an unknown encoding of integers"),
    }
}

fn read_planes(parts: &mut Parts<'_>, width: u8, width_max: u8, rows: usize) -> Decoded<Vec<u64>> {
    if !(1..=width_max).contains(&width) {
        return malformed("a column of integers has an impossible width");
    }
    let mut values: Vec<u64> = parts.plane(rows)?.iter().copied().map(u64::from).collect();
    for plane in 1..width {
        for (value, &byte) in values.iter_mut().zip(parts.plane(rows)?) {
            *value |= u64::from(byte) << (8 * plane);
        }
    }
    Ok(values)
}

fn read_bins(header: &mut Cursor<'_>, parts: &mut Parts<'_>, rows: usize) -> Decoded<Vec<u64>> {
    let (base, bits) = (header.varint()?, u32::from(header.u8()?));
    if !BIN_BITS.contains(&bits) {
        return malformed("bins have an impossible precision");
    }
    let (bins, low, mut escapes) = (parts.plane(rows)?, parts.next()?, Cursor::new(parts.next()?));
    let mut starts = [(0, 0); 256];
    for bin in 0..BIN_ESCAPE {
        starts[usize::from(bin)] = bin_start(bin, bits);
    }
    let mut low = BitReader { bytes: low, bit: 0 };
    let mut values = Vec::with_capacity(rows);
    for &bin in bins {
        let value = if bin == BIN_ESCAPE {
            escapes.u64()?
        } else {
            let (start, low_bits) = starts[usize::from(bin)];
            start | low.take(low_bits)
        };
        values.push(value.wrapping_add(base));
    }
    if low.bit.div_ceil(8) != low.bytes.len() {
        return malformed("bins have the wrong number of low bits");
    }
    escapes.end()?;
    Ok(values)
}

fn read_dict(header: &mut Cursor<'_>, parts: &mut Parts<'_>, rows: usize) -> Decoded<Vec<u64>> {
    let (size, width) = (header.varint()?, header.u8()?);
    if size > DICT_VALUES_MAX as u64 {
        return malformed("a dictionary is too large");
    }
    let mut cursor = Cursor::new(parts.next()?);
    let mut dictionary = Vec::with_capacity(size as usize);
    let mut value = 0u64;
    for _ in 0..size {
        value = value.wrapping_add(cursor.varint()?);
        dictionary.push(value);
    }
    cursor.end()?;
    let mut values = read_planes(parts, width, 2, rows)?;
    for value in &mut values {
        *value =
            *dictionary.get(*value as usize).ok_or(Broken::Malformed("a code exceeds its dictionary"))?;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(plan: Plan, values: &[u64]) {
        let mut out = ColumnParts::default();
        write(plan, values, &mut out);
        let mut header = Cursor::new(&out.header);
        let decoded = decode(&mut header, &mut Parts::new(&out.parts), values.len());
        assert_eq!(decoded.as_deref(), Ok(values), "{plan:?}");
        assert_eq!(header.end(), Ok(()));
    }

    #[test]
    fn every_encoding_gives_its_values_back() {
        let columns: [&[u64]; 6] = [
            &[],
            &[0],
            &[u64::MAX, 0, 1],
            &[7, 8, 9, 1 << 20, 300, 300, 299],
            &[1 << 63, (1 << 63) + 5],
            &[255, 256, 257, 65_535, 65_536, u64::from(u32::MAX)],
        ];
        for values in columns {
            for plan in [Plan::Planes, Plan::Dict] {
                round_trip(plan, values);
            }
            for bits in BIN_BITS {
                for base in [0, 5, 1 << 63] {
                    round_trip(Plan::Bins { base, bits }, values);
                }
            }
        }
        round_trip(Plan::Const(77), &[77; 5]);
    }

    #[test]
    fn bins_are_numbered_without_gap() {
        for bits in BIN_BITS {
            // With 2 bits the last three bins are beyond 64 bits.
            let end = if bits == 2 { 252 } else { BIN_ESCAPE };
            for number in 0..end {
                let (start, low_bits) = bin_start(number, bits);
                assert_eq!(bin(start, bits), Some((number, low_bits)));
                assert_eq!(bin(start + ((1 << low_bits) - 1), bits), Some((number, low_bits)));
            }
        }
    }

    #[test]
    fn bits_pack_and_unpack() {
        let items: Vec<(u64, u32)> =
            (0..200).map(|n| (u64::MAX >> 1 >> (62 - n % 63), (n % 63) as u32 + 1)).collect();
        let mut writer = BitWriter::default();
        items.iter().for_each(|&(value, bits)| writer.put(value, bits));
        let bytes = writer.finish();
        let mut reader = BitReader { bytes: &bytes, bit: 0 };
        for &(value, bits) in &items {
            assert_eq!(reader.take(bits), value);
        }
    }
}
