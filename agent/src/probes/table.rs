//! The kernel's table of calls, made from the schema.

use capture_format::model::{EventKind, FdSource};
use capture_format::schema::{self, Abi, ArgKind, Fetch as Kind, Place, Shape, event_kind};
use sysreel_agent::split::{Judged, ReadOut, Split, Wanted, only_path};
use sysreel_agent::track::{
    Changes, Source, Upkeep, changes, changes_own_process, guard, opens_by_path, upkeep,
};
use wire::outside::{Outside, PORTS_MAX, PREFIXES_MAX, Prefix};
use wire::ring::EventClass;
use wire::table::{
    BEGINS_CONNECTION, BEGINS_FILE, CALL_ENTRIES, CALL_FILE, CALL_IMAGE, CALL_NAMED, CALL_NAMELESS,
    CALL_SILENT_ZERO, CALL_SOCKET, CALL_SOCKET_NAMED, CALL_STATE, CALL_UNKNOWN, CALLS_MAX, CHANGES_ALL,
    CHANGES_ARGUMENT, CHANGES_RESULT, CHANGES_WITH_PEER, CallEntry, ChoiceKey, EITHER_KEPT, EITHER_NAMED,
    EITHER_OF_INTEREST, FD_NONE, FD_PAIR, FD_RESULT, FETCH_CHOICE, FETCH_COUNTED_IN, FETCH_COUNTED_OUT,
    FETCH_FIXED_IN, FETCH_FIXED_OUT, FETCH_IOVEC_IN, FETCH_IOVEC_OUT, FETCH_LED, FETCH_LENPTR_OUT,
    FETCH_MESSAGES_IN, FETCH_MESSAGES_OUT, FETCH_MSGHDR_IN, FETCH_MSGHDR_OUT, FETCH_NONE, FETCH_POINTED_IN,
    FETCH_RESULT_OUT, FETCH_SHARE_IN, FETCH_SHARE_OUT, FETCH_STRING, FETCH_STRINGS, Fetch,
    JUDGED_BY_DESCRIPTOR, JUDGED_BY_PATH, JUDGED_WHOLLY, JUDGED_WITHOUT, SELECTED, SELECTED_FAILED,
    SELECTED_SUCCEEDED, SHARED_ABSENT, SHARED_BY_IPC, SHARED_BY_SOCKETCALL, SHARED_CHILD, SHARED_IPC,
    SHARED_MAX, SHARED_MEMORY, SHARED_SOCKETCALL, UPKEEP_ALWAYS, UPKEEP_NONE, UPKEEP_ON_SOCKET,
    UPKEEP_ON_SUCCESS, UPKEEP_OWN, UPKEEP_PEER, UPKEEP_WHEN,
};

/// The machine this agent was built for.
pub(crate) const NATIVE: Abi = if cfg!(target_arch = "aarch64") { Abi::Aarch64 } else { Abi::X86_64 };

