//! One comparison.

use std::cmp::Ordering;

use capture_format::{ReadError, Summary};
use memchr::memmem::Finder;
use regex::bytes::Regex;

use super::access::{Access, At, Scope};
use super::glob::Glob;
use super::literal::{Literal, Literals};
use super::{Decider, Naming};
use crate::fields::{Argument, Field, Type};
use crate::recording::Recording;
use crate::syntax::{Operator, Quantifier};
use crate::value::Value;

/// A comparison that only asks about a value's bytes.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    Contains(Finder<'static>),
    /// The text in lower case.
    IContains(Finder<'static>),
    StartsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    Glob(Glob),
    Regex(Regex),
}

impl Pattern {
    fn fits(&self, text: &[u8]) -> bool {
        match self {
            Pattern::Contains(part) => part.find(text).is_some(),
            Pattern::IContains(part) => part.find(&text.to_ascii_lowercase()).is_some(),
            Pattern::StartsWith(start) => text.starts_with(start),
            Pattern::EndsWith(end) => text.ends_with(end),
            Pattern::Glob(glob) => glob.matches(text),
            Pattern::Regex(regex) => regex.is_match(text),
        }
    }
}

/// Paths to lie below.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directories {
    /// Without slashes at their ends.
    paths: std::collections::HashSet<Vec<u8>>,
}

impl FromIterator<Vec<u8>> for Directories {
    fn from_iter<T: IntoIterator<Item = Vec<u8>>>(paths: T) -> Self {
        let trimmed = |mut path: Vec<u8>| {
            while path.ends_with(b"/") {
                path.pop();
            }
            path
        };
        Directories { paths: paths.into_iter().map(trimmed).collect() }
    }
}

impl Directories {
    /// Whether a path is one of these or lies below one; costs a look-up per component, however many these are.
    fn hold(&self, path: &[u8]) -> bool {
        if self.paths.is_empty() || path.is_empty() {
            return false;
        }
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        ends.chain([path.len()]).any(|end| self.paths.contains(&path[..end]))
    }
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(crate) enum Relation {
    Exists,
    /// `=`, `!=`, `<` ... with a value.
    Compare(Operator, Literal),
    /// Any, one or all of these.
    Patterns(Quantifier, Vec<Pattern>),
    In(Literals),
    Below(Directories),
    /// An operator with a value that is read as well.
    Other(Operator, Access),
}

/// A comparison.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) left: Access,
    pub(crate) relation: Relation,
}

impl Test {
    pub(crate) fn scope(&self) -> Scope {
        match &self.relation {
            Relation::Other(_, right) => self.left.scope().join(right.scope()),
            _ => self.left.scope(),
        }
    }

    /// Whether the right side is read as well.
    pub(crate) fn reads_right(&self) -> bool {
        matches!(self.relation, Relation::Other(..))
    }

    /// Whether it holds: never for a missing value.
    pub(crate) fn holds(&self, at: &At<'_, '_>) -> Result<bool, ReadError> {
        let Some(value) = self.left.read(at)? else { return Ok(false) };
        let Relation::Other(operator, right) = &self.relation else { return Ok(self.holds_for(&value)) };
        Ok(right.read(at)?.is_some_and(|right| values_compare(&value, *operator, &right)))
    }

    /// Whether it holds for this value of the left side, when the right one is not read.
    pub(crate) fn holds_for(&self, value: &Value<'_>) -> bool {
        match &self.relation {
            Relation::Exists => true,
            Relation::Compare(operator, literal) => compares(value, *operator, literal),
            Relation::Patterns(quantifier, patterns) => any(value, |value| {
                let Some(text) = value.bytes() else { return false };
                let mut fitting = patterns.iter().map(|pattern| pattern.fits(text));
                match quantifier {
                    Quantifier::Any => fitting.any(|fits| fits),
                    Quantifier::All => fitting.all(|fits| fits),
                    Quantifier::One => fitting.filter(|fits| *fits).count() == 1,
                }
            }),
            Relation::In(literals) => any(value, |value| literals.contain(value)),
            Relation::Below(directories) => {
                any(value, |value| value.bytes().is_some_and(|path| directories.hold(path)))
            }
            Relation::Other(..) => false,
        }
    }
}

