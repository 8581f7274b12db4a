//! Descriptor tables: which number of which process refers to what.
//!
//! A table belongs to one or more threads (all threads of a process, and processes made with `CLONE_FILES`). A
//! fork copies it, which would make fork storms expensive, so copies share their entries until one of them
//! changes.
//!
//! Records come in the order in which calls return, but a call means the file its number stood for when it began:
//! while a `close` is on its way back, another thread may already have been given the number again. An entry
//! therefore remembers since when it holds and what the number meant before. Start at [`FileTables`].

use std::sync::Arc;

use capture_format::model::Ref;

use super::fx::FxMap;
use super::shared::{Shared, SharedId};

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

/// What a number refers to.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// `None` when it is closed.
    file: Option<OpenFile>,
    /// What a call means that began earlier than [`Self::since_ns`].
    before: Ref,
    /// When the call returned that made it so; 0 when that was before we looked.
    since_ns: u64,
}

#[derive(Clone, Debug, Default)]
struct Entries {
    low: Vec<Entry>,
    high: FxMap<u32, Entry>,
}

impl Entries {
    fn get(&self, fd: u32) -> Option<&Entry> {
        match self.low.get(fd as usize) {
            Some(entry) => Some(entry),
            None if (fd as usize) < ARRAY_FDS => None,
            None => self.high.get(&fd),
        }
    }

    /// Where to keep a number; `None` when there are too many.
    fn place(&mut self, fd: u32) -> Option<&mut Entry> {
        let at = fd as usize;
        if at >= ARRAY_FDS {
            // The kernel bounds descriptors by `fs.nr_open`; records that claim more are not to fill memory.
            let has_room = self.high.len() < HIGH_FDS_MAX || self.high.contains_key(&fd);
            return has_room.then(|| self.high.entry(fd).or_default());
        }
        if at >= self.low.len() {
            self.low.resize(at + 1, Entry::default());
        }
        Some(&mut self.low[at])
    }
}

/// Number of a table.
pub(super) type TableId = SharedId;

/// All tables.
#[derive(Clone, Debug, Default)]
pub(super) struct FileTables {
    tables: Shared<Arc<Entries>>,
    /// When the call began that is being tracked, and when it returned.
    began_ns: u64,
    returned_ns: u64,
}

impl FileTables {
    /// An empty table with one user.
    pub(super) fn create(&mut self) -> TableId {
        self.tables.create(Arc::default())
    }

    /// A table of one user with the entries of `id`.
    pub(super) fn copy(&mut self, id: TableId) -> TableId {
        self.tables.copy(id)
    }

    /// One more user of the same table.
    pub(super) fn share(&mut self, id: TableId) -> TableId {
        self.tables.share(id)
    }

    /// One user less.
    pub(super) fn release(&mut self, id: TableId) {
        self.tables.release(id);
    }

    /// The table as its user's own: itself when nobody else uses it, else a copy.
    pub(super) fn unshare(&mut self, id: TableId) -> TableId {
        self.tables.unshare(id)
    }

    /// How many use a table: processes, and threads with a table that is not their process's.
    pub(super) fn users(&self, id: TableId) -> u32 {
        self.tables.users(id)
    }

    /// What a number refers to by now.
    pub(super) fn current(&self, id: TableId, fd: u32) -> Option<OpenFile> {
        self.tables.get(id).get(fd)?.file
    }

    /// What follows is about a call of this time.
    pub(super) fn set_time(&mut self, began_ns: u64, returned_ns: u64) {
        (self.began_ns, self.returned_ns) = (began_ns, returned_ns);
    }

    /// What the call means by a number. `None` when its opening was not seen.
    pub(super) fn get(&self, id: TableId, fd: u32) -> Option<OpenFile> {
        let entry = self.tables.get(id).get(fd)?;
        if entry.since_ns > self.began_ns {
            return Some(OpenFile { descriptor: entry.before, cloexec: false });
        }
        entry.file
    }

    /// The call opened a number.
    pub(super) fn open(&mut self, id: TableId, fd: u32, file: OpenFile) {
        self.change(id, fd, Some(file));
    }

    /// The call closed a number.
    pub(super) fn close(&mut self, id: TableId, fd: u32) {
        if !self.is_newer(id, fd) && self.get(id, fd).is_some() {
            self.change(id, fd, None);
        }
    }

    /// More became known of a number that is open already.
    pub(super) fn amend(&mut self, id: TableId, fd: u32, file: OpenFile) {
        if self.is_newer(id, fd) || self.get(id, fd) == Some(file) {
            return;
        }
        let entries = Arc::make_mut(self.tables.get_mut(id));
        if let Some(entry) = entries.place(fd) {
            entry.file = Some(file);
        }
    }

    /// Whether the number was opened again after the call began.
    fn is_newer(&self, id: TableId, fd: u32) -> bool {
        let entry = self.tables.get(id).get(fd);
        entry.is_some_and(|entry| entry.since_ns > self.began_ns)
    }

