//! The programs that go into a virtual machine, which has no libraries: linked statically.

use super::Architecture;
use crate::build::kernel_programs;
use crate::programs::{cargo, execute, find, output, program, step, target_dir};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Program and its package.
const PROGRAMS: [(&str, &str); 4] =
    [("sysreel-agent", "sysreel-agent"), ("sysreel", "sysreel"), ("guest", "tests"), ("known", "tests")];

/// How to link statically.
struct Target {
    triple: String,
    /// Flags for the compiler.
    flags: &'static str,
    /// For cargo's environment: what compiles and links the parts that are C.
    environment: Vec<(String, String)>,
}

/// Builds the programs; returns the names with the files.
pub(super) fn build(architecture: Architecture) -> Result<Vec<(&'static str, PathBuf)>> {
    kernel_programs()?;
    let target = target(architecture)?;
    step(&format!("Building the programs statically for {}", target.triple));
    let mut build = cargo();
    // Without what only a debugger wants: all of it would have to be loaded into the machine's memory.
    build.env("CARGO_PROFILE_RELEASE_STRIP", "symbols").env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    build.envs(target.environment).args(["build", "--release", "--target", &target.triple]);
    if !target.flags.is_empty() {
        build.env("RUSTFLAGS", target.flags);
    }
    for (name, package) in PROGRAMS {
        build.args(["-p", package, "--bin", name]);
    }
    execute(&mut build)?;
    let folder = target_dir().join(&target.triple).join("release");
    Ok(PROGRAMS.into_iter().map(|(name, _)| (name, folder.join(name))).collect())
}

/// Builds `known` as a program of 32 bits for the same machine; nothing, said loudly, where that cannot be done.
pub(super) fn build_narrow(architecture: Architecture) -> Result<Option<PathBuf>> {
    let (triple, linker, flags) = match architecture {
        // The linker that comes with the compiler, as the standard library has the C library in it.
        Architecture::Amd64 => ("i686-unknown-linux-musl", "rust-lld", ""),
        Architecture::Arm64 => {
            ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc", "-C target-feature=+crt-static")
        }
    };
    step(&format!("Building a program of 32 bits for {triple}"));
    if !ensure_target(triple)? {
        eprintln!("Rust's standard library for {triple} cannot be had: programs of 32 bits are not recorded");
        return Ok(None);
    }
    if linker != "rust-lld" && find(linker).is_none() {
        eprintln!("{linker} is missing: programs of 32 bits are not recorded");
        return Ok(None);
    }
    let mut build = cargo();
    build.env("CARGO_PROFILE_RELEASE_STRIP", "symbols").env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    build.env(format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_")), linker);
    if !flags.is_empty() {
        build.env("RUSTFLAGS", flags);
    }
    execute(build.args(["build", "--release", "--target", triple, "-p", "tests", "--bin", "known"]))?;
    Ok(Some(target_dir().join(triple).join("release/known")))
}

/// musl, which is made for this; on x86-64 otherwise the machine's own C library.
fn target(architecture: Architecture) -> Result<Target> {
    let musl = format!("{}-unknown-linux-musl", architecture.cpu());
    let has_musl = ensure_target(&musl)?;
    let variable = |name: &str| format!("{name}_{}", musl.replace('-', "_"));
    match architecture {
        Architecture::Amd64 if has_musl => Ok(Target {
            triple: musl.clone(),
            flags: "",
            environment: match find("musl-gcc") {
                Some(_) => Vec::new(),
                // The headers of the machine's C library do: nothing of what is used differs.
                None => vec![
                    (variable("CC"), "cc".to_owned()),
                    (variable("CFLAGS"), "-U_FORTIFY_SOURCE".to_owned()),
                ],
            },
        }),
        Architecture::Amd64 => {
            eprintln!("Rust's standard library for {musl} cannot be had; linking statically with glibc");
            Ok(Target {
                triple: "x86_64-unknown-linux-gnu".to_owned(),
                flags: "-C target-feature=+crt-static",
                environment: Vec::new(),
            })
        }
        Architecture::Arm64 if !has_musl => {
            bail!("Rust's standard library for {musl} cannot be had (`rustup target add {musl}`)")
        }
        Architecture::Arm64 => {
            let compiler = "aarch64-linux-gnu-gcc";
            find(compiler).with_context(|| format!("{compiler} is missing"))?;
            Ok(Target {
                flags: "",
                environment: vec![
                    (variable("CC"), compiler.to_owned()),
                    // The other way calls functions of a library that is not linked.
                    (variable("CFLAGS"), "-U_FORTIFY_SOURCE -mno-outline-atomics".to_owned()),
                    (
                        format!("CARGO_TARGET_{}_LINKER", musl.to_uppercase().replace('-', "_")),
                        "rust-lld".to_owned(),
                    ),
                ],
                triple: musl,
            })
        }
    }
}

/// Whether the pinned compiler has the standard library for a target, or could be given it.
fn ensure_target(triple: &str) -> Result<bool> {
    Ok(has_target(triple)?
        || (find("rustup").is_some()
            && execute(program("rustup").args(["target", "add", triple])).is_ok()
            && has_target(triple)?))
}

/// Whether the pinned compiler has the standard library for a target.
fn has_target(triple: &str) -> Result<bool> {
    let place = output(program("rustc").args(["--print", "target-libdir", "--target", triple]))?;
    let entries = fs::read_dir(Path::new(place.trim())).into_iter().flatten();
    Ok(entries.filter_map(Result::ok).any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}
