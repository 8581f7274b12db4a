//! The system calls of each machine, and the events made of them.

use std::fmt;

use super::generated::{AARCH64, ARM, CALLS, EVENTS, I386, I386_PLACES, X86_64};
use super::kind::ArgKind;
use crate::model::{ArgDef, EventKind, FdSource};

/// Which table a call's number counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as the machines are")]
pub enum Abi {
    X86_64,
    I386,
    Aarch64,
    Arm,
}

impl Abi {
    /// Every one.
    pub const ALL: [Abi; 4] = [Abi::X86_64, Abi::I386, Abi::Aarch64, Abi::Arm];

    /// Name, as [`EventKind::abi`] has it.
    pub fn name(self) -> &'static str {
        match self {
            Abi::X86_64 => "x86_64",
            Abi::I386 => "i386",
            Abi::Aarch64 => "aarch64",
            Abi::Arm => "arm",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|abi| abi.name() == name)
    }

    /// The table that a machine's own programs use, for a machine as `uname -m` names it.
    pub fn of_machine(machine: &str) -> Option<Self> {
        match machine {
            "x86_64" => Some(Abi::X86_64),
            "aarch64" => Some(Abi::Aarch64),
            _ => None,
        }
    }

    /// The table that 32-bit programs use on the same machine.
    pub fn compat(self) -> Self {
        match self {
            Abi::X86_64 | Abi::I386 => Abi::I386,
            Abi::Aarch64 | Abi::Arm => Abi::Arm,
        }
    }

    fn numbers(self) -> &'static [(u16, u16)] {
        match self {
            Abi::X86_64 => &X86_64,
            Abi::I386 => &I386,
            Abi::Aarch64 => &AARCH64,
            Abi::Arm => &ARM,
        }
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the tables say of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// Name.
    pub name: &'static str,
    /// Category, before refinement by descriptor type.
    pub category: &'static str,
    /// Name and kind of each argument; the kinds are texts of [`ArgKind`].
    pub args: &'static [(&'static str, &'static str)],
    /// Kind of the result, as text; `None` when the call does not return.
    pub result: Option<&'static str>,
    /// Where the descriptor stands that the event is about.
    pub fd: FdSource,
    /// The addresses of the descriptor's socket are to be recorded after the call.
    pub socket: bool,
    /// Device, inode and mode of the returned descriptor are to be recorded.
    pub file: bool,
    /// A result of 0 is recorded elsewhere, with more facts: a new image at exec, a child at fork.
    pub silent_zero: bool,
}

pub(super) const FD_NONE: FdSource = FdSource::None;
pub(super) const FD_RESULT: FdSource = FdSource::Result;
pub(super) const SOCKET: u8 = 1;
pub(super) const FILE: u8 = 2;
pub(super) const SILENT_ZERO: u8 = 4;

pub(super) const fn arg(index: u8) -> FdSource {
    FdSource::Arg(index)
}

/// A line of the table. Results are `none` where there is none.
pub(super) const fn call(
    name: &'static str,
    category: &'static str,
    fd: FdSource,
    marks: u8,
    result: &'static str,
    args: &'static [(&'static str, &'static str)],
) -> Syscall {
    let returns = !matches!(result.as_bytes(), b"none");
    Syscall {
        name,
        category,
        args,
        result: if returns { Some(result) } else { None },
        fd,
        socket: marks & SOCKET != 0,
        file: marks & FILE != 0,
        silent_zero: marks & SILENT_ZERO != 0,
    }
}

pub(super) const fn event(
    name: &'static str,
    category: &'static str,
    result: &'static str,
    args: &'static [(&'static str, &'static str)],
) -> Syscall {
    call(name, category, FD_NONE, 0, result, args)
}

/// The calls of a table with their numbers, in order.
pub fn syscalls(abi: Abi) -> impl ExactSizeIterator<Item = (u32, &'static Syscall)> {
    abi.numbers().iter().map(|(nr, index)| (u32::from(*nr), &CALLS[usize::from(*index)]))
}

