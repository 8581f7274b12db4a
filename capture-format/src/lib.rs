//! What a capture is: events, the entities they refer to, and the segments both are stored in.
//!
//! This crate alone knows the bytes of a `.reel` file (specified in `docs/format.md`). It turns events into
//! bytes and back and does no input or output of its own, so files, pipes and object stores share one decoder.
//! Start at [`model`] for what a capture says, then [`schema`] for the calls it can say it about.
#![forbid(unsafe_code)]

pub mod model;
pub mod schema;
