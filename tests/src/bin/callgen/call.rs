//! Making a system call without libc in between, so that what is asked is exactly what is written here.

use std::os::raw::c_long;

/// A value that fits a system call's argument register.
pub(crate) trait Word {
    /// The register's content.
    fn word(self) -> c_long;
}

macro_rules! word {
    ($($number:ty),*) => { $(impl Word for $number {
        fn word(self) -> c_long {
            self as c_long
        }
    })* };
}

word!(i32, u32, i64, u64, usize);

impl<T> Word for *const T {
    fn word(self) -> c_long {
        self as c_long
    }
}

impl<T> Word for *mut T {
    fn word(self) -> c_long {
        self as c_long
    }
}

impl<T> Word for &T {
    fn word(self) -> c_long {
        std::ptr::from_ref(self) as c_long
    }
}

impl<T> Word for &mut T {
    fn word(self) -> c_long {
        std::ptr::from_mut(self) as c_long
    }
}

impl Word for &std::ffi::CStr {
    fn word(self) -> c_long {
        self.as_ptr() as c_long
    }
}

/// Makes the call `number` with `words`; registers not given are 0. Answers the result, or -errno.
pub(crate) fn call(number: c_long, words: &[c_long]) -> i64 {
    let mut all = [0; 6];
    all[..words.len()].copy_from_slice(words);
    let [a, b, c, d, e, f] = all;
    // SAFETY: the sections pass pointers to buffers that live across the call and at least as long as they say,
    // or addresses that are meant to be refused; none unmaps or overwrites memory that Rust knows of.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 {
        -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        result
    }
}

/// `sys!(SYS_openat, AT_FDCWD, c"name", O_RDONLY)`: the call by its name in `libc`, or by number.
macro_rules! sys {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::call::call($number, &[$($crate::call::Word::word($argument)),*])
    };
}
pub(crate) use sys;

/// Forks, runs `child`, exits the child with 0 and waits for it. The child may change anything about itself.
pub(crate) fn in_child(child: impl FnOnce()) {
    let pid = sys!(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0);
    if pid == 0 {
        child();
        sys!(libc::SYS_exit_group, 0);
    }
    if pid > 0 {
        let mut status = 0_i32;
        sys!(libc::SYS_wait4, pid, &mut status, 0, 0);
    }
}

/// A descriptor as its number, or -1 when the call that should have made it failed: later calls then fail too,
/// which is as good to watch.
pub(crate) fn descriptor(result: i64) -> i32 {
    i32::try_from(result).unwrap_or(-1).max(-1)
}
