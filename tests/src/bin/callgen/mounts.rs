//! Mounts and namespaces, in a child that has its own of each.

use libc::{AT_FDCWD, CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS};
use libc::{MS_BIND, MS_NODEV, MS_NOSUID, MS_PRIVATE, MS_REC, O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDONLY};

use crate::call::{descriptor, in_child, sys};

pub(crate) fn run() {
    in_child(|| {
        let apart = sys!(
            libc::SYS_unshare,
            CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP
        );
        sys!(libc::SYS_unshare, 9999);
        if apart != 0 || sys!(libc::SYS_mount, c"none", c"/", 0, MS_REC | MS_PRIVATE, 0) != 0 {
            // Whatever came now would reach the machine itself.
            return;
        }
        old_mounts();
        new_mounts();
        namespaces();
        root();
    });
}

fn old_mounts() {
    sys!(libc::SYS_mkdirat, AT_FDCWD, c"mounted", 0o755);
    sys!(libc::SYS_mount, c"scratch", c"mounted", c"tmpfs", MS_NOSUID | MS_NODEV, c"size=64k");
    sys!(libc::SYS_mount, c"scratch", c"absent", c"tmpfs", 0_u64, 0);
    sys!(libc::SYS_mount, c"scratch", c"mounted", c"no such type", 0_u64, 0);
    let inside =
        descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"mounted/inside", libc::O_RDWR | libc::O_CREAT, 0o600));
    sys!(libc::SYS_write, inside, [7_u8; 100].as_ptr(), 100_usize);
    sys!(libc::SYS_close, inside);
    sys!(libc::SYS_mkdirat, AT_FDCWD, c"bound", 0o755);
    sys!(libc::SYS_mount, c"mounted", c"bound", 0, MS_BIND, 0);
    let bound = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"bound/inside", O_RDONLY));
    sys!(libc::SYS_close, bound);
    sys!(libc::SYS_umount2, c"bound", libc::MNT_DETACH);
    sys!(libc::SYS_umount2, c"bound", 0);
    sys!(libc::SYS_umount2, c"absent", 0);
}

fn new_mounts() {
    const FSOPEN_CLOEXEC: u32 = 1;
    const SET_STRING: u32 = 1;
    const CREATE: u32 = 6;
    const MOVE_F_EMPTY_PATH: u32 = 4;
    const OPEN_TREE_CLONE: u32 = 1;
    let context = descriptor(sys!(libc::SYS_fsopen, c"tmpfs", FSOPEN_CLOEXEC));
    sys!(libc::SYS_fsopen, c"no such type", 0_u32);
    sys!(libc::SYS_fsconfig, context, SET_STRING, c"size", c"64k", 0);
    sys!(libc::SYS_fsconfig, context, SET_STRING, c"no such option", c"1", 0);
    sys!(libc::SYS_fsconfig, context, CREATE, 0, 0, 0);
    let mount = descriptor(sys!(libc::SYS_fsmount, context, 1_u32, 0_u32));
    sys!(libc::SYS_move_mount, mount, c"", AT_FDCWD, c"bound", MOVE_F_EMPTY_PATH);
    sys!(libc::SYS_move_mount, -1, c"absent", AT_FDCWD, c"bound", 0_u32);
    let tree = descriptor(sys!(libc::SYS_open_tree, AT_FDCWD, c"bound", OPEN_TREE_CLONE));
    sys!(libc::SYS_open_tree, AT_FDCWD, c"absent", 0_u32);
    // attr_set: read only.
    sys!(libc::SYS_mount_setattr, tree, c"", libc::AT_EMPTY_PATH as u32, &[1_u64, 0, 0, 0], 32_usize);
    sys!(libc::SYS_mount_setattr, -1, c"absent", 0_u32, &[1_u64, 0, 0, 0], 32_usize);
    let again = descriptor(sys!(libc::SYS_fspick, AT_FDCWD, c"bound", 0_u32));
    sys!(libc::SYS_fspick, AT_FDCWD, c"absent", 0_u32);
    for fd in [context, mount, tree, again] {
        sys!(libc::SYS_close, fd);
    }
    // The root of every mount namespace, Linux 6.8: size, spare, mount id, parameter.
    let request = [24_u64, u64::MAX, 0];
    sys!(458, &request, &mut [0_u64; 16], 16_usize, 0_u32); // listmount
    sys!(457, &request, &mut [0_u8; 512], 512_usize, 0_u32); // statmount
    sys!(libc::SYS_umount2, c"bound", libc::MNT_DETACH);
}

fn namespaces() {
    sys!(libc::SYS_sethostname, c"callgen", 7_usize);
    sys!(libc::SYS_sethostname, c"callgen", 9999_usize);
    sys!(libc::SYS_setdomainname, c"example", 7_usize);
    let network = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    sys!(libc::SYS_setns, network, CLONE_NEWNET);
    sys!(libc::SYS_setns, network, CLONE_NEWUTS);
    sys!(libc::SYS_setns, -1, 0);
    sys!(libc::SYS_close, network);
    // A child that is process 1 in a namespace of its own: its numbers there and here differ.
    sys!(libc::SYS_unshare, CLONE_NEWPID);
    in_child(|| {
        sys!(libc::SYS_getpid);
        sys!(libc::SYS_gettid);
        in_child(|| {
            sys!(libc::SYS_getppid);
            sys!(libc::SYS_kill, 1, 0);
        });
    });
}

fn root() {
    sys!(libc::SYS_pivot_root, c"absent", c"absent");
    let outside = descriptor(sys!(libc::SYS_openat, AT_FDCWD, c"/", O_PATH | O_DIRECTORY));
    sys!(libc::SYS_chroot, c"absent");
    sys!(libc::SYS_chroot, c"mounted");
    sys!(libc::SYS_chdir, c"/");
    sys!(libc::SYS_openat, AT_FDCWD, c"/inside", O_RDONLY);
    sys!(libc::SYS_openat, AT_FDCWD, c"/etc/passwd", O_RDONLY);
    sys!(libc::SYS_fchdir, outside);
    sys!(libc::SYS_close, outside);
}
