//! The entities that events refer to, by class and number.
//!
//! Numbers count from 1 per class and are never used twice in one run. A version that nothing living refers to
//! is dropped in time, so a machine that starts a million processes does not fill memory; whoever wants to keep
//! an entity copies it when it sees its number first. Start at [`Store`].

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;

use capture_format::model::{Container, Descriptor, EventKind, Group, Process, Ref, Text, Thread, User};

use super::fx::{FxMap, FxSet};

/// Versions of one class.
#[derive(Clone, Debug)]
struct Versions<T> {
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

    fn add(&mut self, item: T) -> Ref {
        // At 10,000 new versions a second the numbers last five days. Afterwards new versions share the last
        // number, which then shows the newest: wrong for some events, but no event is lost.
        self.last = self.last.saturating_add(1);
        self.items.insert(self.last, item);
        self.last
    }

    /// Keeps what is in `live` and the newest few, which an event in the making may refer to.
    fn retain(&mut self, live: &FxSet<Ref>) {
        let newest = self.last.saturating_sub(NEWEST_KEPT);
        self.items.retain(|number, _| *number > newest || live.contains(number));
        self.items.shrink_to(self.items.len() * 2);
    }
}

/// Versions of a class that survive a sweep whatever refers to them.
const NEWEST_KEPT: u32 = 64;

/// Bytes of entities below which nothing is swept.
const SWEEP_BYTES_MIN: usize = 12 << 20;

/// Numbers of the entities that must stay.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) threads: FxSet<Ref>,
    pub(super) processes: FxSet<Ref>,
    pub(super) descriptors: FxSet<Ref>,
}

/// The entities as they stand.
#[derive(Clone, Debug, Default)]
pub struct Store {
    kinds: Versions<EventKind>,
    threads: Versions<Thread>,
    processes: Versions<Process>,
    descriptors: Versions<Descriptor>,
    /// Numbers of descriptors by the hash of their content.
    interned: FxMap<u64, Ref>,
    hash: RandomState,
    containers: Versions<Container>,
    /// Numbers of containers by runtime and id: short ids are names that each runtime gives out by itself.
    container_refs: HashMap<(String, Text), Ref>,
    users: Vec<User>,
    groups: Vec<Group>,
    /// Estimate of the memory that threads, processes and descriptors take.
    bytes: usize,
    sweep_at: usize,
}

/// Where an event's entities can be looked up: in the store, or where they were kept with an event that waited.
pub trait Lookup {
    /// A kind of event.
    fn kind(&self, number: Ref) -> Option<&EventKind>;
    /// A version of a thread.
    fn thread(&self, number: Ref) -> Option<&Thread>;
    /// A version of a process.
    fn process(&self, number: Ref) -> Option<&Process>;
    /// A version of a descriptor.
    fn descriptor(&self, number: Ref) -> Option<&Descriptor>;
    /// A version of a container.
    fn container(&self, number: Ref) -> Option<&Container>;
}

/// By the methods of the same names.
macro_rules! lookup {
    ($($place:ty),*) => {$(
        impl Lookup for $place {
            fn kind(&self, number: Ref) -> Option<&EventKind> {
                self.kind(number)
            }

            fn thread(&self, number: Ref) -> Option<&Thread> {
                self.thread(number)
            }

            fn process(&self, number: Ref) -> Option<&Process> {
                self.process(number)
            }

            fn descriptor(&self, number: Ref) -> Option<&Descriptor> {
                self.descriptor(number)
            }

            fn container(&self, number: Ref) -> Option<&Container> {
                self.container(number)
            }
        }
    )*};
}

lookup!(Store, capture_format::Entities);

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

    /// Users of the host; the number of one is its place in this list, counted from 1.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Groups of the host; the number of one is its place in this list, counted from 1.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(super) fn set_users(&mut self, users: Vec<User>, groups: Vec<Group>) {
        self.users = users;
        self.groups = groups;
    }

    pub(super) fn add_kind(&mut self, kind: EventKind) -> Ref {
        self.kinds.add(kind)
    }

    pub(super) fn add_thread(&mut self, thread: Thread) -> Ref {
        self.bytes += thread_bytes(&thread);
        self.threads.add(thread)
    }

    pub(super) fn add_process(&mut self, process: Process) -> Ref {
        self.bytes += process_bytes(&process);
        self.processes.add(process)
    }

    /// The number of a descriptor with this content.
    pub(super) fn intern(&mut self, descriptor: Descriptor) -> Ref {
        let hash = self.hash.hash_one(&descriptor);
        if let Some(&number) = self.interned.get(&hash)
            && self.descriptors.get(number) == Some(&descriptor)
        {
            return number;
        }
        self.bytes += descriptor_bytes(&descriptor);
        let number = self.descriptors.add(descriptor);
        // Of two contents with one hash the newer wins; the other is given a second number at its next use.
        self.interned.insert(hash, number);
        number
    }

    /// The number of this container. Containers are few and stay for the whole run.
    pub(super) fn container_ref(&mut self, container: Container) -> Ref {
        let id = (container.runtime.clone(), container.full_id.clone());
        *self.container_refs.entry(id).or_insert_with(|| self.containers.add(container))
    }

    /// Whether memory has grown enough since the last sweep for another one to pay.
    pub(super) fn sweep_due(&self) -> bool {
        self.bytes > self.sweep_at.max(SWEEP_BYTES_MIN)
    }

    /// Drops what is not in `live`; the parents of live processes live too.
    pub(super) fn sweep(&mut self, mut live: Live) {
        let current: Vec<Ref> = live.processes.iter().copied().collect();
        for mut number in current {
            while let Some(process) = self.processes.get(number) {
                number = process.parent;
                if number == 0 || !live.processes.insert(number) {
                    break;
                }
            }
        }
        // The newest threads and processes stay by themselves, so what they refer to must stay as well.
        let newest = self.threads.last.saturating_sub(NEWEST_KEPT);
        for (_, thread) in self.threads.items.iter().filter(|(number, _)| **number > newest) {
            live.processes.insert(thread.process);
        }
        self.threads.retain(&live.threads);
        self.processes.retain(&live.processes);
        self.descriptors.retain(&live.descriptors);
        self.interned.retain(|_, number| self.descriptors.items.contains_key(number));
        self.bytes = self.threads.items.values().map(thread_bytes).sum::<usize>()
            + self.processes.items.values().map(process_bytes).sum::<usize>()
            + self.descriptors.items.values().map(descriptor_bytes).sum::<usize>();
        self.sweep_at = self.bytes * 2;
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.threads.items.len(), self.processes.items.len(), self.descriptors.items.len()]
    }
}

fn thread_bytes(thread: &Thread) -> usize {
    size_of::<Thread>() + thread.comm.capacity() + 16
}

fn process_bytes(process: &Process) -> usize {
    let list = |texts: &[Vec<u8>]| texts.iter().map(|text| text.capacity() + 40).sum::<usize>();
    let texts = [&process.comm, &process.exe, &process.exe_path, &process.cwd, &process.cgroup];
    size_of::<Process>()
        + list(&process.args)
        + list(&process.env)
        + texts.iter().map(|text| text.capacity() + 16).sum::<usize>()
}

fn descriptor_bytes(descriptor: &Descriptor) -> usize {
    size_of::<Descriptor>()
        + descriptor.name.capacity()
        + descriptor.name_raw.capacity()
        + descriptor.name_opened.capacity()
        + 64
}
