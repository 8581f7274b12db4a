//! The tables hold together, and agree with the system's own headers as the libc crate has them.

#[cfg(target_arch = "x86_64")]
mod witness;

use std::collections::BTreeSet;

use super::*;
use crate::model::FdSource;

const CATEGORIES: [&str; 16] = [
    "file",
    "net",
    "ipc",
    "memory",
    "process",
    "sleep",
    "system",
    "signal",
    "user",
    "time",
    "processing",
    "wait",
    "io-read",
    "io-write",
    "io-other",
    "other",
];

/// Bounds of the kernel's table (`FETCHES_MAX` of the wire format, and one fetch by a loop).
const SIMPLE_FETCHES_MAX: usize = 4;

fn every_call() -> impl Iterator<Item = (Abi, u32, &'static Syscall)> {
    Abi::ALL.into_iter().flat_map(|abi| syscalls(abi).map(move |(nr, call)| (abi, nr, call)))
}

/// Calls, operations of `io_uring` and what the kernel does besides, each with where it is from.
fn every_event() -> impl Iterator<Item = (String, &'static Syscall)> {
    let calls = every_call().map(|(abi, _, call)| (format!("{} on {abi}", call.name), call));
    let operations = Abi::ALL.into_iter().flat_map(|abi| {
        operations(abi).map(move |operation| (format!("{} on {abi}", operation.name), &operation.call))
    });
    let events = generated::EVENTS.iter().map(|event| (format!("event {}", event.name), event));
    calls.chain(operations).chain(events)
}

fn kinds(call: &Syscall) -> Vec<ArgKind> {
    call.args.iter().map(|(_, kind)| kind.parse().unwrap_or_else(|e| panic!("{}: {e}", call.name))).collect()
}

/// The arguments that a kind names.
fn named(kind: &ArgKind) -> impl Iterator<Item = usize> + use<> {
    let counted_by = match kind.fetch {
        Fetch::Counted { arg, .. }
        | Fetch::Share { arg, .. }
        | Fetch::Pointed { arg, .. }
        | Fetch::Choice { arg }
        | Fetch::LengthPointer { arg }
        | Fetch::Messages { arg: Some(arg) }
        | Fetch::Iovec { arg, .. } => Some(arg),
        _ => None,
    };
    let relative_to = match kind.shape {
        Shape::Path(base) => [base, None],
        Shape::SocketOption(level) => [Some(level), None],
        Shape::By(Selector { arg, lower }, _) => [Some(arg), lower],
        _ => [None, None],
    };
    counted_by.into_iter().chain(relative_to.into_iter().flatten()).map(usize::from)
}

#[test]
fn numbers_ascend_and_names_are_unique() {
    for abi in Abi::ALL {
        let numbers: Vec<u32> = syscalls(abi).map(|(nr, _)| nr).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{abi}");
        // Those behind another number may have one of their own as well.
        let direct = || syscalls(abi).filter(|(nr, _)| nr >> SUB_SHIFT == 0);
        let names: BTreeSet<&str> = direct().map(|(_, call)| call.name).collect();
        assert_eq!(names.len(), direct().count(), "{abi}");
    }
}

#[test]
fn calls_are_well_formed() {
    for (what, call) in every_event() {
        assert!(CATEGORIES.contains(&call.category), "{what}: category {}", call.category);
        let names: BTreeSet<&str> = call.args.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), call.args.len(), "{what}: two arguments of one name");
        if let Some(result) = call.result {
            assert!(!result.parse::<ArgKind>().expect(&what).is_data(), "{what}: a result is a number");
        }
        let kinds = kinds(call);
        for kind in &kinds {
            for index in named(kind) {
                assert!(index < kinds.len(), "{what}: {kind} names an argument beyond the last");
            }
            if let Shape::Path(Some(base)) = kind.shape {
                assert_eq!(kinds[usize::from(base)].shape, Shape::DirFd, "{what}: {kind}");
            }
        }
        match call.fd {
            FdSource::Arg(index) => {
                assert!(matches!(kinds[usize::from(index)].shape, Shape::Fd | Shape::DirFd), "{what}");
            }
            FdSource::Result => assert_eq!(call.result, Some("fd"), "{what}"),
            FdSource::None => assert!(!call.socket, "{what}: whose socket?"),
        }
        let first = kinds.first().map(ToString::to_string).unwrap_or_default();
        let returned = call.fd == FdSource::Result || first.starts_with("struct(fdpair)");
        assert!(!call.file || returned, "{what}: file is about the descriptors it made");
    }
}

#[test]
fn the_kernel_table_has_room_for_every_fetch() {
    for (what, call) in every_event() {
        let (vectors, simple): (Vec<ArgKind>, Vec<ArgKind>) =
            kinds(call).into_iter().filter(ArgKind::is_data).partition(|kind| {
                matches!(
                    kind.fetch,
                    Fetch::Iovec { .. }
                        | Fetch::Msghdr { .. }
                        | Fetch::Messages { .. }
                        | Fetch::Pointed { .. }
                        | Fetch::Led { .. }
                        | Fetch::Strings
                )
            });
        assert!(vectors.len() <= 1, "{what}: more than one vector");
        assert!(simple.len() <= SIMPLE_FETCHES_MAX, "{what}: too many fetches");
    }
}

