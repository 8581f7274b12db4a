//! What threads share, each thing known by a number: tables of descriptors, working directories.
//!
//! `clone` says what a child shares and what it gets as a copy, and `unshare` ends it. A thing lives as long as
//! somebody uses it. Start at [`Shared`].

/// Number of a thing that is shared.
pub(super) type SharedId = u32;

#[derive(Clone, Debug, Default)]
struct Used<T> {
    users: u32,
    value: T,
}

/// All things of one sort.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared<T> {
    items: Vec<Used<T>>,
    free: Vec<SharedId>,
}

impl<T: Clone + Default> Shared<T> {
    /// A new one with one user.
    pub(super) fn create(&mut self, value: T) -> SharedId {
        let item = Used { users: 1, value };
        match self.free.pop() {
            Some(id) => {
                self.items[id as usize] = item;
                id
            }
            None => {
                self.items.push(item);
                (self.items.len() - 1) as SharedId
            }
        }
    }

    pub(super) fn get(&self, id: SharedId) -> &T {
        &self.items[id as usize].value
    }

    pub(super) fn get_mut(&mut self, id: SharedId) -> &mut T {
        &mut self.items[id as usize].value
    }

    /// How many use it.
    pub(super) fn users(&self, id: SharedId) -> u32 {
        self.items[id as usize].users
    }

    /// One like `id`, with one user.
    pub(super) fn copy(&mut self, id: SharedId) -> SharedId {
        self.create(self.get(id).clone())
    }

    /// One more user of the same.
    pub(super) fn share(&mut self, id: SharedId) -> SharedId {
        self.items[id as usize].users += 1;
        id
    }

    /// One user less.
    pub(super) fn release(&mut self, id: SharedId) {
        let item = &mut self.items[id as usize];
        item.users -= 1;
        if item.users == 0 {
            item.value = T::default();
            self.free.push(id);
        }
    }

    /// Its user's own: itself when nobody else uses it, else a copy.
    pub(super) fn unshare(&mut self, id: SharedId) -> SharedId {
        if self.users(id) == 1 {
            return id;
        }
        let copy = self.copy(id);
        self.release(id);
        copy
    }

    /// Every one, also those that nobody uses any more, which are empty.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.items.iter().map(|item| &item.value)
    }
}
