//! `cargo xtask kernels`: does recording work on other kernels than this machine's?
//!
//! Fetches Debian's kernels, and starts each in a virtual machine of two CPUs with nothing but our programs and an
//! initramfs. There `tests/src/bin/guest.rs` records a program whose calls are known, on each CPU, and compares what is in
//! the captures. It needs neither root nor a host that can virtualise, but for installing missing tools. Everything is
//! kept under `target/kernels`, also what each machine said.

mod catalogue;
mod console;
mod emulator;
mod image;
mod initramfs;
mod static_build;

use crate::programs::{step, target_dir};
use anyhow::{Context, Result, bail};
use catalogue::{Catalogue, Kernel};
use clap::ValueEnum;
use console::Outcome;
use emulator::Emulator;
use initramfs::Initramfs;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What a change has to work on: the oldest that is supported, what long-lived releases have, the newest.
const DEFAULT: [&str; 6] = ["5.10", "6.1", "6.12", "6.18", "7.1", "7.3"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Series (6.1), releases (6.1.192), Debian's versions (6.1.192-2) or files of kernels; without any, the newest of
    /// each of a few series
    kernels: Vec<String>,
    /// The oldest and the newest kernel of every series that apt can fetch
    #[arg(long, conflicts_with = "kernels")]
    all: bool,
    /// Print the kernels that apt can fetch, and do nothing
    #[arg(long)]
    list: bool,
    /// Kernels of this architecture
    #[arg(long, value_enum, default_value_t = Architecture::Amd64)]
    arch: Architecture,
}

/// What the emulated machine is, in the words of those who have to know.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    fn debian(self) -> &'static str {
        match self {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        }
    }

    fn cpu(self) -> &'static str {
        match self {
            Architecture::Amd64 => "x86_64",
            Architecture::Arm64 => "aarch64",
        }
    }

    fn emulator(self) -> &'static str {
        match self {
            Architecture::Amd64 => "qemu-system-x86_64",
            Architecture::Arm64 => "qemu-system-aarch64",
        }
    }

    fn emulator_package(self) -> &'static str {
        match self {
            Architecture::Amd64 => "qemu-system-x86",
            Architecture::Arm64 => "qemu-system-arm",
        }
    }

    fn machine(self) -> [&'static str; 4] {
        match self {
            // Having been suspended, a q35 can neither be suspended again nor switch itself off.
            Architecture::Amd64 => ["-machine", "pc", "-cpu", "max"],
            // Signing pointers as the real thing does takes an emulator far too long.
            Architecture::Arm64 => ["-machine", "virt", "-cpu", "max,pauth-impdef=on"],
        }
    }

    /// For the kernel.
    fn parameters(self) -> &'static str {
        match self {
            // It would take a timer for broken that is late because the host is busy, and stop.
            Architecture::Amd64 => "console=ttyS0 no_timer_check",
            Architecture::Arm64 => "console=ttyAMA0",
        }
    }
}

/// Something to start.
enum Choice {
    /// The last of these that can be had.
    Debian(Vec<Kernel>),
    File(PathBuf),
}

impl Choice {
    fn name(&self) -> String {
        match self {
            Choice::Debian(kernels) => {
                kernels.last().map(|kernel| kernel.version.clone()).unwrap_or_default()
            }
            Choice::File(file) => file.display().to_string(),
        }
    }
}

/// What a machine is started with.
struct Machine {
    name: String,
    kernel: PathBuf,
    /// [`MODULE`], where it could be had.
    module: Option<Vec<u8>>,
}

/// A module without dependencies, and where `tests/src/known.rs` has it.
const MODULE: (&str, &str) = ("dummy", "lib/dummy.ko");

/// A line of the table.
struct Row {
    name: String,
    result: Result<Outcome>,
    seconds: f64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let cache = target_dir().join("kernels");
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    let _lock = lock(&cache)?;
    step("Looking for kernels");
    let mut catalogue = Catalogue::read(args.arch, &cache)?;
    if args.list {
        list(&catalogue);
        return Ok(());
    }
    let choices = choose(args, &catalogue)?;
    eprintln!(
        "{} to start: {}",
        choices.len(),
        choices.iter().map(Choice::name).collect::<Vec<_>>().join(", ")
    );
    let emulator = Emulator::ensure(args.arch, &cache)?;
    let initramfs = pack(args.arch)?;

