//! What to do with each call: its kind of event and its effect, looked up once and kept by number.

use capture_format::model::{Arg, EventKind, FdSource, Ref};
use capture_format::schema::{
    Abi, KernelEvent, Shape, completion_kind, event_kind, kernel_event, operation_kind, syscall,
};
use wire::record::{FLAG_COMPAT, SECTION_FILE, SECTION_GIVEN, SECTION_OPENED, SECTION_SOCKET};
use wire::{FileFacts, Record, RecordHeader, Section, SectionState, SocketFacts};

use super::dns::Carrier;
use super::effect::{self, Effect};
use super::on_map::Mapping;
use super::parts::Form;
use super::path;
use super::store::Store;
use super::tamper::Watch;
use crate::selection::Selection;

/// Arguments an event carries at most.
pub(super) const ARGS_MAX: usize = 9;

/// How records of one call become events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The kind of event, registered in the store.
    pub(super) kind: Ref,
    /// Arguments of the kind.
    pub(super) args: u8,
    /// Bit N: argument N is data, not a number.
    data: u16,
    /// Bit N: argument N is a text, which may be counted with the NUL at its end, as in getcwd's result.
    texts: u16,
    /// Whether its events are recorded.
    pub(super) selected: bool,
    /// Whether the kind has a result.
    pub(super) result: bool,
    /// Where the descriptor stands.
    pub(super) fd: FdSource,
    /// What the call changes.
    pub(super) effect: Effect,
    /// Bit N: argument N is filled only when the result is not 0. A `wait4` that does not wait and finds nobody says 0, and
    /// leaves the status as it was.
    filled_if_any: u16,
    /// The argument that is data in several parts or messages, and which of them.
    pub(super) parts: Option<(u8, Form)>,
    /// How DNS messages go through the call, if they are wanted.
    pub(super) dns: Option<Carrier>,
    /// How the call makes memory executable, if that is wanted.
    pub(super) mapping: Option<Mapping>,
    /// How the call may reach for the recording itself.
    pub(super) tamper: Option<Watch>,
    /// The first argument is the call's number; its own come behind.
    is_shared: bool,
}

/// Numbers that no table knows and that have a kind of their own. A program that tries all of them would make more kinds
/// than a block can hold; those it tries later share one.
const UNKNOWN_MAX: usize = 256;

/// Plans by number, made at first use.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    abi: Abi,
    selection: Selection,
    native: Vec<Option<Plan>>,
    compat: Vec<Option<Plan>>,
    kernel: [Option<Plan>; KernelEvent::ALL.len()],
    /// Of operations of `io_uring` by 64-bit and by 32-bit programs, and of completions whose submission was not seen.
    operations: [Vec<Option<Plan>>; 2],
    completions: Vec<Option<Plan>>,
    /// How many numbers were seen that no table knows, and the plan of those beyond [`UNKNOWN_MAX`].
    unknown: usize,
    shared: Option<Plan>,
}

impl Calls {
    pub(super) fn new(abi: Abi, selection: Selection) -> Self {
        let kernel = [None; KernelEvent::ALL.len()];
        Calls {
            abi,
            selection,
            native: Vec::new(),
            compat: Vec::new(),
            kernel,
            operations: [Vec::new(), Vec::new()],
            completions: Vec::new(),
            unknown: 0,
            shared: None,
        }
    }

    /// The plan for the call in a record's header. Numbers have 16 bits, which bounds the tables.
    pub(super) fn plan(&mut self, header: &RecordHeader, store: &mut Store) -> Plan {
        let compat = header.flags & FLAG_COMPAT != 0;
        let plans = if compat { &mut self.compat } else { &mut self.native };
        let nr = usize::from(header.nr);
        if let Some(Some(plan)) = plans.get(nr) {
            return *plan;
        }
        let abi = if compat { self.abi.compat() } else { self.abi };
        if syscall(abi, u32::from(header.nr)).is_none() {
            self.unknown += 1;
            if self.unknown > UNKNOWN_MAX {
                return *self.shared.get_or_insert_with(|| Plan::shared(&self.selection, store));
            }
        }
        if nr >= plans.len() {
            plans.resize(nr + 1, None);
        }
        let kind = event_kind(abi, u32::from(header.nr));
        let effect = effect::of_call(&kind.name);
        let plan = Plan::new(kind, effect, &self.selection, store);
        plans[nr] = Some(plan);
        plan
    }

    /// The plan for an operation of `io_uring`. The kernel has 8 bits for opcodes.
    pub(super) fn operation(&mut self, opcode: u16, is_compat: bool, store: &mut Store) -> Plan {
        let opcode = opcode & 0xff;
        let plans = &mut self.operations[usize::from(is_compat)];
        if let Some(plan) = planned(plans, opcode) {
            return *plan;
        }
        let abi = if is_compat { self.abi.compat() } else { self.abi };
        let kind = operation_kind(abi, u32::from(opcode));
        let effect = effect::of_call(&kind.name);
        let plan = Plan::new(kind, effect, &self.selection, store);
        self.operations[usize::from(is_compat)][usize::from(opcode)] = Some(plan);
        plan
    }

