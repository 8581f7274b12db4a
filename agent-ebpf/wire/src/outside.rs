//! What the filter of a recording says of descriptors, paths and ports: of which it is surely false.
//!
//! A descriptor is *outside* when every condition that the filter makes of descriptors is false for it. That lasts until
//! something changes what is told of it, and each such change counts up a generation; see [`DescriptorMark`].

/// Places for verdicts: a power of two. Two descriptors that share one take it from each other.
pub const DESCRIPTOR_SLOTS: u32 = 1 << 16;
/// Numbers below this have verdicts.
pub const DESCRIPTOR_NUMBERS: u32 = 1023;
/// Stands for all descriptors of a process, where it has a generation but no verdict.
pub const ALL_DESCRIPTORS: u32 = DESCRIPTOR_NUMBERS;

/// What is known of a descriptor.
///
/// The kernel side counts up the generation of a descriptor, or that of all of a process, before and after the record of
/// anything that changes what the agent knows of it. A verdict names the sum of both for which it was found: one that
/// comes too late says nothing. Verdicts are found by the agent, or by the kernel side itself when a descriptor begins.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct DescriptorMark {
    /// Whose descriptor is outside, and as of which generation: see [`verdict`].
    pub verdict: u64,
    /// How often what was known here became unknown.
    pub generation: u32,
    #[doc(hidden)]
    pub reserved: u32,
}

const _: () = assert!(size_of::<DescriptorMark>() == 16);

/// The place of a descriptor of a process.
#[inline(always)]
pub const fn slot_of(tgid: u32, fd: u32) -> u32 {
    ((tgid.wrapping_mul(0x9e37_79b1) >> 8).wrapping_add(fd)) & (DESCRIPTOR_SLOTS - 1)
}

/// The verdict that the descriptor is outside. Process ids have 22 bits, numbers 10.
#[inline(always)]
pub const fn verdict(tgid: u32, fd: u32, generation: u32) -> u64 {
    ((tgid << 10 | fd) as u64) << 32 | generation as u64
}

/// Bytes of a prefix that are compared.
pub const PREFIX_BYTES: usize = 16;
/// Prefixes at most.
pub const PREFIXES_MAX: usize = 8;
/// Ports at most.
pub const PORTS_MAX: usize = 16;

/// A beginning of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Prefix {
    /// Its bytes.
    pub bytes: [u64; 2],
    /// All ones where it has a byte.
    pub mask: [u64; 2],
    /// Not 0: there is no such prefix.
    pub unused: u64,
}

impl Prefix {
    /// None at all.
    pub const UNUSED: Prefix = Prefix { bytes: [0; 2], mask: [0; 2], unused: 1 };

    /// The beginning of this text, as far as it is compared.
    pub fn of(text: &[u8]) -> Prefix {
        let (mut bytes, mut mask) = ([0; PREFIX_BYTES], [0; PREFIX_BYTES]);
        for (at, byte) in text.iter().take(PREFIX_BYTES).enumerate() {
            (bytes[at], mask[at]) = (*byte, 0xff);
        }
        let words = |bytes: [u8; PREFIX_BYTES]| {
            [0, 8].map(|at| u64::from_le_bytes(core::array::from_fn(|byte| bytes[at + byte])))
        };
        Prefix { bytes: words(bytes), mask: words(mask), unused: 0 }
    }

    /// Not 0 unless a path that begins with these words begins with the prefix.
    #[inline(always)]
    pub fn differs(&self, words: [u64; 2]) -> u64 {
        (words[0] ^ self.bytes[0]) & self.mask[0] | (words[1] ^ self.bytes[1]) & self.mask[1] | self.unused
    }
}

/// What the kernel side can tell by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Outside {
    /// Beginnings of the paths that are not outside.
    pub prefixes: [Prefix; PREFIXES_MAX],
    /// Ports of sockets that are not outside; 0 for none.
    pub ports: [u16; PORTS_MAX],
    /// 1: a file that is opened by a path with another beginning is outside.
    pub files: u32,
    /// 1: a socket between two other ports is outside.
    pub sockets: u32,
    /// 0 while the lists are being changed: nothing is outside then.
    pub is_ready: u64,
}

