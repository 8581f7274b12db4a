//! The capture program: loads the probes, drains the rings, writes captures. Start at [`record`].

mod cli;
mod clock;
mod host;
mod probes;
mod record;
mod rings;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli::Command::Record(args) = cli::Cli::parse().command;
    match record::Plan::new(args).and_then(record::run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sysreel-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
