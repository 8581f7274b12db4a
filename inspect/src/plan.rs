//! From what was typed to what will be done: everything that can be checked without opening the capture.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use query::{BufferStyle, Filter, Format, OutputStyle, PrintOptions, TimeStyle};

use crate::cli::{self, ReadArgs};
use crate::scan;
use crate::talk;

/// A run of `read`.
pub(crate) struct ReadPlan {
    pub(crate) file: OsString,
    /// `None` selects every event.
    pub(crate) filter: Option<Filter>,
    pub(crate) show: Show,
    pub(crate) events_max: Option<u64>,
    /// Only events up to so long after the first.
    pub(crate) span_ns: Option<u64>,
    pub(crate) summary: bool,
    /// Objects, not text.
    pub(crate) json: bool,
    pub(crate) verbose: bool,
    /// Each line is written on its own.
    pub(crate) unbuffered: bool,
    pub(crate) threads: usize,
}

/// What is done with the matching events.
pub(crate) enum Show {
    Lines(Format, PrintOptions),
    Count,
    Nothing,
    Capture(WritePlan),
}

/// A capture to be written, or several.
pub(crate) struct WritePlan {
    pub(crate) path: PathBuf,
    pub(crate) snap_bytes: Option<u32>,
    pub(crate) rotate_bytes: Option<u64>,
    pub(crate) rotate_ns: Option<u64>,
    pub(crate) rotate_events: Option<u64>,
    pub(crate) files_max: Option<u32>,
    /// Threads that compress.
    pub(crate) threads: usize,
}

impl ReadPlan {
    /// Checks flags against each other and parses the filter and the format.
    pub(crate) fn new(args: ReadArgs) -> Result<ReadPlan> {
        let (show, threads) = (show(&args)?, threads(&args));
        let ReadArgs { file, filter, read, .. } = args;
        // With -r the word that would be the file is the first of the filter.
        let (file, mut words) = match (read, file) {
            (Some(read), first) => (read, first.into_iter().collect()),
            (None, Some(file)) => (file, Vec::new()),
            (None, None) if args.write.is_some() => {
                bail!("no capture was named; to record a new one use `sysreel record -w FILE`")
            }
            (None, None) => bail!("no capture was named; try `sysreel read FILE`"),
        };
        words.extend(filter);
        let filter = parse_filter(words)?;
        tell_unrecorded(filter.as_ref(), &show);
        if args.json && args.time.is_some_and(|time| time == cli::TimeStyle::SincePrevious) {
            bail!("-t D counts from the line before, which JSON objects do not have");
        }
        Ok(ReadPlan {
            file,
            filter,
            show,
            events_max: args.events_max,
            span_ns: args.seconds.map(|seconds| (seconds * 1e9) as u64),
            summary: args.summary,
            json: args.json,
            verbose: args.verbose,
            unbuffered: args.unbuffered,
            threads,
        })
    }
}

/// Says which fields are missing in every event, whatever happened: a filter with one selects nothing, or all.
fn tell_unrecorded(filter: Option<&Filter>, show: &Show) {
    let mut names = filter.map(Filter::unrecorded).unwrap_or_default();
    if let Show::Lines(format, _) = show {
        names.extend(format.unrecorded());
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        talk::say(format_args!(
            "{name} is a known field, but captures do not hold it: it is missing in every event"
        ));
    }
}

fn parse_filter(words: Vec<OsString>) -> Result<Option<Filter>> {
    if words.is_empty() {
        return Ok(None);
    }
    let words: Vec<String> = words
        .into_iter()
        .map(|word| {
            word.into_string().map_err(|word| anyhow!("the filter is not valid UTF-8 at {}", word.display()))
        })
        .collect::<Result<_>>()?;
    let text = words.join(" ");
    if text.trim().is_empty() {
        return Ok(None);
    }
    match Filter::parse(&text) {
        Ok(filter) => Ok(Some(filter)),
        Err(error) => match words.iter().find(|word| Path::new(word).is_file()) {
            Some(file) => bail!(
                "the filter is wrong: {}\n{file} is a file: one capture is read at a time",
                error.render().trim_end()
            ),
            None => bail!("the filter is wrong: {}", error.render()),
        },
    }
}

fn threads(args: &ReadArgs) -> usize {
    args.threads.unwrap_or_else(scan::threads_usual).max(1)
}

fn show(args: &ReadArgs) -> Result<Show> {
    if args.write.is_some() && (args.json || args.format.is_some()) {
        bail!("-w writes a capture; it does not go with -p or -j");
    }
    if let Some(path) = &args.write {
        return Ok(Show::Capture(WritePlan {
            path: path.clone(),
            snap_bytes: args.snap_bytes,
            rotate_bytes: args
                .rotate_megabytes
                .map(|megabytes| megabytes.checked_mul(1_000_000).context("-C: so large a file cannot be"))
                .transpose()?,
            rotate_ns: args.rotate_seconds.map(|seconds| seconds.saturating_mul(1_000_000_000)),
            rotate_events: args.rotate_events,
            files_max: args.files_max,
            threads: threads(args),
        }));
    }
    if args.count {
        return Ok(Show::Count);
    }
    let format = parse_format(args.format.as_deref())?;
    if args.quiet {
        return Ok(Show::Nothing);
    }
    let options = PrintOptions {
        output: if args.json { OutputStyle::Json } else { OutputStyle::Text },
        time: match args.time {
            None | Some(cli::TimeStyle::TimeOfDay) => TimeStyle::Clock,
            Some(cli::TimeStyle::Epoch) => TimeStyle::Absolute,
            Some(cli::TimeStyle::SinceStart) => TimeStyle::Relative,
            Some(cli::TimeStyle::Duration) => TimeStyle::Latency,
            Some(cli::TimeStyle::SincePrevious) => TimeStyle::Delta,
        },
        buffers: if args.ascii {
            BufferStyle::Ascii
        } else if args.hex {
            BufferStyle::Hex
        } else if args.hex_ascii {
            BufferStyle::HexAscii
        } else if args.base64 {
            BufferStyle::Base64
        } else {
            BufferStyle::Dotted
        },
        whole_values: args.verbose,
        buffer_bytes_max: args.snap_bytes,
        ..PrintOptions::default()
    };
    Ok(Show::Lines(format, options))
}

/// The usual line with the container in it.
const FORMAT_CONTAINER: &str = "*%evt.num %evt.outputtime %evt.cpu %container.name (%container.id) %proc.name \
                                (%thread.tid:%thread.vtid) %evt.dir %evt.type %evt.info";

fn parse_format(text: Option<&str>) -> Result<Format> {
    let text = match text {
        None => Format::DEFAULT,
        Some("c" | "container") => FORMAT_CONTAINER,
        Some("k" | "kubernetes" | "m" | "mesos") => {
            bail!("there is no such usual line; -pc has the container")
        }
        Some(text) => text,
    };
    Format::parse(text).map_err(|error| anyhow!("the format is wrong: {}", error.render()))
}
