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

/// Operations through a ring that do nothing; and as many that wait for the first files that were made.
pub const OPERATIONS: usize = 9;

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