/// All entries: native calls, then those of 32-bit programs.
pub(super) fn entries(split: &mut Split<'_>) -> Vec<CallEntry> {
    let selected = if split.wants_unknown() { SELECTED } else { 0 };
    let class = EventClass::Other as u8;
    let unknown = CallEntry { nargs: 6, fd: FD_NONE, selected, class, ..CallEntry::default() };
    let mut entries = vec![unknown; CALL_ENTRIES];
    entries[2 * CALLS_MAX..].fill(CallEntry { nargs: SHARED_ABSENT, ..CallEntry::default() });
    let begins = Begins::of(split);
    for (abi, width) in [(NATIVE, Width::Wide), (NATIVE.compat(), Width::Narrow)] {
        for (nr, call) in schema::syscalls(abi) {
            let place = schema::place(abi, nr);
            // A number beyond the table is recorded raw, like one that the schema does not know.
            if let Some(entry) = index_of(nr, width, place).and_then(|index| entries.get_mut(index)) {
                *entry = placed(entry_of(call, width), place);
                let kind = event_kind(abi, nr);
                let read_out = split.read_out(&kind);
                select(entry, &split.wanted(&kind), call.name, read_out, width);
                judge(entry, &kind, split, &begins);
            }
        }
    }
    share(&mut entries);
    let either = |entry: &CallEntry| {
        let is_image = entry.flags & CALL_IMAGE != 0;
        let is_of_interest = entry.selected != 0 || entry.upkeep & UPKEEP_WHEN != UPKEEP_NONE || is_image;
        let is_kept = entry.upkeep & (UPKEEP_ALWAYS | UPKEEP_OWN) != 0 || is_image;
        let by_name = entry.upkeep & UPKEEP_PEER != 0;
        let is_named = by_name && entry.flags & CALL_SOCKET_NAMED != 0;
        let is_kept = is_kept || (by_name && !is_named);
        let bits = [(EITHER_OF_INTEREST, is_of_interest), (EITHER_KEPT, is_kept), (EITHER_NAMED, is_named)];
        bits.into_iter().filter(|(_, is_set)| *is_set).map(|(bit, _)| bit).sum::<u8>()
    };
    let (native, compat) = entries[..2 * CALLS_MAX].split_at_mut(CALLS_MAX);
    for (native, compat) in native.iter_mut().zip(compat) {
        if compat.flags & CALL_SILENT_ZERO != 0 && compat.flags & CALL_IMAGE == 0 {
            native.shared = SHARED_CHILD;
        }
        let either = either(native) | either(compat);
        (native.either, compat.either) = (either, either);
    }
    entries
}

/// How wide longs and pointers of a program are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Narrow,
    Wide,
}

/// Where the entry of a call stands.
fn index_of(nr: u32, width: Width, place: Option<Place>) -> Option<usize> {
    let sub = (nr >> schema::SUB_SHIFT) as usize;
    let base = match (width, place) {
        (_, Some(Place::Socketcall)) => return (sub < SHARED_MAX).then_some(2 * CALLS_MAX + sub),
        (_, Some(Place::Ipc(_))) => return (sub < SHARED_MAX).then_some(2 * CALLS_MAX + SHARED_MAX + sub),
        (Width::Wide, _) => 0,
        (Width::Narrow, _) => CALLS_MAX,
    };
    let nr = nr as usize;
    (nr < CALL_UNKNOWN).then_some(base + nr)
}

/// An entry that says where its arguments are.
fn placed(entry: CallEntry, place: Option<Place>) -> CallEntry {
    match place {
        None => entry,
        Some(Place::Memory) => CallEntry { shared: SHARED_MEMORY, ..entry },
        Some(Place::Socketcall) => CallEntry { shared: SHARED_SOCKETCALL, ..entry },
        Some(Place::Ipc(order)) => {
            let order = order.iter().enumerate().map(|(at, &register)| u32::from(register) << (3 * at)).sum();
            CallEntry { shared: SHARED_IPC, order, ..entry }
        }
    }
}

/// Numbers behind which several calls stand are of interest when one of these is.
fn share(entries: &mut [CallEntry]) {
    for (name, shared, first) in [
        ("socketcall", SHARED_BY_SOCKETCALL, 2 * CALLS_MAX),
        ("ipc", SHARED_BY_IPC, 2 * CALLS_MAX + SHARED_MAX),
    ] {
        let Some(nr) = schema::syscall_nr(NATIVE.compat(), name) else { continue };
        let behind = &entries[first..first + SHARED_MAX];
        let selected = behind.iter().fold(0, |all, entry| all | entry.selected);
        let is_kept = behind.iter().any(|entry| entry.upkeep & UPKEEP_WHEN != UPKEEP_NONE);
        let parent = &mut entries[CALLS_MAX + nr as usize];
        parent.shared = shared;
        parent.selected |= selected;
        if is_kept {
            // Of interest; what it is about is decided by the entry of the call itself.
            parent.upkeep = UPKEEP_ON_SUCCESS;
        }
    }
}

