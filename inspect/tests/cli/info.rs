//! `sysreel info` and `sysreel verify` on sound captures.

use serde_json::Value;

use crate::support::{Scratch, capture, capture_with_loss, run, run_with};

fn object(bytes: &[u8], as_pipe: bool) -> Value {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", bytes);
    let ran = if as_pipe { run_with(&["info", "-", "-j"], bytes) } else { run(&["info", &file, "-j"]) };
    assert_eq!((ran.stderr.as_str(), ran.code), ("", 0));
    serde_json::from_str(&ran.stdout).expect("one object")
}

#[test]
fn everything_adds_up() {
    let bytes = capture(4000, 100);
    for as_pipe in [false, true] {
        let info = object(&bytes, as_pipe);
        assert_eq!(info["events"], 4000);
        assert_eq!(info["events_failed"], 1000);
        assert_eq!(info["produced"], 4000);
        assert_eq!(info["lost"], 0);
        assert_eq!(info["losses"], serde_json::json!([]));
        assert_eq!(info["span_ns"], 3_999_000_000u64);
        assert_eq!(info["bytes"], bytes.len());
        assert_eq!(info["blocks"], 40);
        assert_eq!(info["finished"], true);
        assert_eq!(info["types"], serde_json::json!({"openat": 2000, "read": 1000, "close": 1000}));
        assert_eq!(info["host"]["hostname"], "web-1");
        assert_eq!(info["processes"][0]["name"], "curl");
        assert_eq!(info["processes"][0]["events"], 3000);
        assert_eq!(info["containers"][1]["name"], "shop");
        let columns = info["columns"].as_array().expect("a list");
        let stored: u64 = columns.iter().filter_map(|column| column["bytes"].as_u64()).sum();
        assert!(stored > 0 && stored < bytes.len() as u64, "{stored}");
        assert!(columns.iter().any(|column| column["name"] == "read.data"), "{columns:?}");
    }
}

#[test]
fn losses_are_told() {
    for as_pipe in [false, true] {
        let info = object(&capture_with_loss(), as_pipe);
        assert_eq!((&info["events"], &info["lost"], &info["produced"]), (&8.into(), &7.into(), &15.into()));
        let loss = serde_json::json!({
            "cpu": 1, "cause": "ring full", "class": "syscall", "count": 7,
            "from": 1_700_000_001_005_000_001u64, "to": 1_700_000_001_005_999_999u64,
        });
        assert_eq!(info["losses"], serde_json::json!([loss]));
    }
}

#[test]
fn people_are_told_the_same() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture_with_loss());
    let ran = run(&["info", &file]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for part in [
        "web-1, Linux 6.18.0 x86_64, 2 CPUs",
        "2023-11-14 22:13:21.000000000 +0000",
        "produced    15\n",
        "lost        7\n",
        "           4  openat",
        "100 curl -x",
        "shop",
        "ring full",
    ] {
        assert!(ran.stdout.contains(part), "{part} is missing in\n{}", ran.stdout);
    }
}

#[test]
fn sound_captures_verify() {
    for bytes in [capture(0, 1), capture(40, 8), capture_with_loss()] {
        let scratch = Scratch::new();
        let file = scratch.file("a.reel", &bytes);
        for ran in [run(&["verify", &file]), run_with(&["verify", "-"], &bytes)] {
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            assert!(ran.stdout.contains("intact"), "{}", ran.stdout);
        }
        assert_eq!(run(&["verify", "-q", &file]).stdout, "");
        assert!(run(&["verify", "-v", &file]).stdout.lines().count() > 2);
    }
}
