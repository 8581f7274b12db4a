//! Where the bytes of a capture come from: a file that can be read anywhere, or a stream that arrives.
//!
//! Everything that can be wrong with a path is told here, in words; what is wrong with the bytes is for the
//! reader. Nothing is ever opened for writing. Start at [`Input::open`].

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, IsTerminal, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use capture_format::{Defect, ReadAt, ReadError, Segment, Step, StreamDecoder};

use crate::escape::escaped;
use crate::interrupt;

/// An open capture.
pub(crate) struct Input {
    /// As messages name it.
    pub(crate) name: String,
    pub(crate) source: Source,
}

/// How its bytes can be had.
pub(crate) enum Source {
    /// Any byte at any time.
    File(CaptureFile),
    /// In order, as they arrive.
    Stream(Box<dyn Read + Send>),
}

impl Input {
    /// Opens what was named on the command line; `-` is standard input.
    pub(crate) fn open(path: &OsStr) -> Result<Input> {
        if path == "-" {
            return Input::open_stdin();
        }
        // A copy of it is named as the file is; a name that spans lines must not look like several messages.
        let name = escaped(path.as_encoded_bytes());
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow!("{name}: there is no such file"),
            ErrorKind::PermissionDenied => anyhow!("{name}: no permission to read it"),
            _ => anyhow!("{name}: {error}"),
        })?;
        let metadata = file.metadata().with_context(|| format!("{name}: looking at it"))?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            bail!("{name}: it is a directory, not a capture");
        }
        if kind.is_fifo() {
            return Ok(Input { name, source: Source::Stream(Box::new(file)) });
        }
        if !kind.is_file() {
            bail!("{name}: it is a device, not a capture");
        }
        if metadata.len() == 0 {
            bail!("{name}: it is empty, not a capture");
        }
        Ok(Input { name, source: Source::File(CaptureFile::new(file, &metadata)) })
    }

    fn open_stdin() -> Result<Input> {
        let name = "standard input".to_owned();
        let stdin = io::stdin();
        if stdin.is_terminal() {
            bail!("{name} is a terminal; pipe a capture into it, or name a file");
        }
        let owned = stdin.as_fd().try_clone_to_owned().context("standard input is closed")?;
        let mut file = File::from(owned);
        let metadata = file.metadata().with_context(|| format!("{name}: looking at it"))?;
        if metadata.is_dir() {
            bail!("{name} is a directory, not a capture");
        }
        // A redirected file can be read as a file, unless whoever redirected it has read a part already.
        if metadata.is_file() && file.stream_position().is_ok_and(|position| position == 0) {
            return Ok(Input { name, source: Source::File(CaptureFile::new(file, &metadata)) });
        }
        interrupt::leave_first_to_writer();
        Ok(Input { name, source: Source::Stream(Box::new(file)) })
    }
}

/// Tells files apart whatever their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(crate) fn of(metadata: &Metadata) -> FileId {
        FileId { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A file as it was when it was opened: what a recorder adds later is not looked at, so every part of one run
/// sees the same capture. Counts what is read from it.
pub(crate) struct CaptureFile {
    file: File,
    bytes: u64,
    bytes_read: AtomicU64,
    id: FileId,
}

impl CaptureFile {
    fn new(file: File, metadata: &Metadata) -> CaptureFile {
        let (bytes, id) = (metadata.len(), FileId::of(metadata));
        CaptureFile { file, bytes, bytes_read: AtomicU64::new(0), id }
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

impl ReadAt for CaptureFile {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.bytes_read.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.file.read_exact_at(buf, offset)
    }
}

/// The segments of a capture that arrives in a stream.
pub(crate) struct Segments {
    stream: Box<dyn Read + Send>,
    decoder: StreamDecoder,
    chunk: Vec<u8>,
    begun: bool,
    ended: bool,
    /// Bytes that have arrived.
    pub(crate) bytes: u64,
}

/// What came next in a stream.
pub(crate) enum Arrival {
    Segment(Segment),
    Damage(capture_format::Damage),
}

impl Segments {
    pub(crate) fn new(stream: Box<dyn Read + Send>) -> Segments {
        // A pipe holds 64 KiB unless someone made it larger: more than a few of them never arrive at once.
        let chunk = vec![0; 256 << 10];
        Segments { stream, decoder: StreamDecoder::new(), chunk, begun: false, ended: false, bytes: 0 }
    }

    /// The next segment or damage; waits for it. `None` when the stream has ended and nothing is left to say.
    pub(crate) fn next(&mut self) -> Result<Option<Arrival>, ReadError> {
        loop {
            if self.ended {
                return Ok(None);
            }
            match self.decoder.step()? {
                Step::Segment(segment) => {
                    self.begun = true;
                    return Ok(Some(Arrival::Segment(segment)));
                }
                Step::Damage(damage) => return Ok(Some(Arrival::Damage(damage))),
                Step::Need(_) => {}
            }
            let arrived = match self.stream.read(&mut self.chunk) {
                Ok(arrived) => arrived,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(ReadError::Io { offset: self.bytes, source }),
            };
            if arrived == 0 {
                self.ended = true;
                if self.bytes == 0 {
                    return Err(ReadError::Io { offset: 0, source: ErrorKind::UnexpectedEof.into() });
                }
                let damage = std::mem::take(&mut self.decoder).finish();
                // Nothing but a bad header ever came: so few bytes of anything else look the same.
                if !self.begun && damage.as_ref().is_some_and(|damage| damage.defect == Defect::FileHeader) {
                    return Err(ReadError::NotACapture);
                }
                return Ok(damage.map(Arrival::Damage));
            }
            self.bytes += arrived as u64;
            self.decoder.push(&self.chunk[..arrived]);
        }
    }
}

/// A read error in words, with the name of what was read.
pub(crate) fn describe(name: &str, error: ReadError) -> anyhow::Error {
    match error {
        ReadError::Io { offset: 0, source } if source.kind() == ErrorKind::UnexpectedEof => {
            anyhow!("{name}: it is empty, not a capture")
        }
        ReadError::Io { offset, source } => anyhow!("{name}: reading at byte {offset}: {source}"),
        other => anyhow!("{name}: {other}"),
    }
}
