//! The tables that a filter makes, while another one may come: the calls, and the lists of paths and ports.
//!
//! They are written to while the programs run, so they cannot be frozen, and whoever may open a map by its id can write to
//! them as well. What stands there is compared with what we wrote.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use wire::outside::Outside;
use wire::table::CallEntry;

use crate::rings::Mapping;

/// The map of the calls.
pub(super) const CALLS: &str = "CALLS";
/// The map of the lists.
pub(super) const OUTSIDE: &str = "OUTSIDE";

/// The tables, mapped: written to directly, as the system call may need privileges that were given up.
pub(super) struct Tables {
    calls: Mapping,
    lists: Mapping,
    entries: Vec<CallEntry>,
    outside: Outside,
}

impl Tables {
    /// Maps tables that hold this.
    pub(super) fn map(
        calls: BorrowedFd<'_>,
        lists: BorrowedFd<'_>,
        entries: Vec<CallEntry>,
        outside: Outside,
    ) -> Result<Self> {
        let calls =
            Mapping::new(calls, size_of_val(entries.as_slice())).context("cannot map the table of calls")?;
        let lists =
            Mapping::new(lists, size_of::<Outside>()).context("cannot map the lists of paths and ports")?;
        Ok(Tables { calls, lists, entries, outside })
    }

    /// Has them hold something else.
    pub(super) fn set(&mut self, entries: Vec<CallEntry>, outside: Outside) {
        (self.entries, self.outside) = (entries, outside);
        self.write();
    }

    /// Writes what is not as we wrote it; which of them that were.
    pub(super) fn put_right(&self) -> Vec<&'static str> {
        let found = [
            (CALLS, is_changed(&self.calls, &self.entries)),
            (OUTSIDE, is_changed(&self.lists, std::slice::from_ref(&self.outside))),
        ];
        let names: Vec<_> =
            found.into_iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| name).collect();
        if !names.is_empty() {
            self.write();
        }
        names
    }

    fn write(&self) {
        let lists = self.lists.at(0).cast::<Outside>().as_ptr();
        // SAFETY: an aligned value within the mapping. Nothing is outside until the lists are complete again.
        unsafe { (&raw mut (*lists).is_ready).write_volatile(0) };
        for (index, entry) in self.entries.iter().enumerate() {
            let at = self.calls.at(index * size_of::<CallEntry>()).cast::<CallEntry>();
            // SAFETY: within the mapping, and aligned, as every entry's size is a multiple of its alignment. The programs
            // may read an entry while it changes: it then says in part what it said before, which is as right as if the
            // call had been made before.
            unsafe { at.as_ptr().write_volatile(*entry) };
        }
        // SAFETY: as above.
        unsafe {
            lists.write_volatile(Outside { is_ready: 0, ..self.outside });
            (&raw mut (*lists).is_ready).write_volatile(self.outside.is_ready);
        }
    }
}

/// Whether the memory holds something else than these values, which are made of integers without padding.
fn is_changed<T>(memory: &Mapping, values: &[T]) -> bool {
    const { assert!(size_of::<T>().is_multiple_of(8)) };
    // SAFETY: the bytes of values that live for as long; any bytes are some.
    let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) };
    bytes.chunks_exact(8).enumerate().any(|(at, word)| {
        // SAFETY: an aligned word within the mapping.
        let there = unsafe { AtomicU64::from_ptr(memory.at(at * 8).cast().as_ptr()) }.load(Ordering::Relaxed);
        there.to_ne_bytes() != word
    })
}
