//! Which events are recorded: the list that `--calls` takes.
//!
//! What is not selected is turned away in the kernel, by the table of calls; only calls that change the state we
//! keep come through all the same, and go no further than the tracker. Start at [`Selection`].

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use capture_format::schema::{
    Abi, KernelEvent, event_name_of_alias, kernel_event, known_event_names, operations, syscalls,
};
use query::{Filter, Naming};

/// A set of event types, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Whether an event that the list does not name is selected.
    others: bool,
    /// Events of which the opposite holds.
    named: BTreeSet<String>,
}

impl Default for Selection {
    /// Everything but what is recorded on request only.
    fn default() -> Self {
        Selection { others: true, named: on_request().map(str::to_owned).collect() }
    }
}

impl Selection {
    /// Whether events of this type are recorded.
    pub fn has(&self, name: &str) -> bool {
        self.others != self.named.contains(name)
    }

    /// Whether everything is recorded.
    pub fn has_all(&self) -> bool {
        self.others && self.named.iter().all(|name| on_request().any(|only| only == name))
    }

    /// Whether events that no table knows are recorded.
    pub fn has_unknown(&self) -> bool {
        self.others
    }

    /// Adds what is recorded on request only, where a filter asks for it by name.
    pub fn add_asked_for(&mut self, filter: &Filter) {
        for name in on_request().filter(|name| filter.naming(name) == Naming::Name) {
            self.set(name, true);
        }
    }

    /// What a filter names and the selection lacks, because it is recorded on request only.
    pub fn missing_for<'f>(&'f self, filter: &'f Filter) -> impl Iterator<Item = &'static str> + 'f {
        on_request().filter(|name| !self.has(name) && filter.naming(name) != Naming::None)
    }

    fn set(&mut self, name: &str, selected: bool) {
        if selected == self.others {
            self.named.remove(name);
        } else {
            self.named.insert(name.to_owned());
        }
    }
}

/// A word of the list that names nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    word: String,
    nearest: Option<String>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { word, nearest } = self;
        match (word.as_str(), nearest) {
            ("", _) => f.write_str("there is an empty name in the list"),
            (_, Some(nearest)) => write!(f, "there is no call '{word}'; did you mean '{nearest}'?"),
            (_, None) => {
                write!(f, "there is no call '{word}'; `sysreel events` lists all, with their categories")
            }
        }
    }
}

impl std::error::Error for UnknownName {}

impl FromStr for Selection {
    type Err = UnknownName;

    /// Words separated by commas: a name or `%CATEGORY` adds, with `!` before it takes away, each from what the
    /// words before it made. A list that begins by taking away begins with everything.
    fn from_str(list: &str) -> Result<Self, UnknownName> {
        let begins_with_all = list.trim_start().starts_with('!');
        let nothing = Selection { others: false, named: BTreeSet::new() };
        let mut selection = if begins_with_all { Selection::default() } else { nothing };
        for word in list.split(',').map(str::trim) {
            let (name, selected) = match word.strip_prefix('!') {
                Some(name) => (name.trim_start(), false),
                None => (word, true),
            };
            for name in names_of(name)? {
                selection.set(name, selected);
            }
        }
        Ok(selection)
    }
}

/// The event types that a word stands for.
fn names_of(word: &str) -> Result<Vec<&'static str>, UnknownName> {
    if let Some(category) = word.strip_prefix('%') {
        let entries = categories();
        let members: Vec<_> =
            entries.iter().filter(|entry| is_member(entry, category)).map(|entry| entry.1).collect();
        if members.is_empty() {
            let known: BTreeSet<&str> = entries.iter().map(|entry| entry.0).collect();
            let nearest = nearest(category, known).map(|category| format!("%{category}"));
            return Err(UnknownName { word: word.to_owned(), nearest });
        }
        return Ok(members);
    }
    if let Some((category, _)) = categories().iter().find(|entry| entry.0 == word)
        && known_event_names().binary_search(&word).is_err()
    {
        return Err(UnknownName { word: word.to_owned(), nearest: Some(format!("%{category}")) });
    }
    let wanted = event_name_of_alias(word).unwrap_or(word);
    let known = known_event_names();
    match known.binary_search(&wanted) {
        Ok(at) => Ok(vec![known[at]]),
        Err(_) => {
            Err(UnknownName { word: word.to_owned(), nearest: nearest(word, known).map(str::to_owned) })
        }
    }
}

/// Events that only their names select.
fn on_request() -> impl Iterator<Item = &'static str> {
    KernelEvent::ALL.into_iter().filter(|event| event.is_on_request()).map(KernelEvent::name)
}

/// Calls that move data over sockets. They are of the categories of reading and writing, and of `%net` as well.
const SOCKET_IO: [&str; 6] = ["recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto"];

fn is_member(&(own, name): &(&str, &str), category: &str) -> bool {
    (own == category || (category == "net" && SOCKET_IO.contains(&name)))
        && on_request().all(|only| only != name)
}

/// Every event type with its category.
fn categories() -> Vec<(&'static str, &'static str)> {
    let calls = Abi::ALL.into_iter().flat_map(syscalls).map(|(_, call)| (call.category, call.name));
    let operations = operations(Abi::X86_64).map(|entry| (entry.call.category, entry.call.name));
    let others = KernelEvent::ALL.into_iter().map(|event| (category_of(event), event.name()));
    calls.chain(operations).chain(others).collect()
}

