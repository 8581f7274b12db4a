//! A process that outlives the agent: who ends the agent by force is told of in the capture all the same.
//!
//! It is forked before anything is recorded, shares the agent's descriptors, and sleeps until the agent is gone. If that is
//! the end of a recording it ends in silence. If not, it reads the last signal to the agent out of the programs' own map, and
//! appends a mark to the capture, where the last whole segment ends.

use std::cell::UnsafeCell;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use capture_format::model::Mark;
use capture_format::{ChainPlace, EncodedSegment};
use wire::sending::{SENDINGS_MAX, Sending};

use crate::clock::boot_ns;
use crate::rings::Mapping;

use super::alarm::escaped;
use super::privileges;

/// No descriptor.
const NONE: RawFd = -1;
/// How often the agent looks whether the heir is there yet.
const POLL: Duration = Duration::from_micros(100);

/// What both processes see, in memory that they share.
struct Shared {
    /// The heir sleeps.
    is_there: AtomicBool,
    /// The recording ends as it should: there is nothing to tell.
    has_ended: AtomicBool,
    /// The map of the signals that were sent.
    sendings: AtomicI32,
    /// The agent's process id as the programs see it.
    own_pid: AtomicU32,
    /// Which of the wills counts. The other one may be half written.
    current: AtomicUsize,
    wills: [UnsafeCell<Will>; 2],
}

/// The capture's file, and where in it a mark belongs.
type Will = Option<(RawFd, ChainPlace)>;

/// The agent's handle.
pub(super) struct Heir {
    shared: &'static Shared,
    pid: libc::pid_t,
    /// The descriptor it waits at, which is open for both or for none.
    _agent: OwnedFd,
}

/// The writing thread's handle.
#[derive(Clone, Copy)]
pub(super) struct Testator {
    shared: &'static Shared,
}

// SAFETY: the wills are written by the one writing thread, and read by a process that does so when all threads are gone.
unsafe impl Sync for Shared {}

impl Heir {
    /// Forks it. There may be no other thread yet.
    pub(super) fn fork() -> Result<Self> {
        let shared = share(Shared {
            is_there: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            sendings: AtomicI32::new(NONE),
            own_pid: AtomicU32::new(0),
            current: AtomicUsize::new(0),
            wills: [const { UnsafeCell::new(None) }; 2],
        })?;
        let agent = pidfd_of_self().context("cannot open a descriptor of this process")?;
        // SAFETY: asks for a number.
        let parent = unsafe { libc::getpid() };
        let before = block_signals();
        let flags = libc::CLONE_FILES | libc::SIGCHLD;
        // SAFETY: as fork, with the table of descriptors shared; there is no other thread whose locks could be held.
        let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } as libc::pid_t;
        if pid == 0 {
            shared.wait_for_the_end_of(parent, &agent);
        }
        let error = io::Error::last_os_error();
        restore_signals(&before);
        if pid < 0 {
            return Err(error).context("cannot fork");
        }
        let heir = Heir { shared, pid, _agent: agent };
        while !shared.is_there.load(Ordering::Acquire) {
            if !heir.is_alive() {
                bail!("it ended at once");
            }
            std::thread::sleep(POLL);
        }
        Ok(heir)
    }

    /// Tells it of the map in which the programs keep who sent which signal, and under which id they know the agent.
    pub(super) fn know(&self, sendings: BorrowedFd<'_>, own_pid: u32) {
        self.shared.own_pid.store(own_pid, Ordering::Relaxed);
        self.shared.sendings.store(sendings.as_raw_fd(), Ordering::Release);
    }

    /// For who writes the capture.
    pub(super) fn testator(&self) -> Testator {
        Testator { shared: self.shared }
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// Whether nobody has ended it.
    pub(super) fn is_alive(&self) -> bool {
        let mut status = 0;
        // SAFETY: writes one integer.
        unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) == 0 }
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Release);
        if self.is_alive() {
            let mut status = 0;
            // SAFETY: it is our child and was not waited for, so the number is still its own.
            unsafe {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, &raw mut status, 0);
            }
        }
    }
}

impl fmt::Debug for Testator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Testator")
    }
}

impl Testator {
    /// From here on a mark would go into this file, which can be cut, at this place; or nowhere.
    pub(super) fn leave(self, will: Option<(&File, ChainPlace)>) {
        let next = 1 - self.shared.current.load(Ordering::Relaxed);
        let will = will.map(|(file, place)| (file.as_raw_fd(), place));
        // SAFETY: nobody reads this one before it is the current one, and nobody else writes.
        unsafe { self.shared.wills[next].get().write(will) };
        self.shared.current.store(next, Ordering::Release);
    }
}

