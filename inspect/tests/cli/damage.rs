//! Captures that were cut or changed: what can be read is printed, the rest is named, and the status says so.

use crate::support::{Scratch, capture, run, run_with};

/// Numbers of the events printed.
fn printed(stdout: &str) -> Vec<u64> {
    stdout.lines().map(|line| line.parse().expect("only numbers are printed")).collect()
}

#[test]
fn cut_captures_are_readable_up_to_the_cut() {
    let bytes = capture(40, 8);
    let scratch = Scratch::new();
    let mut most = 0;
    // Every length near the ends, and some between.
    let lengths = (1..80).chain((80..bytes.len()).step_by(97)).chain(bytes.len() - 40..bytes.len());
    for length in lengths {
        let file = scratch.file("cut.reel", &bytes[..length]);
        for ran in [
            run(&["read", &file, "-p", "%evt.num"]),
            run_with(&["read", "-", "-p", "%evt.num"], &bytes[..length]),
        ] {
            assert!(!ran.stderr.is_empty(), "{length}: nothing is said");
            assert!(ran.code == 2 || (ran.code == 1 && length < 40), "{length}: {ran:?}");
            let numbers = printed(&ran.stdout);
            assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{length}: {numbers:?}");
            assert_eq!(numbers.len() % 8, 0, "{length}: blocks are whole");
            most = most.max(numbers.len());
        }
    }
    assert_eq!(most, 40, "a capture that lacks only its end has all events");
}

#[test]
fn a_damaged_block_costs_that_block() {
    let bytes = capture(40, 8);
    let scratch = Scratch::new();
    let (mut partial, mut verified) = (0, 0);
    for at in (64..bytes.len()).step_by(151) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let file = scratch.file("damaged.reel", &damaged);
        let verify = run(&["verify", &file]);
        assert_eq!(verify.code, 2, "byte {at}: {verify:?}");
        assert!(verify.stderr.contains("segment") || verify.stderr.contains("byte"), "{}", verify.stderr);
        verified += 1;
        let ran = run(&["read", &file, "-p", "%evt.num"]);
        let numbers = printed(&ran.stdout);
        assert!(numbers.is_sorted() && numbers.len() <= 40, "byte {at}: {numbers:?}");
        if numbers.len() < 40 {
            assert_eq!(ran.code, 2, "byte {at}: {ran:?}");
            assert!(!ran.stderr.is_empty());
            partial += usize::from(!numbers.is_empty());
        }
        let info = run(&["info", &file, "-j"]);
        assert!(info.code == 2 || numbers.len() == 40, "byte {at}: {info:?}");
        let pipe = run_with(&["read", "-", "-p", "%evt.num"], &damaged);
        assert_eq!(pipe.code, 2, "byte {at}: a stream is checked whole: {pipe:?}");
    }
    assert!(partial > 0 && verified > 0);
}

#[test]
fn a_growing_capture_is_readable() {
    let mut writer = crate::support::writer();
    (0..12).for_each(|n| crate::support::push(&mut writer, n));
    writer.flush();
    let bytes = writer.take();
    let scratch = Scratch::new();
    let file = scratch.file("growing.reel", &bytes);
    let ran = run(&["read", &file, "--count"]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("12\n", 2), "{}", ran.stderr);
    assert!(ran.stderr.contains("not ended"), "{}", ran.stderr);
}
