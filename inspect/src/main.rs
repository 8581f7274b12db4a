//! `sysreel`: reads, filters and explains captures. Parses the command line (`cli`), plans (`plan`) and runs.

mod cli;
mod clock;
mod copy;
mod escape;
mod exit;
mod info;
mod input;
mod interrupt;
mod list;
mod output;
mod plan;
mod read;
mod record;
mod scan;
mod talk;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Command, CommandLine};
use exit::Exit;

fn main() -> ExitCode {
    let typed = cli::spelled_out(std::env::args_os().collect());
    let command_line = match CommandLine::try_parse_from(typed) {
        Ok(command_line) => command_line,
        Err(message) => {
            // A manual nobody wants to read to its end is no failure.
            let _ = message.print();
            if let Some(hint) = cli::hint(&message) {
                talk::say(format_args!("{hint}"));
            }
            return if message.use_stderr() { Exit::Failed } else { Exit::Done }.into();
        }
    };
    match run(command_line.command) {
        Ok(exit) => exit,
        Err(error) if error.is::<output::Closed>() => Exit::Done,
        Err(error) => {
            talk::say(format_args!("{error:#}"));
            Exit::Failed
        }
    }
    .into()
}

fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Read(args) => read::run(plan::ReadPlan::new(*args)?),
        Command::Info(args) => info::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Fields(args) => list::fields(&args),
        Command::Events(args) => list::events(&args),
        Command::Record(args) => record::run(&args),
    }
}
