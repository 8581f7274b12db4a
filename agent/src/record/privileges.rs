//! Privileges: those that recording needs, and those that are given up once the programs are attached.
//!
//! What is left is what the rest of a recording needs: reading `/proc` of other users' processes, and making and
//! removing files wherever the recording was begun. Capabilities belong to threads: each of ours gives its own up. The
//! command is forked before and keeps all it was started with.

use std::io;

/// `CAP_DAC_OVERRIDE`, `CAP_DAC_READ_SEARCH`, `CAP_FOWNER`: the next file of a rotation, and `/proc`.
/// `CAP_SYS_PTRACE`: the descriptors of other users' processes.
const KEPT: u64 = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 19;

/// `_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits, in two words each.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// Effective, permitted and inheritable set, of capabilities 0 to 31 or 32 to 63.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// What loading and attaching kernel programs takes (Linux 5.8). `CAP_SYS_ADMIN` stands for both.
const NEEDED: [(u32, &str); 2] = [(38, "CAP_PERFMON"), (39, "CAP_BPF")];
const CAP_SYS_ADMIN: u32 = 21;

/// Capabilities that make a recording better, and what is missing without them.
const WELCOME: [(u32, &str, &str); 2] = [
    (19, "CAP_SYS_PTRACE", "files that were open before recording began show no names"),
    (2, "CAP_DAC_READ_SEARCH", "what /proc shows to the owner of a process only is not read"),
];

/// Capabilities without which nothing can be recorded, and which this thread lacks.
pub(super) fn missing() -> io::Result<Vec<&'static str>> {
    let (_, sets) = own_sets()?;
    let lacks = |&(number, name): &(u32, &'static str)| (!has(&sets, number)).then_some(name);
    Ok(if has(&sets, CAP_SYS_ADMIN) { Vec::new() } else { NEEDED.iter().filter_map(lacks).collect() })
}

/// Capabilities that this thread lacks and can do without, with what follows.
pub(crate) fn missing_welcome() -> io::Result<Vec<(&'static str, &'static str)>> {
    let (_, sets) = own_sets()?;
    let lacks = |&(number, name, loss): &(u32, _, _)| (!has(&sets, number)).then_some((name, loss));
    Ok(WELCOME.iter().filter_map(lacks).collect())
}

fn has(sets: &[Sets; 2], number: u32) -> bool {
    sets[number as usize / 32].effective & (1 << (number % 32)) != 0
}

/// Gives up what the calling thread, and those it starts from now on, need no more.
pub(super) fn give_up() -> io::Result<()> {
    let (mut header, mut sets) = own_sets()?;
    for (sets, kept) in sets.iter_mut().zip([KEPT as u32, (KEPT >> 32) as u32]) {
        *sets = Sets { effective: sets.effective & kept, permitted: sets.permitted & kept, inheritable: 0 };
    }
    // SAFETY: `header` and the two `sets` are laid out as the kernel has them, and live; it only reads.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, &raw const sets) })?;
    // SAFETY: changes one mark of the calling thread.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())
}

/// The calling thread's sets, with the header that sets them again.
fn own_sets() -> io::Result<(Header, [Sets; 2])> {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: `header` and the two `sets` are laid out as the kernel has them, and live.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, &raw mut sets) })?;
    Ok((header, sets))
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
