//! Files and directories: making, reading, changing, naming and removing them.

use libc::{AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW};
use libc::{
    O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY,
};
use libc::{c_void, iovec};

use crate::call::{descriptor, sys};

/// An address no process has mapped.
const NOWHERE: usize = 8;

pub(crate) fn run() {
    let fd = opening();
    content(fd);
    attributes(fd);
    extended_attributes(fd);
    names();
    directories();
    locks_and_space(fd);
    sys!(libc::SYS_close, fd);
    sys!(libc::SYS_close, fd);
}

fn opening() -> i32 {
    let fd = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"plain", O_RDWR | O_CREAT | O_TRUNC, 0o640));
    sys!(libc::SYS_openat, AT_FDCWD, c"plain", O_RDWR | O_CREAT | O_EXCL, 0o640);
    sys!(libc::SYS_openat, AT_FDCWD, c"no such file", O_RDONLY);
    sys!(libc::SYS_openat, AT_FDCWD, c"", O_RDONLY);
    sys!(libc::SYS_openat, AT_FDCWD, NOWHERE, O_RDONLY);
    sys!(libc::SYS_openat, AT_FDCWD, 0_usize, O_RDONLY);
    sys!(libc::SYS_openat, AT_FDCWD, c"plain/below", O_RDONLY);
    sys!(
        libc::SYS_openat,
        AT_FDCWD,
        c"na\xc3\xafve \xe2\x82\xac \"quoted\"\ttab\nline",
        O_RDWR | O_CREAT,
        0o600
    );
    sys!(libc::SYS_openat, AT_FDCWD, c"not utf-8 \xff\xfe", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600);
    let path = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"/usr/../usr//bin", O_PATH | O_DIRECTORY));
    sys!(libc::SYS_openat, path, c"env", O_RDONLY);
    sys!(libc::SYS_openat, -1, c"relative", O_RDONLY);
    let mut how = [0_u64; 3];
    how[0] = O_RDONLY as u64;
    let second = descriptor(sys!(libc::SYS_openat2, AT_FDCWD, c"plain", &how, size_of_val(&how)));
    sys!(libc::SYS_openat2, AT_FDCWD, c"plain", &how, 1_usize);
    sys!(libc::SYS_close, second);
    // A name of 600 bytes: longer than the usual snap length, too long for one component.
    let long = std::ffi::CString::new("x/".repeat(300)).unwrap_or_default();
    sys!(libc::SYS_openat, AT_FDCWD, long.as_c_str(), O_RDONLY);
    fd
}

fn content(fd: i32) {
    let text = b"a line of text that is longer than eighty bytes, so that what is kept of it shows where the cut is made\n";
    let mut room = [0_u8; 256];
    sys!(libc::SYS_write, fd, text.as_ptr(), text.len());
    sys!(libc::SYS_write, fd, text.as_ptr(), 0_usize);
    sys!(libc::SYS_write, -1, text.as_ptr(), 3_usize);
    sys!(libc::SYS_write, fd, NOWHERE, 3_usize);
    sys!(libc::SYS_write, fd, b"\0\x01\x02\xff\xfe\n".as_ptr(), 6_usize);
    sys!(libc::SYS_pwrite64, fd, b"patch".as_ptr(), 5_usize, 7);
    sys!(libc::SYS_lseek, fd, 0, libc::SEEK_SET);
    sys!(libc::SYS_lseek, fd, -1, libc::SEEK_SET);
    sys!(libc::SYS_read, fd, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_read, fd, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_read, fd, NOWHERE, 0_usize);
    sys!(libc::SYS_read, 999, room.as_mut_ptr(), 1_usize);
    sys!(libc::SYS_pread64, fd, room.as_mut_ptr(), 10_usize, 2);
    sys!(libc::SYS_pread64, fd, room.as_mut_ptr(), 10_usize, -1);
    let (mut first, mut second) = ([b'1'; 10], [b'2'; 20]);
    let parts = [
        iovec { iov_base: first.as_mut_ptr().cast::<c_void>(), iov_len: first.len() },
        iovec { iov_base: second.as_mut_ptr().cast::<c_void>(), iov_len: second.len() },
    ];
    sys!(libc::SYS_writev, fd, parts.as_ptr(), 2);
    sys!(libc::SYS_writev, fd, parts.as_ptr(), -1);
    // More parts than are looked at; of the others the data would be missing.
    let mut many = [parts[1]; 20];
    many[16..].iter_mut().for_each(|part| part.iov_len = 0);
    sys!(libc::SYS_writev, fd, many.as_ptr(), many.len());
    sys!(libc::SYS_writev, fd, parts.as_ptr(), 0);
    sys!(libc::SYS_pwritev, fd, parts.as_ptr(), 2, 3, 0);
    sys!(libc::SYS_pwritev2, fd, parts.as_ptr(), 1, 3, 0, 0);
    sys!(libc::SYS_lseek, fd, 0, libc::SEEK_SET);
    sys!(libc::SYS_readv, fd, parts.as_ptr(), 2);
    sys!(libc::SYS_preadv, fd, parts.as_ptr(), 2, 3, 0);
    sys!(libc::SYS_preadv2, fd, parts.as_ptr(), 2, 3, 0, 0);
    sys!(libc::SYS_ftruncate, fd, 100);
    sys!(libc::SYS_ftruncate, -1, 100);
    sys!(libc::SYS_truncate, c"plain", 90);
    sys!(libc::SYS_truncate, c"absent", 90);
}

