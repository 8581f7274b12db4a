//! Byte strings: pools of distinct values, and columns that refer to them.
//!
//! Many columns share a pool, because the same value turns up in many: a path is looked up, opened and renamed, what
//! one thread sends another receives. Columns are encoded one after the other, and each puts the values that no column before had
//! behind those that are in the pool.
//!
//! A reference is
//!
//! | word     | meaning                                                                        |
//! |----------|--------------------------------------------------------------------------------|
//! | 0        | the next value that this column put into the pool                              |
//! | 1        | the value behind the one that the last word 1, or odd word, of this column named |
//! | 2 + 2n   | value n                                                                        |
//! | 3 + 2n   | value n, and word 1 goes on behind it                                          |
//!
//! so that a column of new values, and one that repeats another in order, is constant.
//!
//! ```text
//! pool    header: count of values, encodings of lengths and of pointers
//!         parts:  those of lengths (one per value: 0 null, 1 unread, n+2 for n bytes), of pointers (one per unread
//!                 value), then the bytes of all values
//! column  header: first value that it put into the pool, encoding of references
//! ```

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::bytes::{Cursor, put_varint};
use super::ints::{self, Parts};
use super::payload::ColumnParts;
use super::{Broken, Decoded, malformed};

const LENGTH_NULL: u64 = 0;
const LENGTH_UNREAD: u64 = 1;
const LENGTH_BYTES: u64 = 2;

const WORD_NEW: u64 = 0;
const WORD_NEXT: u64 = 1;
const WORD_NAMED: u64 = 2;

/// A value of such a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value<'a> {
    Null,
    Unread(u64),
    Bytes(&'a [u8]),
}

/// A pool being filled.
#[derive(Default)]
pub(crate) struct PoolWriter<'a> {
    /// Code of each value, and the last column that it was used in.
    seen: HashMap<Value<'a>, (u32, u32), RandomState>,
    columns: u32,
    lengths: Vec<u64>,
    pointers: Vec<u64>,
    bytes: Vec<u8>,
}

impl<'a> PoolWriter<'a> {
    /// Encodes a column of references.
    pub(crate) fn column(&mut self, rows: impl Iterator<Item = Value<'a>>) -> ColumnParts {
        self.columns += 1;
        let mut out = ColumnParts::default();
        put_varint(&mut out.header, self.lengths.len() as u64);
        let (mut words, mut next) = (Vec::with_capacity(rows.size_hint().0), u32::MAX);
        for value in rows {
            let code = self.lengths.len() as u32;
            let (code, column) = match self.seen.get_mut(&value) {
                Some((code, column)) => (*code, std::mem::replace(column, self.columns)),
                None => {
                    self.seen.insert(value, (code, self.columns));
                    self.add(value);
                    words.push(WORD_NEW);
                    continue;
                }
            };
            let named = WORD_NAMED + 2 * u64::from(code);
            words.push(if code == next {
                next += 1;
                WORD_NEXT
            } else if column == self.columns {
                named
            } else {
                // The first time in this column that the value of another one turns up: more may follow.
                next = code + 1;
                named + 1
            });
        }
        ints::encode_into(&words, &mut out);
        out
    }

    fn add(&mut self, value: Value<'_>) {
        self.lengths.push(match value {
            Value::Null => LENGTH_NULL,
            Value::Unread(pointer) => {
                self.pointers.push(pointer);
                LENGTH_UNREAD
            }
            Value::Bytes(text) => {
                self.bytes.extend_from_slice(text);
                LENGTH_BYTES + text.len() as u64
            }
        });
    }

    /// Encodes the pool itself, when all columns are.
    pub(crate) fn finish(self) -> ColumnParts {
        let mut out = ColumnParts::default();
        put_varint(&mut out.header, self.lengths.len() as u64);
        ints::encode_into(&self.lengths, &mut out);
        ints::encode_into(&self.pointers, &mut out);
        out.parts.push(self.bytes);
        out
    }
}