/// The whole numbers that a test holds for.
#[derive(Clone, Copy)]
pub(crate) enum Integers<'t> {
    /// Those from a lowest to a highest one, or all others.
    Between {
        low: i128,
        high: i128,
        inside: bool,
    },
    /// Of a bool: 0 and 1.
    Truth([bool; 2]),
    Other(&'t Test),
}

impl Integers<'_> {
    #[inline]
    pub(crate) fn hold(&self, number: i128) -> bool {
        match self {
            Integers::Between { low, high, inside } => (*low <= number && number <= *high) == *inside,
            Integers::Truth(holding) => holding[usize::from(number != 0)],
            Integers::Other(test) => test.holds_for(&match i64::try_from(number) {
                Ok(number) => Value::Int(number),
                // Values are at most 64 bits wide.
                Err(_) => Value::Uint(number as u64),
            }),
        }
    }
}

impl Integers<'_> {
    /// Whether all of these numbers are held, or none is; `None` when only some are.
    pub(crate) fn hold_between(&self, first: i128, last: i128) -> Option<bool> {
        match self {
            Integers::Between { low, high, inside } => match () {
                () if last < *low || *high < first => Some(!inside),
                () if *low <= first && last <= *high => Some(*inside),
                () => None,
            },
            Integers::Truth([no, yes]) if no == yes => Some(*no),
            _ => (first == last).then(|| self.hold(first)),
        }
    }
}

impl Test {
    /// Whether a test of `evt.res` holds for all results between two, or for none; `None` when that is not clear.
    pub(crate) fn holds_for_results(&self, first: i64, last: i64) -> Option<bool> {
        let for_success = self.holds_for(&Value::Text(b"SUCCESS".into()));
        if first >= 0 {
            return Some(for_success);
        }
        // Of the many names that errors have none is `SUCCESS`.
        match &self.relation {
            Relation::Compare(Operator::Equal, _) if last < 0 && for_success => Some(false),
            Relation::Compare(Operator::NotEqual, _) if last < 0 && !for_success => Some(true),
            _ => None,
        }
    }

    /// The number that the left side is compared with.
    pub(crate) fn compared_with(&self) -> Option<u64> {
        match &self.relation {
            Relation::Compare(_, literal) => u64::try_from(literal.integer()?).ok(),
            _ => None,
        }
    }

    /// Beginnings of which the text it asks about has one wherever the comparison holds; `None` when there are no such, or
    /// when the text is no path.
    pub(crate) fn prefixes(&self) -> Option<Vec<Vec<u8>>> {
        // That of a directory is one of the path, too.
        const PATHS: [&str; 5] = ["fd.directory", "fd.name", "fd.nameraw", "fs.path.name", "fs.path.nameraw"];
        let prefixes = match (&self.left, &self.relation) {
            (Access::Field(field, _), _) if !PATHS.contains(&field.name) => return None,
            (Access::Field(..), Relation::Compare(Operator::Equal, literal)) => {
                vec![literal.text()?.to_vec()]
            }
            (Access::Field(..), Relation::In(literals)) => literals.texts().map(<[u8]>::to_vec).collect(),
            (Access::Field(..), Relation::Below(directories)) => directories.paths.iter().cloned().collect(),
            (Access::Field(..), Relation::Patterns(_, patterns)) => {
                let prefix = |pattern: &Pattern| match pattern {
                    Pattern::StartsWith(start) => Some(start.clone()),
                    Pattern::Glob(glob) => glob.prefix(),
                    _ => None,
                };
                patterns.iter().map(prefix).collect::<Option<_>>()?
            }
            _ => return None,
        };
        prefixes.iter().all(|prefix| prefix.starts_with(b"/")).then_some(prefixes)
    }

    /// Ports of which the socket has one, at either end, wherever the comparison holds; `None` when there are no such.
    pub(crate) fn ports(&self) -> Option<Vec<u16>> {
        if !self.is_about_port() {
            return None;
        }
        // Greater numbers are no ports.
        let port = |number: i128| u16::try_from(number).ok();
        match &self.relation {
            Relation::Compare(Operator::Equal, literal) => {
                Some(port(literal.integer()?).into_iter().collect())
            }
            Relation::In(literals) => Some(literals.integers().filter_map(port).collect()),
            _ => None,
        }
    }

