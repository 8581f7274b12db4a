//! IP packets that are dropped, or answered by a reset because no socket wants them.
//!
//! A packet's addresses stand in its own bytes, which are sent along and understood by the agent; whose it is, a socket
//! tells where there is one. What is freed without being an IP packet (messages of Unix and netlink sockets, frames
//! of other protocols) costs one read and is no event.

use aya_ebpf::{
    helpers::generated::bpf_get_current_pid_tgid, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use wire::record::{PacketEvent, SECTION_DEVICE, SECTION_PACKET};
use wire::ring::EventClass;
use wire::{RecordType, SectionState};

use crate::memory::{clamp, copy_kernel, read};
use crate::network::{is_full, socket};
use crate::ring::{self, Slot, Weight};
use crate::settings::{offset, setting};

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// Value of an offset into a packet that is not set.
const UNSET: u64 = 0xffff;
/// Of a packet: an IPv6 header, a few extension headers and a TCP header without options.
const PACKET_BYTES_MAX: u64 = 128;
/// `IFNAMSIZ`.
const DEVICE_BYTES: u64 = 16;
/// The kernel numbers namespaces from about here on (`PROC_DYNAMIC_FIRST`, less the fixed ones).
const NAMESPACE_MIN: u32 = 0xe000_0000;
/// Arguments of every record here.
const ARGS: u8 = 4;

/// A packet is dropped: (packet, code address, reason from 5.17 on, receiving socket from 6.11 on).
#[btf_tracepoint(function = "kfree_skb")]
pub fn kfree_skb(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the verifier checks every access. What this kernel's tracepoint lacks is not reached: the verifier knows
    // the setting.
    unsafe {
        let packet = ctx.arg::<u64>(0);
        let protocol = u16::from_be(read(packet, offset!(skb_protocol)));
        if protocol != ETH_P_IP && protocol != ETH_P_IPV6 {
            return 0;
        }
        // A storm of drops is not to push out what brought it about.
        let Some(slot) = ring::begin(Weight::of(EventClass::Other)) else { return 0 };
        let reason = if setting!(drop_args) >= 3 { ctx.arg::<u32>(2) } else { 0 };
        let receiver = if setting!(drop_args) >= 4 { ctx.arg::<u64>(3) } else { 0 };
        finish(&slot, PacketEvent::Dropped, packet, receiver, reason);
    }
    0
}

/// Writes the record of a packet, of which `receiver` may be the socket it was meant for.
#[inline(always)]
pub(crate) unsafe fn finish(slot: &Slot, event: PacketEvent, packet: u64, receiver: u64, reason: u32) {
    slot.header(RecordType::Packet, 0, ARGS, event as i64, bpf_get_current_pid_tgid());
    slot.outcome(0, 0);
    slot.arg(0, u64::from(reason));
    slot.arg(1, u64::from(read::<u32>(packet, offset!(skb_incoming_device)) != 0));
    slot.arg(2, u64::from(read::<u32>(packet, offset!(skb_bytes))));
    let sender: u64 = read(packet, offset!(skb_sk));
    let position = headers(slot, Slot::behind_args(ARGS), packet);
    let (netns, position) = device(slot, position, packet);
    slot.arg(3, u64::from(netns));
    // Either may be null, of which the verifier would keep an account: what has been through memory is a number.
    slot.keep(position, receiver);
    let receiver = slot.kept(position);
    let sk = if receiver == 0 { sender } else { receiver };
    if sk == 0 || !is_full(sk) || !matches!(read(sk, offset!(sock_family)), AF_INET | AF_INET6) {
        return slot.publish(position);
    }
    slot.publish(socket(slot, position, sk));
}

/// The packet's bytes from its IP header on, as far as they are in one piece.
#[inline(always)]
unsafe fn headers(slot: &Slot, position: u64, packet: u64) -> u64 {
    let begin = u64::from(read::<u16>(packet, offset!(skb_network_header)));
    let end = u64::from(read::<u32>(packet, offset!(skb_tail)));
    if begin == UNSET || end <= begin {
        return slot.section(position, SECTION_PACKET, SectionState::Unreadable, 0);
    }
    slot.keep(position, end - begin);
    let bytes = clamp::<PACKET_BYTES_MAX>(slot.kept(position));
    let head: u64 = read(packet, offset!(skb_head));
    if !copy_kernel(slot.body(position), bytes, head + begin) {
        return slot.section(position, SECTION_PACKET, SectionState::Unreadable, 0);
    }
    slot.section(position, SECTION_PACKET, SectionState::Data, bytes)
}

/// Name of the packet's device, and the number of its network namespace. In queues of sockets the pointer's place is
/// used for other things: only a device has a namespace.
#[inline(always)]
unsafe fn device(slot: &Slot, position: u64, packet: u64) -> (u32, u64) {
    let device: u64 = read(packet, offset!(skb_device));
    let net: u64 = read(device, offset!(device_net));
    let netns: u32 = read(net, offset!(net_inum));
    if netns < NAMESPACE_MIN || !copy_kernel(slot.body(position), DEVICE_BYTES, device + offset!(device_name))
    {
        return (0, position);
    }
    (netns, slot.section(position, SECTION_DEVICE, SectionState::Data, DEVICE_BYTES))
}
