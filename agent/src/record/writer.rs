//! The writing thread: encodes, compresses and writes what the draining thread has gathered.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use capture_format::model::{Host, Loss, LossCause, Mark};
use capture_format::{Block, Chain, ChainPlace, EncodedSegment, EntityBatch, Squeezer, Tally};

use crate::clock::boot_ns;

use super::files::{Files, Target};
use super::heir::Testator;
use super::privileges;

/// Blocks that may wait to be encoded. Each takes a few MiB; what is more waits in the rings.
const QUEUE: usize = 2;
/// Kind of the mark that says why nothing was written from there on.
const FAILURE_MARK: &str = "failure";

/// Work for the thread.
enum Job {
    Segment(Box<Content>),
    /// With a file that is open already, where it is not the next by the rules.
    NextFile(Box<Host>, Option<(PathBuf, File)>),
}

/// What a segment is made of.
pub(super) enum Content {
    Entities(EntityBatch),
    Events(Block),
    Counts(Vec<Loss>, Vec<Tally>),
    Marks(Vec<Mark>),
}

/// What both threads see.
#[derive(Debug, Default)]
struct Shared {
    /// Bytes of the current file.
    file_bytes: AtomicU64,
    /// Bytes of all files.
    bytes: AtomicU64,
    files: AtomicU64,
    /// Events of all files.
    events: AtomicU64,
    has_ended: AtomicBool,
    /// Writing failed, and the capture says what is missing and ends.
    is_accounted: AtomicBool,
    error: Mutex<Option<anyhow::Error>>,
    /// What others have made of files: how, which, and its inode number.
    alterations: Mutex<Vec<Alteration>>,
    /// Who tells an heir what is to be done if there is a sudden end.
    testator: Option<Testator>,
}

/// A file that is not as we left it: in the words of `tamper`, with its name and inode number.
pub(super) type Alteration = (&'static str, String, u64);

/// The draining thread's handle.
pub(super) struct Writer {
    jobs: SyncSender<Job>,
    spare: Receiver<Block>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    /// Work handed over is waited for: a file's size is known before more is added to it.
    in_step: bool,
    first: Option<PathBuf>,
    done: Receiver<()>,
}

/// What was written in the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

impl Writer {
    /// Opens the first file and starts the thread.
    pub(super) fn start(
        mut files: Files,
        host: &Host,
        level: i32,
        in_step: bool,
        testator: Option<Testator>,
    ) -> Result<Self> {
        let shared = Arc::new(Shared { testator, ..Shared::default() });
        let id = capture_id();
        let target = files.next()?;
        let output = Output::begin(target, files.count(), id, host, &shared)?;
        let first = files.first().map(Path::to_owned);
        let (jobs, queue) = sync_channel(QUEUE);
        let (spare_back, spare) = sync_channel(QUEUE + 1);
        let (step, done) = sync_channel(QUEUE + 1);
        let (begin, begun) = sync_channel(1);
        let mut worker = Worker {
            files,
            id,
            squeezer: Squeezer::new(level),
            output: Some(output),
            unwritten: Unwritten::default(),
            shared: Arc::clone(&shared),
            spare: spare_back,
        };
        let thread = thread::Builder::new()
            .name("sysreel-writer".to_owned())
            .spawn(move || {
                super::hurry();
                // The first thread says so when this is refused.
                let _ = privileges::give_up();
                let _ = begin.send(());
                while let Ok(job) = queue.recv() {
                    worker.work(job);
                    // Nobody waits unless in step; a full channel loses nothing then.
                    let _ = step.try_send(());
                }
                worker.finish();
            })
            .context("cannot start the writing thread")?;
        // Once we say that we are ready, no thread has privileges that it does not need.
        let _ = begun.recv();
        Ok(Writer { jobs, spare, shared, thread, in_step, first, done })
    }

    /// Hands content over; waits when the queue is full.
    pub(super) fn send(&self, content: Content) {
        self.submit(Job::Segment(Box::new(content)));
    }

    /// Ends the file and begins the next, or this one.
    pub(super) fn next_file(&self, host: Host, file: Option<(PathBuf, File)>) {
        self.submit(Job::NextFile(Box::new(host), file));
    }

    fn submit(&self, job: Job) {
        while self.in_step && self.done.try_recv().is_ok() {}
        // The thread lives until this handle is gone, so sending cannot fail.
        if self.jobs.send(job).is_ok() && self.in_step {
            let _ = self.done.recv();
        }
    }

    /// A block to fill again.
    pub(super) fn spare_block(&self) -> Option<Block> {
        self.spare.try_recv().ok()
    }

    /// Bytes of the current file.
    pub(super) fn file_bytes(&self) -> u64 {
        self.shared.file_bytes.load(Ordering::Relaxed)
    }

    /// The first file, if it has a name of its own.
    pub(super) fn first(&self) -> Option<&Path> {
        self.first.as_deref()
    }

    /// Whether writing has come to an end: an error, or a pipe whose reader is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.shared.has_ended.load(Ordering::Relaxed)
    }

    /// What others have made of files since the last call.
    pub(super) fn take_alterations(&self) -> Vec<Alteration> {
        std::mem::take(&mut *self.shared.alterations.lock().expect("no holder panics"))
    }

    /// Writes what is queued and ends the last file. Of `produced` events a failure says how many are missing.
    pub(super) fn finish(self, produced: u64) -> Result<Written> {
        let Writer { jobs, thread, shared, .. } = self;
        drop(jobs);
        thread.join().map_err(|_| anyhow!("the writing thread panicked"))?;
        // Found while the end was written, after the last event.
        for (how, name, _) in shared.alterations.lock().expect("no holder panics").drain(..) {
            eprintln!("sysreel-agent: tampering: {how} capture:{name}");
        }
        match shared.error.lock().expect("no holder panics").take() {
            Some(error) => {
                let missing = produced.saturating_sub(shared.events.load(Ordering::Relaxed));
                let end = match shared.is_accounted.load(Ordering::Relaxed) {
                    true => "the capture counts them as lost",
                    false => "the capture ends cut",
                };
                Err(error.context(format!("{missing} events were not written and {end}")))
            }
            None => Ok(Written {
                bytes: shared.bytes.load(Ordering::Relaxed),
                files: shared.files.load(Ordering::Relaxed),
            }),
        }
    }
}

