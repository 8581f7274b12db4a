//! Collecting events into columns: the path every event takes, so nothing here allocates per event.

use crate::block::{ARG_DATA, ARG_INTS, ARG_NAMES, BLOCK_BYTES_MAX, BLOCK_BYTES_USUAL, BLOCK_ROWS_MAX};
use crate::model::{Arg, Event, EventKind, FdSource, Ref};
use crate::schema::{ArgKind, Fetch};

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The block holds [`crate::BLOCK_ROWS_MAX`] events, or has no room for this one's bytes.
    #[error("the block is full")]
    Full,
    /// The event's kind was not defined.
    #[error("event kind {0} was not defined")]
    UnknownKind(Ref),
    /// The arguments do not fit the kind's definition.
    #[error("the arguments do not fit event kind {0}")]
    Arguments(Ref),
    /// It is older than the event before it.
    #[error("the event is older than the one before it")]
    TimeOrder,
}

/// Kinds are numbered below this: their table is indexed by number.
const KINDS_MAX: Ref = 1 << 16;

/// No slot: the kind is not defined.
const SLOT_NONE: u16 = u16::MAX;

/// Marks of a data argument's row; larger words are lengths of bytes.
pub(super) const WORD_NULL: u32 = 0;
pub(super) const WORD_UNREAD: u32 = 1;
pub(super) const WORD_BYTES: u32 = 2;

/// Rows of an argument whose values are byte strings.
#[derive(Clone, Debug, Default)]
pub(super) struct DataRows {
    /// Strings and vectors of strings, as opposed to buffers and structures.
    pub(super) is_name: bool,
    /// Per row [`WORD_NULL`], [`WORD_UNREAD`], or [`WORD_BYTES`] plus the length.
    pub(super) words: Vec<u32>,
    pub(super) pointers: Vec<u64>,
    pub(super) bytes: Vec<u8>,
}

/// Rows of an argument.
#[derive(Clone, Debug)]
pub(super) enum ArgRows {
    Ints(Vec<u64>),
    Data(DataRows),
}

impl ArgRows {
    /// What the argument's column holds, as files say it.
    pub(super) fn shape(&self) -> u8 {
        match self {
            ArgRows::Ints(_) => ARG_INTS,
            ArgRows::Data(data) if data.is_name => ARG_NAMES,
            ArgRows::Data(_) => ARG_DATA,
        }
    }
}

/// Rows of a kind.
#[derive(Clone, Debug)]
pub(super) struct KindRows {
    pub(super) number: Ref,
    pub(super) fd: FdSource,
    pub(super) results: Vec<i64>,
    pub(super) results_missing: Vec<u32>,
    pub(super) latencies: Vec<u64>,
    pub(super) latencies_missing: Vec<u32>,
    pub(super) args: Vec<ArgRows>,
}

impl KindRows {
    fn new(number: Ref, kind: &EventKind) -> Self {
        let rows = |kind: &ArgKind| {
            let is_name = matches!(kind.fetch, Fetch::String | Fetch::Strings);
            match kind.is_data() {
                true => ArgRows::Data(DataRows { is_name, ..DataRows::default() }),
                false => ArgRows::Ints(Vec::new()),
            }
        };
        KindRows {
            number,
            fd: kind.fd,
            results: Vec::new(),
            results_missing: Vec::new(),
            latencies: Vec::new(),
            latencies_missing: Vec::new(),
            args: kind.args.iter().map(|arg| rows(&arg.kind)).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.results.len()
    }

    fn clear(&mut self) {
        self.results.clear();
        self.results_missing.clear();
        self.latencies.clear();
        self.latencies_missing.clear();
        for arg in &mut self.args {
            match arg {
                ArgRows::Ints(values) => values.clear(),
                ArgRows::Data(data) => {
                    data.words.clear();
                    data.pointers.clear();
                    data.bytes.clear();
                }
            }
        }
    }

    fn accepts(&self, args: &[Arg<'_>]) -> bool {
        let fits = |(rows, arg): (&ArgRows, &Arg<'_>)| {
            matches!(rows, ArgRows::Ints(_)) == matches!(arg, Arg::Int(_))
        };
        args.len() == self.args.len() && self.args.iter().zip(args).all(fits)
    }

    fn push(&mut self, event: &Event<'_>) {
        let row = self.results.len() as u32;
        if event.result.is_none() {
            self.results_missing.push(row);
        }
        if event.latency_ns.is_none() {
            self.latencies_missing.push(row);
        }
        self.results.push(event.result.unwrap_or(0));
        self.latencies.push(event.latency_ns.unwrap_or(0));
        for (rows, arg) in self.args.iter_mut().zip(event.args) {
            match (rows, arg) {
                (ArgRows::Ints(values), Arg::Int(value)) => values.push(*value),
                (ArgRows::Data(data), Arg::Bytes(bytes)) => {
                    // No overflow: `BlockBuilder::push` bounds the bytes of a block.
                    data.words.push(WORD_BYTES + bytes.len() as u32);
                    data.bytes.extend_from_slice(bytes);
                }
                (ArgRows::Data(data), Arg::Unread(pointer)) => {
                    data.words.push(WORD_UNREAD);
                    data.pointers.push(*pointer);
                }
                (ArgRows::Data(data), _) => data.words.push(WORD_NULL),
                // `accepts` was asked before.
                (ArgRows::Ints(values), _) => values.push(0),
            }
        }
    }
}

/// Collected events, to be encoded on any thread.
#[derive(Debug, Default)]
pub struct Block {
    pub(super) times: Vec<u64>,
    pub(super) cpus: Vec<u16>,
    /// Index into `kinds`.
    pub(super) slots: Vec<u16>,
    pub(super) threads: Vec<Ref>,
    pub(super) descriptors: Vec<Ref>,
    pub(super) kinds: Vec<KindRows>,
    bytes: usize,
}

impl Block {
    /// Events in it.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    fn clear(&mut self) {
        self.times.clear();
        self.cpus.clear();
        self.slots.clear();
        self.threads.clear();
        self.descriptors.clear();
        self.kinds.iter_mut().for_each(KindRows::clear);
        self.bytes = 0;
    }
}

impl Block {
    /// Time of the earliest event, boot clock ns.
    pub fn time_first_ns(&self) -> Option<u64> {
        self.times.iter().copied().min()
    }
}

/// Collects events; keeps its buffers between blocks.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    block: Block,
    spare: Option<Block>,
    /// Index into `block.kinds` by number of the kind.
    slots: Vec<u16>,
    /// An empty copy of every kind, for blocks to begin with.
    kinds: Vec<KindRows>,
}

