//! The kernel's table of `io_uring` operations, made from the schema and from where the kernel keeps arguments.

use capture_format::model::{EventKind, FdSource};
use capture_format::schema::{self, ArgKind, Fetch, Shape, completion_kind, operation_kind};
use sysreel_agent::operations::{Operations, Place};
use sysreel_agent::split::{Judged, Split, only_path};
use sysreel_agent::track::{Upkeep, guard, opens_by_path, upkeep};
use wire::ring::EventClass;
use wire::table::{
    BEGINS_CONNECTION, BEGINS_FILE, FETCH_COUNTED_IN, FETCH_FIXED_IN, FETCH_FIXED_OUT, FETCH_IOVEC_IN,
    FETCH_IOVEC_OUT, FETCH_LENPTR_OUT, FETCH_MSGHDR_IN, FETCH_MSGHDR_OUT, FETCH_RESULT_OUT, FETCH_STRING,
    JUDGED_BY_DESCRIPTOR, JUDGED_BY_PATH, JUDGED_WITHOUT, SELECTED,
};
use wire::uring::{
    FETCH_FILENAME, NOWHERE, OPERATION_FILE, OPERATION_RESULT_FILE, OPERATION_RESULT_SOCKET,
    OPERATION_SOCKET, OPERATION_STATE, OPERATION_UNKNOWN, OPERATIONS_MAX, OperationEntry, OperationFetch,
    SQE_BYTES,
};

use super::table::{Begins, changes_of, class_of, connects};

/// Operations that look their descriptor up by themselves.
const OWN_LOOKUP: [&str; 3] = ["CLOSE", "EPOLL_CTL", "FIXED_FD_INSTALL"];

/// Operations of which the kernel cannot tell that they complete once, under the name that they were given.
const COMPLETES_FREELY: [&str; 5] = ["POLL_ADD", "READ_MULTISHOT", "RECV_ZC", "URING_CMD", "URING_CMD128"];

/// In an entry's first word: what is asked of a sending or receiving, but for what leaves it one with one completion
/// (`IORING_RECVSEND_POLL_FIRST`, `IORING_RECVSEND_FIXED_BUF`, `IORING_SEND_ZC_REPORT_USAGE`).
const PRIORITY_MODES: u64 = (0xffff & !(1 | 4 | 8)) << 16;
/// In an entry's third such word: `IORING_TIMEOUT_MULTISHOT`.
const TIMEOUT_MULTISHOT: u64 = 1 << (32 + 6);

/// All entries.
pub(super) fn entries(operations: &Operations, split: &mut Split<'_>) -> Vec<OperationEntry> {
    let selected = if split.wants_unknown() { SELECTED } else { 0 };
    let class = EventClass::Other as u8;
    let mut entries = vec![OperationEntry { selected, class, ..OperationEntry::default() }; OPERATIONS_MAX];
    let derived = split.wanted_derived();
    let begins = Begins::of(split);
    let known = schema::operations(operations.abi()).enumerate();
    for ((opcode, operation), entry) in known.zip(&mut entries[..OPERATION_UNKNOWN]) {
        *entry = entry_of(operation, operations.places(opcode as u16));
        let abi = operations.abi();
        let opcode = opcode as u32;
        let kinds = [
            operation_kind(abi, opcode),
            operation_kind(abi.compat(), opcode),
            completion_kind(abi, Some(opcode)),
        ];
        let is_wanted = kinds.iter().any(|kind| split.wanted(kind).is_any());
        // A submission and its completions are one event, of which neither alone tells whether it matches.
        let name = operation.call.name;
        let is_kept = changes_state(name) || guard(name) != Upkeep::None;
        let is_sent = is_wanted || is_kept || derived.iter().any(|derived| derived.is_read_from(name));
        entry.selected = if is_sent { SELECTED } else { 0 };
        entry.class = class_of(&operation.call) as u8;
        if is_sent {
            let places = operations.places(opcode as u16);
            judge(entry, operation, places, &operation_kind(abi, opcode), split, begins);
        }
    }
    entries
}

