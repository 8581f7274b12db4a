//! What recording adds to each system call.
//!
//! The floor for any recorder that measures latency is an empty program on both tracepoints; it is measured in
//! the same run. The peer has no latency and no empty variant. Its figures come from another machine, of which the
//! floor is known: a machine that runs programs slower runs both sides' slower, so the ratio is also given with either
//! side divided by the floor of its own machine.

use anyhow::{Context, Result};
use std::collections::BTreeMap;

use super::Bench;
use super::recorder::{WORK_CPU, Watcher};
use super::table::{Table, median};
use crate::programs::{output, program};

/// What is measured, how many calls that is, and what the peer adds to it in nanoseconds (sysdig 0.41.4, its modern
/// probe).
const CALLS: [(&str, f64, f64); 7] = [
    ("getppid", 1.0, 239.0),
    ("read", 1.0, 362.0),
    ("write", 1.0, 326.0),
    ("openat+close", 2.0, 422.0),
    ("stat", 1.0, 294.0),
    ("sendto+recvfrom", 2.0, 787.0),
    ("connect", 1.0, f64::NAN),
];

/// What empty programs on both tracepoints add to a call on the machine the peer was measured on, in nanoseconds.
const PEER_FLOOR: f64 = 49.0;

/// Calls per measurement: some hundredths of a second of the cheapest.
const COUNT: &str = "100000";

/// Who watches while it is measured.
#[derive(Clone, Copy, PartialEq)]
enum Watching {
    Nobody,
    /// Empty programs on these tracepoints.
    Empty(&'static [&'static str]),
    /// The agent with these options.
    Agent(&'static [&'static str]),
}

/// In the order they take turns.
const SITUATIONS: [(&str, Watching); 7] = [
    ("bare", Watching::Nobody),
    ("empty exit", Watching::Empty(&["sys_exit"])),
    ("empty both", Watching::Empty(&["sys_enter", "sys_exit"])),
    ("no latency", Watching::Agent(&["--no-latency"])),
    ("latency", Watching::Agent(&[])),
    // The measured calls are none of these, so they are turned away in the kernel.
    ("not selected", Watching::Agent(&["--calls", "reboot"])),
    // They are made by another process, so they are turned away once the agent has told the kernel side.
    ("other process", Watching::Agent(&["proc.name=nobody"])),
];

type Costs = BTreeMap<String, f64>;

pub(super) fn run(bench: &Bench) -> Result<()> {
    let mut measured: Vec<Vec<Costs>> = vec![Vec::new(); SITUATIONS.len()];
    for round in 0..bench.rounds {
        eprintln!("round {} of {}", round + 1, bench.rounds);
        for ((name, watching), costs) in SITUATIONS.iter().zip(&mut measured) {
            match costs_while(bench, *watching) {
                Ok(cost) => costs.push(cost),
                Err(error) if round == 0 => eprintln!("'{name}' is not measured: {error:#}"),
                Err(_) => {}
            }
        }
    }
    let typical = |situation: usize, call: &str| {
        median(measured[situation].iter().filter_map(|costs| costs.get(call).copied()).collect())
    };
    let mut table = Table::new([
        "call",
        "bare ns",
        "+empty exit",
        "+empty both",
        "+no latency",
        "+latency",
        "+not selected",
        "+other process",
        "peer +",
        "ratio",
        "ratio+lat",
        "by floor",
        "by floor+lat",
    ]);
    for (call, calls, peer) in CALLS {
        let bare = typical(0, call);
        let added: Vec<f64> =
            (1..SITUATIONS.len()).map(|situation| typical(situation, call) - bare).collect();
        let whole = |value: f64| if value.is_nan() { "-".to_owned() } else { format!("{value:.0}") };
        let ratio = |ours: f64, peer: f64| {
            if (ours / peer).is_nan() { "-".to_owned() } else { format!("{:.2}", ours / peer) }
        };
        let (floor, peer_floor) = (added[1], calls * PEER_FLOOR);
        table.row([
            call.to_owned(),
            whole(bare),
            whole(added[0]),
            whole(added[1]),
            whole(added[2]),
            whole(added[3]),
            whole(added[4]),
            whole(added[5]),
            whole(peer),
            ratio(added[2], peer),
            ratio(added[3], peer),
            ratio(added[2] / floor, peer / peer_floor),
            ratio(added[3] / floor, peer / peer_floor),
        ]);
    }
    table.print();
    println!("ratio: ours to the peer's; goals 0.50 without and 0.75 with latency, 60 ns where not selected");
    println!(
        "by floor: the same, ours in units of +empty both, the peer's in units of its machine's {PEER_FLOOR} ns a call"
    );
    println!("peer: sysdig 0.41.4, measured elsewhere on such a machine; it has no latency");
    Ok(())
}

/// What each call costs while someone watches.
fn costs_while(bench: &Bench, watching: Watching) -> Result<Costs> {
    let capture = bench.file("overhead.reel");
    let watcher = match watching {
        Watching::Nobody => None,
        Watching::Empty(events) => Some(Watcher::start(program(bench.program("empty_probes")).args(events))?),
        Watching::Agent(options) => Some(bench.record(&capture, options)?),
    };
    let mut command = program(bench.program("callcost"));
    let text = output(command.args([&WORK_CPU.to_string(), COUNT]).args(CALLS.map(|(call, ..)| call)));
    if let Some(watcher) = watcher {
        watcher.stop()?;
    }
    let costs = text?;
    costs
        .lines()
        .map(|line| {
            let (call, cost) = line.split_once(' ').with_context(|| format!("callcost printed {line}"))?;
            Ok((call.to_owned(), cost.parse()?))
        })
        .collect()
}