fn attributes(fd: i32) {
    let mut room = [0_u8; 512];
    let out = room.as_mut_ptr();
    sys!(libc::SYS_fstat, fd, out);
    sys!(libc::SYS_fstat, -1, out);
    sys!(libc::SYS_newfstatat, AT_FDCWD, c"plain", out, 0);
    sys!(libc::SYS_newfstatat, fd, c"", out, AT_EMPTY_PATH);
    sys!(libc::SYS_newfstatat, AT_FDCWD, c"absent", out, AT_SYMLINK_NOFOLLOW);
    sys!(libc::SYS_statx, AT_FDCWD, c"plain", 0, 0x7ff, out);
    sys!(libc::SYS_statx, AT_FDCWD, c"absent", 0, 0x7ff, out);
    sys!(libc::SYS_statfs, c"/proc", out);
    sys!(libc::SYS_statfs, c"/absent", out);
    sys!(libc::SYS_fstatfs, fd, out);
    sys!(libc::SYS_faccessat, AT_FDCWD, c"plain", libc::R_OK);
    sys!(libc::SYS_faccessat, AT_FDCWD, c"absent", libc::R_OK);
    sys!(libc::SYS_faccessat2, AT_FDCWD, c"plain", libc::W_OK, 0x200);
    sys!(libc::SYS_fchmod, fd, 0o600);
    sys!(libc::SYS_fchmodat, AT_FDCWD, c"plain", 0o644);
    sys!(libc::SYS_fchmodat, AT_FDCWD, c"absent", 0o644);
    sys!(452, AT_FDCWD, c"plain", 0o4755, 0); // fchmodat2, Linux 6.6
    sys!(libc::SYS_fchown, fd, 0, 0);
    sys!(libc::SYS_fchownat, AT_FDCWD, c"plain", -1, -1, 0);
    sys!(libc::SYS_fchownat, AT_FDCWD, c"absent", 1, 1, AT_SYMLINK_NOFOLLOW);
    let times = [1_000_000_000_i64, 5, 1_100_000_000, 6];
    sys!(libc::SYS_utimensat, AT_FDCWD, c"plain", &times, 0);
    sys!(libc::SYS_utimensat, AT_FDCWD, c"absent", 0, 0);
}

fn extended_attributes(fd: i32) {
    let mut room = [0_u8; 256];
    let (name, value) = (c"user.colour", b"green");
    sys!(libc::SYS_setxattr, c"plain", name, value.as_ptr(), value.len(), 0);
    sys!(libc::SYS_setxattr, c"plain", name, value.as_ptr(), value.len(), libc::XATTR_CREATE);
    sys!(libc::SYS_lsetxattr, c"plain", c"user.size", value.as_ptr(), 2_usize, 0);
    sys!(libc::SYS_fsetxattr, fd, c"user.weight", value.as_ptr(), 3_usize, 0);
    sys!(libc::SYS_getxattr, c"plain", name, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_getxattr, c"plain", c"user.none", room.as_mut_ptr(), room.len());
    sys!(libc::SYS_lgetxattr, c"plain", name, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_fgetxattr, fd, name, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_listxattr, c"plain", room.as_mut_ptr(), room.len());
    sys!(libc::SYS_llistxattr, c"plain", room.as_mut_ptr(), 1_usize);
    sys!(libc::SYS_flistxattr, fd, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_removexattr, c"plain", name);
    sys!(libc::SYS_lremovexattr, c"plain", name);
    sys!(libc::SYS_fremovexattr, fd, c"user.weight");
}

