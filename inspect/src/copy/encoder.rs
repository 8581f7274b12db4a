//! Events on their way to segments: blocks are filled here and compressed by other threads.
//!
//! Compressing takes most of the time of a copy, and a block needs nothing but itself for it. Segments are sealed
//! in the order in which they were begun, whichever is ready first. Start at [`Encoder`].

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use capture_format::model::{Entity, Event, Host, Loss, Mark, Ref};
use capture_format::{Block, Chain, EncodedSegment, Gathered, Gathering, PushError, Squeezer, Tally};

/// Level of compression. Level 9 takes 60 % more time than this for 1 to 2 % fewer bytes.
const LEVEL: i32 = 3;

/// Threads that encode blocks.
pub(super) struct Pool {
    jobs: SyncSender<Job>,
    threads: usize,
}

/// A block to be encoded, and where to it is handed back.
struct Job {
    block: Block,
    done: Sender<(EncodedSegment, Block)>,
}

impl Pool {
    /// So many threads; they end with the pool.
    pub(super) fn new(threads: usize) -> Pool {
        let (jobs, waiting) = mpsc::sync_channel::<Job>(1);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            std::thread::spawn(move || {
                let mut squeezer = Squeezer::new(LEVEL);
                while let Some(Job { block, done }) = next(&waiting) {
                    let segment = block.encode(&mut squeezer);
                    // Nobody waits for it any more when writing failed.
                    let _ = done.send((segment, block));
                }
            });
        }
        Pool { jobs, threads }
    }
}

/// The next job; `None` when there will be none.
fn next(waiting: &Mutex<Receiver<Job>>) -> Option<Job> {
    // A thread that panicked while it waited took no job with it.
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// A segment that is not sealed yet.
enum Pending {
    Ready(EncodedSegment),
    Block(Receiver<(EncodedSegment, Block)>),
}

/// Turns what a capture holds into its bytes.
pub(super) struct Encoder {
    chain: Chain,
    gathering: Gathering,
    squeezer: Squeezer,
    pool: Arc<Pool>,
    /// Segments that may be pending after a block was filled.
    ahead: usize,
    pending: VecDeque<Pending>,
    out: Vec<u8>,
}

impl Encoder {
    /// Begins a capture of this host. With `at_once` no block is left to be encoded while others are filled, so that
    /// bytes are there as soon as they can be.
    pub(super) fn new(host: &Host, pool: Arc<Pool>, at_once: bool) -> Encoder {
        let mut chain = Chain::new([0; 12]);
        let mut out = chain.header().to_vec();
        chain.seal(EncodedSegment::host(host), &mut out);
        Encoder {
            chain,
            gathering: Gathering::default(),
            squeezer: Squeezer::new(LEVEL),
            ahead: if at_once { 0 } else { pool.threads + 1 },
            pool,
            pending: VecDeque::new(),
            out,
        }
    }

    /// Defines an entity, or completes one; before events that refer to it.
    pub(super) fn define(&mut self, number: Ref, entity: impl Into<Entity>) {
        self.gathering.define(number, entity);
    }

    pub(super) fn push(&mut self, event: &Event<'_>) -> Result<()> {
        match self.gathering.push(event) {
            Err(PushError::Full) => {
                self.cut()?;
                self.gathering.push(event)
            }
            pushed => pushed,
        }
        .context("copying an event")
    }

    pub(super) fn loss(&mut self, loss: Loss) {
        self.gathering.loss(loss);
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        self.gathering.mark(mark);
    }

    pub(super) fn tally(&mut self, tally: Tally) {
        self.gathering.tally(tally);
    }

    /// Makes segments of all that was added, and waits for no more of them than must be.
    fn cut(&mut self) -> Result<()> {
        for gathered in self.gathering.take(&mut self.squeezer) {
            self.pending.push_back(match gathered {
                Gathered::Segment(segment) => Pending::Ready(segment),
                Gathered::Events(block) => {
                    let (done, encoded) = mpsc::channel();
                    let job = Job { block, done };
                    self.pool.jobs.send(job).ok().context("the threads that compress have ended")?;
                    Pending::Block(encoded)
                }
            });
        }
        self.seal(self.ahead)
    }

    /// Seals segments in order until so few are pending.
    fn seal(&mut self, pending_max: usize) -> Result<()> {
        while self.pending.len() > pending_max
            && let Some(first) = self.pending.pop_front()
        {
            let segment = match first {
                Pending::Ready(segment) => segment,
                Pending::Block(encoded) => {
                    let (segment, block) = encoded.recv().context("a thread that compresses has ended")?;
                    self.gathering.reuse(block);
                    segment
                }
            };
            self.chain.seal(segment, &mut self.out);
        }
        Ok(())
    }

    /// Makes bytes of all that was added.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.cut()?;
        self.seal(0)
    }

    /// The bytes that became ready since the last call.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Ends the capture and returns the bytes that [`Self::take`] has not handed over.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.flush()?;
        self.chain.finish(&mut self.out);
        Ok(self.out)
    }
}
