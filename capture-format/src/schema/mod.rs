//! What every system call takes and gives: the one description that drives the kernel probe, the decoder, the
//! names of flags and the docs.
//!
//! The description itself is `capture-format/schema/*.tsv`; `cargo xtask codegen` turns it into `generated`.
//! Start at [`ArgKind`].

mod kind;

pub use kind::{ArgKind, Fetch, KindError, Shape};