    fn change(&mut self, id: TableId, fd: u32, file: Option<OpenFile>) {
        let since_ns = self.returned_ns;
        let entries = Arc::make_mut(self.tables.get_mut(id));
        if file.is_none() && fd as usize >= ARRAY_FDS {
            // A program may go through billions of numbers; what these meant before is not worth the memory.
            entries.high.remove(&fd);
        } else if let Some(entry) = entries.place(fd) {
            let before = entry.file.map_or(entry.before, |file| file.descriptor);
            *entry = Entry { file, before, since_ns };
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
        let shared = self.tables.get(id);
        let within = |fd: u32| (first..=last).contains(&fd);
        let differs = |(fd, file): (u32, OpenFile)| within(fd) && change(file) != Some(file);
        if !entries_of(shared).any(differs) {
            return;
        }
        let since_ns = self.returned_ns;
        let entries = Arc::make_mut(self.tables.get_mut(id));
        let low = entries.low.iter_mut().enumerate().map(|(fd, entry)| (fd as u32, entry));
        let high = entries.high.iter_mut().map(|(fd, entry)| (*fd, entry));
        for (_, entry) in low.chain(high).filter(|(fd, _)| within(*fd)) {
            let Some(file) = entry.file else { continue };
            *entry = match change(file) {
                Some(changed) => Entry { file: Some(changed), ..*entry },
                None => Entry { file: None, before: file.descriptor, since_ns },
            };
        }
        entries.high.retain(|_, entry| entry.file.is_some());
    }

    /// The open numbers of a table.
    pub(super) fn numbers(&self, id: TableId) -> impl Iterator<Item = u32> + '_ {
        entries_of(self.tables.get(id)).map(|(fd, _)| fd)
    }

    /// The descriptors of every table, a shared one possibly more than once.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = Ref> + '_ {
        let entries =
            self.tables.values().flat_map(|entries| entries.low.iter().chain(entries.high.values()));
        entries.flat_map(|entry| [entry.before, entry.file.map_or(0, |file| file.descriptor)])
    }
}

/// Descriptors above [`ARRAY_FDS`] that one table holds.
const HIGH_FDS_MAX: usize = 1 << 20;

fn entries_of(entries: &Entries) -> impl Iterator<Item = (u32, OpenFile)> + '_ {
    let low = entries.low.iter().enumerate().map(|(fd, entry)| (fd as u32, entry));
    let all = low.chain(entries.high.iter().map(|(fd, entry)| (*fd, entry)));
    all.filter_map(|(fd, entry)| Some((fd, entry.file?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(descriptor: Ref, cloexec: bool) -> OpenFile {
        OpenFile { descriptor, cloexec }
    }

    fn show(tables: &FileTables, id: TableId) -> String {
        let mut files: Vec<_> = entries_of(tables.tables.get(id)).collect();
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
        tables.open(a, 0, file(1, false));
        tables.open(a, 5000, file(2, true));
        let copy = tables.copy(a);
        let share = tables.share(a);
        tables.open(a, 3, file(3, false));
        tables.close(copy, 0);
        assert_eq!(show(&tables, a), "0=1 3=3 5000=2x");
        assert_eq!(show(&tables, share), "0=1 3=3 5000=2x");
        assert_eq!(show(&tables, copy), "5000=2x");
        let own = tables.unshare(share);
        tables.close(own, 5000);
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
            tables.open(a, fd, file(fd + 1, fd == 2));
        }
        tables.change_range(a, 3, 1024, |_| None);
        assert_eq!(show(&tables, a), "0=1 1=2 2=3x 90000=90001");
        tables.change_range(a, 1, u32::MAX, |file| Some(OpenFile { cloexec: true, ..file }));
        assert_eq!(show(&tables, a), "0=1 1=2x 2=3x 90000=90001x");
        tables.change_range(a, 0, u32::MAX, |file| (!file.cloexec).then_some(file));
        assert_eq!(show(&tables, a), "0=1");
    }

    #[test]
    fn a_call_means_what_its_number_stood_for_when_it_began() {
        let mut tables = FileTables::default();
        let a = tables.create();
        tables.set_time(5, 10);
        tables.open(a, 4, file(1, false));
        // Closed and opened again by another thread while these are on their way back.
        tables.set_time(38, 40);
        tables.open(a, 4, file(2, true));
        tables.set_time(30, 50);
        assert_eq!(tables.get(a, 4).map(|file| file.descriptor), Some(1));
        tables.close(a, 4);
        tables.amend(a, 4, file(3, false));
        assert_eq!(show(&tables, a), "4=2x");
        tables.set_time(60, 70);
        assert_eq!(tables.get(a, 4), Some(file(2, true)));
        tables.close(a, 4);
        assert_eq!(tables.get(a, 4), Some(file(2, false)));
        tables.set_time(71, 72);
        assert_eq!(tables.get(a, 4), None);
        // One of a range is closed while a call on it waits.
        tables.open(a, 5, file(7, false));
        tables.set_time(90, 91);
        tables.change_range(a, 5, 9, |_| None);
        tables.set_time(80, 95);
        assert_eq!(tables.get(a, 5).map(|file| file.descriptor), Some(7));
        tables.set_time(92, 96);
        assert_eq!(tables.get(a, 5), None);
        let mut held: Vec<_> = tables.descriptors().filter(|number| *number != 0).collect();
        held.sort_unstable();
        assert_eq!(held, [2, 7]);
    }
}
