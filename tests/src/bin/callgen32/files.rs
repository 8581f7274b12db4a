//! Open files: data, positions, locks, pipes and memory.

use tests::narrow::Low;

const NOBODY: u32 = u32::MAX;

pub(crate) fn run(low: &Low) {
    let name = low.text("plain");
    let fd = low.fd("open", &[name, 0o102, 0o640]);
    low.call("open", &[low.text("absent"), 0, 0]);
    low.call("creat", &[low.text("created"), 0o600]);
    data(low, fd);
    positions(low, fd);
    control(low, fd);
    pipes(low, fd);
    memory(low, fd);
    submitted(low);
    attributes(low, fd);
    low.call("close", &[fd]);
    low.call("close", &[NOBODY]);
}

fn data(low: &Low, fd: u32) {
    let text = low.text("the first line of a file, and the second part of it");
    let room = low.room(128);
    low.call("write", &[fd, text, 40]);
    low.call("pwrite64", &[fd, text, 10, 5, 0]);
    low.call("pread64", &[fd, room, 20, 3, 0]);
    let parts = low.words(&[text, 10, text + 10, 15]);
    low.call("writev", &[fd, parts, 2]);
    let into = low.words(&[room, 8, room + 8, 12]);
    low.call("lseek", &[fd, 0, 0]);
    low.call("readv", &[fd, into, 2]);
    low.call("read", &[fd, room, 100]);
    low.call("read", &[NOBODY, room, 100]);
    low.call("write", &[NOBODY, text, 4]);
    low.call("preadv", &[fd, into, 2, 1, 0]);
    low.call("pwritev", &[fd, parts, 2, 4, 0]);
    low.call("preadv2", &[fd, into, 2, 1, 0, 0]);
    low.call("pwritev2", &[fd, parts, 2, 4, 0, 0]);
}

/// Attributes of a file: FS_IOC_SETFLAGS, FS_IOC_GETFLAGS, FS_IOC_GETVERSION as 32-bit programs have them.
fn attributes(low: &Low, fd: u32) {
    low.call("ioctl", &[fd, 0x4004_6602, low.words(&[0x80])]);
    low.call("ioctl", &[fd, 0x8004_6601, low.room(8)]);
    low.call("ioctl", &[fd, 0x8004_7601, low.room(8)]);
}

fn positions(low: &Low, fd: u32) {
    let result = low.room(8);
    low.call("_llseek", &[fd, 0, 5, result, 0]);
    low.call("_llseek", &[NOBODY, 0, 5, result, 0]);
    low.call("ftruncate", &[fd, 200]);
    low.call("ftruncate64", &[fd, 300, 0]);
    low.call("truncate", &[low.text("plain"), 100]);
    low.call("truncate64", &[low.text("plain"), 120, 0]);
    low.call("fallocate", &[fd, 0, 0, 0, 4096, 0]);
    low.call("fadvise64", &[fd, 0, 0, 4096, 2]);
    low.call("fadvise64_64", &[fd, 0, 0, 4096, 0, 3]);
    low.call("readahead", &[fd, 0, 0, 4096]);
    low.call("sync_file_range", &[fd, 0, 0, 4096, 0, 2]);
    low.call("fsync", &[fd]);
    low.call("fdatasync", &[fd]);
    low.call("flock", &[fd, 2]);
    low.call("flock", &[fd, 8]);
    let other = low.fd("open", &[low.text("created"), 2, 0]);
    low.call("sendfile", &[other, fd, low.words(&[3]), 7]);
    low.call("sendfile64", &[other, fd, low.words(&[3, 0]), 7]);
    low.call("copy_file_range", &[fd, 0, other, 0, 8, 0]);
    low.call("close", &[other]);
}

