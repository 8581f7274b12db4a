//! `cargo xtask bench`: what recording costs and what reading yields, as ratios measured in one run.
//!
//! Compared situations take turns (A B A B ...) and the median of their rounds counts, so a machine that is busy
//! for a while disturbs both sides. The peer's figures stand beside ours as constants: they were measured with
//! sysdig on a machine like the one the project is developed on, not here and not now. The programs that are
//! watched are in `tests/src/bin`. One file per benchmark; `recorder` runs the agent for all of them.

mod agent_cost;
mod overhead;
mod recorder;
mod scan;
mod size;
mod storm;
mod table;

use anyhow::Result;
use clap::ValueEnum;
use std::path::{Path, PathBuf};

use crate::programs::{cargo, execute, step};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure
    name: Name,
    /// How often each situation takes its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure what is built already
    #[arg(long)]
    no_build: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Name {
    /// Nanoseconds added to each system call
    Overhead,
    /// Events per second and losses under dd bs=1
    Storm,
    /// The agent's own CPU time, memory and start
    AgentCost,
    /// Bytes per event
    Size,
    /// Events read back per second
    Scan,
    /// Everything
    All,
}

/// Where programs are and where captures may be written.
struct Bench {
    programs: PathBuf,
    scratch: PathBuf,
    rounds: usize,
}

impl Bench {
    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let programs = if args.no_build {
        crate::programs::target_dir().join("release")
    } else {
        let programs = crate::build::build_all(true)?;
        step("Building the programs that are watched");
        execute(cargo().args(["build", "--release", "--bins", "-p", "tests"]))?;
        programs
    };
    let scratch = std::env::temp_dir().join(format!("sysreel-bench-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let bench = Bench { programs, scratch, rounds: args.rounds.max(1) };
    let measured = measure(args.name, &bench);
    remove(&bench.scratch);
    measured
}

fn measure(name: Name, bench: &Bench) -> Result<()> {
    type Benchmark = fn(&Bench) -> Result<()>;
    let all: [(Name, &str, Benchmark); 5] = [
        (Name::Overhead, "Overhead: nanoseconds added per call", overhead::run),
        (Name::Storm, "Storm: dd bs=1 count=1000000", storm::run),
        (Name::AgentCost, "Agent: CPU, memory, start", agent_cost::run),
        (Name::Size, "Size: bytes per event", size::run),
        (Name::Scan, "Scan: events read per second", scan::run),
    ];
    for (known, title, benchmark) in all {
        if name == known || name == Name::All {
            step(title);
            benchmark(bench)?;
        }
    }
    Ok(())
}

/// Captures of benchmarks are large; a failure to remove them is worth a word.
fn remove(scratch: &Path) {
    if let Err(error) = std::fs::remove_dir_all(scratch) {
        eprintln!("{} stays behind: {error}", scratch.display());
    }
}
