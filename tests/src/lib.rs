//! Whole-system tests: the binaries, driven from outside, against other witnesses.
//!
//! This library holds what the tests share; the tests stand in `tests/`, the programs they watch in `src/bin/`.
//! They need root and a kernel with BPF, and run through `cargo xtask test`.

pub mod compare;
pub mod host;
pub mod known;
pub mod listing;
pub mod rig;
pub mod ring;
pub mod strace;
mod text;