fn control(low: &Low, fd: u32) {
    const F_SETFD: u32 = 2;
    const F_SETFL: u32 = 4;
    const F_GETLK64: u32 = 12;
    const F_SETLK64: u32 = 13;
    const F_SETLK: u32 = 6;
    let copy = low.fd("dup", &[fd]);
    low.call("dup2", &[fd, 90]);
    low.call("dup3", &[fd, 91, 0o2_000_000]);
    low.call("fcntl64", &[copy, F_SETFD, 1]);
    low.call("fcntl64", &[copy, F_SETFL, 0o4000]);
    low.call("fcntl64", &[copy, 0, 60]);
    low.call("fcntl64", &[copy, 9999, 0]);
    // type and whence, start, length, process.
    low.call("fcntl", &[fd, F_SETLK, low.words(&[1, 5, 10, 0])]);
    let wide = low.words(&[1, 6, 0, 10, 0, 0]);
    low.call("fcntl64", &[fd, F_SETLK64, wide]);
    low.call("fcntl64", &[fd, F_GETLK64, wide]);
    low.call("ioctl", &[fd, 0x541b, low.room(4)]);
    low.call("ioctl", &[fd, 0x5401, low.room(64)]);
    for number in [copy, 90, 91, 60] {
        low.call("close", &[number]);
    }
}

fn pipes(low: &Low, fd: u32) {
    let ends = low.room(8);
    low.call("pipe", &[ends]);
    let (reader, writer) = (low.word(ends), low.word(ends + 4));
    low.call("pipe2", &[ends, 0o2_004_000]);
    let (reader2, writer2) = (low.word(ends), low.word(ends + 4));
    low.call("write", &[writer, low.text("through a pipe"), 14]);
    low.call("tee", &[reader, writer2, 100, 0]);
    low.call("splice", &[reader, 0, fd, 0, 5, 0]);
    low.call("vmsplice", &[writer2, low.words(&[low.text("spliced"), 7]), 1, 0]);
    for end in [reader, writer, reader2, writer2] {
        low.call("close", &[end]);
    }
}

fn memory(low: &Low, fd: u32) {
    // The old mmap has its arguments in memory.
    let old = low.call("mmap", &[low.words(&[0, 8192, 3, 0x22, NOBODY, 0])]) as u32;
    low.call("mmap", &[low.words(&[0, 4096, 1, 2, fd, 0])]);
    let new = low.fd("mmap2", &[0, 8192, 3, 0x22, NOBODY, 0]);
    low.call("mmap2", &[0, 4096, 1, 2, fd, 0]);
    low.call("mmap2", &[0, 0, 1, 2, fd, 0]);
    low.call("mprotect", &[new, 4096, 1]);
    low.call("madvise", &[new, 4096, 4]);
    low.call("msync", &[new, 4096, 4]);
    low.call("mincore", &[new, 8192, low.room(8)]);
    low.call("mlock", &[new, 4096]);
    low.call("munlock", &[new, 4096]);
    low.call("mremap", &[old, 8192, 4096, 0, 0]);
    low.call("munmap", &[new, 8192]);
    low.call("brk", &[0]);
    let file = low.fd("memfd_create", &[low.text("scratch"), 1]);
    low.call("close", &[file]);
}

/// A read and a write that a queue does: the vector of pointers is narrow, what they lead to is not.
fn submitted(low: &Low) {
    const O_RDWR_CREAT: u32 = 0o102;
    let fd = low.fd("open", &[low.text("submitted"), O_RDWR_CREAT, 0o600]);
    let context = low.words(&[0]);
    low.call("io_setup", &[4, context]);
    let context = low.word(context);
    let one =
        |opcode: u32, room: u32| low.words(&[0x5ec, 0, 0, 0, opcode, fd, room, 0, 10, 0, 5, 0, 0, 0, 0, 0]);
    let both = low.words(&[one(1, low.text("by a queue")), one(0, low.room(16))]);
    low.call("io_submit", &[context, 2, both]);
    low.call("io_getevents", &[context, 2, 4, low.room(128), 0]);
    low.call("io_submit", &[context, 1, low.words(&[0])]);
    low.call("io_destroy", &[context]);
    low.call("close", &[fd]);
    low.call("unlink", &[low.text("submitted")]);
}
