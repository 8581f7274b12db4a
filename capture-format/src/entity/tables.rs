//! Tables of entities by number.

use std::collections::HashMap;

use crate::model::{Container, Descriptor, Entity, EventKind, Group, Process, Ref, Thread, User};

/// All entities of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Table<T> {
    slots: Vec<Option<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { slots: Vec::new() }
    }
}

impl<T> Table<T> {
    /// The entity with this number.
    pub fn get(&self, number: Ref) -> Option<&T> {
        self.slots.get(number as usize)?.as_ref()
    }

    /// Entities in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Ref, &T)> {
        self.slots.iter().enumerate().filter_map(|(number, slot)| Some((number as Ref, slot.as_ref()?)))
    }

    /// One more than the highest number: the length of a table indexed by number.
    pub fn bound(&self) -> usize {
        self.slots.len()
    }
}

/// The entities of a capture. Where a number was defined more than once the last definition holds.
#[derive(Clone, Debug, PartialEq, Default)]
#[expect(missing_docs, reason = "named after the types in `model`")]
pub struct Entities {
    pub kinds: Table<EventKind>,
    pub threads: Table<Thread>,
    pub processes: Table<Process>,
    pub descriptors: Table<Descriptor>,
    pub containers: Table<Container>,
    pub users: Table<User>,
    pub groups: Table<Group>,
    users_by_uid: HashMap<u32, Ref>,
    groups_by_gid: HashMap<u32, Ref>,
}

impl Entities {
    /// Adds or replaces a definition.
    pub fn define(&mut self, _number: Ref, _entity: Entity) {
        todo!()
    }

    /// The event kind with this number.
    pub fn kind(&self, number: Ref) -> Option<&EventKind> {
        self.kinds.get(number)
    }

    /// The thread version with this number.
    pub fn thread(&self, number: Ref) -> Option<&Thread> {
        self.threads.get(number)
    }

    /// The process version with this number.
    pub fn process(&self, number: Ref) -> Option<&Process> {
        self.processes.get(number)
    }

    /// The process version a thread version belongs to.
    pub fn process_of(&self, thread: Ref) -> Option<&Process> {
        self.process(self.thread(thread)?.process)
    }

    /// The descriptor version with this number.
    pub fn descriptor(&self, number: Ref) -> Option<&Descriptor> {
        self.descriptors.get(number)
    }

    /// The container version with this number.
    pub fn container(&self, number: Ref) -> Option<&Container> {
        self.containers.get(number)
    }

    /// The user with this uid.
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.users.get(*self.users_by_uid.get(&uid)?)
    }

    /// The group with this gid.
    pub fn group(&self, gid: u32) -> Option<&Group> {
        self.groups.get(*self.groups_by_gid.get(&gid)?)
    }
}
