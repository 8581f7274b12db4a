//! Gates: places at which a program waits until another one lets it go on.
//!
//! It waits in one call, so that what happens to a call under way can be looked at. Everything is called directly: who counts
//! its calls has no others.

use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of a file of gates.
pub const GATES_BYTES: usize = crate::known::GATES * size_of::<AtomicU32>();

/// A number for each gate, in memory that programs share: 0 until it is open.
#[derive(Debug)]
pub struct Gates(NonNull<AtomicU32>);

impl Gates {
    /// Those in a file of [`GATES_BYTES`]; they stay mapped.
    pub fn map(file: RawFd) -> std::io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, nowhere in particular.
        let at =
            unsafe { libc::mmap(std::ptr::null_mut(), GATES_BYTES, protection, libc::MAP_SHARED, file, 0) };
        let at = NonNull::new(at.cast()).filter(|_| at != libc::MAP_FAILED);
        at.map(Gates).ok_or_else(std::io::Error::last_os_error)
    }

    fn word(&self, gate: usize) -> &AtomicU32 {
        assert!(gate < crate::known::GATES, "there is no gate {gate}");
        // SAFETY: within the mapping, which stays; a page is aligned, and others touch the words as such only.
        unsafe { self.0.add(gate).as_ref() }
    }

    /// Whether one may go on.
    pub fn is_open(&self, gate: usize) -> bool {
        self.word(gate).load(Ordering::Acquire) != 0
    }

    /// Arguments of the call of `futex` that waits until the gate is opened.
    pub fn waiting(&self, gate: usize) -> [libc::c_long; 4] {
        [self.word(gate).as_ptr() as libc::c_long, libc::FUTEX_WAIT.into(), 0, 0]
    }

    /// Lets whoever waits go on.
    pub fn open(&self, gate: usize) {
        let word = self.word(gate);
        word.store(1, Ordering::Release);
        // SAFETY: an address that is mapped.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, libc::c_int::MAX) };
    }
}
