//! What is ours, as the tracker compares with it, and who else holds what of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use capture_format::model::{Credentials, Ref};

use crate::own::{ObjectKind, Own, OwnFile};

use super::super::fx::FxMap;
use super::super::procfs::ProcRoot;

/// What a descriptor of somebody else leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Object(ObjectKind, u32),
    File(OwnFile),
    Memory,
    /// What writing there changes.
    Setting(Vec<u8>),
}

/// What is ours, and who holds what of it.
#[derive(Debug)]
pub(in crate::track) struct Guarded {
    pub(super) own: Own,
    /// The agent in its own pid namespace, the namespace, and that of the host.
    pub(super) vpid: u32,
    pub(super) pid_namespace: u32,
    pub(super) host_pid_namespace: u32,
    pub(super) mount_namespace: u32,
    pub(super) pgid: u32,
    pub(super) vpgid: u32,
    pub(super) credentials: Credentials,
    /// By the number of the descriptor.
    pub(super) held: FxMap<Ref, Held>,
    /// Files as of so many changes.
    files: Vec<OwnFile>,
    files_changes: u64,
}

/// Descriptors that are remembered: what is beyond them is told when it is opened only.
const HELD_MAX: usize = 4096;

impl Guarded {
    pub(in crate::track) fn new(own: Own, proc: &ProcRoot, host_namespaces: &[u32; 8]) -> Self {
        let seen = (own.pid != 0).then(|| proc.process(own.pid)).flatten().unwrap_or_default().process;
        let thread = (own.pid != 0).then(|| proc.thread(own.pid, own.pid)).flatten().unwrap_or_default();
        Guarded {
            vpid: if seen.vpid == 0 { own.pid } else { seen.vpid },
            pid_namespace: seen.namespaces[3],
            host_pid_namespace: host_namespaces[3],
            mount_namespace: seen.namespaces[2],
            pgid: seen.pgid,
            vpgid: seen.vpgid,
            credentials: thread.credentials,
            held: FxMap::default(),
            files: Vec::new(),
            files_changes: 0,
            own,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.own.pid != 0
    }

    /// The name of an object of ours.
    pub(super) fn object(&self, kind: ObjectKind, id: u32) -> Option<Vec<u8>> {
        let name = self.own.objects.get(&(kind, id))?;
        Some(format!("{}:{name}", kind.name()).into_bytes())
    }

    pub(super) fn hold(&mut self, descriptor: Ref, held: Held) {
        if self.held.len() >= HELD_MAX {
            self.held.clear();
        }
        self.held.insert(descriptor, held);
    }

    /// The files as they are called now.
    fn files(&mut self) -> &[OwnFile] {
        let changes = self.own.files.changes();
        if changes != self.files_changes {
            self.files_changes = changes;
            self.files = self.own.files.list();
        }
        &self.files
    }

    pub(super) fn file_of_inode(&mut self, dev: u32, ino: u64, at_ns: u64) -> Option<OwnFile> {
        let is_it = |file: &&OwnFile| file.ino == ino && file.dev == dev && file.since_ns <= at_ns;
        self.files().iter().find(is_it).cloned()
    }

    /// The file that has this name, also through links of folders.
    pub(super) fn file_of_path(&mut self, name: &[u8]) -> Option<OwnFile> {
        let (folder, last) = split(name)?;
        let files = self.files();
        if let Some(file) = files.iter().find(|file| file.path == name) {
            return Some(file.clone());
        }
        // Most calls end here: they are about files with other names.
        if !files.iter().any(|file| split(&file.path).is_some_and(|(_, own)| own == last)) {
            return None;
        }
        let folder = fs::canonicalize(Path::new(OsStr::from_bytes(folder))).ok()?;
        let name = folder.join(OsStr::from_bytes(last));
        self.files().iter().find(|file| file.path == name.as_os_str().as_bytes()).cloned()
    }

    /// Files below a folder.
    pub(super) fn files_below(&mut self, folder: &[u8]) -> Vec<OwnFile> {
        let is_below = |file: &&OwnFile| {
            let rest = file.path.strip_prefix(folder);
            !folder.is_empty() && rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        self.files().iter().filter(is_below).cloned().collect()
    }
}

/// Folder and last part of a path.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|&byte| byte == b'/')?;
    Some((&path[..slash.max(1)], &path[slash + 1..]))
}
