//! `cargo xtask fuzz`: feeds each parser bytes that libFuzzer chooses by the code they reach.
//!
//! libFuzzer needs counters in every branch. They come from a pass inside the stable compiler, so neither a
//! nightly toolchain nor cargo-fuzz is needed; what is given up is the address sanitizer, which finds little in
//! code that is nearly all safe. Corpus and crashing inputs stay in `fuzz/` between runs.

use crate::programs::{cargo, execute, output, program, root, step, target_dir};
use anyhow::{Context, Result};
use std::fs;

/// The parsers of bytes that others made: files, DNS messages, filters, records of the kernel half.
const TARGETS: [&str; 4] = ["capture", "dns", "filter", "record"];

const INSTRUMENTATION: &str = "--cfg fuzzing -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which target to run: capture, dns, filter or record; all when none is named
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// How long to run each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let triple = host_triple()?;
    let target_dir = target_dir().join("fuzz");
    step("Building the fuzz targets");
    let mut build = cargo();
    build.env("RUSTFLAGS", INSTRUMENTATION).args([
        "build",
        "--release",
        "--manifest-path",
        "fuzz/Cargo.toml",
    ]);
    // Naming the target keeps the counters out of build scripts and procedural macros.
    execute(build.args(["--target", &triple, "--target-dir"]).arg(&target_dir))?;
    for name in TARGETS.iter().filter(|&name| args.target.as_ref().is_none_or(|only| only == name)) {
        step(&format!("Fuzzing {name} for {} s", args.seconds));
        let corpus = root().join("fuzz/corpus").join(name);
        let artifacts = root().join("fuzz/artifacts").join(name);
        for dir in [&corpus, &artifacts] {
            fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        }
        let mut fuzz = program(target_dir.join(&triple).join("release").join(name));
        fuzz.arg(&corpus);
        let seeds = root().join("fuzz/seeds").join(name);
        if seeds.is_dir() {
            fuzz.arg(seeds);
        }
        fuzz.arg(format!("-artifact_prefix={}/", artifacts.display()));
        fuzz.args([&format!("-max_total_time={}", args.seconds), "-timeout=10", "-rss_limit_mb=2048"]);
        execute(fuzz.args(["-verbosity=0", "-print_final_stats=1"]))
            .with_context(|| format!("the input that failed is in fuzz/artifacts/{name}"))?;
    }
    Ok(())
}

fn host_triple() -> Result<String> {
    let text = output(program("rustc").arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc names no host")?.to_owned())
}
