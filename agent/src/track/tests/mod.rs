//! Records in, events as lines of text out.

mod connections;
mod descriptors;
mod lifecycle;
mod machine;
mod memory;
mod network;
mod processes;
mod start;
