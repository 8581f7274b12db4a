//! Columns of byte strings: each distinct value once, rows as references to them.
//!
//! A row's reference is 0 for a value not seen before, else how many values back it was first seen, so a column
//! without repetition has a constant for references. A value is null, unread (with the pointer that was not
//! followed) or bytes.
//!
//! ```text
//! header: count of values, then the encodings of references, lengths, pointers
//! parts:  those of references (one per row), of lengths (one per value: 0 null, 1 unread, n+2 for n bytes),
//!         of pointers (one per unread value); then the bytes of all values
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::bytes::{Cursor, put_varint};
use super::ints::{self, Parts};
use super::payload::{ColumnParts, Squeezer};
use super::{Broken, Decoded, malformed};

pub(crate) const LENGTH_NULL: u64 = 0;
pub(crate) const LENGTH_UNREAD: u64 = 1;
pub(crate) const LENGTH_BYTES: u64 = 2;

/// A value of such a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value<'a> {
    Null,
    Unread(u64),
    Bytes(&'a [u8]),
}

/// Hashes eight bytes a step. Values are compared after, so a bad distribution, even one an attacker provokes,
/// costs time and nothing else; the block's size bounds it.
#[derive(Default)]
struct WordHasher {
    state: u64,
}

impl WordHasher {
    fn mix(&mut self, word: u64) {
        // An odd constant against runs of zeros, and the golden ratio as a multiplier.
        let product = u128::from(self.state ^ word ^ 0x5851_f42d_4c95_7f2d) * 0x9e37_79b9_7f4a_7c15;
        self.state = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.mix(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let mut last = [0; 8];
        let rest = words.remainder();
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last));
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

type Seen<'a> = HashMap<Value<'a>, u32, BuildHasherDefault<WordHasher>>;

/// Encodes a column.
pub(crate) fn encode<'a>(rows: impl Iterator<Item = Value<'a>>, squeezer: &mut Squeezer) -> ColumnParts {
    let mut seen = Seen::default();
    let (mut references, mut lengths, mut pointers) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = Vec::new();
    for value in rows {
        let next = seen.len() as u32;
        let code = *seen.entry(value).or_insert(next);
        references.push(u64::from(next - code));
        if code < next {
            continue;
        }
        lengths.push(match value {
            Value::Null => LENGTH_NULL,
            Value::Unread(pointer) => {
                pointers.push(pointer);
                LENGTH_UNREAD
            }
            Value::Bytes(text) => {
                bytes.extend_from_slice(text);
                LENGTH_BYTES + text.len() as u64
            }
        });
    }
    let mut out = ColumnParts::default();
    put_varint(&mut out.header, lengths.len() as u64);
    for column in [&references, &lengths, &pointers] {
        ints::encode_into(column, squeezer, &mut out);
    }
    out.parts.push(bytes);
    out
}

/// A decoded column.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Strings {
    /// Value of each row.
    pub(crate) codes: Vec<u32>,
    /// Each value's length word, and where its bytes begin or its pointer is.
    values: Vec<(u64, u64)>,
    bytes: Vec<u8>,
}

impl Strings {
    pub(crate) fn value_count(&self) -> usize {
        self.values.len()
    }

    /// Panics when there is no such code.
    pub(crate) fn value(&self, code: u32) -> Value<'_> {
        match self.values[code as usize] {
            (LENGTH_NULL, _) => Value::Null,
            (LENGTH_UNREAD, pointer) => Value::Unread(pointer),
            (length, start) => {
                let start = start as usize;
                // Decoding has checked that the bytes are there.
                Value::Bytes(&self.bytes[start..start + (length - LENGTH_BYTES) as usize])
            }
        }
    }
}

/// Decodes `rows` rows.
pub(crate) fn decode(header: &mut Cursor<'_>, parts: &mut Parts<'_>, rows: usize) -> Decoded<Strings> {
    let value_count = match usize::try_from(header.varint()?) {
        Ok(count) if count <= rows => count,
        _ => return malformed("a column has more values than rows"),
    };
    let references = ints::decode(header, parts, rows)?;
    let lengths = ints::decode(header, parts, value_count)?;
    let unread = lengths.iter().filter(|&&length| length == LENGTH_UNREAD).count();
    let pointers = ints::decode(header, parts, unread)?;
    let bytes = parts.next()?.to_vec();

    let mut pointers = pointers.into_iter();
    let mut values = Vec::with_capacity(value_count);
    let mut start = 0u64;
    for length in lengths {
        match length {
            LENGTH_NULL => values.push((length, 0)),
            LENGTH_UNREAD => values.push((length, pointers.next().unwrap_or(0))),
            _ => {
                values.push((length, start));
                start = start
                    .checked_add(length - LENGTH_BYTES)
                    .filter(|&end| end <= bytes.len() as u64)
                    .ok_or(Broken::Malformed("values exceed their bytes"))?;
            }
        }
    }
    if start != bytes.len() as u64 {
        return malformed("bytes belong to no value");
    }
    let mut next = 0u64;
    let mut codes = Vec::with_capacity(rows);
    for back in references {
        let Some(code) = next.checked_sub(back) else { return malformed("a row refers to no value") };
        next += u64::from(back == 0);
        codes.push(code as u32);
    }
    if next != value_count as u64 {
        return malformed("a value has no row");
    }
    Ok(Strings { codes, values, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_and_equal_ones_share_a_code() {
        let long = vec![b'x'; 3000];
        let rows = [
            Value::Bytes(b"/etc/passwd"),
            Value::Null,
            Value::Bytes(b""),
            Value::Unread(7),
            Value::Bytes(b"/etc/passwd"),
            Value::Bytes(&long),
            Value::Unread(8),
            Value::Null,
            Value::Bytes(&long),
        ];
        let encoded = encode(rows.iter().copied(), &mut Squeezer::new(3));
        let mut header = Cursor::new(&encoded.header);
        let strings = decode(&mut header, &mut Parts::new(&encoded.parts), rows.len()).expect("decodes");
        assert_eq!(header.end(), Ok(()));
        let found: Vec<_> = strings.codes.iter().map(|&code| strings.value(code)).collect();
        assert_eq!(found, rows);
        assert_eq!(strings.codes, [0, 1, 2, 3, 0, 4, 5, 1, 4]);
        assert_eq!(strings.value_count(), 6);
    }
}
