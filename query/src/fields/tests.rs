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
