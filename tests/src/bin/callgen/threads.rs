//! Threads: several at once, names of their own, and an exec that comes from one of them.

use std::sync::Barrier;
use std::thread;

use crate::call::{descriptor, sys};

pub(crate) fn run() {
    thread::scope(|scope| {
        for name in ["first", "second", "third"] {
            let spawned = thread::Builder::new()
                .name(format!("callgen-{name}"))
                .spawn_scoped(scope, move || work(name));
            drop(spawned);
        }
    });
}

fn work(name: &str) {
    let path = std::ffi::CString::new(format!("by-{name}")).unwrap_or_default();
    let fd = descriptor(sys!(
        libc::SYS_openat,
        libc::AT_FDCWD,
        path.as_c_str(),
        libc::O_RDWR | libc::O_CREAT,
        0o600
    ));
    for _ in 0..20 {
        sys!(libc::SYS_pwrite64, fd, name.as_ptr(), name.len(), 0);
        sys!(libc::SYS_gettid);
    }
    sys!(libc::SYS_close, fd);
}

/// The thread that calls exec takes over the number of the first thread; all others end.
pub(crate) fn exec_from_thread() {
    let meeting = Barrier::new(3);
    thread::scope(|scope| {
        scope.spawn(|| {
            meeting.wait();
            sys!(libc::SYS_ppoll, 0, 0_usize, 0, 0, 8_usize);
        });
        scope.spawn(|| {
            meeting.wait();
            let arguments: [*const libc::c_char; 3] =
                [c"callgen".as_ptr(), c"--exit".as_ptr(), std::ptr::null()];
            sys!(libc::SYS_execve, c"/proc/self/exe", &arguments, 0);
        });
        meeting.wait();
    });
}
