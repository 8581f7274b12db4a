//! The writing thread: encodes, compresses and writes what the draining thread has gathered.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use capture_format::model::{Host, Loss, Mark};
use capture_format::{Block, Chain, EncodedSegment, EntityBatch, Squeezer, Tally};

use super::files::{Files, Target};
use super::privileges;

/// Blocks that may wait to be encoded. Each takes a few MiB; what is more waits in the rings.
const QUEUE: usize = 2;

/// Work for the thread.
enum Job {
    Segment(Box<Content>),
    NextFile(Box<Host>),
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
    error: Mutex<Option<anyhow::Error>>,
}

/// The draining thread's handle.
pub(super) struct Writer {
    jobs: SyncSender<Job>,
    spare: Receiver<Block>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    /// Work handed over is waited for: a file's size is known before more is added to it.
    in_step: bool,
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
    pub(super) fn start(mut files: Files, host: &Host, level: i32, in_step: bool) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let id = capture_id();
        let output = Output::open(&mut files, id, host, &shared)?;
        let (jobs, queue) = sync_channel(QUEUE);
        let (spare_back, spare) = sync_channel(QUEUE + 1);
        let (step, done) = sync_channel(QUEUE + 1);
        let mut worker = Worker {
            files,
            id,
            squeezer: Squeezer::new(level),
            output: Some(output),
            shared: Arc::clone(&shared),
            spare: spare_back,
        };
        let thread = thread::Builder::new()
            .name("sysreel-writer".to_owned())
            .spawn(move || {
                super::hurry();
                // The first thread says so when this is refused.
                let _ = privileges::give_up();
                while let Ok(job) = queue.recv() {
                    worker.work(job);
                    // Nobody waits unless in step; a full channel loses nothing then.
                    let _ = step.try_send(());
                }
                worker.finish();
            })
            .context("cannot start the writing thread")?;
        Ok(Writer { jobs, spare, shared, thread, in_step, done })
    }

    /// Hands content over; waits when the queue is full.
    pub(super) fn send(&self, content: Content) {
        self.submit(Job::Segment(Box::new(content)));
    }

    /// Ends the file and begins the next.
    pub(super) fn next_file(&self, host: Host) {
        self.submit(Job::NextFile(Box::new(host)));
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

    /// Whether writing has come to an end: an error, or a pipe whose reader is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.shared.has_ended.load(Ordering::Relaxed)
    }

    /// Writes what is queued and ends the last file. Of `produced` events a failure says how many are missing.
    pub(super) fn finish(self, produced: u64) -> Result<Written> {
        let Writer { jobs, thread, shared, .. } = self;
        drop(jobs);
        thread.join().map_err(|_| anyhow!("the writing thread panicked"))?;
        match shared.error.lock().expect("no holder panics").take() {
            Some(error) => {
                let missing = produced.saturating_sub(shared.events.load(Ordering::Relaxed));
                Err(error.context(format!("{missing} events were not written and the capture ends cut")))
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
}

impl Output {
    fn open(files: &mut Files, id: [u8; 12], host: &Host, shared: &Shared) -> Result<Self> {
        let target = files.next()?;
        let mut output = Output { target, chain: Chain::new(id), events: 0, buffer: Vec::new() };
        output.buffer.extend_from_slice(&output.chain.header());
        output.chain.seal(EncodedSegment::host(host), &mut output.buffer);
        shared.file_bytes.store(0, Ordering::Relaxed);
        shared.files.store(files.count() as u64, Ordering::Relaxed);
        output.write_out(shared)?;
        Ok(output)
    }

    fn write_out(&mut self, shared: &Shared) -> Result<()> {
        self.target.write(&self.buffer).map_err(|error| self.failure(error))?;
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
            io::ErrorKind::StorageFull => ". Make room, or bound the capture with -C and -W",
            _ => "",
        };
        let (name, events) = (self.target.name(), self.events);
        anyhow::Error::new(error).context(format!(
            "cannot write {name} beyond {events} events; what was written is readable{advice}"
        ))
    }
}

struct Worker {
    files: Files,
    id: [u8; 12],
    squeezer: Squeezer,
    /// `None` once writing failed.
    output: Option<Output>,
    shared: Arc<Shared>,
    spare: SyncSender<Block>,
}

impl Worker {
    fn work(&mut self, job: Job) {
        let result = match job {
            Job::Segment(content) => self.write(*content),
            Job::NextFile(host) => self.turn(&host),
        };
        if let Err(error) = result {
            self.fail(error);
        }
    }

    fn write(&mut self, content: Content) -> Result<()> {
        let Some(output) = &mut self.output else { return Ok(()) };
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
            Content::Counts(losses, tallies) => EncodedSegment::counts(&losses, &tallies),
            Content::Marks(marks) => EncodedSegment::marks(&marks),
            Content::Events(block) => {
                let segment = block.encode(&mut self.squeezer);
                if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.spare.try_send(block)
                {
                    // There are spare blocks enough.
                }
                segment
            }
        };
        output.chain.seal(segment, &mut output.buffer);
        output.write_out(&self.shared)
    }

    fn end_file(&mut self) -> Result<()> {
        let Some(Output { target, chain, mut buffer, .. }) = self.output.take() else { return Ok(()) };
        let events = chain.events();
        chain.finish(&mut buffer);
        let mut target = target;
        target
            .write(&buffer)
            .with_context(|| format!("cannot end {} after {events} events; it is readable", target.name()))?;
        self.shared.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn turn(&mut self, host: &Host) -> Result<()> {
        if self.output.is_none() {
            return Ok(());
        }
        self.end_file()?;
        self.output = Some(Output::open(&mut self.files, self.id, host, &self.shared)?);
        Ok(())
    }

    fn finish(&mut self) {
        if let Err(error) = self.end_file() {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: anyhow::Error) {
        self.output = None;
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
