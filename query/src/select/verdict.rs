//! What a filter says of events of which only a part is known: that they match, that they do not, or neither.
//!
//! A recorder asks this before an event is there, or before it is worth its cost. The answer for "this kind of call",
//! "this thread" or "a call that succeeded" is sound for every event of which that is true: conditions that depend on
//! more are neither true nor false, and `and`, `or` and `not` follow Kleene's logic of three values. Conditions are
//! evaluated by the same code that filters captures. Start at [`Known`].

use capture_format::model::{Arg, Event, EventKind, FdSource, Ref};
use capture_format::{BlockBuilder, EventsBlock, ReadError, Squeezer};

use super::plan::Plan;
use super::query::{OPTIONS, Query};
use super::rows::{Reads, reads, rows_where};
use super::selection::Selection;
use crate::filter::{Access, At, Node, Scope, Test};
use crate::recording::{Recording, Rows};
use crate::view::{KindView, ThreadView};

/// What a filter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No such event matches.
    No,
    /// Some may match.
    Unknown,
    /// Every such event matches.
    Yes,
}

impl Verdict {
    fn of(holds: Option<bool>) -> Self {
        match holds {
            Some(true) => Verdict::Yes,
            Some(false) => Verdict::No,
            None => Verdict::Unknown,
        }
    }

    fn opposite(self) -> Self {
        match self {
            Verdict::No => Verdict::Yes,
            Verdict::Unknown => Verdict::Unknown,
            Verdict::Yes => Verdict::No,
        }
    }

    fn both(self, other: Self) -> Self {
        match (self, other) {
            (Verdict::No, _) | (_, Verdict::No) => Verdict::No,
            (Verdict::Yes, Verdict::Yes) => Verdict::Yes,
            _ => Verdict::Unknown,
        }
    }

    /// The verdict on both parts together; `part` is asked until the answer is clear.
    fn all<T>(parts: &[T], mut part: impl FnMut(&T) -> Verdict) -> Verdict {
        let mut all = Verdict::Yes;
        for one in parts {
            all = all.both(part(one));
            if all == Verdict::No {
                break;
            }
        }
        all
    }

    fn any<T>(parts: &[T], mut part: impl FnMut(&T) -> Verdict) -> Verdict {
        Verdict::all(parts, |one| part(one).opposite()).opposite()
    }
}

/// What is known of a descriptor or a path without knowing which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Every condition about the events' descriptor is false.
    Descriptor,
    /// The path that is given, or by which the descriptor was or would have been opened, begins with none of
    /// [`Filter::prefixes`](crate::Filter::prefixes).
    Path,
    /// The descriptor is a connected IP socket; neither port is one of [`Filter::ports`](crate::Filter::ports).
    Socket,
}

/// What is known of events. `None` where nothing is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// Their kind.
    pub kind: Option<Ref>,
    /// The version of their thread.
    pub thread: Option<Ref>,
    /// The answer shall last until a call of the thread's own process, or a move to another control group, may change
    /// it: what other processes can change is not taken as known.
    pub lasting: bool,
    /// Their descriptor, 0 for none.
    pub descriptor: Option<Ref>,
    /// What is known of descriptor or path otherwise.
    pub outside: Option<Outside>,
    /// They have a result, between these two.
    pub result: Option<(i64, i64)>,
    /// They have a latency, between these two.
    pub latency_ns: Option<(u64, u64)>,
}

impl Query {
    /// What the filter says of all events of which this is known.
    pub fn verdict(&mut self, recording: &Recording<'_>, known: &Known) -> Verdict {
        match self.plan.clone() {
            None => Verdict::Yes,
            Some(plan) => self.plan_verdict(&plan, recording, known),
        }
    }

    /// Whether every condition about descriptors is false for this one.
    pub fn is_outside(&mut self, recording: &Recording<'_>, descriptor: Ref) -> bool {
        self.holds_none(|query, scope, memory, node| {
            query.holds_for(recording, scope, memory, node, descriptor).is_ok_and(|holds| !holds)
        })
    }

    /// Whether every condition about descriptors is false for those of which this is known.
    pub fn is_outside_by(&mut self, outside: Outside) -> bool {
        self.holds_none(|_, _, _, node| outside_verdict(node, outside) == Verdict::No)
    }

    /// Whether there are conditions about descriptors, and none holds.
    fn holds_none(&mut self, mut is_false: impl FnMut(&mut Query, Scope, usize, &Node) -> bool) -> bool {
        let Some(plan) = self.plan.clone() else { return false };
        let mut conditions = Vec::new();
        descriptor_conditions(&plan, &mut conditions);
        !conditions.is_empty()
            && conditions.into_iter().all(|(scope, memory, node)| is_false(self, scope, memory, node))
    }

