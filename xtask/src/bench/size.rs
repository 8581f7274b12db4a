//! Bytes per event in the file, with everything the agent records by default in it.

use anyhow::Result;

use super::Bench;
use super::table::Table;
use crate::programs::{output, program};

/// The work, its rounds, our goal and the peer's figure, both in bytes per event.
const WORKS: [(&str, &str, f64, f64); 3] =
    [("file", "10000", 6.0, 16.3), ("network", "5000", 2.5, 6.5), ("fork", "2000", 4.0, 9.0)];

pub(super) fn run(bench: &Bench) -> Result<()> {
    let mut table = Table::new(["work", "events", "bytes", "bytes/event", "goal", "peer", "lost"]);
    let workload = bench.program("workload");
    for (sort, rounds, goal, peer) in WORKS {
        let work = bench.file("work");
        std::fs::create_dir_all(&work)?;
        // The whole machine, as the peer was measured: what else runs is in it, but little does.
        let capture = bench.file(&format!("{sort}.reel"));
        let agent = bench.record(&capture, &[])?;
        output(program(&workload).args([sort, rounds]).arg(&work))?;
        agent.stop()?;
        let info = bench.info(&capture)?;
        let bytes = std::fs::metadata(&capture)?.len();
        let events = info.number("events");
        table.row([
            sort.to_owned(),
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
