//! The entities that events refer to, by class and number.
//!
//! Numbers count from 1 per class and are never used twice in one run. A version that nothing living refers to
//! is dropped some time after its last event, so a machine that starts a million processes does not fill memory;
//! whoever wants to keep an entity copies it when it sees its number first.

use capture_format::model::{Container, Descriptor, EventKind, Group, Process, Ref, Thread, User};

use super::fx::FxMap;

/// Versions of one class.
#[derive(Clone, Debug)]
pub(crate) struct Versions<T> {
    last: Ref,
    items: FxMap<Ref, T>,
}

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Versions { last: 0, items: FxMap::default() }
    }
}

impl<T> Versions<T> {
    fn get(&self, number: Ref) -> Option<&T> {
        self.items.get(&number)
    }
}

/// The entities as they stand.
#[derive(Clone, Debug, Default)]
pub struct Store {
    kinds: Versions<EventKind>,
    threads: Versions<Thread>,
    processes: Versions<Process>,
    descriptors: Versions<Descriptor>,
    containers: Versions<Container>,
    users: Vec<User>,
    groups: Vec<Group>,
}

impl Store {
    /// A kind of event.
    pub fn kind(&self, number: Ref) -> Option<&EventKind> {
        self.kinds.get(number)
    }

    /// A version of a thread.
    pub fn thread(&self, number: Ref) -> Option<&Thread> {
        self.threads.get(number)
    }

    /// A version of a process.
    pub fn process(&self, number: Ref) -> Option<&Process> {
        self.processes.get(number)
    }

    /// A version of a descriptor.
    pub fn descriptor(&self, number: Ref) -> Option<&Descriptor> {
        self.descriptors.get(number)
    }

    /// A version of a container.
    pub fn container(&self, number: Ref) -> Option<&Container> {
        self.containers.get(number)
    }

    /// Users of the host.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Groups of the host.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
}
