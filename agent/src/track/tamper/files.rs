//! The capture's files, the agent's own in `/proc`, and those of its control groups, opened, changed or renamed by others.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use capture_format::model::{Descriptor, DescriptorType, Ref};

use crate::own::OwnFile;

use super::super::calls::Call;
use super::super::tasks::Task;
use super::super::{Tracker, path};
use super::guarded::{Held, split};
use super::{Found, word};

const O_ACCMODE: i32 = libc::O_ACCMODE;
const RENAME_EXCHANGE: i32 = 2;

/// Files of a control group by which its processes are stopped, ended or starved.
const CGROUP_FILES: [&[u8]; 11] = [
    b"cgroup.freeze",
    b"cgroup.kill",
    b"cpu.cfs_quota_us",
    b"cpu.max",
    b"cpuset.cpus",
    b"freezer.state",
    b"memory.high",
    b"memory.limit_in_bytes",
    b"memory.max",
    b"io.max",
    b"cpu.weight",
];

impl Tracker {
    pub(super) fn opened_ours(
        &mut self,
        call: &Call<'_, '_>,
        task: &Task,
        descriptor: Ref,
        path: u8,
        flags: Option<u8>,
    ) -> Option<Found> {
        let flags = match flags {
            None => libc::O_WRONLY | libc::O_TRUNC,
            // `openat2` has them in front of a structure.
            Some(at) => {
                call.bytes(at).and_then(|how| word(how, 0)).map_or_else(|| call.int(at), |word| word as i32)
            }
        };
        let writes = flags & O_ACCMODE != libc::O_RDONLY || flags & libc::O_TRUNC != 0;
        if !writes || flags & libc::O_PATH != 0 {
            return None;
        }
        let opened = self.store.descriptor(descriptor)?;
        let (dev, ino) = (opened.dev, opened.ino);
        let how = if flags & libc::O_TRUNC != 0 { "file_truncated" } else { "file_opened" };
        if call.succeeded()
            && ino != 0
            && let Some(file) = self.guarded.file_of_inode(dev, ino, self.now_ns)
        {
            let found = Found { descriptor, ..of_file(how, &file) };
            self.guarded.hold(descriptor, Held::File(file));
            return Some(found);
        }
        let opened = self.store.descriptor(descriptor)?;
        // A link leads to it as well.
        let name = if opened.name_opened.is_empty() { &opened.name } else { &opened.name_opened }.clone();
        if let Some((how, held)) = self.settings_opened(task, &name) {
            let mut found = Found { descriptor, ..self.of_agent(how, 0) };
            if let Held::Setting(object) = &held {
                found.object.clone_from(object);
            }
            if call.succeeded() {
                self.guarded.hold(descriptor, held);
            }
            return Some(found);
        }
        if !self.shares_our_mounts(task) {
            return None;
        }
        let file = self.guarded.file_of_path(&name)?;
        // Another file may stand under the name meanwhile. Where the numbers of a file are not those that its file system
        // shows, as on overlays, the name must do.
        let is_another = call.succeeded() && ino != 0 && dev == file.dev && ino != file.ino;
        if is_another || call.bytes(path).is_none() {
            return None;
        }
        if call.succeeded() {
            self.guarded.hold(descriptor, Held::File(file.clone()));
        }
        Some(Found { descriptor, ..of_file(how, &file) })
    }

    /// What is changed of the agent by writing to a file with this name.
    fn settings_opened(&self, task: &Task, name: &[u8]) -> Option<(&'static str, Held)> {
        let (folder, last) = split(name)?;
        if CGROUP_FILES.contains(&last) && self.is_our_cgroup(folder) {
            return Some(("cgroup_opened", Held::Setting([b"cgroup:".as_slice(), name].concat())));
        }
        // `/proc/PID/..`, `/proc/PID/attr/..` or `/proc/PID/task/TID/..`, wherever a procfs is mounted.
        let mut parts = name.split(|&byte| byte == b'/').skip_while(|part| *part != b"proc").skip(1);
        let pid = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
        if !self.means_us(task, pid) {
            return None;
        }
        match last {
            b"mem" => Some(("memory_opened", Held::Memory)),
            // Descriptors lead elsewhere.
            _ if parts.next() == Some(b"fd") => None,
            _ => Some(("settings_opened", Held::Setting([b"agent:".as_slice(), last].concat()))),
        }
    }

    /// Whether a folder is one of the agent's control groups or one above, but for the roots.
    fn is_our_cgroup(&self, folder: &[u8]) -> bool {
        let text = fs::read(self.proc.path(self.guarded.own.pid, "cgroup")).unwrap_or_default();
        text.split(|&byte| byte == b'\n').any(|line| {
            let mut parts = line.splitn(3, |&byte| byte == b':');
            let (Some(number), Some(controllers), Some(own)) = (parts.next(), parts.next(), parts.next())
            else {
                return false;
            };
            let Some(below) = folder.strip_prefix(b"/sys/fs/cgroup") else { return false };
            let is_on_path = |group: &[u8]| {
                let rest = own.strip_prefix(group);
                group.len() > 1 && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            };
            let mounts = controllers.split(|&byte| byte == b',');
            let mounts = mounts.map(|name| name.strip_prefix(b"name=").unwrap_or(name));
            let mut mounts = mounts.chain([controllers, b"unified"]).filter(|name| !name.is_empty());
            (number == b"0" && is_on_path(below))
                || mounts.any(|name| {
                    let below = below.strip_prefix(b"/").and_then(|below| below.strip_prefix(name));
                    below.is_some_and(is_on_path)
                })
        })
    }

