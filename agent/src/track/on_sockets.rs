//! Calls that make, connect and use sockets.

use std::collections::VecDeque;

use capture_format::message::Message;
use capture_format::model::{Descriptor, Endpoint, Ref, Role};
use wire::SocketFacts;

use super::Tracker;
use super::calls::Call;
use super::effect::Effect;
use super::files::OpenFile;
use super::fx::FxMap;
use super::on_files::{cloexec_of, two_fds};
use super::sockets::{self, Address};
use super::tasks::Task;

const SOCK_CLOEXEC: i32 = libc::SOCK_CLOEXEC;
/// A connect that goes on in the background.
const IN_PROGRESS: i64 = -(libc::EINPROGRESS as i64);

/// Descriptors that were sent over a Unix socket and not yet received, by the receiver's socket.
///
/// A receiver that was waiting may return before its sender does, and a sending may be missed. So a message that
/// was received before it was known to be sent is noted, and the sending that follows is not taken for a new one.
///
/// Bounded: what nobody receives (the socket is closed) goes when newer ones come.
#[derive(Clone, Debug, Default)]
pub(super) struct RightsInFlight {
    by_receiver: FxMap<u64, VecDeque<Vec<Ref>>>,
    order: VecDeque<u64>,
    early: FxMap<u64, Early>,
}

/// Messages of one receiver that came before their sending.
#[derive(Clone, Copy, Debug, Default)]
struct Early {
    messages: u32,
    /// When the last of them was received.
    last_ns: u64,
}

/// Messages in flight, or early, that are remembered.
const IN_FLIGHT_MAX: usize = 1024;

impl RightsInFlight {
    /// A message went out in a call that began at `began_ns`, as far as that is known.
    fn sent(&mut self, receiver: u64, began_ns: Option<u64>, descriptors: Vec<Ref>) {
        if let Some(mut early) = self.early.remove(&receiver)
            && began_ns.is_none_or(|began_ns| began_ns < early.last_ns)
        {
            early.messages -= 1;
            if early.messages > 0 {
                self.early.insert(receiver, early);
            }
            return;
        }
        if self.order.len() >= IN_FLIGHT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.received_by(oldest);
        }
        self.order.push_back(receiver);
        self.by_receiver.entry(receiver).or_default().push_back(descriptors);
    }

    fn received_by(&mut self, receiver: u64) -> Option<Vec<Ref>> {
        let queue = self.by_receiver.get_mut(&receiver)?;
        let descriptors = queue.pop_front();
        if queue.is_empty() {
            self.by_receiver.remove(&receiver);
        }
        descriptors
    }

    /// What the next message to this receiver carried, if it was seen being sent.
    fn received(&mut self, receiver: u64, now_ns: u64) -> Option<Vec<Ref>> {
        let Some(descriptors) = self.received_by(receiver) else {
            if self.early.len() >= IN_FLIGHT_MAX {
                self.early.clear();
            }
            let early = self.early.entry(receiver).or_default();
            *early = Early { messages: early.messages.saturating_add(1), last_ns: now_ns };
            return None;
        };
        if let Some(at) = self.order.iter().position(|&known| known == receiver) {
            self.order.remove(at);
        }
        Some(descriptors)
    }

    /// Everything in flight.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = Ref> + '_ {
        self.by_receiver.values().flatten().flatten().copied()
    }
}

