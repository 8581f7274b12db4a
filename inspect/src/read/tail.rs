//! The end of the line: what came of each block, in order, goes out and is summed up.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use capture_format::model::Ref;
use capture_format::{Damage, Entities, ReadError};

use super::Outcome;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::input::describe;
use crate::output::Output;
use crate::plan::{ReadPlan, Show};
use crate::talk;

/// Writes and sums up.
pub(crate) struct Tail<'a> {
    plan: &'a ReadPlan,
    name: &'a str,
    out: Output,
    /// Events that may still be shown; threads look at it to do no more than needed.
    remaining: &'a AtomicU64,
    matched: u64,
    kinds: HashMap<Ref, u64>,
    damaged: bool,
    unreadable: u64,
}

impl<'a> Tail<'a> {
    pub(crate) fn new(plan: &'a ReadPlan, name: &'a str, remaining: &'a AtomicU64) -> Result<Tail<'a>> {
        let out = Output::stdout()?;
        let kinds = HashMap::new();
        Ok(Tail { plan, name, out, remaining, matched: 0, kinds, damaged: false, unreadable: 0 })
    }

    /// Takes what came of the next block; breaks when no more is wanted.
    pub(crate) fn take(&mut self, outcome: &Outcome) -> Result<ControlFlow<()>> {
        let remaining = self.remaining.load(Ordering::Relaxed);
        let shown = outcome.matched.min(remaining);
        let mut text = outcome.text.as_slice();
        if shown < outcome.matched {
            let end = shown.checked_sub(1).and_then(|last| outcome.ends.get(last as usize));
            text = &text[..end.copied().unwrap_or(0)];
        }
        if self.plan.unbuffered {
            let mut start = 0;
            for &end in outcome.ends.iter().filter(|end| **end <= text.len()) {
                self.out.write(&text[start..end])?;
                start = end;
            }
            text = &text[start..];
        }
        if !text.is_empty() {
            self.out.write(text)?;
        }
        self.matched += shown;
        for &(kind, count) in &outcome.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        self.remaining.store(remaining - shown, Ordering::Relaxed);
        if remaining == shown {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Names what could not be read. Only what is no damage of the capture itself is an error.
    pub(crate) fn fail(&mut self, error: ReadError, events_missing: u64) -> Result<()> {
        match error {
            ReadError::Damaged(damage) => {
                self.damage(&damage);
                self.unreadable += events_missing;
                Ok(())
            }
            other => Err(describe(self.name, other)),
        }
    }

    /// Names damage.
    pub(crate) fn damage(&mut self, damage: &Damage) {
        talk::say_damage(self.name, damage);
        self.damaged = true;
    }

    /// Prints what is printed at the end, and says what must not go unnoticed.
    pub(crate) fn finish(mut self, entities: &Entities, lost: u64) -> Result<Exit> {
        if let Show::Count = self.plan.show {
            self.out.write(format!("{}\n", self.matched).as_bytes())?;
        }
        if self.plan.summary {
            let text = summary(&self.kinds, entities, self.plan.json);
            self.out.write(text.as_bytes())?;
        }
        if lost > 0 {
            let name = self.name;
            talk::say(format_args!(
                "{name}: {lost} events were lost while it was recorded; see `sysreel info`"
            ));
        }
        if self.unreadable > 0 {
            let (name, events) = (self.name, self.unreadable);
            talk::say(format_args!("{name}: up to {events} matching events are in damaged parts"));
        }
        Ok(if self.damaged { Exit::Damaged } else { Exit::Done })
    }
}

/// Counts by event type, most frequent first.
fn summary(kinds: &HashMap<Ref, u64>, entities: &Entities, json: bool) -> String {
    let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
    for (&kind, &count) in kinds {
        let name = entities.kind(kind).map_or("?".to_owned(), |kind| escaped(kind.name.as_bytes()));
        *by_name.entry(name).or_default() += count;
    }
    if json {
        return format!("{}\n", serde_json::json!({ "evt.type": "summary", "evt.count": by_name }));
    }
    let mut types: Vec<_> = by_name.into_iter().collect();
    types.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let mut text = format!("{0}\n{1:<20}{2:>12}\n{0}\n", "-".repeat(32), "Event", "#Events");
    for (name, count) in types {
        let _ = writeln!(text, "{name:<20}{count:>12}");
    }
    text
}
