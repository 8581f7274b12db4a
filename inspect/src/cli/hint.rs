//! Hints: what was meant, perhaps, by a command line that is wrong. Many are typed by hands that know sysdig.

use std::path::Path;

use clap::error::{ContextKind, ContextValue};

const CHISELS: &str = "there are no chisels: -p FORMAT, -S -q and --count answer much of what they do";
const STATE: &str = "a capture keeps the state of processes whatever the filter";
const PORTS: &str = "ports are shown as numbers";

/// Flags that sysdig has and we do not, and why.
const FLAGS: &[(&str, &str)] = &[
    ("-c", CHISELS),
    ("--chisel", CHISELS),
    ("--list-chisels", CHISELS),
    ("-i", CHISELS),
    ("--chisel-info", CHISELS),
    ("-z", "captures are always compressed"),
    ("--compress", "captures are always compressed"),
    ("-d", STATE),
    ("--displayflt", STATE),
    ("-F", STATE),
    ("--fatfile", STATE),
    ("-E", "names of users and groups come from the capture"),
    ("--exclude-users", "names of users and groups come from the capture"),
    ("-N", PORTS),
    ("-R", PORTS),
    ("-l", "the list of fields needs no capture: sysreel -l"),
    ("-L", "the list of events needs no capture: sysreel -L"),
];

/// What to say beside the message.
pub(crate) fn hint(message: &clap::Error) -> Option<String> {
    let word = |kind| match message.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    if let Some(flag) = word(ContextKind::InvalidArg) {
        let known = FLAGS.iter().find(|(known, _)| *known == flag);
        return known.map(|(flag, why)| format!("{flag} of sysdig: {why}"));
    }
    let word = word(ContextKind::InvalidSubcommand)?;
    if Path::new(word).is_file() {
        Some(format!("to print a capture: sysreel read {word}"))
    } else if word.contains(['=', '<', '>', ' ']) {
        Some(format!(
            "a filter comes behind a capture: sysreel read FILE '{word}'; to look on: sysreel-agent record -w - '{word}' | sysreel read -"
        ))
    } else {
        None
    }
}