/// By what else an operation of this kind is turned away, of those that change no state and are not looked at otherwise.
fn judged(
    operation: &schema::Operation,
    places: &[Place],
    kind: &EventKind,
    split: &mut Split<'_>,
) -> Judged {
    let is_kept = changes_state(&kind.name) || guard(&kind.name) != Upkeep::None;
    let is_read_out = split.read_out(kind).is_some_and(|read_out| !read_out.by_descriptor);
    if is_kept || is_read_out || COMPLETES_FREELY.contains(&operation.name) {
        return Judged::No;
    }
    match split.judged(kind) {
        Judged::ByDescriptor { .. } if !has_descriptor(operation, places) => Judged::No,
        Judged::ByPath(path) if places[usize::from(path)].filename_at.is_none() => Judged::No,
        judged => judged,
    }
}

/// Whether the kernel has a copy of the number of the operation's descriptor.
fn has_descriptor(operation: &schema::Operation, places: &[Place]) -> bool {
    let FdSource::Arg(at) = operation.call.fd else { return false };
    let place = &places[usize::from(at)];
    let entry = entry_of(operation, places);
    place.member.is_some_and(|member| member.name == "fd")
        && (entry.flags & OPERATION_FILE != 0 || entry.fd_at != 0)
}

fn judge(
    entry: &mut OperationEntry,
    operation: &schema::Operation,
    places: &[Place],
    kind: &EventKind,
    split: &mut Split<'_>,
    begins: Begins,
) {
    entry.judged = match judged(operation, places, kind, split) {
        Judged::ByDescriptor { or_none: false } => JUDGED_BY_DESCRIPTOR,
        Judged::ByDescriptor { or_none: true } => JUDGED_BY_DESCRIPTOR | JUDGED_WITHOUT,
        Judged::WithoutDescriptor => JUDGED_WITHOUT,
        Judged::ByPath(_) if begins.paths => JUDGED_BY_PATH,
        Judged::ByPath(_) | Judged::No => 0,
    };
    if let Some(path) = only_path(kind)
        && let Some(at) = places[usize::from(path)].filename_at
    {
        entry.path_at = at - SQE_BYTES as u8;
        if begins.files && opens_by_path(kind) {
            entry.judged |= BEGINS_FILE;
        }
    }
    if begins.connections && connects(&kind.name) {
        entry.judged |= BEGINS_CONNECTION;
    }
}

/// Whether any events of operations are wanted, those read out of them aside.
pub(super) fn are_wanted(operations: &Operations, split: &mut Split<'_>) -> bool {
    let abi = operations.abi();
    [abi, abi.compat()].into_iter().any(|abi| {
        let mut opcodes = 0..schema::operations(abi).len() as u32;
        opcodes.any(|opcode| split.wanted(&operation_kind(abi, opcode)).is_any())
    })
}

/// Whether an operation that does what this call does changes state, but for the peer that a datagram names.
fn changes_state(name: &str) -> bool {
    upkeep(name) != Upkeep::None && !matches!(name, "sendto" | "recvfrom")
}

fn entry_of(operation: &schema::Operation, places: &[Place]) -> OperationEntry {
    let call = &operation.call;
    let kind = |at: usize| -> ArgKind {
        let (name, kind) = call.args[at];
        kind.parse().unwrap_or_else(|error| panic!("argument {name} of {} in the schema: {error}", call.name))
    };
    let works_on_file = matches!(call.fd, FdSource::Arg(at) if kind(usize::from(at)).shape == Shape::Fd)
        || call.name == "accept4";
    let makes = call.fd == FdSource::Result;
    let flags = [
        (OPERATION_RESULT_FILE, call.file && makes),
        (OPERATION_RESULT_SOCKET, call.socket && makes),
        // A receiving names no peer, and leaves the socket as it was.
        (OPERATION_SOCKET, call.socket && !makes && call.name != "recvfrom"),
        (OPERATION_FILE, works_on_file && !OWN_LOOKUP.contains(&operation.name)),
        (OPERATION_STATE, changes_state(call.name)),
    ];
    let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).sum();
    let changes = if call.name == "recvfrom" { 0 } else { changes_of(call.name) };
    let mut entry = OperationEntry { flags, changes, ..OperationEntry::default() };
    entry.plain = match operation.name {
        "SEND" | "SEND_ZC" => [PRIORITY_MODES, u64::MAX, 0],
        "RECV" => [PRIORITY_MODES, 0, 0],
        "TIMEOUT" => [0, 0, TIMEOUT_MULTISHOT],
        _ => [0; 3],
    };
    if let FdSource::Arg(at) = call.fd
        && flags & OPERATION_FILE == 0
    {
        entry.fd_at = places[usize::from(at)].kept_at.map_or(0, |at| at - SQE_BYTES as u8);
    }
    let slot = operation.members.iter().position(|member| *member == "file_index").filter(|_| makes);
    entry.slot_at = slot.and_then(|at| places[at].kept_at).map_or(0, |at| at - SQE_BYTES as u8);
    for (at, place) in places.iter().enumerate() {
        let Some(fetch) = fetch_of(at, place, places, &kind(at)) else { continue };
        match fetch.how {
            FETCH_IOVEC_IN | FETCH_MSGHDR_IN => entry.vector = fetch,
            FETCH_FIXED_OUT | FETCH_RESULT_OUT | FETCH_LENPTR_OUT | FETCH_IOVEC_OUT | FETCH_MSGHDR_OUT => {
                entry.out = fetch;
            }
            _ => {
                if let Some(slot) = entry.fetch.get_mut(usize::from(entry.fetches)) {
                    *slot = fetch;
                    entry.fetches += 1;
                }
            }
        }
    }
    entry
}