    pub(super) fn written_ours(
        &mut self,
        call: &Call<'_, '_>,
        task: &Task,
        fd: u8,
        how: &'static str,
        mut descriptor: Ref,
    ) -> Option<Found> {
        if fd != 0 {
            descriptor = self.descriptor_of(task, call.fd(fd), call.header().result);
        }
        let file = match self.guarded.held.get(&descriptor) {
            Some(Held::File(file)) => file.clone(),
            Some(Held::Memory) => return Some(Found { descriptor, ..self.of_agent("memory_written", 0) }),
            Some(Held::Setting(object)) => {
                let object = object.clone();
                return Some(Found { descriptor, object, ..self.of_agent("settings_written", 0) });
            }
            Some(Held::Object(..)) => return None,
            None => {
                // Opened before the recording began, or by another name.
                let is_file = |known: &&Descriptor| known.kind == DescriptorType::File && known.ino != 0;
                let known = self.store.descriptor(descriptor).filter(is_file)?;
                let (dev, ino) = (known.dev, known.ino);
                self.guarded.file_of_inode(dev, ino, self.now_ns)?
            }
        };
        Some(Found { descriptor, ..of_file(how, &file) })
    }

    pub(super) fn mapped_ours(&self, call: &Call<'_, '_>, descriptor: Ref) -> Option<Found> {
        let writes = call.int(2) & libc::PROT_WRITE != 0 && call.int(3) & libc::MAP_SHARED != 0;
        if !writes || call.int(3) & libc::MAP_ANONYMOUS != 0 {
            return None;
        }
        match self.guarded.held.get(&descriptor)? {
            Held::Object(kind, id) => {
                let object = self.guarded.object(*kind, *id)?;
                Some(Found { how: "map_mapped", object, id: u64::from(*id), signal: 0, descriptor })
            }
            Held::File(file) => Some(Found { descriptor, ..of_file("file_mapped", file) }),
            Held::Memory | Held::Setting(_) => None,
        }
    }

    /// The file of ours that an argument names, and the name.
    pub(super) fn named(
        &mut self,
        call: &Call<'_, '_>,
        task: &Task,
        dirfd: Option<u8>,
        path: u8,
    ) -> Option<(OwnFile, Vec<u8>)> {
        let name = self.name_given(call, task, dirfd, path)?;
        let file = self.guarded.file_of_path(&name)?;
        Some((file, name))
    }

    fn name_given(&mut self, call: &Call<'_, '_>, task: &Task, dirfd: Option<u8>, at: u8) -> Option<Vec<u8>> {
        if !self.shares_our_mounts(task) {
            return None;
        }
        let given = path::until_nul(call.bytes(at)?);
        Some(self.resolve(task, dirfd.map(|at| call.int(at)), given))
    }

    /// Whether a path means the same to a process as to us, as far as is known.
    fn shares_our_mounts(&self, task: &Task) -> bool {
        let theirs = self.process_of(task).map_or(0, |process| process.namespaces[2]);
        theirs == 0 || self.guarded.mount_namespace == 0 || theirs == self.guarded.mount_namespace
    }

    pub(super) fn renamed_ours(
        &mut self,
        call: &Call<'_, '_>,
        task: &Task,
        at: bool,
        found: &mut Vec<Found>,
    ) {
        let args: [(Option<u8>, u8); 2] =
            if at { [(Some(0), 1), (Some(2), 3)] } else { [(None, 0), (None, 1)] };
        let [old, new] = args.map(|(dirfd, path)| self.name_given(call, task, dirfd, path));
        let (Some(old), Some(new)) = (old, new) else { return };
        let is_exchange = at && call.int(4) & RENAME_EXCHANGE != 0;
        let there = self.guarded.file_of_path(&new);
        if let Some(file) = &there {
            // Exchanged, it has the other's name; replaced, it has none.
            found.push(of_file(if is_exchange { "file_renamed" } else { "file_replaced" }, file));
        }
        let moved = self.guarded.file_of_path(&old);
        let below = if moved.is_none() { self.guarded.files_below(&old) } else { Vec::new() };
        for file in moved.iter().chain(&below) {
            found.push(of_file("file_renamed", file));
        }
        if !call.succeeded() {
            return;
        }
        let as_it_is = |name: Vec<u8>| {
            let path = fs::canonicalize(OsStr::from_bytes(&name));
            path.map_or(name, |path| path.as_os_str().as_bytes().to_vec())
        };
        match (moved, there) {
            (Some(file), _) => self.guarded.own.files.renamed(&file.path, &as_it_is(new)),
            (None, Some(file)) if is_exchange => self.guarded.own.files.renamed(&file.path, &as_it_is(old)),
            _ if !below.is_empty() => self.guarded.own.files.renamed(&old, &as_it_is(new)),
            _ => {}
        }
    }
}

pub(super) fn of_file(how: &'static str, file: &OwnFile) -> Found {
    Found { how, object: capture(file), id: file.ino, signal: 0, descriptor: 0 }
}

pub(super) fn capture(file: &OwnFile) -> Vec<u8> {
    [b"capture:", file.path.as_slice()].concat()
}
