//! Credentials: reading them here, changing them in children.

use crate::call::{in_child, sys};

pub(crate) fn run() {
    let mut three = [0_u32; 3];
    let [a, b, c] = &mut three;
    sys!(libc::SYS_getuid);
    sys!(libc::SYS_geteuid);
    sys!(libc::SYS_getgid);
    sys!(libc::SYS_getegid);
    sys!(libc::SYS_getresuid, &mut *a, &mut *b, &mut *c);
    sys!(libc::SYS_getresgid, &mut *a, &mut *b, &mut *c);
    sys!(libc::SYS_getresgid, 8_usize, 8_usize, 8_usize);
    sys!(libc::SYS_getgroups, 0, 0);
    sys!(libc::SYS_getgroups, 64, &mut [0_u32; 64]);
    let header = [0x2008_0522_u32, 0];
    let mut capabilities = [0_u32; 6];
    sys!(libc::SYS_capget, &header, &mut capabilities);
    sys!(libc::SYS_capget, &[1_u32, 0], &mut capabilities);
    in_child(|| {
        sys!(libc::SYS_setgroups, 2_usize, &[7_u32, 8]);
        sys!(libc::SYS_setgroups, 99_999_999_usize, 8_usize);
        sys!(libc::SYS_setfsgid, 1234);
        sys!(libc::SYS_setfsuid, 1234);
        sys!(libc::SYS_setregid, -1, 1234);
        sys!(libc::SYS_setresgid, 1234, 1234, 1234);
        sys!(libc::SYS_setgid, 1234);
        sys!(libc::SYS_setreuid, -1, 0);
        sys!(libc::SYS_setresuid, 1234, 1234, 1234);
        sys!(libc::SYS_setuid, 0);
        sys!(libc::SYS_setgid, 0);
        sys!(libc::SYS_capset, &header, &[0_u32; 6]);
        sys!(libc::SYS_capset, &header, &[u32::MAX; 6]);
        sys!(libc::SYS_openat, libc::AT_FDCWD, c"/etc/shadow", libc::O_RDONLY);
    });
}
