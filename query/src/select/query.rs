//! A filter at work.

use std::sync::Arc;

use capture_format::model::{FdSource, Ref};
use capture_format::{Codes, ReadError, Summary};

use super::plan::{Memories, Plan};
use super::remembered::Remembered;
use super::rows::rows_where;
use super::selection::Selection;
use super::verdict::Verdict;
use crate::filter::{At, Filter, Node, Scope};
use crate::print::PrintOptions;
use crate::recording::{Recording, Rows};
use crate::view::{DescriptorView, KindView, RowView, ThreadView};

/// Values are compared whole, however they would be printed.
pub(super) static OPTIONS: PrintOptions = PrintOptions { whole_values: true, ..PrintOptions::DEFAULT };

/// A filter at work. It remembers what it found out about entities, so use one over many blocks of one capture;
/// threads that work in parallel take clones.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) plan: Option<Arc<Plan>>,
    memories: Vec<Remembered>,
    /// For every condition about rows, what it says of all events of a kind, by the kind's place in the table.
    pub(super) of_kinds: Vec<Vec<Option<Verdict>>>,
}

impl Query {
    /// Of a filter; `None` selects every event.
    pub fn new(filter: Option<&Filter>) -> Self {
        let mut count = Memories::default();
        let root = filter.and_then(|filter| filter.root.as_ref());
        let plan = root.map(|node| Arc::new(Plan::new(node, &mut count)));
        Query {
            plan,
            memories: vec![Remembered::default(); count.entities],
            of_kinds: vec![Vec::new(); count.rows],
        }
    }

    /// Whether a block with this summary can hold an event the filter selects.
    pub fn may_match(&mut self, recording: &Recording<'_>, summary: &Summary) -> bool {
        let Some(plan) = self.plan.clone() else { return true };
        self.bounds(&plan, recording, summary).may_hold
    }

    /// The rows the filter selects. Reads only the columns it needs.
    pub fn select(&mut self, recording: &Recording<'_>, rows: &Rows<'_>) -> Result<Selection, ReadError> {
        let all = Selection::all(rows.events.rows());
        match self.plan.clone() {
            None => Ok(all),
            Some(plan) => self.evaluate(&plan, recording, rows, all),
        }
    }

    /// Forgets what was found out about entities: call it when some were completed or another capture begins.
    /// Entities that are only added need no call.
    pub fn forget(&mut self) {
        self.memories.iter_mut().for_each(Remembered::forget);
        self.of_kinds.iter_mut().for_each(Vec::clear);
    }

    /// Whether a condition about an entity holds for this one.
    pub(super) fn holds_for(
        &mut self,
        recording: &Recording<'_>,
        scope: Scope,
        memory: usize,
        node: &Node,
        number: Ref,
    ) -> Result<bool, ReadError> {
        let entities = recording.entities;
        let place = match scope {
            Scope::Kind => entities.kinds.index(number),
            Scope::Thread => entities.threads.index(number),
            _ => entities.descriptors.index(number),
        };
        let ask = || match scope {
            Scope::Kind => node
                .holds(&At::Kind(recording, recording.entities.kind(number).map(|kind| KindView { kind }))),
            Scope::Thread => node.holds(&At::Thread(&ThreadView::new(recording, number))),
            _ => {
                let descriptor = if number == 0 { None } else { recording.entities.descriptor(number) };
                let view = descriptor.map(|descriptor| DescriptorView { descriptor });
                node.holds(&At::Descriptor(recording, view))
            }
        };
        match place {
            Some(place) => self.memories[memory].holds(place, ask),
            // None at all, or one that may yet be defined.
            None => ask(),
        }
    }

    /// Those of the rows in `among` for which the condition holds.
    fn evaluate(
        &mut self,
        plan: &Plan,
        recording: &Recording<'_>,
        rows: &Rows<'_>,
        among: Selection,
    ) -> Result<Selection, ReadError> {
        match plan {
            Plan::Recording(node) => {
                let holds = node.holds(&At::Recording(recording))?;
                Ok(if holds { among } else { Selection::none(among.rows()) })
            }
            Plan::Entity { scope, memory, node } => {
                let column = match scope {
                    Scope::Kind => rows.events.kinds()?,
                    Scope::Thread => rows.events.threads()?,
                    _ => rows.events.descriptors()?,
                };
                let marked = self.marked(recording, *scope, *memory, node, column)?;
                let mut selected = match () {
                    () if marked.iter().all(|marked| *marked) => among.clone(),
                    () if marked.iter().any(|marked| *marked) => among.with_codes(column.codes(), &marked),
                    () => Selection::none(among.rows()),
                };
                if *scope == Scope::Path {
                    self.without_descriptor(recording, rows, node, &among, &mut selected)?;
                }
                Ok(selected)
            }
            Plan::Row { node, .. } => rows_where(node, recording, rows, &among, &OPTIONS),
            Plan::And(plans) => {
                let mut left = among;
                for plan in plans {
                    if left.is_empty() {
                        break;
                    }
                    left = self.evaluate(plan, recording, rows, left)?;
                }
                Ok(left)
            }
            Plan::Or(plans) => {
                let mut selected = Selection::none(among.rows());
                let mut left = among;
                for plan in plans {
                    if left.is_empty() {
                        break;
                    }
                    let found = self.evaluate(plan, recording, rows, left.clone())?;
                    left.remove(&found);
                    selected.add(&found);
                }
                Ok(selected)
            }
            Plan::Not(plan) => {
                let mut left = among.clone();
                left.remove(&self.evaluate(plan, recording, rows, among)?);
                Ok(left)
            }
        }
    }

