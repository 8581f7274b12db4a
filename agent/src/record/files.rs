//! Where captures go: standard output, one file, or a row of files of which the oldest are removed.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ffi::{CString, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sysreel_agent::own::OwnFiles;

use crate::clock::boot_ns;

use super::interrupts;
use super::plan::Rotation;

/// The word for a file that has no name any more.
const REMOVED: &str = "file_removed";
/// `PIPE_BUF`: what a pipe has room for when it is writable.
const PIPE_BYTES: usize = 4096;
/// Room that is kept behind what is written, for the account of what is lost and the end: this, and a part of the file,
/// as the index grows with it.
const RESERVE_BYTES: u64 = 16 << 10;
const RESERVE_FRACTION: u64 = 32;
/// How long another recorder's lock on a file is waited for, and how often it is tried.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
const LOCK_POLL: Duration = Duration::from_millis(10);
/// Files that take the place of spoilt ones at most: who spoils each of them must not fill the disk with their beginnings.
const BESIDE_MAX: usize = 100;
/// How long after a signal to end, and after it took something last, a reader is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a signal is looked for meanwhile.
const POLL_MS: i32 = 50;

/// The files of one recording.
#[derive(Debug)]
pub(super) struct Files {
    base: PathBuf,
    rotation: Rotation,
    /// Files begun.
    count: usize,
    kept: VecDeque<PathBuf>,
    /// The first, which says where the files are when there is but one.
    first: Option<PathBuf>,
    /// Where others learn which these are.
    own: OwnFiles,
}

/// An open target.
#[derive(Debug)]
pub(super) enum Target {
    /// A file, and how many of its bytes are whole segments.
    File { file: File, path: PathBuf, whole_bytes: u64, altered: Option<&'static str> },
    /// Standard output, or a path that is no plain file. Its reader may not read: `chunk_bytes` go in without waiting
    /// once it is found writable.
    Pipe { file: File, name: String, chunk_bytes: usize },
}

impl Files {
    /// Files named after `base`.
    pub(super) fn new(base: &Path, rotation: Rotation, own: OwnFiles) -> Self {
        Files { base: base.to_owned(), rotation, count: 0, kept: VecDeque::new(), first: None, own }
    }

    /// Files begun so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The first file begun, if it has a name of its own.
    pub(super) fn first(&self) -> Option<&Path> {
        self.first.as_deref()
    }

    /// How many numbered files of this name stand there already. Those that this recording does not come to stay, and
    /// look as if they were its own.
    pub(super) fn earlier(&self) -> usize {
        let (Some(name), true) = (self.base.file_name(), self.rotation.is_on()) else { return 0 };
        let folder = self.base.parent().filter(|folder| !folder.as_os_str().is_empty());
        let entries = fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten().flatten();
        let is_numbered = |entry: &fs::DirEntry| {
            let entry = entry.file_name();
            let number = entry.as_bytes().strip_prefix(name.as_bytes());
            number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
        };
        entries.filter(is_numbered).count()
    }

    /// Goes on in a file that was opened already, in the place of one that others have spoilt.
    pub(super) fn adopt(&mut self, path: PathBuf, file: File) -> Result<Target> {
        self.count += 1;
        self.begin(path, file)
    }

    /// Opens the next file, and removes the oldest when there are too many.
    pub(super) fn next(&mut self) -> Result<Target> {
        if self.base.as_os_str() == "-" {
            self.count += 1;
            let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            let is_file = file.metadata()?.is_file();
            if is_file {
                self.own.add(Path::new("/proc/self/fd/1"), &file, boot_ns())?;
            }
            let chunk_bytes = if is_file { usize::MAX } else { PIPE_BYTES };
            return Ok(Target::Pipe { file, name: "standard output".to_owned(), chunk_bytes });
        }
        let path = self.next_path();
        let file = create(&path)?;
        self.count += 1;
        if !file.metadata()?.is_file() {
            return Ok(Target::Pipe { file, name: path.display().to_string(), chunk_bytes: PIPE_BYTES });
        }
        self.begin(path, file)
    }

