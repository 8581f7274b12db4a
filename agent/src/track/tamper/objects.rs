//! The kernel's objects that are ours, in the hands of others.

use capture_format::model::Ref;

use crate::own::ObjectKind;

use super::super::Tracker;
use super::super::calls::Call;
use super::super::files::OpenFile;
use super::super::procfs::{FileSeen, Link};
use super::super::tasks::Task;
use super::files::capture;
use super::guarded::Held;
use super::{Found, word};

/// `enum bpf_cmd` of include/uapi/linux/bpf.h: those that open something that is there already.
const OBJ_GET: i32 = 7;
const PROG_GET_FD_BY_ID: i32 = 13;
const MAP_GET_FD_BY_ID: i32 = 14;
const LINK_GET_FD_BY_ID: i32 = 30;
const OPENING: [i32; 4] = [OBJ_GET, PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID, LINK_GET_FD_BY_ID];

/// Those that work on something open, with where `union bpf_attr` has its descriptors, and what is done to it.
const WORKING: [(i32, &[usize], &str); 15] = [
    // MAP_UPDATE_ELEM, MAP_DELETE_ELEM, MAP_LOOKUP_AND_DELETE_ELEM.
    (2, &[0], "map_changed"),
    (3, &[0], "map_changed"),
    (21, &[0], "map_changed"),
    // MAP_LOOKUP_AND_DELETE_BATCH, MAP_UPDATE_BATCH, MAP_DELETE_BATCH.
    (25, &[36], "map_changed"),
    (26, &[36], "map_changed"),
    (27, &[36], "map_changed"),
    // MAP_FREEZE, OBJ_PIN.
    (22, &[0], "map_frozen"),
    (6, &[8], "object_pinned"),
    // PROG_ATTACH, PROG_TEST_RUN, RAW_TRACEPOINT_OPEN, LINK_CREATE, PROG_BIND_MAP.
    (8, &[4], "program_used"),
    (10, &[0], "program_used"),
    (17, &[8], "program_used"),
    (28, &[0], "program_used"),
    (35, &[0, 4], "program_used"),
    // LINK_UPDATE, LINK_DETACH.
    (29, &[0, 4], "link_changed"),
    (34, &[0], "link_changed"),
];

impl Tracker {
    /// A call of `bpf` that opened an object of ours, or worked on one.
    pub(super) fn bpf_on_ours(&mut self, call: &Call<'_, '_>, task: &Task, descriptor: Ref) -> Option<Found> {
        let attributes = call.bytes(1).unwrap_or_default();
        let command = call.int(0);
        if let Some((_, places, how)) = WORKING.iter().find(|(working, ..)| *working == command) {
            return places.iter().find_map(|&at| {
                let descriptor = self.descriptor_of(task, word(attributes, at), 0);
                let Some(&Held::Object(kind, id)) = self.guarded.held.get(&descriptor) else { return None };
                let object = self.guarded.object(kind, id)?;
                Some(Found { how, object, id: u64::from(id), signal: 0, descriptor })
            });
        }
        let kind = kind_opened_by(command);
        let by_id = || Some((kind?, word(attributes, 0)?));
        let by_fd = match self.guarded.held.get(&descriptor) {
            Some(Held::Object(kind, id)) if OPENING.contains(&command) => Some((*kind, *id)),
            _ => None,
        };
        let (kind, id) = by_fd.or_else(by_id)?;
        let object = self.guarded.object(kind, id)?;
        let how = match kind {
            ObjectKind::Map => "map_opened",
            ObjectKind::Program => "program_opened",
            ObjectKind::Link => "link_opened",
        };
        Some(Found { how, object, id: u64::from(id), signal: 0, descriptor })
    }

    /// The object of ours that a call of `bpf` has just opened, as the kernel shows it, or as the call asked for it.
    /// The attributes may have been changed by another thread; the descriptor may have been closed by then.
    pub(in crate::track) fn object_opened(
        &self,
        task: &Task,
        call: &Call<'_, '_>,
    ) -> Option<(ObjectKind, u32)> {
        let command = call.int(0);
        if !self.guarded.is_on() || !OPENING.contains(&command) {
            return None;
        }
        let is_ours = |object: &(ObjectKind, u32)| self.guarded.own.objects.contains_key(object);
        let asked =
            kind_opened_by(command).and_then(|kind| Some((kind, word(call.bytes(1)?, 0)?))).filter(is_ours);
        asked.or_else(|| {
            let seen = self.proc.file(task.tid, call.result_fd()?).ok()?;
            seen.object.filter(is_ours)
        })
    }

    /// The number of a descriptor that leads to an object of ours.
    pub(in crate::track) fn hold_object(&mut self, descriptor: Ref, object: (ObjectKind, u32)) {
        self.guarded.hold(descriptor, Held::Object(object.0, object.1));
    }

    /// How a descriptor that leads to an object of ours is labelled.
    pub(in crate::track) fn object_label(&self, object: (ObjectKind, u32)) -> Option<Vec<u8>> {
        self.guarded.object(object.0, object.1)
    }

    /// A descriptor of the agent was copied into another process.
    pub(super) fn descriptor_taken(&mut self, call: &Call<'_, '_>, task: &Task) -> Option<Found> {
        let pidfd = self.descriptor_of(task, call.fd(0), 0);
        if !self.is_our_pidfd(task, pidfd) {
            return None;
        }
        let fd = call.fd(1)?;
        let mut found = self.of_agent("descriptor_taken", 0);
        let Ok(seen) = self.proc.file(self.guarded.own.pid, fd) else { return Some(found) };
        let FileSeen { link, object, .. } = seen;
        let mut held = None;
        if let Some(object) = object
            && let Some(name) = self.object_label(object)
        {
            (found.object, found.id) = (name, u64::from(object.1));
            held = Some(Held::Object(object.0, object.1));
        }
        if let Link::Known(mut descriptor) = link {
            if let Some(file) = self.guarded.file_of_inode(descriptor.dev, descriptor.ino, self.now_ns) {
                (found.object, found.id) = (capture(&file), file.ino);
                held = Some(Held::File(file));
            }
            if matches!(held, Some(Held::Object(..))) {
                descriptor.name_raw.clone_from(&found.object);
            }
            let descriptor = self.store.intern(descriptor);
            if let (true, Some(fd)) = (call.succeeded(), call.result_fd()) {
                let table = self.tasks.table(task);
                self.tasks.files.amend(table, fd, OpenFile { descriptor, cloexec: true });
            }
            if let Some(held) = held {
                self.guarded.hold(descriptor, held);
            }
            found.descriptor = descriptor;
        }
        Some(found)
    }
}

/// What a command of `bpf` opens by its id.
fn kind_opened_by(command: i32) -> Option<ObjectKind> {
    match command {
        PROG_GET_FD_BY_ID => Some(ObjectKind::Program),
        MAP_GET_FD_BY_ID => Some(ObjectKind::Map),
        LINK_GET_FD_BY_ID => Some(ObjectKind::Link),
        _ => None,
    }
}