/// The call with a number.
pub fn syscall(abi: Abi, nr: u32) -> Option<&'static Syscall> {
    let numbers = abi.numbers();
    let at = numbers.binary_search_by_key(&nr, |(nr, _)| u32::from(*nr)).ok()?;
    Some(&CALLS[usize::from(numbers[at].1)])
}

/// Where a call has its arguments, if not in the registers in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first argument points to them.
    Memory,
    /// It shares its number: the first argument says which call it is, the second points to the arguments.
    Socketcall,
    /// It shares its number: the first argument says which call it is, and these registers hold the arguments; 6 is none.
    Ipc([u8; 6]),
}

/// Bits of a number that says which of several calls behind another number it is.
pub const SUB_SHIFT: u32 = 9;

/// Where the call with a number has its arguments.
pub fn place(abi: Abi, nr: u32) -> Option<Place> {
    if abi != Abi::I386 {
        return None;
    }
    let at = I386_PLACES.binary_search_by_key(&nr, |(nr, _)| u32::from(*nr)).ok()?;
    Some(match I386_PLACES[at].1 {
        "m" => Place::Memory,
        "s" => Place::Socketcall,
        digits => {
            let mut order = [6; 6];
            order.iter_mut().zip(digits.bytes()).for_each(|(at, digit)| *at = digit - b'0');
            Place::Ipc(order)
        }
    })
}

/// The number of the call with a name.
pub fn syscall_nr(abi: Abi, name: &str) -> Option<u32> {
    syscalls(abi).find(|(_, call)| call.name == name).map(|(nr, _)| nr)
}

/// Calls of arm's own have the numbers from [`ARM_PRIVATE`] on. Tables and records, where a number has 16 bits, have them
/// from [`ARM_PRIVATE_TOLD`] on.
const ARM_PRIVATE: u32 = 0xf0000;
const ARM_PRIVATE_TOLD: u32 = 0xf000;
const ARM_PRIVATE_MAX: u32 = 0x10;

/// The events of a call. A number that the table lacks gives `syscall_NUMBER` with six raw arguments.
pub fn event_kind(abi: Abi, nr: u32) -> EventKind {
    let call = syscall(abi, nr);
    let nr = if abi == Abi::Arm && (ARM_PRIVATE_TOLD..ARM_PRIVATE_TOLD + ARM_PRIVATE_MAX).contains(&nr) {
        nr - ARM_PRIVATE_TOLD + ARM_PRIVATE
    } else {
        nr
    };
    let mut kind = match call {
        Some(call) => describe(call),
        None => EventKind {
            name: format!("syscall_{nr}"),
            category: "other".to_owned(),
            args: (0..6).map(|index| argument(&format!("arg{index}"), "hex")).collect(),
            result: Some(kind_of("long")),
            ..EventKind::default()
        },
    };
    kind.nr = Some(nr);
    kind.abi = abi.name().to_owned();
    kind
}

/// Events that are not system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    /// A task ended: `procexit`.
    ProcExit,
    /// A signal is delivered: `signaldeliver`.
    SignalDeliver,
    /// A task was moved to another cgroup: `cgroup_attach`.
    CgroupAttach,
    /// A TCP connection changed its state: `tcp_state`.
    TcpState,
    /// A TCP segment was sent again: `tcp_retransmit`.
    TcpRetransmit,
    /// A TCP connection was reset by either side: `tcp_reset`.
    TcpReset,
    /// A packet was dropped: `packet_drop`.
    PacketDrop,
    /// A DNS message was sent or received: `dns`.
    Dns,
    /// A process is ended for lack of memory: `oom_kill`.
    OomKill,
    /// A kernel module was loaded: `module_load`.
    ModuleLoad,
    /// A kernel module goes: `module_unload`.
    ModuleUnload,
    /// A control group was made: `cgroup_mkdir`.
    CgroupMake,
    /// A control group was removed: `cgroup_rmdir`.
    CgroupRemove,
    /// A control group was renamed: `cgroup_rename`.
    CgroupRename,
    /// Memory was made executable: `exec_map`.
    ExecMap,
    /// A program touched memory that was not there: `page_fault`.
    PageFault,
    /// A thread left the CPU: `sched_switch`.
    SchedSwitch,
    /// A thread is back on a CPU: `off_cpu`.
    OffCpu,
    /// Somebody reached for the recording itself: `tamper`.
    Tamper,
}

