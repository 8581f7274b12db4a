//! Descriptor tables: which number of which process refers to what.
//!
//! A table belongs to one or more threads (all threads of a process, and processes made with `CLONE_FILES`). A
//! fork copies it, which would make fork storms expensive, so copies share their entries until one of them
//! changes. Start at [`FileTables`].

use std::sync::Arc;

use capture_format::model::Ref;

use super::fx::FxMap;

/// One open descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct OpenFile {
    /// What it refers to; 0 when that could not be found out.
    pub(super) descriptor: Ref,
    /// Closed by exec.
    pub(super) cloexec: bool,
}

/// Numbers below this stand in an array. Programs that move descriptors out of the way (shells use 255) stay
/// within it; a program that picks 1,000,000,000 must not make us allocate.
const ARRAY_FDS: usize = 1024;

#[derive(Clone, Debug, Default)]
struct Entries {
    low: Vec<Option<OpenFile>>,
    high: FxMap<u32, OpenFile>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    /// Threads that use it.
    users: u32,
    entries: Arc<Entries>,
}

/// Number of a table.
pub(super) type TableId = u32;

/// All tables.
#[derive(Clone, Debug, Default)]
pub(super) struct FileTables {
    tables: Vec<Table>,
    free: Vec<TableId>,
}

impl FileTables {
    /// An empty table with one user.
    pub(super) fn create(&mut self) -> TableId {
        self.place(Table { users: 1, entries: Arc::default() })
    }

    /// A table of one user with the entries of `id`.
    pub(super) fn copy(&mut self, id: TableId) -> TableId {
        let entries = Arc::clone(&self.tables[id as usize].entries);
        self.place(Table { users: 1, entries })
    }

    /// One more user of the same table.
    pub(super) fn share(&mut self, id: TableId) -> TableId {
        self.tables[id as usize].users += 1;
        id
    }

    /// One user less.
    pub(super) fn release(&mut self, id: TableId) {
        let table = &mut self.tables[id as usize];
        table.users -= 1;
        if table.users == 0 {
            table.entries = Arc::default();
            self.free.push(id);
        }
    }

    /// The table as its user's own: itself when nobody else uses it, else a copy.
    pub(super) fn unshare(&mut self, id: TableId) -> TableId {
        if self.tables[id as usize].users == 1 {
            return id;
        }
        let copy = self.copy(id);
        self.release(id);
        copy
    }

    pub(super) fn get(&self, id: TableId, fd: u32) -> Option<OpenFile> {
        let entries = &self.tables[id as usize].entries;
        match entries.low.get(fd as usize) {
            Some(file) => *file,
            None if (fd as usize) < ARRAY_FDS => None,
            None => entries.high.get(&fd).copied(),
        }
    }

    pub(super) fn set(&mut self, id: TableId, fd: u32, file: OpenFile) {
        if self.get(id, fd) == Some(file) {
            return;
        }
        let entries = Arc::make_mut(&mut self.tables[id as usize].entries);
        let at = fd as usize;
        if at >= ARRAY_FDS {
            // The kernel bounds descriptors by `fs.nr_open`; records that claim more are not to fill memory.
            if entries.high.len() < HIGH_FDS_MAX || entries.high.contains_key(&fd) {
                entries.high.insert(fd, file);
            }
            return;
        }
        if at >= entries.low.len() {
            entries.low.resize(at + 1, None);
        }
        entries.low[at] = Some(file);
    }

    pub(super) fn remove(&mut self, id: TableId, fd: u32) {
        if self.get(id, fd).is_none() {
            return;
        }
        let entries = Arc::make_mut(&mut self.tables[id as usize].entries);
        match entries.low.get_mut(fd as usize) {
            Some(file) => *file = None,
            None => {
                entries.high.remove(&fd);
            }
        }
    }

