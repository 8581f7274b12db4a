//! Captures kept as files: what version 1 wrote must stay readable, and each kind of damage has a file named after it.
//!
//! `cargo test -p capture-format -- --ignored` makes the damaged ones again, and the whole one when it is missing. The whole one is
//! never replaced: a reader that cannot read it any more is what this test is there to notice.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use capture_format::{Capture, Damage, Defect, SegmentInfo, SegmentType};

use crate::common::{host, read_file, small_capture};

const WHOLE: &str = "version-1.reel";

type Harm = fn(Vec<u8>, &[SegmentInfo]) -> Vec<u8>;
type Expected = fn(&Damage) -> bool;

/// Name, how it is made of the whole capture, what `verify` must say, events that stay readable.
const DAMAGED: [(&str, Harm, Expected, usize); 8] = [
    (
        "cut-in-second-block.reel",
        |bytes, segments| cut(bytes, block(segments, 1).offset + 200),
        |damage| {
            matches!(damage.defect, Defect::Truncated { .. }) && damage.segment == Some(SegmentType::Events)
        },
        41,
    ),
    (
        "cut-in-file-header.reel",
        |bytes, _| cut(bytes, 20),
        |damage| matches!(damage.defect, Defect::Truncated { bytes_missing: 12 }),
        0,
    ),
    (
        "without-index.reel",
        |bytes, segments| cut(bytes, segments[segments.len() - 2].offset),
        |damage| damage.defect == Defect::NotFinished,
        71,
    ),
    (
        "flipped-in-file-header.reel",
        |bytes, _| flip(bytes, 17),
        |damage| damage.defect == Defect::FileHeader,
        71,
    ),
    (
        "flipped-in-segment-header.reel",
        |bytes, segments| flip(bytes, block(segments, 0).offset + 9),
        |damage| damage.defect == Defect::NotASegment,
        30,
    ),
    (
        "flipped-in-events.reel",
        |bytes, segments| flip(bytes, block(segments, 0).offset + 110),
        |damage| damage.defect == Defect::Hash && damage.segment == Some(SegmentType::Events),
        30,
    ),
    (
        "segment-removed.reel",
        |mut bytes, segments| {
            let gone = block(segments, 0);
            bytes.drain(gone.offset as usize..(gone.offset + gone.bytes) as usize);
            bytes
        },
        |damage| damage.defect == Defect::Chain,
        30,
    ),
    (
        "zeros-in-the-middle.reel",
        |mut bytes, segments| {
            let start = block(segments, 0).offset as usize;
            bytes[start..start + 150].fill(0);
            bytes
        },
        |damage| damage.defect == Defect::NotASegment,
        30,
    ),
];

fn block(segments: &[SegmentInfo], index: usize) -> SegmentInfo {
    *segments.iter().filter(|segment| segment.kind == SegmentType::Events).nth(index).expect("two blocks")
}

fn cut(mut bytes: Vec<u8>, length: u64) -> Vec<u8> {
    bytes.truncate(length as usize);
    bytes
}

fn flip(mut bytes: Vec<u8>, offset: u64) -> Vec<u8> {
    bytes[offset as usize] ^= 0x10;
    bytes
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"))
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_capture_of_version_1_reads_as_it_was_written() {
    let bytes = fixture(WHOLE);
    let capture = Capture::open(bytes.as_slice()).expect("a capture");
    assert_eq!(capture.verify().expect("readable"), []);
    assert_eq!(capture.host(), Some(&host()));
    let (_, written) = small_capture();
    assert_eq!(read_file(&bytes).expect("a capture"), (written, Vec::new()));
}

#[test]
fn every_damage_is_named() {
    for (name, _, expected, events) in DAMAGED {
        let bytes = fixture(name);
        let capture = Capture::open(bytes.as_slice()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let damage = capture.verify().expect("readable");
        assert!(damage.iter().any(expected), "{name}: {damage:?}");
        let (found, damage) = read_file(&bytes).expect("readable");
        assert_eq!(found.len(), events, "{name}: {damage:?}");
    }
}

#[test]
fn every_file_here_has_a_test() {
    let names: BTreeSet<String> =
        DAMAGED.iter().map(|entry| entry.0).chain([WHOLE]).map(str::to_owned).collect();
    let entries = fs::read_dir(folder()).expect("the folder of fixtures");
    let found: BTreeSet<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(found, names);
}

#[test]
#[ignore = "writes the fixtures"]
fn make_fixtures() {
    fs::create_dir_all(folder()).expect("a folder");
    let whole = folder().join(WHOLE);
    if !whole.exists() {
        fs::write(&whole, small_capture().0).expect("written");
    }
    let bytes = fixture(WHOLE);
    let segments = Capture::open(bytes.as_slice()).expect("a capture").segments().to_vec();
    for (name, harm, ..) in DAMAGED {
        fs::write(folder().join(name), harm(bytes.clone(), &segments)).expect("written");
    }
}
