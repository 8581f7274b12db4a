//! The table of fields: name, type, what it holds and how it is read. Filters, formats, listings and
//! `docs/fields.md` all come from it.
//!
//! How a field is read also says what it depends on ([`Read`]): a field of a thread is read once per thread
//! version, not once per event. Start at [`Field`].

mod container;
mod descriptor;
mod event;
mod fdlist;
mod markdown;
mod path;
mod process;
mod services;
mod thread;

use std::sync::LazyLock;

use capture_format::ReadError;

pub(crate) use event::{io_category, parameter};
pub use markdown::fields_markdown;
pub(crate) use path::only_path;
pub(crate) use services::{service_name, service_port};

use crate::recording::Recording;
use crate::syntax::nearest;
use crate::value::Value;
use crate::view::{DescriptorView, KindView, RowView, ThreadView};

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
    /// ns since the epoch.
    Time,
    /// ns.
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

/// What a field takes in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    /// `field` or `field[N]`.
    MaybeIndex,
    /// `field` or `field[NAME]`.
    MaybeName,
    /// `field[N]`, `field[NAME]` or `field.NAME`.
    Name,
    /// `field[N]`, N a number.
    Index,
}

/// What a field was given in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    None,
    Index(u64),
    Name(String),
}

/// How a field is read, and so what it depends on.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// Captures do not hold it yet.
    Never,
    Recording(for<'a> fn(&Recording<'a>) -> Option<Value<'a>>),
    Kind(for<'a> fn(&KindView<'a>, &Argument) -> Option<Value<'a>>),
    Thread(for<'a> fn(&ThreadView<'a>, &Argument) -> Option<Value<'a>>),
    Descriptor(for<'a> fn(&DescriptorView<'a>) -> Option<Value<'a>>),
    /// As `Descriptor`; an event without one may still name a path.
    Path(for<'a> fn(&DescriptorView<'a>) -> Option<Value<'a>>),
    Row(for<'a> fn(&RowView<'a>, &Argument) -> Result<Option<Value<'a>>, ReadError>),
}

impl std::fmt::Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Read::Never => "Never",
            Read::Recording(_) => "Recording",
            Read::Kind(_) => "Kind",
            Read::Thread(_) => "Thread",
            Read::Descriptor(_) => "Descriptor",
            Read::Path(_) => "Path",
            Read::Row(_) => "Row",
        })
    }
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
    pub(crate) takes: Takes,
    pub(crate) read: Read,
}

/// A row of the table.
const fn field(name: &'static str, kind: Type, read: Read, doc: &'static str) -> Field {
    Field { name, kind, usage: Usage::Both, doc, takes: Takes::Nothing, read }
}

impl Field {
    const fn takes(self, takes: Takes) -> Self {
        Field { takes, ..self }
    }

    const fn usage(self, usage: Usage) -> Self {
        Field { usage, ..self }
    }

    /// `evt`, `proc`, ...: the part of the name before the first dot.
    pub fn class(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(class, _)| class)
    }

    /// The type's name, for listings.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Type::Number => "number",
            Type::Bool => "bool",
            Type::Text => "text",
            Type::Bytes => "bytes",
            Type::Address => "address",
            Type::Port => "port",
            Type::Time => "time",
            Type::Duration => "duration",
            Type::Percent => "percent",
            Type::List => "list",
            Type::Dynamic => "any",
        }
    }

    /// What it takes in brackets, for listings; empty when it takes nothing.
    pub fn argument(&self) -> &'static str {
        match self.takes {
            Takes::Nothing => "",
            Takes::MaybeIndex => "[N]?",
            Takes::MaybeName => "[N or NAME]?",
            Takes::Name => "[N or NAME]",
            Takes::Index => "[N]",
        }
    }

    /// Whether its values come of an event's place among others of a capture.
    pub(crate) fn is_of_place(&self) -> bool {
        let name = self.name;
        name == "evt.num" || ["evt.deltatime", "evt.reltime"].iter().any(|of| name.starts_with(of))
    }

    /// Whether other processes than the one it is about can change it: `setpgid` of a child, a change of the
    /// working directory by one that shares it, or a loss. All else that is told of a thread changes by calls of its own
    /// process, by exec, or by a move to another control group. Parents and what is told of them are those of the time
    /// when the process last changed.
    pub(crate) fn is_changed_by_others(&self) -> bool {
        let name = self.name;
        ["proc.pgid", "proc.vpgid"].iter().any(|group| name.starts_with(group))
            || matches!(
                name,
                "proc.is_pgid_leader" | "proc.is_vpgid_leader" | "proc.is_uncertain" | "proc.cwd"
            )
    }

    /// Whether captures hold it; fields that they do not hold yet are missing in every event.
    pub fn is_recorded(&self) -> bool {
        !matches!(self.read, Read::Never)
    }
}

static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    [
        event::FIELDS,
        path::FIELDS,
        process::FIELDS,
        thread::FIELDS,
        descriptor::FIELDS,
        fdlist::FIELDS,
        container::FIELDS,
    ]
    .concat()
});

/// Every field, in order of classes.
pub fn fields() -> &'static [Field] {
    &FIELDS
}

/// The field with this name.
pub(crate) fn find(name: &str) -> Option<&'static Field> {
    fields().iter().find(|field| field.name == name)
}

/// The field whose name is most like this.
pub(crate) fn find_like(name: &str) -> Option<&'static str> {
    nearest(name, fields().iter().map(|field| field.name))
}

#[cfg(test)]
mod tests;
