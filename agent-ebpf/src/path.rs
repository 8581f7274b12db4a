//! Paths, component by component from the leaf up: of files through the dentry tree and its mounts, of cgroups
//! through kernfs. The agent puts them in order; no path is ever built here.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use wire::SectionState;

use crate::memory::{Head, clamp, opaque, read};
use crate::ring::{POSITION_MAX, Slot};
use crate::settings::offset;

/// Bytes at the beginning of `struct dentry` that hold parent and name.
type DentryHead = Head<HEAD_BYTES>;
/// Bytes at the beginning of `struct mount` that hold parent and mount point.
type MountHead = Head<32>;
/// Bytes at the beginning of `struct kernfs_node` that hold parent and name.
type NodeHead = Head<32>;
/// Room for any of these.
const HEAD_BYTES: usize = 48;

/// Components of a file's path that are followed.
const COMPONENTS_MAX: usize = 64;
/// Levels of a cgroup's path that are followed.
const CGROUP_LEVELS_MAX: usize = 16;
/// `NAME_MAX` and the NUL.
const NAME_BYTES_MAX: u64 = 256;
/// Where a component may begin at most in a section.
const PATH_BYTES_MAX: u64 = 8192;

/// Copies a name behind those that the section at `position` has; whether there was room.
#[inline(always)]
unsafe fn append(slot: &Slot, position: u64, name: u64) -> bool {
    let at = opaque(slot.kept(position));
    if at > PATH_BYTES_MAX {
        return false;
    }
    let copied = bpf_probe_read_kernel_str(
        slot.body(position).add(at as usize).cast::<c_void>(),
        NAME_BYTES_MAX as u32,
        name as *const c_void,
    );
    // What has no place in the tree may have no name either: then there is a NUL at most, and nothing is added. Without
    // a branch, which would be as many more ways through the loop.
    let is_nothing = opaque((copied as u64).wrapping_sub(2)) as i64 >> 63;
    slot.keep(position, at + (copied as u64 & !(is_nothing as u64)));
    true
}

/// Adds a component without a name, which no path has.
#[inline(always)]
unsafe fn append_empty(slot: &Slot, position: u64) {
    let at = clamp::<{ PATH_BYTES_MAX + NAME_BYTES_MAX }>(slot.kept(position));
    slot.body(position).add(at as usize).write_volatile(0);
    slot.keep(position, at + 1);
}

/// Writes the path at `path` (a `struct path`) as a section, up to the root at `root` (another one).
#[inline(always)]
pub(crate) unsafe fn file(slot: &Slot, position: u64, index: u8, path: u64, root: u64) -> u64 {
    let position = opaque(position);
    if position > POSITION_MAX {
        return position;
    }
    slot.keep(position, 0);
    let mut dentry: u64 = read(path, offset!(path_dentry));
    let mut vfsmount: u64 = read(path, offset!(path_mnt));
    let root_dentry: u64 = read(root, offset!(path_dentry));
    let root_mount: u64 = read(root, offset!(path_mnt));
    let mut room = MaybeUninit::<[u64; HEAD_BYTES / 8]>::uninit();
    let mut is_whole = false;
    for _ in 0..COMPONENTS_MAX {
        // One comparison, where the compiler would make truth values of three that the verifier combines.
        if dentry == 0 || opaque(dentry ^ root_dentry | vfsmount ^ root_mount) == 0 {
            is_whole = true;
            break;
        }
        let head = DentryHead::read(room.as_mut_ptr().cast(), dentry);
        let (parent, name): (u64, u64) =
            (head.field(offset!(dentry_parent)), head.field(offset!(dentry_name)));
        if parent == dentry {
            // The top of a mount: go on at the place it is mounted on.
            let mount = vfsmount.wrapping_sub(offset!(mount_mnt));
            let head = MountHead::read(room.as_mut_ptr().cast(), mount);
            let upper: u64 = head.field(offset!(mount_parent));
            if upper == mount || upper == 0 {
                is_whole = true;
                if slot.kept(position) == 0 {
                    // A file that is in no directory, as a memfd, has a name all the same.
                    let _ = append(slot, position, name);
                }
                break;
            }
            dentry = head.field(offset!(mount_mountpoint));
            vfsmount = upper.wrapping_add(offset!(mount_mnt));
            continue;
        }
        if !append(slot, position, name) {
            break;
        }
        dentry = parent;
    }
    if !is_whole {
        append_empty(slot, position);
    }
    slot.section(
        position,
        index,
        SectionState::Data,
        clamp::<{ PATH_BYTES_MAX + NAME_BYTES_MAX + 1 }>(slot.kept(position)),
    )
}

/// Writes a cgroup's path as a section.
#[inline(always)]
pub(crate) unsafe fn cgroup(slot: &Slot, position: u64, index: u8, cgroup: u64) -> u64 {
    let position = opaque(position);
    if position > POSITION_MAX {
        return position;
    }
    slot.keep(position, 0);
    let mut node: u64 = read(cgroup, offset!(cgroup_kn));
    let mut room = MaybeUninit::<[u64; HEAD_BYTES / 8]>::uninit();
    for _ in 0..CGROUP_LEVELS_MAX {
        let head = NodeHead::read(room.as_mut_ptr().cast(), node);
        let (parent, name): (u64, u64) = (head.field(offset!(kn_parent)), head.field(offset!(kn_name)));
        if node == 0 || parent == 0 {
            break;
        }
        if !append(slot, position, name) {
            break;
        }
        node = parent;
    }
    slot.section(
        position,
        index,
        SectionState::Data,
        clamp::<{ PATH_BYTES_MAX + NAME_BYTES_MAX }>(slot.kept(position)),
    )
}