    let consoles = cache.join("consoles").join(args.arch.debian());
    fs::create_dir_all(&consoles).with_context(|| format!("creating {}", consoles.display()))?;
    step("Recording on each kernel");
    let mut rows = Vec::new();
    for choice in &choices {
        let machine = fetch(&mut catalogue, choice);
        let begin = Instant::now();
        let name = machine.as_ref().map_or_else(|_| choice.name(), |machine| machine.name.clone());
        if rows.iter().any(|row: &Row| row.name == name) {
            // It stood in for one that could not be had.
            continue;
        }
        let console = consoles.join(name.replace('/', "_"));
        let result = machine.and_then(|machine| start(&emulator, &machine, &initramfs, &cache, &console));
        let row = Row { name, result, seconds: begin.elapsed().as_secs_f64() };
        tell(&row, &console);
        rows.push(row);
    }
    print!("{}", table(&rows));
    let failed = rows.iter().filter(|row| !row.has_passed()).count();
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} of {} kernels failed", rows.len()),
    }
}

/// Has the folder for this run alone, until what is returned is dropped.
fn lock(cache: &Path) -> Result<File> {
    let path = cache.join("lock");
    let lock = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    if lock.try_lock().is_err() {
        eprintln!("Waiting for another run to end");
        lock.lock().with_context(|| format!("waiting for {}", path.display()))?;
    }
    Ok(lock)
}

fn list(catalogue: &Catalogue) {
    for kernel in catalogue.kernels() {
        let state = if catalogue.file(kernel).exists() { "there" } else { "to fetch" };
        println!(
            "{:<6} {:<24} {:>3} MB  {state}",
            kernel.series(),
            kernel.version,
            kernel.bytes() / 1_000_000
        );
    }
}

fn choose(args: &Args, catalogue: &Catalogue) -> Result<Vec<Choice>> {
    let find = |name: &str| catalogue.find(name).map(Choice::Debian);
    if args.all {
        Ok(catalogue.ends().into_iter().map(Choice::Debian).collect())
    } else if args.kernels.is_empty() {
        DEFAULT.into_iter().map(find).collect()
    } else {
        let of = |name: &String| match Path::new(name) {
            file if file.is_file() => Ok(Choice::File(file.to_owned())),
            _ => find(name),
        };
        args.kernels.iter().map(of).collect()
    }
}

/// Has the files of a kernel.
fn fetch(catalogue: &mut Catalogue, choice: &Choice) -> Result<Machine> {
    let kernels = match choice {
        Choice::Debian(kernels) => kernels,
        Choice::File(file) => {
            let is_package = file.extension().is_some_and(|extension| extension == "deb");
            let module = if is_package { image::module_from_package(file, MODULE.0)? } else { None };
            return Ok(Machine { name: choice.name(), kernel: file.clone(), module });
        }
    };
    // Lists may promise what the mirror has not. Trying all of a series takes minutes: what is there goes first then.
    let mut candidates: Vec<&Kernel> = kernels.iter().rev().collect();
    if let Some(rest) = candidates.get_mut(1..) {
        rest.sort_by_key(|kernel| !catalogue.file(kernel).exists());
    }
    let mut failure = None;
    for kernel in candidates {
        match catalogue.fetch(kernel) {
            Ok(file) => {
                let module = catalogue.module(kernel, MODULE.0);
                if let Err(error) = &module {
                    eprintln!("{}: no module {}: {error:#}", kernel.version, MODULE.0);
                }
                return Ok(Machine { name: kernel.version.clone(), kernel: file, module: module.ok() });
            }
            Err(error) => {
                eprintln!("{error:#}");
                failure.get_or_insert(error);
            }
        }
    }
    Err(failure.context("there is no such kernel")?)
}

