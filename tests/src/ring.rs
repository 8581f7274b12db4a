//! An `io_uring`, by system calls alone, so that what is asked of the kernel is exactly what is written here.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// An entry of the submission queue (`struct io_uring_sqe`).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
#[expect(missing_docs, reason = "the kernel's own names")]
pub struct Sqe {
    pub opcode: u8,
    pub flags: u8,
    pub ioprio: u16,
    pub fd: i32,
    pub off: u64,
    pub addr: u64,
    pub len: u32,
    pub op_flags: u32,
    pub user_data: u64,
    pub buf_index: u16,
    pub personality: u16,
    pub file_index: u32,
    pub addr3: u64,
    pub pad: u64,
}

const _: () = assert!(size_of::<Sqe>() == 64);

/// An entry of the completion queue (`struct io_uring_cqe`).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
#[expect(missing_docs, reason = "the kernel's own names")]
pub struct Cqe {
    pub user_data: u64,
    pub res: i32,
    pub flags: u32,
}

/// `struct io_sqring_offsets` and `struct io_cqring_offsets`, of which the names differ.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Offsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    /// `flags`; `overflow` of completions.
    flags: u32,
    /// `dropped`; `cqes` of completions.
    dropped_or_cqes: u32,
    array: u32,
    reserved: u32,
    user_addr: u64,
}

/// `struct io_uring_params`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    reserved: [u32; 3],
    submission: Offsets,
    completion: Offsets,
}

const _: () = assert!(size_of::<Params>() == 120);

/// `IORING_SETUP_SQPOLL`: a thread of the kernel takes the entries.
pub const SETUP_SQPOLL: u32 = 1 << 1;

const NEED_WAKEUP: u32 = 1;
const ENTER_GETEVENTS: u32 = 1;
const ENTER_SQ_WAKEUP: u32 = 2;
const OFFSET_SQ: libc::off_t = 0;
const OFFSET_CQ: libc::off_t = 0x800_0000;
const OFFSET_SQES: libc::off_t = 0x1000_0000;

/// A ring, mapped.
#[derive(Debug)]
pub struct Ring {
    /// Its descriptor.
    pub fd: i32,
    params: Params,
    submissions: *mut u8,
    completions: *mut u8,
    entries: *mut Sqe,
    unsubmitted: u32,
}

impl Ring {
    /// Makes a ring with room for so many entries.
    pub fn new(entries: u32, flags: u32) -> io::Result<Ring> {
        let mut params = Params { flags, sq_thread_idle: 50, ..Params::default() };
        // SAFETY: the kernel fills `params`, which is as long as it expects.
        let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, entries, &raw mut params) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ring::map(fd as i32, params) }
    }

    /// Makes a ring as 32-bit programs do: vectors and messages are laid out as theirs.
    #[cfg(target_arch = "x86_64")]
    pub fn narrow(low: &crate::narrow::Low, entries: u32) -> io::Result<Ring> {
        let address = low.room(size_of::<Params>());
        let fd = low.call("io_uring_setup", &[entries, address]);
        if fd < 0 {
            return Err(io::Error::from_raw_os_error(-fd));
        }
        // SAFETY: the room is as long, and the kernel has filled it with integers.
        Ring::map(fd, unsafe { (address as usize as *const Params).read_unaligned() })
    }

    fn map(fd: i32, params: Params) -> io::Result<Ring> {
        let submission_bytes = params.submission.array as usize + params.sq_entries as usize * 4;
        let completion_bytes =
            params.completion.dropped_or_cqes as usize + params.cq_entries as usize * size_of::<Cqe>();
        Ok(Ring {
            fd,
            submissions: map(fd, submission_bytes, OFFSET_SQ)?,
            completions: map(fd, completion_bytes, OFFSET_CQ)?,
            entries: map(fd, params.sq_entries as usize * size_of::<Sqe>(), OFFSET_SQES)?.cast(),
            params,
            unsubmitted: 0,
        })
    }

    fn word(&self, base: *mut u8, offset: u32) -> &AtomicU32 {
        // SAFETY: the kernel gave the offset of a word in this mapping, which lives as long as the ring.
        unsafe { &*base.add(offset as usize).cast::<AtomicU32>() }
    }

    /// Puts an entry into the queue. There must be room.
    pub fn push(&mut self, sqe: Sqe) {
        let offsets = self.params.submission;
        let tail = self.word(self.submissions, offsets.tail);
        let at = tail.load(Ordering::Relaxed);
        let index = at & (self.params.sq_entries - 1);
        // SAFETY: the index is below the number of entries, which is a power of two.
        unsafe {
            self.entries.add(index as usize).write_volatile(sqe);
            self.submissions
                .add(offsets.array as usize)
                .cast::<u32>()
                .add(index as usize)
                .write_volatile(index);
        }
        tail.store(at.wrapping_add(1), Ordering::Release);
        self.unsubmitted += 1;
    }

    /// Has the kernel take what was put into the queue, and waits for so many completions.
    pub fn submit(&mut self, wait: u32) -> io::Result<()> {
        let mut flags = if wait > 0 { ENTER_GETEVENTS } else { 0 };
        let mut count = std::mem::take(&mut self.unsubmitted);
        if self.params.flags & SETUP_SQPOLL != 0 {
            count = 0;
            // The thread tells when it sleeps; it must see the tail before we look.
            std::sync::atomic::fence(Ordering::SeqCst);
            if self.word(self.submissions, self.params.submission.flags).load(Ordering::Relaxed) & NEED_WAKEUP
                != 0
            {
                flags |= ENTER_SQ_WAKEUP;
            }
        }
        // SAFETY: no pointer is passed.
        let entered = unsafe {
            libc::syscall(libc::SYS_io_uring_enter, self.fd, count, wait, flags, ptr::null::<u8>(), 0_usize)
        };
        if entered < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Takes a completion, if there is one.
    pub fn completion(&mut self) -> Option<Cqe> {
        let offsets = self.params.completion;
        let head = self.word(self.completions, offsets.head);
        let at = head.load(Ordering::Relaxed);
        if at == self.word(self.completions, offsets.tail).load(Ordering::Acquire) {
            return None;
        }
        let index = at & (self.params.cq_entries - 1);
        // SAFETY: the index is below the number of entries, which is a power of two.
        let cqe = unsafe {
            let cqes = self.completions.add(offsets.dropped_or_cqes as usize).cast::<Cqe>();
            cqes.add(index as usize).read_volatile()
        };
        head.store(at.wrapping_add(1), Ordering::Release);
        Some(cqe)
    }

    /// Waits for a completion.
    pub fn wait(&mut self) -> io::Result<Cqe> {
        loop {
            if let Some(cqe) = self.completion() {
                return Ok(cqe);
            }
            self.submit(1)?;
        }
    }

    /// `io_uring_register` of a table.
    pub fn register<T>(&self, operation: u32, table: &[T]) -> io::Result<()> {
        let (address, count) = (table.as_ptr(), table.len());
        // SAFETY: the kernel reads as many elements as there are.
        let result =
            unsafe { libc::syscall(libc::SYS_io_uring_register, self.fd, operation, address, count) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn map(fd: i32, bytes: usize, offset: libc::off_t) -> io::Result<*mut u8> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, nowhere in particular.
    let at = unsafe {
        libc::mmap(ptr::null_mut(), bytes, protection, libc::MAP_SHARED | libc::MAP_POPULATE, fd, offset)
    };
    if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.cast()) }
}