impl Shared {
    /// The life of the heir.
    fn wait_for_the_end_of(&self, parent: libc::pid_t, agent: &OwnedFd) -> ! {
        // SAFETY: a string of ours. Who ends all processes with the agent's name leaves this one.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"sysreel-heir".as_ptr()) };
        // The agent says so when this is refused.
        let _ = privileges::give_up();
        self.is_there.store(true, Ordering::Release);
        let mut poll = libc::pollfd { fd: agent.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure of ours, and a question. Who has lost his parent is another one's child.
        while unsafe { libc::poll(&raw mut poll, 1, -1) != 1 || libc::getppid() == parent } {
            if poll.revents & libc::POLLNVAL != 0 {
                // SAFETY: as below. The agent has closed the descriptor, so it is there.
                unsafe { libc::_exit(0) }
            }
        }
        if !self.has_ended.load(Ordering::Acquire) {
            let mark = self.last_words();
            let mut text = format!("sysreel-agent: {}\n", String::from_utf8_lossy(&mark.text));
            if let Err(error) = self.append(mark) {
                let _ = writeln!(text, "sysreel-agent: the capture does not say so: {error}");
            }
            // Who read the agent's errors may be gone as well.
            let _ = io::stderr().write_all(text.as_bytes());
        }
        // SAFETY: ends this process without running what belongs to the agent.
        unsafe { libc::_exit(0) }
    }

    fn last_words(&self) -> Mark {
        let cause = match self.last_signal() {
            Ok(Some(sending)) => describe(&sending),
            Ok(None) => "no signal that was seen".to_owned(),
            Err(error) => format!("what, cannot be found out: {error:#}"),
        };
        let text = format!("the recording was ended by {cause}; what was not yet written is lost");
        Mark::ended(boot_ns(), text)
    }

    fn last_signal(&self) -> Result<Option<Sending>> {
        let (fd, own_pid) = (self.sendings.load(Ordering::Acquire), self.own_pid.load(Ordering::Relaxed));
        if fd == NONE {
            return Ok(None);
        }
        // SAFETY: the agent has opened it, and its descriptors stay as long as we share them.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let bytes = SENDINGS_MAX as usize * size_of::<Sending>();
        let map = Mapping::read_only(fd, bytes).context("cannot map the signals that were sent")?;
        let at = (own_pid & (SENDINGS_MAX - 1)) as usize * size_of::<Sending>();
        // SAFETY: within the mapping, aligned, and made of integers.
        let sending = unsafe { map.at(at).cast::<Sending>().as_ptr().read_volatile() };
        Ok((sending.receiver == own_pid).then_some(sending))
    }

    /// Appends a mark to the capture. What stands behind the last segment that is whole goes.
    fn append(&self, mark: Mark) -> io::Result<()> {
        // SAFETY: the agent, which wrote it, is gone.
        let will = unsafe { self.wills[self.current.load(Ordering::Acquire)].get().read() };
        let Some((fd, place)) = will else {
            return Err(io::Error::other("it is in no file that can be appended to"));
        };
        // SAFETY: as above. It is not ours to close.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
        let mut bytes = Vec::new();
        let end = place.append(&EncodedSegment::marks(&[mark]), &mut bytes);
        file.set_len(place.bytes())?;
        file.write_all_at(&bytes, place.bytes())?;
        file.set_len(end.bytes())
    }
}

fn describe(sending: &Sending) -> String {
    let Sending { signal, pid, uid, comm, .. } = sending;
    let end = comm.iter().position(|&byte| byte == 0).unwrap_or(comm.len());
    let comm = escaped(&comm[..end]);
    match pid {
        0 => format!("signal {signal} by the kernel, while {comm} ran"),
        _ => format!("signal {signal} by {comm} (process {pid}, user {uid})"),
    }
}

/// Memory that is shared with processes that are forked from now on; it stays for good.
fn share(shared: Shared) -> Result<&'static Shared> {
    let bytes = size_of::<Shared>();
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: new memory, of nobody else.
    let memory = unsafe { libc::mmap(ptr::null_mut(), bytes, access, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return Err(io::Error::last_os_error()).context("cannot get memory to share");
    }
    let memory = memory.cast::<Shared>();
    // SAFETY: large enough, aligned to a page, and never given back.
    unsafe {
        memory.write(shared);
        Ok(&*memory)
    }
}

fn pidfd_of_self() -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: new, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Blocks all signals; gives those that were blocked before.
fn block_signals() -> libc::sigset_t {
    // SAFETY: fills and reads sets of ours. It cannot fail with these arguments.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    }
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: reads a set of ours.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
}
