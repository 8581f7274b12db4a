//! `doctor`: whether this machine can be recorded, how, and what to do about what is missing.
//!
//! Does what a recording does first, with the default settings: looks at `/proc` and privileges, reads the kernel's
//! types, has the kernel verify the programs and attaches them. Then it takes them away again and tells what it found.
//! A line that begins with `ok` needs nothing, one with `--` says what a recording has to do without.

use std::fmt::{self, Write};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use capture_format::model::Host;
use query::Filter;
use sysreel_agent::selection::Selection;

use crate::probes::{self, ProbeOptions, Probes};
use crate::record::{may_record, missing_welcome, usual_ring_bytes};
use crate::surroundings;

/// What has been found, line by line.
#[derive(Default)]
struct Findings(String);

impl Findings {
    fn ok(&mut self, what: &str, found: fmt::Arguments<'_>) {
        // Writing to a String does not fail, here and below.
        let _ = writeln!(self.0, "ok  {what:<14}{found}");
    }

    fn lacks(&mut self, what: &str, found: fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "--  {what:<14}{found}");
    }
}

/// Looks, and prints; fails with what a recording would fail with.
pub(crate) fn run(proc_root: &Path) -> Result<ExitCode> {
    let mut findings = Findings::default();
    let examined = examine(&mut findings, proc_root);
    // What is known is printed, whatever came after.
    io::stdout().write_all(findings.0.as_bytes()).context("cannot print")?;
    examined.map(|()| ExitCode::SUCCESS)
}

fn examine(findings: &mut Findings, proc_root: &Path) -> Result<()> {
    let release =
        fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot tell which kernel runs")?;
    findings.ok("kernel", format_args!("Linux {}, {}", release.trim(), std::env::consts::ARCH));
    let own_pid = surroundings::own_pid(proc_root)?;
    describe_processes(findings, proc_root, own_pid);
    may_record()?;
    describe_privileges(findings)?;
    let probes = Probes::load(&ProbeOptions {
        own_pid,
        ring_bytes: usual_ring_bytes(probes::possible_cpus()?, None),
        snap_bytes: 80,
        latency: true,
        env: true,
        selection: Selection::default(),
        // Programs that know everything a filter may ask of them take the verifier longest.
        filter: Some(Filter::parse("").expect("a blank filter is one")),
        filter_may_change: true,
        host: Host::default(),
        // Nothing is ever named to be followed, so that the programs write nothing while they are there.
        follow: true,
    })?;
    describe_probes(findings, &probes);
    describe_programs(findings, &probes)?;
    let _ = writeln!(findings.0, "\nThis machine can be recorded.");
    Ok(())
}

fn describe_processes(findings: &mut Findings, proc_root: &Path, own_pid: u32) {
    let shown = proc_root.display();
    if surroundings::is_in_own_pid_namespace(own_pid) {
        findings.lacks(
            "processes",
            format_args!("this one has a pid namespace of its own: only the whole machine can be recorded"),
        );
    } else {
        findings.ok("processes", format_args!("those of the machine, in {shown}"));
    }
    let mounts = fs::read_to_string(proc_root.join("self/mounts")).unwrap_or_default();
    let of_type = |kind: &str| mounts.lines().filter(|line| line.split(' ').nth(2) == Some(kind)).count();
    match (of_type("cgroup"), of_type("cgroup2")) {
        (0, 0) => findings
            .ok("cgroups", format_args!("not mounted here; the kernel tells their paths all the same")),
        (0, _) => findings.ok("cgroups", format_args!("version 2")),
        (_, 0) => findings.ok("cgroups", format_args!("version 1")),
        _ => findings.ok("cgroups", format_args!("versions 1 and 2")),
    }
}

fn describe_privileges(findings: &mut Findings) -> Result<()> {
    let missing = missing_welcome().context("cannot tell which capabilities there are")?;
    for (capability, loss) in &missing {
        findings.lacks("privileges", format_args!("without {capability} {loss}"));
    }
    if missing.is_empty() {
        findings.ok("privileges", format_args!("all that recording uses"));
    }
    Ok(())
}

fn describe_probes(findings: &mut Findings, probes: &Probes) {
    let (cpus, ring_bytes) = (probes.cpus(), probes.ring_bytes());
    let usual = usual_ring_bytes(cpus, None);
    if ring_bytes < usual {
        findings.lacks(
            "rings",
            format_args!(
                "{ring_bytes} bytes for each of {cpus} CPUs, not {usual}: kernels before 5.15 hold no larger \
                 element in a map"
            ),
        );
    } else {
        findings.ok("rings", format_args!("{ring_bytes} bytes for each of {cpus} CPUs"));
    }
    if probes.is_without_task_types() {
        findings.lacks(
            "tasks",
            format_args!("read like any other memory, for want of helpers that came with 5.11 and 5.15"),
        );
    }
    for (tracepoint, what) in probes.absent() {
        findings.lacks("tracepoints", format_args!("there is no {tracepoint}: {what} not recorded"));
    }
    let absent: Vec<&str> = probes.absent_fields().collect();
    if !absent.is_empty() {
        findings.lacks("fields", format_args!("this kernel does not have {}", absent.join(", ")));
    }
}

fn describe_programs(findings: &mut Findings, probes: &Probes) -> Result<()> {
    let programs = probes.programs()?;
    findings.ok("programs", format_args!("{} loaded and attached", programs.len()));
    let _ = writeln!(
        findings.0,
        "\n{:<20} {:>21} {:>18}",
        "program", "verified instructions", "machine code bytes"
    );
    for program in programs {
        let number = |value: Option<u32>| value.map_or("unknown".to_owned(), |value| value.to_string());
        let (instructions, bytes) =
            (number(program.instructions_verified), number(program.machine_code_bytes));
        let _ = writeln!(findings.0, "{:<20} {instructions:>21} {bytes:>18}", program.name);
    }
    Ok(())
}