fn category_of(event: KernelEvent) -> &'static str {
    let category = kernel_event(event).category;
    // Its own text does not outlive the description; the table of calls has the same words for as long as we run.
    let mut known = syscalls(Abi::X86_64).map(|(_, call)| call.category);
    known.find(|known| *known == category).unwrap_or("other")
}

/// The candidate most like `wanted`, if one is at all.
fn nearest(wanted: &str, candidates: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    let most = 1 + wanted.len() / 4;
    let ranked = candidates.into_iter().map(|candidate| (distance(wanted, candidate), candidate));
    ranked.filter(|(distance, _)| *distance <= most).min().map(|(_, candidate)| candidate)
}

/// Letters to insert, remove or replace to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to_at, to_letter) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != to_letter);
            diagonal = row[to_at + 1];
            row[to_at + 1] = replaced.min(diagonal + 1).min(row[to_at] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(list: &str) -> Vec<&'static str> {
        let selection: Selection = list.parse().expect(list);
        let asked = ["close", "openat", "pread64", "read", "signaldeliver", "write"];
        asked.into_iter().filter(|name| selection.has(name)).collect()
    }

    #[test]
    fn a_list_adds_and_takes_away() {
        assert_eq!(selected("openat"), ["openat"]);
        assert_eq!(selected(" openat , close "), ["close", "openat"]);
        assert_eq!(selected("!read,!write"), ["close", "openat", "pread64", "signaldeliver"]);
        assert_eq!(selected("!read,read"), ["close", "openat", "pread64", "read", "signaldeliver", "write"]);
        assert_eq!(selected("%io-read,!read"), ["pread64"]);
        assert_eq!(selected("pread,%signal"), ["pread64", "signaldeliver"]);
    }

    #[test]
    fn the_network_includes_what_is_sent_and_received() {
        let selection: Selection = "%net".parse().expect("a list");
        for name in SOCKET_IO.into_iter().chain(["connect", "socket"]) {
            assert!(known_event_names().contains(&name), "{name} is no event");
            assert!(selection.has(name), "{name}");
        }
        assert!(!selection.has("read") && !selection.has("write"));
    }

    #[test]
    fn what_there_is_too_much_of_must_be_named() {
        for list in ["!read", "%memory,%process", "read"] {
            let selection: Selection = list.parse().expect(list);
            assert!(!selection.has("page_fault") && !selection.has("sched_switch"), "{list}");
        }
        assert!(!Selection::default().has("page_fault") && Selection::default().has("exec_map"));
        let named: Selection = "!read,page_fault".parse().expect("a list");
        assert!(named.has("page_fault") && named.has("write") && !named.has("sched_switch"));
    }

    #[test]
    fn a_filter_asks_for_events_by_name() {
        let asked = |text: &str| {
            let filter = Filter::parse(text).expect(text);
            let mut selection = Selection::default();
            let missing = selection.missing_for(&filter).count();
            selection.add_asked_for(&filter);
            (selection.has("sched_switch"), missing, selection.missing_for(&filter).count())
        };
        for text in [
            "evt.type=sched_switch",
            "evt.type in (open, sched_switch) and proc.name=x",
            "proc.name=x or not evt.type!=sched_switch",
            "evt.type.is.sched_switch=1",
        ] {
            assert_eq!(asked(text), (true, 1, 0), "{text}");
        }
        for text in ["evt.type!=sched_switch", "not evt.type=sched_switch", "proc.name=sched_switch"] {
            assert_eq!(asked(text), (false, 0, 0), "{text}");
        }
        // Who asks for a pattern need not mean them.
        assert_eq!(asked("evt.type glob sched_*"), (false, 1, 1));
    }

    #[test]
    fn the_help_lists_every_category() {
        let help = include_str!("cli.rs");
        for (category, _) in categories() {
            let listed = |end: &str| help.contains(&format!("%{category}{end}"));
            assert!([",", ".", "\n"].into_iter().any(listed), "%{category} is not in the help of --calls");
        }
    }

    #[test]
    fn what_is_not_named_goes_with_the_first_word() {
        assert!("!read".parse::<Selection>().expect("a list").has_unknown());
        assert!(!"read".parse::<Selection>().expect("a list").has_unknown());
        assert!(Selection::default().has("read") && Selection::default().has_unknown());
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        for (list, message) in [
            ("opnat", "there is no call 'opnat'; did you mean 'openat'?"),
            ("net", "there is no call 'net'; did you mean '%net'?"),
            ("%nett", "there is no call '%nett'; did you mean '%net'?"),
            ("read,!wrte", "there is no call 'wrte'; did you mean 'write'?"),
            ("%fil", "there is no call '%fil'; did you mean '%file'?"),
            (
                "completely_different",
                "there is no call 'completely_different'; `sysreel events` lists all, with their categories",
            ),
            ("read,", "there is an empty name in the list"),
            ("", "there is an empty name in the list"),
        ] {
            let error = list.parse::<Selection>().expect_err(list);
            assert_eq!(error.to_string(), message);
        }
    }
}
