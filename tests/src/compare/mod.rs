//! The two witnesses against each other, thread by thread, call by call.
//!
//! Each thread's events must be the same on both sides, in the same order: one that only strace has is missing,
//! one that only we have is invented. Of events that both have, results, arguments and what the descriptor
//! refers to are compared in `call`. What may differ is written down in [`JUSTIFIED`] and nowhere else.

mod address;
mod call;
mod descriptor;
mod message;
mod shown;
mod value;
mod waiting;

use std::collections::BTreeMap;
use std::fmt;

use crate::listing::Event;
use crate::strace::{Call, Entry, Line, Outcome, Transcript};

/// Differences that are right, and why.
pub const JUSTIFIED: &[(&str, &str)] = &[
    ("events before the first execve", "they are strace's own child preparing to become the program"),
    ("a result of 0 of fork, vfork, clone, clone3", "the child's return; strace shows it the parent's only"),
    (
        "tcp_state, tcp_retransmit, tcp_reset, packet_drop, dns, exec_map, tamper",
        "they are no calls; tests/network.rs, tests/drops.rs, tests/dns.rs, tests/kernel.rs and tests/tamper.rs hold them against \
         what was done",
    ),
    ("signaldeliver of SIGKILL", "a tracer is not asked about it; strace has only the thread's end"),
    (
        "a result of 0 of shmat through ipc",
        "that is what the call returns; strace shows the address that it writes to memory",
    ),
    (
        "a result strace does not know",
        "strace is gone or the thread is killed before the call's end reaches it",
    ),
    (
        "a call without an end, before a thread's end, that another thread ended it with",
        "of a thread that is killed before strace could ask for its call it shows the call it asked for last: the killer's",
    ),
];

/// Bytes of a buffer or an array that a recording keeps which is compared.
pub const SNAP_BYTES: i64 = 4096;

/// Arguments that may differ: call, argument or field of one, and why. A name may end in `*`.
pub const JUSTIFIED_ARGUMENTS: &[(&str, &str, &str)] = &[
    ("execve*", "envp", "environments are recorded on request only (--env), as proc.env"),
    (
        "*",
        "data.unfilled",
        "where the parts are that a failed call did not fill; strace shows how long they are as well",
    ),
    (
        "*",
        "data.room",
        "how much room there was in the one part of a message; what is sent and received is stored once without it",
    ),
    ("splice", "off_in", "the position after the call, where strace has the one before"),
    ("splice", "off_out", "the position after the call, where strace has the one before"),
    ("copy_file_range", "off*", "the position after the call, where strace has the one before"),
    (
        "remap_file_pages",
        "flags",
        "MAP_FILE is a name of no bits; for mmap strace shows it as little as we do",
    ),
    (
        "ioctl",
        "argument.fm_extents",
        "strace shows as many as there are, also where there was no room for them",
    ),
    ("clone3", "cl_args.pidfd", "the pointer; strace adds what the kernel wrote there"),
    ("clone3", "cl_args.parent_tid", "the pointer; strace adds what the kernel wrote there"),
    ("io_submit", "iocbpp.aio_buf", "the address; strace adds what is there"),
    (
        "io_submit",
        "iocbpp",
        "the address of the pointers, where none of them can be followed; strace shows them",
    ),
    ("capset", "header.version", "what the kernel wants: it overwrites one that it does not know"),
    ("kexec_file_load", "cmdline", "without the NUL at its end, which its length counts"),
    ("msgrcv", "msgp.mtext", "as long as the message; strace shows the whole buffer"),
    ("perf_event_open", "attr.size", "strace names the sizes that the structure had"),
];

/// Why an argument, or a field of it, may differ.
fn justification(call: &str, field: &str) -> Option<&'static str> {
    let matches = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    JUSTIFIED_ARGUMENTS
        .iter()
        .find(|(calls, fields, _)| matches(calls, call) && matches(fields, field))
        .map(|(_, _, reason)| *reason)
}

const SIGKILL: i64 = 9;

/// What the witnesses do not agree on.
#[derive(Debug)]
pub struct Difference {
    /// Thread.
    pub tid: u32,
    /// What they disagree on.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {}: {}", self.tid, self.what)
    }
}

/// What was compared, and what came of it.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Events both have.
    pub events: usize,
    /// Arguments compared.
    pub arguments: usize,
    /// Arguments of which strace shows the address and we what is there: nothing is compared.
    pub ours_alone: usize,
    /// Differences of arguments that are right, by reason.
    pub justified: BTreeMap<&'static str, usize>,
    /// Descriptors whose meaning could be compared.
    pub descriptors: usize,
    /// Where they disagree.
    pub differences: Vec<Difference>,
}

/// Compares what strace saw with our events; of threads that strace did not watch nothing is said.
pub fn compare(transcript: &Transcript, events: &[Event]) -> Comparison {
    let mut ours: BTreeMap<u32, Vec<&Event>> = BTreeMap::new();
    for event in events {
        ours.entry(event.tid()).or_default().push(event);
    }
    let mut comparison = Comparison::default();
    for (&tid, theirs) in &transcript.threads {
        let ours = expected(ours.get(&tid).map_or(&[], Vec::as_slice));
        let begin = theirs.iter().position(|entry| key_of_entry(entry) == "execve").unwrap_or(0);
        let ours = match (
            begin,
            ours.iter().position(|event| event.name() == "execve" && event.result() == Some(0)),
        ) {
            // strace begins with the program's own execve; see JUSTIFIED.
            (0, Some(at)) if is_exec(theirs) => &ours[at..],
            _ => &ours[..],
        };
        Thread { tid, chrooted: false, transcript, comparison: &mut comparison }.compare(theirs, ours);
    }
    comparison
}

