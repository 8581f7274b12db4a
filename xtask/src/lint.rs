//! `cargo xtask lint`: formatting, generated files, and lints of all three builds: the workspace, the kernel half, the fuzz targets.
//!
//! The lints themselves stand in the manifests; here every warning is an error.

use crate::build::ebpf_cargo;
use crate::codegen;
use crate::programs::{cargo, execute, step, target_dir};
use anyhow::Result;

/// Packages outside the workspace.
const OUTSIDE: [&str; 2] = ["agent-ebpf/Cargo.toml", "fuzz/Cargo.toml"];

pub(crate) fn run() -> Result<()> {
    step("Checking the format of the sources");
    execute(cargo().args(["fmt", "--all", "--check"]))?;
    for manifest in OUTSIDE {
        execute(cargo().args(["fmt", "--check", "--manifest-path", manifest]))?;
    }
    step("Comparing generated files with their tables");
    codegen::run(&codegen::Args { check: true })?;
    step("Linting the workspace");
    execute(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("Linting the kernel programs");
    let mut ebpf = ebpf_cargo("clippy")?;
    execute(ebpf.arg("--target-dir").arg(target_dir().join("ebpf")).args([
        "--release",
        "--",
        "-D",
        "warnings",
    ]))?;
    step("Linting the fuzz targets");
    let mut fuzz = cargo();
    fuzz.args(["clippy", "--manifest-path", "fuzz/Cargo.toml", "--target-dir"])
        .arg(target_dir().join("fuzz"));
    execute(fuzz.args(["--", "-D", "warnings"]))
}
