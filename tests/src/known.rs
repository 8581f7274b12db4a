//! What the program `known` does, for itself and for who looks for its events.

/// Files that are made, written, read and closed.
pub const FILES: usize = 40;
/// Writes to each.
pub const WRITES: usize = 3;
/// Reads of each.
pub const READS: usize = 4;
/// What is written.
pub const MESSAGE: &[u8] = b"the quick brown fox\n";
/// Opens that fail.
pub const MISSING: usize = 7;
/// Closes of what is not open.
pub const CLOSES_REFUSED: usize = 5;
/// Sockets that are made and closed.
pub const SOCKETS: usize = 6;
/// Port of the connection to itself.
pub const PORT: u16 = 4711;
/// Children, one after the other; besides one that ends by a signal.
pub const CHILDREN: usize = 12;
/// The first of the children that become a program; those before just end.
pub const CHILDREN_EXEC_FROM: usize = 4;
/// Execs of what is not there, by each child.
pub const EXECS_FAILED: usize = 1;

/// Operations of each kind through a ring: that do nothing, that wait for the first files that were made, that send, that
/// receive.
pub const OPERATIONS: usize = 9;
/// Kinds of them.
pub const OPERATION_KINDS: usize = 4;

/// Name that is asked for, and the address that is told: a query and an answer, each sent and received.
pub const DNS_NAME: &str = "known.test";
/// What it is said to be.
pub const DNS_ADDRESS: [u8; 4] = [192, 0, 2, 7];
/// DNS messages as either side sees them.
pub const DNS_MESSAGES: usize = 4;
/// UDP port at which nobody listens; a packet is sent there.
pub const PORT_CLOSED: u16 = 4712;
/// Bytes that are made executable.
pub const EXECUTABLE_BYTES: usize = 12288;

/// Where control groups of version 2 are mounted.
pub const CGROUPS: &str = "/sys/fs/cgroup";
/// A module of the kernel that is loaded and unloaded, where there is a file of it.
pub const MODULE: &str = "dummy";
/// The file.
pub const MODULE_FILE: &str = "/lib/dummy.ko";

/// Places at which the program waits when it is told to: before and after all that is done in the middle of it.
pub const GATES: usize = 2;

/// A folder that is made when the program has come to a gate.
pub fn gate_reached(directory: &str, gate: usize) -> String {
    format!("{directory}/reached {gate}")
}

/// The file of [`crate::gates::Gates`] that have to be opened for the program to go on.
pub fn gates_file(directory: &str) -> String {
    format!("{directory}/gates")
}

/// Path of a file that is made.
pub fn data_file(directory: &str, index: usize) -> String {
    format!("{directory}/data {index}.txt")
}

/// Path of a file that is not there.
pub fn missing_file(directory: &str, index: usize) -> String {
    format!("{directory}/no such {index}")
}

/// Path of a program that is not there.
pub fn absent_program(directory: &str) -> String {
    format!("{directory}/absent")
}

/// What a child is told.
pub fn child_argument(index: usize) -> String {
    format!("number {index}, ein Stück")
}
