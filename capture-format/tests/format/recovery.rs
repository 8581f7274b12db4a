//! Cut and damaged captures: what was written before the damage is read, the damage is named, nothing panics.

use capture_format::{Capture, Damage, Defect, ReadError, SegmentType, StreamDecoder};

use crate::common::{OwnedEvent, read_file, read_pipe, small_capture};

/// Where each events segment ends, and how many events stand before that place.
fn events_by_offset(bytes: &[u8]) -> Vec<(u64, usize)> {
    let capture = Capture::open(bytes).expect("a capture");
    let mut total = 0;
    let blocks = capture.blocks().iter();
    blocks
        .map(|block| {
            total += block.summary.rows as usize;
            (block.segment.offset + block.segment.bytes, total)
        })
        .collect()
}

fn events_before(ends: &[(u64, usize)], offset: u64) -> usize {
    ends.iter().take_while(|&&(end, _)| end <= offset).last().map_or(0, |&(_, events)| events)
}

fn is_subsequence(found: &[OwnedEvent], events: &[OwnedEvent]) -> bool {
    let mut events = events.iter();
    found.iter().all(|event| events.any(|candidate| candidate == event))
}

#[test]
fn a_capture_cut_anywhere_gives_its_whole_segments_and_names_the_rest() {
    let (bytes, events) = small_capture();
    let ends = events_by_offset(&bytes);
    let segments = Capture::open(bytes.as_slice()).expect("a capture").segments().to_vec();
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        let both = [read_file(cut), read_pipe(cut, 1000)];
        for (way, found) in ["file", "pipe"].into_iter().zip(both) {
            if length == 0 {
                assert!(matches!(found, Err(ReadError::NotACapture)) || way == "pipe");
                continue;
            }
            let (found, damage) = found.unwrap_or_else(|error| panic!("{way} cut at {length}: {error}"));
            assert_eq!(found, events[..events_before(&ends, length as u64)], "{way} cut at {length}");
            let at_boundary = length == 32 || segments.iter().any(|segment| segment.offset == length as u64);
            let expected = |damage: &Damage| match damage.defect {
                Defect::Truncated { bytes_missing } => bytes_missing > 0 && !at_boundary,
                Defect::NotFinished => true,
                _ => false,
            };
            assert!(!damage.is_empty() && damage.iter().all(expected), "{way} cut at {length}: {damage:?}");
            let truncated = damage.iter().any(|damage| matches!(damage.defect, Defect::Truncated { .. }));
            assert_eq!(truncated, !at_boundary, "{way} cut at {length}: {damage:?}");
        }
    }
}

#[test]
fn a_flipped_byte_costs_its_segment_and_is_named() {
    let (bytes, events) = small_capture();
    let ends = events_by_offset(&bytes);
    let segments = Capture::open(bytes.as_slice()).expect("a capture").segments().to_vec();
    for offset in 0..bytes.len() {
        for flip in [0x01, 0xff] {
            let mut damaged = bytes.clone();
            damaged[offset] ^= flip;
            let place = format!("byte {offset} ^ {flip:#x}");
            let hit = segments
                .iter()
                .find(|segment| (segment.offset..segment.offset + segment.bytes).contains(&(offset as u64)));
            let capture =
                Capture::open(damaged.as_slice()).unwrap_or_else(|error| panic!("{place}: {error}"));
            let verified = capture.verify().expect("memory can be read");
            let named = verified.iter().any(|damage| match hit {
                Some(hit) => damage.number == Some(hit.number) || damage.offset == hit.offset,
                None => damage.defect == Defect::FileHeader,
            });
            assert!(named, "{place}: {verified:?}");

            let both = [read_file(&damaged), read_pipe(&damaged, 5000)];
            for (way, found) in ["file", "pipe"].into_iter().zip(both) {
                let (found, damage) = found.unwrap_or_else(|error| panic!("{way}, {place}: {error}"));
                let before = events_before(&ends, offset as u64);
                assert_eq!(found.get(..before), Some(&events[..before]), "{way}, {place}");
                assert!(is_subsequence(&found, &events), "{way}, {place}");
                // Behind the damage reading goes on: only the block that was hit may be missing.
                let lost = events.len() - found.len();
                assert!(
                    lost == 0 || hit.is_some_and(|hit| hit.kind == SegmentType::Events),
                    "{way}, {place}: {lost}"
                );
                assert!(way == "file" || !damage.is_empty(), "{way}, {place}");
            }
        }
    }
}

#[test]
fn a_segment_that_was_taken_out_breaks_the_chain() {
    let (bytes, _) = small_capture();
    let segments = Capture::open(bytes.as_slice()).expect("a capture").segments().to_vec();
    let block = segments.iter().find(|segment| segment.kind == SegmentType::Events).expect("a block");
    let mut damaged = bytes.clone();
    damaged.drain(block.offset as usize..(block.offset + block.bytes) as usize);
    let verified = Capture::open(damaged.as_slice()).expect("a capture").verify().expect("readable");
    assert!(
        verified.iter().any(|damage| damage.defect == Defect::Chain && damage.offset == block.offset),
        "{verified:?}"
    );
    let (_, damage) = read_pipe(&damaged, 4096).expect("a capture");
    assert!(damage.iter().any(|damage| damage.defect == Defect::Chain), "{damage:?}");
}

#[test]
fn other_files_are_no_captures() {
    for bytes in
        [&b""[..], b"#!/bin/sh\n", &[0; 500], b"\x7fELF and more bytes than the header of a capture has."]
    {
        assert!(matches!(Capture::open(bytes), Err(ReadError::NotACapture)), "{bytes:?}");
    }
}

#[test]
fn a_newer_version_is_refused_by_its_number() {
    let (mut bytes, _) = small_capture();
    bytes[8] = 2;
    let sum = *blake3::hash(&bytes[..28]).as_bytes();
    bytes[28..32].copy_from_slice(&sum[..4]);
    assert!(matches!(Capture::open(bytes.as_slice()), Err(ReadError::TooNew { found: 2, newest: 1 })));
}

#[test]
fn a_stream_that_is_too_new_can_still_be_finished() {
    let mut decoder = StreamDecoder::new();
    // A header with a sum that is right and a version far from any known, and more behind it; found by fuzzing.
    decoder.push(
        b"\x89REEL\x0d\x0a\x1az\x00\x00\x0d\x0a\x1azzzzzzzzzzzzzz\x0a\x8d9\xec\x00\xd9\x00zzzz\x83\x85zzzSE",
    );
    assert!(matches!(decoder.step(), Err(ReadError::TooNew { .. })));
    let _ = decoder.finish();
}