impl BlockBuilder {
    /// An empty builder that knows no kinds.
    pub fn new() -> Self {
        BlockBuilder::default()
    }

    /// Says what events of this kind look like. Kinds stay defined over blocks. A changed definition holds from
    /// the next block on when this one has such events. Numbers from 65536 on are ignored.
    pub fn define_kind(&mut self, number: Ref, kind: &EventKind) {
        if number >= KINDS_MAX {
            return;
        }
        if self.slots.len() <= number as usize {
            self.slots.resize(number as usize + 1, SLOT_NONE);
        }
        let rows = KindRows::new(number, kind);
        match usize::from(self.slots[number as usize]) {
            slot if slot < self.kinds.len() => {
                if self.block.kinds[slot].len() == 0 {
                    self.block.kinds[slot] = rows.clone();
                }
                self.kinds[slot] = rows;
            }
            _ if self.kinds.len() < usize::from(SLOT_NONE) => {
                self.slots[number as usize] = self.kinds.len() as u16;
                self.block.kinds.push(rows.clone());
                self.kinds.push(rows);
            }
            _ => {}
        }
    }

    /// Adds an event. On an error nothing was added.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), PushError> {
        let slot = self.slots.get(event.kind as usize).copied().unwrap_or(SLOT_NONE);
        let Some(kind) = self.block.kinds.get_mut(usize::from(slot)) else {
            return Err(PushError::UnknownKind(event.kind));
        };
        if !kind.accepts(event.args) {
            return Err(PushError::Arguments(event.kind));
        }
        if self.block.times.last().is_some_and(|&last| event.time_ns < last) {
            return Err(PushError::TimeOrder);
        }
        let data = event.args.iter().map(|arg| if let Arg::Bytes(bytes) = arg { bytes.len() } else { 0 });
        let bytes = self.block.bytes + 40 + 8 * event.args.len() + data.sum::<usize>();
        if self.block.times.len() >= BLOCK_ROWS_MAX || (bytes > BLOCK_BYTES_MAX && self.block.bytes > 0) {
            return Err(PushError::Full);
        }
        kind.push(event);
        self.block.bytes = bytes;
        self.block.times.push(event.time_ns);
        self.block.cpus.push(event.cpu);
        self.block.slots.push(slot);
        self.block.threads.push(event.thread);
        self.block.descriptors.push(event.descriptor);
        Ok(())
    }

    /// Events collected.
    pub fn len(&self) -> usize {
        self.block.len()
    }

    /// Whether no event was collected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory the collected events take, about.
    pub fn approx_bytes(&self) -> usize {
        self.block.bytes
    }

    /// Whether the block should be finished before the next event.
    pub fn is_full(&self) -> bool {
        self.len() >= BLOCK_ROWS_MAX || self.approx_bytes() >= BLOCK_BYTES_USUAL
    }

    /// Takes the collected events out; the builder is empty then.
    pub fn finish(&mut self) -> Block {
        let mut next = self.spare.take().unwrap_or_default();
        // Kinds defined since the spare was in use are missing in it, and others may have changed.
        let same = |(old, new): (&KindRows, &KindRows)| {
            let ints = |kind: &KindRows| {
                kind.args.iter().map(|arg| matches!(arg, ArgRows::Ints(_))).collect::<Vec<_>>()
            };
            old.number == new.number && old.fd == new.fd && ints(old) == ints(new)
        };
        let keep = next.kinds.iter().zip(&self.kinds).take_while(|&pair| same(pair)).count();
        next.kinds.truncate(keep);
        next.kinds.extend_from_slice(&self.kinds[keep..]);
        std::mem::replace(&mut self.block, next)
    }

    /// Takes back the buffers of an encoded block, to be filled again.
    pub fn reuse(&mut self, mut block: Block) {
        block.clear();
        self.spare = Some(block);
    }
}
