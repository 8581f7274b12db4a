//! Memory: mappings, protection, locking, advice, keys and placement.

use libc::{
    MAP_ANONYMOUS, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED, O_CREAT, O_RDWR, PROT_EXEC, PROT_READ,
    PROT_WRITE,
};

use crate::call::{descriptor, sys};

const PAGE: usize = 4096;

pub(crate) fn run() {
    mappings();
    locking();
    placement();
}

fn mappings() {
    let top = sys!(libc::SYS_brk, 0);
    sys!(libc::SYS_brk, top);
    let at = sys!(libc::SYS_mmap, 0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sys!(libc::SYS_mmap, 0, 0_usize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sys!(libc::SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, -1, 0);
    sys!(libc::SYS_mmap, at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    let fd = descriptor(sys!(libc::SYS_openat, libc::AT_FDCWD, c"mapped", O_RDWR | O_CREAT, 0o600));
    sys!(libc::SYS_ftruncate, fd, 3 * PAGE);
    let file = sys!(libc::SYS_mmap, 0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sys!(libc::SYS_mmap, 0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, PAGE);
    sys!(libc::SYS_msync, file, PAGE, libc::MS_SYNC);
    sys!(libc::SYS_msync, 1_usize, PAGE, libc::MS_SYNC);
    sys!(libc::SYS_remap_file_pages, file, PAGE, 0, 1_usize, 0);
    sys!(libc::SYS_mprotect, file, PAGE, PROT_READ);
    sys!(libc::SYS_mprotect, 1_usize, PAGE, PROT_READ);
    sys!(libc::SYS_madvise, at, PAGE, libc::MADV_DONTNEED);
    sys!(libc::SYS_madvise, at, PAGE, 9999);
    sys!(libc::SYS_mincore, at, 4 * PAGE, &mut [0_u8; 4]);
    let moved = sys!(libc::SYS_mremap, at, 4 * PAGE, 64 * PAGE, libc::MREMAP_MAYMOVE, 0);
    sys!(libc::SYS_mremap, 1_usize, PAGE, PAGE, 0, 0);
    sys!(libc::SYS_munmap, moved, 64 * PAGE);
    sys!(libc::SYS_munmap, 1_usize, PAGE);
    sys!(libc::SYS_munmap, file, 3 * PAGE);
    sys!(libc::SYS_close, fd);
}

fn locking() {
    let at = sys!(libc::SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sys!(libc::SYS_mlock, at, PAGE);
    sys!(libc::SYS_mlock, 8_usize, PAGE);
    sys!(libc::SYS_mlock2, at, PAGE, 1);
    sys!(libc::SYS_munlock, at, PAGE);
    sys!(libc::SYS_mlockall, 9999);
    sys!(libc::SYS_munlockall);
    let key = sys!(libc::SYS_pkey_alloc, 0_u32, 0_u32);
    sys!(libc::SYS_pkey_mprotect, at, PAGE, PROT_READ, key);
    sys!(libc::SYS_pkey_free, key);
    sys!(libc::SYS_pkey_free, 15);
    sys!(462, at, PAGE, 9999); // mseal, Linux 6.10, with flags it does not know
    sys!(libc::SYS_munmap, at, PAGE);
}

fn placement() {
    let at = sys!(libc::SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    let mut mode = 0_i32;
    sys!(libc::SYS_get_mempolicy, &mut mode, 0, 0, 0, 0);
    sys!(libc::SYS_get_mempolicy, 8_usize, 0, 0, 0, 9999);
    sys!(libc::SYS_set_mempolicy, 0, 0, 0);
    sys!(libc::SYS_mbind, at, PAGE, 0, 0, 0, 0);
    sys!(libc::SYS_migrate_pages, 0, 1_usize, &1_u64, &1_u64);
    sys!(libc::SYS_move_pages, 0, 1_usize, &[at], 0, &mut [0_i32; 1], 0);
    sys!(libc::SYS_munmap, at, PAGE);
    let (mut here, mut there) = ([0_u8; 16], *b"across processes");
    let local = libc::iovec { iov_base: here.as_mut_ptr().cast(), iov_len: 16 };
    let remote = libc::iovec { iov_base: there.as_mut_ptr().cast(), iov_len: 16 };
    let pid = sys!(libc::SYS_getpid);
    sys!(libc::SYS_process_vm_readv, pid, &local, 1_usize, &remote, 1_usize, 0_usize);
    sys!(libc::SYS_process_vm_writev, pid, &local, 1_usize, &remote, 1_usize, 0_usize);
    sys!(libc::SYS_process_vm_readv, 0x3fff_ffff, &local, 1_usize, &remote, 1_usize, 0_usize);
    sys!(libc::SYS_membarrier, 0, 0, 0);
    sys!(libc::SYS_membarrier, 9999, 0, 0);
}
