//! How fast a capture is read back: all of it, a little of it, as text, as JSON.
//!
//! The capture is made by `synthetic`, so it is the same everywhere: 10 million events of 400 processes. Each
//! query runs on one CPU, for the goals are per core, and once more on all.

use anyhow::Result;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::Bench;
use super::recorder::WORK_CPU;
use super::table::{Table, median};
use crate::programs::{execute, program};

/// Events of the synthetic capture.
const EVENTS: u64 = 10_000_000;

/// A query: its name, its arguments, our goal and the peer's figure in millions of events per second.
const QUERIES: [(&str, &[&str], &str, &str); 6] = [
    ("full scan, process", &["proc.name=worker-7", "--count"], "20", "2.2-2.7"),
    ("full scan, type", &["evt.type=openat", "--count"], "20", "2.2-2.7"),
    ("type and failure", &["evt.type=openat and evt.failed=true", "--count"], "", ""),
    ("one process of many", &["proc.name=needle", "--count"], "", ""),
    ("text", &["-p", "%evt.num %evt.time %proc.name %evt.type %fd.name %evt.rawres"], "2", "0.2"),
    ("JSON", &["-j", "-p", "%evt.num %evt.time %proc.name %evt.type %fd.name %evt.rawres"], "1", "0.13"),
];

pub(super) fn run(bench: &Bench) -> Result<()> {
    let capture = bench.file("synthetic.reel");
    execute(program(bench.program("synthetic")).arg(&capture).arg(EVENTS.to_string()))?;
    let size = fs::metadata(&capture)?.len();
    let mut table = Table::new([
        "query",
        "s, 1 CPU",
        "M events/s",
        "goal",
        "peer",
        "s, all CPUs",
        "bytes read",
        "of file %",
    ]);
    for (name, query, goal, peer) in QUERIES {
        let (mut alone, mut together, mut bytes) = (Vec::new(), Vec::new(), 0);
        for _ in 0..bench.rounds {
            alone.push(read(&mut bench.pinned(WORK_CPU, "sysreel"), &capture, query)?.0);
            let (seconds, read) = read(&mut program(bench.program("sysreel")), &capture, query)?;
            together.push(seconds);
            bytes = read;
        }
        let (alone, together) = (median(alone), median(together));
        table.row([
            name.to_owned(),
            format!("{alone:.3}"),
            format!("{:.2}", EVENTS as f64 / alone / 1e6),
            goal.to_owned(),
            peer.to_owned(),
            format!("{together:.3}"),
            bytes.to_string(),
            format!("{:.1}", 100.0 * bytes as f64 / size as f64),
        ]);
    }
    table.print();
    println!("{EVENTS} events in {size} bytes; goal: under 5 % of the bytes for one process of many");
    println!("peer: sysdig 0.41.4, measured elsewhere on its own captures");
    Ok(())
}

/// Seconds a query takes and the bytes it reads, its program's own start included.
fn read(command: &mut Command, capture: &Path, query: &[&str]) -> Result<(f64, u64)> {
    let before = bytes_read()?;
    let begin = Instant::now();
    let status = command.arg("read").arg(capture).args(query).stdout(Stdio::null()).status()?;
    let seconds = begin.elapsed().as_secs_f64();
    anyhow::ensure!(status.success(), "sysreel read {query:?}: {status}");
    Ok((seconds, bytes_read()? - before))
}

/// Bytes that this process and its ended children asked to read.
fn bytes_read() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let count = text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap_or("0");
    Ok(count.parse()?)
}
