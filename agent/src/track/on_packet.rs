//! Packets that were dropped, or answered by a reset as nobody wanted them: between whom, and whose they were.

use capture_format::model::{Arg, Descriptor, Ref, Role};
use capture_format::schema::KernelEvent;
use wire::record::{PacketEvent, SECTION_DEVICE, SECTION_PACKET, SECTION_SOCKET};
use wire::{Record, SocketFacts};

use super::calls::ARGS_MAX;
use super::on_tcp::Owner;
use super::packet::Packet;
use super::path::until_nul;
use super::{Sink, Tracker};

/// The state of a connection that there is not.
const TCP_CLOSE: u64 = 7;
const SYN: u16 = 0x2;
const ACK: u16 = 0x10;

impl Tracker {
    pub(super) fn on_packet(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let bytes = |index| record.section(index).map(|section| section.bytes);
        let raw = |at: usize| record.arg(at).unwrap_or(0);
        let is_incoming = raw(1) != 0;
        let packet = bytes(SECTION_PACKET).and_then(Packet::parse);
        let facts = bytes(SECTION_SOCKET).and_then(SocketFacts::parse);
        let owner = match &facts {
            Some(facts) => self.owner_of_socket(facts),
            None => packet
                .filter(|packet| is_incoming && i32::from(packet.protocol) == libc::IPPROTO_TCP)
                .and_then(|packet| self.owner_of_port(raw(3) as u32, packet.target.port)),
        };
        if owner.is_none() && self.options.skip_start_scan {
            // Only some tasks are followed, and the packet is of none of them.
            return sink.left_out(cpu);
        }
        let owner = owner.unwrap_or_default();
        let thread = self.version_of_owner(&owner);
        let descriptor = packet.map_or(owner.descriptor, |packet| self.flow(&owner, &packet, is_incoming));
        let mut args = [Arg::Null; ARGS_MAX];
        let kind = match PacketEvent::from_nr(record.header.nr) {
            Some(PacketEvent::Reset) => {
                args[0] = Arg::Int(1);
                args[1] = Arg::Int(TCP_CLOSE);
                KernelEvent::TcpReset
            }
            Some(PacketEvent::Dropped) | None => KernelEvent::PacketDrop,
        };
        let reason = self.drop_reason(raw(0) as u32);
        if kind == KernelEvent::PacketDrop {
            args[0] = reason.as_deref().map_or(Arg::Null, |reason| Arg::Bytes(reason.as_bytes()));
            args[1] = Arg::Int(raw(1));
            args[2] = bytes(SECTION_DEVICE).map_or(Arg::Null, |name| Arg::Bytes(until_nul(name)));
            args[3] = Arg::Int(raw(2));
            args[4] = Arg::Int(packet.map_or(0, |packet| u64::from(packet.tcp_flags)));
        }
        let plan = self.calls.kernel_plan(kind, &mut self.store);
        self.emit(thread, record, cpu, &plan, descriptor, None, &args, sink);
    }

    /// The kernel's word for why a packet was dropped. Reasons of its modules have numbers only.
    fn drop_reason(&self, reason: u32) -> Option<String> {
        match self.options.drop_reasons.get(&reason) {
            Some(name) => Some(name.clone()),
            None => (reason != 0).then(|| format!("{reason:#x}")),
        }
    }

    /// The descriptor between the ends of a packet: its socket's own where that has these ends.
    fn flow(&mut self, owner: &Owner, packet: &Packet, is_incoming: bool) -> Ref {
        let (local, remote) =
            if is_incoming { (packet.target, packet.source) } else { (packet.source, packet.target) };
        let known = self.store.descriptor(owner.descriptor);
        if known.is_some_and(|known| known.local == local && known.remote == remote) {
            return owner.descriptor;
        }
        let mut socket = known.cloned().unwrap_or_default();
        let role = match packet.tcp_flags & (SYN | ACK) {
            // A request to connect says who is who.
            SYN if is_incoming => Role::Server,
            SYN => Role::Client,
            _ => socket.role,
        };
        socket =
            Descriptor { kind: packet.kind, protocol: packet.protocol.into(), local, remote, role, ..socket };
        self.store.intern(socket)
    }
}