/// Says of a call which of it is wanted, and what of it must be seen for other reasons.
fn select(entry: &mut CallEntry, wanted: &Wanted, name: &str, read_out: Option<ReadOut>, width: Width) {
    let bits = [(SELECTED_SUCCEEDED, wanted.succeeded), (SELECTED_FAILED, wanted.failed)];
    entry.selected = bits.into_iter().filter(|(_, is_set)| *is_set).map(|(bit, _)| bit).sum();
    entry.latency_min_ns = wanted.latency_min_ns;
    // What may be an attempt on the recording is looked at whatever is selected.
    entry.upkeep = match (upkeep(name).max(guard(name)), width) {
        (Upkeep::None, _) => UPKEEP_NONE,
        (Upkeep::WhenNamed, Width::Wide) => UPKEEP_PEER,
        (Upkeep::WhenNamed, Width::Narrow) | (Upkeep::OnSuccess, _) => UPKEEP_ON_SUCCESS,
        (Upkeep::Always, _) => UPKEEP_ALWAYS,
    };
    if entry.upkeep & UPKEEP_ALWAYS == 0 {
        entry.upkeep |= match read_out.map(|read_out| read_out.source) {
            None => UPKEEP_NONE,
            Some(Source::DataOfSocket) => UPKEEP_ON_SOCKET,
            Some(Source::Success) => UPKEEP_ON_SUCCESS,
        };
    }
    if changes_own_process(name) {
        entry.upkeep |= UPKEEP_OWN;
    }
}

/// What the kernel side can tell of a descriptor when it begins.
#[derive(Clone, Copy)]
pub(super) struct Begins {
    /// How a path begins.
    pub(super) paths: bool,
    /// Whether a file that is opened by its path is outside.
    pub(super) files: bool,
    /// Whether a connection is.
    pub(super) connections: bool,
}

impl Begins {
    pub(super) fn of(split: &mut Split<'_>) -> Self {
        let fits = |prefixes: &Vec<Vec<u8>>| prefixes.len() <= PREFIXES_MAX;
        Begins {
            paths: fits(&split.named_prefixes()),
            files: split.prefixes().as_ref().is_some_and(fits),
            connections: split.ports().is_some_and(|ports| ports.len() <= PORTS_MAX),
        }
    }
}

/// The lists by which the kernel side tells that.
pub(super) fn outside(split: &mut Split<'_>) -> Outside {
    let begins = Begins::of(split);
    let mut outside = Outside::default();
    if begins.paths {
        for (prefix, text) in outside.prefixes.iter_mut().zip(split.named_prefixes()) {
            *prefix = Prefix::of(&text);
        }
    }
    if begins.connections {
        let ports = split.ports().unwrap_or_default();
        outside.ports[..ports.len()].copy_from_slice(&ports);
    }
    outside.files = begins.files.into();
    outside.sockets = begins.connections.into();
    outside.is_ready = 1;
    outside
}

/// Says of a call by what else it may be turned away, and of which descriptors it changes what is known.
fn judge(entry: &mut CallEntry, kind: &EventKind, split: &mut Split<'_>, begins: &Begins) {
    entry.changes = changes_of(&kind.name);
    if entry.selected != 0 {
        entry.judged = match split.judged(kind) {
            Judged::ByDescriptor { or_none: false } => JUDGED_BY_DESCRIPTOR,
            Judged::ByDescriptor { or_none: true } => JUDGED_BY_DESCRIPTOR | JUDGED_WITHOUT,
            Judged::ByPath(path) if begins.paths => {
                entry.path = path;
                JUDGED_BY_PATH
            }
            Judged::ByPath(_) | Judged::WithoutDescriptor | Judged::No => 0,
        };
        let is_read_out = split.read_out(kind).is_some_and(|read_out| !read_out.by_descriptor);
        if entry.judged & JUDGED_BY_DESCRIPTOR != 0
            && upkeep(&kind.name).max(guard(&kind.name)) <= Upkeep::WhenNamed
            && !is_read_out
        {
            entry.judged |= JUDGED_WHOLLY;
        }
    }
    if begins.files
        && opens_by_path(kind)
        && let Some(path) = only_path(kind)
    {
        entry.path = path;
        entry.judged |= BEGINS_FILE;
    }
    if begins.connections && connects(&kind.name) {
        entry.judged |= BEGINS_CONNECTION;
    }
}

