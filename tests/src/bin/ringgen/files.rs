//! Operations on files and folders.

use std::ffi::CString;
use std::io::Result;

use tests::ring::Sqe;

use crate::{Generator, op};

const CWD: i32 = libc::AT_FDCWD;

fn path(text: &str) -> CString {
    CString::new(text).expect("no NUL in it")
}

fn at(text: &CString) -> u64 {
    text.as_ptr() as u64
}

/// A file through its life, in folder `number`.
pub(crate) fn run(generator: &mut Generator, directory: &str, number: u64) -> Result<()> {
    let folder = format!("{directory}/folder{number}");
    let [file, moved, linked, link] =
        ["file", "moved", "linked", "link"].map(|name| format!("{folder}/{name}"));
    let folder_path = path(&folder);
    let entry = |opcode, fd, addr| Sqe { opcode, fd, addr, ..Sqe::default() };
    let mkdir = Sqe { len: 0o755, ..entry(op::MKDIRAT, CWD, at(&folder_path)) };
    generator.run("mkdirat", mkdir, &folder)?;

    let file_path = path(&file);
    let flags = (libc::O_RDWR | libc::O_CREAT) as u32;
    let open = Sqe { op_flags: flags, len: 0o600, ..entry(op::OPENAT, CWD, at(&file_path)) };
    let fd = generator.run("openat", open, &file)?;
    let text = b"through a ring";
    let write = Sqe { len: text.len() as u32, ..entry(op::WRITE, fd, text.as_ptr() as u64) };
    generator.run("write", write, &file)?;
    let parts = [libc::iovec { iov_base: text.as_ptr() as *mut _, iov_len: 7 }; 2];
    let writev = Sqe { len: 2, off: 14, ..entry(op::WRITEV, fd, parts.as_ptr() as u64) };
    generator.run("writev", writev, &file)?;
    let mut buffer = [0_u8; 64];
    let read = Sqe { len: 14, ..entry(op::READ, fd, buffer.as_mut_ptr() as u64) };
    generator.run("read", read, &file)?;
    let parts = [libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: 8 }];
    let readv = Sqe { len: 1, ..entry(op::READV, fd, parts.as_ptr() as u64) };
    generator.run("readv", readv, &file)?;
    generator.run("fallocate", Sqe { off: 0, addr: 4096, ..entry(op::FALLOCATE, fd, 0) }, &file)?;
    generator.run("fsync", entry(op::FSYNC, fd, 0), &file)?;
    let mut statx = [0_u64; 32];
    let of_file = Sqe { len: 0x7ff, off: statx.as_mut_ptr() as u64, ..entry(op::STATX, CWD, at(&file_path)) };
    generator.run("statx", of_file, &file)?;
    generator.run("close", entry(op::CLOSE, fd, 0), &file)?;

    // What is not there, and what the kernel refuses before it begins.
    let missing = format!("{folder}/missing");
    let missing_path = path(&missing);
    generator.run("openat", entry(op::OPENAT, CWD, at(&missing_path)), &missing)?;
    let refused = Sqe { buf_index: 1, ..entry(op::OPENAT, CWD, at(&missing_path)) };
    generator.run("openat", refused, &missing)?;
    generator.run("read", Sqe { len: 1, ..entry(op::READ, 999, buffer.as_mut_ptr() as u64) }, "-")?;

    let how = [libc::O_RDONLY as u64, 0, 0];
    let openat2 = Sqe { off: how.as_ptr() as u64, len: 24, ..entry(op::OPENAT2, CWD, at(&file_path)) };
    let fd = generator.run("openat2", openat2, &file)?;
    generator.run("close", entry(op::CLOSE, fd, 0), &file)?;

    let [moved_path, linked_path, link_path] = [&moved, &linked, &link].map(|name| path(name));
    let to = |opcode, from: &CString, to: &CString| Sqe {
        len: CWD as u32,
        off: at(to),
        ..entry(opcode, CWD, at(from))
    };
    generator.run("linkat", to(op::LINKAT, &file_path, &linked_path), &file)?;
    generator.run("renameat2", to(op::RENAMEAT, &file_path, &moved_path), &file)?;
    let symlink = Sqe { off: at(&link_path), ..entry(op::SYMLINKAT, CWD, at(&moved_path)) };
    generator.run("symlinkat", symlink, &link)?;
    for (name, path) in [(&moved, &moved_path), (&linked, &linked_path), (&link, &link_path)] {
        generator.run("unlinkat", entry(op::UNLINKAT, CWD, at(path)), name)?;
    }
    let rmdir = Sqe { op_flags: libc::AT_REMOVEDIR as u32, ..entry(op::UNLINKAT, CWD, at(&folder_path)) };
    generator.run("unlinkat", rmdir, &folder)?;
    Ok(())
}
