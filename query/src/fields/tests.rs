//! The table itself, and that it has what filters written for sysdig use.

use super::*;

/// Fields that filters and formats written for sysdig use, of the classes we have, one per line.
const PEER_FIELDS: &str = include_str!("peer_fields.txt");

#[test]
fn names_are_unique_and_sorted_within_their_class() {
    let mut seen = std::collections::HashSet::new();
    for field in fields() {
        assert!(seen.insert(field.name), "{} twice", field.name);
    }
    for pair in fields().windows(2).filter(|pair| pair[0].class() == pair[1].class()) {
        assert!(pair[0].name < pair[1].name, "{} stands before {}", pair[0].name, pair[1].name);
    }
    // A class is one run, so that listings have one heading for it.
    let mut classes: Vec<&str> = fields().iter().map(Field::class).collect();
    classes.dedup();
    let distinct: std::collections::HashSet<_> = classes.iter().collect();
    assert_eq!(classes.len(), distinct.len(), "{classes:?}");
}

#[test]
fn every_field_is_documented() {
    for field in fields() {
        assert!(field.doc.ends_with('.') && field.doc.len() > 5, "{}: {}", field.name, field.doc);
        assert!(!field.doc.contains('\n') && !field.doc.contains('|'), "{}", field.name);
        assert!(field.name.bytes().all(|byte| byte.is_ascii_lowercase() || b"._0123456789".contains(&byte)));
    }
}

#[test]
fn every_field_of_the_peer_is_known() {
    for name in PEER_FIELDS.lines() {
        assert!(find(name).is_some(), "{name}");
    }
}

#[test]
fn the_document_names_every_field() {
    let document = fields_markdown();
    for field in fields() {
        assert!(document.contains(&format!("| `{}{}` |", field.name, field.argument())), "{}", field.name);
    }
}

#[test]
fn a_name_behind_a_dot_is_an_argument_only_where_no_field_has_that_name() {
    for field in fields().iter().filter(|field| matches!(field.takes, Takes::Name | Takes::MaybeName)) {
        let below = format!("{}.", field.name);
        for other in fields().iter().filter(|other| other.name.starts_with(&below)) {
            // Exact names win, so such a pair must be meant: container.mount.dest is no argument.
            assert!(
                ["container.mount", "evt.arg"].contains(&field.name),
                "{} and {}",
                field.name,
                other.name
            );
        }
    }
}

/// A shell and a child of it, with this number in what others may set of it. Every part of a process is named here: one
/// that is new has to be put on one side or the other, and the tests of the tracker find what is on the wrong one.
fn machine(by_others: u32) -> capture_format::Entities {
    use std::sync::Arc;

    use capture_format::model::{Credentials, Entity, FileMarks, Process, Thread};
    let text = |text: &str| text.as_bytes().to_vec();
    let process = |pid: u32, parent, name: &str, by_others: u32| Process {
        pgid: by_others,
        vpgid: by_others,
        is_uncertain: by_others == 7,
        cwd: text(&format!("/{by_others}")),
        pid,
        vpid: pid,
        ppid: parent,
        parent,
        sid: 1,
        tty: 5,
        loginuid: 8,
        comm: text(name),
        exe: text(name),
        exe_path: text(&format!("/bin/{name}")),
        args: Arc::from([text("-x")]),
        args_bytes_full: 9,
        env: Arc::from([text("A=b")]),
        exe_ino: 10,
        exe_dev: 11,
        exe_mtime_ns: 12,
        exe_ctime_ns: 13,
        exe_marks: FileMarks {
            deleted: true,
            memfd: true,
            overlay_upper: true,
            overlay_lower: true,
            writable: true,
        },
        start_ns: 5,
        cgroup: text("/a"),
        namespaces: [1; 8],
        container: 0,
        fd_limit: 14,
    };
    let mut entities = capture_format::Entities::default();
    entities.define(1, Entity::Process(process(1, 0, "sh", 1)));
    entities.define(2, Entity::Process(process(2, 1, "child", by_others)));
    let thread = Thread {
        tid: 2,
        vtid: 2,
        comm: text("child"),
        process: 2,
        credentials: Credentials { uid: 3, ..Credentials::default() },
    };
    entities.define(1, Entity::Thread(thread));
    entities
}

#[test]
fn what_others_can_change_is_declared() {
    let host = capture_format::model::Host::default();
    let values = |field: &Field, read: for<'a> fn(&ThreadView<'a>, &Argument) -> Option<Value<'a>>| {
        let of = |group: u32| {
            let entities = machine(group);
            let recording = Recording { entities: &entities, host: &host, first_time_ns: 0 };
            let view = ThreadView::new(&recording, 1);
            let arguments =
                [Argument::None, Argument::Index(0), Argument::Index(1), Argument::Name("A".into())];
            arguments.map(|argument| format!("{:?}", read(&view, &argument)))
        };
        let (led, leading, other) = (of(1), of(2), of(7));
        let changes = led != leading || led != other;
        assert_eq!(changes, field.is_changed_by_others(), "{}: {led:?} {leading:?} {other:?}", field.name);
    };
    for field in fields() {
        match field.read {
            Read::Thread(read) => values(field, read),
            _ => assert!(!field.is_changed_by_others(), "{} is not about a thread", field.name),
        }
    }
}