/// Bits `CHANGES_*` of the call with this name.
pub(super) fn changes_of(name: &str) -> u8 {
    match changes(name) {
        Changes::None => 0,
        Changes::Argument => CHANGES_ARGUMENT,
        Changes::Peer => CHANGES_WITH_PEER,
        Changes::Result => CHANGES_RESULT,
        Changes::All => CHANGES_ALL,
    }
}

/// Whether the call connects the socket it is about, or makes a connected one.
pub(super) fn connects(name: &str) -> bool {
    matches!(name, "connect" | "accept" | "accept4")
}

fn entry_of(call: &schema::Syscall, width: Width) -> CallEntry {
    let mut entry = CallEntry { nargs: call.args.len() as u8, fd: FD_NONE, ..CallEntry::default() };
    entry.flags = flags_of(call);
    entry.class = class_of(call) as u8;
    entry.fd = match call.fd {
        // The two ends of a pipe are one file.
        FdSource::None if call.file => FD_PAIR,
        FdSource::None => FD_NONE,
        FdSource::Arg(index) => index,
        FdSource::Result => FD_RESULT,
    };
    for (index, (name, kind)) in call.args.iter().enumerate() {
        let kind: ArgKind = kind
            .parse()
            .unwrap_or_else(|error| panic!("argument {name} of {} in the schema: {error}", call.name));
        let Some(fetch) = fetch_of(index as u8, &kind) else { continue };
        if is_vector(fetch.how) {
            // One per call: process_vm_readv and its like have two, of which the first is ours.
            if entry.vector.how == FETCH_NONE {
                let size = if width == Width::Narrow { 4 } else { 8 };
                entry.vector = Fetch { size, ..fetch };
            }
        } else if let Some(slot) = entry.fetch.get_mut(usize::from(entry.fetches)) {
            *slot = fetch;
            entry.fetches += 1;
        }
    }
    entry
}

fn flags_of(call: &schema::Syscall) -> u8 {
    let is_named = matches!(call.name, "sendto" | "recvfrom");
    let flags = [
        (CALL_SOCKET, call.socket),
        (CALL_SOCKET_NAMED, is_named),
        (CALL_FILE, call.file),
        (CALL_SILENT_ZERO, call.silent_zero),
        (CALL_IMAGE, matches!(call.name, "execve" | "execveat")),
        (CALL_NAMELESS, call.name == "open_by_handle_at"),
        (CALL_NAMED, matches!(call.name, "open" | "openat" | "openat2" | "creat")),
        (CALL_STATE, upkeep(call.name) != Upkeep::None && !is_named),
    ];
    flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).sum()
}

/// Calls that change what a process may do, reach into other processes or change the kernel, whatever category they
/// are listed in.
const POWERS: [&str; 23] = [
    "bpf",
    "capset",
    "chroot",
    "delete_module",
    "finit_module",
    "init_module",
    "kexec_file_load",
    "kexec_load",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_by_handle_at",
    "perf_event_open",
    "pivot_root",
    "prctl",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "seccomp",
    "setns",
    "umount",
    "umount2",
    "unshare",
];

/// Calls by which processes begin, end and reach each other.
const LIVES: [&str; 17] = [
    "clone",
    "clone3",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "fork",
    "kill",
    "pidfd_open",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "tgkill",
    "tkill",
    "vfork",
    "wait4",
    "waitid",
];

/// What is shed, and lost when a ring runs full, before what. Calls that only ask are cheap and come in storms, so they
/// do not count with those that change something.
pub(super) fn class_of(call: &schema::Syscall) -> EventClass {
    let is_change = upkeep(call.name) != Upkeep::None;
    match call.category {
        _ if POWERS.contains(&call.name) => EventClass::Credential,
        _ if LIVES.contains(&call.name) => EventClass::Process,
        "user" if is_change => EventClass::Credential,
        "process" if is_change => EventClass::Process,
        "net" => EventClass::Network,
        "io-read" | "io-write" => EventClass::Io,
        "file" | "io-other" => EventClass::File,
        _ if is_change => EventClass::File,
        _ => EventClass::Other,
    }
}