    /// A plain file is written into from now on.
    fn begin(&mut self, path: PathBuf, file: File) -> Result<Target> {
        self.own.add(&path, &file, boot_ns())?;
        self.first.get_or_insert_with(|| path.clone());
        self.kept.retain(|kept| *kept != path);
        self.kept.push_back(path.clone());
        while self.rotation.files.is_some_and(|most| self.kept.len() > most) {
            if let Some(oldest) = self.kept.pop_front() {
                self.own.remove(&oldest);
                match fs::remove_file(&oldest) {
                    // Somebody has done so before.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    removed => removed
                        .with_context(|| format!("cannot remove the oldest file, {}", oldest.display()))?,
                }
            }
        }
        // A file system that counts no links says nothing by that.
        let altered = (file.metadata()?.nlink() == 0).then_some(REMOVED);
        Ok(Target::File { file, path, whole_bytes: 0, altered })
    }

    /// The name as it was given, when there is one file or it has `strftime` conversions; with a number otherwise, and
    /// where the time has not changed the name: what was written is never overwritten.
    fn next_path(&self) -> PathBuf {
        if !self.rotation.is_on() {
            return self.base.clone();
        }
        let mut name = self.base.clone().into_os_string();
        if self.rotation.seconds.is_some()
            && name.as_bytes().contains(&b'%')
            && let Some(named) = strftime(&self.base)
        {
            if !self.kept.contains(&named) {
                return named;
            }
            name = named.into_os_string();
        }
        let width = self.rotation.files.map_or(1, |most| (most.max(1) - 1).to_string().len());
        name.push(format!("{:0width$}", self.count));
        PathBuf::from(name)
    }
}

/// Opens a file to write a capture into. A new one is its owner's alone: captures hold what programs read and wrote.
/// A plain file is locked, so that two recorders never write into one, and emptied only then.
fn create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.metadata()?.is_file() {
        // That of a recording which was ended by force is let go once its end is written down.
        let since = Instant::now();
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::WouldBlock if since.elapsed() >= LOCK_PATIENCE => {
                    bail!("{} is being written by another recorder; name another file", path.display())
                }
                TryLockError::WouldBlock => thread::sleep(LOCK_POLL),
                // A file system without locks: recording matters more.
                TryLockError::Error(_) => break,
            }
        }
        file.set_len(0).with_context(|| format!("cannot empty {}", path.display()))?;
    }
    Ok(file)
}

/// Opens a new file beside those of a recording, for what comes after one that others have spoilt: `BASE.1` or the next that is
/// free. It is never one that is there already, nor one that a link leads to.
pub(super) fn create_beside(base: &Path) -> io::Result<(PathBuf, File)> {
    for number in 1..=BESIDE_MAX {
        let mut name = base.as_os_str().to_owned();
        name.push(format!(".{number}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&name) {
            Ok(file) => {
                // It is new: nobody else can have locked it, unless there are no locks.
                let _ = file.try_lock();
                return Ok((PathBuf::from(name), file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("there are {BESIDE_MAX} already")))
}

/// `name` with its conversions replaced by the local time; `None` when that has no sense.
fn strftime(name: &Path) -> Option<PathBuf> {
    let format = CString::new(name.as_os_str().as_bytes()).ok()?;
    // SAFETY: time(NULL) only returns a value; an all-zero `tm` is a value of it, which localtime_r fills.
    let local = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut local: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const now, &raw mut local).is_null() {
            return None;
        }
        local
    };
    let mut text = vec![0u8; 4096];
    // SAFETY: writes at most `text.len()` bytes; format and time are values of ours.
    let bytes =
        unsafe { libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &raw const local) };
    text.truncate(bytes);
    (bytes > 0).then(|| PathBuf::from(OsString::from_vec(text)))
}

impl Target {
    /// Writes whole segments. A file is cut back to whole segments when that fails half-way.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Target::Pipe { file, chunk_bytes, .. } => write_patiently(file, *chunk_bytes, bytes),
            Target::File { file, whole_bytes, .. } => {
                reserve(file, *whole_bytes, bytes.len() as u64)?;
                write_whole(file, whole_bytes, bytes)
            }
        }
    }

    /// Writes whole segments into the room that was kept for the end.
    pub(super) fn write_end(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Target::Pipe { .. } => self.write(bytes),
            Target::File { file, whole_bytes, .. } => write_whole(file, whole_bytes, bytes),
        }
    }

    /// Gives back what room is left over.
    pub(super) fn close(self) {
        if let Target::File { file, whole_bytes, .. } = self {
            // It costs a few KiB of disk when this fails.
            let _ = file.set_len(whole_bytes);
        }
    }

    /// Whether what was written stays ours, so that more can follow after a failure.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Target::File { .. })
    }

    /// What others have made of the file since we wrote to it last, in the words of `tamper`, and its inode number: told once.
    pub(super) fn alteration(&mut self) -> Option<(&'static str, u64)> {
        let Target::File { file, whole_bytes, altered, .. } = self else { return None };
        let meta = file.metadata().ok()?;
        let found = match meta.len().cmp(whole_bytes) {
            _ if meta.nlink() == 0 => Some(REMOVED),
            Ordering::Less => Some("file_truncated"),
            Ordering::Greater => Some("file_written"),
            Ordering::Equal => None,
        };
        let is_new = *altered != found;
        *altered = found;
        found.filter(|_| is_new).map(|how| (how, meta.ino()))
    }

    /// The file, if it is one that can be cut.
    pub(super) fn file(&self) -> Option<&File> {
        match self {
            Target::Pipe { .. } => None,
            Target::File { file, .. } => Some(file),
        }
    }

    /// Its name for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Target::Pipe { name, .. } => name.clone(),
            Target::File { path, .. } => path.display().to_string(),
        }
    }
}

