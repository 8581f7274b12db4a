//! The sources of `core`, which the kernel programs compile for a target without a prebuilt one.
//!
//! rustup brings them as the component rust-src. Where rustup cannot download, Debian's package of the same
//! version holds the same files; it is fetched through apt, from the mirror apt is configured with.

use super::say;
use crate::debian::{Mirrors, newest_package};
use crate::programs::{execute, find, output, program, root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The suite whose rust-src has the pinned compiler's version.
const DEBIAN_SUITE: &str = "trixie-backports";

pub(super) fn ensure() -> Result<()> {
    let sysroot = PathBuf::from(output(program("rustc").args(["--print", "sysroot"]))?.trim());
    let sources = sysroot.join("lib/rustlib/src/rust");
    if has_core(&sources) {
        say("rust-src", "there");
        return Ok(());
    }
    let by_rustup =
        find("rustup").is_some() && execute(program("rustup").args(["component", "add", "rust-src"])).is_ok();
    if by_rustup && has_core(&sources) {
        say("rust-src", "installed with rustup");
        return Ok(());
    }
    say("rust-src", "rustup cannot provide it; trying Debian's package of the same version");
    from_debian(&sources).with_context(|| {
        format!(
            "no rust-src from Debian either; put the library sources of this compiler at {}",
            sources.display()
        )
    })?;
    say("rust-src", "installed from Debian's package");
    Ok(())
}

fn has_core(sources: &Path) -> bool {
    sources.join("library/core/src/lib.rs").is_file() && sources.join("library/Cargo.lock").is_file()
}

fn from_debian(sources: &Path) -> Result<()> {
    let version = rustc_version()?;
    let work = root().join("target/rust-src");
    fs::create_dir_all(work.join("lists/partial")).context("making a working folder")?;
    let list = work.join("sources.list");
    fs::write(&list, format!("deb {} {DEBIAN_SUITE} main\n", Mirrors::read()?.main))
        .context("writing a source list")?;
    // A source list and package lists of its own: the machine's configuration of apt stays as it is.
    let options = [
        format!("Dir::Etc::SourceList={}", list.display()),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        format!("Dir::State::Lists={}", work.join("lists").display()),
        "Acquire::Languages=none".to_owned(),
        // apt's own user may not be able to reach the workspace.
        "APT::Sandbox::User=root".to_owned(),
    ];
    let apt_get = || {
        let mut command = program("apt-get");
        command.current_dir(&work);
        command.args(options.iter().flat_map(|option| ["-o", option]));
        command
    };
    execute(apt_get().args(["-q", "update"]))?;
    execute(apt_get().args(["-q", "download", &format!("rust-src={version}+*")]))?;
    let package = newest_package(&work)?;
    let unpacked = work.join("unpacked");
    execute(program("dpkg").arg("-x").arg(package).arg(&unpacked))?;
    let found = unpacked.join(format!("usr/src/rustc-{version}"));
    if !has_core(&found) {
        bail!("Debian's package has no library sources at {}", found.display());
    }
    // Copied, so that emptying `target` later does not break the toolchain.
    fs::create_dir_all(sources).with_context(|| format!("creating {}", sources.display()))?;
    execute(program("cp").arg("-r").arg(found.join("library")).arg(sources))?;
    fs::remove_dir_all(&work).context("removing the working folder")
}

fn rustc_version() -> Result<String> {
    let text = output(program("rustc").arg("--version"))?;
    Ok(text.split(' ').nth(1).context("rustc's version has another form than known")?.to_owned())
}
