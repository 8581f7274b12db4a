//! What every system call takes and gives: the one description that drives the kernel probe, the decoder, the
//! names of flags and the docs.
//!
//! The description itself is `capture-format/schema/*.tsv`; `cargo xtask codegen` turns it into `generated` and
//! `docs/events.md`. Start at [`syscalls`] for the tables, [`event_kind`] for what captures say of a call,
//! [`ArgKind`] for what an argument means, [`choices()`] for what it means depending on another one, [`set`] for the
//! names of flags and [`structure()`] for layouts.

mod call;
mod choices;
mod generated;
mod kind;
mod sets;
mod structs;
#[cfg(test)]
mod tests;
mod uring;

pub use call::{
    Abi, KernelEvent, Place, SUB_SHIFT, Syscall, event_kind, event_name_of_alias, kernel_event,
    known_event_names, place, syscall, syscall_nr, syscalls,
};
pub use choices::{Choices, choices, every_choice, joined};
pub use kind::{ArgKind, Fetch, KindError, Selector, Shape};
pub use sets::{NameSet, capability_names, errno_name, set, sets, signal_name, socket_options};
pub use structs::{Field, LAST_BYTE, Storage, Structure, structure};
pub use uring::{
    IO_URING, Operation, SQE_MEMBERS, SqeMember, UNKNOWN as UNKNOWN_OPERATION, completion_kind, is_operation,
    layout, operation_kind, operations,
};
