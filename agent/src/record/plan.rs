//! What to do, checked as a whole before anything is done.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use query::Filter;
use sysreel_agent::budget::Budget;
use sysreel_agent::selection::Selection;
use wire::ring::RECORD_BYTES_MAX;

use crate::cli::RecordArgs;

/// Largest part of a buffer that can be kept: what one fetch of the kernel side takes.
const SNAP_BYTES_MAX: u32 = 16 * 1024;
/// Smallest ring: as much again as is kept free for the largest record.
const RING_BYTES_MIN: usize = 2 * RECORD_BYTES_MAX;
/// Size of each CPU's ring, unless another is asked for.
const RING_BYTES: usize = 16 << 20;
/// All rings together take no more than this, unless asked for: the kernel sets their memory aside at once.
const RINGS_BYTES_MAX: u64 = 512 << 20;
/// Largest ring: the verifier bounds an offset into a map's element by 2^29.
const RING_BYTES_MAX: usize = 256 << 20;

/// When a new file begins, and how many are kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rotation {
    /// Bytes.
    pub(crate) bytes: Option<u64>,
    /// Time.
    pub(crate) seconds: Option<u64>,
    /// Events.
    pub(crate) events: Option<u64>,
    /// Files kept.
    pub(crate) files: Option<usize>,
}

impl Rotation {
    /// Whether there may be more than one file.
    pub(crate) fn is_on(&self) -> bool {
        self.bytes.is_some() || self.seconds.is_some() || self.events.is_some()
    }
}

/// A filter, and how it was typed.
#[derive(Clone, Debug)]
pub(crate) struct TypedFilter {
    pub(crate) text: String,
    pub(crate) filter: Filter,
}

impl TypedFilter {
    /// The filter in a file. Lines are joined; a blank file selects everything.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        TypedFilter::parse(&text.lines().collect::<Vec<_>>().join(" "))
            .with_context(|| format!("the filter in {} is not used", path.display()))
    }

    /// Checks a filter. Blank text selects everything.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let filter = match Filter::parse(text) {
            Ok(filter) => filter,
            Err(error) if is_command_like(text) => bail!(
                "the filter is wrong: {}\na command to record goes behind `--`: sysreel-agent record ... -- {text}",
                error.render().trim_end()
            ),
            Err(error) => bail!("the filter is wrong: {}", error.render()),
        };
        if let Some(field) = filter.of_place().first() {
            bail!(
                "the filter is wrong: {field} tells an event's place among those of a capture, so it cannot choose what \
                 is recorded"
            );
        }
        Ok(TypedFilter { text: text.trim().to_owned(), filter })
    }
}

/// Whether the words are rather a command than a filter: no field, nothing is compared.
fn is_command_like(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    !first.is_empty()
        && !text.contains(['=', '<', '>', '('])
        && (first.starts_with('/') || !first.contains('.'))
}

/// A checked plan of a recording.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) write: PathBuf,
    pub(crate) rotation: Rotation,
    pub(crate) snap_bytes: u32,
    /// As asked for.
    ring_bytes: Option<usize>,
    pub(crate) latency: bool,
    pub(crate) env: bool,
    /// The list as it was typed, and what it means.
    calls: Option<String>,
    pub(crate) selection: Selection,
    pub(crate) filter: Option<TypedFilter>,
    /// Where the filter is read from, at first and when asked to.
    pub(crate) filter_file: Option<PathBuf>,
    pub(crate) explain: bool,
    pub(crate) budget: Option<Budget>,
    pub(crate) level: i32,
    pub(crate) seconds: Option<Duration>,
    pub(crate) events: Option<u64>,
    pub(crate) proc_root: PathBuf,
    pub(crate) command: Option<Vec<OsString>>,
    pub(crate) summary: bool,
    pub(crate) quiet: bool,
    verbose: bool,
}