    /// For every entry of a column's dictionary, whether the condition holds.
    fn marked(
        &mut self,
        recording: &Recording<'_>,
        scope: Scope,
        memory: usize,
        node: &Node,
        column: &Codes,
    ) -> Result<Vec<bool>, ReadError> {
        let numbers = column.dictionary().iter();
        numbers.map(|&number| self.holds_for(recording, scope, memory, node, number)).collect()
    }

    /// Events without a descriptor whose call would have made one of a path: what they name stands in the row.
    fn without_descriptor(
        &mut self,
        recording: &Recording<'_>,
        rows: &Rows<'_>,
        node: &Node,
        among: &Selection,
        selected: &mut Selection,
    ) -> Result<(), ReadError> {
        let descriptors = rows.events.descriptors()?;
        let kinds = rows.events.kinds()?;
        let none: Vec<bool> = descriptors.dictionary().iter().map(|&number| number == 0).collect();
        let opening: Vec<bool> = kinds
            .dictionary()
            .iter()
            .map(|&number| {
                let kind = recording.entities.kind(number);
                kind.is_some_and(|kind| {
                    kind.fd == FdSource::Result && KindView { kind }.paths().next().is_some()
                })
            })
            .collect();
        if !none.contains(&true) || !opening.contains(&true) {
            return Ok(());
        }
        let named = among.with_codes(kinds.codes(), &opening).with_codes(descriptors.codes(), &none);
        selected.remove(&named);
        for row in named.iter() {
            if node.holds(&At::Row(&RowView::new(recording, rows, row, &OPTIONS)?))? {
                selected.insert(row);
            }
        }
        Ok(())
    }

    /// What a summary tells about a condition.
    fn bounds(&mut self, plan: &Plan, recording: &Recording<'_>, summary: &Summary) -> Bounds {
        match plan {
            Plan::Recording(node) => {
                let holds = node.holds(&At::Recording(recording)).unwrap_or(true);
                Bounds { may_hold: holds, may_fail: !holds }
            }
            // An event without a descriptor may name a path that only its row tells.
            Plan::Entity { scope: Scope::Path, .. } if summary.descriptors.contains(0) => Bounds::UNKNOWN,
            Plan::Entity { scope, memory, node } => {
                let mut bounds = Bounds { may_hold: false, may_fail: false };
                let mut numbers: Box<dyn Iterator<Item = Ref>> = match scope {
                    Scope::Kind => Box::new(summary.kinds.iter().map(|(kind, _)| *kind)),
                    Scope::Thread => Box::new(summary.threads.iter()),
                    _ => Box::new(summary.descriptors.iter()),
                };
                while let Some(number) = numbers.next().filter(|_| bounds != Bounds::UNKNOWN) {
                    match self.holds_for(recording, *scope, *memory, node, number) {
                        Ok(true) => bounds.may_hold = true,
                        Ok(false) => bounds.may_fail = true,
                        Err(_) => bounds = Bounds::UNKNOWN,
                    }
                }
                bounds
            }
            Plan::Row { node, .. } => row_bounds(node, recording, summary),
            Plan::And(plans) => plans.iter().fold(Bounds { may_hold: true, may_fail: false }, |all, plan| {
                let one = self.bounds(plan, recording, summary);
                Bounds { may_hold: all.may_hold && one.may_hold, may_fail: all.may_fail || one.may_fail }
            }),
            Plan::Or(plans) => plans.iter().fold(Bounds { may_hold: false, may_fail: true }, |all, plan| {
                let one = self.bounds(plan, recording, summary);
                Bounds { may_hold: all.may_hold || one.may_hold, may_fail: all.may_fail && one.may_fail }
            }),
            Plan::Not(plan) => {
                let inner = self.bounds(plan, recording, summary);
                Bounds { may_hold: inner.may_fail, may_fail: inner.may_hold }
            }
        }
    }
}

/// Whether a condition may hold for some event of a block, and whether it may fail for some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) may_hold: bool,
    pub(super) may_fail: bool,
}

impl Bounds {
    pub(super) const UNKNOWN: Bounds = Bounds { may_hold: true, may_fail: true };
}

/// What a summary tells about a condition on events: their times and whether any failed.
fn row_bounds(node: &Node, recording: &Recording<'_>, summary: &Summary) -> Bounds {
    let Node::Test(test) = node else { return Bounds::UNKNOWN };
    test.bounds(recording, summary)
        .map_or(Bounds::UNKNOWN, |(may_hold, may_fail)| Bounds { may_hold, may_fail })
}
