//! Reading captures: files and byte ranges through [`Capture`], pipes through [`StreamDecoder`].

mod capture;
mod source;
mod stream;

pub use capture::{BlockInfo, Capture, SegmentInfo};
pub use source::ReadAt;
pub use stream::{Segment, Step, StreamDecoder};