    /// The shortest latency with which events may match of which this is known; 0 when any may do.
    pub fn latency_min_ns(&mut self, recording: &Recording<'_>, known: &Known) -> u64 {
        let Some(plan) = self.plan.clone() else { return 0 };
        let mut bounds = Vec::new();
        latency_bounds(&plan, &mut bounds);
        bounds.sort_unstable_by_key(|&bound| std::cmp::Reverse(bound));
        let below = |bound: u64| Known { latency_ns: Some((0, bound - 1)), ..*known };
        let fits = |&bound: &u64| self.plan_verdict(&plan, recording, &below(bound)) == Verdict::No;
        bounds.into_iter().filter(|&bound| bound > 0).find(fits).unwrap_or(0)
    }

    fn plan_verdict(&mut self, plan: &Plan, recording: &Recording<'_>, known: &Known) -> Verdict {
        match plan {
            Plan::Recording(node) => Verdict::of(node.holds(&At::Recording(recording)).ok()),
            Plan::Entity { scope: Scope::Thread, node, .. } if known.lasting => match known.thread {
                Some(number) => lasting(node, &ThreadView::new(recording, number)),
                None => Verdict::Unknown,
            },
            Plan::Entity { scope: Scope::Descriptor | Scope::Path, node, .. } if known.outside.is_some() => {
                match known.outside {
                    Some(Outside::Path) if !may_open(recording, known) && known.descriptor == Some(0) => {
                        Verdict::of(node.holds(&At::Descriptor(recording, None)).ok())
                    }
                    Some(Outside::Path) if !may_open(recording, known) => Verdict::Unknown,
                    Some(Outside::Descriptor) => Verdict::No,
                    Some(outside) => outside_verdict(node, outside),
                    None => Verdict::Unknown,
                }
            }
            Plan::Entity { scope, memory, node } => {
                let number = match scope {
                    Scope::Kind => known.kind,
                    Scope::Thread => known.thread,
                    Scope::Path => {
                        known.descriptor.filter(|&number| number != 0 || !may_open(recording, known))
                    }
                    _ => known.descriptor,
                };
                let Some(number) = number else { return Verdict::Unknown };
                Verdict::of(self.holds_for(recording, *scope, *memory, node, number).ok())
            }
            Plan::Row { memory, node } => self.row_verdict(*memory, node, recording, known),
            Plan::And(plans) => Verdict::all(plans, |plan| self.plan_verdict(plan, recording, known)),
            Plan::Or(plans) => Verdict::any(plans, |plan| self.plan_verdict(plan, recording, known)),
            Plan::Not(plan) => self.plan_verdict(plan, recording, known).opposite(),
        }
    }

    fn row_verdict(
        &mut self,
        memory: usize,
        node: &Node,
        recording: &Recording<'_>,
        known: &Known,
    ) -> Verdict {
        let (Node::Test(test), Some(number)) = (node, known.kind) else { return Verdict::Unknown };
        let (Some(kind), Some(place)) =
            (recording.entities.kind(number), recording.entities.kinds.index(number))
        else {
            return Verdict::Unknown;
        };
        if known.outside == Some(Outside::Path)
            && matches!(reads(test, Some(KindView { kind })), Reads::Path)
            && test.prefixes().is_some()
        {
            return Verdict::No;
        }
        if (known.result.is_some() || known.latency_ns.is_some())
            && let Some(holds) = of_outcome(test, kind, known)
        {
            return Verdict::of(Some(holds));
        }
        let of_kinds = &mut self.of_kinds[memory];
        if of_kinds.len() <= place {
            of_kinds.resize(place + 1, None);
        }
        *of_kinds[place].get_or_insert_with(|| of_kind(node, test, kind, recording, number))
    }
}

/// Whether events of the known kind may name what they would have opened.
fn may_open(recording: &Recording<'_>, known: &Known) -> bool {
    let kind = known.kind.and_then(|number| recording.entities.kind(number));
    kind.is_none_or(|kind| kind.fd == FdSource::Result && KindView { kind }.paths().next().is_some())
}

/// What a condition about threads says as long as the thread's own process does nothing that could change it.
fn lasting(node: &Node, view: &ThreadView<'_>) -> Verdict {
    match node {
        Node::And(nodes) => Verdict::all(nodes, |node| lasting(node, view)),
        Node::Or(nodes) => Verdict::any(nodes, |node| lasting(node, view)),
        Node::Not(node) => lasting(node, view).opposite(),
        Node::Test(test) if test.is_changed_by_others() => Verdict::Unknown,
        Node::Test(_) => Verdict::of(node.holds(&At::Thread(view)).ok()),
    }
}

