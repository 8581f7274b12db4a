//! Tells the kernel side of which paths it need not ask for those of the files, see [`wire::names`].

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use wire::names::{NAME_SLOTS, slot_of};

use crate::probes::Probes;
use crate::rings::Mapping;

/// What is noted for the kernel side, mapped.
pub(super) struct Names {
    memory: Mapping,
}

impl Names {
    pub(super) fn map(probes: &Probes) -> Result<Self> {
        let memory = Mapping::new(probes.map_fd("NAMES")?, NAME_SLOTS as usize * size_of::<u64>())
            .context("cannot map the numbers of paths")?;
        Ok(Names { memory })
    }

    /// Notes these numbers, each in the place of the one that was noted there before.
    pub(super) fn note(&mut self, numbers: impl Iterator<Item = u64>) {
        for number in numbers {
            let at = slot_of(number) as usize * size_of::<u64>();
            // SAFETY: an aligned word within the mapping, which lives as long as `self`.
            let place = unsafe { AtomicU64::from_ptr(self.memory.at(at).cast().as_ptr()) };
            place.store(number, Ordering::Relaxed);
        }
    }
}