fn names() {
    let mut room = [0_u8; 128];
    sys!(libc::SYS_linkat, AT_FDCWD, c"plain", AT_FDCWD, c"hard", 0);
    sys!(libc::SYS_linkat, AT_FDCWD, c"absent", AT_FDCWD, c"hard2", AT_SYMLINK_FOLLOW);
    sys!(libc::SYS_symlinkat, c"plain", AT_FDCWD, c"soft");
    sys!(libc::SYS_symlinkat, c"plain", AT_FDCWD, c"soft");
    sys!(libc::SYS_readlinkat, AT_FDCWD, c"soft", room.as_mut_ptr(), room.len());
    sys!(libc::SYS_readlinkat, AT_FDCWD, c"plain", room.as_mut_ptr(), room.len());
    let through = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"soft", O_RDONLY));
    sys!(libc::SYS_openat, AT_FDCWD, c"soft", O_RDONLY | O_NOFOLLOW);
    sys!(libc::SYS_fchmod, through, 0o644);
    sys!(libc::SYS_close, through);
    sys!(libc::SYS_renameat, AT_FDCWD, c"hard", AT_FDCWD, c"renamed");
    sys!(libc::SYS_renameat, AT_FDCWD, c"hard", AT_FDCWD, c"renamed");
    sys!(libc::SYS_renameat2, AT_FDCWD, c"renamed", AT_FDCWD, c"plain", libc::RENAME_NOREPLACE);
    sys!(libc::SYS_renameat2, AT_FDCWD, c"renamed", AT_FDCWD, c"soft", libc::RENAME_EXCHANGE);
    sys!(libc::SYS_unlinkat, AT_FDCWD, c"renamed", 0);
    sys!(libc::SYS_unlinkat, AT_FDCWD, c"renamed", 0);
    // A file that lives on after its name is gone.
    let ghost = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"ghost", O_RDWR | O_CREAT, 0o600));
    sys!(libc::SYS_unlinkat, AT_FDCWD, c"ghost", 0);
    sys!(libc::SYS_write, ghost, b"boo".as_ptr(), 3_usize);
    sys!(libc::SYS_close, ghost);
    sys!(libc::SYS_mknodat, AT_FDCWD, c"fifo", libc::S_IFIFO | 0o600, 0);
    sys!(libc::SYS_mknodat, AT_FDCWD, c"fifo", libc::S_IFIFO | 0o600, 0);
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let mut mount_id = 0_i32;
    sys!(libc::SYS_name_to_handle_at, AT_FDCWD, c"plain", &mut handle, &mut mount_id, 0);
    let mount = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c".", O_RDONLY | O_DIRECTORY));
    let opened = descriptor(sys!(libc::SYS_open_by_handle_at, mount, &mut handle, O_RDONLY));
    sys!(libc::SYS_close, opened);
    sys!(libc::SYS_close, mount);
}

fn directories() {
    let mut room = [0_u8; 1024];
    sys!(libc::SYS_mkdirat, AT_FDCWD, c"folder", 0o755);
    sys!(libc::SYS_mkdirat, AT_FDCWD, c"folder", 0o755);
    let folder = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"folder", O_RDONLY | O_DIRECTORY));
    let inside = descriptor(sys!(libc::SYS_openat, folder, c"inside", O_WRONLY | O_CREAT, 0o600));
    sys!(libc::SYS_getdents64, folder, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_getdents64, folder, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_getdents64, inside, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_getcwd, room.as_mut_ptr(), room.len());
    sys!(libc::SYS_getcwd, room.as_mut_ptr(), 1_usize);
    let back = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c".", O_RDONLY | O_DIRECTORY));
    sys!(libc::SYS_chdir, c"folder");
    sys!(libc::SYS_chdir, c"absent");
    sys!(libc::SYS_newfstatat, AT_FDCWD, c"inside", room.as_mut_ptr(), 0);
    sys!(libc::SYS_openat, AT_FDCWD, c"../plain", O_RDONLY);
    sys!(libc::SYS_fchdir, back);
    sys!(libc::SYS_fchdir, inside);
    sys!(libc::SYS_close, inside);
    sys!(libc::SYS_unlinkat, AT_FDCWD, c"folder", AT_REMOVEDIR);
    sys!(libc::SYS_unlinkat, folder, c"inside", 0);
    sys!(libc::SYS_unlinkat, AT_FDCWD, c"folder", AT_REMOVEDIR);
    sys!(libc::SYS_close, folder);
    sys!(libc::SYS_close, back);
    let before = sys!(libc::SYS_umask, 0o77);
    sys!(libc::SYS_umask, before);
}

fn locks_and_space(fd: i32) {
    sys!(libc::SYS_flock, fd, libc::LOCK_EX);
    sys!(libc::SYS_flock, fd, libc::LOCK_UN);
    sys!(libc::SYS_flock, -1, libc::LOCK_UN);
    sys!(libc::SYS_fallocate, fd, 0, 0, 8192);
    sys!(libc::SYS_fallocate, fd, 0, 0, -1);
    sys!(libc::SYS_fadvise64, fd, 0, 0, libc::POSIX_FADV_SEQUENTIAL);
    sys!(libc::SYS_readahead, fd, 0, 4096);
    sys!(libc::SYS_sync_file_range, fd, 0, 4096, libc::SYNC_FILE_RANGE_WRITE);
    sys!(libc::SYS_fdatasync, fd);
    sys!(libc::SYS_fsync, fd);
    sys!(libc::SYS_fsync, -1);
    sys!(libc::SYS_syncfs, -1);
    sys!(451, fd, &[0_u64, 4096], &mut [0_u64; 5], 0); // cachestat, Linux 6.5
}