    /// Whether it asks about a port of an IP socket, which nothing else has.
    pub(crate) fn is_about_port(&self) -> bool {
        const PORTS: [&str; 6] = ["fd.cport", "fd.lport", "fd.port", "fd.proto", "fd.rport", "fd.sport"];
        !self.reads_right() && matches!(self.left, Access::Field(field, _) if PORTS.contains(&field.name))
    }

    /// What it can be decided by.
    pub(crate) fn decider(&self) -> Decider {
        const OUTCOMES: [&str; 5] = ["evt.count.error", "evt.failed", "evt.latency", "evt.rawres", "evt.res"];
        const OF_KIND: [&str; 2] = ["evt.arg", "evt.category"];
        let of = |names: &[&str]| matches!(self.left, Access::Field(field, _) if names.contains(&field.name));
        match self.scope() {
            Scope::Recording | Scope::Kind => Decider::Kind,
            Scope::Thread if !self.is_changed_by_others() => Decider::Thread,
            Scope::Row if !self.reads_right() && of(&OUTCOMES) => Decider::Outcome,
            Scope::Row if !self.reads_right() && of(&OF_KIND) => Decider::Kind,
            Scope::Descriptor | Scope::Path => Decider::Descriptor,
            Scope::Row if self.prefixes().is_some() => Decider::Path,
            _ => Decider::Event,
        }
    }

    /// How the comparison, or where it is not `wanted` its opposite, names an event type.
    pub(crate) fn naming(&self, event_type: &str, wanted: bool) -> Naming {
        let Access::Field(field, argument) = &self.left else { return Naming::None };
        let value = match field.name {
            "evt.type" | "syscall.type" => Value::Text(event_type.as_bytes().into()),
            "evt.type.is" if matches!(argument, Argument::Name(name) if name == event_type) => Value::Uint(1),
            _ => return Naming::None,
        };
        match (&self.relation, wanted) {
            _ if self.holds_for(&value) != wanted => Naming::None,
            (Relation::Compare(Operator::Equal, _) | Relation::In(_), true) => Naming::Name,
            (Relation::Compare(Operator::NotEqual, _), false) => Naming::Name,
            (Relation::Patterns(..), true) => Naming::Pattern,
            _ => Naming::None,
        }
    }

    /// Adds the fields in it.
    pub(crate) fn fields(&self, fields: &mut Vec<&'static Field>) {
        self.left.fields(fields);
        if let Relation::Other(_, right) = &self.relation {
            right.fields(fields);
        }
    }

    /// Whether the test may come out otherwise by what other processes do.
    pub(crate) fn is_changed_by_others(&self) -> bool {
        let mut fields = Vec::new();
        self.fields(&mut fields);
        fields.into_iter().any(Field::is_changed_by_others)
    }

    /// The test as one of whole numbers, for a left side that has such values, or bools.
    pub(crate) fn integers(&self) -> Integers<'_> {
        if self.left.kind() == Type::Bool {
            return Integers::Truth([false, true].map(|value| self.holds_for(&Value::Bool(value))));
        }
        let between = |low, high, inside| Integers::Between { low, high, inside };
        match &self.relation {
            Relation::Exists => between(i128::MIN, i128::MAX, true),
            Relation::Compare(operator, literal) => match (operator, literal.integer()) {
                (Operator::Equal, Some(number)) => between(number, number, true),
                (Operator::NotEqual, Some(number)) => between(number, number, false),
                (Operator::LessEqual, Some(number)) => between(i128::MIN, number, true),
                (Operator::GreaterEqual, Some(number)) => between(number, i128::MAX, true),
                (Operator::Less, Some(number)) => between(number, i128::MAX, false),
                (Operator::Greater, Some(number)) => between(i128::MIN, number, false),
                _ => Integers::Other(self),
            },
            _ => Integers::Other(self),
        }
    }
}

/// Whether something holds for the value, or for one of the values that stand for it.
fn any(value: &Value<'_>, holds: impl Fn(&Value<'_>) -> bool) -> bool {
    match value {
        Value::Any(values) | Value::Ends(values) => values.iter().any(holds),
        value => holds(value),
    }
}

