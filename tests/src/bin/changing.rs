//! changing: processes that become what a filter asks for, and cease to be it, over and over.
//!
//! Usage: `changing ROUNDS`. A thread takes the names `right` and `wrong`, moves between two folders and between two users,
//! and makes children that take the other name; a second thread of the same process asks who it is all the while. After
//! each change the first one calls `getppid` 20 times, rests, so that a recorder has time to conclude something, and calls
//! it 20 times more.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs, process, thread};

/// Calls after each change.
const CALLS: usize = 20;
/// Longer than a recorder takes to look at what there is.
const REST: Duration = Duration::from_millis(3);

static IS_DONE: AtomicBool = AtomicBool::new(false);

fn main() {
    let rounds: u32 = env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(10);
    for folder in ["right", "wrong"] {
        fs::create_dir_all(folder).expect("a folder of the test");
    }
    let home = env::current_dir().expect("there is one");
    let asking = thread::spawn(|| {
        while !IS_DONE.load(Ordering::Relaxed) {
            // SAFETY: takes nothing.
            unsafe { libc::syscall(libc::SYS_getuid) };
            thread::sleep(Duration::from_micros(300));
        }
    });
    for round in 0..rounds {
        let which = if round % 3 == 1 { "right" } else { "wrong" };
        name(which);
        ask();
        env::set_current_dir(home.join(which)).expect("it was made above");
        ask();
        be_user(if which == "right" { 4242 } else { 0 });
        ask();
        child(which);
    }
    IS_DONE.store(true, Ordering::Relaxed);
    let _ = asking.join();
}

/// A child that is what its parent is, until it takes the other name.
fn child(which: &str) {
    // SAFETY: the child only makes system calls, and ends.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            ask();
            name(if which == "right" { "wrong" } else { "right" });
            ask();
            libc::_exit(0);
        }
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
}

fn name(name: &str) {
    let name = CString::new(name).expect("no NUL in it");
    // SAFETY: a C string.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// The real user id only: the way back must stay open.
fn be_user(uid: u32) {
    // SAFETY: takes numbers. The call itself, for this thread alone: libc would change all of them.
    if unsafe { libc::syscall(libc::SYS_setresuid, uid, -1, -1) } != 0 {
        eprintln!("changing: setresuid({uid}): {}", std::io::Error::last_os_error());
        process::exit(1);
    }
}

fn ask() {
    for _ in 0..CALLS {
        // SAFETY: takes nothing.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }
    thread::sleep(REST);
    for _ in 0..CALLS {
        // SAFETY: takes nothing.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }
}
