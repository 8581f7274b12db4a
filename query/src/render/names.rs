//! Names of numbers.

use capture_format::schema::{self, NameSet};

/// The name of a negative result.
pub(crate) fn errno_of(result: i64) -> Option<&'static str> {
    // The kernel keeps the last page of addresses for errors.
    const ERRNO_MAX: i64 = 4095;
    if !(-ERRNO_MAX..0).contains(&result) {
        return None;
    }
    schema::errno_name(i32::try_from(-result).ok()?)
}

/// Names of capabilities joined by blanks.
pub(crate) fn capability_names(mask: u64) -> String {
    schema::capability_names(mask).collect::<Vec<_>>().join(" ")
}

/// Appends the names of a value's bits joined by `|`, and of the bits without a name in hexadecimal. `false` and
/// nothing when there is no name.
pub(crate) fn write_flag_names(out: &mut Vec<u8>, set: &NameSet, value: u64) -> bool {
    let (names, rest) = set.names(value);
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            out.push(b'|');
        }
        out.extend_from_slice(name.as_bytes());
    }
    if !names.is_empty() && rest != 0 {
        out.extend_from_slice(b"|0x");
        super::number::write_hex(out, rest);
    }
    !names.is_empty()
}

const MODE_NAMES: [&str; 12] = [
    "S_IXOTH", "S_IWOTH", "S_IROTH", "S_IXGRP", "S_IWGRP", "S_IRGRP", "S_IXUSR", "S_IWUSR", "S_IRUSR",
    "S_ISVTX", "S_ISGID", "S_ISUID",
];

/// The kinds of files that a mode can tell.
const MODE_KINDS: [(u64, &str); 7] = [
    (0o140_000, "S_IFSOCK"),
    (0o120_000, "S_IFLNK"),
    (0o100_000, "S_IFREG"),
    (0o060_000, "S_IFBLK"),
    (0o040_000, "S_IFDIR"),
    (0o020_000, "S_IFCHR"),
    (0o010_000, "S_IFIFO"),
];

/// Appends the kind of file that a mode tells and the names of its bits, lowest first; `false` when it has none.
pub(crate) fn write_mode_names(out: &mut Vec<u8>, mode: u64) -> bool {
    let start = out.len();
    if let Some((_, kind)) = MODE_KINDS.iter().find(|(kind, _)| mode & 0o170_000 == *kind) {
        out.extend_from_slice(kind.as_bytes());
    }
    for (_, name) in MODE_NAMES.iter().enumerate().filter(|(bit, _)| mode >> bit & 1 == 1) {
        if out.len() > start {
            out.push(b'|');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.len() > start
}

/// Appends the signals of a set, or those that are missing from it behind `~` when these are fewer.
pub(crate) fn write_signal_set(out: &mut Vec<u8>, set: u64) {
    let inverted = set.count_ones() > 32;
    let shown = if inverted { !set } else { set };
    out.extend_from_slice(if inverted { b"~[" } else { b"[" });
    let mut first = true;
    for bit in (0..64).filter(|bit| shown >> bit & 1 == 1) {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        match schema::signal_name(bit + 1) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => super::number::write_uint(out, u64::from(bit) + 1),
        }
    }
    out.push(b']');
}

/// What became of a child, from the status `wait4` gives.
pub(crate) fn write_wait_status(out: &mut Vec<u8>, status: u64) {
    let (signal, high) = (status as u32 & 0x7f, status as u32 >> 8 & 0xff);
    let named = |out: &mut Vec<u8>, signal: u32| match schema::signal_name(signal) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => super::number::write_uint(out, signal.into()),
    };
    match (status as u32 & 0xffff, signal) {
        (0xffff, _) => out.extend_from_slice(b"continued"),
        (_, 0) => {
            out.extend_from_slice(b"exited ");
            super::number::write_uint(out, high.into());
        }
        (_, 0x7f) => {
            out.extend_from_slice(b"stopped ");
            named(out, high);
        }
        (_, signal) => {
            out.extend_from_slice(b"killed ");
            named(out, signal);
            if status & 0x80 != 0 {
                out.extend_from_slice(b" core");
            }
        }
    }
}
