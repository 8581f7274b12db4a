//! `doctor`: whether this machine can be recorded, and how.
//!
//! Does what a recording does first, with the default settings: looks at privileges, reads the kernel's types, has
//! the kernel verify the programs and attaches them. Then it takes them away again and tells what it found.

use std::fmt::Write;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result};
use sysreel_agent::selection::Selection;

use crate::probes::{self, ProbeOptions, Probes};
use crate::record::{may_record, usual_ring_bytes};

/// Looks, and prints; fails with what a recording would fail with.
pub(crate) fn run() -> Result<ExitCode> {
    let release =
        fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot tell which kernel runs")?;
    let mut text = format!("kernel: Linux {}, {}\n", release.trim(), std::env::consts::ARCH);
    let examined = may_record().and_then(|()| {
        let probes = Probes::load(&ProbeOptions {
            ring_bytes: usual_ring_bytes(probes::possible_cpus()?, None),
            snap_bytes: 0,
            latency: true,
            env: true,
            selection: Selection::default(),
            // Nothing is ever named to be followed, so that the programs write nothing while they are there.
            follow: true,
        })?;
        describe(&mut text, &probes)
    });
    // What is known is printed, whatever came after.
    io::stdout().write_all(text.as_bytes()).context("cannot print")?;
    examined.map(|()| ExitCode::SUCCESS)
}

fn describe(text: &mut String, probes: &Probes) -> Result<()> {
    let (cpus, ring_bytes) = (probes.cpus(), probes.ring_bytes());
    writeln!(text, "rings: {ring_bytes} bytes for each of {cpus} CPUs")?;
    let usual = usual_ring_bytes(cpus, None);
    if ring_bytes < usual {
        writeln!(
            text,
            "  smaller than the usual {usual}: kernels before 5.15 hold no larger element in a map"
        )?;
    }
    if probes.is_without_task_types() {
        writeln!(
            text,
            "tasks: read like any other memory, for want of helpers that came with 5.11 and 5.15"
        )?;
    }
    for (tracepoint, event) in probes.absent() {
        writeln!(text, "no tracepoint {tracepoint}: events {} are not recorded", event.name())?;
    }
    let absent: Vec<&str> = probes.absent_fields().collect();
    if !absent.is_empty() {
        writeln!(text, "fields this kernel does not have: {}", absent.join(", "))?;
    }
    writeln!(text, "\n{:<20} {:>21} {:>18}", "program", "verified instructions", "machine code bytes")?;
    for program in probes.programs()? {
        let number = |value: Option<u32>| value.map_or("unknown".to_owned(), |value| value.to_string());
        let (instructions, bytes) =
            (number(program.instructions_verified), number(program.machine_code_bytes));
        writeln!(text, "{:<20} {instructions:>21} {bytes:>18}", program.name)?;
    }
    writeln!(text, "\nThis machine can be recorded.")?;
    Ok(())
}