/// Whether a fetch is by a loop, or in several steps.
fn is_vector(how: u8) -> bool {
    (FETCH_IOVEC_IN..=FETCH_STRINGS).contains(&how)
        || matches!(how, FETCH_MESSAGES_IN | FETCH_MESSAGES_OUT | FETCH_POINTED_IN | FETCH_LED)
}

fn fetch_of(arg: u8, kind: &ArgKind) -> Option<Fetch> {
    let (how, param, size, extra) = match kind.fetch {
        Kind::None => return None,
        Kind::String => (FETCH_STRING, 0, 0, 0),
        Kind::Strings => (FETCH_STRINGS, 0, 0, 0),
        Kind::Fixed { out: false, bytes } => (FETCH_FIXED_IN, 0, bytes, 0),
        Kind::Fixed { out: true, bytes } => (FETCH_FIXED_OUT, 0, bytes, 0),
        Kind::Counted { out: false, arg, element, extra } => (FETCH_COUNTED_IN, arg, element, extra),
        Kind::Counted { out: true, arg, element, extra } => (FETCH_COUNTED_OUT, arg, element, extra),
        Kind::Share { out: false, arg, per } => (FETCH_SHARE_IN, arg, per.ilog2(), 0),
        Kind::Share { out: true, arg, per } => (FETCH_SHARE_OUT, arg, per.ilog2(), 0),
        Kind::Result { element, extra } => (FETCH_RESULT_OUT, 0, element, extra),
        Kind::LengthPointer { arg } => (FETCH_LENPTR_OUT, arg, 0, 0),
        Kind::Iovec { out: false, arg } => (FETCH_IOVEC_IN, arg, 0, 0),
        Kind::Iovec { out: true, arg } => (FETCH_IOVEC_OUT, arg, 0, 0),
        Kind::Msghdr { out: false } => (FETCH_MSGHDR_IN, 0, 0, 0),
        Kind::Msghdr { out: true } => (FETCH_MSGHDR_OUT, 0, 0, 0),
        Kind::Messages { arg: Some(arg) } => (FETCH_MESSAGES_IN, arg, 0, 0),
        Kind::Messages { arg: None } => (FETCH_MESSAGES_OUT, 0, 0, 0),
        Kind::Led { out } => (FETCH_LED, 0, 0, u8::from(out)),
        Kind::Pointed { arg, element } => (FETCH_POINTED_IN, arg, 0, element),
        Kind::Choice { arg } => (FETCH_CHOICE, arg, choice_number(&kind.shape)?, 0),
    };
    Some(Fetch { how, arg, param, extra, size })
}

/// The number by which the kernel side knows the table of a choice.
fn choice_number(shape: &Shape) -> Option<u32> {
    let Shape::By(_, table) = shape else { return None };
    schema::every_choice().iter().position(|choices| choices.name == table).map(|at| at as u32)
}

