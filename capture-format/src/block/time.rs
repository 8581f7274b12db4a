//! The column of times.
//!
//! Two forms, whichever is smaller:
//!
//! | tag | name   | what is stored                                                                        |
//! |-----|--------|---------------------------------------------------------------------------------------|
//! | 0   | global | difference to the row before                                                          |
//! | 1   | thread | time the thread spent between its last event and the start of this call, plus a bias  |
//!
//! A thread that works in a loop spends nearly the same time between its calls, and what a call itself took is
//! stored already, as its latency. In the `thread` form kinds with many rows have a column each, in order of their
//! codes; all other rows share the column behind them.
//! The first row's time is the summary's; a thread's first event in the block is compared with the row before it.

use crate::block::builder::{Block, KindRows};
use crate::codec::bytes::Cursor;
use crate::codec::ints::{self, Parts};
use crate::codec::payload::ColumnParts;
use crate::codec::{Decoded, malformed};

pub(crate) const TAG_GLOBAL: u8 = 0;
pub(crate) const TAG_THREAD: u8 = 1;

/// Added to gaps, so that those below zero (a signal delivered inside a call) stay small numbers.
pub(crate) const GAP_BIAS: u64 = 1 << 40;

/// Kinds with at least so many rows have a column of gaps of their own.
pub(crate) const KIND_ROWS_OWN: usize = 512;

/// What times are predicted from.
struct Clock {
    last_of_thread: Vec<Option<u64>>,
    last: u64,
}

impl Clock {
    fn new(threads: usize, first: u64) -> Self {
        Clock { last_of_thread: vec![None; threads], last: first }
    }

    /// When the call in the next row would have begun, had the thread done nothing in between.
    fn expected(&self, thread: u16, latency: u64) -> u64 {
        self.last_of_thread[usize::from(thread)]
            .unwrap_or(self.last)
            .wrapping_add(latency)
            .wrapping_sub(GAP_BIAS)
    }

    fn advance(&mut self, thread: u16, time: u64) {
        self.last_of_thread[usize::from(thread)] = Some(time);
        self.last = time;
    }
}

/// Encodes the times of a block.
pub(super) fn encode(
    block: &Block,
    kinds: &[&KindRows],
    kind_codes: &[u16],
    thread_codes: &[u16],
    threads: usize,
) -> ColumnParts {
    let first = block.times.first().copied().unwrap_or(0);
    let before = std::iter::once(first).chain(block.times.iter().copied());
    let deltas: Vec<u64> = block.times.iter().zip(before).map(|(time, before)| time - before).collect();

    let mut clock = Clock::new(threads, first);
    let mut next = vec![0usize; kinds.len()];
    let mut gaps = vec![Vec::new(); kinds.len() + 1];
    for (row, &time) in block.times.iter().enumerate() {
        let (kind, thread) = (usize::from(kind_codes[row]), thread_codes[row]);
        let latency = kinds[kind].latencies[next[kind]];
        next[kind] += 1;
        let column = if kinds[kind].len() >= KIND_ROWS_OWN { kind } else { kinds.len() };
        gaps[column].push(time.wrapping_sub(clock.expected(thread, latency)));
        clock.advance(thread, time);
    }
    let own = |column: usize| column == kinds.len() || kinds[column].len() >= KIND_ROWS_OWN;
    let columns = gaps.iter().enumerate().filter(|&(column, _)| own(column));
    let chosen: Vec<_> = columns.map(|(_, gaps)| (gaps, ints::choose(gaps))).collect();
    let global = ints::choose(&deltas);
    if global.bits <= chosen.iter().map(|(_, choice)| choice.bits).sum() {
        let mut out = ColumnParts { header: vec![TAG_GLOBAL], parts: Vec::new() };
        ints::encode_chosen(global, &deltas, &mut out);
        return out;
    }
    let mut out = ColumnParts { header: vec![TAG_THREAD], parts: Vec::new() };
    chosen.into_iter().for_each(|(gaps, choice)| ints::encode_chosen(choice, gaps, &mut out));
    out
}

/// What decoding times needs besides the column.
pub(super) struct Rows<'a> {
    pub(super) kind_codes: &'a [u16],
    pub(super) thread_codes: &'a [u16],
    pub(super) threads: usize,
    /// Rows of each kind.
    pub(super) kind_rows: &'a [usize],
    /// Latencies of the rows of each kind, 0 where there is none.
    pub(super) latencies: &'a [&'a [u64]],
}

/// Decodes the `global` form.
pub(super) fn decode_global(
    header: &mut Cursor<'_>,
    parts: &mut Parts<'_>,
    first: u64,
    rows: usize,
) -> Decoded<Vec<u64>> {
    let mut times = ints::decode(header, parts, rows)?;
    let mut last = first;
    for time in &mut times {
        last = last.wrapping_add(*time);
        *time = last;
    }
    Ok(times)
}

/// Decodes the `thread` form.
pub(super) fn decode_by_thread(
    header: &mut Cursor<'_>,
    parts: &mut Parts<'_>,
    first: u64,
    rows: &Rows<'_>,
) -> Decoded<Vec<u64>> {
    let mut columns = Vec::new();
    let mut shared_rows = 0;
    for &kind_rows in rows.kind_rows {
        columns.push(if kind_rows >= KIND_ROWS_OWN {
            ints::decode(header, parts, kind_rows)?
        } else {
            // No overflow: the rows of all kinds are the block's.
            shared_rows += kind_rows;
            Vec::new()
        });
    }
    let shared = ints::decode(header, parts, shared_rows)?;
    let mut shared = shared.into_iter();
    let mut next = vec![0usize; columns.len()];
    let mut clock = Clock::new(rows.threads, first);
    let mut times = Vec::with_capacity(rows.kind_codes.len());
    for (&kind, &thread) in rows.kind_codes.iter().zip(rows.thread_codes) {
        let kind = usize::from(kind);
        let Some(&latency) = rows.latencies[kind].get(next[kind]) else {
            return malformed("a kind has more rows than it states");
        };
        let gap =
            if columns[kind].is_empty() { shared.next() } else { columns[kind].get(next[kind]).copied() };
        let Some(gap) = gap else { return malformed("a time is missing") };
        next[kind] += 1;
        let time = gap.wrapping_add(clock.expected(thread, latency));
        clock.advance(thread, time);
        times.push(time);
    }
    Ok(times)
}
