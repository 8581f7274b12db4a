//! Ctrl-C in `sysreel-agent record -w - | sysreel read -` reaches both programs. The recorder then ends its capture
//! and closes the pipe; this program must stay long enough to show the end of it.

use std::mem::MaybeUninit;

/// From here on the first interrupt is left to whoever writes the pipe; the second ends this program as usual.
pub(crate) fn leave_first_to_writer() {
    // SAFETY: zeroes are a valid sigaction (no flags, default handler), and sigemptyset writes to a field of it.
    // The handler does nothing, so it may run at any point of the program.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        libc::sigemptyset(&raw mut action.sa_mask);
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        // After the first one the default is back. Reads of the pipe go on as if nothing had happened.
        action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
        libc::sigaction(libc::SIGINT, &raw const action, std::ptr::null_mut());
    }
}

extern "C" fn nothing(_signal: libc::c_int) {}
