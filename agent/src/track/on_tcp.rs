//! Connections: whose a TCP socket is that something happens to while nobody makes a call on it.
//!
//! The kernel tells a socket's address, which every call on a socket tells as well: who made the last call owns it. A
//! connection that nobody has accepted yet belongs to whoever listens on its port in its network namespace.

use std::collections::VecDeque;

use capture_format::model::{Arg, Descriptor, Ref, Role};
use capture_format::schema::KernelEvent;
use wire::record::{SECTION_SOCKET, TcpEvent};
use wire::{Record, SocketFacts};

use super::calls::ARGS_MAX;
use super::fx::FxMap;
use super::sockets;
use super::{Sink, Tracker};

/// States of a TCP connection, as `tcp_state` numbers them.
const TCP_SYN_SENT: u64 = 2;
const TCP_SYN_RECV: u64 = 3;
const TCP_CLOSE: u64 = 7;
const TCP_LISTEN: u64 = 10;

/// Whose a socket is, and what it refers to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owner {
    tid: u32,
    pid: u32,
    /// The thread's version when it last made a call on the socket, for when it has ended: the kernel closes what a
    /// process leaves open after its end. 0 where no call was seen.
    thread: Ref,
    pub(super) descriptor: Ref,
    is_closed: bool,
}

/// Owners of TCP sockets.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    /// By the socket's address in the kernel.
    by_address: FxMap<u64, Owner>,
    /// Addresses and inode numbers of sockets that were without a connection last: a reset may still be sent.
    closed: VecDeque<(u64, u64)>,
    /// By inode number: sockets that were open before we looked, which `/proc` knows by nothing else.
    by_ino: FxMap<u64, Owner>,
    /// Addresses of sockets without connections, in the order they were first seen: nothing tells that one is gone.
    datagram: VecDeque<u64>,
    /// Listening sockets by network namespace and port.
    listeners: FxMap<(u32, u16), Owner>,
}

/// Sockets that are remembered, of each sort. What ends unseen (its end was lost) stays, so there must be a bound.
const SOCKETS_MAX: usize = 1 << 16;

/// Sockets without a connection that are remembered.
const CLOSED_MAX: usize = 256;

/// Sockets that are remembered of protocols whose changes of state are not told.
const DATAGRAM_MAX: usize = 1024;

impl Connections {
    /// A thread made a call on a socket.
    fn used(&mut self, facts: &SocketFacts, owner: Owner) {
        insert(&mut self.by_address, facts.kernel_address, owner);
    }

    /// A thread made a call on a socket whose end will not be told: of a protocol without connections, or of MPTCP, whose
    /// connections are told by the TCP ones they are made of.
    fn used_datagram(&mut self, facts: &SocketFacts, owner: Owner) {
        if !self.by_address.contains_key(&facts.kernel_address) {
            self.datagram.push_back(facts.kernel_address);
            if self.datagram.len() > DATAGRAM_MAX
                && let Some(oldest) = self.datagram.pop_front()
            {
                self.by_address.remove(&oldest);
            }
        }
        self.used(facts, owner);
    }

    /// A process was found to have a socket open.
    pub(super) fn found(&mut self, socket: &Descriptor, netns: u32, pid: u32, descriptor: Ref) {
        let owner = Owner { tid: pid, pid, descriptor, ..Owner::default() };
        if socket.protocol == 0 {
            return;
        }
        insert(&mut self.by_ino, socket.ino, owner);
        if sockets::has_connections(socket.protocol) && socket.role == Role::Server && !socket.connected {
            insert(&mut self.listeners, (netns, socket.local.port), owner);
        }
    }