fn is_exec(entries: &[Entry]) -> bool {
    entries.first().is_some_and(|entry| key_of_entry(entry) == "execve")
}

/// Our events without those that strace never shows.
fn expected<'a>(events: &[&'a Event]) -> Vec<&'a Event> {
    let is_shown = |event: &&Event| match event.name() {
        "fork" | "vfork" | "clone" | "clone3" => event.result() != Some(0),
        "tcp_state" | "tcp_retransmit" | "tcp_reset" | "packet_drop" | "dns" | "exec_map" | "tamper" => false,
        "signaldeliver" => event.argument(0).and_then(serde_json::Value::as_i64) != Some(SIGKILL),
        _ => true,
    };
    events.iter().copied().filter(is_shown).collect()
}

/// What makes an event of strace the same as one of ours, before anything is compared.
fn key_of_entry(entry: &Entry) -> String {
    match &entry.line {
        Line::Call(call) => call::name(call),
        Line::Signal(signal) => format!("signaldeliver {signal}"),
        Line::Resumed { .. } => "resumed".to_owned(),
        Line::Ended => "procexit".to_owned(),
    }
}

fn key_of_event(event: &Event) -> String {
    match event.name() {
        "signaldeliver" => {
            format!("signaldeliver {}", event.argument(0).and_then(serde_json::Value::as_i64).unwrap_or(0))
        }
        name => name.to_owned(),
    }
}

/// One thread's comparison.
struct Thread<'a> {
    tid: u32,
    /// It changed its root.
    chrooted: bool,
    /// Of all threads.
    transcript: &'a Transcript,
    comparison: &'a mut Comparison,
}

impl Thread<'_> {
    fn differ(&mut self, what: String) {
        self.comparison.differences.push(Difference { tid: self.tid, what });
    }

    fn compare(&mut self, theirs: &[Entry], ours: &[&Event]) {
        let their_keys: Vec<String> = theirs.iter().map(key_of_entry).collect();
        let our_keys: Vec<String> = ours.iter().map(|event| key_of_event(event)).collect();
        let (mut their, mut our) = (0, 0);
        while their < theirs.len() || our < ours.len() {
            if their_keys.get(their) == our_keys.get(our) {
                self.comparison.events += 1;
                let is_last = matches!(theirs.get(their + 1), Some(Entry { line: Line::Ended, .. }));
                self.compare_pair(&theirs[their], ours[our], is_last);
                their += 1;
                our += 1;
                continue;
            }
            let (missing, invented) = realign(&their_keys[their..], &our_keys[our..]);
            for at in their..their + missing {
                if !self.is_the_killers(&theirs[at..]) {
                    self.differ(format!("missing: {}", theirs[at].text));
                }
            }
            for (event, next) in (our..our + invented).map(|at| (ours[at], ours.get(at + 1))) {
                let not_made = event.result() == Some(-i64::from(libc::ENOSYS));
                if not_made && next.is_none_or(|next| next.name() == "procexit") {
                    continue;
                }
                self.differ(format!("invented: {}", event.summary()));
            }
            their += missing;
            our += invented;
        }
    }

    /// Whether this is a call that another thread ended this one with; see [`JUSTIFIED`].
    fn is_the_killers(&self, entries: &[Entry]) -> bool {
        let [Entry { line: Line::Call(call), .. }, Entry { line: Line::Ended, .. }] = entries else {
            return false;
        };
        let is_same = |entry: &Entry| match &entry.line {
            Line::Call(other) => (&call.name, &call.arguments) == (&other.name, &other.arguments),
            _ => false,
        };
        let mut others = self.transcript.threads.iter().filter(|(tid, _)| **tid != self.tid);
        ["kill", "execve"].contains(&call.name.as_str())
            && call.outcome == Outcome::Unknown
            && others.any(|(_, entries)| entries.iter().any(is_same))
    }

    fn compare_pair(&mut self, entry: &Entry, event: &Event, is_last: bool) {
        let Line::Call(call) = &entry.line else { return };
        let mut differences = Vec::new();
        if !is_last && !same_result(call, event) {
            differences.push("result".to_owned());
        }
        self.chrooted |= call.name == "chroot" && event.result() == Some(0);
        call::compare(call, event, self.chrooted, self.comparison, &mut differences);
        if !differences.is_empty() {
            self.differ(format!(
                "{}: {}\n    strace:  {}\n    sysreel: {}",
                call.name,
                differences.join(", "),
                entry.text,
                event.summary()
            ));
        }
    }
}

fn same_result(call: &Call, event: &Event) -> bool {
    match &call.outcome {
        Outcome::Returned { .. } if call.name == "shmat" && event.result() == Some(0) => true,
        Outcome::Returned { value, .. } => event.result() == Some(*value),
        Outcome::Unknown | Outcome::Moved(_) => true,
    }
}

/// How many to leave out on each side so that both go on alike: the fewest, judged by the next few.
fn realign(theirs: &[String], ours: &[String]) -> (usize, usize) {
    const AHEAD: usize = 200;
    const ALIKE: usize = 3;
    for total in 1..AHEAD {
        for missing in 0..=total.min(theirs.len()) {
            let invented = total - missing;
            if invented > ours.len() {
                continue;
            }
            let (their_rest, our_rest) = (&theirs[missing..], &ours[invented..]);
            let alike = ALIKE.min(their_rest.len().max(our_rest.len()));
            if their_rest.iter().take(alike).eq(our_rest.iter().take(alike))
                && their_rest.len().min(our_rest.len()) >= alike
            {
                return (missing, invented);
            }
        }
    }
    (theirs.len(), ours.len())
}

#[cfg(test)]
mod tests;
