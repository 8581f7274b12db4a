//! What fields are read from: an event kind, a thread, a descriptor or a whole event, with what is near it.

use std::borrow::Cow;

use capture_format::ReadError;
use capture_format::model::{Arg, Container, Descriptor, EventKind, Process, Ref, Thread};
use capture_format::schema::{self, Fetch, Shape};

use crate::print::PrintOptions;
use crate::recording::{Recording, Rows};
use crate::render::AT_FDCWD;

/// Most ancestors that are looked at: deeper chains do not occur, and a damaged capture may hold a cycle.
const ANCESTORS_MAX: usize = 256;

/// An event kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KindView<'a> {
    pub(crate) kind: &'a EventKind,
}

impl<'a> KindView<'a> {
    /// An operation of `io_uring`.
    pub(crate) fn is_of_ring(&self) -> bool {
        schema::is_operation(self.kind)
    }

    pub(crate) fn is_io(&self) -> bool {
        self.kind.category.starts_with("io-")
    }

    pub(crate) fn reads(&self) -> bool {
        self.kind.category == "io-read"
    }

    pub(crate) fn writes(&self) -> bool {
        self.kind.category == "io-write"
    }

    /// One of the calls that open a path.
    pub(crate) fn opens(&self) -> bool {
        matches!(self.kind.name.as_str(), "open" | "openat" | "openat2" | "creat" | "open_by_handle_at")
    }

    pub(crate) fn arg(&self, name: &str) -> Option<usize> {
        self.kind.args.iter().position(|arg| arg.name == name)
    }

    /// Arguments that are paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = usize> + 'a {
        let args = self.kind.args.iter().enumerate();
        args.filter(|(_, arg)| matches!(arg.kind.shape, Shape::Path(_))).map(|(index, _)| index)
    }

    /// The argument that holds the data read or written.
    pub(crate) fn data(&self) -> Option<usize> {
        if !self.is_io() {
            return None;
        }
        self.kind.args.iter().position(|arg| {
            let is_data = matches!(
                arg.kind.shape,
                Shape::Bytes | Shape::Iovec | Shape::Parts | Shape::Msghdr | Shape::Messages
            );
            is_data && arg.kind.fetch != Fetch::None
        })
    }
}

/// A thread version with its process; both may be unknown.
#[derive(Clone, Copy)]
pub(crate) struct ThreadView<'a> {
    pub(crate) recording: Recording<'a>,
    pub(crate) thread: Option<&'a Thread>,
    pub(crate) process: Option<&'a Process>,
}

impl<'a> ThreadView<'a> {
    pub(crate) fn new(recording: &Recording<'a>, thread: Ref) -> Self {
        let thread = recording.entities.thread(thread);
        let process = thread.and_then(|thread| recording.entities.process(thread.process));
        ThreadView { recording: *recording, thread, process }
    }

    pub(crate) fn container(&self) -> Option<&'a Container> {
        self.recording.entities.container(self.process?.container)
    }

    pub(crate) fn parent(&self) -> Option<&'a Process> {
        self.ancestors().next()
    }

    /// The parent, its parent, and so on.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = &'a Process> + use<'a> {
        let entities = self.recording.entities;
        let parent = |process: &'a Process| entities.process(process.parent);
        std::iter::successors(self.process.and_then(parent), move |process| parent(process))
            .take(ANCESTORS_MAX)
    }

    /// The process itself (level 0), its parent (1), ...
    pub(crate) fn ancestor(&self, level: u64) -> Option<&'a Process> {
        match usize::try_from(level).ok()? {
            0 => self.process,
            level => self.ancestors().nth(level - 1),
        }
    }

    /// The process or ancestor for which something holds.
    pub(crate) fn nearest(&self, holds: impl Fn(&Process) -> bool) -> Option<&'a Process> {
        self.process.into_iter().chain(self.ancestors()).find(|process| holds(process))
    }

    /// Start of a process in ns since the epoch.
    pub(crate) fn start_ns(&self, process: &Process) -> Option<u64> {
        let start = (process.start_ns != 0).then_some(process.start_ns)?;
        start.checked_add_signed(self.recording.host.epoch_offset_ns)
    }
}

/// A descriptor version.
#[derive(Clone, Copy)]
pub(crate) struct DescriptorView<'a> {
    pub(crate) descriptor: &'a Descriptor,
}

/// An event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowView<'a> {
    pub(crate) recording: Recording<'a>,
    pub(crate) rows: Rows<'a>,
    pub(crate) row: usize,
    pub(crate) options: &'a PrintOptions,
    /// Whether texts of unknown origin are escaped where values are made of several.
    pub(crate) escape: bool,
    /// Its kind.
    pub(crate) kind_ref: Ref,
    kind: Option<KindView<'a>>,
    /// The kind's code in the block.
    pub(crate) kind_code: u16,
    /// Its number among the rows of its kind.
    pub(crate) within: usize,
}

