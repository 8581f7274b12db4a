//! The life of TCP connections: states, retransmits, resets.
//!
//! These happen in interrupts as often as in calls, so the current task says nothing of whose connection it is. The
//! agent tells that by the kernel address of the socket, which it knows from the calls made on it. For the same reason
//! all connections are recorded, also where only some tasks are followed: the agent leaves out what is not theirs.

use aya_ebpf::{
    helpers::generated::bpf_get_current_pid_tgid, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use wire::facts::{SOCKET_BYTES, SocketFacts};
use wire::record::{PacketEvent, SECTION_SOCKET, TcpEvent};
use wire::ring::EventClass;
use wire::{RecordType, SectionState};

use crate::facts::write_sock;
use crate::memory::read;
use crate::packet;
use crate::ring::{self, Slot, Weight};
use crate::settings::offset;

const IPPROTO_TCP: u16 = 6;
/// States of what is no whole socket.
const TCP_TIME_WAIT: u8 = 6;
const TCP_NEW_SYN_RECV: u8 = 12;

/// A socket changes its state: (sock, old state, new state).
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { state(&ctx) };
    0
}

/// A segment is sent again: (sock, segment).
#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub fn tcp_retransmit_skb(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        let sk = ctx.arg::<u64>(0);
        if let Some(slot) = begin(sk) {
            let count: u32 = read(sk, offset!(tcp_total_retrans));
            finish(&slot, sk, TcpEvent::Retransmit, [current_state(sk), u64::from(count), 0, 0, 0, 0], 2);
        }
    }
    0
}

/// A reset is sent: (sock or null, the segment it answers). Without a socket only from 6.10 on.
#[btf_tracepoint(function = "tcp_send_reset")]
pub fn tcp_send_reset(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe {
        let sk = ctx.arg::<u64>(0);
        if sk != 0 && is_full(sk) {
            reset(sk, TcpEvent::ResetSent);
            return 0;
        }
        let segment = ctx.arg::<u64>(1);
        if segment != 0
            && let Some(slot) = ring::begin(Weight::of(EventClass::Network))
        {
            packet::finish(&slot, PacketEvent::Reset, segment, 0, 0);
        }
    }
    0
}

/// A reset was received: (sock).
#[btf_tracepoint(function = "tcp_receive_reset")]
pub fn tcp_receive_reset(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access.
    unsafe { reset(ctx.arg::<u64>(0), TcpEvent::ResetReceived) };
    0
}

#[inline(always)]
unsafe fn state(ctx: &BtfTracePointContext) {
    let sk = ctx.arg::<u64>(0);
    let Some(slot) = begin(sk) else { return };
    let srtt: u32 = read(sk, offset!(tcp_srtt));
    let retransmitted: u32 = read(sk, offset!(tcp_total_retrans));
    let args = [
        u64::from(ctx.arg::<u32>(1)),
        u64::from(ctx.arg::<u32>(2)),
        // Kept in eighths.
        u64::from(srtt >> 3),
        read(sk, offset!(tcp_bytes_acked)),
        read(sk, offset!(tcp_bytes_received)),
        u64::from(retransmitted),
    ];
    finish(&slot, sk, TcpEvent::State, args, 6);
}

#[inline(always)]
unsafe fn reset(sk: u64, event: TcpEvent) {
    if let Some(slot) = begin(sk) {
        finish(&slot, sk, event, [current_state(sk), 0, 0, 0, 0, 0], 1);
    }
}

/// Begins the record, if this is a TCP socket: one of MPTCP has other fields, and is made of TCP ones. Segments for which there is no socket have a null one.
#[inline(always)]
unsafe fn begin(sk: u64) -> Option<Slot> {
    if sk == 0 || read::<u16>(sk, offset!(sock_protocol)) != IPPROTO_TCP {
        return None;
    }
    ring::begin(Weight::of(EventClass::Network))
}

#[inline(always)]
unsafe fn current_state(sk: u64) -> u64 {
    u64::from(read::<u8>(sk, offset!(sock_state)))
}

#[inline(always)]
unsafe fn finish(slot: &Slot, sk: u64, event: TcpEvent, args: [u64; 6], nargs: u8) {
    slot.header(RecordType::Tcp, 0, nargs, event as i64, bpf_get_current_pid_tgid());
    slot.outcome(0, 0);
    slot.arg(0, args[0]);
    slot.arg(1, args[1]);
    slot.arg(2, args[2]);
    slot.arg(3, args[3]);
    slot.arg(4, args[4]);
    slot.arg(5, args[5]);
    slot.publish(socket(slot, Slot::behind_args(nargs), sk));
}

/// Whether this is a whole socket: a connection in the making and one that only waits for late segments are less, and
/// have none of the fields that are not common to all.
#[inline(always)]
pub(crate) unsafe fn is_full(sk: u64) -> bool {
    !matches!(read::<u8>(sk, offset!(sock_state)), TCP_TIME_WAIT | TCP_NEW_SYN_RECV)
}

/// Writes what a `struct sock` tells as a section; gives the position behind it.
#[inline(always)]
pub(crate) unsafe fn socket(slot: &Slot, position: u64, sk: u64) -> u64 {
    let facts = slot.body(position).cast::<SocketFacts>();
    let socket: u64 = read(sk, offset!(sock_socket));
    // A connection that nobody has accepted yet, or whose owner has closed it, has no socket.
    let ino = if socket == 0 { 0 } else { read(socket, offset!(socket_inode) + offset!(inode_ino)) };
    write_sock(facts, sk, read(sk, offset!(sock_type)), ino);
    let net: u64 = read(sk, offset!(sock_net));
    (&raw mut (*facts).netns).write_volatile(read(net, offset!(net_inum)));
    slot.section(position, SECTION_SOCKET, SectionState::Data, SOCKET_BYTES as u64)
}
