//! What every system call takes and gives: the one description that drives the kernel probe, the decoder, the
//! names of flags and the docs.
//!
//! The description itself is `capture-format/schema/*.tsv`; `cargo xtask codegen` turns it into `generated` and
//! `docs/events.md`. Start at [`syscalls`] for the tables, [`event_kind`] for what captures say of a call,
//! [`ArgKind`] for what an argument means, [`set`] for the names of flags and [`structure`] for layouts.

mod call;
mod generated;
mod kind;
mod sets;
mod structs;
#[cfg(test)]
mod tests;

pub use call::{
    Abi, KernelEvent, Syscall, event_kind, event_name_of_alias, kernel_event, known_event_names, syscall,
    syscall_nr, syscalls,
};
pub use kind::{ArgKind, Fetch, KindError, Shape};
pub use sets::{NameSet, capability_names, errno_name, set, sets, signal_name, socket_options};
pub use structs::{Field, Storage, Structure, structure};