impl Tracker {
    pub(super) fn apply_to_socket(
        &mut self,
        effect: Effect,
        task: &Task,
        call: &Call<'_, '_>,
    ) -> Option<Ref> {
        match effect {
            Effect::Socket => {
                let mut socket = sockets::created(call.raw(0), call.raw(1), call.raw(2));
                if let Some(facts) = call.socket() {
                    sockets::apply_facts(&mut socket, &facts);
                }
                self.returned(task, call, socket, call.int(1) & SOCK_CLOEXEC != 0)
            }
            Effect::Socketpair => {
                let mut socket = sockets::created(call.raw(0), call.raw(1), call.raw(2));
                socket.connected = true;
                let mut shown = None;
                for fd in two_fds(call.bytes(3)?)? {
                    shown = Some(self.open_file(task, fd, socket.clone(), call.int(1) & SOCK_CLOEXEC != 0));
                }
                shown
            }
            Effect::Bind => self.change_socket(task, call.fd(0)?, |socket| {
                // The kernel's own answer, where there is one, has the port it chose.
                match call.bytes(1).and_then(Address::parse) {
                    Some(Address::Ip(..)) if call.socket().is_some() => {}
                    Some(address) => sockets::set_local(socket, address),
                    None => {}
                }
            }),
            Effect::Listen => self.change_socket(task, call.fd(0)?, |socket| socket.role = Role::Server),
            Effect::Accept { cloexec } => self.on_accept(task, call, cloexec_of(cloexec, call)),
            Effect::Peer { sends } => {
                let address = call.bytes(4).and_then(Address::parse)?;
                self.on_peer(task, call, address, sends)
            }
            Effect::Message { sends } => self.on_message(task, call, sends),
            _ => None,
        }
    }

    /// Brings a socket to what the kernel held after a call on it.
    pub(super) fn refresh_socket(
        &mut self,
        task: &Task,
        fd: Option<u32>,
        facts: &SocketFacts,
    ) -> Option<Ref> {
        let fd = fd?;
        let number = self.descriptor_of(task, Some(fd), 0);
        match self.store.descriptor(number) {
            Some(socket) if sockets::agrees(socket, facts) => Some(number),
            _ => self.change_socket(task, fd, |socket| sockets::apply_facts(socket, facts)),
        }
    }

    fn change_socket(&mut self, task: &Task, fd: u32, change: impl FnOnce(&mut Descriptor)) -> Option<Ref> {
        let number = self.descriptor_of(task, Some(fd), 0);
        let mut socket = self.store.descriptor(number).cloned().unwrap_or_default();
        let before = socket.clone();
        change(&mut socket);
        if socket == before {
            return Some(number);
        }
        Some(self.change_file(task, fd, socket))
    }

    pub(super) fn on_connect(&mut self, task: &Task, call: &Call<'_, '_>) -> Option<Ref> {
        let fd = call.fd(0)?;
        let address = call.bytes(1).and_then(Address::parse);
        let connects = call.succeeded() || call.header().result == IN_PROGRESS;
        let facts = call.socket();
        let change = |socket: &mut Descriptor| {
            let ends = address == Some(Address::Unspecified);
            match address {
                Some(Address::Unspecified) if connects => socket.remote = Endpoint::default(),
                Some(address) => sockets::set_remote(socket, address),
                None => {}
            }
            if let Some(facts) = &facts {
                sockets::apply_facts(socket, facts);
            }
            socket.role = Role::Client;
            socket.connected = connects && !ends;
        };
        if connects {
            return self.change_socket(task, fd, change);
        }
        // What was tried is shown with this one event; the socket itself stays unconnected.
        let mut tried = self.descriptor_copy(task, fd);
        change(&mut tried);
        Some(self.store.intern(tried))
    }

    fn on_accept(&mut self, task: &Task, call: &Call<'_, '_>, cloexec: bool) -> Option<Ref> {
        let mut socket = call.fd(0).map(|fd| self.descriptor_copy(task, fd)).unwrap_or_default();
        socket.ino = 0;
        match call.bytes(1).and_then(Address::parse) {
            // The client of a Unix socket has no name as a rule; the server's says what this is about.
            Some(Address::Unix(_)) | None => {}
            Some(address) => sockets::set_remote(&mut socket, address),
        }
        if let Some(facts) = call.socket() {
            sockets::apply_facts(&mut socket, &facts);
        }
        socket.role = Role::Server;
        socket.connected = true;
        self.returned(task, call, socket, cloexec)
    }