fn fetch_of(arg: usize, place: &Place, places: &[Place], kind: &ArgKind) -> Option<OperationFetch> {
    let counted_at = |arg: u8| places.get(usize::from(arg)).and_then(Place::at);
    // What is read when the operation completes is found by the request alone.
    let kept_at = |arg: u8| places.get(usize::from(arg)).and_then(|place| place.kept_at);
    let (how, address_at, length_at, size) = match kind.fetch {
        Fetch::String if place.filename_at.is_some() => (FETCH_FILENAME, place.filename_at, place.at(), 0),
        Fetch::String => (FETCH_STRING, place.at(), None, 0),
        Fetch::Fixed { out: false, bytes } => (FETCH_FIXED_IN, place.at(), None, bytes),
        Fetch::Fixed { out: true, bytes } => (FETCH_FIXED_OUT, place.kept_at, None, bytes),
        Fetch::Counted { out: false, arg, element, .. } => {
            (FETCH_COUNTED_IN, place.at(), Some(counted_at(arg)?), element)
        }
        Fetch::Result { element, .. } => (FETCH_RESULT_OUT, place.kept_at, None, element),
        Fetch::LengthPointer { arg } => (FETCH_LENPTR_OUT, place.kept_at, Some(kept_at(arg)?), 1),
        Fetch::Iovec { out: false, arg } => (FETCH_IOVEC_IN, place.at(), Some(counted_at(arg)?), 0),
        Fetch::Iovec { out: true, arg } => (FETCH_IOVEC_OUT, place.kept_at, Some(kept_at(arg)?), 0),
        Fetch::Msghdr { out: false } => (FETCH_MSGHDR_IN, place.at(), None, 0),
        Fetch::Msghdr { out: true } => (FETCH_MSGHDR_OUT, place.kept_at, None, 0),
        _ => return None,
    };
    let length_at = length_at.unwrap_or(NOWHERE);
    Some(OperationFetch { how, arg: arg as u8, address_at: address_at?, length_at, size })
}

#[cfg(test)]
mod tests {
    use capture_format::model::Host;
    use capture_format::schema::Abi;
    use query::Filter;
    use sysreel_agent::selection::Selection;

    use super::*;

    fn entry(opcode: usize, find: impl Fn(&str, &str) -> Option<u32>) -> OperationEntry {
        let (selection, host) = (Selection::default(), Host::default());
        entries(&Operations::new(Abi::X86_64, find), &mut Split::new(&selection, None, &host))[opcode]
    }

    #[test]
    fn an_open_sends_the_name_that_the_kernel_took() {
        let with =
            entry(18, |structure, field| (structure == "io_open" && field == "filename").then_some(16));
        let fetch = OperationFetch { how: FETCH_FILENAME, arg: 1, address_at: 80, length_at: 16, size: 0 };
        assert_eq!((with.fetches, with.fetch[0]), (1, fetch));
        let without = entry(18, |_, _| None);
        let fetch = OperationFetch { how: FETCH_STRING, arg: 1, address_at: 16, length_at: NOWHERE, size: 0 };
        assert_eq!((without.fetches, without.fetch[0]), (1, fetch));
        assert_eq!(without.flags, OPERATION_RESULT_FILE | OPERATION_STATE);
    }

