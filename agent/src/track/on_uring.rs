//! Operations of `io_uring`: a submission and a completion become one event, as if a call had been made.
//!
//! What an operation changes in the state of its process is what the call of its name changes, unless it works on the
//! ring's own table of files, which the kernel tells of with the completion.

use capture_format::model::{Arg, Descriptor, DescriptorType, FdSource, Ref};
use wire::facts::FILE_BYTES;
use wire::record::{
    FLAG_COMPAT, FLAG_LATENCY, FLAG_NO_RESULT, SECTION_OPERATION, SECTION_REGISTERED, SECTION_REGISTERED_PATH,
};
use wire::uring::{IMAGE_BYTES, OPCODE_NONE};
use wire::{FileFacts, Record, RecordHeader, SectionState};

use super::calls::{ARGS_MAX, Call, Ring};
use super::effect::Effect;
use super::fx::FxMap;
use super::in_flight::Pending;
use super::on_files::apply_facts;
use super::path::from_components;
use super::procfs::{anonymous, type_of_mode};
use super::tasks::Task;
use super::{Plan, Sink, Tracker};

/// Flags of an entry (`IOSQE_*`), and where it has them.
const SQE_FLAGS_AT: usize = 1;
const FIXED_FILE: u8 = 1;
const CQE_SKIP_SUCCESS: u8 = 1 << 6;
/// Where the user data is, which the kernel hands back.
const SQE_USER_DATA_AT: usize = 32;

/// Flags of a completion (`IORING_CQE_F_*`): further ones will follow; only tells that a buffer is free again.
const MORE: u32 = 1 << 1;
const NOTIFICATION: u32 = 1 << 3;

/// What an event says instead of the arguments of a submission that was not recorded.
const NOT_RECORDED: &[u8] = b"not recorded";

/// The result by which a call that changed nothing is tracked.
const NO_EFFECT: i64 = -(libc::EAGAIN as i64);

/// Files in tables of rings, as far as the kernel has told their paths.
#[derive(Clone, Debug, Default)]
pub(super) struct RegisteredFiles {
    /// By the file's address in the kernel, with its inode and device.
    by_address: FxMap<u64, (u64, u32, Ref)>,
}

/// Registered files that are remembered. The kernel tells a path again after a second.
const REGISTERED_MAX: usize = 1 << 14;

impl RegisteredFiles {
    fn insert(&mut self, address: u64, facts: &FileFacts, descriptor: Ref) {
        if self.by_address.len() >= REGISTERED_MAX {
            self.by_address.clear();
        }
        self.by_address.insert(address, (facts.ino, facts.dev, descriptor));
    }

    fn get(&self, address: u64, facts: &FileFacts) -> Option<Ref> {
        let (ino, dev, descriptor) = self.by_address.get(&address)?;
        (*ino == facts.ino && *dev == facts.dev).then_some(*descriptor)
    }

    /// The descriptors it refers to.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = Ref> + '_ {
        self.by_address.values().map(|(_, _, descriptor)| *descriptor)
    }
}

/// How an operation ended.
#[derive(Clone, Copy)]
struct Completion<'r, 'a> {
    record: &'r Record<'a>,
    flags: u32,
}

/// Whether the descriptor of an operation is an index in the table of the ring. `close` has a member of its own for that.
fn is_registered(image: &[u8; IMAGE_BYTES], plan: &Plan, is_in_slot: bool) -> bool {
    image[SQE_FLAGS_AT] & FIXED_FILE != 0 || (is_in_slot && matches!(plan.fd, FdSource::Arg(_)))
}

/// Whether an operation may have changed the socket it worked on. As of calls: data without an address leaves it as it
/// was, so that what is known when it is submitted is what is told, and the kernel side can go by that.
fn tells_socket(plan: &Plan, call: &Call<'_, '_>) -> bool {
    match plan.effect {
        Effect::Peer { sends } => sends && call.raw(4) != 0,
        _ => true,
    }
}

