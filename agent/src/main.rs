//! The capture program: loads the probes, drains the rings, writes captures. Start at [`record`].

mod cli;
mod clock;
mod doctor;
mod host;
mod probes;
mod record;
mod rings;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let done = match cli::Cli::parse().command {
        cli::Command::Record(args) => record::Plan::new(*args).and_then(record::run),
        cli::Command::Doctor => doctor::run(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sysreel-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
