//! Kinds that depend on the value of another argument, or of another field of a structure.

use super::generated::CHOICES;
use super::kind::ArgKind;

/// What an argument is for each value of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// Name, as `by(N,NAME)` kinds have it.
    pub name: &'static str,
    /// Values in ascending order, and the kinds they ask for.
    pub entries: &'static [(u64, &'static str)],
    /// The kind for all other values.
    pub otherwise: &'static str,
}

impl Choices {
    /// The text of the kind for a value.
    pub fn kind_text(&self, value: u64) -> &'static str {
        match self.entries.binary_search_by_key(&value, |(known, _)| *known) {
            Ok(at) => self.entries[at].1,
            Err(_) => self.otherwise,
        }
    }

    /// The kind for a value.
    pub fn kind(&self, value: u64) -> ArgKind {
        self.kind_text(value).parse().expect("a test parses every kind of the tables")
    }
}

/// The table with a name.
pub fn choices(name: &str) -> Option<&'static Choices> {
    CHOICES.binary_search_by_key(&name, |choices| choices.name).ok().map(|at| &CHOICES[at])
}

/// Every table.
pub fn every_choice() -> &'static [Choices] {
    &CHOICES
}

/// The value that a choice by two numbers of 32 bits is looked up with.
pub fn joined(upper: u64, lower: u64) -> u64 {
    (upper & 0xffff_ffff) << 32 | (lower & 0xffff_ffff)
}