fn check_shape(what: &str, shape: &Shape) {
    match shape {
        Shape::By(_, table) => assert!(choices(table).is_some(), "{what}: no choices {table}"),
        Shape::Flags(name) | Shape::Enum(name) => assert!(set(name).is_some(), "{what}: no set {name}"),
        Shape::Struct(name) => assert!(structure(name).is_some(), "{what}: no structure {name}"),
        _ => (),
    }
}

#[test]
fn every_set_and_structure_that_is_named_exists() {
    for (what, call) in every_event() {
        kinds(call).iter().for_each(|kind| check_shape(&what, &kind.shape));
    }
    for structure in generated::STRUCTS.iter() {
        for field in structure.fields {
            match field.storage {
                Storage::Inner => {
                    assert!(super::structure(field.kind).is_some(), "{}.{}", structure.name, field.name);
                    continue;
                }
                Storage::By => {
                    let (by, table) = field.kind.split_once(',').expect(structure.name);
                    assert!(structure.field(by).is_some() && choices(table).is_some(), "{}", structure.name);
                    continue;
                }
                Storage::Text | Storage::Bytes | Storage::Sockaddr | Storage::Mac => continue,
                _ => (),
            }
            let kind: ArgKind = field.kind.parse().expect(structure.name);
            assert!(!kind.is_data(), "{}.{} is a number", structure.name, field.name);
            check_shape(structure.name, &kind.shape);
        }
    }
}

#[test]
fn choices_are_well_formed() {
    for table in every_choice() {
        let kinds = table.entries.iter().map(|(_, kind)| *kind).chain([table.otherwise]);
        for text in kinds {
            let kind: ArgKind = text.parse().expect(table.name);
            check_shape(table.name, &kind.shape);
            assert!(!matches!(kind.shape, Shape::By(..)), "{} leads to another table", table.name);
        }
    }
    for (what, call) in every_event() {
        for (kind, (name, _)) in kinds(call).iter().zip(call.args) {
            let Shape::By(selector, table) = &kind.shape else { continue };
            let table = choices(table).expect("another test looks all up");
            let decides = |at: u8| !kinds(call)[usize::from(at)].is_data();
            assert!(decides(selector.arg) && selector.lower.is_none_or(decides), "{what}: {name}");
            let parsed = |text: &str| text.parse::<ArgKind>().expect(table.name);
            for text in table.entries.iter().map(|(_, text)| *text).chain([table.otherwise]) {
                let is_there = named(&parsed(text)).all(|index| index < call.args.len());
                assert!(is_there, "{what}: {text} names an argument beyond the last");
            }
            let fetches = |text: &str| parsed(text).is_data();
            let is_number = table.entries.iter().all(|(_, text)| !fetches(text));
            assert_eq!(kind.fetch == Fetch::None, is_number, "{what}: {name} is num or by");
        }
    }
}

#[test]
fn tables_that_are_searched_are_sorted() {
    assert!(generated::CHOICES.is_sorted_by(|a, b| a.name < b.name));
    assert!(every_choice().iter().all(|table| table.entries.is_sorted_by(|a, b| a.0 < b.0)));
    assert!(generated::SETS.is_sorted_by(|a, b| a.name < b.name));
    assert!(generated::STRUCTS.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn kernel_events_have_kinds() {
    for event in KernelEvent::ALL {
        let kind = kernel_event(event);
        assert_eq!((kind.name.as_str(), kind.nr), (event.name(), None));
        // What is told of a call besides it may tell how that ended.
        assert_eq!(kind.result.is_some(), event == KernelEvent::Tamper, "{}", kind.name);
        assert!(known_event_names().contains(&event.name()));
    }
}

#[test]
fn arguments_fit_into_a_record() {
    for (abi, _, call) in every_call() {
        assert!(call.args.len() <= 6, "{} on {abi}", call.name);
    }
    for abi in Abi::ALL {
        for operation in operations(abi) {
            let members = operation.members;
            assert_eq!(operation.call.args.len(), members.len(), "{}", operation.name);
            for member in members {
                assert!(
                    *member == "none" || SqeMember::from_name(member).is_some(),
                    "{}: {member}",
                    operation.name
                );
            }
        }
    }
}

#[test]
fn a_number_beyond_the_tables_is_recorded_raw() {
    let kind = event_kind(Abi::X86_64, 9999);
    assert_eq!((kind.name.as_str(), kind.nr, kind.args.len()), ("syscall_9999", Some(9999), 6));
    let set_tls = event_kind(Abi::Arm, 0xf005);
    assert_eq!((set_tls.name.as_str(), set_tls.nr), ("set_tls", Some(0xf_0005)));
    assert_eq!(event_kind(Abi::Arm, 0xf001).name, "syscall_983041");
    let openat = event_kind(Abi::Aarch64, 56);
    assert_eq!((openat.name.as_str(), openat.abi.as_str()), ("openat", "aarch64"));
    assert_eq!(openat.args[2].kind.to_string(), "flags(open.arm)");
}