/// One file being written.
struct Output {
    target: Target,
    chain: Chain,
    /// Events written out.
    events: u64,
    buffer: Vec<u8>,
    /// The chain as it is on disk.
    place: ChainPlace,
}

impl Output {
    fn begin(target: Target, count: usize, id: [u8; 12], host: &Host, shared: &Shared) -> Result<Self> {
        let chain = Chain::new(id);
        let place = chain.place();
        let mut output = Output { target, chain, events: 0, buffer: Vec::new(), place };
        output.buffer.extend_from_slice(&output.chain.header());
        output.chain.seal(EncodedSegment::host(host), &mut output.buffer);
        shared.file_bytes.store(0, Ordering::Relaxed);
        shared.files.store(count as u64, Ordering::Relaxed);
        output.write_out(shared)?;
        Ok(output)
    }

    fn write_out(&mut self, shared: &Shared) -> Result<()> {
        if let Some((how, ino)) = self.target.alteration() {
            shared.alterations.lock().expect("no holder panics").push((how, self.target.name(), ino));
        }
        if let Err(error) = self.target.write(&self.buffer) {
            self.buffer.clear();
            self.chain.go_back(self.place);
            return Err(self.failure(error));
        }
        self.place = self.chain.place();
        if let Some(testator) = shared.testator {
            testator.leave(self.target.file().map(|file| (file, self.place)));
        }
        let bytes = self.buffer.len() as u64;
        shared.file_bytes.fetch_add(bytes, Ordering::Relaxed);
        shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        shared.events.fetch_add(self.chain.events() - self.events, Ordering::Relaxed);
        self.events = self.chain.events();
        self.buffer.clear();
        Ok(())
    }

    fn failure(&self, error: io::Error) -> anyhow::Error {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                ". Make room, or bound the capture with -C and -W"
            }
            _ => "",
        };
        let (name, events) = (self.target.name(), self.events);
        anyhow::Error::new(error).context(format!(
            "cannot write {name} beyond {events} events; what was written is readable{advice}"
        ))
    }
}

