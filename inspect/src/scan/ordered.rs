//! Work in parallel, results in order.
//!
//! Threads take jobs in order and may be only so many jobs ahead of the result that is consumed next, so memory
//! is bounded however uneven the jobs are. It knows nothing of captures. Start at [`ordered`].

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Does `work` for each job on up to `threads` threads and gives the results to `consume` in the jobs' order, on
/// the calling thread. Each thread has a state of its own, made by `begin`. Ends early when `consume` breaks.
pub(crate) fn ordered<Job, State, Outcome, Broken>(
    jobs: &[Job],
    threads: usize,
    begin: impl Fn() -> State + Sync,
    work: impl Fn(&mut State, &Job) -> Outcome + Sync,
    mut consume: impl FnMut(Outcome) -> ControlFlow<Broken>,
) -> ControlFlow<Broken>
where
    Job: Sync,
    Outcome: Send,
{
    let threads = threads.clamp(1, jobs.len().max(1));
    if threads == 1 {
        let mut state = begin();
        return jobs.iter().try_for_each(|job| consume(work(&mut state, job)));
    }
    // Two finished jobs may wait, so nobody stops while one is consumed; more would only take memory.
    let queue = Queue::new(jobs.len(), threads + 2, threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let _leaving = Leaving(&queue);
                let mut state = begin();
                while let Some(index) = queue.take() {
                    queue.put(index, work(&mut state, &jobs[index]));
                }
            });
        }
        // Also on a panic in `consume`: the threads must not wait for room that nobody makes.
        let _closing = Closing(&queue);
        while let Some(outcome) = queue.next() {
            consume(outcome)?;
        }
        ControlFlow::Continue(())
    })
}

struct Queue<Outcome> {
    window: Mutex<Window<Outcome>>,
    changed: Condvar,
    jobs: usize,
    depth: usize,
}

struct Window<Outcome> {
    /// The next job to hand out.
    next: usize,
    /// The job whose outcome is consumed next; `outcomes[0]` is its place.
    first: usize,
    outcomes: VecDeque<Option<Outcome>>,
    threads: usize,
    closed: bool,
}

impl<Outcome> Queue<Outcome> {
    fn new(jobs: usize, depth: usize, threads: usize) -> Self {
        let window =
            Window { next: 0, first: 0, outcomes: VecDeque::with_capacity(depth), threads, closed: false };
        Queue { window: Mutex::new(window), changed: Condvar::new(), jobs, depth }
    }

    /// A thread that panicked held the lock for moves that cannot panic half-way, so the window is whole.
    fn lock(&self) -> MutexGuard<'_, Window<Outcome>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, window: MutexGuard<'a, Window<Outcome>>) -> MutexGuard<'a, Window<Outcome>> {
        self.changed.wait(window).unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<usize> {
        let mut window = self.lock();
        loop {
            if window.closed || window.next == self.jobs {
                return None;
            }
            if window.next < window.first + self.depth {
                let index = window.next;
                window.next += 1;
                window.outcomes.push_back(None);
                return Some(index);
            }
            window = self.wait(window);
        }
    }

    fn put(&self, index: usize, outcome: Outcome) {
        let mut window = self.lock();
        let place = index - window.first;
        window.outcomes[place] = Some(outcome);
        // Only the outcome that is consumed next wakes anyone: others would wake the consumer for nothing.
        if place == 0 {
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Option<Outcome> {
        let mut window = self.lock();
        loop {
            if let Some(Some(_)) = window.outcomes.front() {
                let outcome = window.outcomes.pop_front().flatten();
                window.first += 1;
                self.changed.notify_all();
                return outcome;
            }
            // With no thread left nothing more can come: all is consumed, or one panicked.
            if window.first == self.jobs || window.threads == 0 {
                return None;
            }
            window = self.wait(window);
        }
    }
}

/// Tells the consumer when a thread ends, also by a panic.
struct Leaving<'a, Outcome>(&'a Queue<Outcome>);

impl<Outcome> Drop for Leaving<'_, Outcome> {
    fn drop(&mut self) {
        let mut window = self.0.lock();
        window.threads -= 1;
        // A panicked job's place stays empty for ever; the others stop, and the scope passes the panic on.
        window.closed |= std::thread::panicking();
        self.0.changed.notify_all();
    }
}

struct Closing<'a, Outcome>(&'a Queue<Outcome>);

impl<Outcome> Drop for Closing<'_, Outcome> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn outcomes_come_in_order_however_long_each_takes() {
        for threads in [1, 2, 3, 16] {
            let jobs: Vec<u64> = (0..200).collect();
            let mut seen = Vec::new();
            let end = ordered(
                &jobs,
                threads,
                || 0u64,
                |done, job| {
                    *done += 1;
                    std::thread::sleep(Duration::from_micros(job * 7919 % 300));
                    *job
                },
                |outcome| {
                    seen.push(outcome);
                    ControlFlow::<()>::Continue(())
                },
            );
            assert!(end.is_continue());
            assert_eq!(seen, jobs, "{threads} threads");
        }
    }

    #[test]
    fn nobody_runs_far_ahead_and_a_break_ends_all() {
        let jobs: Vec<usize> = (0..10_000).collect();
        let started = AtomicUsize::new(0);
        let mut consumed = 0;
        let end = ordered(
            &jobs,
            4,
            || (),
            |(), _| started.fetch_add(1, Ordering::Relaxed),
            |_| {
                consumed += 1;
                assert!(started.load(Ordering::Relaxed) <= consumed + 6);
                if consumed == 50 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
            },
        );
        assert_eq!(end, ControlFlow::Break("enough"));
        assert!(started.load(Ordering::Relaxed) <= 60);
    }

    #[test]
    fn no_jobs_no_outcomes() {
        let end = ordered(&[(); 0], 8, || (), |(), ()| (), |()| ControlFlow::Break(()));
        assert!(end.is_continue());
    }

    #[test]
    fn a_panic_in_one_job_does_not_hang_the_rest() {
        let jobs: Vec<usize> = (0..100).collect();
        let run =
            || ordered(&jobs, 4, || (), |(), job| assert!(*job != 30), |()| ControlFlow::<()>::Continue(()));
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
