//! Tables of entities by number.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Container, Descriptor, Entity, EventKind, Group, Process, Ref, Thread, User};

/// All entities of one class.
///
/// Numbers are usually dense, so most are found by index. But a file of a rotated recording holds old entities
/// beside new ones, and a hostile file holds any number: what lies far from the rest goes to a map, so that
/// memory follows the count of definitions and not their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Table<T> {
    entities: Vec<T>,
    /// Number of `near[0]`.
    near_first: Ref,
    /// Place in `entities` by number, [`ABSENT`] for none.
    near: Vec<u32>,
    far: BTreeMap<Ref, u32>,
}

const ABSENT: u32 = u32::MAX;

/// `near` may be this much longer than twice the number of entities.
const NEAR_SLACK: usize = 1 << 16;

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { entities: Vec::new(), near_first: 0, near: Vec::new(), far: BTreeMap::new() }
    }
}

impl<T> Table<T> {
    fn place(&self, number: Ref) -> Option<u32> {
        let near = number.checked_sub(self.near_first).and_then(|index| self.near.get(index as usize));
        match near {
            Some(&place) if place != ABSENT => Some(place),
            _ if self.far.is_empty() => None,
            _ => self.far.get(&number).copied(),
        }
    }

    fn set(&mut self, number: Ref, entity: T) {
        if let Some(place) = self.place(number) {
            self.entities[place as usize] = entity;
            return;
        }
        // A capture with 2^32 definitions of one class does not fit any memory.
        let place = self.entities.len() as u32;
        if self.entities.is_empty() {
            self.near_first = number;
        }
        self.entities.push(entity);
        let index = number.checked_sub(self.near_first).map(|index| index as usize);
        match index.filter(|&index| index <= 2 * self.entities.len() + NEAR_SLACK) {
            Some(index) => {
                if self.near.len() <= index {
                    self.near.resize(index + 1, ABSENT);
                }
                self.near[index] = place;
            }
            None => {
                self.far.insert(number, place);
            }
        }
    }

    /// The entity with this number.
    pub fn get(&self, number: Ref) -> Option<&T> {
        self.entities.get(self.place(number)? as usize)
    }

    /// Entities in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Ref, &T)> {
        let near = (self.near_first..).zip(&self.near).filter(|&(_, &place)| place != ABSENT);
        let mut places: Vec<(Ref, u32)> = near.map(|(number, &place)| (number, place)).collect();
        places.extend(self.far.iter().map(|(&number, &place)| (number, place)));
        places.sort_unstable();
        places.into_iter().map(|(number, place)| (number, &self.entities[place as usize]))
    }

    /// A place for this number in tables beside this one, which are [`Self::len`] long.
    pub fn index(&self, number: Ref) -> Option<usize> {
        self.place(number).map(|place| place as usize)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
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
    pub fn define(&mut self, number: Ref, entity: Entity) {
        match entity {
            Entity::Kind(kind) => self.kinds.set(number, kind),
            Entity::Thread(thread) => self.threads.set(number, thread),
            Entity::Process(process) => self.processes.set(number, process),
            Entity::Descriptor(descriptor) => self.descriptors.set(number, descriptor),
            Entity::Container(container) => self.containers.set(number, container),
            Entity::User(user) => {
                self.users_by_uid.insert(user.uid, number);
                self.users.set(number, user);
            }
            Entity::Group(group) => {
                self.groups_by_gid.insert(group.gid, number);
                self.groups.set(number, group);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_find_near_and_far_numbers() {
        let mut table = Table::default();
        for number in [50, 51, 7, Ref::MAX, 60, 51, 1 << 30] {
            table.set(number, number);
        }
        table.set(51, 0);
        let all: Vec<_> = table.iter().map(|(number, &entity)| (number, entity)).collect();
        assert_eq!(all, [(7, 7), (50, 50), (51, 0), (60, 60), (1 << 30, 1 << 30), (Ref::MAX, Ref::MAX)]);
        assert_eq!((table.get(52), table.get(8), table.get(Ref::MAX)), (None, None, Some(&Ref::MAX)));
        assert!(table.near.len() < NEAR_SLACK);
    }
}
