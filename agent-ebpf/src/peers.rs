//! Peers of sockets that are not connected, as calls name them.
//!
//! Whom such a socket speaks with, one or several, is kept by the agent for what names nobody, so it must hear of it
//! whatever is selected. It hears of what it was not told of lately: little, of a server with many clients.

use aya_ebpf::{helpers::generated::bpf_ktime_get_boot_ns, macros::map, maps::PerCpuArray};
use wire::table::{CALL_SOCKET_NAMED, CallEntry};

use crate::facts::{file_of, inode_number};
use crate::memory::read_user;
use crate::syscalls::argument;

/// What was told of a descriptor: at first one peer, then that there are several.
#[repr(C)]
struct Told {
    process: u32,
    fd: u32,
    inode: u64,
    time_ns: u64,
    /// `struct sockaddr_in` or `sockaddr_in6`, as far as they say whom.
    peer: [u64; 3],
    /// Not 0: another one was told after that.
    are_several: u64,
}

/// By the lowest bits of the socket's inode number. Of two that share a place more is told than is new.
#[map]
static PEERS: PerCpuArray<Told> = PerCpuArray::with_max_entries(PEER_SLOTS, 0);

const PEER_SLOTS: u32 = 512;
/// Then it is told again: the record may have been lost, or what the agent made of it.
const TOLD_NS: u64 = 1_000_000_000;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Where a 64-bit program's `struct msghdr` has name and control part, each with its length behind it.
const NAME: u64 = 0;
const CONTROL: u64 = 32;

/// Whether the native call that returned, one that may name a peer or hand descriptors on, says anything new.
#[inline(never)]
pub(crate) unsafe fn are_news(entry: *const CallEntry, task: *const u8, regs: *const u8, tgid: u32) -> bool {
    let mut address = argument(regs, 4);
    if (*entry).flags & CALL_SOCKET_NAMED == 0 {
        let message = argument(regs, 1);
        let Some([control, length]) = read_user::<[u64; 2]>(message + CONTROL) else { return true };
        if control != 0 && length != 0 {
            return true;
        }
        let Some([name, length]) = read_user::<[u64; 2]>(message + NAME) else { return true };
        address = if length as u32 == 0 { 0 } else { name };
    }
    address != 0 && is_news(task, tgid, argument(regs, 0) as u32, address)
}

/// Whether the agent was not told lately that a descriptor of the task has the peer at this address.
#[inline(always)]
unsafe fn is_news(task: *const u8, tgid: u32, fd: u32, address: u64) -> bool {
    let Some(first) = read_user::<u64>(address) else { return true };
    let mut peer = [first, 0, 0];
    match first as u16 {
        AF_INET => {}
        AF_INET6 => {
            let Some(rest) = read_user::<[u64; 2]>(address + 8) else { return true };
            [peer[1], peer[2]] = rest;
        }
        // Others have names, which the agent keeps of the socket alone.
        _ => return false,
    }
    let inode = inode_number(file_of(task, u64::from(fd)));
    let Some(told) = PEERS.get_ptr_mut(inode as u32 & (PEER_SLOTS - 1)) else { return true };
    let now_ns = bpf_ktime_get_boot_ns();
    let is_same_socket = (*told).inode == inode && (*told).process == tgid && (*told).fd == fd;
    if is_same_socket && now_ns.wrapping_sub((*told).time_ns) < TOLD_NS {
        let differs = (*told).peer[0] ^ peer[0] | (*told).peer[1] ^ peer[1] | (*told).peer[2] ^ peer[2];
        if differs == 0 || (*told).are_several != 0 {
            return false;
        }
        (*told).are_several = 1;
        return true;
    }
    (*told).inode = inode;
    (*told).process = tgid;
    (*told).fd = fd;
    (*told).time_ns = now_ns;
    (*told).peer = peer;
    (*told).are_several = 0;
    true
}