    /// Bits by which operations are judged, where the kernel keeps a copy of everything.
    fn judged(filter: &str, operation: &str) -> u8 {
        let (selection, host) = (Selection::default(), Host::default());
        let filter = Filter::parse(filter).expect(filter);
        let operations = Operations::new(Abi::X86_64, |_, _| Some(8));
        let mut names = schema::operations(Abi::X86_64).map(|operation| operation.name);
        let opcode = names.position(|name| name == operation).expect(operation);
        entries(&operations, &mut Split::new(&selection, Some(&filter), &host))[opcode].judged
    }

    #[test]
    fn what_changes_state_or_completes_several_times_is_not_turned_away() {
        let by_descriptor = JUDGED_BY_DESCRIPTOR | JUDGED_WITHOUT;
        for (filter, operation, expected) in [
            ("fd.name startswith /etc", "READ", by_descriptor),
            ("fd.name startswith /etc", "READ_MULTISHOT", 0),
            ("fd.name startswith /etc", "POLL_ADD", 0),
            ("fd.name startswith /etc", "CLOSE", 0),
            ("fd.name startswith /etc", "OPENAT", BEGINS_FILE),
            ("fd.name startswith /etc", "OPENAT2", 0),
            ("fd.port=443", "CONNECT", BEGINS_CONNECTION),
            // What is told of data that is sent may match by itself.
            ("fd.port=443 or evt.type=dns", "SEND", 0),
            ("fd.port=443", "SEND", by_descriptor),
            // Its descriptor is another one than the one that the kernel looks up.
            ("fd.name startswith /etc", "SPLICE", 0),
            // The kernel keeps no copy of the number.
            ("fd.name startswith /etc", "EPOLL_CTL", 0),
            ("fd.name startswith /etc", "NOP", JUDGED_WITHOUT),
            ("fs.path.name startswith /etc", "STATX", JUDGED_BY_PATH),
            // Of files that are removed it is looked whether they are the recording's.
            ("fs.path.name startswith /etc", "UNLINKAT", 0),
        ] {
            assert_eq!(judged(filter, operation), expected, "{filter}: {operation}");
        }
    }

    #[test]
    fn what_completes_several_times_when_asked_to_is_known_by_its_entry() {
        let [send, receive, timeout] = [26, 27, 11].map(|opcode| entry(opcode, |_, _| None).plain);
        // IORING_RECV_MULTISHOT and IORING_RECVSEND_BUNDLE; the address of a peer.
        assert_eq!((send[0] & receive[0] & 0x12 << 16, send[1]), (0x12 << 16, u64::MAX));
        assert_eq!((receive[1], timeout), (0, [0, 0, TIMEOUT_MULTISHOT]));
        assert_eq!(entry(22, |_, _| None).plain, [0; 3]);
    }

    #[test]
    fn what_the_kernel_fills_is_read_by_the_request_alone() {
        assert_eq!(entry(22, |_, _| None).out.how, 0);
        let read = entry(22, |_, field| (field == "addr").then_some(48));
        let fetch =
            OperationFetch { how: FETCH_RESULT_OUT, arg: 1, address_at: 112, length_at: NOWHERE, size: 1 };
        assert_eq!((read.fetches, read.out, read.flags), (0, fetch, OPERATION_FILE));
    }

    #[test]
    fn no_operation_has_more_fetches_than_its_entry_holds() {
        let operations = Operations::new(Abi::X86_64, |_, _| Some(8));
        for (opcode, operation) in schema::operations(Abi::X86_64).enumerate() {
            let places = operations.places(opcode as u16);
            let kinds = operation.call.args.iter().map(|(_, kind)| kind.parse::<ArgKind>().expect("a kind"));
            let wanted =
                kinds.enumerate().filter_map(|(at, kind)| fetch_of(at, &places[at], places, &kind)).count();
            let entry = entry_of(operation, places);
            let held = [entry.vector, entry.out].iter().filter(|fetch| fetch.how != 0).count();
            assert_eq!(usize::from(entry.fetches) + held, wanted, "{}", operation.name);
        }
    }
}
