//! rustfmt and clippy, which a minimal toolchain lacks. Only linting needs them, so their absence is not fatal.

use super::say;
use crate::programs::{execute, find, output, program};
use anyhow::Result;

pub(super) fn ensure_components() -> Result<()> {
    for (component, probe) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if output(program("cargo").args([probe, "--version"])).is_ok() {
            say(component, "there");
        } else if find("rustup").is_none()
            || execute(program("rustup").args(["component", "add", component])).is_err()
        {
            say(component, "not available; `cargo xtask lint` will not work");
        } else {
            say(component, "installed with rustup");
        }
    }
    Ok(())
}
