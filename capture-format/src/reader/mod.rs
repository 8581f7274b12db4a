//! Reading captures: files and byte ranges through [`Capture`], pipes through [`StreamDecoder`].
//!
//! Both trust a segment only when its header's checksum and its hash are right, and both go on behind damage with
//! the next segment whose header is.

mod capture;
mod scan;
mod source;
mod stream;

pub use capture::{BlockInfo, Capture, SegmentInfo};
pub use source::ReadAt;
pub use stream::{Segment, Step, StreamDecoder};
