//! `--explain`: who decides what of a filter.

use std::collections::BTreeMap;
use std::io;

use anyhow::Result;
use capture_format::schema::{KernelEvent, event_kind, kernel_event, syscall_nr, syscalls};
use query::Decider;
use sysreel_agent::split::{Judged, Split, Wanted};
use sysreel_agent::track::{Derived, Upkeep, guard, upkeep};
use wire::table::{JUDGED_BY_DESCRIPTOR, JUDGED_BY_PATH, JUDGED_WITHOUT};
use wire::uring::OperationEntry;

use super::Plan;
use crate::probes::OperationsTreated;
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
    let outside = Outside::of(&mut split, &kinds);
    // What is recorded of operations cannot be changed later, so a filter that may change decides nothing of it.
    let fixed = filter.filter(|_| plan.filter_file.is_none());
    let mut fixed = Split::new(&plan.selection, fixed.map(|typed| &typed.filter), &host);
    let operations = probes::operations_treated(&mut fixed);
    let deciders = filter.map(|typed| typed.filter.deciders()).unwrap_or_default();
    let mut out = io::stdout().lock();
    match explain(&mut out, filter.map_or("", |typed| &typed.text), &kinds, &derived)
        .and_then(|()| outside.list(&mut out))
        .and_then(|()| found_by_agent(&mut out, &deciders, &outside))
        .and_then(|()| list_operations(&mut out, &operations, &outside))
        .and_then(|()| if filter.is_some() { left(&mut out, &deciders, &outside) } else { Ok(()) })
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// What is turned away for its descriptor or its path.
struct Outside {
    by_descriptor: Vec<String>,
    by_path: Vec<String>,
    named_prefixes: Vec<String>,
    prefixes: Vec<String>,
    ports: Vec<String>,
}

impl Outside {
    fn of(split: &mut Split<'_>, kinds: &BTreeMap<String, Wanted>) -> Self {
        let (mut by_descriptor, mut by_path) = (Vec::new(), Vec::new());
        for (name, _) in kinds.iter().filter(|(_, wanted)| wanted.is_any()) {
            let Some(nr) = syscall_nr(probes::NATIVE, name) else { continue };
            match split.judged(&event_kind(probes::NATIVE, nr)) {
                Judged::ByDescriptor { .. } => by_descriptor.push(name.clone()),
                Judged::ByPath(_) => by_path.push(name.clone()),
                Judged::No | Judged::WithoutDescriptor => {}
            }
        }
        let texts = |prefixes: Vec<Vec<u8>>| -> Vec<String> {
            prefixes.iter().map(|prefix| prefix.escape_ascii().to_string()).collect()
        };
        let ports = split.ports().unwrap_or_default();
        let prefixes = split.prefixes().unwrap_or_default();
        Outside {
            by_descriptor,
            by_path,
            named_prefixes: texts(split.named_prefixes()),
            prefixes: texts(prefixes),
            ports: ports.iter().map(u16::to_string).collect(),
        }
    }

    fn list(&self, out: &mut impl io::Write) -> io::Result<()> {
        let lists = [
            (
                format!(
                    "these, but for the state that they change, when their path begins otherwise than with {}",
                    self.named_prefixes.join(", ")
                ),
                &self.by_path,
            ),
            ("these on descriptors of which none of the conditions holds".to_owned(), &self.by_descriptor),
        ];
        for (what, names) in lists {
            list(out, &what, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        if self.by_descriptor.is_empty() {
            return Ok(());
        }
        let begun = [
            (
                "such are, from the start, files opened by absolute paths that begin otherwise than with",
                &self.prefixes,
            ),
            ("such are, from the start, connections between other ports than", &self.ports),
        ];
        for (what, texts) in begun {
            list(out, what, &texts.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// What is turned away of the operations of `io_uring`. Of these neither outcome nor time is known when they are submitted.
fn list_operations(
    out: &mut impl io::Write,
    operations: &OperationsTreated,
    outside: &Outside,
) -> io::Result<()> {
    let of = |is_so: &dyn Fn(&OperationEntry) -> bool| -> Vec<&str> {
        operations.entries.iter().filter(|(_, entry)| is_so(entry)).map(|(name, _)| *name).collect()
    };
    let judged = |mask: u8, bits: u8| of(&|entry| operations.are_judged && entry.judged & mask == bits);
    let by_path =
        format!("these when their path begins otherwise than with {}", outside.named_prefixes.join(", "));
    let lists = [
        ("these", of(&|entry| entry.selected == 0)),
        (by_path.as_str(), judged(JUDGED_BY_PATH, JUDGED_BY_PATH)),
        (
            "these that complete once, on descriptors of which none of the conditions holds",
            judged(JUDGED_BY_DESCRIPTOR, JUDGED_BY_DESCRIPTOR),
        ),
        (
            "these unless they are about a registered file",
            judged(JUDGED_BY_DESCRIPTOR | JUDGED_WITHOUT, JUDGED_WITHOUT),
        ),
    ];
    if lists.iter().any(|(_, names)| !names.is_empty()) {
        writeln!(out, "of operations of io_uring, which are not among these, it turns away:")?;
    }
    lists.iter().try_for_each(|(what, names)| list(out, what, names))
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
    let for_state = names(&|name, wanted| !wanted.is_any() && upkeep(name) > Upkeep::WhenNamed);
    let for_peers = names(&|name, wanted| !wanted.is_any() && upkeep(name) == Upkeep::WhenNamed);
    list(out, "these kinds of events", &away)?;
    list(out, "these unless they change state, which is kept", &for_state)?;
    list(out, "these unless they name a peer that is new, or hand descriptors on", &for_peers)?;
    let guarded = names(&|name, wanted| !wanted.is_any() && is_guarded(name));
    list(out, "these unless they may be an attempt on the recording", &guarded)?;
    for derived in derived {
        let name = derived.event.name();
        let sources = names(&|call, wanted| {
            !wanted.is_any() && upkeep(call) <= Upkeep::WhenNamed && derived.is_read_from(call)
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

/// The fields that are decided in this way.
fn decided_by<'a>(deciders: &[(&'a str, Decider)], wanted: Decider) -> Vec<&'a str> {
    deciders.iter().filter(|(_, decider)| *decider == wanted).map(|(name, _)| *name).collect()
}

/// What the kernel turns away by what the agent tells it.
fn found_by_agent(
    out: &mut impl io::Write,
    deciders: &[(&str, Decider)],
    outside: &Outside,
) -> io::Result<()> {
    let threads = decided_by(deciders, Decider::Thread);
    list(out, "threads of which nothing can match, as the agent finds out by", &threads)?;
    if outside.by_descriptor.is_empty() {
        return Ok(());
    }
    let descriptors = decided_by(deciders, Decider::Descriptor);
    list(out, "descriptors of which none of the conditions holds, as the agent finds out by", &descriptors)
}

/// What the kernel knows nothing of.
fn left(out: &mut impl io::Write, deciders: &[(&str, Decider)], outside: &Outside) -> io::Result<()> {
    let mut known_to_agent = decided_by(deciders, Decider::Event);
    if outside.by_descriptor.is_empty() {
        known_to_agent.extend(decided_by(deciders, Decider::Descriptor));
    }
    if outside.by_path.is_empty() {
        known_to_agent.extend(decided_by(deciders, Decider::Path));
    }
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
