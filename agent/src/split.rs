//! The part of a filter that the kernel can decide.
//!
//! A recording's filter is evaluated twice. The agent evaluates all of it, exactly as it is evaluated over captures
//! ([`crate::sieve`]). The kernel side decides before that what it can at the cost of a look-up: calls of a kind of which
//! none matches, calls that succeed where only failed ones match (or the other way round), calls that took too little
//! time, threads of which no event matches. It turns an event away only if the filter is surely false, so the result is
//! the same. Start at [`Split`].

use capture_format::Entities;
use capture_format::model::{Entity, EventKind, FdSource, Host, Ref};
use capture_format::schema::{Shape, kernel_event};
use query::{Filter, Known, Outside, Query, Recording, Verdict};

use crate::selection::Selection;
use crate::track::{
    DERIVED, Derived, Source, is_about_argument, is_without_descriptor, names_no_descriptor, opens_by_path,
};

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

/// By what else the kernel can tell that no such event of a kind is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// By nothing.
    No,
    /// By the descriptor it is about, when every condition about descriptors is false for that.
    ByDescriptor {
        /// Also when it is about none.
        or_none: bool,
    },
    /// By its having none. Only of operations, which may be about a descriptor in the table of their ring.
    WithoutDescriptor,
    /// By how the path in this argument begins.
    ByPath(u8),
}

/// Events are read out of a call that may be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOut {
    /// What the call must have come to.
    pub source: Source,
    /// They are not wanted where every condition about descriptors is false for the call's.
    pub by_descriptor: bool,
}

/// What is known before there is an event.
#[derive(Debug)]
pub struct Split<'s> {
    calls: &'s Selection,
    query: Option<Query>,
    filter: Option<&'s Filter>,
    host: &'s Host,
    entities: Entities,
    kinds: Ref,
}

impl<'s> Split<'s> {
    /// Of the list of calls and the filter, where there are such.
    pub fn new(calls: &'s Selection, filter: Option<&'s Filter>, host: &'s Host) -> Self {
        let query = filter.map(|filter| Query::new(Some(filter)));
        Split { calls, query, filter, host, entities: Entities::default(), kinds: 0 }
    }

    /// Whether events that no table knows are wanted. Which they are is not known, so only the list decides.
    pub fn wants_unknown(&self) -> bool {
        self.calls.has_unknown()
    }

