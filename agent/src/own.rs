//! What of the machine is the recording itself: its process, its programs, maps and links in the kernel, its files.
//!
//! The tracker compares what calls touch with this, to tell of attempts on the recording. The files are known by whoever
//! writes them, on another thread than the one that tracks, so their list is shared. Start at [`Own`].

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a number of the kernel's BPF objects counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A map.
    Map,
    /// A program.
    Program,
    /// What holds a program on its tracepoint.
    Link,
}

impl ObjectKind {
    /// Every one, the innermost last: the `fdinfo` of a link also names its program.
    pub const ALL: [ObjectKind; 3] = [ObjectKind::Link, ObjectKind::Program, ObjectKind::Map];

    /// How it is called in a capture.
    pub fn name(self) -> &'static str {
        match self {
            ObjectKind::Map => "map",
            ObjectKind::Program => "program",
            ObjectKind::Link => "link",
        }
    }

    /// The line of its id in `/proc/PID/fdinfo/FD`.
    pub fn fdinfo_line(self) -> &'static [u8] {
        match self {
            ObjectKind::Map => b"map_id:",
            ObjectKind::Program => b"prog_id:",
            ObjectKind::Link => b"link_id:",
        }
    }
}

/// The recording as others can reach it. Without a process nothing is recognised.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Its process in the initial pid namespace.
    pub pid: u32,
    /// Names of its objects in the kernel, by id.
    pub objects: BTreeMap<(ObjectKind, u32), String>,
    /// The capture's files.
    pub files: OwnFiles,
}

impl Own {
    /// The number of an object by its name; 0 when there is none.
    pub fn id(&self, kind: ObjectKind, name: &str) -> u32 {
        let mut objects = self.objects.iter();
        objects.find(|((of_kind, _), known)| *of_kind == kind && *known == name).map_or(0, |((_, id), _)| *id)
    }
}

/// A file of the capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFile {
    /// Without links and dots.
    pub path: Vec<u8>,
    /// Inode number.
    pub ino: u64,
    /// Device: major << 20 | minor.
    pub dev: u32,
    /// Boot clock ns from which on the numbers are its own: before, they may have been those of a file that is gone.
    pub since_ns: u64,
}

/// Files that are remembered: a recording may make any number of them, and every open for writing is compared.
const FILES_MAX: usize = 256;

/// The files of a recording, of which those written last are known.
#[derive(Clone, Debug, Default)]
pub struct OwnFiles(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    changes: AtomicU64,
    files: Mutex<VecDeque<OwnFile>>,
}

impl OwnFiles {
    /// A file is being written from this time on.
    pub fn add(&self, path: &Path, file: &File, since_ns: u64) -> io::Result<()> {
        let meta = file.metadata()?;
        // One without a name, like what standard output leads to, is known by its inode alone.
        let path =
            fs::canonicalize(path).map(|path| path.as_os_str().as_bytes().to_vec()).unwrap_or_default();
        let dev = (libc::major(meta.dev()) << 20) | (libc::minor(meta.dev()) & 0xf_ffff);
        self.insert(OwnFile { path, ino: meta.ino(), dev, since_ns });
        Ok(())
    }

    /// The same, of which all is known.
    pub fn insert(&self, file: OwnFile) {
        self.change(|files| {
            files.retain(|known| known.path != file.path);
            if files.len() >= FILES_MAX {
                files.pop_front();
            }
            files.push_back(file);
        });
    }

    /// A file that the recording itself removes.
    pub fn remove(&self, path: &Path) {
        let Ok(path) = fs::canonicalize(path) else { return };
        self.change(|files| files.retain(|known| known.path != path.as_os_str().as_bytes()));
    }

    /// What was called `old`, or is below it, has another name.
    pub fn renamed(&self, old: &[u8], new: &[u8]) {
        self.change(|files| {
            for file in files {
                if let Some(rest) = file.path.strip_prefix(old)
                    && (rest.is_empty() || rest.starts_with(b"/"))
                {
                    file.path = [new, rest].concat();
                }
            }
        });
    }

    /// How often the list has changed.
    pub fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::Acquire)
    }

    /// The list as it is.
    pub fn list(&self) -> Vec<OwnFile> {
        self.lock(|files| files.iter().cloned().collect())
    }

    fn change(&self, change: impl FnOnce(&mut VecDeque<OwnFile>)) {
        self.lock(change);
        self.0.changes.fetch_add(1, Ordering::Release);
    }

    fn lock<T>(&self, work: impl FnOnce(&mut VecDeque<OwnFile>) -> T) -> T {
        // Whoever panicked meanwhile has left a list all the same.
        work(&mut self.0.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names_until_they_are_renamed() {
        let files = OwnFiles::default();
        let file = |path: &str, ino| OwnFile { path: path.as_bytes().to_vec(), ino, dev: 1, since_ns: 0 };
        files.insert(file("/a/b", 1));
        files.insert(file("/a/b", 2));
        files.insert(file("/a/bc", 3));
        let before = files.changes();
        files.renamed(b"/a/b", b"/x");
        files.renamed(b"/a", b"/d");
        assert!(files.changes() > before);
        assert_eq!(files.list(), [file("/x", 2), file("/d/bc", 3)]);
        for ino in 0..1000 {
            files.insert(file(&format!("/{ino}"), ino));
        }
        assert_eq!(files.list().len(), FILES_MAX);
        assert_eq!(files.list().last(), Some(&file("/999", 999)));
    }
}
