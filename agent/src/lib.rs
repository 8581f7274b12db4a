//! The agent's parts that need neither a kernel program nor privileges, as a library so that tests and fuzz
//! targets reach them. The program itself is `main.rs`. Start at [`track`].

pub mod budget;
pub mod operations;
pub mod own;
pub mod selection;
pub mod sieve;
pub mod split;
pub mod track;