impl Tracker {
    pub(super) fn on_uring_submit(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let header = &record.header;
        let request = record.arg(0).unwrap_or(0);
        let image = record.section(SECTION_OPERATION).and_then(|section| section.bytes.first_chunk());
        let Some(image): Option<&[u8; IMAGE_BYTES]> = image else { return sink.left_out(cpu) };
        // The request of an operation whose completion was lost, or that had none to tell, is another one's now.
        if let Some(before) = self.in_flight.remove(request) {
            self.end_without_completion(before, header.time_ns, sink);
        }
        let user_data = image[SQE_USER_DATA_AT..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
        let mut pending = Pending::new(record.arg(1).unwrap_or(0), user_data, header.nr, *image);
        pending.is_compat = header.flags & FLAG_COMPAT != 0;
        let task = self.task(header.tid, header.tgid);
        let plan = self.calls.operation(header.nr, pending.is_compat, &mut self.store);
        let (args, is_in_slot) = self.arguments(&pending, 0);
        if let (FdSource::Arg(at), false) = (plan.fd, is_registered(image, &plan, is_in_slot)) {
            let fd = args.get(usize::from(at)).and_then(|fd| u32::try_from(*fd as i32).ok());
            // Whether it is open is not known before the operation has succeeded.
            pending.descriptor = self.descriptor_of(&task, fd, NO_EFFECT);
        }
        (pending.tid, pending.pid, pending.cpu) = (header.tid, header.tgid, cpu);
        pending.time_ns = header.time_ns;
        pending.thread = self.thread_version(header.tid);
        pending.sections = record.section_bytes().into();
        if image[SQE_FLAGS_AT] & CQE_SKIP_SUCCESS != 0 {
            // It completes in silence unless it fails.
            pending.is_told = true;
            self.tell_operation(&pending, None, header.time_ns, cpu, sink);
        }
        let is_told = pending.is_told;
        if !self.in_flight.insert(request, pending) && !is_told {
            sink.left_out(cpu);
        }
    }

    pub(super) fn on_uring_complete(&mut self, record: &Record<'_>, cpu: u16, sink: &mut impl Sink) {
        let raw = |at: usize| record.arg(at).unwrap_or(0);
        let (request, ring, user_data, flags) = (raw(0), raw(1), raw(2), raw(3) as u32);
        if flags & NOTIFICATION != 0 {
            return sink.left_out(cpu);
        }
        let request = match request {
            0 => self.in_flight.oldest(ring, user_data),
            request => Some(request),
        };
        let opcode = record.header.nr;
        let is_it =
            |pending: &Pending| pending.ring == ring && [pending.opcode, OPCODE_NONE].contains(&opcode);
        let request = request.filter(|request| self.in_flight.get(*request).is_some_and(is_it));
        // The last of several completions is told with its request.
        let goes_on = raw(0) == 0 && flags & MORE != 0;
        let pending = request.and_then(|request| match goes_on {
            true => self.in_flight.tell(request),
            false => self.in_flight.remove(request),
        });
        let Some(pending) = pending else {
            return self.tell_completion(record, user_data, flags, cpu, sink);
        };
        let completion = Completion { record, flags };
        self.tell_operation(&pending, Some(completion), record.header.time_ns, cpu, sink);
        if !pending.is_told {
            // One event for both records.
            sink.left_out(pending.cpu);
        }
    }

    /// Hands on what has not completed: in the end.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        let now_ns = self.now_ns;
        for pending in self.in_flight.take_all() {
            self.end_without_completion(pending, now_ns, sink);
        }
    }

    fn end_without_completion(&mut self, pending: Pending, now_ns: u64, sink: &mut impl Sink) {
        if !pending.is_told {
            let cpu = pending.cpu;
            self.tell_operation(&pending, None, now_ns, cpu, sink);
        }
    }