/// Has the file system set aside room for `bytes` more and for the end. Without such a call it is found out by writing.
fn reserve(file: &File, whole_bytes: u64, bytes: u64) -> io::Result<()> {
    let wanted = bytes + RESERVE_BYTES + whole_bytes / RESERVE_FRACTION;
    // SAFETY: changes only the room that belongs to a file of ours, not its length.
    let result = unsafe {
        libc::fallocate(
            file.as_raw_fd(),
            libc::FALLOC_FL_KEEP_SIZE,
            whole_bytes as libc::off_t,
            wanted as libc::off_t,
        )
    };
    match io::Error::last_os_error() {
        error
            if result != 0
                && matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG)) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

fn write_whole(file: &mut File, whole_bytes: &mut u64, bytes: &[u8]) -> io::Result<()> {
    match file.write_all(bytes) {
        Ok(()) => {
            *whole_bytes += bytes.len() as u64;
            Ok(())
        }
        Err(error) => {
            // Best effort: a cut segment is readable damage, no segment is none.
            let _ = file.set_len(*whole_bytes);
            let _ = file.seek(SeekFrom::Start(*whole_bytes));
            Err(error)
        }
    }
}

/// Writes as the reader takes it; somebody who was asked to end does not wait for one that takes nothing.
fn write_patiently(file: &mut File, chunk_bytes: usize, bytes: &[u8]) -> io::Result<()> {
    for chunk in bytes.chunks(chunk_bytes) {
        let since = Instant::now();
        while !is_writable(file)? {
            if interrupts::end_waiting(PATIENCE) && (interrupts::count() > 1 || since.elapsed() >= PATIENCE) {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "its reader takes nothing, and a signal asked to end",
                ));
            }
        }
        file.write_all(chunk)?;
    }
    Ok(())
}

