//! `--explain`: who decides what of a filter.

use std::collections::BTreeMap;
use std::io;

use anyhow::Result;
use capture_format::schema::{KernelEvent, event_kind, kernel_event, syscalls};
use query::Decider;
use sysreel_agent::split::{Split, Wanted};
use sysreel_agent::track::{Derived, Upkeep, guard, upkeep};

use super::Plan;
use crate::{host, probes};

/// Names in one list; the rest is counted.
const NAMES_MAX: usize = 12;

/// Prints the split of the plan's filter.
pub(super) fn print(plan: &Plan) -> Result<()> {
    let host = host::read(&plan.proc_root, plan.snap_bytes, plan.scope().into_bytes());
    let filter = plan.filter.as_ref();
    let mut split = Split::new(&plan.selection, filter.map(|typed| &typed.filter), &host);
    let calls = syscalls(probes::NATIVE).map(|(nr, _)| event_kind(probes::NATIVE, nr));
    let others = KernelEvent::ALL.into_iter().map(kernel_event);
    let mut kinds = BTreeMap::new();
    for kind in calls {
        kinds.insert(kind.name.clone(), split.wanted(&kind));
    }
    for kind in others {
        // Only of calls does the kernel know how long they took.
        kinds.insert(kind.name.clone(), Wanted { latency_min_ns: 0, ..split.wanted(&kind) });
    }
    let derived = split.wanted_derived();
    let mut out = io::stdout().lock();
    match explain(&mut out, filter.map_or("", |typed| &typed.text), &kinds, &derived)
        .and_then(|()| filter.map_or(Ok(()), |typed| fields(&mut out, &typed.filter.deciders())))
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn explain(
    out: &mut impl io::Write,
    filter: &str,
    kinds: &BTreeMap<String, Wanted>,
    derived: &[&Derived],
) -> io::Result<()> {
    let names = |holds: &dyn Fn(&str, &Wanted) -> bool| -> Vec<&str> {
        kinds.iter().filter(|(name, wanted)| holds(name, wanted)).map(|(name, _)| name.as_str()).collect()
    };
    writeln!(out, "filter: {}", if filter.is_empty() { "none: every event matches" } else { filter })?;
    writeln!(out, "the kernel turns away at once:")?;
    let is_source = |name: &str| derived.iter().any(|derived| derived.is_read_from(name));
    let is_guarded = |name: &str| upkeep(name) == Upkeep::None && guard(name) != Upkeep::None;
    let away = names(&|name, wanted| {
        !wanted.is_any() && upkeep(name) == Upkeep::None && !is_source(name) && !is_guarded(name)
    });
    let for_state = names(&|name, wanted| !wanted.is_any() && upkeep(name) != Upkeep::None);
    list(out, "these kinds of events", &away)?;
    list(out, "these unless they change state, which is kept", &for_state)?;
    let guarded = names(&|name, wanted| !wanted.is_any() && is_guarded(name));
    list(out, "these unless they may be an attempt on the recording", &guarded)?;
    for derived in derived {
        let name = derived.event.name();
        let sources = names(&|call, wanted| {
            !wanted.is_any() && upkeep(call) == Upkeep::None && derived.is_read_from(call)
        });
        list(out, &format!("these but for what {name} is read out of"), &sources)?;
    }
    let on_success = |for_state: bool| {
        names(&|name, wanted| {
            let is_kept = upkeep(name).max(guard(name)) != Upkeep::None;
            wanted.failed && !wanted.succeeded && is_kept == for_state && (is_kept || !is_source(name))
        })
    };
    list(out, "these when they succeed", &on_success(false))?;
    list(out, "these when they succeed, but for the state that they change", &on_success(true))?;
    list(out, "these when they fail", &names(&|_, wanted| wanted.succeeded && !wanted.failed))?;
    let mut by_latency: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (name, wanted) in kinds.iter().filter(|(_, wanted)| wanted.latency_min_ns > 0 && wanted.is_any()) {
        by_latency.entry(wanted.latency_min_ns).or_default().push(name);
    }
    for (ns, names) in &by_latency {
        list(out, &format!("these when they take less than {ns} ns"), names)?;
    }
    Ok(())
}

fn fields(out: &mut impl io::Write, deciders: &[(&str, Decider)]) -> io::Result<()> {
    let of = |wanted: Decider| -> Vec<&str> {
        deciders.iter().filter(|(_, decider)| *decider == wanted).map(|(name, _)| *name).collect()
    };
    let threads = of(Decider::Thread);
    if !threads.is_empty() {
        list(out, "threads of which nothing can match, as the agent finds out by", &threads)?;
    }
    let known_to_agent = of(Decider::Event);
    if known_to_agent.is_empty() {
        return writeln!(out, "what is left the agent judges by the whole filter");
    }
    writeln!(out, "what is left the agent judges by the whole filter; it alone knows:")?;
    list(out, "fields", &known_to_agent)
}

fn list(out: &mut impl io::Write, what: &str, names: &[&str]) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    let rest = match names.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        rest => format!(", and {rest} more"),
    };
    writeln!(out, "  {what}: {shown}{rest}")
}
