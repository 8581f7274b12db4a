//! `sysreel read`: filters, formats, times, limits, summaries.

use std::process::{Command, Stdio};

use capture_format::model::Mark;
use serde_json::Value;

use crate::support::{
    FIRST_NS, STEP_NS, Scratch, capture, capture_with_loss, capture_with_suspension, push, run, run_with,
    writer,
};

/// Runs `sysreel read` on a capture of 40 events in blocks of 8, as a file and as a pipe: both say the same.
fn check(words: &[&str], expected: &str) {
    let bytes = capture(40, 8);
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &bytes);
    for (name, stdin) in [(file.as_str(), &[][..]), ("-", &bytes)] {
        let mut line = vec!["read", name];
        line.extend(words);
        let ran = run_with(&line, stdin);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str(), ran.code), (expected, "", 0), "{line:?}");
    }
}

#[test]
fn filters_select() {
    check(&["--count"], "40\n");
    check(&["", "--count"], "40\n");
    check(&["evt.type=openat", "--count"], "20\n");
    check(&["evt.type=openat and evt.failed=true", "--count"], "10\n");
    check(&["evt.type", "=", "openat", "and", "proc.name", "=", "sh", "--count"], "10\n");
    check(&["proc.name=curl", "--count"], "30\n");
    check(&["container.id!=host", "--count"], "10\n");
    check(&["fd.name=/etc/passwd and evt.type=read", "--count"], "10\n");
    check(&["proc.name=nginx", "--count"], "0\n");
    check(&["evt.num > 8 and evt.num < 12", "-p", "%evt.num %evt.type"], "9 openat\n10 read\n11 close\n");
}

#[test]
fn sysdig_spelling_reads() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(8, 4));
    for line in [
        vec!["-r", &file, "evt.type=close", "-p%evt.num"],
        vec!["-p", "%evt.num", "-r", &file, "evt.type=close"],
        vec!["read", "-r", &file, "-p", "%evt.num", "evt.type", "=close"],
        vec!["read", &file, "evt.type=close", "-p", "%evt.num"],
    ] {
        let ran = run(&line);
        assert_eq!((ran.stdout.as_str(), ran.code), ("3\n7\n", 0), "{line:?}\n{}", ran.stderr);
    }
}

#[test]
fn formats_and_times() {
    let one = "evt.num=9";
    check(&[one, "-p", "%proc.name %fd.name %evt.res"], "curl /etc/passwd SUCCESS\n");
    check(&[one, "-p", "%evt.outputtime"], "22:13:21.008000000\n");
    check(&[one, "-t", "a", "-p", "%evt.outputtime"], "1700000001.008000000\n");
    check(&[one, "-t", "r", "-p", "%evt.outputtime"], "0.008000000\n");
    check(&[one, "-t", "d", "-p", "%evt.outputtime"], "0.000001008\n");
    check(
        &["evt.type=close and evt.num<12", "-tD", "-p", "%evt.outputtime"],
        "0.000000000\n0.004000000\n0.004000000\n",
    );
    // A missing field leaves a line out, unless the format begins with a star.
    check(&["evt.num in (4, 5)", "-p", "%evt.num %fd.type"], "5 file\n");
    check(&["evt.num in (4, 5)", "-p", "*%evt.num %fd.type"], "4 <NA>\n5 file\n");
}

#[test]
fn the_usual_line_has_the_container_when_asked() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(8, 4));
    let usual = run(&["read", &file, "-n", "1"]).stdout;
    assert!(usual.starts_with("1 22:13:21.000000000 0 curl (100) < openat "), "{usual}");
    let container = run(&["read", &file, "-pc", "proc.name=sh", "-n1"]).stdout;
    assert!(container.starts_with("4 22:13:21.003000000 1 shop (0123456789ab) sh (200:200) "), "{container}");
}

#[test]
fn limits_cut_anywhere() {
    for n in [0u64, 1, 7, 8, 9, 30, 40, 1000] {
        let shown: String = (1..=n.min(40)).map(|number| format!("{number}\n")).collect();
        check(&["-n", &n.to_string(), "-p", "%evt.num"], &shown);
        check(&["-n", &n.to_string(), "--count"], &format!("{}\n", n.min(40)));
        check(&["-n", &n.to_string(), "-p", "%evt.num", "--threads", "1"], &shown);
    }
    // 10.5 ms from the first event on hold 11 events.
    check(&["-M", "0.0105", "--count"], "11\n");
    check(&["-M", "0", "--count"], "1\n");
    check(&["-M", "100", "--count"], "40\n");
}