/// Waits a moment for room.
fn is_writable(file: &File) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one structure of ours.
    match unsafe { libc::poll(&raw mut poll, 1, POLL_MS) } {
        0 => Ok(false),
        1 => Ok(true),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(rotation: Rotation, count: usize) -> Vec<String> {
        names_of("out.reel", rotation, count)
    }

    fn names_of(base: &str, rotation: Rotation, count: usize) -> Vec<String> {
        let mut files = Files::new(Path::new(base), rotation, OwnFiles::default());
        let name = |files: &mut Files| {
            let path = files.next_path();
            files.count += 1;
            files.kept.push_back(path.clone());
            path.display().to_string()
        };
        (0..count).map(|_| name(&mut files)).collect()
    }

    #[test]
    fn files_of_an_earlier_recording_are_counted() {
        let folder = std::env::temp_dir().join(format!("sysreel-earlier-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for name in ["r.reel", "r.reel0", "r.reel12", "r.reel1.old", "other.reel0"] {
            fs::write(folder.join(name), "").expect("a file");
        }
        let rotation = Rotation { events: Some(5), ..Rotation::default() };
        let files = |name: &str, rotation| Files::new(&folder.join(name), rotation, OwnFiles::default());
        assert_eq!(files("r.reel", rotation).earlier(), 2);
        assert_eq!(files("r.reel", Rotation::default()).earlier(), 0);
        assert_eq!(files("none/r.reel", rotation).earlier(), 0);
        fs::remove_dir_all(&folder).expect("it is ours");
    }

    #[test]
    fn what_takes_the_place_of_a_spoilt_file_is_new() {
        let folder = temporary("beside");
        fs::create_dir_all(&folder).expect("a folder");
        let base = folder.join("x.reel");
        fs::write(folder.join("victim"), "kept").expect("a file");
        std::os::unix::fs::symlink(folder.join("victim"), folder.join("x.reel.1")).expect("a link");
        let made = |_| create_beside(&base).map(|(path, _)| path.file_name().expect("it has one").to_owned());
        assert_eq!(made(0).expect("the first"), "x.reel.2");
        assert_eq!(made(1).expect("the second"), "x.reel.3");
        assert!((0..BESIDE_MAX).map(made).any(|made| made.is_err()), "there is no end to them");
        assert_eq!(fs::read(folder.join("victim")).expect("it is there"), b"kept");
        fs::remove_dir_all(&folder).expect("it is ours");
    }

    #[test]
    fn one_file_keeps_its_name() {
        assert_eq!(names(Rotation::default(), 1), ["out.reel"]);
    }

    #[test]
    fn several_files_are_numbered_at_the_width_of_the_limit() {
        let rotation = Rotation { events: Some(5), ..Rotation::default() };
        assert_eq!(names(rotation, 2), ["out.reel0", "out.reel1"]);
        let limited = Rotation { files: Some(11), ..rotation };
        assert_eq!(names(limited, 2), ["out.reel00", "out.reel01"]);
    }

    fn temporary(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("sysreel-files-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_mode() {
        let path = temporary("mode");
        let _ = fs::remove_file(&path);
        let mode = |file: File| file.metadata().expect("a file").permissions().mode() & 0o7777;
        assert_eq!(mode(create(&path).expect("a new file")), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("ours");
        assert_eq!(mode(create(&path).expect("an old file")), 0o640);
        fs::remove_file(&path).expect("ours");
    }

    #[test]
    fn what_others_make_of_a_file_is_found_once() {
        let path = temporary("altered");
        let _ = fs::remove_file(&path);
        let mut files = Files::new(&path, Rotation::default(), OwnFiles::default());
        let mut target = files.next().expect("a new file");
        let found = |target: &mut Target| target.alteration().map(|(how, _)| how);
        assert_eq!(found(&mut target), None);
        target.write(b"whole").expect("room");
        assert_eq!(found(&mut target), None);
        let other = OpenOptions::new().write(true).open(&path).expect("ours");
        other.set_len(2).expect("ours");
        assert_eq!(found(&mut target), Some("file_truncated"));
        assert_eq!(found(&mut target), None);
        other.set_len(20).expect("ours");
        assert_eq!(found(&mut target), Some("file_written"));
        fs::remove_file(&path).expect("ours");
        assert_eq!(found(&mut target), Some("file_removed"));
        assert_eq!(found(&mut target), None);
    }

    #[test]
    fn a_file_that_is_being_written_is_left_alone() {
        let path = temporary("lock");
        let mut first = create(&path).expect("a new file");
        first.write_all(b"a capture").expect("room");
        let error = create(&path).expect_err("two recorders on one file").to_string();
        assert!(error.contains("another recorder"), "{error}");
        assert_eq!(fs::read(&path).expect("a file"), b"a capture");
        drop(first);
        drop(create(&path).expect("the first is gone"));
        assert_eq!(fs::read(&path).expect("a file"), b"");
        fs::remove_file(&path).expect("ours");
    }

    #[test]
    fn a_name_that_the_time_leaves_alone_is_numbered() {
        let rotation = Rotation { seconds: Some(60), events: Some(5), ..Rotation::default() };
        assert_eq!(names_of("out-%%.reel", rotation, 3), ["out-%.reel", "out-%.reel1", "out-%.reel2"]);
    }

    #[test]
    fn a_name_with_conversions_becomes_the_time() {
        let name = strftime(Path::new("out-%Y.reel")).expect("a year").display().to_string();
        assert!(name.starts_with("out-2") && name.len() == "out-2026.reel".len(), "{name}");
    }
}
