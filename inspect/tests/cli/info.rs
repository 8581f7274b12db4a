//! `sysreel info` and `sysreel verify` on sound captures.

use serde_json::Value;

use capture_format::Tally;
use capture_format::model::{CPU_UNKNOWN, Loss, LossCause};

use crate::support::{
    BOOT_WALL_NS, FIRST_NS, STEP_NS, Scratch, capture, capture_with_loss, push, run, run_with, writer,
};

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

/// Losses of several sorts, of which one comes again, and events that did not match a filter. The losses are of these
/// counts.
fn capture_with_losses([again, often, unknown]: [u64; 3]) -> Vec<u8> {
    let mut writer = writer();
    push(&mut writer, 0);
    let loss = |cpu, cause, class: &str, count, from: u64, to: u64| Loss {
        cpu,
        cause,
        class: class.to_owned(),
        count,
        from_ns: FIRST_NS + from * STEP_NS,
        to_ns: FIRST_NS + to * STEP_NS,
    };
    for loss in [
        loss(1, LossCause::RingFull, "syscall", again, 5, 6),
        loss(1, LossCause::Shed, "io", often, 1, 9),
        loss(1, LossCause::RingFull, "syscall", again, 2, 4),
        loss(0, LossCause::RingFull, "syscall", 1, 3, 4),
        loss(CPU_UNKNOWN, LossCause::Missed, "syscall", unknown, 2, 8),
    ] {
        writer.loss(loss);
    }
    let produced = again.saturating_mul(2).saturating_add(often);
    writer.tally(Tally { cpu: 0, produced: 2, stored: 1, left_out: 4 });
    writer.tally(Tally { cpu: 1, produced, stored: 0, left_out: 5 });
    writer.finish()
}

#[test]
fn losses_are_added_up_by_class_cause_and_cpu() {
    let at = |step: u64| BOOT_WALL_NS as u64 + FIRST_NS + step * STEP_NS;
    let bytes = capture_with_losses([3, 20, 5]);
    for as_pipe in [false, true] {
        let info = object(&bytes, as_pipe);
        let total = |cpu: Option<u16>, cause: &str, class: &str, count: u64, from, to| serde_json::json!({"cpu": cpu, "cause": cause, "class": class, "count": count, "from": at(from), "to": at(to)});
        assert_eq!(
            info["loss_totals"],
            serde_json::json!([
                total(Some(1), "shed", "io", 20, 1, 9),
                total(Some(1), "ring full", "syscall", 6, 2, 6),
                total(None, "missed", "syscall", 5, 2, 8),
                total(Some(0), "ring full", "syscall", 1, 3, 4),
            ])
        );
        assert_eq!(info["losses"].as_array().map(Vec::len), Some(5));
        assert_eq!([&info["lost"], &info["left_out"], &info["produced"]], [32, 9, 28]);
        assert_eq!(
            info["cpus"],
            serde_json::json!([
                {"cpu": 0, "produced": 2, "events": 1, "lost": 1, "left_out": 4},
                {"cpu": 1, "produced": 26, "events": 0, "lost": 26, "left_out": 5},
            ])
        );
    }
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &bytes);
    let shown = run(&["info", &file]).stdout;
    let times = |from: &str, to: &str| format!("22:13:21.{from}000000  22:13:21.{to}000000\n");
    let table = [
        "left out    9 events that did not match the filter\n".to_owned(),
        format!("          20    1  io          shed         {}", times("001", "009")),
        format!("           6    1  syscall     ring full    {}", times("002", "006")),
        format!("           5    -  syscall     missed       {}", times("002", "008")),
    ];
    for part in table {
        assert!(shown.contains(&part), "{part} is missing in\n{shown}");
    }
    assert!(!shown.contains("one by one"), "{shown}");
    let each = run(&["info", "-v", &file]).stdout;
    let (_, each) = each.split_once("lost, one by one\n").expect("-v shows each");
    assert_eq!(each.lines().take_while(|line| line.contains("22:13:21")).count(), 5, "{each}");
}

#[test]
fn counts_that_nobody_can_have_made_are_shown_as_the_most_there_can_be() {
    let bytes = capture_with_losses([u64::MAX / 2, u64::MAX, u64::MAX]);
    let info = object(&bytes, false);
    assert_eq!([&info["lost"], &info["produced"]], [u64::MAX, u64::MAX]);
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &bytes);
    for ran in [run(&["read", &file]), run_with(&["read", "-"], &bytes), run(&["verify", &file])] {
        assert_eq!(ran.code, 0, "{}", ran.stderr);
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
