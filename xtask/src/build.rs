//! `cargo xtask build`: the kernel programs first, then the programs that carry them.
//!
//! The kernel half has another target, another profile and a `core` of its own, so it is a package outside
//! the workspace. Its object lands at a fixed place where the agent's build script expects them.

use crate::programs::{cargo, execute, find, program, root, step, target_dir};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel programs, which the agent carries.
const OBJECT: &str = "sysreel";
const EBPF_TARGET: &str = "bpfel-unknown-none";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Optimise the agent and the inspect tool; the kernel programs always are
    #[arg(long)]
    release: bool,
}

/// Builds everything; returns the folder that holds the programs.
pub(crate) fn build_all(release: bool) -> Result<PathBuf> {
    kernel_programs()?;
    host_programs(release)
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let programs = build_all(args.release)?;
    eprintln!("\nBuilt {0}/sysreel-agent and {0}/sysreel", programs.display());
    Ok(())
}

/// Builds the eBPF object.
pub(crate) fn kernel_programs() -> Result<()> {
    step("Building the kernel programs");
    let target_dir = target_dir().join("ebpf");
    execute(ebpf_cargo("build")?.arg("--release").arg("--target-dir").arg(&target_dir))?;
    let built = target_dir.join(EBPF_TARGET).join("release").join(OBJECT);
    place(&built, &root().join("target/bpf").join(format!("{OBJECT}.bpf.o")))
}

/// Builds `sysreel` and `sysreel-agent`; returns the folder that holds them.
pub(crate) fn host_programs(release: bool) -> Result<PathBuf> {
    step("Building sysreel-agent and sysreel");
    let mut build = cargo();
    build.args(["build", "--bins", "-p", "sysreel-agent", "-p", "sysreel"]);
    if release {
        build.arg("--release");
    }
    execute(&mut build)?;
    Ok(target_dir().join(if release { "release" } else { "debug" }))
}

/// Cargo for the kernel half: the pinned stable compiler builds `core` for a target that has no prebuilt one,
/// which is still gated, hence RUSTC_BOOTSTRAP.
pub(crate) fn ebpf_cargo(verb: &str) -> Result<Command> {
    let linker = find("bpf-linker").context("bpf-linker is missing: run `cargo xtask setup`")?;
    let mut command = program("cargo");
    command
        .current_dir(root().join("agent-ebpf"))
        .env("RUSTC_BOOTSTRAP", "1")
        // Type information for the verifier and for `info`'s map names comes from debug information.
        .env("RUSTFLAGS", "-C debuginfo=2 -C link-arg=--btf")
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", linker)
        .env_remove("CARGO_TARGET_DIR")
        .args([verb, "-Z", "build-std=core", "--target", EBPF_TARGET]);
    Ok(command)
}

/// Copies a file unless its content is there already: a new time stamp would rebuild the agent.
fn place(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().expect("an object has a folder"))
        .and_then(|()| fs::write(to, content))
        .with_context(|| format!("writing {}", to.display()))
}