/// What came after a file could not be written any more, for the account of it at the end of the file.
#[derive(Default)]
struct Unwritten {
    /// Whether there was a failure: nothing but the end is written then.
    has_failed: bool,
    /// When the first event was that is missing.
    since_ns: Option<u64>,
    /// Events stored, as of the last tallies before that, by index into them.
    stored: Vec<u64>,
    /// Tallies and losses that are not in the file, and those of files that never were.
    tallies: Vec<Tally>,
    losses: Vec<Loss>,
    earlier: Vec<Tally>,
    marks: Vec<Mark>,
}

impl Unwritten {
    /// A block goes nowhere.
    fn block(&mut self, first_ns: u64) {
        self.since_ns.get_or_insert(first_ns);
    }

    fn counts(&mut self, losses: Vec<Loss>, tallies: Vec<Tally>) {
        self.losses.extend(losses);
        self.tallies = tallies;
    }

    /// Takes note of tallies while every block was written.
    fn all_stored(&mut self, tallies: &[Tally]) {
        if self.since_ns.is_none() {
            self.stored = tallies.iter().map(|tally| tally.stored).collect();
        }
    }

    /// A file would begin here, and with it new tallies.
    fn next_file(&mut self) {
        let tallies = std::mem::take(&mut self.tallies);
        if self.earlier.is_empty() {
            self.earlier = tallies;
        } else {
            for (sum, tally) in self.earlier.iter_mut().zip(tallies) {
                sum.produced += tally.produced;
                sum.stored += tally.stored;
                sum.left_out += tally.left_out;
            }
        }
        // The tallies to come begin at nothing; what is stored stays what it was.
        self.since_ns.get_or_insert_with(boot_ns);
    }

    /// Losses and tallies as the file has to have them.
    fn account(&mut self, now_ns: u64) -> (Vec<Loss>, Vec<Tally>) {
        self.next_file();
        let (mut losses, mut tallies) = (std::mem::take(&mut self.losses), std::mem::take(&mut self.earlier));
        for (index, tally) in tallies.iter_mut().enumerate() {
            let kept = self.stored.get(index).copied().unwrap_or(0).min(tally.stored);
            if tally.stored > kept {
                losses.push(Loss {
                    cpu: tally.cpu,
                    cause: LossCause::NotWritten,
                    class: "any".to_owned(),
                    count: tally.stored - kept,
                    from_ns: self.since_ns.unwrap_or(0),
                    to_ns: now_ns,
                });
                tally.stored = kept;
            }
        }
        (losses, tallies)
    }
}

struct Worker {
    files: Files,
    id: [u8; 12],
    squeezer: Squeezer,
    /// `None` once nothing can be written any more, not even an end.
    output: Option<Output>,
    unwritten: Unwritten,
    shared: Arc<Shared>,
    spare: SyncSender<Block>,
}

impl Worker {
    fn work(&mut self, job: Job) {
        let result = match job {
            Job::Segment(content) if self.unwritten.has_failed => {
                self.set_aside(*content);
                Ok(())
            }
            Job::NextFile(..) if self.unwritten.has_failed => {
                self.unwritten.next_file();
                Ok(())
            }
            Job::Segment(content) => self.write(*content),
            Job::NextFile(host, file) => self.turn(&host, file),
        };
        if let Err(error) = result {
            self.fail(error);
        }
    }

    /// Keeps what the end of the file will have to tell.
    fn set_aside(&mut self, content: Content) {
        match content {
            Content::Entities(_) => {}
            Content::Events(block) => self.unwritten.block(block.time_first_ns().unwrap_or(0)),
            Content::Counts(losses, tallies) => {
                self.unwritten.all_stored(&tallies);
                self.unwritten.counts(losses, tallies);
            }
            Content::Marks(marks) => self.unwritten.marks.extend(marks),
        }
    }

