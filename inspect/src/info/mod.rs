//! `sysreel info`: what a capture holds. Gathered here, shown by `text` and `json`.
//!
//! Counts come from the columns, not from summaries, so what is told is what can be read. Start at [`Info`].

mod gather;
mod json;
mod text;

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use capture_format::model::{Host, Loss, LossCause, Mark, Process, Ref};
use capture_format::{Damage, Entities, Tally};

use crate::cli::InfoArgs;
use crate::exit::Exit;
use crate::input::Input;
use crate::output::Output;
use crate::talk;

/// Gathers and prints.
pub(crate) fn run(args: &InfoArgs) -> Result<Exit> {
    let info = gather::gather(Input::open(&args.file)?)?;
    let mut out = Output::stdout()?;
    let shown = if args.json { json::show(&info) } else { text::show(&info, args.verbose) };
    out.write(&shown)?;
    for damage in &info.damage {
        talk::say_damage(&info.name, damage);
    }
    Ok(if info.damage.is_empty() { Exit::Done } else { Exit::Damaged })
}

/// What a capture holds.
#[derive(Default)]
struct Info {
    name: String,
    bytes: u64,
    /// Ended properly.
    finished: bool,
    host: Option<Host>,
    entities: Entities,
    losses: Vec<Loss>,
    tallies: Vec<Tally>,
    marks: Vec<Mark>,
    damage: Vec<Damage>,
    counts: Counts,
    /// Number and bytes of segments by type.
    segments: BTreeMap<&'static str, (u64, u64)>,
    /// Events in blocks that are damaged.
    unreadable: u64,
}

/// What is counted in blocks, and adds up over them.
#[derive(Default)]
struct Counts {
    events: u64,
    blocks: u64,
    failed: u64,
    /// Times of the first and last event.
    span: Option<(u64, u64)>,
    /// Events by number of the kind.
    kinds: HashMap<Ref, u64>,
    /// Events by number of the thread.
    threads: HashMap<Ref, u64>,
    /// Bytes in the file and before compression, by name of the column.
    columns: BTreeMap<ColumnName, (u64, u64)>,
}

/// Columns as they are told apart in a capture as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ColumnName {
    Common(&'static str),
    Arg(Ref, u8),
}

/// A process and what was counted for it.
struct ProcessCount<'a> {
    process: &'a Process,
    versions: u32,
    events: u64,
}

/// A container and what was counted for it.
struct ContainerCount {
    container: Ref,
    processes: u64,
    events: u64,
}

/// The sum of counts that a capture claims, which may be more than there can be.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

impl Info {
    fn lost(&self) -> u64 {
        sum(self.losses.iter().map(|loss| loss.count))
    }

    /// Losses added up by class, cause and CPU: how many, since when and until when.
    fn loss_totals(&self) -> Vec<Loss> {
        let mut totals: BTreeMap<(&str, LossCause, u16), Loss> = BTreeMap::new();
        for loss in &self.losses {
            totals
                .entry((&loss.class, loss.cause, loss.cpu))
                .and_modify(|total| {
                    total.count = total.count.saturating_add(loss.count);
                    total.from_ns = total.from_ns.min(loss.from_ns);
                    total.to_ns = total.to_ns.max(loss.to_ns);
                })
                .or_insert_with(|| loss.clone());
        }
        let mut totals: Vec<Loss> = totals.into_values().collect();
        totals.sort_by_key(|total| std::cmp::Reverse(total.count));
        totals
    }

    /// Events the kernel side meant to report. A capture that was not ended may lack the last tally: then what
    /// is known to have happened is the better number.
    fn produced(&self) -> u64 {
        let tallied = sum(self.tallies.iter().map(|tally| tally.produced));
        let known = sum([self.counts.events, self.unreadable, self.lost()].into_iter());
        if self.finished && !self.tallies.is_empty() { tallied } else { tallied.max(known) }
    }

    /// Events that reached the agent and did not match the filter of the recording.
    fn left_out(&self) -> u64 {
        sum(self.tallies.iter().map(|tally| tally.left_out))
    }

    fn span_ns(&self) -> u64 {
        self.counts.span.map_or(0, |(first, last)| last - first)
    }

    /// Event types by name, most frequent first: the same call made through several entries is one type.
    fn types(&self) -> Vec<(&str, u64)> {
        let mut by_name: BTreeMap<&str, u64> = BTreeMap::new();
        for (&number, &count) in &self.counts.kinds {
            let name = self.entities.kind(number).map_or("?", |kind| kind.name.as_str());
            *by_name.entry(name).or_default() += count;
        }
        let mut types: Vec<_> = by_name.into_iter().collect();
        types.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        types
    }

    /// Processes, busiest first. Versions of one process are one; its last version stands for it.
    fn processes(&self) -> Vec<ProcessCount<'_>> {
        let table = &self.entities.processes;
        let mut events = vec![0u64; table.len()];
        for (&number, &count) in &self.counts.threads {
            let process = self.entities.thread(number).and_then(|thread| table.index(thread.process));
            if let Some(total) = process.and_then(|index| events.get_mut(index)) {
                *total += count;
            }
        }
        let mut by_process: BTreeMap<(u32, u64), ProcessCount<'_>> = BTreeMap::new();
        for (number, process) in self.entities.processes.iter() {
            let seen = by_process.entry((process.pid, process.start_ns)).or_insert(ProcessCount {
                process,
                versions: 0,
                events: 0,
            });
            seen.process = process;
            seen.versions += 1;
            seen.events += table.index(number).map_or(0, |index| events[index]);
        }
        let mut processes: Vec<_> = by_process.into_values().collect();
        processes.sort_by_key(|count| (std::cmp::Reverse(count.events), count.process.pid));
        processes
    }

    /// Containers, busiest first; 0 stands for the host.
    fn containers(&self, processes: &[ProcessCount<'_>]) -> Vec<ContainerCount> {
        let mut by_number: BTreeMap<Ref, ContainerCount> = BTreeMap::new();
        for count in processes {
            let container = count.process.container;
            let seen =
                by_number.entry(container).or_insert(ContainerCount { container, processes: 0, events: 0 });
            seen.processes += 1;
            seen.events += count.events;
        }
        let mut containers: Vec<_> = by_number.into_values().collect();
        containers.sort_by_key(|count| std::cmp::Reverse(count.events));
        containers
    }

    /// Columns, largest first: name, bytes in the file, bytes before compression.
    fn columns(&self) -> Vec<(String, u64, u64)> {
        let mut columns: Vec<_> = self
            .counts
            .columns
            .iter()
            .map(|(name, &(stored, raw))| (self.column_name(*name), stored, raw))
            .collect();
        columns.sort_by_key(|&(_, stored, _)| std::cmp::Reverse(stored));
        columns
    }

    fn column_name(&self, name: ColumnName) -> String {
        match name {
            ColumnName::Common(name) => name.to_owned(),
            ColumnName::Arg(kind, arg) => match self.entities.kind(kind) {
                Some(kind) => {
                    let arg = kind.args.get(usize::from(arg)).map_or("?", |def| def.name.as_str());
                    format!("{}.{arg}", kind.name)
                }
                None => format!("kind {kind}.{arg}"),
            },
        }
    }
}
