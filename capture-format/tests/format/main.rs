//! Captures as their users see them: written and read back, cut, damaged, and kept from earlier versions.

mod common;
mod entities;
mod fixtures;
mod random;
mod recovery;
mod round_trip;
