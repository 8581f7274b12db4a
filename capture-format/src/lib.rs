//! What a capture is: events, the entities they refer to, and the segments both are stored in.
//!
//! This crate alone knows the bytes of a `.reel` file (specified in `docs/format.md`). It turns events into
//! bytes and back and does no input or output of its own, so files, pipes and object stores share one decoder.
//! Start at [`model`] for what a capture says, then [`schema`] for the calls it can say it about. Writers go on
//! with [`BlockBuilder`], [`EntityBatch`] and [`Chain`] (or [`Writer`], which joins them); readers with
//! [`Capture`] for files and [`StreamDecoder`] for pipes.
#![forbid(unsafe_code)]

mod block;
mod chain;
mod codec;
#[cfg(test)]
mod constants;
mod entity;
mod error;
mod index;
pub mod message;
pub mod model;
mod reader;
pub mod schema;
mod segment;
mod summary;
mod writer;

pub use block::{
    BLOCK_BYTES_USUAL, BLOCK_ROWS_MAX, Block, BlockBuilder, Codes, Column, ColumnSize, DataColumn,
    EventsBlock, MaybeInts, PushError,
};
pub use chain::{Chain, ChainPlace};
pub use codec::payload::Squeezer;
pub use entity::{Entities, EntityBatch, Table};
pub use error::{Damage, Defect, ReadError};
pub use reader::{BlockInfo, Capture, ReadAt, Segment, SegmentInfo, Step, StreamDecoder};
pub use segment::{EncodedSegment, HEADER_BYTES, SegmentType, Tally};
pub use summary::{RefSet, Summary};
pub use writer::{Gathered, Gathering, Writer};