    /// A datagram to or from an address, which its event shows. The first one decides who is the client, and is whom the
    /// socket speaks with until there is another peer: then nothing is told of events that name none.
    fn on_peer(&mut self, task: &Task, call: &Call<'_, '_>, address: Address, sends: bool) -> Option<Ref> {
        let fd = call.fd(0)?;
        let number = self.descriptor_of(task, Some(fd), call.header().result);
        if number == 0 && !call.succeeded() {
            return None;
        }
        let socket = self.store.descriptor(number).cloned().unwrap_or_default();
        let stream = i32::from(socket.socktype) == libc::SOCK_STREAM;
        if stream || socket.connected || !matches!(address, Address::Ip(..)) {
            return Some(number);
        }
        let mut alone = Descriptor { remote: Endpoint::default(), ..socket.clone() };
        if let Some(facts) = call.socket() {
            sockets::apply_facts(&mut alone, &facts);
        }
        let mut shown = alone.clone();
        sockets::set_remote(&mut shown, address);
        let is_first = socket.role == Role::Unknown;
        if is_first {
            shown.role = if sends { Role::Client } else { Role::Server };
        }
        if shown == socket {
            return Some(number);
        }
        // What was tried and failed is shown with this one event.
        if call.succeeded() {
            if is_first {
                return Some(self.change_file(task, fd, shown));
            }
            if alone != socket {
                self.change_file(task, fd, alone);
            }
        }
        Some(self.store.intern(shown))
    }

    fn on_message(&mut self, task: &Task, call: &Call<'_, '_>, sends: bool) -> Option<Ref> {
        let Message { name, control, .. } = Message::parse(call.bytes(1)?);
        let fds = passed_fds(control);
        if !fds.is_empty() && call.succeeded() {
            if sends {
                self.on_rights_sent(task, call, &fds);
            } else {
                self.on_rights_received(task, call, &fds);
            }
        }
        let address = Address::parse(name)?;
        self.on_peer(task, call, address, sends)
    }

    fn on_rights_sent(&mut self, task: &Task, call: &Call<'_, '_>, fds: &[u32]) {
        let Some(facts) = call.socket().filter(|facts| facts.peer_kernel_address != 0) else { return };
        let descriptors = fds.iter().map(|fd| self.descriptor_of(task, Some(*fd), 0)).collect();
        self.rights.sent(facts.peer_kernel_address, call.began_ns(), descriptors);
    }

    fn on_rights_received(&mut self, task: &Task, call: &Call<'_, '_>, fds: &[u32]) {
        let cloexec = call.int(2) & libc::MSG_CMSG_CLOEXEC != 0;
        let receiver = call.socket().map_or(0, |facts| facts.kernel_address);
        let sent = self.rights.received(receiver, call.header().time_ns);
        let sent = sent.filter(|sent| sent.len() == fds.len());
        let table = self.tasks.table(task);
        for (at, fd) in fds.iter().enumerate() {
            let file = match sent.as_ref().map(|sent| sent[at]) {
                Some(descriptor) if descriptor != 0 => OpenFile { descriptor, cloexec },
                _ => self.find_file(task, *fd),
            };
            self.tasks.files.open(table, *fd, file);
        }
    }
}

/// Descriptors in the control part of a message (`SCM_RIGHTS`): `cmsghdr` is length (u64), level, type (i32).
fn passed_fds(mut control: &[u8]) -> Vec<u32> {
    const HEADER: usize = 16;
    let mut fds = Vec::new();
    while let Some((header, _)) = control.split_first_chunk::<HEADER>() {
        let word =
            |at: usize| i32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (low, level, kind) = (word(0) as u32 as usize, word(8), word(12));
        if low < HEADER || low > control.len() {
            break;
        }
        if level == libc::SOL_SOCKET && kind == libc::SCM_RIGHTS {
            let numbers = control[HEADER..low].chunks_exact(4);
            fds.extend(numbers.map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]])));
        }
        control = control.get(low.next_multiple_of(8)..).unwrap_or_default();
    }
    fds.retain(|fd| *fd <= i32::MAX as u32);
    fds
}