    fn write(&mut self, content: Content) -> Result<()> {
        let Some(output) = &mut self.output else { return Ok(()) };
        let mut first_ns = None;
        let segment = match content {
            Content::Entities(mut batch) => {
                let mut segment = batch.encode(&mut self.squeezer);
                // One event may define more than a segment takes: a process with all its ancestors.
                while !batch.is_empty() {
                    output.chain.seal(segment, &mut output.buffer);
                    segment = batch.encode(&mut self.squeezer);
                }
                segment
            }
            Content::Counts(losses, tallies) => {
                let segment = EncodedSegment::counts(&losses, &tallies);
                self.unwritten.all_stored(&tallies);
                output.chain.seal(segment, &mut output.buffer);
                return output
                    .write_out(&self.shared)
                    .inspect_err(|_| self.unwritten.counts(losses, tallies));
            }
            Content::Marks(marks) => {
                output.chain.seal(EncodedSegment::marks(&marks), &mut output.buffer);
                return output.write_out(&self.shared).inspect_err(|_| self.unwritten.marks.extend(marks));
            }
            Content::Events(block) => {
                first_ns = block.time_first_ns();
                let segment = block.encode(&mut self.squeezer);
                if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.spare.try_send(block)
                {
                    // There are spare blocks enough.
                }
                segment
            }
        };
        output.chain.seal(segment, &mut output.buffer);
        output.write_out(&self.shared).inspect_err(|_| {
            if let Some(first_ns) = first_ns {
                self.unwritten.block(first_ns);
            }
        })
    }

    fn end_file(&mut self) -> Result<()> {
        let Some(Output { mut target, mut chain, mut buffer, .. }) = self.output.take() else {
            return Ok(());
        };
        // The number of its descriptor may soon be that of another file.
        if let Some(testator) = self.shared.testator {
            testator.leave(None);
        }
        let events = chain.events();
        let cannot =
            |target: &Target| format!("cannot end {} after {events} events; it is readable", target.name());
        if self.unwritten.has_failed {
            let (losses, tallies) = self.unwritten.account(boot_ns());
            chain.seal(EncodedSegment::counts(&losses, &tallies), &mut buffer);
            // The end of a recording is marked before its last events are written, which may be what fails.
            self.unwritten.marks.sort_by_key(|mark| mark.time_ns);
            chain.seal(EncodedSegment::marks(&self.unwritten.marks), &mut buffer);
            // Alone: there may be room for this and not for the end.
            target.write_end(&buffer).with_context(|| cannot(&target))?;
            self.shared.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
            self.shared.is_accounted.store(true, Ordering::Relaxed);
            buffer.clear();
        }
        chain.finish(&mut buffer);
        target.write_end(&buffer).with_context(|| cannot(&target))?;
        self.shared.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        target.close();
        Ok(())
    }

    fn turn(&mut self, host: &Host, file: Option<(PathBuf, File)>) -> Result<()> {
        if self.output.is_none() {
            return Ok(());
        }
        self.end_file()?;
        self.unwritten = Unwritten::default();
        let target = match file {
            Some((path, file)) => self.files.adopt(path, file)?,
            None => self.files.next()?,
        };
        self.output = Some(Output::begin(target, self.files.count(), self.id, host, &self.shared)?);
        Ok(())
    }

    fn finish(&mut self) {
        if let Err(error) = self.end_file() {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: anyhow::Error) {
        // A file can still be ended; a pipe's reader has lost its place.
        self.output = self.output.take().filter(|output| output.target.is_file());
        if !std::mem::replace(&mut self.unwritten.has_failed, true) {
            // For who reads the file: it may be that nothing else is missing in it.
            let text = format!("cannot write: {}", error.root_cause()).into_bytes();
            self.unwritten.marks.push(Mark { time_ns: boot_ns(), kind: FAILURE_MARK.to_owned(), text });
        }
        self.shared.has_ended.store(true, Ordering::Relaxed);
        let is_closed_pipe =
            error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        if !is_closed_pipe {
            self.shared.error.lock().expect("no holder panics").get_or_insert(error);
        }
    }
}

/// Random, to tell captures apart.
fn capture_id() -> [u8; 12] {
    let mut id = [0; 12];
    // SAFETY: writes at most the array's bytes. Should it fail, the id is zero, which is valid.
    unsafe { libc::getrandom(id.as_mut_ptr().cast(), id.len(), 0) };
    id
}
