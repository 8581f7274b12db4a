//! The rest: randomness, logs, security modules, BPF, futexes, and calls that must be refused.

use libc::timespec;

use crate::call::{descriptor, in_child, sys};

pub(crate) fn run() {
    refused();
    young();
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
    // The same of XFS: version, flags and mask, id; limits of blocks and inodes.
    let limits = [0x3e8_0008_0101_u64, 100, 90, 10, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    sys!(libc::SYS_quotactl, 0x58_0400_u32, c"/absent/device", 1000, &limits);
    sys!(libc::SYS_quotactl, 0x58_0300_u32, c"/absent/device", 1000, &limits);
    sys!(libc::SYS_quotactl, 0x8000_0200_u32, c"/absent/device", 2, c"/absent/quota");
    sys!(libc::SYS_quotactl_fd, -1, 0x8000_0700_u32, 0, 0);
    // A clock that nobody can set, a time that is none, and what is wrong with the others stands behind them.
    sys!(libc::SYS_clock_settime, libc::CLOCK_MONOTONIC, &timespec { tv_sec: 1, tv_nsec: 2 });
    sys!(libc::SYS_settimeofday, &[1_i64, 2_000_000], 0);
    sys!(libc::SYS_reboot, 1, 2, 3, 0); // Both magic numbers.
    sys!(libc::SYS_init_module, c"no module".as_ptr(), 9_usize, c"parameter=1"); // The image.
    sys!(libc::SYS_kexec_load, 0x1000_u64, 1_u64, &[0x10_0000_u64, 0x1000, 0x20_0000, 0x2000], 0xff00_u64); // A flag.
    #[cfg(target_arch = "x86_64")]
    sys!(libc::SYS_kexec_file_load, -1, -1, 6_usize, c"quiet", 4_u64); // The descriptors.
    sys!(libc::SYS_lookup_dcookie, 1_u64, &mut [0_u8; 16], 16_usize);
    sys!(libc::SYS_nfsservctl, 0, 0, 0);
    sys!(libc::SYS_set_mempolicy_home_node, 0_u64, 4096_u64, 9999_u64, 0_u64);
    // Of a session without a terminal.
    in_child(|| {
        sys!(libc::SYS_setsid);
        sys!(libc::SYS_vhangup);
    });
    // Numbers no kernel knows, and two that were taken away again.
    sys!(1000, 1, 2, 3, 4, 5, 6);
    sys!(-5_i64, 1);
    sys!(libc::SYS_vserver);
}

/// Calls of Linux 6.6 and newer, some of them newer than the kernel.
fn young() {
    let word = 1_u32;
    let late = timespec { tv_sec: 0, tv_nsec: 1 };
    sys!(453, 0_u64, 4096_u64, 1_u32); // map_shadow_stack
    sys!(455, &word, 1_u64, u64::from(u32::MAX), 2_u32, &late, libc::CLOCK_MONOTONIC); // futex_wait
    sys!(456, &[[1_u64, 0, 2], [1, 0, 2]], 0_u32, 1, 1); // futex_requeue
    sys!(460, 100_u32, &[0_u64; 4], 32_u32, 0_u32); // lsm_set_self_attr
    let value = *b"round";
    let given = [value.as_ptr() as u64, value.len() as u64];
    let fd =
        descriptor(sys!(libc::SYS_openat, libc::AT_FDCWD, c"young", libc::O_RDWR | libc::O_CREAT, 0o600));
    sys!(463, libc::AT_FDCWD, c"young", 0_u32, c"user.form", &given, 16_usize); // setxattrat
    let mut room = [0_u8; 64];
    let asked = [room.as_mut_ptr() as u64, room.len() as u64];
    sys!(464, libc::AT_FDCWD, c"young", 0_u32, c"user.form", &asked, 16_usize); // getxattrat
    sys!(465, libc::AT_FDCWD, c"young", 0_u32, &mut room, room.len()); // listxattrat
    sys!(466, libc::AT_FDCWD, c"young", 0_u32, c"user.form"); // removexattrat
    sys!(467, libc::AT_FDCWD, c"absent", 1_u32, &[0_u64; 4], 32_usize); // open_tree_attr
    let mut attributes = [0_u64; 3];
    sys!(468, libc::AT_FDCWD, c"young", &mut attributes, 24_usize, 0_u32); // file_getattr
    sys!(469, libc::AT_FDCWD, c"absent", &attributes, 24_usize, 0_u32); // file_setattr
    sys!(470, &[32_u64, 0, 0, 0], &mut [0_u64; 4], 4_usize, 0_u32); // listns
    sys!(libc::SYS_close, fd);
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