fn ordered(operator: Operator, order: Option<Ordering>) -> bool {
    match operator {
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessEqual => order.is_some_and(Ordering::is_le),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterEqual => order.is_some_and(Ordering::is_ge),
        _ => false,
    }
}

fn compares(value: &Value<'_>, operator: Operator, literal: &Literal) -> bool {
    match operator {
        Operator::Equal => any(value, |value| literal.equals(value)),
        // Of two ends neither may be equal.
        Operator::NotEqual => match value {
            Value::Ends(values) => !values.iter().any(|value| literal.equals(value)),
            value => any(value, |value| !literal.equals(value)),
        },
        operator => any(value, |value| ordered(operator, literal.order(value))),
    }
}

fn values_compare(left: &Value<'_>, operator: Operator, right: &Value<'_>) -> bool {
    let bytes = || Some((left.bytes()?, right.bytes()?));
    match operator {
        Operator::NotEqual => match left {
            Value::Ends(values) => !values.iter().any(|left| equal(left, right)),
            left => any(left, |left| !equal(left, right)),
        },
        Operator::Equal | Operator::In | Operator::Intersects => {
            any(left, |left| any(right, |right| equal(left, right)))
        }
        Operator::PMatch => {
            bytes().is_some_and(|(left, right)| Directories::from_iter([right.to_vec()]).hold(left))
        }
        Operator::Contains => {
            bytes().is_some_and(|(left, right)| memchr::memmem::find(left, right).is_some())
        }
        Operator::IContains => bytes().is_some_and(|(left, right)| {
            memchr::memmem::find(&left.to_ascii_lowercase(), &right.to_ascii_lowercase()).is_some()
        }),
        Operator::StartsWith => bytes().is_some_and(|(left, right)| left.starts_with(right)),
        Operator::EndsWith => bytes().is_some_and(|(left, right)| left.ends_with(right)),
        Operator::Glob => bytes().is_some_and(|(left, right)| Glob::new(right, false).matches(left)),
        Operator::IGlob => bytes().is_some_and(|(left, right)| Glob::new(right, true).matches(left)),
        operator => any(left, |left| any(right, |right| ordered(operator, order(left, right)))),
    }
}

fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    order(left, right) == Some(Ordering::Equal)
        || matches!((left, right), (Value::Bool(a), Value::Bool(b)) if a == b)
        || matches!((left, right), (Value::Ip(a), Value::Ip(b)) if a == b)
}

fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.integer(), right.integer()) {
        return Some(left.cmp(&right));
    }
    Some(left.bytes()?.cmp(right.bytes()?))
}

impl Test {
    /// What a block's summary tells: whether the test may hold for some event, and whether it may fail.
    pub(crate) fn bounds(&self, recording: &Recording<'_>, summary: &Summary) -> Option<(bool, bool)> {
        let (Access::Field(field, _), Relation::Compare(operator, literal)) = (&self.left, &self.relation)
        else {
            return None;
        };
        let wall = |boot_ns: u64| boot_ns.saturating_add_signed(recording.host.epoch_offset_ns);
        let since_first = |boot_ns: u64| boot_ns.saturating_sub(recording.first_time_ns);
        let (first, last) = match field.name {
            // Events without a result are missing from the count, and fail either way.
            "evt.failed" => {
                let holds = |failed| compares(&Value::Bool(failed), *operator, literal);
                let (some_failed, all_failed) =
                    (summary.rows_failed > 0, summary.rows_failed == summary.rows);
                return Some((some_failed && holds(true) || !all_failed && holds(false), true));
            }
            "evt.rawtime" => (wall(summary.time_first_ns), wall(summary.time_last_ns)),
            "evt.reltime" => (since_first(summary.time_first_ns), since_first(summary.time_last_ns)),
            _ => return None,
        };
        let (first, last) = (Value::Uint(first), Value::Uint(last));
        let between = literal.order(&first).is_some_and(Ordering::is_le)
            && literal.order(&last).is_some_and(Ordering::is_ge);
        let either = compares(&first, *operator, literal) || compares(&last, *operator, literal);
        Some(match operator {
            Operator::Equal => (between, true),
            Operator::NotEqual => (true, true),
            // Monotone in the time: true somewhere if true at an end.
            _ => (either, !(compares(&first, *operator, literal) && compares(&last, *operator, literal))),
        })
    }
}
