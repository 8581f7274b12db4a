//! The part of a filter that the kernel can decide.
//!
//! A recording's filter is evaluated twice. The agent evaluates all of it, exactly as it is evaluated over captures
//! ([`crate::sieve`]). The kernel side decides before that what it can at the cost of a look-up: calls of a kind of which
//! none matches, calls that succeed where only failed ones match (or the other way round), calls that took too little
//! time, threads of which no event matches. It turns an event away only if the filter is surely false, so the result is
//! the same. Start at [`Split`].

use capture_format::Entities;
use capture_format::model::{Entity, EventKind, Host, Ref};
use capture_format::schema::kernel_event;
use query::{Filter, Known, Query, Recording, Verdict};

use crate::selection::Selection;
use crate::track::{DERIVED, Derived, is_without_descriptor};

/// Which events of a kind are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Those that succeeded, or have no result.
    pub succeeded: bool,
    /// Those that failed.
    pub failed: bool,
    /// Of these only those that took so long, as far as that is known.
    pub latency_min_ns: u64,
}

impl Wanted {
    const NONE: Wanted = Wanted { succeeded: false, failed: false, latency_min_ns: 0 };
    const ALL: Wanted = Wanted { succeeded: true, failed: true, latency_min_ns: 0 };

    /// Whether there are any.
    pub fn is_any(&self) -> bool {
        self.succeeded || self.failed
    }
}

/// What is known before there is an event.
#[derive(Debug)]
pub struct Split<'s> {
    calls: &'s Selection,
    query: Option<Query>,
    host: &'s Host,
    entities: Entities,
    kinds: Ref,
}

impl<'s> Split<'s> {
    /// Of the list of calls and the filter, where there are such.
    pub fn new(calls: &'s Selection, filter: Option<&Filter>, host: &'s Host) -> Self {
        let query = filter.map(|filter| Query::new(Some(filter)));
        Split { calls, query, host, entities: Entities::default(), kinds: 0 }
    }

    /// Whether events that no table knows are wanted. Which they are is not known, so only the list decides.
    pub fn wants_unknown(&self) -> bool {
        self.calls.has_unknown()
    }

    /// The wanted ones of the events that are read out of calls, which must therefore be seen.
    pub fn wanted_derived(&mut self) -> Vec<&'static Derived> {
        DERIVED.iter().filter(|derived| self.wanted(&kernel_event(derived.event)).is_any()).collect()
    }

    /// Which events of this kind are wanted.
    pub fn wanted(&mut self, kind: &EventKind) -> Wanted {
        if !self.calls.has(&kind.name) {
            return Wanted::NONE;
        }
        let Some(query) = &mut self.query else { return Wanted::ALL };
        self.kinds += 1;
        self.entities.define(self.kinds, Entity::Kind(kind.clone()));
        let recording = Recording { entities: &self.entities, host: self.host, first_time_ns: 0 };
        let known = Known {
            kind: Some(self.kinds),
            descriptor: is_without_descriptor(kind).then_some(0),
            ..Known::default()
        };
        if query.verdict(&recording, &known) == Verdict::No {
            return Wanted::NONE;
        }
        // Without a result nothing can be said of it, and such events count as those that succeed.
        let mut may = |result| {
            let known = Known { result: Some(result), ..known };
            kind.result.is_none() || query.verdict(&recording, &known) != Verdict::No
        };
        let (succeeded, failed) = (may((0, i64::MAX)), may((i64::MIN, -1)));
        Wanted { succeeded, failed, latency_min_ns: query.latency_min_ns(&recording, &known) }
    }
}

#[cfg(test)]
mod tests {
    use capture_format::schema::{Abi, KernelEvent, event_kind, kernel_event, syscall_nr};

    use super::*;

    fn wanted(calls: &str, filter: &str, call: &str) -> Wanted {
        let calls: Selection = calls.parse().expect(calls);
        let filter = Filter::parse(filter).expect(filter);
        let host = Host::default();
        let nr = syscall_nr(Abi::X86_64, call).expect(call);
        Split::new(&calls, Some(&filter), &host).wanted(&event_kind(Abi::X86_64, nr))
    }

    #[track_caller]
    fn check(filter: &str, call: &str, succeeded: bool, failed: bool, latency_min_ns: u64) {
        assert_eq!(
            wanted("!ptrace", filter, call),
            Wanted { succeeded, failed, latency_min_ns },
            "{filter}: {call}"
        );
    }

    #[test]
    fn calls_are_turned_away_by_kind_outcome_and_latency() {
        check("evt.type=openat", "openat", true, true, 0);
        check("evt.type=openat", "read", false, false, 0);
        check("evt.category=net", "connect", true, true, 0);
        check("evt.category=net", "getppid", false, false, 0);
        // Data read from a socket is of that category as well.
        check("evt.category=net", "read", true, true, 0);
        check("proc.name=curl and evt.category=net", "connect", true, true, 0);
        check("fd.name startswith /etc", "getppid", false, false, 0);
        check("fd.name startswith /etc", "read", true, true, 0);
        check("fd.name startswith /etc", "openat", true, true, 0);
        check("fs.path.name startswith /etc", "read", false, false, 0);
        check("fs.path.name startswith /etc", "stat", true, false, 0);
        check("fs.path.name startswith /etc or evt.type=openat", "rename", false, false, 0);
        check("evt.failed=true", "openat", false, true, 0);
        check("evt.failed=false or proc.name=cat", "openat", true, true, 0);
        check("evt.res=EACCES", "openat", false, true, 0);
        check("evt.rawres>=0", "openat", true, false, 0);
        check("evt.latency>=10ms", "read", true, true, 10_000_000);
        check("evt.latency>10ms and proc.name=x", "read", true, true, 10_000_001);
        check("evt.latency>=10ms or proc.name=x", "read", true, true, 0);
        check("evt.type=openat and evt.failed=true or evt.type=read", "openat", false, true, 0);
        check("evt.type=openat and evt.failed=true or evt.type=read", "read", true, true, 0);
        assert_eq!(wanted("read", "evt.failed=true", "openat"), Wanted::NONE);
    }

    #[test]
    fn events_without_a_result_are_not_taken_for_failed_ones() {
        let (calls, host) = (Selection::default(), Host::default());
        let exit = kernel_event(KernelEvent::ProcExit);
        for filter in ["proc.name=x", "not evt.failed=true", "evt.type=procexit"] {
            let filter = Filter::parse(filter).expect(filter);
            assert!(Split::new(&calls, Some(&filter), &host).wanted(&exit).succeeded, "{filter:?}");
        }
    }
}
