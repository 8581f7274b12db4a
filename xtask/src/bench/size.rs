//! Bytes per event in the file, with everything the agent records by default in it.

use anyhow::Result;

use super::Bench;
use super::recorder::WORK_CPU;
use super::table::Table;
use crate::programs::{output, program};

/// The work, its rounds, whether it has one CPU, our goal and the peer's figure, both in bytes per event.
///
/// Nearly all that is left of a network capture are the digits of times and latencies, and those depend on whether
/// client and server wake each other across CPUs: so it is measured both ways.
const WORKS: [(&str, &str, bool, f64, f64); 4] = [
    ("file", "10000", true, 6.0, 16.3),
    ("network", "5000", true, 2.5, 6.5),
    ("network", "5000", false, 2.5, 6.5),
    ("fork", "2000", true, 4.0, 9.0),
];

pub(super) fn run(bench: &Bench) -> Result<()> {
    let mut table = Table::new(["work", "CPUs", "events", "bytes", "bytes/event", "goal", "peer", "lost"]);
    for (sort, rounds, one_cpu, goal, peer) in WORKS {
        let work = bench.file("work");
        std::fs::create_dir_all(&work)?;
        // The whole machine, as the peer was measured: what else runs is in it, but little does.
        let capture = bench.file(&format!("{sort}.reel"));
        let agent = bench.record(&capture, &[])?;
        let mut command =
            if one_cpu { bench.pinned(WORK_CPU, "workload") } else { program(bench.program("workload")) };
        output(command.args([sort, rounds]).arg(&work))?;
        agent.stop()?;
        let info = bench.info(&capture)?;
        let bytes = std::fs::metadata(&capture)?.len();
        let events = info.number("events");
        table.row([
            sort.to_owned(),
            if one_cpu { "one" } else { "all" }.to_owned(),
            events.to_string(),
            bytes.to_string(),
            format!("{:.2}", bytes as f64 / events.max(1) as f64),
            goal.to_string(),
            peer.to_string(),
            info.number("lost").to_string(),
        ]);
    }
    table.print();
    println!(
        "snap length 80, latency and start state included; peer: sysdig 0.41.4 compressed, measured elsewhere"
    );
    Ok(())
}
