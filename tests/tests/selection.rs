//! `--calls`: only what was asked for is in the capture, and it is as right as if everything were.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use tests::rig::{self, Rig};

/// Reads a file through a descriptor that was moved, in a folder that was changed to, by a program that was executed.
const SCRIPT: &str =
    "mkdir -p folder; echo content > folder/file; cd folder; exec 5< file; exec 7<&5 5<&-; cat <&7";

fn types(rig: &Rig, capture: &str) -> Result<BTreeSet<String>> {
    Ok(rig.events(capture, "evt.num>0")?.iter().map(|event| event.name().to_owned()).collect())
}

#[test]
fn what_is_not_selected_is_followed_and_left_out() -> Result<()> {
    let Some(rig) = Rig::new("selected")? else { return Ok(()) };
    rig.record("some.reel", &["--calls", "read,procexit"], &["sh", "-c", SCRIPT])?;
    rig.info("some.reel")?.is_complete()?;
    let types = types(&rig, "some.reel")?;
    ensure!(types.iter().eq(["procexit", "read"]), "{types:?}");
    let file = rig.file("folder/file");
    let mut read = 0;
    for event in rig.events("some.reel", "proc.name=cat and evt.rawres=8")? {
        ensure!(event.text("fd.name") == file.to_string_lossy(), "{}", event.summary());
        read += 1;
    }
    ensure!(read == 1, "cat read the file {read} times");
    rig.done();
    Ok(())
}

#[test]
fn the_same_calls_as_in_a_whole_recording() -> Result<()> {
    let Some(rig) = Rig::new("deselected")? else { return Ok(()) };
    let workload = rig::helper("workload")?;
    let command = [workload.as_str(), "file", "200", "."];
    let asked = "evt.type in (openat, close, execve)";
    rig.record("all.reel", &[], &command)?;
    rig.record("some.reel", &["--calls", "openat,close,execve"], &command)?;
    rig.record("rest.reel", &["--no-latency", "--calls", "!openat,!close,!execve"], &command)?;
    for capture in ["all.reel", "some.reel", "rest.reel"] {
        rig.info(capture)?.is_complete()?;
    }
    let (wanted, some) = (rig.count("all.reel", asked)?, rig.info("some.reel")?.number("events")?);
    ensure!(wanted > 400, "the workload made only {wanted} such calls");
    ensure!(some == wanted, "{some} events instead of {wanted}");
    ensure!(rig.count("some.reel", asked)? == wanted && rig.count("rest.reel", asked)? == 0);
    let others = "evt.type in (read, write, procexit)";
    let (wanted, rest) = (rig.count("all.reel", others)?, rig.count("rest.reel", others)?);
    ensure!(rest == wanted, "{rest} other events instead of {wanted}");
    let in_both = "evt.type=close and fd.name contains work";
    let (some, all) = (rig.count("some.reel", in_both)?, rig.count("all.reel", in_both)?);
    ensure!(some == all, "{some} closes know their file instead of {all}");
    rig.done();
    Ok(())
}

#[test]
fn an_unknown_name_is_refused() -> Result<()> {
    let rig = Rig::without_recording("unknown-call")?;
    let output = rig.agent().args(["record", "-w", "no.reel", "--calls", "opnat", "--", "true"]).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{}", output.status);
    ensure!(stderr.contains("did you mean 'openat'?"), "{stderr}");
    ensure!(!rig.file("no.reel").exists(), "it records all the same");
    rig.done();
    Ok(())
}
