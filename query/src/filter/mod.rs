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
use test::Relation;
pub(crate) use test::Test;

use capture_format::ReadError;

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
        let mut names = Vec::new();
        if let Some(root) = &self.root {
            root.unrecorded(&mut names);
        }
        names
    }
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

    fn unrecorded(&self, names: &mut Vec<&'static str>) {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| node.unrecorded(names)),
            Node::Not(node) => node.unrecorded(names),
            Node::Test(test) => {
                test.left.unrecorded(names);
                if let Relation::Other(_, right) = &test.relation {
                    right.unrecorded(names);
                }
            }
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