    /// A completion of an operation of which nothing else is known.
    fn tell_completion(
        &mut self,
        record: &Record<'_>,
        user_data: u64,
        flags: u32,
        cpu: u16,
        sink: &mut impl Sink,
    ) {
        let header = &record.header;
        let opcode = (header.nr != OPCODE_NONE).then_some(header.nr);
        let plan = self.calls.completion(opcode, &mut self.store);
        self.task(header.tid, header.tgid);
        let mut args = [Arg::Null; ARGS_MAX];
        args[0] = Arg::Int(user_data);
        args[1] = Arg::Int(u64::from(flags));
        args[2] = Arg::Bytes(NOT_RECORDED);
        let thread = self.thread_version(header.tid);
        self.emit(thread, record, cpu, &plan, 0, Some(header.result), &args, sink);
    }

    /// Applies an operation and makes its event.
    fn tell_operation(
        &mut self,
        pending: &Pending,
        completion: Option<Completion<'_, '_>>,
        time_ns: u64,
        cpu: u16,
        sink: &mut impl Sink,
    ) {
        let plan = self.calls.operation(pending.opcode, pending.is_compat, &mut self.store);
        let flags = completion.map_or(0, |completion| completion.flags);
        let (args, is_in_slot) = self.arguments(pending, flags);
        let header = self.header_of(pending, &plan, completion, time_ns);
        // Where the kernel did not tell the request, what is told of the result holds only if that is a descriptor.
        let is_about_it =
            |record: &Record<'_>| record.arg(0) != Some(0) || (plan.fd == FdSource::Result && !is_in_slot);
        let further = completion.map(|completion| completion.record).filter(|record| is_about_it(record));
        let sections = match further.map(Record::section_bytes) {
            Some(further) if !further.is_empty() => &[&pending.sections, further].concat(),
            _ => &*pending.sections,
        };
        let args = args.map(u64::to_ne_bytes);
        let joined = Record::joined(header, wire::RecordType::Syscall, args.as_flattened(), sections)
            .expect("the sections stood in records");
        let is_registered = is_registered(&pending.image, &plan, is_in_slot);
        let mut buffer = Vec::new();
        let call = Call::of_ring(&joined, Ring { is_registered, is_in_slot }).with_parts(&plan, &mut buffer);
        let latency_ns = joined.latency_ns().unwrap_or(0);
        self.tasks.files.set_time(time_ns.saturating_sub(latency_ns), time_ns);
        let known = match is_registered {
            true => self.registered_file(&call, &joined),
            false => pending.descriptor,
        };
        let task = self.tasks.thread(pending.tid).copied();
        let task = task.filter(|task| self.tasks.group(task.process).pid == pending.pid);
        let (thread, descriptor) = match task {
            Some(task) => {
                let descriptor = self.apply_operation(&plan, &task, &call, known);
                (self.thread_version(pending.tid), descriptor)
            }
            // It has ended, and with it what the operation could change.
            None => (pending.thread, known),
        };
        let result = completion.map(|completion| completion.record.header.result);
        self.emit(thread, &joined, cpu, &plan, descriptor, result, &call.args(&plan), sink);
        if let Some(carrier) = plan.dns {
            self.on_dns(carrier, &call, thread, descriptor, cpu, sink);
        }
        // Of an operation without a completion nobody knows whether it was carried out.
        if let (Some(watch), Some(task)) = (plan.tamper, task)
            && (completion.is_some() || call.succeeded())
        {
            self.on_tamper(watch, &call, &task, plan.kind, thread, descriptor, cpu, sink);
        }
    }

    /// Changes what an operation of a living thread changed; gives what its event is about.
    fn apply_operation(&mut self, plan: &Plan, task: &Task, call: &Call<'_, '_>, known: Ref) -> Ref {
        let mut descriptor = known;
        if let FdSource::Arg(at) = plan.fd
            && let Some(fd) = call.fd(at)
        {
            if descriptor == 0 {
                descriptor = self.descriptor_of(task, Some(fd), call.header().result);
            }
            if let Some(facts) = call.socket().filter(|_| tells_socket(plan, call)) {
                descriptor = self.refresh_socket(task, Some(fd), &facts).unwrap_or(descriptor);
            }
        }
        if plan.effect != Effect::None {
            descriptor = self.apply(plan.effect, task, call).unwrap_or(descriptor);
        } else if let (FdSource::Result, true) = (plan.fd, call.succeeded()) {
            descriptor = self.descriptor_of(task, call.result_fd(), 0);
        }
        if let Some(facts) = call.socket() {
            self.note_connection(call.header().tid, call.header().tgid, &facts, descriptor);
        }
        descriptor
    }

