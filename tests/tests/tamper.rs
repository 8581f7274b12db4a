//! Attempts on a running recording, each made for real by another process: it is told who did what, and goes on.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tests::rig::{self, Recording, Rig};

/// The events a recording has of what `tamper` did to it.
const OF_TAMPER: &str = "evt.type=tamper and proc.name=tamper";

/// Has the helper do something to a recording; gives what it could not do.
fn tamper(rig: &Rig, recording: &Recording, what: &str, capture: &str) -> Result<String> {
    let capture = rig.file(capture);
    let output = rig::succeed(
        Command::new(rig::helper("tamper")?).args([what, &recording.pid().to_string()]).arg(capture),
    )?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is told of each attempt: how, of what, whether it failed.
fn told(rig: &Rig, capture: &str) -> Result<Vec<String>> {
    rig.lines(capture, OF_TAMPER, "%evt.arg.how %evt.arg.object %evt.arg.call %evt.failed")
}

#[test]
fn whoever_reaches_for_the_recording_is_told() -> Result<()> {
    let Some(rig) = Rig::new("tamper")? else { return Ok(()) };
    let recording = rig.begin("out.reel", &[], &[])?;
    let pid = recording.pid();
    for what in ["maps", "objects", "take", "signal", "trace", "limit", "capture"] {
        tamper(&rig, &recording, what, "out.reel")?;
    }
    recording.signal(libc::SIGINT);
    let said = recording.end_and_tell()?;
    rig.info("out.reel")?.is_complete()?;

    let told = told(&rig, "out.reel")?;
    let file = fs::canonicalize(rig.file("out.reel"))?;
    let file = file.display();
    for expected in [
        "map_opened map:RINGS bpf false".to_owned(),
        "map_opened map:CALLS bpf false".to_owned(),
        // Frozen by the agent itself, or mapped by it.
        "map_frozen map:CALLS bpf true".to_owned(),
        "map_frozen map:RINGS bpf true".to_owned(),
        "signalled agent kill false".to_owned(),
        "signalled agent tgkill false".to_owned(),
        "signalled agent pidfd_send_signal false".to_owned(),
        "traced agent ptrace false".to_owned(),
        "limits_changed agent sched_setaffinity false".to_owned(),
        "settings_written agent:oom_score_adj write false".to_owned(),
        format!("file_opened capture:{file} open false"),
        format!("file_written capture:{file} write false"),
        format!("file_renamed capture:{file} rename false"),
        format!("file_renamed capture:{file}.other rename false"),
    ] {
        // Libraries choose between `open` and `openat`, machines have not both of `rename` and `renameat`.
        let is_it = |line: &&String| {
            line.replace("openat", "open").replace("renameat2", "rename").replace("renameat", "rename")
                == expected
        };
        ensure!(told.iter().any(|line| is_it(&line)), "'{expected}' is not told: {told:#?}");
    }
    for start in
        ["program_opened program:", "link_opened link:", "link_changed link:", "descriptor_taken map:"]
    {
        ensure!(told.iter().any(|line| line.starts_with(start)), "'{start}' is not told: {told:#?}");
    }
    // Asking whether it lives is no attempt.
    ensure!(told.iter().filter(|line| line.contains("agent kill")).count() == 1, "{told:#?}");
    let of_memory = rig.lines("out.reel", "evt.arg.how=memory_opened", "%evt.arg.id %fd.name %evt.res")?;
    ensure!(of_memory == [format!("{pid} /proc/{pid}/mem SUCCESS")], "{of_memory:?}");
    // Its end is asked for by the test itself.
    let ended =
        rig.lines("out.reel", "evt.type=tamper and evt.arg.sig=SIGINT", "%evt.arg.how %evt.rawarg.id")?;
    ensure!(ended == [format!("signalled {pid}")], "{ended:?}");
    ensure!(said.contains("tampering: map_opened map:"), "it says nothing: {said}");
    rig.done();
    Ok(())
}

/// How often the agent found a map changed by looking.
fn found_so_far(rig: &Rig, capture: &str) -> Result<u64> {
    rig.count_so_far(capture, "evt.type=tamper and evt.arg.call=\"\" and evt.arg.how=map_changed")
}

/// What the agent found by looking, without knowing who did it.
fn found(rig: &Rig, capture: &str) -> Result<Vec<String>> {
    rig.lines(capture, "evt.type=tamper and evt.arg.call=\"\"", "%evt.arg.how %evt.arg.object")
}

#[test]
fn broken_maps_are_told_and_recording_goes_on() -> Result<()> {
    let Some(rig) = Rig::new("tamper-maps")? else { return Ok(()) };
    let sequence = rig::helper("sequence")?;
    let numbered = |rig: &Rig| rig::succeed(rig.program(&sequence).arg("1000"));
    let recording = rig.begin("out.reel", &[], &[])?;
    numbered(&rig)?;
    thread::sleep(Duration::from_millis(200));
    tamper(&rig, &recording, "update", "out.reel")?;
    // What seems to be being written for as long as all this takes is given up, at the latest after some seconds.
    let marks = "proc.name=sequence and evt.type=lseek and fd.num=-1";
    rig::wait_until("calls are recorded again", || {
        numbered(&rig)?;
        Ok(rig.count_so_far("out.reel", marks)? >= 2000)
    })?;
    recording.signal(libc::SIGINT);
    let said = recording.end_and_tell()?;
    ensure!(!said.contains("panicked"), "{said}");
    let told = told(&rig, "out.reel")?;
    ensure!(told.contains(&"map_changed map:RING_STATES bpf false".to_owned()), "{told:#?}");
    for sealed in ["CALLS", "OPERATIONS", "FOLLOWED", "CONTROL", "TOLD", "SENDINGS", "EXECS", "STARTS"] {
        let refused = format!("map_changed map:{sealed} bpf true");
        ensure!(told.contains(&refused), "'{refused}' is not told: {told:#?}");
    }
    let found = found(&rig, "out.reel")?;
    ensure!(found.contains(&"map_changed map:RING_STATES".to_owned()), "{found:?}: {said}");
    let marks = rig.count("out.reel", marks)?;
    ensure!(marks >= 2000, "of 2000 calls {marks} are there: {said}");
    rig.done();
    Ok(())
}

#[test]
fn tables_of_a_filter_that_others_changed_are_put_right() -> Result<()> {
    let Some(rig) = Rig::new("tamper-tables")? else { return Ok(()) };
    let sequence = rig::helper("sequence")?;
    let filter = rig.file("filter");
    fs::write(&filter, "proc.name=sequence or evt.type=tamper or fd.name startswith /nowhere")?;
    let filter = filter.to_str().context("a name of text")?;
    let recording = rig.begin("out.reel", &["--filter-file", filter], &[])?;
    // A second recording would see the tables of both: this is told by what the first one stored.
    tamper(&rig, &recording, "tables", "out.reel")?;
    rig::wait_until("both are found", || Ok(found_so_far(&rig, "out.reel")? >= 2))?;
    rig::succeed(rig.program(&sequence).arg("1000"))?;
    recording.signal(libc::SIGINT);
    recording.end()?;
    let found = found(&rig, "out.reel")?;
    for map in ["CALLS", "OUTSIDE"] {
        ensure!(found.contains(&format!("map_changed map:{map}")), "{found:?}");
    }
    let told = told(&rig, "out.reel")?;
    ensure!(told.contains(&"map_changed map:CALLS bpf false".to_owned()), "{told:#?}");
    let calls = rig.count("out.reel", "proc.name=sequence and evt.type=lseek and fd.num=-1")?;
    ensure!(calls == 1000, "of 1000 calls {calls} are there");
    rig.done();
    Ok(())
}

#[test]
fn verdicts_of_others_on_threads_are_taken_back() -> Result<()> {
    let Some(rig) = Rig::new("tamper-verdicts")? else { return Ok(()) };
    let mut recording = rig.begin("out.reel", &["proc.name=sequence"], &[])?;
    tamper(&rig, &recording, "update", "out.reel")?;
    // Some marks are looked at now and then, so that comes after a while where there can be many threads.
    recording.wait_for("tampering: map_changed map:MARKS")?;
    recording.signal(libc::SIGINT);
    recording.end()?;
    rig.done();
    Ok(())
}

#[test]
fn whatever_becomes_of_the_file_is_told() -> Result<()> {
    let Some(rig) = Rig::new("tamper-file")? else { return Ok(()) };
    let sequence = rig::helper("sequence")?;
    for (what, how) in
        [("truncate", "file_truncated"), ("append", "file_truncated"), ("remove", "file_removed")]
    {
        // Into a pipe the same would be lost with the file: a second recording sees what the first one stored.
        let mut recording = rig.begin("out.reel", &[], &[])?;
        let watcher = rig.begin("watcher.reel", &["--calls", "tamper"], &[])?;
        thread::sleep(Duration::from_millis(1200));
        tamper(&rig, &recording, what, "out.reel")?;
        if what == "append" {
            thread::sleep(Duration::from_millis(2500));
        } else {
            recording.wait_for("goes on in ")?;
            rig::succeed(rig.program(&sequence).arg("1000"))?;
        }
        recording.signal(libc::SIGINT);
        let said = recording.end_and_tell()?;
        watcher.signal(libc::SIGINT);
        watcher.end()?;
        let line = format!("tampering: {how} capture:");
        ensure!(said.contains(&line), "{what}: no '{line}': {said}");
        // Found once more by looking, when the next part is written; what was appended is overwritten by then.
        let looked =
            said.lines().filter(|line| line.contains("tampering: file_")).any(|line| !line.contains(" by "));
        ensure!(looked || what == "append", "{what}: {said}");
        ensure!(rig.count("watcher.reel", "evt.type=tamper and evt.arg.object contains out.reel")? == 0);
        if what != "append" {
            // What comes after is whole, and says why it begins there.
            rig.info("out.reel.1")?.is_complete()?;
            let calls = rig.count("out.reel.1", "proc.name=sequence and evt.type=lseek and fd.num=-1")?;
            ensure!(calls == 1000, "{what}: of 1000 calls {calls} are in the next file");
            let found = found(&rig, "out.reel.1")?;
            ensure!(found.iter().any(|line| line.starts_with(how)), "{what}: {found:?}");
        }
        // What is appended may be overwritten before it is found.
        let removed = fs::remove_file(rig.file("out.reel.1"));
        ensure!(removed.is_ok() || what == "append", "{what}: {removed:?}");
    }
    rig.done();
    Ok(())
}

#[test]
fn what_is_not_selected_is_marked() -> Result<()> {
    let Some(rig) = Rig::new("tamper-marks")? else { return Ok(()) };
    let marks = |capture: &str| -> Result<Vec<String>> {
        let info = rig.info(capture)?;
        let marks = info.0.get("marks").and_then(|marks| marks.as_array()).context("info has no marks")?;
        let of_it =
            marks.iter().filter(|mark| mark.get("kind").and_then(|kind| kind.as_str()) == Some("tamper"));
        Ok(of_it.map(|mark| mark.to_string()).collect())
    };
    let signals = |options: &[&str]| -> Result<()> {
        let recording = rig.begin("out.reel", options, &[])?;
        tamper(&rig, &recording, "signal", "out.reel")?;
        recording.signal(libc::SIGINT);
        recording.end()?;
        rig.info("out.reel")?.adds_up()
    };
    signals(&["--calls", "getppid"])?;
    ensure!(rig.count("out.reel", "evt.type!=getppid")? == 0);
    let marked = marks("out.reel")?;
    ensure!(marked.iter().any(|mark| mark.contains("signal 18 by tamper")), "{marked:?}");

    // By name alone, without the calls.
    signals(&["--calls", "tamper"])?;
    ensure!(rig.count("out.reel", "evt.type!=tamper")? == 0);
    ensure!(rig.count("out.reel", OF_TAMPER)? == 3 && marks("out.reel")?.is_empty());

    for (filter, count) in [("evt.type=tamper", 3), ("evt.type=getppid", 0), ("evt.arg.call=tgkill", 1)] {
        signals(&[filter])?;
        let counted = rig.count("out.reel", OF_TAMPER)?;
        ensure!(counted == count, "{filter}: {counted}");
        // One signal of one process is one order, however it was sent.
        let marked = marks("out.reel")?;
        let is_marked = marked.iter().any(|mark| mark.contains("signal 18 by tamper"));
        ensure!(is_marked == (count < 3), "{filter}: {marked:?}");
    }
    rig.done();
    Ok(())
}

#[test]
fn who_would_tell_of_an_end_by_force_is_missed() -> Result<()> {
    let Some(rig) = Rig::new("tamper-heir")? else { return Ok(()) };
    let mut recording = rig.begin("out.reel", &["--calls", "tamper"], &[])?;
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", recording.pid()))?;
    let [heir] = children.split_whitespace().collect::<Vec<_>>()[..] else { bail!("{children}") };
    let name = fs::read_to_string(format!("/proc/{heir}/comm"))?;
    ensure!(name.trim() == "sysreel-heir", "{name}");
    // Whatever else happens to it, it does nothing while the agent is there.
    for signal in ["-STOP", "-CONT", "-TERM", "-0", "-9"] {
        rig::succeed(rig.program("kill").args([signal, heir]))?;
        thread::sleep(Duration::from_millis(100));
    }
    recording.wait_for("tampering: heir_ended agent")?;
    recording.signal(libc::SIGINT);
    recording.end()?;
    rig.info("out.reel")?.is_complete()?;
    ensure!(rig.count("out.reel", &format!("evt.arg.how=heir_ended and evt.arg.id={heir}"))? == 1);
    rig.done();
    Ok(())
}

#[test]
fn killed_by_somebody_whom_another_recording_sees() -> Result<()> {
    let Some(rig) = Rig::new("tamper-kill")? else { return Ok(()) };
    let watcher = rig.begin("watcher.reel", &["--calls", "kill,procexit,tamper"], &[])?;
    let victim = rig.begin("victim.reel", &[], &[])?;
    let pid = victim.pid();
    tamper(&rig, &victim, "signal", "victim.reel")?;
    rig::wait_until("what was told is in the file", || Ok(rig.count_so_far("victim.reel", OF_TAMPER)? == 3))?;
    tamper(&rig, &victim, "kill", "victim.reel")?;
    let Err(error) = victim.end() else { bail!("it was not killed") };
    let said = format!("{error:#}");
    let end = " the recording was ended by signal 9 by tamper (process ";
    ensure!(said.contains(end), "{said}");
    watcher.signal(libc::SIGINT);
    watcher.end()?;
    // Up to the cut it is whole.
    let read = rig.sysreel().args(["read", "victim.reel", OF_TAMPER, "--count"]).output()?;
    let (damaged, counted) = (read.status.code(), String::from_utf8_lossy(&read.stdout));
    ensure!(damaged == Some(2) && counted.trim() == "3", "{}: {counted}", read.status);
    // Nor is there anything behind it but what was told of its end.
    let read = rig.sysreel().args(["read", "victim.reel"]).output()?;
    let (lines, damage) = (String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
    let last = lines.lines().last().unwrap_or_default();
    ensure!(last.starts_with("! ") && last.contains(end), "{last}");
    ensure!(damage.contains("the capture was not ended"), "{damage}");
    let killers = rig.lines(
        "watcher.reel",
        &format!("evt.type=kill and evt.arg.sig=SIGKILL and evt.rawarg.pid={pid}"),
        "%proc.name",
    )?;
    ensure!(killers == ["tamper"], "{killers:?}");
    ensure!(
        rig.count("watcher.reel", &format!("evt.type=tamper and evt.arg.id={pid}"))? == 0,
        "it is not its own"
    );
    rig.done();
    Ok(())
}
