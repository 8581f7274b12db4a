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

/// `SIGKILL` for 9, `SIGRT_2` for 34: real-time signals are counted as the kernel counts them.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, value: u64) -> String {
        let (names, rest) = set(name).expect(name).names(value);
        let rest = (rest != 0 || names.is_empty()).then(|| format!("{rest:#x}"));
        names.into_iter().map(str::to_owned).chain(rest).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn values_show_as_their_names() {
        for (name, value, text) in [
            ("open", 0, "O_RDONLY"),
            ("open", 0o2_000_102, "O_RDWR|O_CREAT|O_CLOEXEC"),
            ("open", 0o4_010_001, "O_WRONLY|O_SYNC"),
            ("open", 0o10_001, "O_WRONLY|O_DSYNC"),
            ("open", 0o20_200_002, "O_RDWR|O_TMPFILE"),
            ("open", 0o200_000, "O_RDONLY|O_DIRECTORY"),
            ("open.arm", 0o40_000, "O_RDONLY|O_DIRECTORY"),
            ("open", 3, "0x3"),
            ("socktype", 0x80802, "SOCK_DGRAM|SOCK_NONBLOCK|SOCK_CLOEXEC"),
            ("futex_op", 0x81, "FUTEX_WAKE|FUTEX_PRIVATE_FLAG"),
            ("futex_op", 0x189, "FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME"),
            ("clone", 0x0120_0011, "SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID"),
            ("map", 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"),
            ("prot", 0, "PROT_NONE"),
            ("prot", 3, "PROT_READ|PROT_WRITE"),
            ("access", 0, "F_OK"),
            ("msg", 0, "0x0"),
            ("msg", 0x4040, "MSG_DONTWAIT|MSG_NOSIGNAL"),
            ("at_stat", 0x8000_0100, "AT_SYMLINK_NOFOLLOW|0x80000000"),
        ] {
            assert_eq!(shown(name, value), text, "{name} {value:#x}");
        }
    }

    #[test]
    fn single_values_have_one_name() {
        assert_eq!(errno_name(11), Some("EAGAIN"));
        assert_eq!(errno_name(2), Some("ENOENT"));
        assert_eq!(errno_name(-2), None);
        assert_eq!(signal_name(6), Some("SIGABRT"));
        assert_eq!(
            (signal_name(34), signal_name(64), signal_name(65)),
            (Some("SIGRT_2"), Some("SIGRT_32"), None)
        );
        assert_eq!(set("ioctl").and_then(|set| set.name(0x5401)), Some("TCGETS"));
        assert_eq!(set("errno").and_then(|set| set.value("EWOULDBLOCK")), Some(11));
    }

    #[test]
    fn capabilities_are_listed_by_bit() {
        assert_eq!(capability_names(0x20_0001).collect::<Vec<_>>(), ["CAP_CHOWN", "CAP_SYS_ADMIN"]);
        assert_eq!(capability_names(0).count(), 0);
    }

    #[test]
    fn socket_options_depend_on_the_level() {
        let name = |level, option| socket_options(level).and_then(|set| set.name(option));
        assert_eq!(
            (name(1, 2), name(6, 1), name(41, 26)),
            (Some("SO_REUSEADDR"), Some("TCP_NODELAY"), Some("IPV6_V6ONLY"))
        );
        assert_eq!(name(9999, 1), None);
    }
}