/// What to fetch for the values that a choice depends on, of all tables that decide about a fetch.
pub(super) fn choices() -> Vec<(ChoiceKey, Fetch)> {
    let deciding = schema::every_choice().iter().enumerate();
    let entries = deciding.flat_map(|(table, choices)| {
        choices.entries.iter().filter_map(move |(value, kind)| {
            let value = u32::try_from(*value).ok()?;
            let kind: ArgKind = kind.parse().expect("schema tests parse all kinds");
            let fetch =
                fetch_of(0, &kind).filter(|fetch| !is_vector(fetch.how) && fetch.how != FETCH_CHOICE)?;
            Some((ChoiceKey { table: table as u32, value }, fetch))
        })
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use capture_format::model::Host;
    use sysreel_agent::selection::Selection;
    use wire::table::{CHOICES_MAX, POINTED_BYTES_MAX};

    use super::*;

    fn native(name: &str) -> CallEntry {
        selected_by("!ptrace", name)
    }

    fn selected_by(list: &str, name: &str) -> CallEntry {
        all_by(list)[schema::syscall_nr(NATIVE, name).expect(name) as usize]
    }

    fn all_by(list: &str) -> Vec<CallEntry> {
        let (selection, host) = (list.parse().expect(list), Host::default());
        entries(&mut Split::new(&selection, None, &host))
    }

    #[test]
    fn what_is_not_selected_comes_through_only_for_state() {
        for (name, selected) in [("getppid", SELECTED), ("read", 0), ("openat", 0), ("close", 0)] {
            assert_eq!(selected_by("getppid", name).selected, selected, "{name}");
        }
        for (name, kept) in [
            ("getppid", UPKEEP_NONE),
            ("openat", UPKEEP_ON_SUCCESS),
            ("close", UPKEEP_ALWAYS),
            ("sendto", UPKEEP_PEER),
            ("recvmsg", UPKEEP_PEER),
        ] {
            assert_eq!(selected_by("getppid", name).upkeep, kept, "{name}");
        }
        assert_eq!(selected_by("!read", "openat").selected, SELECTED);
        let (selection, host) = ("getppid".parse().expect("a list"), Host::default());
        assert_eq!(entries(&mut Split::new(&selection, None, &host))[CALL_UNKNOWN].selected, 0);
    }

    #[test]
    fn what_is_kept_whoever_calls_is_not_turned_away_by_thread() {
        let kept = EITHER_OF_INTEREST | EITHER_KEPT;
        for (name, either) in [
            ("getppid", EITHER_OF_INTEREST),
            ("read", 0),
            ("openat", kept),
            ("execve", kept),
            ("setuid", kept),
            ("kill", kept),
            ("recvfrom", EITHER_OF_INTEREST | EITHER_NAMED),
            ("recvmsg", kept),
        ] {
            assert_eq!(selected_by("getppid", name).either, either, "{name}");
        }
        if cfg!(target_arch = "x86_64") {
            // Number 5 is fstat, and open in the 32-bit table; 102 is getuid, and socketcall, behind which are calls that are kept.
            let (selection, host) = (Selection::default(), Host::default());
            let entries = entries(&mut Split::new(&selection, None, &host));
            assert_eq!((entries[5].either, entries[102].either), (kept, kept));
        }
    }

    #[test]
    fn what_changes_something_is_kept_longer_than_what_asks() {
        for (name, class) in [
            ("clone3", EventClass::Process),
            ("exit_group", EventClass::Process),
            ("kill", EventClass::Process),
            ("setuid", EventClass::Credential),
            ("capset", EventClass::Credential),
            ("setns", EventClass::Credential),
            ("unshare", EventClass::Credential),
            ("ptrace", EventClass::Credential),
            ("connect", EventClass::Network),
            ("openat", EventClass::File),
            ("close", EventClass::File),
            ("getpid", EventClass::Other),
            ("getuid", EventClass::Other),
            ("futex", EventClass::Other),
            ("read", EventClass::Io),
            ("sendto", EventClass::Io),
        ] {
            assert_eq!(native(name).class, class as u8, "{name}");
        }
        assert_eq!(native("openat").flags & CALL_STATE, CALL_STATE);
        assert_eq!(native("read").flags & CALL_STATE, 0);
        for name in POWERS.iter().chain(&LIVES) {
            assert!(schema::syscall_nr(Abi::X86_64, name).is_some() || *name == "umount", "{name}");
        }
    }

    #[test]
    fn io_submit_follows_pointers() {
        let vector = native("io_submit").vector;
        let expected = Fetch { how: FETCH_POINTED_IN, arg: 2, param: 1, extra: 64, size: 8 };
        assert_eq!(vector, expected);
        assert!(schema::structure("iocb").is_some_and(|iocb| iocb.bytes <= POINTED_BYTES_MAX.into()));
    }

    #[test]
    fn read_copies_what_the_result_says() {
        let read = native("read");
        assert_eq!((read.nargs, read.fetches, read.fd), (3, 1, 0));
        assert_eq!(read.fetch[0], Fetch { how: FETCH_RESULT_OUT, arg: 1, size: 1, ..Fetch::default() });
    }

    #[test]
    fn openat_copies_the_path_and_describes_the_file() {
        let openat = native("openat");
        assert_eq!((openat.fetches, openat.fetch[0].how, openat.fetch[0].arg), (1, FETCH_STRING, 1));
        assert_eq!((openat.flags, openat.fd), (CALL_FILE | CALL_STATE | CALL_NAMED, FD_RESULT));
    }

    #[test]
    fn only_pipes_describe_a_pair() {
        let pairs = |(_, call): &(u32, &schema::Syscall)| call.file && call.fd == FdSource::None;
        for (_, call) in schema::syscalls(NATIVE).filter(pairs) {
            assert!(matches!(call.name, "pipe" | "pipe2"), "{}", call.name);
        }
        assert_eq!((native("pipe2").flags, native("pipe2").fd), (CALL_FILE | CALL_STATE, FD_PAIR));
    }

    #[test]
    fn no_call_has_more_blocks_or_vectors_than_its_entry_holds() {
        for (_, call) in schema::syscalls(NATIVE) {
            let fetches: Vec<Fetch> = call
                .args
                .iter()
                .enumerate()
                .filter_map(|(index, (_, kind))| {
                    fetch_of(index as u8, &kind.parse::<ArgKind>().expect("schema tests parse all kinds"))
                })
                .collect();
            let vectors = fetches.iter().filter(|fetch| is_vector(fetch.how)).count();
            assert!(fetches.len() - vectors <= wire::table::FETCHES_MAX, "{} has too many blocks", call.name);
            let two_vectors = ["process_vm_readv", "process_vm_writev", "execve", "execveat"];
            assert!(vectors <= 1 || two_vectors.contains(&call.name), "{} has {vectors} vectors", call.name);
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn calls_of_32_bit_programs_have_their_own_widths_and_places() {
        let all = all_by("!ptrace");
        let narrow = |nr: usize| all[CALLS_MAX + nr];
        assert_eq!((narrow(146).vector.how, narrow(146).vector.size), (FETCH_IOVEC_IN, 4), "writev");
        assert_eq!((narrow(90).shared, narrow(90).nargs), (SHARED_MEMORY, 6), "mmap");
        assert_eq!((narrow(102).shared, narrow(102).selected), (SHARED_BY_SOCKETCALL, SELECTED));
        let connect = all[2 * CALLS_MAX + 3];
        assert_eq!((connect.nargs, connect.fetches, connect.shared), (3, 1, SHARED_SOCKETCALL));
        let semop = all[2 * CALLS_MAX + SHARED_MAX + 1];
        assert_eq!((semop.shared, semop.order & 0o777), (SHARED_IPC, 0o241));
        assert_eq!(all[2 * CALLS_MAX + 31].nargs, SHARED_ABSENT);
        let socket = all_by("connect");
        assert_eq!(socket[CALLS_MAX + 102].selected, SELECTED, "what selects connect looks at socketcall");
        assert_eq!(
            (socket[2 * CALLS_MAX + 2].selected, socket[2 * CALLS_MAX + 2].upkeep),
            (0, UPKEEP_ON_SUCCESS),
            "bind"
        );
    }

    #[test]
    fn choices_fit_the_kernel_table() {
        let choices = choices();
        assert!(choices.len() <= CHOICES_MAX as usize, "{}", choices.len());
        let keys: std::collections::HashSet<ChoiceKey> = choices.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys.len(), choices.len());
        let ioctl = native("ioctl").fetch[0];
        assert_eq!((ioctl.how, ioctl.arg, ioctl.param), (FETCH_CHOICE, 2, 1));
        let tcgets = choices.iter().find(|(key, _)| *key == ChoiceKey { table: ioctl.size, value: 0x5401 });
        let expected = Fetch { how: FETCH_FIXED_OUT, size: 36, ..Fetch::default() };
        assert_eq!(tcgets.map(|(_, fetch)| *fetch), Some(expected));
    }

    #[test]
    fn an_unknown_number_is_recorded_raw() {
        let (selection, host) = (Selection::default(), Host::default());
        let entry = entries(&mut Split::new(&selection, None, &host))[CALL_UNKNOWN];
        assert_eq!((entry.nargs, entry.selected, entry.fetches), (6, SELECTED, 0));
    }
}
