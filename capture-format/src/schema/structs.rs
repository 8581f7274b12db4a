//! Layouts of the structures whose bytes captures hold.

use super::generated::STRUCTS;
use super::kind::{ArgKind, Shape};

/// A structure's layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Name, as `struct(NAME)` kinds have it.
    pub name: &'static str,
    /// Size in bytes; of one that says its length itself, up to its part of no fixed length.
    pub bytes: usize,
    /// The field that holds its length, for one of no fixed length.
    pub length: Option<&'static str>,
    /// Fields in the order in which they are shown.
    pub fields: &'static [Field],
}

/// The position of the last byte, wherever that is.
pub const LAST_BYTE: usize = 65535;

/// A field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name; `_` for the only field of a structure that prints as that field's value alone, and for one whose own
    /// fields are shown as if they were the structure's.
    pub name: &'static str,
    /// Position in bytes; [`LAST_BYTE`] for what stands at the end of a structure that says its length.
    pub offset: usize,
    /// How it is stored.
    pub storage: Storage,
    /// How often, one behind the other; of texts and bytes the length. 0 is up to the structure's end.
    pub count: usize,
    /// What it means: the text of an [`ArgKind`] that fetches nothing; of an inner structure its name; of bytes the
    /// field that counts them, or `text`.
    pub kind: &'static str,
}

/// Width and signedness of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names tell")]
pub enum Storage {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    /// Big endian, as network protocols have it.
    Be16,
    /// Characters up to the first NUL.
    Text,
    /// Bytes of any content.
    Bytes,
    /// A `struct sockaddr`.
    Sockaddr,
    /// The address of a network device.
    Mac,
    /// A structure.
    Inner,
    /// What a table ([`super::choices`]) says for the value of the field that `kind` names before the comma.
    By,
}

impl Storage {
    /// Bytes of one; of texts and what has no width of its own, 1.
    pub fn bytes(self) -> usize {
        match self {
            Storage::I8 | Storage::U8 | Storage::Text | Storage::Bytes => 1,
            Storage::Sockaddr | Storage::Mac | Storage::Inner | Storage::By => 1,
            Storage::I16 | Storage::U16 | Storage::Be16 => 2,
            Storage::I32 | Storage::U32 => 4,
            Storage::I64 | Storage::U64 => 8,
        }
    }
}

impl Structure {
    /// The field with a name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Field {
    /// The field's value in the bytes of a structure, sign-extended to 64 bits; `None` when they end before it.
    pub fn read(&self, structure: &[u8]) -> Option<u64> {
        self.read_at(structure, 0)
    }

    /// As [`Self::read`], for the one behind `index` others.
    pub fn read_at(&self, structure: &[u8], index: usize) -> Option<u64> {
        let offset = if self.offset == LAST_BYTE { structure.len().checked_sub(1)? } else { self.offset };
        let begin = offset + index * self.storage.bytes();
        let stored = structure.get(begin..begin + self.storage.bytes())?;
        let mut bytes = [0; 8];
        bytes[..stored.len()].copy_from_slice(stored);
        let value = u64::from_le_bytes(bytes);
        Some(match self.storage {
            Storage::I8 => i64::from(value as i8) as u64,
            Storage::I16 => i64::from(value as i16) as u64,
            Storage::I32 => i64::from(value as i32) as u64,
            Storage::Be16 => u64::from((value as u16).swap_bytes()),
            _ => value,
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
