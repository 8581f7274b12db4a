//! The comparison must notice a lie.

use std::path::Path;

use super::compare;
use crate::listing::{self, Event};
use crate::strace::Transcript;

const STRACE: &str = r#"execve("/bin/x", ["x", "a b"], []) = 0
openat(-100 /* AT_FDCWD */</tmp>, "file", 0x241 /* O_WRONLY|O_CREAT|O_TRUNC */, 0644) = 3</tmp/file>
nanosleep({tv_sec=0, tv_nsec=1000}, NULL) = 0
write(3</tmp/file>, "hello\n", 6)       = 6
--- SIGCHLD {si_signo=17, si_code=0x1} ---
read(9, 0x7ffe, 4)                      = -1 EBADF (Bad file descriptor)
writev(3</tmp/file>, [{iov_base="ab", iov_len=2}, {iov_base=0x1234, iov_len=3}], 2) = 2
readv(9, [{iov_base=0x7ffe, iov_len=4}], 1) = -1 EBADF (Bad file descriptor)
exit_group(0)                           = ?
+++ exited with 0 +++
"#;

/// An event of thread 7 as `read -j` prints it: name, result, arguments, descriptor.
fn line(name: &str, result: Option<i64>, arguments: &[&str], about: &str) -> String {
    let mut text = format!(
        r#"{{"evt.num": 1, "evt.type": "{name}", "thread.tid": 7, "fd.name": "{about}", "fd.typechar": "f""#
    );
    let mut first = 0;
    if let Some(result) = result {
        text.push_str(&format!(r#", "evt.rawres": {result}, "evt.rawarg[0]": {result}"#));
        first = 1;
    }
    for (index, argument) in arguments.iter().enumerate() {
        text.push_str(&format!(
            r#", "evt.rawarg[{0}]": {1}, "evt.arg[{0}]": {2}"#,
            index + first,
            argument.split(" => ").next().unwrap_or_default(),
            argument_text(argument.rsplit(" => ").next().unwrap_or_default())
        ));
    }
    text + "}\n"
}

fn argument_text(argument: &str) -> String {
    if argument.starts_with('"') { argument.to_owned() } else { format!("\"{argument}\"") }
}

fn honest() -> Vec<String> {
    vec![
        line("prctl", Some(0), &[], ""),
        line("execve", Some(0), &[r#""/bin/x""#, r#""x a b""#], ""),
        line(
            "openat",
            Some(3),
            &["-100", r#""file""#, "577 => O_WRONLY|O_CREAT|O_TRUNC", "420"],
            "/tmp/file",
        ),
        line("nanosleep", Some(0), &["\"\" => {tv_sec=0 tv_nsec=1000}", "null"], ""),
        line("write", Some(6), &["3", r#""hello.""#, "6"], "/tmp/file"),
        line("signaldeliver", None, &["17"], ""),
        line("read", Some(-9), &["9", r#""" => 0x7ffe"#, "4"], ""),
        line("writev", Some(2), &["3", r#""ab""#, "2"], "/tmp/file")
            .replace("}\n", ", \"evt.args\": \"data=ab parts=[2 3] iovcnt=2\"}\n"),
        line("readv", Some(-9), &["9", r#""" => 0x7ff0"#, "1"], ""),
        line("exit_group", None, &["0"], ""),
        line("procexit", None, &[], ""),
    ]
}

fn differences(lines: &[String]) -> Vec<String> {
    let mut transcript = Transcript::default();
    transcript.add(7, STRACE).expect("the transcript is one");
    let events: Vec<Event> = listing::parse(lines.concat().as_bytes()).expect("the lines are JSON");
    let comparison = compare(&transcript, &events);
    comparison
        .differences
        .iter()
        .map(|difference| difference.what.lines().next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn two_honest_witnesses_agree() {
    assert_eq!(differences(&honest()), Vec::<String>::new());
}

/// How a lie is told.
type Tell = fn(&mut Vec<String>);

#[test]
fn every_lie_is_noticed() {
    let lies: [(&str, Tell, &str); 15] = [
        (
            "left out",
            |lines| drop(lines.remove(4)),
            r#"missing: write(3</tmp/file>, "hello\n", 6)       = 6"#,
        ),
        ("doubled", |lines| lines.insert(4, lines[4].clone()), "invented: #1 write"),
        (
            "wrong result",
            |lines| lines[4] = lines[4].replace("\"evt.rawres\": 6", "\"evt.rawres\": 5"),
            "write: result",
        ),
        ("wrong bytes", |lines| lines[4] = lines[4].replace("hello", "jello"), "write: argument data"),
        ("wrong number", |lines| lines[2] = lines[2].replace("577", "578"), "openat: argument flags"),
        ("wrong name", |lines| lines[2] = lines[2].replace("O_TRUNC", "O_EXCL"), "openat: argument flags"),
        (
            "wrong field",
            |lines| lines[3] = lines[3].replace("=1000", "=1001"),
            "nanosleep: argument interval.tv_nsec",
        ),
        ("wrong path", |lines| lines[2] = lines[2].replace("/tmp/file", "/tmp/other"), "openat: descriptor"),
        ("another address", |lines| lines[6] = lines[6].replace("0x7ffe", "0x7fff"), "read: argument data"),
        ("no address", |lines| lines[6] = lines[6].replace("0x7ffe", "NULL"), "read: argument data"),
        (
            "a part that nobody could read",
            |lines| lines[7] = lines[7].replace("ab", "abc"),
            "writev: argument data.iov_base",
        ),
        (
            "a shorter part",
            |lines| lines[7] = lines[7].replace("[2 3]", "[2 2]"),
            "writev: argument data.iov_len",
        ),
        (
            "more parts",
            |lines| lines[7] = lines[7].replace("[2 3]", "[2 3 ... 4]"),
            "writev: argument data.iov_len",
        ),
        (
            "data that was not there",
            |lines| lines[8] = lines[8].replace("0x7ff0", "secret"),
            "readv: argument data.iov_base",
        ),
        ("no signal", |lines| drop(lines.remove(5)), "missing: --- SIGCHLD"),
    ];
    for (lie, tell, noticed) in lies {
        let mut lines = honest();
        tell(&mut lines);
        let found = differences(&lines);
        assert_eq!(found.len(), 1, "{lie}: {found:?}");
        assert!(found[0].starts_with(noticed), "{lie}: {found:?}");
    }
}

#[test]
fn a_killers_call_is_not_missing_where_it_is_not_its_own() {
    let of_killed = |killer: &str| {
        let mut transcript = Transcript::default();
        let killed = "kill(7, 9 /* SIGKILL */ <unfinished ...>\n+++ killed by SIGKILL +++\n";
        transcript.add(7, killed).expect("the transcript is one");
        transcript.add(6, killer).expect("the transcript is one");
        let events = listing::parse(line("procexit", None, &[], "").as_bytes()).expect("the line is JSON");
        let differences = compare(&transcript, &events).differences;
        differences.iter().filter(|difference| difference.tid == 7).count()
    };
    assert_eq!(of_killed("kill(7, 9 /* SIGKILL */)            = 0\n"), 0);
    assert_eq!(of_killed("kill(8, 9 /* SIGKILL */)            = 0\n"), 1);
}

#[test]
fn a_transcript_that_is_not_there_is_an_error() {
    assert!(Transcript::read(Path::new("/nonexistent/transcript")).is_err());
}