impl<'a> RowView<'a> {
    pub(crate) fn new(
        recording: &Recording<'a>,
        rows: &Rows<'a>,
        row: usize,
        options: &'a PrintOptions,
    ) -> Result<Self, ReadError> {
        let kinds = rows.events.kinds()?;
        let kind_code = kinds.codes()[row];
        let kind_ref = kinds.dictionary()[usize::from(kind_code)];
        Ok(RowView {
            recording: *recording,
            rows: *rows,
            row,
            options,
            escape: false,
            kind_ref,
            kind: recording.entities.kind(kind_ref).map(|kind| KindView { kind }),
            kind_code,
            within: rows.events.rows_within_kind()?[row].into(),
        })
    }

    /// A view that stands at no row yet, for readers of many, with texts escaped.
    pub(crate) fn of_no_row(recording: &Recording<'a>, rows: &Rows<'a>, options: &'a PrintOptions) -> Self {
        RowView {
            recording: *recording,
            rows: *rows,
            row: 0,
            options,
            escape: true,
            kind_ref: 0,
            kind: None,
            kind_code: u16::MAX,
            within: 0,
        }
    }

    /// Goes to a row, of which the reader knows what else must be looked up.
    pub(crate) fn go_to(&mut self, row: usize, kind_code: u16, kind_ref: Ref, within: u16) {
        (self.row, self.within) = (row, within.into());
        if self.kind_code != kind_code || self.kind_ref != kind_ref {
            (self.kind_code, self.kind_ref) = (kind_code, kind_ref);
            self.kind = self.recording.entities.kind(kind_ref).map(|kind| KindView { kind });
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.rows.first_number + self.row as u64
    }

    /// Boot clock ns.
    pub(crate) fn time_ns(&self) -> Result<u64, ReadError> {
        Ok(self.rows.events.times()?[self.row])
    }

    /// Boot clock ns of the event before.
    pub(crate) fn time_before_ns(&self) -> Result<Option<u64>, ReadError> {
        match self.row.checked_sub(1) {
            Some(before) => Ok(Some(self.rows.events.times()?[before])),
            None => Ok(self.rows.time_before_ns),
        }
    }

    /// ns since the epoch.
    pub(crate) fn wall_ns(&self) -> Result<u64, ReadError> {
        Ok(self.time_ns()?.saturating_add_signed(self.recording.host.epoch_offset_ns))
    }

    /// Seconds east of UTC that clock times are shown for.
    pub(crate) fn zone_offset_s(&self) -> i32 {
        self.options.zone_offset_s.unwrap_or(self.recording.host.zone_offset_s)
    }

    pub(crate) fn kind(&self) -> Option<KindView<'a>> {
        self.kind
    }

    pub(crate) fn thread(&self) -> Result<ThreadView<'a>, ReadError> {
        Ok(ThreadView::new(&self.recording, self.rows.events.threads()?.get(self.row)))
    }

    pub(crate) fn descriptor(&self) -> Result<Option<&'a Descriptor>, ReadError> {
        let number = self.rows.events.descriptors()?.get(self.row);
        Ok(if number == 0 { None } else { self.recording.entities.descriptor(number) })
    }

    pub(crate) fn result(&self) -> Result<Option<i64>, ReadError> {
        self.rows.events.result_at(self.kind_code, self.within)
    }

    pub(crate) fn latency_ns(&self) -> Result<Option<u64>, ReadError> {
        self.rows.events.latency_at(self.kind_code, self.within)
    }

    /// An argument; `None` when the block's events of this kind have fewer.
    pub(crate) fn arg(&self, index: usize) -> Result<Option<Arg<'a>>, ReadError> {
        self.rows.events.arg_at(self.kind_code, index, self.within)
    }

    /// The number of the descriptor the event is about.
    pub(crate) fn fd(&self) -> Result<Option<i64>, ReadError> {
        use capture_format::model::FdSource;
        let Some(view) = self.kind() else { return Ok(None) };
        Ok(match view.kind.fd {
            FdSource::None => None,
            FdSource::Arg(index) => match self.arg(index.into())? {
                // A directory is the working directory more often than one that a descriptor stands for.
                Some(Arg::Int(raw)) if raw as i32 == AT_FDCWD && is_directory(view.kind, index) => None,
                // Descriptors are 32 bits wide; the upper half of the register means nothing.
                Some(Arg::Int(raw)) => Some(i64::from(raw as i32)),
                _ => None,
            },
            FdSource::Result => self.result()?,
        })
    }

    /// A path argument made absolute, as far as the directory it starts from is known.
    pub(crate) fn absolute_path(&self, index: usize) -> Result<Option<Cow<'a, [u8]>>, ReadError> {
        crate::render::absolute_path(self, index)
    }
}

/// Whether an argument is the directory that a path begins at.
pub(crate) fn is_directory(kind: &EventKind, index: u8) -> bool {
    kind.args.get(usize::from(index)).is_some_and(|arg| arg.kind.shape == Shape::DirFd)
}
