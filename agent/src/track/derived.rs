//! Events that are read out of calls: which, out of which calls, and what such a call must have come to.
//!
//! A call that nobody wants to see must reach the tracker when an event that is read out of it may be wanted. The
//! kernel's tables and `--explain` both go by [`DERIVED`].

use capture_format::schema::KernelEvent;

use super::dns::Carrier;
use super::on_map::Mapping;

/// What a call must have come to before an event may be read out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// It moved data over a socket.
    DataOfSocket,
    /// It succeeded.
    Success,
}

/// An event that is read out of calls.
#[derive(Clone, Copy, Debug)]
pub struct Derived {
    /// The event.
    pub event: KernelEvent,
    /// What a call must have come to.
    pub source: Source,
    is_read_from: fn(&str) -> bool,
}

impl Derived {
    /// Whether it may be read out of the call with this name.
    pub fn is_read_from(&self, call: &str) -> bool {
        (self.is_read_from)(call)
    }
}

/// All of them.
pub const DERIVED: [Derived; 2] = [
    Derived {
        event: KernelEvent::Dns,
        source: Source::DataOfSocket,
        is_read_from: |call| Carrier::of_call(call).is_some(),
    },
    Derived {
        event: KernelEvent::ExecMap,
        source: Source::Success,
        is_read_from: |call| Mapping::of_call(call).is_some(),
    },
];
