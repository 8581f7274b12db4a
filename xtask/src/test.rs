//! `cargo xtask test`: every test there is: first those anyone can run, then the live ones.
//!
//! Live tests record this machine with the real kernel programs and compare with other witnesses, so they need
//! root, and run one at a time because each sees the whole machine. What is handed to them stands in
//! `tests/src/host.rs`. The test runner's own summary comes last, unless a test was skipped.

use crate::build::build_all;
use crate::programs::{cargo, execute, root, step};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fail when a live test had to be skipped
    #[arg(long)]
    no_skips: bool,
    /// Run only live tests whose name contains this
    name: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    // Optimised: an agent that is slow loses events, which the tests would notice.
    let programs = build_all(true)?;
    let unprivileged = match args.name {
        Some(_) => Ok(()),
        None => {
            step("Running the tests that need no privileges");
            execute(cargo().args(["test", "--no-fail-fast"]))
        }
    };
    step("Running the live tests");
    let skips = root().join("target/skips.txt");
    forget(&skips)?;
    let mut live = cargo();
    live.env("SYSREEL_BIN_DIR", programs).env("SYSREEL_SKIPS", &skips);
    live.args(["test", "--no-fail-fast", "-p", "tests", "--"]).args(&args.name).arg("--test-threads=1");
    let outcome = execute(&mut live);
    report(&skips, args.no_skips)?;
    unprivileged.and(outcome)
}

/// Shows which tests were skipped and why.
fn report(skips: &Path, is_failure: bool) -> Result<()> {
    let lines = fs::read_to_string(skips).unwrap_or_default();
    if lines.is_empty() {
        return Ok(());
    }
    step(&format!("{} live tests were skipped", lines.lines().count()));
    eprint!("{lines}");
    if is_failure { bail!("tests were skipped") } else { Ok(()) }
}

fn forget(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", file.display()))
        }
        _ => Ok(()),
    }
}
