//! Records in, events as lines of text out.

mod after_loss;
mod connections;
mod descriptors;
mod dns;
mod fake_proc;
mod lifecycle;
mod machine;
mod memory;
mod network;
mod others;
mod processes;
mod start;
mod switches;
mod tamper;
mod uring;
