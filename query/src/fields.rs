//! The table of fields.

/// Type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names tell")]
pub enum Type {
    Number,
    Bool,
    Text,
    Bytes,
    Address,
    Port,
    Time,
    Duration,
    Percent,
    List,
    /// The argument's own type.
    Dynamic,
}

/// Where a field may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names tell")]
pub enum Usage {
    Both,
    FilterOnly,
    OutputOnly,
    /// Understood, but not listed.
    Hidden,
}

/// A field of the table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name, as filters and formats have it.
    pub name: &'static str,
    /// Type of its values.
    pub kind: Type,
    /// Where it may stand.
    pub usage: Usage,
    /// What it holds.
    pub doc: &'static str,
}

impl Field {
    /// `evt`, `proc`, ...: the part of the name before the first dot.
    pub fn class(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(class, _)| class)
    }

    /// The type's name, for listings.
    pub fn type_name(&self) -> &'static str {
        todo!()
    }
}

/// Every field, in order of classes.
pub fn fields() -> &'static [Field] {
    todo!()
}

/// `docs/fields.md`.
pub fn fields_markdown() -> String {
    todo!()
}
