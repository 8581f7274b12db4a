//! DNS: queries and answers, read from what programs send and receive on sockets of its ports.
//!
//! An answer is put together with its query by socket, id, peer and question, which gives its latency: on the client's
//! side how long it waited, on the server's how long it took. Start at [`Tracker::on_dns`].

mod message;
mod stream;
#[cfg(test)]
pub(super) mod tests;

use std::collections::VecDeque;

use capture_format::message::{Message, Parts, messages};
use capture_format::model::{Arg, Descriptor, DescriptorType, Endpoint, Ref};
use capture_format::schema::KernelEvent;
use wire::record::FLAG_LATENCY;
use wire::{Record, RecordHeader};

use super::calls::{ARGS_MAX, Call};
use super::fx::FxMap;
use super::sockets::has_connections;
use super::{Sink, Tracker};

use message::Message as DnsMessage;
use stream::Stream;

/// DNS, multicast DNS (RFC 6762), LLMNR (RFC 4795).
const PORTS: [u16; 3] = [53, 5353, 5355];
/// Queries that wait for their answers.
const PENDING_MAX: usize = 4096;
/// Directions of TCP connections that are put together.
const STREAMS_MAX: usize = 1024;

/// How a call that moves data does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carrier {
    sends: bool,
    form: Form,
    /// The argument that has flags for messages.
    flags: Option<u8>,
}

/// What argument 1 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Data.
    Bytes,
    /// Data in several parts.
    Parts,
    /// A message with address and control data.
    Message,
    /// Several messages; the result says how many were sent or received.
    Messages,
}

impl Carrier {
    pub(super) fn of_call(name: &str) -> Option<Self> {
        let (sends, form, flags) = match name {
            "write" => (true, Form::Bytes, None),
            "writev" => (true, Form::Parts, None),
            "read" => (false, Form::Bytes, None),
            "readv" => (false, Form::Parts, None),
            "sendto" => (true, Form::Bytes, Some(3)),
            "recvfrom" => (false, Form::Bytes, Some(3)),
            "sendmsg" => (true, Form::Message, Some(2)),
            "recvmsg" => (false, Form::Message, Some(2)),
            "sendmmsg" => (true, Form::Messages, Some(3)),
            "recvmmsg" | "recvmmsg_time64" => (false, Form::Messages, Some(3)),
            _ => return None,
        };
        Some(Carrier { sends, form, flags })
    }
}

/// What an answer has in common with its query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    /// Inode number of the socket.
    socket: u64,
    id: u16,
    peer: Endpoint,
    kind: u16,
    /// In small letters: some resolvers change them at random and look whether they come back so.
    name: Vec<u8>,
}

/// What is remembered between messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Dns {
    /// When a query was sent or received.
    pending: FxMap<Question, u64>,
    /// What was asked and when, the oldest first, answered or not.
    order: VecDeque<(Question, u64)>,
    /// By socket and whether it is what was sent.
    streams: FxMap<(u64, bool), Stream>,
}

impl Dns {
    fn asked(&mut self, question: Question, time_ns: u64) {
        self.pending.insert(question.clone(), time_ns);
        self.order.push_back((question, time_ns));
        if self.order.len() > PENDING_MAX
            && let Some((oldest, asked_ns)) = self.order.pop_front()
            // It may have been asked again, and then stands in the order again.
            && self.pending.get(&oldest) == Some(&asked_ns)
        {
            self.pending.remove(&oldest);
        }
    }

    /// Adds the messages that what a call sent or received on a connection completes.
    fn feed(&mut self, key: (u64, bool), bytes: &[u8], whole: usize, found: &mut Vec<DnsMessage>) {
        if self.streams.len() >= STREAMS_MAX && !self.streams.contains_key(&key) {
            self.streams.clear();
        }
        let stream = self.streams.entry(key).or_default();
        stream.feed(bytes, whole, |bytes| found.extend(DnsMessage::parse(bytes)));
    }
}

