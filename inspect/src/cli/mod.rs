//! The command line as it was typed. Nothing is opened or checked against anything else here: see `plan`.
//!
//! Flags that sysdig and tcpdump have keep their letter and meaning, and `sysreel -r FILE [FILTER]` is the same
//! as `sysreel read FILE [FILTER]`: [`spelled_out`] turns the first into the second. Start at [`Command`].

mod hint;
mod manual;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use hint::hint;

/// Reads, filters and explains captures made by sysreel-agent.
#[derive(Debug, Parser)]
#[command(name = "sysreel", version, max_term_width = 110, after_help = manual::TOP)]
#[command(subcommand_required = true, arg_required_else_help = false)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the events of a capture that match a filter.
    #[command(override_usage = "sysreel read [OPTIONS] FILE|- [FILTER]...", after_help = manual::READ)]
    Read(Box<ReadArgs>),
    /// Tell what a capture holds: host, time span, events by type, processes, containers, sizes, losses.
    #[command(after_help = manual::INFO)]
    Info(InfoArgs),
    /// Check the integrity of a capture and name the bad segments.
    #[command(after_help = manual::VERIFY)]
    Verify(VerifyArgs),
    /// List the fields that filters and formats can use (sysreel -l).
    Fields(FieldsArgs),
    /// List the event types with their arguments (sysreel -L).
    Events(EventsArgs),
    /// Record with sysreel-agent, when it is installed next to this program or in PATH.
    #[command(disable_help_flag = true)]
    Record(RecordArgs),
}

/// Flags of `read`.
#[derive(Args, Debug, Default)]
pub(crate) struct ReadArgs {
    /// Capture to read; - is standard input, printed as it arrives.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<OsString>,
    /// Which events; several words are joined by blanks.
    #[arg(value_name = "FILTER", allow_negative_numbers = true)]
    pub(crate) filter: Vec<OsString>,
    /// Capture to read, for those used to it: sysreel -r FILE [FILTER].
    #[arg(short = 'r', long = "read", value_name = "FILE")]
    pub(crate) read: Option<OsString>,
    /// Print each event in this format; c or container adds the container to the usual line.
    #[arg(short = 'p', long = "print", value_name = "FORMAT", allow_hyphen_values = true)]
    pub(crate) format: Option<String>,
    /// Print each event as a JSON object, one per line.
    #[arg(short = 'j', long = "json")]
    pub(crate) json: bool,
    /// Print only how many events match.
    #[arg(long, conflicts_with_all = ["json", "format", "write"])]
    pub(crate) count: bool,
    /// Stop after this many matching events.
    #[arg(short = 'n', long = "numevents", value_name = "N")]
    pub(crate) events_max: Option<u64>,
    /// Only the first seconds of the capture.
    #[arg(short = 'M', value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Option<f64>,
    /// Time column: h time of day, a since 1970, r since the start, d duration of the call, D since the line before.
    #[arg(short = 't', long = "timetype", value_name = "h|a|r|d|D", hide_possible_values = true)]
    pub(crate) time: Option<TimeStyle>,
    /// Print no events.
    #[arg(short = 'q', long = "quiet")]
    pub(crate) quiet: bool,
    /// Do not cut long buffers; tell on stderr how much was read.
    #[arg(short = 'v', long = "verbose")]
    pub(crate) verbose: bool,
    /// Bytes shown (or written) of each buffer, as far as they were recorded.
    #[arg(short = 's', long = "snaplen", value_name = "N")]
    pub(crate) snap_bytes: Option<u32>,
    /// At the end, count the matching events by type.
    #[arg(short = 'S', long = "summary")]
    pub(crate) summary: bool,
    /// Buffers: only readable text.
    #[arg(short = 'A', long = "print-ascii", group = "buffers")]
    pub(crate) ascii: bool,
    /// Buffers: hexadecimal.
    #[arg(short = 'x', long = "print-hex", group = "buffers")]
    pub(crate) hex: bool,
    /// Buffers: hexadecimal and text.
    #[arg(short = 'X', long = "print-hex-ascii", group = "buffers")]
    pub(crate) hex_ascii: bool,
    /// Buffers: base64.
    #[arg(short = 'b', long = "print-base64", group = "buffers")]
    pub(crate) base64: bool,
    /// Write the matching events to a new capture instead of printing them; - is standard output.
    #[arg(short = 'w', long = "write", value_name = "OUT")]
    pub(crate) write: Option<PathBuf>,
    /// With -w: begin a new file after this many million bytes.
    #[arg(short = 'C', long = "file-size", value_name = "MB", requires = "write")]
    pub(crate) rotate_megabytes: Option<u64>,
    /// With -w: begin a new file after this many seconds.
    #[arg(short = 'G', long = "seconds", value_name = "SECONDS", requires = "write")]
    pub(crate) rotate_seconds: Option<u64>,
    /// With -w: keep at most this many files.
    #[arg(short = 'W', long = "limit", value_name = "COUNT", requires = "write")]
    pub(crate) files_max: Option<u32>,
    /// With -w: begin a new file after this many events.
    #[arg(short = 'e', value_name = "COUNT", requires = "write")]
    pub(crate) rotate_events: Option<u64>,
    /// Write each line on its own, for programs that read a pipe line by line.
    #[arg(long)]
    pub(crate) unbuffered: bool,
    /// Threads that scan; as many as there are CPUs, up to 16, when not given.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// Styles of the time column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeStyle {
    #[value(name = "h")]
    TimeOfDay,
    #[value(name = "a")]
    Epoch,
    #[value(name = "r")]
    SinceStart,
    #[value(name = "d")]
    Duration,
    #[value(name = "D")]
    SincePrevious,
}

