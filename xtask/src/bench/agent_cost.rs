//! What the agent itself takes: CPU per event with tracking and compression, memory, time to be ready.

use anyhow::Result;

use super::Bench;
use super::recorder::WORK_CPU;
use super::table::{Table, median};
use crate::programs::{output, program};

/// Work that makes half a million events each or more, so the 10 ms in which the kernel counts CPU time vanish.
const WORKS: [(&str, &str); 3] = [("file", "15000"), ("network", "6000"), ("fork", "3000")];

pub(super) fn run(bench: &Bench) -> Result<()> {
    let mut table = Table::new([
        "work",
        "events",
        "lost",
        "start CPU s",
        "CPU s",
        "us/event",
        "peak MiB",
        "anonymous MiB",
        "ready ms",
    ]);
    for (sort, rounds) in WORKS {
        let mut measured = Vec::new();
        for _ in 0..bench.rounds {
            measured.push(one(bench, sort, rounds)?);
        }
        let typical = |field: usize| median(measured.iter().map(|values| values[field]).collect());
        let (events, lost, start, cpu) = (typical(0), typical(1), typical(2), typical(3));
        let (peak, anonymous, ready) = (typical(4), typical(5), typical(6));
        let mebibytes = |bytes: f64| format!("{:.1}", bytes / 1_048_576.0);
        table.row([
            sort.to_owned(),
            format!("{events:.0}"),
            format!("{lost:.0}"),
            format!("{start:.2}"),
            format!("{cpu:.2}"),
            format!("{:.2}", 1e6 * cpu / events),
            mebibytes(peak),
            mebibytes(anonymous),
            format!("{:.0}", 1e3 * ready),
        ]);
    }
    table.print();
    println!(
        "start: the agent's CPU time until it is ready; CPU: from then to its end; peak: resident, rings included"
    );
    println!("goals: 0.5 us per event, 96 MiB besides the rings, ready within 500 ms");
    println!(
        "peer: 0.4-1.2 us per event without compression, ready after 1.3 s (sysdig 0.41.4, measured elsewhere)"
    );
    Ok(())
}

fn one(bench: &Bench, sort: &str, rounds: &str) -> Result<[f64; 7]> {
    let capture = bench.file("cost.reel");
    let work = bench.file("work");
    std::fs::create_dir_all(&work)?;
    let agent = bench.record(&capture, &[])?;
    let ready = agent.ready_after.as_secs_f64();
    let start = agent.cpu_s()?;
    let mut command = program("taskset");
    command
        .args(["-c", &WORK_CPU.to_string()])
        .arg(bench.program("workload"))
        .args([sort, rounds])
        .arg(&work);
    output(&mut command)?;
    let (peak, anonymous) = agent.memory()?;
    let cpu = agent.stop()? - start;
    let info = bench.info(&capture)?;
    let (events, lost) = (info.number("events") as f64, info.number("lost") as f64);
    Ok([events, lost, start, cpu, peak as f64, anonymous as f64, ready])
}