impl Tracker {
    /// Makes events of the DNS messages that a call moved, if it did.
    pub(super) fn on_dns(
        &mut self,
        carrier: Carrier,
        call: &Call<'_, '_>,
        thread: Ref,
        descriptor: Ref,
        cpu: u16,
        sink: &mut impl Sink,
    ) {
        let Some(socket) = self.store.descriptor(descriptor).filter(|socket| is_dns(socket)) else { return };
        let is_looked_at_only =
            carrier.flags.is_some_and(|at| call.int(at) & libc::MSG_PEEK != 0 && !carrier.sends);
        let Ok(result @ 1..) = usize::try_from(call.header().result) else { return };
        if is_looked_at_only {
            return;
        }
        let (ino, peer) = (socket.ino, socket.remote);
        let is_stream = has_connections(socket.protocol);
        let mut found = Vec::new();
        let parts = parts(carrier.form, call, result);
        let is_cut = carrier.form == Form::Messages && parts.len() < result;
        for (length, data) in parts {
            // What was offered to the kernel may be more than it took.
            let data = &data[..data.len().min(length)];
            if is_stream {
                self.dns.feed((ino, carrier.sends), data, length, &mut found);
            } else {
                found.extend(DnsMessage::parse(data));
            }
        }
        if is_stream && is_cut {
            // Of further messages nothing is known, nor how long they are.
            self.dns.feed((ino, carrier.sends), &[], usize::MAX, &mut found);
        }
        for message in found {
            let question = Question {
                socket: ino,
                id: message.id,
                peer,
                kind: message.kind,
                name: message.name.to_ascii_lowercase(),
            };
            let latency_ns = self.dns_latency(&message, question, carrier.sends, call);
            self.emit_dns(&message, latency_ns, call.record(), thread, descriptor, cpu, sink);
        }
    }

    /// For an answer, the time since its query.
    fn dns_latency(
        &mut self,
        message: &DnsMessage,
        question: Question,
        sends: bool,
        call: &Call<'_, '_>,
    ) -> Option<u64> {
        let returned_ns = call.header().time_ns;
        if !message.is_response {
            // It is on its way before the call returns.
            let asked_ns = if sends { call.began_ns().unwrap_or(returned_ns) } else { returned_ns };
            self.dns.asked(question, asked_ns);
            return None;
        }
        let asked_ns = self.dns.pending.remove(&question)?;
        Some(returned_ns.saturating_sub(asked_ns))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of an event, each from another place")]
    fn emit_dns(
        &mut self,
        message: &DnsMessage,
        latency_ns: Option<u64>,
        record: &Record<'_>,
        thread: Ref,
        descriptor: Ref,
        cpu: u16,
        sink: &mut impl Sink,
    ) {
        let plan = self.calls.kernel_plan(KernelEvent::Dns, &mut self.store);
        let mut args = [Arg::Null; ARGS_MAX];
        args[0] = Arg::Int(u64::from(message.is_response));
        args[1] = Arg::Int(u64::from(message.id));
        args[2] = Arg::Bytes(&message.name);
        args[3] = Arg::Int(u64::from(message.kind));
        args[4] = Arg::Int(u64::from(message.rcode));
        if message.is_response {
            args[5] = Arg::Bytes(&message.answers);
        }
        // The latency is the message's, not the call's.
        let flags = if latency_ns.is_some() { FLAG_LATENCY } else { 0 };
        let header = RecordHeader { flags, latency_ns: latency_ns.unwrap_or(0), ..record.header };
        let told = Record::joined(header, record.kind, &[], &[]).expect("there is nothing in it");
        sink.derived(cpu);
        self.emit(thread, &told, cpu, &plan, descriptor, None, &args, sink);
    }
}

fn is_dns(socket: &Descriptor) -> bool {
    matches!(socket.kind, DescriptorType::Ipv4 | DescriptorType::Ipv6)
        && (PORTS.contains(&socket.remote.port) || PORTS.contains(&socket.local.port))
}

/// The data of each message in a call, and how many bytes were sent or received of it.
fn parts<'a>(form: Form, call: &Call<'_, 'a>, result: usize) -> Vec<(usize, &'a [u8])> {
    let bytes = call.bytes(1).unwrap_or_default();
    match form {
        Form::Bytes => vec![(result, bytes)],
        Form::Parts => vec![(result, Parts::parse(bytes).data)],
        Form::Message => vec![(result, Message::parse(bytes).data)],
        // Behind those that were sent come those that were not.
        Form::Messages => {
            messages(bytes).take(result).map(|(length, message)| (length as usize, message.data)).collect()
        }
    }
}