    /// The plan for a completion of which no more is known than the opcode, if that.
    pub(super) fn completion(&mut self, opcode: Option<u16>, store: &mut Store) -> Plan {
        let place = opcode.map_or(0x100, |opcode| opcode & 0xff);
        if let Some(plan) = planned(&mut self.completions, place) {
            return *plan;
        }
        let kind = completion_kind(self.abi, opcode.map(|opcode| u32::from(opcode & 0xff)));
        let mut plan = Plan::new(kind, Effect::None, &self.selection, store);
        // Where some operations are left out nobody knows whether this is one of them.
        plan.selected &= opcode.is_some() || self.selection.has_all();
        self.completions[usize::from(place)] = Some(plan);
        plan
    }

    /// The plan for an event that is not a call.
    pub(super) fn kernel_plan(&mut self, event: KernelEvent, store: &mut Store) -> Plan {
        if let Some(plan) = self.kernel[event as usize] {
            return plan;
        }
        let plan = Plan::new(kernel_event(event), Effect::None, &self.selection, store);
        self.kernel[event as usize] = Some(plan);
        plan
    }
}

/// The plan in a table that grows as needed.
fn planned(plans: &mut Vec<Option<Plan>>, place: u16) -> Option<&Plan> {
    let place = usize::from(place);
    if place >= plans.len() {
        plans.resize(place + 1, None);
    }
    plans[place].as_ref()
}

impl Plan {
    fn new(mut kind: EventKind, effect: Effect, selection: &Selection, store: &mut Store) -> Self {
        let selected = selection.has(&kind.name);
        let wants_dns = selection.has(KernelEvent::Dns.name());
        let dns = Carrier::of_call(&kind.name).filter(|_| wants_dns);
        let wants_maps = selection.has(KernelEvent::ExecMap.name());
        let mapping = Mapping::of_call(&kind.name).filter(|_| wants_maps);
        let tamper = Watch::of_call(&kind.name);
        kind.args.truncate(ARGS_MAX);
        let data = kind.args.iter().enumerate().map(|(at, arg)| u16::from(arg.kind.is_data()) << at).sum();
        let is_text = |shape: &Shape| u16::from(*shape == Shape::Text);
        let texts = kind.args.iter().enumerate().map(|(at, arg)| is_text(&arg.kind.shape) << at).sum();
        let is_status =
            |shape: &Shape| u16::from(matches!(shape, Shape::Struct(name) if name == "wait_status"));
        let filled_if_any =
            kind.args.iter().enumerate().map(|(at, arg)| is_status(&arg.kind.shape) << at).sum();
        let forms = kind.args.iter().map(|arg| Form::of(&arg.kind.shape));
        let parts = (0..).zip(forms).find_map(|(at, form)| Some((at, form?)));
        let (args, result, fd) = (kind.args.len() as u8, kind.result.is_some(), kind.fd);
        let kind = store.add_kind(kind);
        Plan {
            kind,
            args,
            data,
            texts,
            selected,
            result,
            fd,
            effect,
            filled_if_any,
            parts,
            dns,
            mapping,
            tamper,
            is_shared: false,
        }
    }

    /// Of all numbers that no table knows.
    fn shared(selection: &Selection, store: &mut Store) -> Self {
        let mut kind = event_kind(Abi::X86_64, u32::MAX);
        kind.name = "syscall_unknown".to_owned();
        kind.nr = None;
        kind.abi.clear();
        kind.args.rotate_right(1);
        kind.args[0].name = "nr".to_owned();
        Plan { is_shared: true, ..Plan::new(kind, Effect::None, selection, store) }
    }

    /// Whether argument `at` is data.
    pub(super) fn is_data(&self, at: usize) -> bool {
        self.data & (1 << at) != 0
    }
}

/// How an operation of `io_uring` differs from the call of its name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ring {
    /// Its descriptor is an index in the table of the ring.
    pub(super) is_registered: bool,
    /// What it makes goes into that table.
    pub(super) is_in_slot: bool,
}

/// A record with its sections sorted out, once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'r, 'a> {
    ring: Ring,
    record: &'r Record<'a>,
    data: [Option<Section<'a>>; ARGS_MAX],
    socket: Option<&'a [u8]>,
    file: Option<&'a [u8]>,
    opened: Option<&'a [u8]>,
    given: Option<&'a [u8]>,
}

impl<'r, 'a> Call<'r, 'a> {
    #[inline]
    pub(super) fn read(record: &'r Record<'a>) -> Self {
        Self::of_ring(record, Ring::default())
    }

    #[inline]
    pub(super) fn of_ring(record: &'r Record<'a>, ring: Ring) -> Self {
        let mut call = Call {
            ring,
            record,
            data: [None; ARGS_MAX],
            socket: None,
            file: None,
            opened: None,
            given: None,
        };
        for section in record.sections() {
            match section.index {
                SECTION_SOCKET => call.socket = Some(section.bytes),
                SECTION_FILE => call.file = Some(section.bytes),
                SECTION_OPENED => call.opened = Some(section.bytes),
                SECTION_GIVEN => call.given = Some(section.bytes),
                index => {
                    if let Some(slot) = call.data.get_mut(usize::from(index)) {
                        *slot = Some(section);
                    }
                }
            }
        }
        call
    }

