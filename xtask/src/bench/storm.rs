//! The worst case of tracing: a program that does nothing but system calls, two million in a row.

use anyhow::Result;
use std::time::Instant;

use super::Bench;
use super::recorder::WORK_CPU;
use super::table::{Table, median};
use crate::programs::{output, program};

/// Ring sizes: the default, and the smallest.
const RINGS: [(&str, &[&str]); 2] = [("default", &[]), ("512 KiB", &["--ring-bytes", "524288"])];

pub(super) fn run(bench: &Bench) -> Result<()> {
    let mut table =
        Table::new(["ring", "dd s", "calls/s", "produced", "stored", "lost", "lost %", "of dd", "adds up"]);
    for _ in 0..bench.rounds.min(3) {
        for (ring, options) in RINGS {
            let capture = bench.file("storm.reel");
            let agent = bench.record(&capture, options)?;
            let seconds = dd()?;
            agent.stop()?;
            let info = bench.info(&capture)?;
            let (produced, stored, lost) =
                (info.number("produced"), info.number("events"), info.number("lost"));
            let by_dd = bench.count(&capture, "proc.name=dd")?;
            table.row([
                ring.to_owned(),
                format!("{seconds:.2}"),
                format!("{:.0}", by_dd as f64 / seconds),
                produced.to_string(),
                stored.to_string(),
                lost.to_string(),
                format!("{:.2}", 100.0 * lost as f64 / produced.max(1) as f64),
                by_dd.to_string(),
                if produced == stored + lost { "yes" } else { "NO" }.to_owned(),
            ]);
        }
    }
    table.print();
    let bare = median((0..bench.rounds.min(3)).map(|_| dd()).collect::<Result<_>>()?);
    println!("dd takes {bare:.2} s when nobody watches; goal: nothing lost at the default size");
    println!("peer: 7-38 % lost writing plain, 45-59 % compressed (sysdig 0.41.4, measured elsewhere)");
    Ok(())
}

/// Seconds dd takes for two million calls, on a CPU that is not the agent's.
fn dd() -> Result<f64> {
    let begin = Instant::now();
    let cpu = WORK_CPU.to_string();
    output(program("taskset").args([
        "-c",
        &cpu,
        "dd",
        "if=/dev/zero",
        "of=/dev/null",
        "bs=1",
        "count=1000000",
        "status=none",
    ]))?;
    Ok(begin.elapsed().as_secs_f64())
}