impl Default for Outside {
    fn default() -> Self {
        Outside {
            prefixes: [Prefix::UNUSED; PREFIXES_MAX],
            ports: [0; PORTS_MAX],
            files: 0,
            sockets: 0,
            is_ready: 0,
        }
    }
}

/// Words of a path that are looked at: longer ones are not outside.
pub const PATH_WORDS: usize = 16;

/// Eight times the same byte.
const fn all(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// Not 0 if a byte of the word is 0.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(all(1)) & !word & all(0x80)
}

/// Not 0 if the path's text is not what it means: when a component within these eight bytes is empty, or begins with a dot
/// and is `.` or may be `..`. `next` are the eight bytes behind them.
#[inline(always)]
pub const fn indirections(word: u64, next: u64) -> u64 {
    let (second, third) = (word >> 8 | next << 56, word >> 16 | next << 48);
    let slash = word ^ all(b'/');
    let dot = slash | second ^ all(b'.');
    // A slash is a dot with the lowest bit set.
    zero_bytes(slash | second ^ all(b'/'))
        | zero_bytes(dot | (third | all(1)) ^ all(b'/'))
        | zero_bytes(dot | third)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    fn words(path: &str) -> [u64; PATH_WORDS + 1] {
        let mut bytes = [0; (PATH_WORDS + 1) * 8];
        bytes[..path.len()].copy_from_slice(path.as_bytes());
        core::array::from_fn(|at| u64::from_le_bytes(core::array::from_fn(|byte| bytes[at * 8 + byte])))
    }

    #[test]
    fn a_prefix_is_compared_as_far_as_it_goes() {
        for (prefix, path, begins) in [
            ("/etc", "/etc/passwd", true),
            ("/etc", "/et", false),
            ("/etc", "/usr/etc", false),
            ("/usr/share/doc", "/usr/share/doc/x", true),
            ("/usr/share/doc", "/usr/share/man/x", false),
            ("/a/long/prefix/of/which/only/a/part/counts", "/a/long/prefix/of/another", true),
            ("/a/long/prefix/of/which/only/a/part/counts", "/a/long/prelude", false),
            ("", "/anything", true),
        ] {
            let words = words(path);
            let differs = Prefix::of(prefix.as_bytes()).differs([words[0], words[1]]);
            assert_eq!(differs == 0, begins, "{prefix} {path}");
        }
        assert_ne!(Prefix::UNUSED.differs([0; 2]), 0);
    }

    #[test]
    fn a_path_whose_text_is_not_what_it_means_is_found() {
        let is_indirect = |path: &str| {
            let words = words(path);
            words.windows(2).any(|pair| indirections(pair[0], pair[1]) != 0)
        };
        for filler in 0..20 {
            let folder = format!("/{}", "x".repeat(filler));
            for (end, indirect) in [
                ("", false),
                ("/.hidden", false),
                ("/a.b", false),
                ("/a../b", false),
                ("/ab/", false),
                ("//a", true),
                ("/./a", true),
                ("/../a", true),
                ("/.", true),
                ("/..", true),
                ("//", true),
            ] {
                let path = format!("{folder}{end}");
                let expected = indirect || (filler == 0 && end.starts_with('/'));
                assert_eq!(is_indirect(&path), expected, "{path}");
            }
        }
    }

    #[test]
    fn every_descriptor_has_a_place_and_a_verdict_of_its_own() {
        assert!(slot_of(u32::MAX, ALL_DESCRIPTORS) < DESCRIPTOR_SLOTS);
        let verdicts = [verdict(1, 2, 3), verdict(2, 1, 3), verdict(1, 3, 3), verdict(1, 2, 4)];
        for (at, one) in verdicts.iter().enumerate() {
            assert!(verdicts[at + 1..].iter().all(|other| other != one));
        }
        assert_eq!(verdict((1 << 22) - 1, DESCRIPTOR_NUMBERS - 1, 7) >> 32, 0xffff_fffe);
    }
}