    /// The wanted ones of the events that are read out of calls, which must therefore be seen.
    pub fn wanted_derived(&mut self) -> Vec<&'static Derived> {
        DERIVED.iter().filter(|derived| self.wanted(&kernel_event(derived.event)).is_any()).collect()
    }

    /// Whether events may be wanted that are read out of calls of this kind.
    pub fn read_out(&mut self, kind: &EventKind) -> Option<ReadOut> {
        let of_call = DERIVED.iter().filter(|derived| derived.is_read_from(&kind.name));
        let none = (kind.fd == FdSource::None).then_some(0);
        let wanted: Vec<_> = of_call.filter(|derived| self.may_derive(derived, none, None)).collect();
        let source = wanted.iter().map(|derived| derived.source).max()?;
        let may_derive = |derived: &&Derived| self.may_derive(derived, None, Some(Outside::Descriptor));
        let by_descriptor = is_about_argument(kind) && !wanted.iter().any(may_derive);
        Some(ReadOut { source, by_descriptor })
    }

    /// Whether an event that is read out of a call may be wanted, of whose descriptor this is known.
    fn may_derive(&mut self, derived: &Derived, descriptor: Option<Ref>, outside: Option<Outside>) -> bool {
        if !self.calls.has(derived.event.name()) {
            return false;
        }
        let Some(query) = &mut self.query else { return true };
        self.kinds += 1;
        self.entities.define(self.kinds, Entity::Kind(kernel_event(derived.event)));
        let recording = Recording { entities: &self.entities, host: self.host, first_time_ns: 0 };
        let known = Known { kind: Some(self.kinds), descriptor, outside, ..Known::default() };
        query.verdict(&recording, &known) != Verdict::No
    }

    /// Beginnings of paths, where a file that is opened by another one makes every condition about descriptors false.
    pub fn prefixes(&mut self) -> Option<Vec<Vec<u8>>> {
        self.query.as_mut()?.is_outside_by(Outside::Path).then(|| self.filter.map(Filter::prefixes))?
    }

    /// Ports, where a socket between two others makes every condition about descriptors false.
    pub fn ports(&mut self) -> Option<Vec<u16>> {
        self.query.as_mut()?.is_outside_by(Outside::Socket).then(|| self.filter.map(Filter::ports))?
    }

    /// The beginnings of paths that the filter names.
    pub fn named_prefixes(&self) -> Vec<Vec<u8>> {
        self.filter.map(Filter::prefixes).unwrap_or_default()
    }

    /// By what else the kernel can turn events of this kind away, which are wanted otherwise.
    pub fn judged(&mut self, kind: &EventKind) -> Judged {
        let Some(query) = &mut self.query else { return Judged::No };
        self.kinds += 1;
        self.entities.define(self.kinds, Entity::Kind(kind.clone()));
        let recording = Recording { entities: &self.entities, host: self.host, first_time_ns: 0 };
        let mut is_no = |outside, descriptor| {
            let known = Known { kind: Some(self.kinds), descriptor, outside, ..Known::default() };
            query.verdict(&recording, &known) == Verdict::No
        };
        if is_about_argument(kind) && is_no(Some(Outside::Descriptor), None) {
            return Judged::ByDescriptor { or_none: is_no(None, Some(0)) };
        }
        if names_no_descriptor(kind) && is_no(None, Some(0)) {
            return Judged::WithoutDescriptor;
        }
        let none = (is_without_descriptor(kind) || names_no_descriptor(kind)).then_some(0);
        match only_path(kind) {
            Some(path) if is_no(Some(Outside::Path), none) => Judged::ByPath(path),
            _ => Judged::No,
        }
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

/// The argument that is the path of a call with one path, which it opens by that if it opens anything.
pub fn only_path(kind: &EventKind) -> Option<u8> {
    let mut paths = (0..).zip(&kind.args).filter(|(_, arg)| matches!(arg.kind.shape, Shape::Path(_)));
    let (path, _) = paths.next()?;
    let is_alone = paths.next().is_none() && (kind.fd != FdSource::Result || opens_by_path(kind));
    is_alone.then_some(path)
}

#[cfg(test)]
mod tests {
    use capture_format::schema::{
        Abi, KernelEvent, event_kind, kernel_event, operation_kind, operations, syscall_nr,
    };

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
        check("fs.path.name startswith /etc or fd.port=443", "rename", false, false, 0);
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
    fn calls_are_judged_by_descriptor_and_path() {
        let judged = |filter: &str, call: &str| {
            let (calls, host) = (Selection::default(), Host::default());
            let filter = Filter::parse(filter).expect(filter);
            let nr = syscall_nr(Abi::X86_64, call).expect(call);
            Split::new(&calls, Some(&filter), &host).judged(&event_kind(Abi::X86_64, nr))
        };
        for filter in [
            "fd.name startswith /etc",
            "fd.port=443",
            "not fd.name contains x",
            "fd.type=file and proc.name=x",
        ] {
            let or_none = !filter.starts_with("not");
            assert_eq!(judged(filter, "read"), Judged::ByDescriptor { or_none }, "{filter}");
            assert_eq!(judged(filter, "sendto"), Judged::ByDescriptor { or_none }, "{filter}");
            // These bring a descriptor of their own along, or tell more of it.
            assert_eq!(judged(filter, "sendmsg"), Judged::No, "{filter}");
            assert_eq!(judged(filter, "getsockname"), Judged::No, "{filter}");
        }
        for (filter, call, expected) in [
            ("fd.name startswith /etc", "openat", Judged::ByPath(1)),
            ("fd.name startswith etc", "openat", Judged::No),
            ("not fd.name startswith /etc", "openat", Judged::No),
            ("fd.name in (/etc/passwd, /etc/shadow)", "open", Judged::ByPath(0)),
            ("fd.name glob /etc/*", "openat", Judged::ByPath(1)),
            ("fd.name glob */etc", "openat", Judged::No),
            ("fd.name pmatch (/etc, /usr)", "openat", Judged::ByPath(1)),
            ("fd.name != /etc", "openat", Judged::No),
            // A folder may be the root of what is opened.
            ("fd.name startswith /etc", "openat2", Judged::No),
            ("fd.port=443", "openat", Judged::ByPath(1)),
            ("fs.path.name startswith /etc", "unlinkat", Judged::ByPath(1)),
            ("fs.path.name startswith /etc", "stat", Judged::ByPath(0)),
            ("fs.path.name startswith /etc and evt.failed=false", "chmod", Judged::ByPath(0)),
            ("fs.path.name startswith /etc or proc.name=x", "stat", Judged::No),
            ("fd.name startswith /etc or proc.name=x", "read", Judged::No),
            (
                "(fd.name startswith /etc and evt.type=read) or evt.type=write",
                "read",
                Judged::ByDescriptor { or_none: true },
            ),
            ("(fd.name startswith /etc and evt.type=read) or evt.type=write", "write", Judged::No),
        ] {
            assert_eq!(judged(filter, call), expected, "{filter}: {call}");
        }
    }

    #[test]
    fn operations_are_judged_as_the_calls_of_their_names() {
        let judged = |filter: &str, operation: &str| {
            let (calls, host) = (Selection::default(), Host::default());
            let filter = Filter::parse(filter).expect(filter);
            let mut names = operations(Abi::X86_64).map(|operation| operation.name);
            let opcode = names.position(|name| name == operation).expect(operation);
            let kind = operation_kind(Abi::X86_64, opcode as u32);
            Split::new(&calls, Some(&filter), &host).judged(&kind)
        };
        for (filter, operation, expected) in [
            ("fd.name startswith /etc", "READ", Judged::ByDescriptor { or_none: true }),
            ("not fd.port=443", "SEND", Judged::ByDescriptor { or_none: false }),
            ("fd.name startswith /etc or evt.type=write", "WRITE", Judged::No),
            ("fd.name startswith /etc", "SENDMSG", Judged::No),
            ("fd.name startswith /etc", "STATX", Judged::ByDescriptor { or_none: true }),
            ("fs.path.name startswith /etc", "STATX", Judged::ByPath(1)),
            ("fs.path.name startswith /etc", "GETXATTR", Judged::ByPath(0)),
            // By nothing else: it may be about a registered file.
            ("fd.name startswith /etc", "NOP", Judged::WithoutDescriptor),
            ("not fd.name startswith /etc", "NOP", Judged::No),
        ] {
            assert_eq!(judged(filter, operation), expected, "{filter}: {operation}");
        }
    }

    #[test]
    fn paths_and_ports_that_make_all_conditions_false() {
        let lists = |filter: &str| {
            let (calls, host) = (Selection::default(), Host::default());
            let filter = Filter::parse(filter).expect(filter);
            let mut split = Split::new(&calls, Some(&filter), &host);
            let text = |prefix: Vec<u8>| String::from_utf8(prefix).expect("text");
            let prefixes =
                split.prefixes().map(|prefixes| prefixes.into_iter().map(text).collect::<Vec<_>>());
            (prefixes.map(|prefixes| prefixes.join(" ")), split.ports())
        };
        let some = |text: &str| Some(text.to_owned());
        for (filter, expected) in [
            ("fd.name startswith /etc", (some("/etc"), Some(vec![]))),
            ("fd.port in (443, 80)", (some(""), Some(vec![80, 443]))),
            ("fd.sport=https and fd.name=/x", (some("/x"), Some(vec![443]))),
            ("fd.port=443 or evt.type=read", (some(""), Some(vec![443]))),
            ("fd.port!=443", (some(""), None)),
            ("fd.port>1000", (some(""), None)),
            ("not fd.port=443", (None, None)),
            ("fd.type=file", (None, None)),
            ("fd.nameopened startswith /etc", (None, None)),
            ("fd.ip=10.0.0.1", (None, None)),
            ("proc.name=x", (None, None)),
        ] {
            assert_eq!(lists(filter), expected, "{filter}");
        }
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
