//! Filters: the tree of `syntax`, checked against the table of fields.
//!
//! Checking finds every field, turns values into the field's type once, and refuses what can never be true
//! (an operator that the type lacks, an event type that does not exist). What is left is a tree of [`Node`]s
//! that evaluates without errors of its own. Start at [`Filter`].

mod access;
mod check;
mod glob;
mod literal;
mod network;
mod peer_names;
mod test;

pub(crate) use access::{Access, At, Scope};
pub(crate) use check::{access_of, check};
pub(crate) use test::Test;

use capture_format::ReadError;

use crate::fields::Field;

pub use crate::syntax::FilterError;
use crate::syntax::parse;

/// A filter, parsed and checked.
#[derive(Clone, Debug)]
pub struct Filter {
    /// `None` when every event is selected.
    pub(crate) root: Option<Node>,
}

impl Filter {
    /// Parses and checks a filter. Blank text selects every event.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let root = match parse(text)? {
            Some(expr) => Some(check(text, &expr)?),
            None => None,
        };
        Ok(Filter { root })
    }

    /// The fields in it that captures do not hold: they are missing in every event.
    pub fn unrecorded(&self) -> Vec<&'static str> {
        self.names(|field| !field.is_recorded())
    }

    /// The fields in it whose values come of an event's place among others: for an event that is still to be recorded
    /// they mean nothing.
    pub fn of_place(&self) -> Vec<&'static str> {
        self.names(Field::is_of_place)
    }

    /// The fields in it, each with who can decide about it before the filter as a whole is evaluated.
    pub fn deciders(&self) -> Vec<(&'static str, Decider)> {
        let mut deciders = Vec::new();
        if let Some(root) = &self.root {
            root.each_test(&mut |test| {
                let mut fields = Vec::new();
                test.fields(&mut fields);
                deciders.extend(fields.into_iter().map(|field| (field.name, test.decider())));
            });
        }
        deciders.sort_unstable_by_key(|(name, _)| *name);
        deciders.dedup();
        deciders
    }

    /// How it names an event type.
    pub fn naming(&self, event_type: &str) -> Naming {
        self.root.as_ref().map_or(Naming::None, |root| root.naming(event_type, true))
    }

    /// The beginnings of paths that comparisons name, where they are false of paths with other ones.
    pub fn prefixes(&self) -> Vec<Vec<u8>> {
        self.gather(Test::prefixes)
    }

    /// The ports that comparisons name, where they are false of sockets with others.
    pub fn ports(&self) -> Vec<u16> {
        self.gather(Test::ports)
    }

    fn gather<T: Ord>(&self, of: impl Fn(&Test) -> Option<Vec<T>>) -> Vec<T> {
        let mut all = Vec::new();
        if let Some(root) = &self.root {
            root.each_test(&mut |test| all.extend(of(test).into_iter().flatten()));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn names(&self, is_wanted: impl Fn(&Field) -> bool) -> Vec<&'static str> {
        let mut fields = Vec::new();
        if let Some(root) = &self.root {
            root.each_test(&mut |test| test.fields(&mut fields));
        }
        let mut names: Vec<_> =
            fields.into_iter().filter(|field| is_wanted(field)).map(|field| field.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// How a filter names an event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    /// Not at all, or only to exclude it.
    None,
    /// By a pattern that fits its name among others.
    Pattern,
    /// By its name: such events are asked for.
    Name,
}

/// What a condition can be decided by, the earlier the cheaper for a recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// The kind of event, for some kinds at least.
    Kind,
    /// Whether and how the call failed, or how long it took.
    Outcome,
    /// The thread, until its process changes.
    Thread,
    /// The descriptor, until something happens to it.
    Descriptor,
    /// How the path begins that the call is given.
    Path,
    /// The whole event.
    Event,
}

/// A checked condition.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Test(Box<Test>),
}

impl Node {
    /// What the condition depends on.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Node::And(nodes) | Node::Or(nodes) => {
                nodes.iter().map(Node::scope).fold(Scope::Recording, Scope::join)
            }
            Node::Not(node) => node.scope(),
            Node::Test(test) => test.scope(),
        }
    }

    /// How the condition names an event type; `wanted` is false below an odd number of `not`.
    fn naming(&self, event_type: &str, wanted: bool) -> Naming {
        match self {
            Node::And(nodes) | Node::Or(nodes) => {
                let namings = nodes.iter().map(|node| node.naming(event_type, wanted));
                namings.max().unwrap_or(Naming::None)
            }
            Node::Not(node) => node.naming(event_type, !wanted),
            Node::Test(test) => test.naming(event_type, wanted),
        }
    }

    /// Shows every comparison.
    pub(crate) fn each_test<'n>(&'n self, show: &mut impl FnMut(&'n Test)) {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| node.each_test(show)),
            Node::Not(node) => node.each_test(show),
            Node::Test(test) => show(test),
        }
    }

    /// Whether the condition holds; `at` must be of its scope, or a row.
    pub(crate) fn holds(&self, at: &At<'_, '_>) -> Result<bool, ReadError> {
        match self {
            Node::And(nodes) => {
                for node in nodes {
                    if !node.holds(at)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Or(nodes) => {
                for node in nodes {
                    if node.holds(at)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Not(node) => Ok(!node.holds(at)?),
            Node::Test(test) => test.holds(at),
        }
    }
}
