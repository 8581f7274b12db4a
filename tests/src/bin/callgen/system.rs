//! The rest: randomness, logs, security modules, BPF, futexes, and calls that must be refused.

use libc::timespec;

use crate::call::{descriptor, sys};

pub(crate) fn run() {
    refused();
    futexes();
    security();
}

fn refused() {
    sys!(libc::SYS_getrandom, &mut [0_u8; 16], 16_usize, 0_u32);
    sys!(libc::SYS_getrandom, &mut [0_u8; 16], 16_usize, 9999_u32);
    const SIZE_BUFFER: i32 = 10;
    sys!(libc::SYS_syslog, SIZE_BUFFER, 0, 0);
    sys!(libc::SYS_bpf, 9999, 0, 0_u32);
    sys!(libc::SYS_delete_module, c"sysreel_absent", libc::O_NONBLOCK);
    sys!(libc::SYS_finit_module, -1, c"", 0);
    sys!(libc::SYS_swapon, c"/absent/swap", 0);
    sys!(libc::SYS_swapoff, c"/absent/swap");
    sys!(libc::SYS_acct, c"/absent/accounting");
    sys!(libc::SYS_quotactl, 0x8000_0700_u32, c"/absent/device", 0, 0);
    // Limits of blocks, of inodes, times, and which of them are meant.
    let limits = [100_u64, 90, 0, 10, 9, 0, 0, 0, 0x5];
    sys!(libc::SYS_quotactl, 0x8000_0801_u32, c"/absent/device", 1000, &limits);
    sys!(libc::SYS_quotactl, 0x8000_0200_u32, c"/absent/device", 2, c"/absent/quota");
    // Numbers no kernel knows, and two that were taken away again.
    sys!(1000, 1, 2, 3, 4, 5, 6);
    sys!(-5_i64, 1);
    sys!(libc::SYS_vserver);
}

fn futexes() {
    let word = 1_u32;
    let short = timespec { tv_sec: 0, tv_nsec: 100_000 };
    sys!(libc::SYS_futex, &word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
    sys!(libc::SYS_futex, &word, libc::FUTEX_WAIT, 0, 0, 0, 0);
    sys!(libc::SYS_futex, &word, libc::FUTEX_WAIT, 1, &short, 0, 0);
    sys!(libc::SYS_futex, &word, libc::FUTEX_WAIT_BITSET, 0, 0, 0, u32::MAX);
    sys!(libc::SYS_futex, 1_usize, libc::FUTEX_WAIT, 0, 0, 0, 0);
    sys!(libc::SYS_futex_waitv, 0, 0_u32, 0_u32, 0, 0);
    sys!(454, &word, u32::MAX, 1, 2); // futex_wake, Linux 6.7
}

fn security() {
    sys!(libc::SYS_seccomp, 2_u32, 0_u32, &0x7fff_0000_u32);
    sys!(libc::SYS_seccomp, 9999_u32, 0_u32, 0);
    // handled_access_fs, read file.
    let ruleset = descriptor(sys!(libc::SYS_landlock_create_ruleset, &[4_u64], 8_usize, 0_u32));
    sys!(libc::SYS_landlock_create_ruleset, 0, 0_usize, 1_u32);
    sys!(libc::SYS_landlock_add_rule, ruleset, 9999, 0, 0_u32);
    sys!(libc::SYS_landlock_restrict_self, -1, 0_u32);
    sys!(libc::SYS_close, ruleset);
    let mut room = [0_u8; 512];
    let mut size = 512_u32;
    sys!(459, 100_u32, &mut room, &mut size, 0_u32); // lsm_get_self_attr, Linux 6.8
    sys!(461, &mut room, &mut size, 0_u32); // lsm_list_modules, Linux 6.8
}