/// A decoded pool.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Pool {
    /// Each value's length word, and where its bytes begin or its pointer is.
    values: Vec<(u64, u64)>,
    bytes: Vec<u8>,
}

impl Pool {
    /// Decodes a pool of at most `values_max` values.
    pub(crate) fn decode(header: &mut Cursor<'_>, parts: &mut Parts<'_>, values_max: usize) -> Decoded<Self> {
        let count = match usize::try_from(header.varint()?) {
            Ok(count) if count <= values_max => count,
            _ => return malformed("a pool has more values than rows refer to it"),
        };
        let lengths = ints::decode(header, parts, count)?;
        let unread = lengths.iter().filter(|&&length| length == LENGTH_UNREAD).count();
        let mut pointers = ints::decode(header, parts, unread)?.into_iter();
        let bytes = parts.next()?.to_vec();
        let mut values = Vec::with_capacity(count);
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
        Ok(Pool { values, bytes })
    }

    pub(crate) fn len(&self) -> usize {
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

    /// Decodes the references of a column of `rows` rows: codes of values, all within the pool.
    pub(crate) fn column(
        &self,
        header: &mut Cursor<'_>,
        parts: &mut Parts<'_>,
        rows: usize,
    ) -> Decoded<Vec<u32>> {
        let mut new = header.varint()?;
        let mut next = u64::MAX;
        let mut codes = Vec::with_capacity(rows);
        for word in ints::decode(header, parts, rows)? {
            let code = match word {
                WORD_NEW => {
                    new = new.wrapping_add(1);
                    new.wrapping_sub(1)
                }
                WORD_NEXT => {
                    next = next.wrapping_add(1);
                    next.wrapping_sub(1)
                }
                _ => {
                    let code = (word - WORD_NAMED) / 2;
                    if word & 1 == 1 {
                        next = code + 1;
                    }
                    code
                }
            };
            if code >= self.values.len() as u64 {
                return malformed("a row refers to no value");
            }
            codes.push(code as u32);
        }
        Ok(codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_and_equal_ones_share_a_code() {
        let long = vec![b'x'; 3000];
        let first = [
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
        let second = [Value::Null, Value::Bytes(b""), Value::Unread(7), Value::Bytes(b"new"), Value::Null];
        let mut pool = PoolWriter::default();
        let columns = [pool.column(first.iter().copied()), pool.column(second.iter().copied())];
        let encoded = pool.finish();
        let mut header = Cursor::new(&encoded.header);
        let pool = Pool::decode(&mut header, &mut Parts::new(&encoded.parts), 14).expect("decodes");
        assert_eq!(header.end(), Ok(()));
        assert_eq!(pool.len(), 7);
        let decode = |column: &ColumnParts, rows| {
            let mut header = Cursor::new(&column.header);
            pool.column(&mut header, &mut Parts::new(&column.parts), rows).expect("decodes")
        };
        let codes = decode(&columns[0], first.len());
        assert_eq!(codes, [0, 1, 2, 3, 0, 4, 5, 1, 4]);
        assert!(codes.iter().map(|&code| pool.value(code)).eq(first));
        let codes = decode(&columns[1], second.len());
        assert!(codes.iter().map(|&code| pool.value(code)).eq(second));
    }

    #[test]
    fn a_column_that_repeats_another_is_constant() {
        let texts: Vec<Vec<u8>> = (0..300u32).map(|n| n.to_le_bytes().to_vec()).collect();
        let values = || texts.iter().map(|text| Value::Bytes(text));
        let mut pool = PoolWriter::default();
        let first = pool.column(values());
        let second = pool.column(values());
        assert_eq!(first.parts.len(), 0);
        // One odd word names the first value; 299 words 1 follow.
        assert!(second.parts.iter().map(Vec::len).sum::<usize>() <= 600, "{second:?}");
    }
}