#[test]
fn json_is_one_object_per_line() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture_with_loss());
    let ran = run(&["read", &file, "-j"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let objects: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("every line is an object")).collect();
    assert_eq!(objects.len(), 9);
    let types: Vec<&str> = objects.iter().filter_map(|object| object["evt.type"].as_str()).collect();
    let expected = ["openat", "read", "close", "openat", "openat", "read", "loss", "close", "openat"];
    assert_eq!(types, expected);
    assert_eq!(objects[6]["loss.count"], 7);
    assert_eq!(objects[6]["evt.cpu"], 1);
    assert_eq!(objects[6]["loss.cause"], "ring full");
    assert_eq!(objects[6]["evt.time"], 1_700_000_001_005_000_001u64);
}

#[test]
fn an_end_by_force_stands_behind_the_last_event() {
    let mut writer = writer();
    (0..2).for_each(|n| push(&mut writer, n));
    writer.mark(Mark::ended(FIRST_NS + 10 * STEP_NS, "killed by \x1b[31mbash".to_owned()));
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &writer.finish());
    let ran = run(&["read", &file, "-p", "%evt.num"]);
    assert_eq!(ran.stdout, "1\n2\n! 22:13:21.010000000 - killed by \\x1b[31mbash\n");
    let objects = run(&["read", &file, "-j", "-p", "%evt.num"]).stdout;
    let end = r#"{"ended.text":"killed by \\x1b[31mbash","evt.time":1700000001010000000,"evt.type":"ended"}"#;
    assert_eq!(objects.lines().last(), Some(end));
}

#[test]
fn suspensions_stand_where_they_were() {
    let bytes = capture_with_suspension();
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &bytes);
    let line = "! 22:13:21.001500000 - suspended for 1.500000000 s\n";
    let check = |words: &[&str], expected: &str| {
        let mut all = vec!["read", file.as_str()];
        all.extend(words);
        let ran = run(&all);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str(), ran.code), (expected, "", 0), "{all:?}");
    };
    check(&["-p", "%evt.num"], &format!("1\n2\n{line}3\n4\n"));
    check(&["-p", "%evt.num", "evt.type=close"], &format!("{line}3\n"));
    check(&["-p", "%evt.num", "proc.name=nginx"], line);
    check(&["-p", "%evt.num", "-n2"], "1\n2\n");
    check(&["-p", "%evt.num", "-M", "0.0012"], "1\n2\n");
    check(&["--count"], "4\n");
    check(&["-q"], "");
    let objects = run(&["read", &file, "-j", "-p", "%evt.num"]).stdout;
    let gap = r#"{"evt.time":1700000001001500000,"evt.type":"suspend","suspend.duration":1500000000}"#;
    assert_eq!(objects.lines().nth(2), Some(gap), "{objects}");
    // From a pipe the mark arrives after the events.
    let ran = run_with(&["read", "-", "-p", "%evt.num"], &bytes);
    assert_eq!((ran.stdout.as_str(), ran.code), (format!("1\n2\n3\n4\n{line}").as_str(), 0));
    // A copy has it too, at its place.
    let copy = scratch.path("b.reel").display().to_string();
    assert_eq!(run(&["read", &file, "evt.num!=1", "-w", &copy]).code, 0);
    assert_eq!(run(&["read", &copy, "-p", "%evt.num"]).stdout, format!("1\n{line}2\n3\n"));
}

#[test]
fn losses_stand_where_they_fell() {
    let bytes = capture_with_loss();
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &bytes);
    let loss = "! 22:13:21.005000001 1 lost 7 syscall events up to 22:13:21.005999999: ring full\n";
    let check = |words: &[&str], expected: &str| {
        let mut line = vec!["read", file.as_str()];
        line.extend(words);
        let ran = run(&line);
        assert_eq!((ran.stdout.as_str(), ran.code), (expected, 0), "{line:?}");
        assert!(ran.stderr.contains("7 events were lost"), "{}", ran.stderr);
    };
    check(&["-p", "%evt.num"], &format!("1\n2\n3\n4\n5\n6\n{loss}7\n8\n"));
    check(&["-p", "%evt.num", "evt.type=read"], &format!("2\n6\n{loss}"));
    // Also when no block can match.
    check(&["-p", "%evt.num", "proc.name=nginx"], loss);
    check(&["-p", "%evt.num", "evt.num=1", "-n1"], "1\n");
    check(&["-q"], "");
    check(&["--count"], "8\n");
    // From a pipe the counts arrive after the events.
    let ran = run_with(&["read", "-", "-p", "%evt.num"], &bytes);
    assert!(ran.stdout.contains(loss), "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().count(), 9);
}

