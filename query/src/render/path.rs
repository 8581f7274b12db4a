//! Paths given to calls, made absolute as far as that can be told.

use std::borrow::Cow;

use capture_format::ReadError;
use capture_format::model::{Arg, FdSource};
use capture_format::schema::Shape;

use crate::view::RowView;

/// `AT_FDCWD`: relative paths begin at the working directory.
pub(crate) const AT_FDCWD: i32 = -100;

/// The path as given.
pub(crate) fn raw_path<'a>(row: &RowView<'a>, index: usize) -> Result<Option<Cow<'a, [u8]>>, ReadError> {
    Ok(match row.arg(index)? {
        Some(Arg::Bytes(path)) => Some(Cow::Borrowed(path)),
        _ => None,
    })
}

/// The path, absolute; `None` when the directory that it begins at is unknown.
pub(crate) fn absolute_path<'a>(row: &RowView<'a>, index: usize) -> Result<Option<Cow<'a, [u8]>>, ReadError> {
    let (Some(view), Some(Arg::Bytes(path))) = (row.kind(), row.arg(index)?) else { return Ok(None) };
    let shape = view.kind.args.get(index).map(|arg| &arg.kind.shape);
    if path.starts_with(b"/") || !matches!(shape, Some(Shape::Path(_))) {
        return Ok(Some(Cow::Borrowed(path)));
    }
    let directory = match shape {
        Some(Shape::Path(Some(dirfd))) => match row.arg((*dirfd).into())? {
            Some(Arg::Int(raw)) if raw as i32 == AT_FDCWD => {
                row.thread()?.process.map(|process| &process.cwd)
            }
            Some(Arg::Int(raw)) if own_descriptor(row, view.kind.fd)? == Some(raw as i32) => {
                row.descriptor()?.map(|descriptor| &descriptor.name)
            }
            _ => {
                // Opened relative to a descriptor the event says nothing about: what was opened tells.
                let opened = row.descriptor()?.filter(|opened| {
                    opened.name.starts_with(b"/") && (opened.name_raw == path || opened.name.ends_with(path))
                });
                let opened = opened.filter(|_| view.kind.fd == FdSource::Result);
                return Ok(opened.map(|opened| Cow::Borrowed(opened.name.as_slice())));
            }
        },
        _ => row.thread()?.process.map(|process| &process.cwd),
    };
    Ok(directory
        .filter(|directory| directory.starts_with(b"/"))
        .map(|directory| Cow::Owned(join(directory, path))))
}

/// The number of the descriptor that the event is about, where that is an argument. Calls with two directories are
/// about the first one, which often is the second one, too.
fn own_descriptor(row: &RowView<'_>, fd: FdSource) -> Result<Option<i32>, ReadError> {
    let FdSource::Arg(index) = fd else { return Ok(None) };
    Ok(match row.arg(index.into())? {
        Some(Arg::Int(raw)) => Some(raw as i32),
        _ => None,
    })
}

/// A relative path below a directory, `.` and `..` taken away by name alone: captures do not know links.
fn join(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let mut joined = directory.to_vec();
    while joined.ends_with(b"/") {
        joined.pop();
    }
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let parent = joined.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                joined.truncate(parent);
            }
            part => {
                joined.push(b'/');
                joined.extend_from_slice(part);
            }
        }
    }
    if joined.is_empty() {
        joined.push(b'/');
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_joined() {
        for (directory, path, expected) in [
            ("/home/alice", "a.txt", "/home/alice/a.txt"),
            ("/home/alice/", "./a//b", "/home/alice/a/b"),
            ("/home/alice", "../bob", "/home/bob"),
            ("/", "a", "/a"),
            ("/", "../..", "/"),
            ("/x", "", "/x"),
        ] {
            assert_eq!(join(directory.as_bytes(), path.as_bytes()), expected.as_bytes());
        }
    }
}
