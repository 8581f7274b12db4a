//! A hash for small integer keys that the kernel hands out (thread ids, descriptor numbers, our own numbers).
//!
//! Looking up the thread and the descriptor is most of the work per event, and SipHash would be most of that.
//! Keys here cannot be chosen freely by a traced program, so collisions cannot be provoked at will; texts are
//! hashed with the standard library's keyed hash instead.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map keyed by small integers.
pub(crate) type FxMap<K, V> = HashMap<K, V, BuildHasherDefault<FxHasher>>;

/// A set of small integers.
pub(crate) type FxSet<K> = HashSet<K, BuildHasherDefault<FxHasher>>;

/// Multiplies by an odd constant and brings the high bits down, where the table takes its index from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FxHasher(u64);

/// The golden ratio in 64 bits: spreads consecutive keys evenly.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for FxHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(SPREAD);
    }
}