    /// The threads and descriptors it refers to.
    pub(super) fn entities(&self) -> impl Iterator<Item = (Ref, Ref)> + '_ {
        let owners = self.by_address.values().chain(self.by_ino.values()).chain(self.listeners.values());
        owners.map(|owner| (owner.thread, owner.descriptor))
    }

    fn owner(&self, facts: &SocketFacts) -> Option<Owner> {
        let known = self.by_address.get(&facts.kernel_address);
        known.or_else(|| self.by_ino.get(&facts.ino).filter(|_| facts.ino != 0)).copied()
    }

    fn listener(&self, facts: &SocketFacts) -> Option<Owner> {
        self.listeners.get(&(facts.netns, facts.local_port)).copied()
    }

    /// A socket without a connection: it may have had one, and may get one, but may also be gone the next moment.
    fn closed(&mut self, facts: &SocketFacts) {
        if let Some(owner) = self.by_address.get_mut(&facts.kernel_address) {
            owner.is_closed = true;
        }
        self.closed.push_back((facts.kernel_address, facts.ino));
        if self.closed.len() > CLOSED_MAX
            && let Some((address, ino)) = self.closed.pop_front()
        {
            // The address may be another socket's by now.
            if self.by_address.get(&address).is_some_and(|owner| owner.is_closed) {
                self.by_address.remove(&address);
            }
            self.by_ino.remove(&ino);
        }
    }

    /// Of several that listen on one port (`SO_REUSEPORT`) the last one that began to counts.
    fn no_longer_listens(&mut self, facts: &SocketFacts) {
        let port = (facts.netns, facts.local_port);
        let own = self.owner(facts).map(|owner| owner.pid);
        if facts.remote_port == 0
            && self.listeners.get(&port).is_some_and(|owner| own.is_none_or(|pid| pid == owner.pid))
        {
            self.listeners.remove(&port);
        }
    }
}

fn insert<K: std::hash::Hash + Eq>(owners: &mut FxMap<K, Owner>, key: K, owner: Owner) {
    if owners.len() < SOCKETS_MAX || owners.contains_key(&key) {
        owners.insert(key, owner);
    }
}

impl Tracker {
    /// A thread made a call on a socket: its connection is that thread's.
    pub(super) fn note_connection(&mut self, tid: u32, pid: u32, facts: &SocketFacts, descriptor: Ref) {
        if facts.kernel_address == 0 || !matches!(i32::from(facts.family), libc::AF_INET | libc::AF_INET6) {
            return;
        }
        let thread = self.thread_version(tid);
        let owner = Owner { tid, pid, thread, descriptor, is_closed: false };
        if facts.protocol != libc::IPPROTO_TCP as u16 {
            self.connections.used_datagram(facts, owner);
        } else {
            self.connections.used(facts, owner);
            if u64::from(facts.state) == TCP_CLOSE {
                self.connections.closed(facts);
            }
        }
    }

    /// A socket that no descriptor of its process stands for.
    pub(super) fn known_socket(&mut self, facts: &SocketFacts) -> Ref {
        let owner = self.connections.owner(facts).unwrap_or_default();
        self.connection(&owner, facts, None)
    }

    pub(super) fn on_tcp(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let section = record.sections().find(|section| section.index == SECTION_SOCKET);
        let facts = section.and_then(|section| SocketFacts::parse(section.bytes)).unwrap_or_default();
        let raw = |at: usize| record.arg(at).unwrap_or(0);
        let event = TcpEvent::from_nr(record.header.nr);
        let (kind, count) = match event {
            Some(TcpEvent::State) | None => (KernelEvent::TcpState, 6),
            Some(TcpEvent::Retransmit) => (KernelEvent::TcpRetransmit, 2),
            Some(TcpEvent::ResetSent | TcpEvent::ResetReceived) => (KernelEvent::TcpReset, 2),
        };
        let mut args = [Arg::Null; ARGS_MAX];
        for (at, arg) in args.iter_mut().enumerate().take(count) {
            *arg = Arg::Int(raw(at));
        }
        if kind == KernelEvent::TcpReset {
            args[0] = Arg::Int(u64::from(event == Some(TcpEvent::ResetSent)));
            args[1] = Arg::Int(raw(0));
        }
        let change = (kind == KernelEvent::TcpState).then(|| (raw(0), raw(1)));
        let owner = self.owner_of(record, &facts, change);
        if owner.is_none() && self.options.skip_start_scan {
            // Only some tasks are followed, and the connection is of none of them.
            return sink.left_out(cpu);
        }
        let owner = owner.unwrap_or_default();
        let thread = self.version_of_owner(&owner);
        let descriptor = self.connection(&owner, &facts, change);
        if owner.pid != 0 {
            let owner = Owner { thread, descriptor, ..owner };
            self.connections.used(&facts, owner);
            if matches!(change, Some((_, TCP_LISTEN))) {
                insert(&mut self.connections.listeners, (facts.netns, facts.local_port), owner);
            }
        }
        if matches!(change, Some((_, TCP_CLOSE))) {
            self.connections.closed(&facts);
            self.connections.no_longer_listens(&facts);
        }
        let plan = self.calls.kernel_plan(kind, &mut self.store);
        self.emit(thread, record, cpu, &plan, descriptor, None, &args, sink);
    }

