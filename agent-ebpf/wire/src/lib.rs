//! Records that the kernel programs write and the agent reads, and the layout of what they share.
//!
//! The kernel half and the agent are built by one toolchain for one machine, so these are native-endian
//! `repr(C)` integers and arrays with the padding spelled out; nothing here reaches a capture file. The agent
//! treats a record as untrusted all the same: [`Record::parse`] checks every length. Start at [`RecordHeader`].
#![no_std]
#![forbid(unsafe_code)]

pub mod facts;
pub mod names;
pub mod offsets;
pub mod outside;
pub mod parts;
pub mod record;
pub mod ring;
pub mod sending;
pub mod table;
pub mod uring;

pub use facts::{ExecFacts, ExitFacts, FileFacts, ForkFacts, SignalFacts, SocketFacts};
pub use record::{Record, RecordError, RecordHeader, RecordType, Section, SectionState};