/// Flags of `info`.
#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// Capture to look at; - is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: OsString,
    /// One JSON object.
    #[arg(short = 'j', long = "json")]
    pub(crate) json: bool,
    /// All event types, processes and columns, not only the largest.
    #[arg(short = 'v', long = "verbose")]
    pub(crate) verbose: bool,
}

/// Flags of `verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Capture to check; - is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: OsString,
    /// Say nothing, only set the exit status.
    #[arg(short = 'q', long = "quiet")]
    pub(crate) quiet: bool,
    /// Name every segment.
    #[arg(short = 'v', long = "verbose")]
    pub(crate) verbose: bool,
}

/// Flags of `fields`.
#[derive(Args, Debug)]
pub(crate) struct FieldsArgs {
    /// One JSON object per line.
    #[arg(short = 'j', long = "json")]
    pub(crate) json: bool,
    /// Only fields whose name contains this.
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
}

/// Flags of `events`.
#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    /// One JSON object per line.
    #[arg(short = 'j', long = "json")]
    pub(crate) json: bool,
    /// Only event types whose name contains this.
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
}

/// What is handed over to the agent.
#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// Passed on as it is.
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true, action = ArgAction::Append)]
    pub(crate) arguments: Vec<OsString>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        // The bound keeps the sum with a clock inside 64 bits of nanoseconds.
        Ok(seconds) if (0.0..=4e9).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds was expected".to_owned()),
    }
}

/// Turns the spelling of sysdig, flags without a command, into a command with flags.
pub(crate) fn spelled_out(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let command = match arguments.get(1).and_then(|first| first.to_str()) {
        Some("-h" | "--help" | "-V" | "--version" | "--") => return arguments,
        Some("-l" | "--list") => {
            arguments.remove(1);
            "fields"
        }
        Some("-L" | "--list-events") => {
            arguments.remove(1);
            "events"
        }
        Some(flag) if flag.starts_with('-') => "read",
        _ => return arguments,
    };
    arguments.insert(1, OsStr::new(command).to_owned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use clap::CommandFactory;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn read(line: &str) -> Result<ReadArgs, String> {
        match CommandLine::try_parse_from(spelled_out(words(line))) {
            Ok(CommandLine { command: Command::Read(read) }) => Ok(*read),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn sysdig_spelling_is_spelled_out() {
        let check = |typed: &str, meant: &str| assert_eq!(spelled_out(words(typed)), words(meant), "{typed}");
        check("sysreel -r a.reel", "sysreel read -r a.reel");
        check("sysreel -n 5 -r a.reel evt.type=open", "sysreel read -n 5 -r a.reel evt.type=open");
        check("sysreel -l", "sysreel fields");
        check("sysreel --list-events", "sysreel events");
        check("sysreel --version", "sysreel --version");
        check("sysreel info a.reel", "sysreel info a.reel");
        check("sysreel", "sysreel");
    }

    #[test]
    fn flags_may_stand_anywhere() {
        let args = read("sysreel read a.reel evt.type = open -p %evt.num -n 3").expect("valid");
        assert_eq!(args.file.as_deref(), Some(OsStr::new("a.reel")));
        assert_eq!(args.filter, words("evt.type = open"));
        assert_eq!((args.format.as_deref(), args.events_max), (Some("%evt.num"), Some(3)));

        let args = read("sysreel -pc -tD -r a.reel evt.rawres < -1").expect("valid");
        assert_eq!((args.format.as_deref(), args.time), (Some("c"), Some(TimeStyle::SincePrevious)));
        assert_eq!(args.read.as_deref(), Some(OsStr::new("a.reel")));
        assert_eq!(args.file.as_deref(), Some(OsStr::new("evt.rawres")));
        assert_eq!(args.filter, words("< -1"));
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "sysreel read a.reel -A -x",
            "sysreel read a.reel -b -X",
            "sysreel read a.reel --count -j",
            "sysreel read a.reel -C 5",
            "sysreel read a.reel -t z",
            "sysreel read a.reel -n many",
            "sysreel read a.reel -M -5",
            "sysreel read a.reel -M inf",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_agent_gets_its_flags_untouched() {
        let typed = words("sysreel record -w out.reel --help -- curl -s http://127.0.0.1/");
        let Ok(CommandLine { command: Command::Record(record) }) = CommandLine::try_parse_from(typed) else {
            panic!("not understood");
        };
        assert_eq!(record.arguments, words("-w out.reel --help -- curl -s http://127.0.0.1/"));
    }

    #[test]
    fn the_manual_names_every_exit_code() {
        for exit in Exit::ALL {
            for page in [manual::TOP, manual::READ, manual::INFO, manual::VERIFY] {
                assert!(page.contains(&format!("{}  ", exit.code())), "{exit:?} is missing in\n{page}");
            }
        }
    }
}