    /// The version of a thread that owns a socket.
    pub(super) fn version_of_owner(&mut self, owner: &Owner) -> Ref {
        match self.thread_version(owner.tid) {
            0 => owner.thread,
            version => version,
        }
    }

    /// Whose socket this is, by who made calls on it.
    pub(super) fn owner_of_socket(&self, facts: &SocketFacts) -> Option<Owner> {
        let is_tcp = facts.protocol == libc::IPPROTO_TCP as u16;
        let listener = || self.connections.listener(facts).filter(|_| is_tcp);
        let known = self.connections.owner(facts).or_else(listener);
        known.and_then(|owner| self.living(owner))
    }

    /// Who listens on this port.
    pub(super) fn owner_of_port(&self, netns: u32, port: u16) -> Option<Owner> {
        let listener = self.connections.listeners.get(&(netns, port)).copied();
        listener.and_then(|owner| self.living(owner))
    }

    /// Whose connection a record is about. The kernel uses the address of a socket again, so one that only begins is
    /// not looked up by it.
    fn owner_of(
        &self,
        record: &Record<'_>,
        facts: &SocketFacts,
        change: Option<(u64, u64)>,
    ) -> Option<Owner> {
        let known = || self.connections.owner(facts).and_then(|owner| self.living(owner));
        let listener = || {
            let listener = self.connections.listener(facts)?;
            self.living(Owner { descriptor: 0, ..listener })
        };
        match change {
            // These a program asks for, in a call of its own.
            Some((TCP_CLOSE, TCP_SYN_SENT | TCP_LISTEN)) => {
                let (tid, pid) = (record.header.tid, record.header.tgid);
                let descriptor = self.connections.owner(facts).map_or(0, |owner| owner.descriptor);
                self.living(Owner { tid, pid, descriptor, ..Owner::default() }).or_else(known)
            }
            Some((TCP_LISTEN, TCP_SYN_RECV)) => listener(),
            Some((TCP_SYN_RECV, _)) => known().or_else(listener),
            _ => known(),
        }
    }

    /// The owner, by its first thread where the one that made the call has ended, by what it was where all have.
    fn living(&self, owner: Owner) -> Option<Owner> {
        let is_its = |tid: u32| {
            self.tasks.thread(tid).is_some_and(|task| self.tasks.group(task.process).pid == owner.pid)
        };
        match [owner.tid, owner.pid].into_iter().find(|tid| is_its(*tid)) {
            Some(tid) => Some(Owner { tid, ..owner }),
            // Id 0 is nobody's, so that another thread with the same id does not count as this one.
            None => (owner.thread != 0).then_some(Owner { tid: 0, ..owner }),
        }
    }

    /// What a connection is shown as: as it is known, or as the kernel holds it.
    fn connection(&mut self, owner: &Owner, facts: &SocketFacts, change: Option<(u64, u64)>) -> Ref {
        let known = self.store.descriptor(owner.descriptor);
        // A socket that was closed has lost its addresses; what it was still counts.
        let has_lost = |known: &Descriptor| {
            (facts.remote_port == 0 && known.remote.port != 0)
                || (facts.local_port == 0 && known.local.port != 0)
        };
        if known.is_some_and(|known| has_lost(known) || sockets::agrees(known, facts)) {
            return owner.descriptor;
        }
        let mut socket = known.cloned().unwrap_or_else(|| {
            sockets::created(u64::from(facts.family), u64::from(facts.socktype), u64::from(facts.protocol))
        });
        sockets::apply_facts(&mut socket, facts);
        let role = match change {
            Some((_, TCP_SYN_SENT) | (TCP_SYN_SENT, _)) => Role::Client,
            _ if facts.remote_port != 0 && self.connections.listener(facts).is_some() => Role::Server,
            _ => Role::Unknown,
        };
        if role != Role::Unknown {
            // As connect and accept will leave it, so that these find nothing to change.
            socket.role = role;
            socket.connected = true;
        }
        self.store.intern(socket)
    }
}
