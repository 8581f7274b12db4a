//! Files by name: their facts, folders, links, owners and times.

use tests::narrow::Low;

const HERE: u32 = -100_i32 as u32;

pub(crate) fn run(low: &Low) {
    let name = low.text("plain");
    let fd = low.fd("openat", &[HERE, name, 0, 0]);
    facts(low, name, fd);
    folders(low);
    links(low, name);
    owners(low, name, fd);
    times(low, name);
    low.call("close", &[fd]);
}

fn facts(low: &Low, name: u32, fd: u32) {
    let room = low.room(256);
    let absent = low.text("absent");
    for call in ["stat", "lstat", "oldstat", "oldlstat", "stat64", "lstat64"] {
        low.call(call, &[name, room]);
        low.call(call, &[absent, room]);
    }
    for call in ["fstat", "oldfstat", "fstat64"] {
        low.call(call, &[fd, room]);
    }
    low.call("fstatat64", &[HERE, name, room, 0x100]);
    low.call("statx", &[HERE, name, 0, 0x7ff, room]);
    low.call("statfs", &[low.text("/proc"), room]);
    low.call("fstatfs", &[fd, room]);
    low.call("statfs64", &[low.text("/proc"), 84, room]);
    low.call("fstatfs64", &[fd, 84, room]);
    low.call("access", &[name, 4]);
    low.call("faccessat", &[HERE, name, 4]);
    low.call("faccessat2", &[HERE, name, 2, 0x200]);
    let opened = low.fd("openat2", &[HERE, name, low.words(&[0, 0, 0, 0, 0, 0]), 24]);
    low.call("close", &[opened]);
}

fn folders(low: &Low) {
    let name = low.text("folder");
    low.call("mkdir", &[name, 0o750]);
    low.call("mkdir", &[name, 0o750]);
    low.call("mkdirat", &[HERE, low.text("folder/inner"), 0o700]);
    let fd = low.fd("open", &[name, 0o200_000, 0]);
    let room = low.room(512);
    low.call("getdents", &[fd, room, 512]);
    low.call("lseek", &[fd, 0, 0]);
    low.call("getdents64", &[fd, room, 512]);
    low.call("chdir", &[name]);
    low.call("chdir", &[low.text("..")]);
    low.call("fchdir", &[fd]);
    low.call("getcwd", &[room, 256]);
    low.call("chdir", &[low.text("..")]);
    low.call("unlinkat", &[fd, low.text("inner"), 0x200]);
    low.call("close", &[fd]);
    low.call("rmdir", &[name]);
    low.call("mknod", &[low.text("fifo"), 0o010_600, 0]);
    low.call("mknodat", &[HERE, low.text("fifo2"), 0o010_600, 0]);
    low.call("umask", &[0o22]);
}

fn links(low: &Low, name: u32) {
    let (hard, soft, room) = (low.text("hard"), low.text("soft"), low.room(64));
    low.call("link", &[name, hard]);
    low.call("linkat", &[HERE, name, HERE, low.text("hard2"), 0]);
    low.call("symlink", &[name, soft]);
    low.call("symlinkat", &[name, HERE, low.text("soft2")]);
    low.call("readlink", &[soft, room, 64]);
    low.call("readlinkat", &[HERE, soft, room, 64]);
    low.call("rename", &[hard, low.text("renamed")]);
    low.call("renameat", &[HERE, low.text("hard2"), HERE, low.text("renamed2")]);
    low.call("renameat2", &[HERE, low.text("renamed2"), HERE, name, 1]);
    for gone in ["renamed", "renamed2", "soft", "soft2", "fifo", "absent"] {
        low.call("unlink", &[low.text(gone)]);
    }
}

fn owners(low: &Low, name: u32, fd: u32) {
    low.call("chmod", &[name, 0o600]);
    low.call("fchmod", &[fd, 0o640]);
    low.call("fchmodat", &[HERE, name, 0o644]);
    low.call("chown", &[name, 0, 0]);
    low.call("lchown", &[name, 0, 0]);
    low.call("fchown", &[fd, 0, 0]);
    low.call("chown32", &[name, 0, u32::MAX]);
    low.call("lchown32", &[name, 0, 0]);
    low.call("fchown32", &[fd, 0, 0]);
    low.call("fchownat", &[HERE, name, 0, 0, 0x100]);
    let (attribute, value) = (low.text("user.colour"), low.text("green"));
    low.call("setxattr", &[name, attribute, value, 5, 0]);
    low.call("getxattr", &[name, attribute, low.room(16), 16]);
    low.call("listxattr", &[name, low.room(64), 64]);
    low.call("removexattr", &[name, attribute]);
}

fn times(low: &Low, name: u32) {
    low.call("utime", &[name, low.words(&[1_000_000_000, 1_000_000_001])]);
    low.call("utimes", &[name, low.words(&[1_000_000_000, 5, 1_000_000_001, 6])]);
    low.call("futimesat", &[HERE, name, low.words(&[1_000_000_000, 5, 1_000_000_001, 6])]);
    low.call("utimensat", &[HERE, name, low.words(&[1_000_000_000, 5, 1_000_000_001, 6]), 0]);
    low.call(
        "utimensat_time64",
        &[HERE, name, low.words(&[1_000_000_000, 0, 5, 0, 1_000_000_001, 0, 6, 0]), 0],
    );
}