impl Plan {
    /// Checks what was typed.
    pub(crate) fn new(args: RecordArgs) -> Result<Self> {
        let write = args.write.unwrap_or_default();
        let to_stdout = write.as_os_str() == "-";
        let rotation = Rotation {
            bytes: args.file_megabytes.map(|megabytes| megabytes.saturating_mul(1_000_000)),
            seconds: args.file_seconds,
            events: args.file_events,
            files: args.files,
        };
        if to_stdout && io::stdout().is_terminal() {
            bail!("a capture is not written to a terminal: pipe it into `sysreel read -`, or name a file");
        }
        if to_stdout && rotation.is_on() {
            bail!("-C, -G and -e begin new files, which standard output cannot; give -w a file");
        }
        if rotation.files.is_some() && !rotation.is_on() {
            bail!("-W keeps the newest files; say with -C, -G or -e when a new one begins");
        }
        for (flag, value) in
            [("-C", rotation.bytes), ("-G", rotation.seconds), ("-e", rotation.events), ("-n", args.events)]
        {
            if value == Some(0) {
                bail!("{flag} takes a number above 0");
            }
        }
        if rotation.files == Some(0) {
            bail!("-W takes a number above 0");
        }
        if args.snap_bytes > SNAP_BYTES_MAX {
            bail!("-s {} is above the limit of {SNAP_BYTES_MAX} bytes", args.snap_bytes);
        }
        if let Some(bytes) = args.ring_bytes
            && (!bytes.is_power_of_two() || !(RING_BYTES_MIN..=RING_BYTES_MAX).contains(&bytes))
        {
            bail!("--ring-bytes takes a power of two from {RING_BYTES_MIN} to {RING_BYTES_MAX}, not {bytes}");
        }
        if !(1..=19).contains(&args.level) {
            bail!("--level takes 1 to 19, not {}", args.level);
        }
        let filter = match &args.filter_file {
            Some(path) => Some(TypedFilter::read(path)?),
            None => Some(TypedFilter::parse(&args.filter.join(" "))?).filter(|typed| !typed.text.is_empty()),
        };
        let selection = match args.calls.as_deref().map(str::parse::<Selection>).transpose() {
            Ok(Some(selection)) => selection,
            Ok(None) => {
                let mut selection = Selection::default();
                if let Some(typed) = &filter {
                    selection.add_asked_for(&typed.filter);
                }
                selection
            }
            Err(error) => bail!("--calls: {error}"),
        };
        let budget: Option<Budget> = match args.budget.as_deref().map(str::parse).transpose() {
            Ok(budget) => budget,
            Err(error) => bail!("--budget: {error}"),
        };
        let seconds = match args.seconds.map(Duration::try_from_secs_f64).transpose() {
            Ok(seconds) => seconds,
            Err(error) => bail!("-M: {error}"),
        };
        Ok(Plan {
            write,
            rotation,
            snap_bytes: args.snap_bytes,
            ring_bytes: args.ring_bytes,
            latency: !args.no_latency,
            env: args.env,
            calls: args.calls,
            selection,
            filter,
            filter_file: args.filter_file,
            explain: args.explain,
            budget,
            level: args.level,
            seconds,
            events: args.events,
            proc_root: args.proc_root,
            command: (!args.command.is_empty()).then_some(args.command),
            summary: args.summary,
            quiet: args.quiet,
            verbose: args.verbose,
        })
    }

    /// Size of the ring of each of so many CPUs.
    pub(crate) fn ring_bytes(&self, cpus: usize) -> usize {
        let memory = self.budget.and_then(|budget| budget.memory);
        self.ring_bytes.unwrap_or_else(|| usual_ring_bytes(cpus, memory))
    }

    /// Says which events a filter names in vain.
    pub(super) fn tell_missing(&self, filter: &Filter) {
        for name in self.selection.missing_for(filter) {
            eprintln!(
                "sysreel-agent: {name}, which the filter names, is not recorded: that takes --calls with its name, or, \
                 without --calls and from the start, a filter with evt.type={name}"
            );
        }
    }

    /// The command as one line.
    pub(crate) fn command_text(&self) -> String {
        let words = self.command.iter().flatten();
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    /// What is recorded, in words for the capture's head.
    pub(crate) fn scope(&self) -> String {
        let scope = match &self.command {
            Some(_) => format!("command: {}", self.command_text()),
            None => "the whole machine".to_owned(),
        };
        let calls = self.calls.iter().map(|list| format!("; calls: {list}"));
        let filter = self.filter.iter().map(|filter| format!("; filter: {}", filter.text));
        std::iter::once(scope).chain(calls).chain(filter).collect()
    }

    /// Says what is being done, with `-v`.
    pub(crate) fn tell(&self, what: fmt::Arguments<'_>) {
        if self.verbose {
            eprintln!("sysreel-agent: {what}");
        }
    }
}

/// The largest ring up to [`RING_BYTES`] of which all CPUs together do not take too much.
pub(crate) fn usual_ring_bytes(cpus: usize, memory: Option<u64>) -> usize {
    let all = memory.map_or(RINGS_BYTES_MAX, |memory| RINGS_BYTES_MAX.min(memory / 2));
    let each = usize::try_from(all / cpus.max(1) as u64).unwrap_or(RING_BYTES);
    let power = each.checked_ilog2().map_or(0, |power| 1 << power);
    power.clamp(RING_BYTES_MIN, RING_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_in_the_place_of_a_filter_is_told_where_it_belongs() {
        let hint = |text: &str| {
            let error = TypedFilter::parse(text).expect_err(text).to_string();
            error.contains("goes behind `--`: sysreel-agent record ... -- ")
        };
        assert!(hint("true") && hint("/usr/bin/make all") && hint("ls"));
        assert!(!hint("proc.nam=x") && !hint("evt.type") && !hint("not x=1"));
    }

    #[test]
    fn rings_leave_memory_to_others() {
        for (cpus, memory, mebibytes) in [
            (2, None, 16),
            (32, None, 16),
            (33, None, 8),
            (256, None, 2),
            (2, Some(128_000_000), 16),
            (8, Some(128_000_000), 4),
        ] {
            assert_eq!(usual_ring_bytes(cpus, memory), mebibytes << 20, "{cpus} CPUs");
        }
        assert_eq!(usual_ring_bytes(4096, Some(1)), RING_BYTES_MIN);
    }
}
