//! How columns become bytes: primitive numbers, columns of integers and of byte strings, and the payload that
//! holds them in separately compressed chunks.
//!
//! Everything here works on memory and treats the bytes it decodes as hostile: lengths are checked before they
//! are used, and nothing grows beyond what the caller declared. Start at [`payload`].

pub(crate) mod bytes;
mod estimate;
pub(crate) mod ints;
pub(crate) mod payload;
pub(crate) mod predict;
pub(crate) mod strings;

/// The bytes contradict themselves; says how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The content makes no sense.
    Malformed(&'static str),
    /// A chunk's bytes do not match their checksum.
    Checksum {
        /// Where the chunk begins, within the payload.
        offset: u64,
        /// Its length.
        bytes: u64,
    },
}

pub(crate) type Decoded<T> = Result<T, Broken>;

/// Shorthand for the usual complaint.
pub(crate) fn malformed<T>(what: &'static str) -> Decoded<T> {
    Err(Broken::Malformed(what))
}
