//! What a filter or a format is applied to.

use capture_format::model::Host;
use capture_format::{Entities, EventsBlock};

/// What is known about a capture as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    /// Its entities, as far as they are known.
    pub entities: &'a Entities,
    /// Its host.
    pub host: &'a Host,
    /// Boot clock ns of its first event: `evt.reltime` counts from here.
    pub first_time_ns: u64,
}

/// A block of events, and where it stands in the capture.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The events.
    pub events: &'a EventsBlock<'a>,
    /// `evt.num` of its first event; the first event of a capture has number 1.
    pub first_number: u64,
    /// Boot clock ns of the event before the first one, for `evt.deltatime`.
    pub time_before_ns: Option<u64>,
}
