//! `cargo xtask setup`: makes a fresh machine able to build, record and test.
//!
//! Idempotent: each step looks first, says what it found, and changes only what is missing. Start at [`run`].

mod linker;
pub(crate) mod packages;
mod rust_src;
mod toolchain;
mod tracefs;

use crate::programs::step;
use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    step("Setting up");
    toolchain::ensure_components()?;
    rust_src::ensure()?;
    linker::ensure()?;
    tracefs::ensure();
    packages::ensure();
    Ok(())
}

/// Reports what one step found or did.
pub(crate) fn say(what: &str, state: &str) {
    eprintln!("  {what}: {state}");
}