#[test]
fn summaries_count_by_type() {
    let expected = "\
--------------------------------
Event                    #Events
--------------------------------
openat                        20
close                         10
read                          10
";
    check(&["-S", "-q"], expected);
    check(&["-S", "-q", "--threads", "1"], expected);
    check(
        &["-S", "-p", "%evt.num", "evt.num=3"],
        "3\n--------------------------------\nEvent                    #Events\n--------------------------------\nclose                          1\n",
    );
    check(
        &["-S", "-q", "-j", "-n", "2"],
        "{\"evt.count\":{\"openat\":1,\"read\":1},\"evt.type\":\"summary\"}\n",
    );
}

#[test]
fn hostile_text_is_escaped() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(4, 4));
    for words in
        [&[][..], &["-v"], &["-j"], &["-A"], &["-x"], &["-X"], &["-b"], &["-p", "%evt.args %fd.name"]]
    {
        let mut line = vec!["read", file.as_str()];
        line.extend(words);
        let ran = run(&line);
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        assert!(!ran.stdout.contains(['\x1b', '\x07']), "{words:?}: {:?}", ran.stdout);
    }
}

#[test]
fn buffers_are_shown_as_asked() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(4, 4));
    let shown = |flag: &str| run(&["read", &file, "evt.type=read", flag]).stdout;
    assert!(shown("-x").contains("6c69 6e65"), "{}", shown("-x"));
    assert!(shown("-X").contains("6c69 6e65") && shown("-X").contains("line"), "{}", shown("-X"));
    assert!(shown("-b").contains("bGluZSAx"), "{}", shown("-b"));
    assert!(shown("-A").contains("line 1\n"), "{}", shown("-A"));
    assert!(shown("-s4").contains("data=line size="), "{}", shown("-s4"));
    assert!(shown("-v").contains("eighty"), "{}", shown("-v"));
    assert!(!shown("-q").contains("line") && !shown("-th").contains("eighty"), "{}", shown("-th"));
}

#[test]
fn only_needed_blocks_are_read() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(4000, 100));
    let ran = run(&["read", &file, "-v", "evt.num=3999", "--count"]);
    assert_eq!(ran.stdout, "1\n");
    let line = ran.stderr.lines().find(|line| line.contains("blocks")).expect("-v tells what was read");
    assert!(line.ends_with(" of 40 blocks"), "{line}");
    let ran = run(&["read", &file, "-v", "proc.name=nginx", "--count"]);
    assert!(ran.stderr.contains("0 of 40 blocks"), "{}", ran.stderr);
}

#[test]
fn a_closed_pipe_is_success() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(20_000, 500));
    for words in [&["read", file.as_str()][..], &["read", &file, "-j"], &["read", &file, "-w", "-"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sysreel"))
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it was started");
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(output.stderr.is_empty(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_pipe_is_printed_as_it_arrives() {
    use std::io::{BufRead, BufReader, Write};
    let mut writer = writer();
    (0..4).for_each(|n| push(&mut writer, n));
    writer.flush();
    let first = writer.take();
    (4..8).for_each(|n| push(&mut writer, n));
    let rest = writer.finish();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sysreel"))
        .args(["read", "-", "-p", "%evt.num"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut stdin = child.stdin.take().expect("piped");
    let mut lines =
        BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    stdin.write_all(&first).expect("it reads");
    // The pipe is still open: only what was printed at once can be here.
    assert_eq!(lines.by_ref().take(4).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    stdin.write_all(&rest).expect("it reads");
    drop(stdin);
    assert_eq!(lines.collect::<Vec<_>>(), ["5", "6", "7", "8"]);
    assert_eq!(child.wait().expect("it was started").code(), Some(0));
}

#[test]
fn the_end_of_a_recording_is_shown_after_an_interrupt() {
    use std::io::{BufRead, BufReader, Write};
    let mut writer = writer();
    (0..4).for_each(|n| push(&mut writer, n));
    writer.flush();
    let first = writer.take();
    let rest = writer.finish();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sysreel"))
        .args(["read", "-", "-S", "-p", "%evt.num"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut stdin = child.stdin.take().expect("piped");
    let mut lines =
        BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    stdin.write_all(&first).expect("it reads");
    assert_eq!(lines.next().as_deref(), Some("1"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill is there").success());
    stdin.write_all(&rest).expect("it still reads");
    drop(stdin);
    assert_eq!(lines.last().as_deref(), Some("read                           1"));
    assert_eq!(child.wait().expect("it was started").code(), Some(0));
}

#[test]
fn lines_written_one_by_one_are_the_same() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture_with_loss());
    for words in [&[][..], &["-j"], &["-n", "3"], &["-n", "6"], &["evt.type=close"], &["-q"], &["--count"]] {
        let [held, unbuffered] =
            [&[][..], &["--unbuffered"]].map(|flags| run(&[&["read", &file], words, flags].concat()).stdout);
        assert_eq!(held, unbuffered, "{words:?}");
    }
}
