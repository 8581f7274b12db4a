//! Operations of `io_uring`, and the events made of them.
//!
//! What an operation takes stands in an entry of the submission queue, whose layout user space sees and which therefore
//! does not change; which of its members an argument is, the table says.

use super::call::{Abi, Syscall, describe};
use super::generated::{OPERATIONS, OPERATIONS_AARCH64, OPERATIONS_ARM, OPERATIONS_I386, OPERATIONS_X86_64};
use crate::model::{ArgDef, EventKind, FdSource};

/// What [`EventKind::abi`] says of operations: the way they come into the kernel. Behind a point follows the table of 32-bit
/// programs where the ring is one's: vectors, messages and some structures are laid out as those have them.
pub const IO_URING: &str = "io_uring";

/// Whether events of this kind are operations.
pub fn is_operation(kind: &EventKind) -> bool {
    kind.abi.split('.').next() == Some(IO_URING)
}

/// The machine by which memory of the program is laid out, as far as a kind of event says.
pub fn layout(kind: &EventKind) -> Option<Abi> {
    Abi::from_name(kind.abi.rsplit('.').next().unwrap_or_default())
}

/// What the table says of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Name of the opcode, without `IORING_OP_`.
    pub name: &'static str,
    /// Name, category, arguments and result of the events.
    pub call: Syscall,
    /// For each argument the name of a [`SqeMember`], or `none`.
    pub members: &'static [&'static str],
}

pub(super) const fn operation(
    name: &'static str,
    call: Syscall,
    members: &'static [&'static str],
) -> Operation {
    Operation { name, call, members }
}

/// A member of `struct io_uring_sqe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqeMember {
    /// Name.
    pub name: &'static str,
    /// Position in bytes.
    pub offset: u8,
    /// Size in bytes.
    pub bytes: u8,
    /// Whether it is sign-extended.
    pub is_signed: bool,
}

const fn member(name: &'static str, offset: u8, bytes: u8) -> SqeMember {
    SqeMember { name, offset, bytes, is_signed: false }
}

/// The members that arguments are taken from. Several share a place.
pub const SQE_MEMBERS: [SqeMember; 17] = [
    member("flags", 1, 1),
    member("ioprio", 2, 2),
    SqeMember { is_signed: true, ..member("fd", 4, 4) },
    member("off", 8, 8),
    member("addr2", 8, 8),
    member("cmd_op", 8, 4),
    member("addr", 16, 8),
    member("len", 24, 4),
    member("op_flags", 28, 4),
    member("user_data", 32, 8),
    member("buf_index", 40, 2),
    member("buf_group", 40, 2),
    member("personality", 42, 2),
    SqeMember { is_signed: true, ..member("splice_fd_in", 44, 4) },
    member("file_index", 44, 4),
    member("addr_len", 44, 2),
    member("addr3", 48, 8),
];

impl SqeMember {
    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        SQE_MEMBERS.into_iter().find(|member| member.name == name)
    }

    /// Its value in an entry; 0 when that ends before it.
    pub fn read(&self, sqe: &[u8]) -> u64 {
        let (at, len) = (usize::from(self.offset), usize::from(self.bytes));
        let mut bytes = [0; 8];
        let Some(stored) = sqe.get(at..at + len) else { return 0 };
        bytes[..len].copy_from_slice(stored);
        let value = u64::from_ne_bytes(bytes);
        if self.is_signed { i64::from(value as i32) as u64 } else { value }
    }
}

/// The operations of a machine's programs, in order of their opcodes.
pub fn operations(abi: Abi) -> impl ExactSizeIterator<Item = &'static Operation> {
    let opcodes = match abi {
        Abi::X86_64 => &OPERATIONS_X86_64,
        Abi::I386 => &OPERATIONS_I386,
        Abi::Aarch64 => &OPERATIONS_AARCH64,
        Abi::Arm => &OPERATIONS_ARM,
    };
    opcodes.iter().map(|&index| &OPERATIONS[usize::from(index)])
}

/// The events of an operation. An opcode that the table lacks gives `io_uring_op_OPCODE` with the entry's members.
pub fn operation_kind(abi: Abi, opcode: u32) -> EventKind {
    let mut kind = match operations(abi).nth(opcode as usize) {
        Some(operation) => describe(&operation.call),
        None => EventKind {
            name: format!("io_uring_op_{opcode}"),
            category: "other".to_owned(),
            args: UNKNOWN.iter().map(|(name, kind)| argument(name, kind)).collect(),
            result: Some("int".parse().expect("a kind")),
            ..EventKind::default()
        },
    };
    kind.nr = Some(opcode);
    kind.abi = match abi {
        Abi::X86_64 | Abi::Aarch64 => IO_URING.to_owned(),
        Abi::I386 | Abi::Arm => format!("{IO_URING}.{abi}"),
    };
    kind
}

/// Arguments of an operation that the table lacks; each is named as its member is.
pub const UNKNOWN: [(&str, &str); 8] = [
    ("fd", "int"),
    ("off", "hex"),
    ("addr", "hex"),
    ("len", "uint"),
    ("op_flags", "hex"),
    ("flags", "flags(io_uring_sqe)"),
    ("user_data", "hex"),
    ("cqe_flags", "flags(io_uring_cqe)"),
];

/// Name of a completion of which not even the operation is known.
pub(super) const COMPLETION: &str = "io_uring_complete";

/// The events of completions whose submission was not recorded: by the name of the operation where its opcode is known.
pub fn completion_kind(abi: Abi, opcode: Option<u32>) -> EventKind {
    let known = opcode.map(|opcode| operation_kind(abi, opcode));
    let kind = known.unwrap_or_else(|| EventKind {
        name: COMPLETION.to_owned(),
        category: "other".to_owned(),
        result: Some("int".parse().expect("a kind")),
        abi: IO_URING.to_owned(),
        ..EventKind::default()
    });
    let args = [("user_data", "hex"), ("cqe_flags", "flags(io_uring_cqe)"), ("submission", "text")];
    // A result that is a descriptor may be a slot as well, which only the submission tells.
    let fd = FdSource::None;
    EventKind { args: args.iter().map(|(name, kind)| argument(name, kind)).collect(), fd, ..kind }
}

fn argument(name: &str, kind: &str) -> ArgDef {
    ArgDef { name: name.to_owned(), kind: kind.parse().expect("a kind") }
}