impl KernelEvent {
    /// Every one.
    pub const ALL: [KernelEvent; 19] = [
        Self::ProcExit,
        Self::SignalDeliver,
        Self::CgroupAttach,
        Self::TcpState,
        Self::TcpRetransmit,
        Self::TcpReset,
        Self::PacketDrop,
        Self::Dns,
        Self::OomKill,
        Self::ModuleLoad,
        Self::ModuleUnload,
        Self::CgroupMake,
        Self::CgroupRemove,
        Self::CgroupRename,
        Self::ExecMap,
        Self::PageFault,
        Self::SchedSwitch,
        Self::OffCpu,
        Self::Tamper,
    ];

    /// Whether it is recorded only when it is named: there are too many of it.
    pub fn is_on_request(self) -> bool {
        matches!(self, KernelEvent::PageFault | KernelEvent::SchedSwitch | KernelEvent::OffCpu)
    }

    /// Name, as `evt.type` shows it.
    pub fn name(self) -> &'static str {
        match self {
            KernelEvent::ProcExit => "procexit",
            KernelEvent::SignalDeliver => "signaldeliver",
            KernelEvent::CgroupAttach => "cgroup_attach",
            KernelEvent::TcpState => "tcp_state",
            KernelEvent::TcpRetransmit => "tcp_retransmit",
            KernelEvent::TcpReset => "tcp_reset",
            KernelEvent::PacketDrop => "packet_drop",
            KernelEvent::Dns => "dns",
            KernelEvent::OomKill => "oom_kill",
            KernelEvent::ModuleLoad => "module_load",
            KernelEvent::ModuleUnload => "module_unload",
            KernelEvent::CgroupMake => "cgroup_mkdir",
            KernelEvent::CgroupRemove => "cgroup_rmdir",
            KernelEvent::CgroupRename => "cgroup_rename",
            KernelEvent::ExecMap => "exec_map",
            KernelEvent::PageFault => "page_fault",
            KernelEvent::SchedSwitch => "sched_switch",
            KernelEvent::OffCpu => "off_cpu",
            KernelEvent::Tamper => "tamper",
        }
    }
}

/// The kind of a kernel event; its arguments stand in the order of `docs/events.md`.
pub fn kernel_event(event: KernelEvent) -> EventKind {
    let entry = EVENTS.iter().find(|entry| entry.name == event.name());
    describe(entry.expect("a test looks every kernel event up"))
}

/// Names of every event that this build knows, sorted.
pub fn known_event_names() -> Vec<&'static str> {
    let operations = super::operations(Abi::X86_64).map(|operation| operation.call.name);
    let mut names: Vec<&str> =
        CALLS.iter().chain(&EVENTS).map(|entry| entry.name).chain(operations).collect();
    names.push(super::uring::COMPLETION);
    names.sort_unstable();
    names.dedup();
    names
}

/// The call that sysdig shows under another name: filters written for it say `pread` for `pread64`.
pub fn event_name_of_alias(name: &str) -> Option<&'static str> {
    match name {
        "pread" => Some("pread64"),
        "pwrite" => Some("pwrite64"),
        "prlimit" => Some("prlimit64"),
        "llseek" => Some("_llseek"),
        _ => None,
    }
}

pub(super) fn describe(call: &Syscall) -> EventKind {
    EventKind {
        name: call.name.to_owned(),
        category: call.category.to_owned(),
        nr: None,
        abi: String::new(),
        args: call.args.iter().map(|(name, kind)| argument(name, kind)).collect(),
        result: call.result.map(kind_of),
        fd: call.fd,
    }
}

fn argument(name: &str, kind: &str) -> ArgDef {
    ArgDef { name: name.to_owned(), kind: kind_of(kind) }
}

fn kind_of(text: &str) -> ArgKind {
    text.parse().expect("a test parses every kind of the tables")
}
