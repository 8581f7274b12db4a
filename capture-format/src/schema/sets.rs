//! Names of flags and values.

use super::generated::SETS;

/// Names of the bits or the values that an argument can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameSet {
    /// Name of the set, as kinds refer to it.
    pub name: &'static str,
    /// Value, mask, name. A value stands for the bits of its mask; one with an empty mask is the name of 0.
    pub(super) entries: &'static [(u64, u64, &'static str)],
}

/// The set with a name.
pub fn set(name: &str) -> Option<&'static NameSet> {
    SETS.binary_search_by_key(&name, |set| set.name).ok().map(|at| &SETS[at])
}

/// Every set.
pub fn sets() -> &'static [NameSet] {
    &SETS
}

impl NameSet {
    /// The name of a whole value.
    pub fn name(&self, value: u64) -> Option<&'static str> {
        self.entries.iter().find(|(known, _, _)| *known == value).map(|(_, _, name)| *name)
    }

    /// The names that make up a value, and the bits that none of them has.
    ///
    /// Names of several bits (`O_SYNC`) stand in the tables before those of their parts (`O_DSYNC`) and hide them.
    pub fn names(&self, value: u64) -> (Vec<&'static str>, u64) {
        let mut rest = value;
        let mut names = Vec::new();
        for (known, mask, name) in self.entries {
            // A field of several bits whose value is 0 has a name that takes no bit away.
            let named = match (*known, *mask) {
                (0, 0) => value == 0,
                (0, mask) => value & mask == 0,
                (known, mask) => value & mask == known && rest & known == known,
            };
            if named && (*known != 0 || !self.hides(&names, *mask)) {
                names.push(*name);
                rest &= !mask;
            }
        }
        (names, rest)
    }

    /// Whether one of `names` already names a field that is 0.
    fn hides(&self, names: &[&str], mask: u64) -> bool {
        self.entries.iter().any(|(known, other, name)| *known == 0 && *other == mask && names.contains(name))
    }

    /// The value with a name.
    pub fn value(&self, name: &str) -> Option<u64> {
        self.entries.iter().find(|(_, _, known)| *known == name).map(|(value, _, _)| *value)
    }

    /// Values and names in the order of the table.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &'static str)> + '_ {
        self.entries.iter().map(|(value, _, name)| (*value, *name))
    }
}

/// `ENOENT` for 2.
pub fn errno_name(errno: i32) -> Option<&'static str> {
    set("errno")?.name(u64::try_from(errno).ok()?)
}

/// `SIGKILL` for 9. Real-time signals have no names.
pub fn signal_name(signal: u32) -> Option<&'static str> {
    set("signal")?.name(signal.into())
}

/// Names of the capabilities in a mask, lowest first.
pub fn capability_names(mask: u64) -> impl Iterator<Item = &'static str> {
    let names = set("capability");
    (0..64).filter(move |bit| mask & (1 << bit) != 0).filter_map(move |bit| names?.name(bit))
}

/// The names of socket options of a level (`SOL_*`).
pub fn socket_options(level: u64) -> Option<&'static NameSet> {
    let level = set("sol")?.name(level)?;
    set(&format!("sockopt_{}", level.strip_prefix("SOL_")?.to_ascii_lowercase()))
}