/// The initramfs: the programs, and the folders into which the first of them mounts things.
fn pack(architecture: Architecture) -> Result<Initramfs> {
    let mut programs = static_build::build(architecture)?;
    programs.extend(static_build::build_narrow(architecture)?.map(|file| ("known32", file)));
    let mut archive = Initramfs::new(&["bin", "dev", "lib", "proc", "sys", "tmp"]);
    for (name, file) in programs {
        let content = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let path = if name == "guest" { "init".to_owned() } else { format!("bin/{name}") };
        archive.program(&path, &content);
    }
    Ok(archive)
}

/// Starts a kernel and reads what came of it.
fn start(
    emulator: &Emulator,
    machine: &Machine,
    initramfs: &Initramfs,
    folder: &Path,
    console: &Path,
) -> Result<Outcome> {
    let file = &machine.kernel;
    let content = if file.extension().is_some_and(|extension| extension == "deb") {
        image::from_package(file)?
    } else {
        fs::read(file).with_context(|| format!("reading {}", file.display()))?
    };
    let mut initramfs = initramfs.clone();
    if let Some(module) = &machine.module {
        initramfs.file(MODULE.1, module);
    }
    let [kernel, archive] = ["kernel", "initramfs"].map(|name| folder.join(name));
    fs::write(&kernel, content).with_context(|| format!("writing {}", kernel.display()))?;
    fs::write(&archive, initramfs.finish()).with_context(|| format!("writing {}", archive.display()))?;
    let is_ended = emulator.run(&kernel, &archive, console)?;
    let said = fs::read(console).unwrap_or_default();
    let mut outcome = console::read(&String::from_utf8_lossy(&said));
    if outcome.failure.is_none() && !outcome.has_passed {
        outcome.failure = Some(match (is_ended, &outcome.release) {
            (false, _) => "did not end".to_owned(),
            (true, None) => "never came up".to_owned(),
            (true, Some(_)) => "ended without a word".to_owned(),
        });
    }
    Ok(outcome)
}

impl Row {
    fn has_passed(&self) -> bool {
        self.result.as_ref().is_ok_and(|outcome| outcome.has_passed)
    }
}

/// Says how a kernel fared, and everything the guest said when it failed.
fn tell(row: &Row, console: &Path) {
    match &row.result {
        Ok(outcome) if outcome.has_passed => {
            let without: Vec<String> =
                outcome.without.iter().map(|what| format!(", WITHOUT {what}")).collect();
            eprintln!("{}: passed in {:.1} s{}", row.name, row.seconds, without.concat());
        }
        Ok(outcome) => {
            eprintln!("{}: FAILED: {}", row.name, outcome.failure.as_deref().unwrap_or_default());
            let said = fs::read(console).unwrap_or_default();
            for line in String::from_utf8_lossy(&said).lines() {
                eprintln!("  | {}", line.trim_end().escape_debug());
            }
        }
        Err(error) => eprintln!("{}: FAILED: {error:#}", row.name),
    }
}

/// One line per kernel; for each program what the verifier walked over and the machine code it became.
fn table(rows: &[Row]) -> String {
    let programs: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.result.as_ref().ok())
        .map(|outcome| outcome.programs.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>())
        .max_by_key(Vec::len)
        .unwrap_or_default();
    let mut lines = vec![["kernel", "result", "seconds", "without"].map(str::to_owned).to_vec()];
    lines[0].extend(programs.iter().map(|name| (*name).to_owned()));
    for row in rows {
        let result = if row.has_passed() { "passed" } else { "FAILED" };
        let without =
            row.result.as_ref().map_or_else(|_| String::new(), |outcome| outcome.without.join(", "));
        let without = if without.is_empty() { "-".to_owned() } else { without };
        let mut line = vec![row.name.clone(), result.to_owned(), format!("{:.1}", row.seconds), without];
        line.extend(programs.iter().map(|program| {
            let known = row
                .result
                .as_ref()
                .ok()
                .and_then(|outcome| outcome.programs.iter().find(|(name, ..)| name == program));
            known.map_or("-".to_owned(), |(_, instructions, bytes)| {
                let instructions = if instructions == "unknown" { "?" } else { instructions };
                format!("{instructions}/{bytes}")
            })
        }));
        lines.push(line);
    }
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    if !programs.is_empty() {
        text.push_str("Programs: instructions verified (from 5.16 on)/bytes of machine code\n");
    }
    text
}