    /// The arguments, and whether what the operation makes goes into the ring's own table.
    fn arguments(&self, pending: &Pending, flags: u32) -> ([u64; ARGS_MAX], bool) {
        let mut args = [0; ARGS_MAX];
        let mut is_in_slot = false;
        for (arg, place) in args.iter_mut().zip(self.options.operations.places(pending.opcode)) {
            *arg = match place.member {
                Some(member) => {
                    let value = place.read(&pending.image);
                    is_in_slot |= member.name == "file_index" && value != 0;
                    value
                }
                // The only one that stands in no entry.
                None => u64::from(flags),
            };
        }
        (args, is_in_slot)
    }

    fn header_of(
        &self,
        pending: &Pending,
        plan: &Plan,
        completion: Option<Completion<'_, '_>>,
        time_ns: u64,
    ) -> RecordHeader {
        let header = RecordHeader {
            nr: pending.opcode,
            tid: pending.tid,
            tgid: pending.pid,
            time_ns,
            ..RecordHeader::default()
        };
        match completion {
            Some(Completion { record, .. }) => RecordHeader {
                flags: FLAG_LATENCY,
                result: record.header.result,
                latency_ns: time_ns.saturating_sub(pending.time_ns),
                ..header
            },
            // Of one that tells only failures no more than a number is unknown.
            None => {
                let has_changed = pending.is_told && plan.fd != FdSource::Result;
                let result = if has_changed { 0 } else { NO_EFFECT };
                RecordHeader { flags: FLAG_NO_RESULT, result, ..header }
            }
        }
    }

    /// The file in the ring's table that an operation worked on.
    fn registered_file(&mut self, call: &Call<'_, '_>, record: &Record<'_>) -> Ref {
        if let Some(facts) = call.socket() {
            return self.known_socket(&facts);
        }
        let section = record.section(SECTION_REGISTERED).map(|section| section.bytes).unwrap_or_default();
        let (facts, address) = section.split_at_checked(FILE_BYTES).unwrap_or_default();
        let (Some(facts), Some(address)) = (FileFacts::parse(facts), address.first_chunk()) else { return 0 };
        let address = u64::from_ne_bytes(*address);
        let path = record.section(SECTION_REGISTERED_PATH).filter(|path| path.state == SectionState::Data);
        let Some(path) = path else {
            if let Some(known) = self.registered.get(address, &facts) {
                return known;
            }
            let mut file = Descriptor { kind: type_of_mode(facts.mode), ..Descriptor::default() };
            apply_facts(&mut file, &facts);
            return self.store.intern(file);
        };
        let name = from_components(path.bytes);
        let kind = type_of_mode(facts.mode);
        let of_kind = |kind, name: &[u8]| Descriptor { kind, name: name.to_vec(), ..Descriptor::default() };
        // What is in no directory has a name that tells what it is.
        let mut file = match name.strip_prefix(b"/").unwrap_or_default() {
            [b'[', kind @ .., b']'] if facts.mode & libc::S_IFMT == 0 => anonymous(kind),
            [b'm', b'e', b'm', b'f', b'd', b':', name @ ..] => of_kind(DescriptorType::Memfd, name),
            [] if kind == DescriptorType::Pipe => of_kind(kind, b""),
            _ => of_kind(kind, &name),
        };
        apply_facts(&mut file, &facts);
        let descriptor = self.store.intern(file);
        self.registered.insert(address, &facts, descriptor);
        descriptor
    }
}
