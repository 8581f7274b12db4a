//! Whole-system tests: the binaries, driven from outside, against other witnesses.
//!
//! This library holds what the tests share; the tests stand in `tests/`, the programs they watch in `src/bin/`.
//! They need root and a kernel with BPF, and run through `cargo xtask test`. What a program of 32 bits needs as well has
//! no other crate behind it that is not all Rust.

#[cfg(target_pointer_width = "64")]
pub mod compare;
pub mod gates;
pub mod host;
pub mod known;
pub mod listing;
#[cfg(target_arch = "x86_64")]
pub mod narrow;
pub mod rig;
pub mod ring;
#[cfg(target_pointer_width = "64")]
pub mod strace;
#[cfg(target_pointer_width = "64")]
mod text;