    /// Changes or, where `change` says `None`, removes every descriptor from `first` to `last`.
    pub(super) fn change_range(
        &mut self,
        id: TableId,
        first: u32,
        last: u32,
        change: impl Fn(OpenFile) -> Option<OpenFile>,
    ) {
        let shared = &self.tables[id as usize].entries;
        let within = |fd: u32| (first..=last).contains(&fd);
        let differs = |(fd, file): (u32, OpenFile)| within(fd) && change(file) != Some(file);
        if !entries_of(shared).any(differs) {
            return;
        }
        let entries = Arc::make_mut(&mut self.tables[id as usize].entries);
        for (fd, file) in entries.low.iter_mut().enumerate() {
            if within(fd as u32) {
                *file = file.and_then(&change);
            }
        }
        entries.high.retain(|fd, file| match change(*file) {
            Some(changed) if within(*fd) => {
                *file = changed;
                true
            }
            changed => changed.is_some() || !within(*fd),
        });
    }

    /// The descriptors of every table, a shared one possibly more than once.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = Ref> + '_ {
        self.tables.iter().flat_map(|table| entries_of(&table.entries).map(|(_, file)| file.descriptor))
    }
}

/// Descriptors above [`ARRAY_FDS`] that one table holds.
const HIGH_FDS_MAX: usize = 1 << 20;

fn entries_of(entries: &Entries) -> impl Iterator<Item = (u32, OpenFile)> + '_ {
    let low = entries.low.iter().enumerate().filter_map(|(fd, file)| Some((fd as u32, (*file)?)));
    low.chain(entries.high.iter().map(|(fd, file)| (*fd, *file)))
}

impl FileTables {
    fn place(&mut self, table: Table) -> TableId {
        match self.free.pop() {
            Some(id) => {
                self.tables[id as usize] = table;
                id
            }
            None => {
                self.tables.push(table);
                (self.tables.len() - 1) as TableId
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(descriptor: Ref, cloexec: bool) -> OpenFile {
        OpenFile { descriptor, cloexec }
    }

    fn show(tables: &FileTables, id: TableId) -> String {
        let mut files: Vec<_> = entries_of(&tables.tables[id as usize].entries).collect();
        files.sort_by_key(|(fd, _)| *fd);
        let one = |(fd, file): &(u32, OpenFile)| {
            format!("{fd}={}{}", file.descriptor, if file.cloexec { "x" } else { "" })
        };
        files.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_copy_goes_its_own_way_and_a_share_does_not() {
        let mut tables = FileTables::default();
        let a = tables.create();
        tables.set(a, 0, open(1, false));
        tables.set(a, 5000, open(2, true));
        let copy = tables.copy(a);
        let share = tables.share(a);
        tables.set(a, 3, open(3, false));
        tables.remove(copy, 0);
        assert_eq!(show(&tables, a), "0=1 3=3 5000=2x");
        assert_eq!(show(&tables, share), "0=1 3=3 5000=2x");
        assert_eq!(show(&tables, copy), "5000=2x");
        let own = tables.unshare(share);
        tables.remove(own, 5000);
        assert_eq!((show(&tables, a), show(&tables, own)), ("0=1 3=3 5000=2x".into(), "0=1 3=3".into()));
        assert_eq!(tables.unshare(own), own);
        tables.release(copy);
        let reused = tables.create();
        assert_eq!((reused, show(&tables, reused).as_str()), (copy, ""));
    }

    #[test]
    fn ranges_reach_both_ends() {
        let mut tables = FileTables::default();
        let a = tables.create();
        for fd in [0, 1, 2, 3, 1023, 1024, 90000] {
            tables.set(a, fd, open(fd + 1, fd == 2));
        }
        tables.change_range(a, 3, 1024, |_| None);
        assert_eq!(show(&tables, a), "0=1 1=2 2=3x 90000=90001");
        tables.change_range(a, 1, u32::MAX, |file| Some(OpenFile { cloexec: true, ..file }));
        assert_eq!(show(&tables, a), "0=1 1=2x 2=3x 90000=90001x");
        tables.change_range(a, 0, u32::MAX, |file| (!file.cloexec).then_some(file));
        assert_eq!(show(&tables, a), "0=1");
    }
}