/// All conditions about descriptors.
fn descriptor_conditions<'p>(plan: &'p Plan, conditions: &mut Vec<(Scope, usize, &'p Node)>) {
    match plan {
        Plan::And(plans) | Plan::Or(plans) => {
            plans.iter().for_each(|plan| descriptor_conditions(plan, conditions));
        }
        Plan::Not(plan) => descriptor_conditions(plan, conditions),
        Plan::Entity { scope: scope @ (Scope::Descriptor | Scope::Path), memory, node } => {
            conditions.push((*scope, *memory, node));
        }
        _ => {}
    }
}

/// What a condition about descriptors says of those of which this is known.
fn outside_verdict(node: &Node, outside: Outside) -> Verdict {
    match node {
        Node::And(nodes) => Verdict::all(nodes, |node| outside_verdict(node, outside)),
        Node::Or(nodes) => Verdict::any(nodes, |node| outside_verdict(node, outside)),
        Node::Not(node) => outside_verdict(node, outside).opposite(),
        Node::Test(test) => {
            let is_false = match outside {
                Outside::Descriptor => false,
                // What is opened by a path is no IP socket, and the name of such a socket is no path.
                Outside::Path => test.prefixes().is_some() || test.is_about_port(),
                Outside::Socket => test.prefixes().is_some() || test.ports().is_some(),
            };
            if is_false { Verdict::No } else { Verdict::Unknown }
        }
    }
}

/// What a test says of all events of a kind.
fn of_kind(node: &Node, test: &Test, kind: &EventKind, recording: &Recording<'_>, number: Ref) -> Verdict {
    match reads(test, Some(KindView { kind })) {
        Reads::Nothing => Verdict::No,
        Reads::Kind => Verdict::of(holds_for_specimen(node, kind, recording, number).ok()),
        _ => Verdict::Unknown,
    }
}

/// Whether a condition that only the kind decides holds for an event of this kind, which is made up.
fn holds_for_specimen(
    node: &Node,
    kind: &EventKind,
    recording: &Recording<'_>,
    number: Ref,
) -> Result<bool, ReadError> {
    let args: Vec<Arg<'_>> =
        kind.args.iter().map(|arg| if arg.kind.is_data() { Arg::Null } else { Arg::Int(0) }).collect();
    let specimen = Event {
        time_ns: 0,
        cpu: 0,
        kind: number,
        thread: 0,
        descriptor: 0,
        result: None,
        latency_ns: None,
        args: &args,
    };
    let mut builder = BlockBuilder::new();
    builder.define_kind(number, kind);
    if builder.push(&specimen).is_err() {
        return Err(ReadError::Absent { what: "event of this kind" });
    }
    let block = EventsBlock::of_collected(&builder.finish(), &mut Squeezer::idle())?;
    let rows = Rows { events: &block, first_number: 1, time_before_ns: None };
    Ok(!rows_where(node, recording, &rows, &Selection::all(1), &OPTIONS)?.is_empty())
}

/// What a test says of all events with a result and a latency in the known bounds, if that is clear.
fn of_outcome(test: &Test, kind: &EventKind, known: &Known) -> Option<bool> {
    let between = |first, last| test.integers().hold_between(first, last);
    let result = known.result.filter(|_| kind.result.is_some());
    match (reads(test, Some(KindView { kind })), result, known.latency_ns) {
        (Reads::Result(value), Some((first, last)), _) => {
            let (first, last) = (value(first), value(last));
            between(first.min(last), first.max(last))
        }
        // A call that failed worked on no path.
        (Reads::Path, Some((_, last)), _) if last < 0 => Some(false),
        (Reads::EqualResult, Some((first, last)), _) => test.holds_for_results(first, last),
        (Reads::Latency(value), _, Some((first, last))) if is_monotone(test) => {
            between(value(first), value(last))
        }
        _ => None,
    }
}

/// Whether a number made of the latency grows with it: the nanoseconds within a second do not.
fn is_monotone(test: &Test) -> bool {
    matches!(test.left, Access::Field(field, _) if field.name != "evt.latency.ns")
}

/// Adds the latencies at which a condition may change.
fn latency_bounds(plan: &Plan, bounds: &mut Vec<u64>) {
    match plan {
        Plan::And(plans) | Plan::Or(plans) => plans.iter().for_each(|plan| latency_bounds(plan, bounds)),
        Plan::Not(plan) => latency_bounds(plan, bounds),
        Plan::Row { node: Node::Test(test), .. } => {
            if matches!(test.left, Access::Field(field, _) if field.name == "evt.latency")
                && let Some(bound) = test.compared_with()
            {
                bounds.extend([bound, bound.saturating_add(1)]);
            }
        }
        _ => {}
    }
}