    /// From here on, what was copied of data in several parts has the form that captures have. `buffer` is for it.
    #[inline]
    pub(super) fn with_parts<'b>(self, plan: &Plan, buffer: &'b mut Vec<u8>) -> Call<'r, 'b>
    where
        'a: 'b,
    {
        let mut call: Call<'r, 'b> = self;
        let Some((at, form)) = plan.parts else { return call };
        if let Some(section) = &mut call.data[usize::from(at)]
            && section.state == SectionState::Data
        {
            buffer.clear();
            form.store(section.bytes, buffer);
            section.bytes = buffer;
        }
        call
    }

    pub(super) fn record(&self) -> &'r Record<'a> {
        self.record
    }

    pub(super) fn header(&self) -> &'r RecordHeader {
        &self.record.header
    }

    /// When the call began, if its duration was measured.
    pub(super) fn began_ns(&self) -> Option<u64> {
        Some(self.record.header.time_ns.saturating_sub(self.record.latency_ns()?))
    }

    /// Whether the call succeeded.
    pub(super) fn succeeded(&self) -> bool {
        !(-4095..0).contains(&self.record.header.result)
    }

    /// The result as a descriptor number of the process.
    pub(super) fn result_fd(&self) -> Option<u32> {
        if self.ring.is_in_slot {
            return None;
        }
        u32::try_from(self.record.header.result).ok().filter(|fd| *fd <= i32::MAX as u32)
    }

    /// Raw argument, 0 when the record lacks it.
    pub(super) fn raw(&self, at: u8) -> u64 {
        self.record.arg(usize::from(at)).unwrap_or(0)
    }

    /// An argument as a number of 32 bits, as the kernel takes descriptors, ids and most flags.
    pub(super) fn int(&self, at: u8) -> i32 {
        self.raw(at) as i32
    }

    /// An argument as a descriptor number of the process.
    pub(super) fn fd(&self, at: u8) -> Option<u32> {
        if self.ring.is_registered {
            return None;
        }
        u32::try_from(self.int(at)).ok()
    }

    /// What an argument pointed to, if it was read.
    pub(super) fn bytes(&self, at: u8) -> Option<&'a [u8]> {
        let section = self.data[usize::from(at)]?;
        (section.state == SectionState::Data).then_some(section.bytes)
    }

    pub(super) fn socket(&self) -> Option<SocketFacts> {
        SocketFacts::parse(self.socket?)
    }

    pub(super) fn file(&self) -> Option<FileFacts> {
        FileFacts::parse(self.file?)
    }

    /// The path of the file that was opened, where the kernel was asked and could tell all of it.
    pub(super) fn opened(&self) -> Option<Vec<u8>> {
        // What has no place in the tree, like a pipe, has no components.
        let is_told = |components: &&[u8]| !components.is_empty() && path::are_all_components(components);
        self.opened.filter(is_told).map(path::from_components)
    }

    /// With [`Self::opened`] of a call that was given a path: by which number the kernel side is told that both are the
    /// same, 0 for none, and whether others could change the path while the call read it.
    pub(super) fn given(&self) -> Option<(u64, bool)> {
        let (number, is_shared) = self.given?.split_first_chunk()?;
        Some((u64::from_ne_bytes(*number), is_shared.first().is_some_and(|is_shared| *is_shared != 0)))
    }

    /// The values of the arguments, as the kind stores them.
    #[inline]
    pub(super) fn args(&self, plan: &Plan) -> [Arg<'a>; ARGS_MAX] {
        let mut args = [Arg::Null; ARGS_MAX];
        for (at, arg) in args.iter_mut().enumerate().take(usize::from(plan.args)) {
            let raw = match (plan.is_shared, at) {
                (true, 0) => u64::from(self.record.header.nr),
                (true, _) => self.raw(at as u8 - 1),
                (false, _) => self.raw(at as u8),
            };
            *arg = match self.data[at] {
                _ if !plan.is_data(at) => Arg::Int(raw),
                Some(Section { state: SectionState::Data, .. })
                    if plan.filled_if_any & (1 << at) != 0 && self.record.header.result == 0 =>
                {
                    Arg::Unread(raw)
                }
                Some(Section { state: SectionState::Data, bytes, .. }) if plan.texts & (1 << at) != 0 => {
                    Arg::Bytes(bytes.strip_suffix(b"\0").unwrap_or(bytes))
                }
                Some(Section { state: SectionState::Data, bytes, .. }) => Arg::Bytes(bytes),
                Some(Section { state: SectionState::Null, .. }) => Arg::Null,
                Some(_) => Arg::Unread(raw),
                // The kernel side leaves out what a failed call did not fill.
                None if raw == 0 => Arg::Null,
                None => Arg::Unread(raw),
            };
        }
        args
    }
}
