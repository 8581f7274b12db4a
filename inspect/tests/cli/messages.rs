//! What goes wrong before anything is read, and the lists.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Scratch, capture, run, run_with};

fn check(words: &[&str], stdin: &[u8], message: &str) {
    let ran = run_with(words, stdin);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{words:?}\n{}", ran.stderr);
    assert!(ran.stderr.contains(message), "{words:?}: {}", ran.stderr);
}

#[test]
fn what_is_no_capture_is_named() {
    let scratch = Scratch::new();
    let empty = scratch.file("empty", b"");
    let text =
        scratch.file("text", b"#!/bin/sh\necho this is not a capture at all, whatever its name says\n");
    let missing = scratch.path("missing").display().to_string();
    let directory = scratch.path("").display().to_string();
    for command in ["read", "info", "verify"] {
        check(&[command, &missing], b"", "there is no such file");
        check(&[command, &directory], b"", "it is a directory, not a capture");
        check(&[command, "/dev/null"], b"", "it is a device, not a capture");
        check(&[command, &text], b"", "not a capture");
        check(&[command, &empty], b"", "empty");
        check(&[command, "-"], b"", "empty");
        check(&[command, "-"], &[b'x'; 5000], "not a capture");
        check(
            &[command, "-"],
            b"PK\x03\x04 and so on, for more bytes than a header has in a capture",
            "not a capture",
        );
    }
}

#[test]
fn flags_and_filters_are_checked_first() {
    check(&[], b"", "Usage");
    check(&["read"], b"", "no capture was named");
    check(&["-w", "out.reel"], b"", "sysreel record");
    check(&["read", "missing", "--frobnicate"], b"", "--frobnicate");
    check(&["raed", "missing"], b"", "read");
    check(&["-r", "missing", "-c", "topprocs_cpu"], b"", "there are no chisels");
    check(&["-r", "missing", "-z"], b"", "always compressed");
    check(&["proc.name=cat"], b"", "sysreel read FILE 'proc.name=cat'");
    // The file does not even exist, and that is not what is wrong first.
    check(&["read", "missing", "evt.tpye=open"], b"", "evt.type");
    check(&["read", "missing", "evt.type=open and"], b"", "^");
    check(&["read", "missing", "-p", "%evt.tpye"], b"", "evt.type");
    check(&["read", "missing", "Cargo.toml"], b"", "one capture is read at a time");
    check(&["read", "missing", "-j", "-w", "out"], b"", "-w");
    check(&["read", "missing", "-n", "x"], b"", "x");
}

#[test]
fn fields_that_are_not_held_are_named() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(8, 4));
    let ran = run(&["read", &file, "proc.vmrss > 1 or evt.num=1", "-p", "*%evt.num %proc.stdin.name"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "1 <NA>\n"));
    for name in ["proc.vmrss", "proc.stdin.name"] {
        assert!(
            ran.stderr.contains(&format!("{name} is a known field, but captures do not hold it")),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn lists_are_listed() {
    for words in [&["fields"][..], &["-l"], &["--list"]] {
        let ran = run(words);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("\nproc.name "), "{}", ran.stdout);
    }
    for words in [&["events"][..], &["-L"], &["--list-events"]] {
        let ran = run(words);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains(" openat(dirfd: dirfd, name: path(0), "), "{}", ran.stdout);
    }
    let listed = run(&["events", "-j"]).stdout;
    for name in capture_format::schema::known_event_names() {
        assert!(listed.contains(&format!("\"name\":\"{name}\"")), "{name} is not listed");
    }
    for (list, what) in [("fields", "field"), ("events", "event")] {
        let ran = run(&[list, "nosuch"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
        assert_eq!(ran.stderr, format!("sysreel: no {what} has 'nosuch' in its name\n"));
    }
    for words in [&["fields", "-j"][..], &["events", "-j", "open"]] {
        for line in run(words).stdout.lines() {
            let object: serde_json::Value = serde_json::from_str(line).expect("an object");
            assert!(object["name"].is_string(), "{line}");
        }
    }
    assert!(run(&["--version"]).stdout.starts_with("sysreel "));
    assert!(run(&["--help"]).stdout.contains("Exit status"));
    assert!(run(&["read", "--help"]).stdout.contains("Examples"));
}

/// The program is copied to a place of its own: next to the built one may stand a real agent, which would record.
#[test]
fn record_hands_over_to_the_agent_beside_it() {
    let scratch = Scratch::new();
    let own = scratch.path("sysreel");
    std::fs::copy(env!("CARGO_BIN_EXE_sysreel"), &own).expect("the target directory is writable");
    let record = || {
        let mut command = std::process::Command::new(&own);
        command.args(["record", "-w", "out.reel", "--", "ls", "-l"]).env("PATH", "/nonexistent");
        // A test beside this one may fork while a program is written here: until its child has become another
        // program, it holds ours open for writing, and the kernel refuses to run it.
        let ran = loop {
            match command.output() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                Ok(ran) if String::from_utf8_lossy(&ran.stderr).contains("Text file busy") => {}
                ran => break ran.expect("the program was built"),
            }
        };
        let [stdout, stderr] =
            [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (ran.status.code(), stdout, stderr)
    };
    let (code, stdout, stderr) = record();
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("sysreel-agent was not found"), "{stderr}");

    let agent = scratch.file("sysreel-agent", b"#!/bin/sh\necho \"$@\"\nexit 7\n");
    std::fs::set_permissions(agent, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert_eq!(record(), (Some(7), "record -w out.reel -- ls -l\n".to_owned(), String::new()));
}

#[test]
fn a_capture_is_never_modified() {
    let scratch = Scratch::new();
    let bytes = capture(40, 8);
    let file = scratch.file("a.reel", &bytes);
    let own = std::fs::metadata(&file).expect("it exists").permissions();
    let mut read_only = own.clone();
    read_only.set_readonly(true);
    std::fs::set_permissions(&file, read_only).expect("it is ours");
    for words in [&["read", file.as_str()][..], &["info", &file], &["verify", &file]] {
        assert_eq!(run(words).code, 0, "{words:?}");
    }
    std::fs::set_permissions(&file, own).expect("it is ours");
    check(&["read", &file, "-w", &file], b"", "never modified");
    assert_eq!(std::fs::read(&file).expect("it exists"), bytes);
}
