//! bpf-linker, in the newest version that uses the LLVM inside the pinned compiler; newer ones want a system LLVM.

use super::say;
use crate::programs::{execute, find, output, program};
use anyhow::{Result, bail};

const VERSION: &str = "0.10.0";

pub(super) fn ensure() -> Result<()> {
    match installed_version() {
        Some(version) if version == VERSION => say("bpf-linker", &format!("{VERSION} is there")),
        other => {
            let found = other.map_or("missing".to_owned(), |version| format!("{version} is there"));
            say("bpf-linker", &format!("{found}; installing {VERSION}, which takes 2 to 4 minutes"));
            let install = ["install", "bpf-linker", "--version", VERSION, "--locked", "--force"];
            execute(program("cargo").args(install).env_remove("CARGO_TARGET_DIR"))?;
            if installed_version().as_deref() != Some(VERSION) {
                bail!(
                    "another bpf-linker than the one just installed comes first on the path: {:?}",
                    find("bpf-linker")
                );
            }
            say("bpf-linker", &format!("{VERSION} installed"));
        }
    }
    Ok(())
}

fn installed_version() -> Option<String> {
    let text = output(program(find("bpf-linker")?).arg("--version")).ok()?;
    Some(text.trim().rsplit(' ').next()?.to_owned())
}
