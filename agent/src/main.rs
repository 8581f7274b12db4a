//! The capture program: loads the probes, drains the rings, writes captures. Start at [`record`].

mod cli;
mod clock;
mod doctor;
mod host;
mod probes;
mod record;
mod rings;
mod surroundings;

use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

fn main() -> ExitCode {
    let typed = match cli::Cli::try_parse() {
        Ok(typed) => typed,
        Err(message) => {
            // A manual nobody wants to read to its end is no failure.
            let _ = message.print();
            if message.kind() == ErrorKind::UnknownArgument
                && let Some(ContextValue::String(word)) = message.get(ContextKind::InvalidArg)
                && !word.starts_with('-')
            {
                eprintln!("The command to record goes behind `--`: sysreel-agent record ... -- {word}");
            }
            return if message.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let done = match typed.command {
        cli::Command::Record(args) => record::Plan::new(*args).and_then(record::run),
        cli::Command::Doctor { proc_root } => doctor::run(&proc_root),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sysreel-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
