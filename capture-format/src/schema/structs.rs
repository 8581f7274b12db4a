//! Layouts of the structures whose bytes captures hold.

use super::generated::STRUCTS;
use super::kind::{ArgKind, Shape};

/// A structure's layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Name, as `struct(NAME)` kinds have it.
    pub name: &'static str,
    /// Size in bytes.
    pub bytes: usize,
    /// Fields in the order in which they are shown.
    pub fields: &'static [Field],
}

/// A field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name; `_` for the only field of a structure that prints as that field's value alone.
    pub name: &'static str,
    /// Position in bytes.
    pub offset: usize,
    /// How it is stored.
    pub storage: Storage,
    /// What it means: the text of an [`ArgKind`] that fetches nothing.
    pub kind: &'static str,
}

/// Width and signedness of a field, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names tell")]
pub enum Storage {
    I16,
    I32,
    I64,
    U16,
    U32,
    U64,
}

impl Storage {
    /// Bytes.
    pub fn bytes(self) -> usize {
        match self {
            Storage::I16 | Storage::U16 => 2,
            Storage::I32 | Storage::U32 => 4,
            Storage::I64 | Storage::U64 => 8,
        }
    }
}

impl Field {
    /// The field's value in the bytes of a structure, sign-extended to 64 bits; `None` when they end before it.
    pub fn read(&self, structure: &[u8]) -> Option<u64> {
        let stored = structure.get(self.offset..self.offset + self.storage.bytes())?;
        let mut bytes = [0; 8];
        bytes[..stored.len()].copy_from_slice(stored);
        let value = u64::from_le_bytes(bytes);
        Some(match self.storage {
            Storage::I16 => i64::from(value as i16) as u64,
            Storage::I32 => i64::from(value as i32) as u64,
            Storage::I64 | Storage::U16 | Storage::U32 | Storage::U64 => value,
        })
    }

    /// What the value means.
    pub fn shape(&self) -> Shape {
        self.kind.parse::<ArgKind>().map_or(Shape::Hex, |kind| kind.shape)
    }
}

/// The layout of a structure.
pub fn structure(name: &str) -> Option<&'static Structure> {
    STRUCTS.binary_search_by_key(&name, |structure| structure.name).ok().map(|at| &STRUCTS[at])
}
