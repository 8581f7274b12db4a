//! Paths as text: joined, cleaned of `.` and `..`, put together from the kernel's components.
//!
//! A symbolic link before `..` makes the cleaned path differ from what the kernel walked; following links would
//! mean touching the file system after the fact, when it may have changed. Where the kernel tells the path
//! itself (exec, `/proc`), that one is used.

/// Appends the absolute form of `path` to `out`. A relative path starts at `base`; without a base it stays
/// relative, cleaned.
pub(crate) fn resolve(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    let absolute = path.first() == Some(&b'/');
    let base = if absolute { &b""[..] } else { base };
    let rooted = absolute || base.first() == Some(&b'/');
    let start = out.len();
    let parts = base.split(|&byte| byte == b'/').chain(path.split(|&byte| byte == b'/'));
    for part in parts {
        match part {
            b"" | b"." => {}
            b".." => match out[start..].iter().rposition(|&byte| byte == b'/') {
                Some(slash) if &out[start + slash + 1..] != b".." => out.truncate(start + slash),
                None if !rooted && out.len() > start && &out[start..] != b".." => out.truncate(start),
                _ if rooted => {}
                _ => push(out, start, rooted, part),
            },
            _ => push(out, start, rooted, part),
        }
    }
    if out.len() == start {
        out.push(if rooted { b'/' } else { b'.' });
    }
}

fn push(out: &mut Vec<u8>, start: usize, rooted: bool, part: &[u8]) {
    if rooted || out.len() > start {
        out.push(b'/');
    }
    out.extend_from_slice(part);
}

/// What is below `base`, or `None` for a path that is not: nothing for the base itself, else it begins with a slash.
fn below<'a>(path: &'a [u8], base: &[u8]) -> Option<&'a [u8]> {
    let base = base.strip_suffix(b"/").unwrap_or(base);
    path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}

/// What a path is called after `pivot_root`, of which these are the arguments, absolute.
pub(crate) fn after_pivot(path: &[u8], new_root: &[u8], put_old: &[u8]) -> Vec<u8> {
    match below(path, new_root) {
        _ if path == b"/" || path.first() != Some(&b'/') => path.to_vec(),
        Some([]) => b"/".to_vec(),
        Some(rest) => rest.to_vec(),
        // Both the same is how the old root is laid over the new one, from where it can be taken away.
        None => [below(put_old, new_root).unwrap_or_default(), path].concat(),
    }
}

/// Stands for the beginning of a path that has more components than the kernel programs follow.
const UNKNOWN_BEGINNING: &[u8] = b"...";

/// Whether these are all components of a path, as [`from_components`] takes them.
pub(crate) fn are_all_components(bytes: &[u8]) -> bool {
    !bytes.ends_with(b"\0\0")
}

/// A path from its components, the last one first and each ended by NUL, as the kernel programs send it. An empty one at
/// the end says that there are more.
pub(crate) fn from_components(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    if !are_all_components(bytes) {
        out.extend_from_slice(UNKNOWN_BEGINNING);
    }
    for part in bytes.split(|&byte| byte == 0).rev() {
        if !part.is_empty() && part != b"/" {
            out.push(b'/');
            out.extend_from_slice(part);
        }
    }
    if out.is_empty() && !bytes.is_empty() {
        out.push(b'/');
    }
    out
}

/// What comes before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute_and_clean() {
        for (base, path, expected) in [
            ("/home/ann", "notes.txt", "/home/ann/notes.txt"),
            ("/home/ann", "./a//b/./c", "/home/ann/a/b/c"),
            ("/home/ann", "../bob/x", "/home/bob/x"),
            ("/home/ann", "../../../../etc", "/etc"),
            ("/home/ann", "/etc/../usr/./lib/", "/usr/lib"),
            ("/home/ann", "..", "/home"),
            ("/home/ann", "", "/home/ann"),
            ("/", "x", "/x"),
            ("/", "..", "/"),
            ("/", ".", "/"),
            ("", "/", "/"),
            ("", "a/../b", "b"),
            ("", "../b", "../b"),
            ("", "a/../../b", "../b"),
            ("", "../../b/..", "../.."),
            ("", ".", "."),
        ] {
            let mut out = b"kept".to_vec();
            resolve(base.as_bytes(), path.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!("kept{expected}"), "{base} + {path}");
        }
    }

    #[test]
    fn a_pivot_renames_what_is_not_moved() {
        for (path, put_old, expected) in [
            ("/", "/new/old", "/"),
            ("/new", "/new/old", "/"),
            ("/new", "/new", "/"),
            ("/new/srv", "/new/old", "/srv"),
            ("/newer/srv", "/new/old", "/old/newer/srv"),
            ("/home/ann", "/new/old", "/old/home/ann"),
            ("/home/ann", "/new", "/home/ann"),
            ("/home/ann", "elsewhere", "/home/ann"),
            ("home", "/new/old", "home"),
            ("", "/new/old", ""),
        ] {
            let after = after_pivot(path.as_bytes(), b"/new", put_old.as_bytes());
            assert_eq!(String::from_utf8_lossy(&after), expected, "{path} {put_old}");
        }
    }

    #[test]
    fn components_are_put_together_from_the_root() {
        for (components, expected) in [
            (&b"bash\0bin\0usr\0"[..], "/usr/bin/bash"),
            (b"bash\0bin\0usr\0/\0", "/usr/bin/bash"),
            (b"/\0", "/"),
            (b"\0", "/"),
            (b"", ""),
            (b"c\0b\0\0", ".../b/c"),
        ] {
            assert_eq!(String::from_utf8_lossy(&from_components(components)), expected);
        }
    }
}
