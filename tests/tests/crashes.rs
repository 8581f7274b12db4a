//! What is left when something goes wrong: the writer is killed, the disk is full, the pipe's reader goes away.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tests::rig::{self, Rig};

/// Exit status of a Rust program that panicked.
const PANICKED: i32 = 101;

/// Starts the agent on the whole machine and waits until it records.
fn start(agent: &mut Command) -> Result<Child> {
    let mut child = agent.stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take().context("stderr is piped")?;
    let mut lines = BufReader::new(stderr).lines();
    for line in &mut lines {
        if line?.trim() == "ready" {
            // Whatever else it says must not stop it.
            thread::spawn(move || lines.for_each(drop));
            return Ok(child);
        }
    }
    anyhow::bail!("the agent ended before it was ready: {}", child.wait()?)
}

fn signal(name: &str, to: &Child) -> Result<()> {
    rig::succeed(Command::new("kill").args(["-s", name, &to.id().to_string()])).map(drop)
}

/// It said what it had to say and ended by itself, however it ended.
fn did_not_panic(output: &Output) -> Result<()> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code().is_some_and(|code| code != PANICKED), "{}: {stderr}", output.status);
    ensure!(!stderr.contains("panicked"), "{stderr}");
    Ok(())
}

#[test]
fn killed_at_any_moment() -> Result<()> {
    let Some(rig) = Rig::new("killed")? else { return Ok(()) };
    let mut readable = 0;
    for moment_ms in [0, 3, 10, 30, 70, 150, 300, 500, 800, 1300] {
        let mut agent = start(rig.agent().args(["record", "-w", "killed.reel"]))?;
        let mut work = rig.program(rig::helper("workload")?).args(["file", "100000", "."]).spawn()?;
        thread::sleep(Duration::from_millis(moment_ms));
        agent.kill()?;
        agent.wait()?;
        work.kill()?;
        work.wait()?;
        let output = rig.sysreel().args(["read", "killed.reel", "--count"]).output()?;
        did_not_panic(&output)?;
        ensure!(!output.status.success(), "after {moment_ms} ms: a capture without an end passes as whole");
        ensure!(!output.stderr.is_empty(), "after {moment_ms} ms: the damage is not named");
        let count: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0);
        readable += count;
        let verified = rig.sysreel().args(["verify", "killed.reel"]).output()?;
        did_not_panic(&verified)?;
        ensure!(!verified.status.success(), "after {moment_ms} ms: verify finds nothing");
    }
    ensure!(readable > 10_000, "only {readable} events survived ten crashes");
    rig.done();
    Ok(())
}

/// A capture that could not be written to its end has one all the same, and counts what is missing.
fn accounts_for_all(rig: &Rig, capture: &str) -> Result<()> {
    rig::succeed(rig.sysreel().args(["verify", capture])).context("it does not end as it should")?;
    let info = rig::succeed(rig.sysreel().args(["info", "-j", capture]))?;
    let info: serde_json::Value = serde_json::from_slice(&info.stdout)?;
    let number = |name: &str| info[name].as_u64().with_context(|| format!("no {name} in {info}"));
    let (produced, events, lost) = (number("produced")?, number("events")?, number("lost")?);
    ensure!(events > 1000, "{events} events can be read of what was written");
    ensure!(produced == events + lost, "{produced} produced, {events} stored, {lost} lost");
    ensure!(lost > 1000, "{lost} events are said to be lost");
    let causes = info["losses"].to_string();
    ensure!(causes.contains("not written"), "{causes}");
    Ok(())
}

#[test]
fn the_file_may_not_grow() -> Result<()> {
    let Some(rig) = Rig::new("limit")? else { return Ok(()) };
    let agent = rig.agent().get_program().to_string_lossy().into_owned();
    let workload = rig::helper("workload")?;
    let script = format!(
        "mkdir -p work && ulimit -f 400 && exec {agent} record -q -w kept.reel -- {workload} file 20000 work"
    );
    let output = rig.program("sh").args(["-c", &script]).output()?;
    did_not_panic(&output)?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {stderr}", output.status);
    ensure!(stderr.contains("the capture counts them as lost"), "{stderr}");
    accounts_for_all(&rig, "kept.reel")?;
    rig.done();
    Ok(())
}

#[test]
fn the_disk_is_full() -> Result<()> {
    let Some(rig) = Rig::new("full")? else { return Ok(()) };
    // A disk of 300 KiB, in a mount namespace of its own that goes away with the shell.
    let agent = rig.agent().get_program().to_string_lossy().into_owned();
    let workload = rig::helper("workload")?;
    let script = format!(
        "mkdir -p disk work && mount -t tmpfs -o size=300k none disk && \
         {agent} record -q -w disk/full.reel -- {workload} file 20000 work; status=$?; cp disk/full.reel kept.reel; exit $status"
    );
    let output = rig.program("unshare").args(["-m", "sh", "-c", &script]).output()?;
    did_not_panic(&output)?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "the agent is content with a full disk: {stderr}");
    ensure!(
        stderr.contains("full.reel") || stderr.to_lowercase().contains("no space"),
        "it does not say why: {stderr}"
    );
    accounts_for_all(&rig, "kept.reel")?;
    rig.done();
    Ok(())
}

#[test]
fn a_command_that_is_not_there_leaves_the_old_capture() -> Result<()> {
    let rig = Rig::without_recording("no-command")?;
    std::fs::write(rig.file("keep.reel"), "what was there")?;
    std::fs::write(rig.file("plain"), "no program")?;
    for (command, status) in [("no-such-command-here", 127), ("./missing", 127), ("./plain", 126)] {
        let output = rig.agent().args(["record", "-w", "keep.reel", "--", command]).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(status), "{command}: {}: {stderr}", output.status);
        ensure!(stderr.contains(command) && !stderr.contains("ready"), "{command}: {stderr}");
        ensure!(std::fs::read(rig.file("keep.reel"))? == b"what was there", "{command}: it was overwritten");
    }
    rig.done();
    Ok(())
}

#[test]
fn a_wrong_command_line_is_told_the_right_one() -> Result<()> {
    let rig = Rig::without_recording("usage")?;
    std::fs::write(rig.file("out.reel"), "a capture")?;
    let check = |mut program: Command, words: &[&str], hint: &str| -> Result<()> {
        let output = program.args(words).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1), "{words:?}: {}", output.status);
        ensure!(stderr.contains(hint), "{words:?}: {stderr}");
        Ok(())
    };
    check(rig.agent(), &["record", "-w", "new.reel", "true"], "-- true")?;
    check(rig.agent(), &[], "Usage")?;
    check(rig.agent(), &["record", "--nonsense"], "--nonsense")?;
    check(rig.sysreel(), &["out.reel"], "sysreel read out.reel")?;
    rig.done();
    Ok(())
}

#[test]
fn through_a_pipe() -> Result<()> {
    let Some(rig) = Rig::new("pipe")? else { return Ok(()) };
    let mut agent = rig.agent();
    agent.args(["record", "-q", "-w", "-", "--", &rig::helper("sequence")?, "20000"]);
    let mut agent = agent.stdout(Stdio::piped()).spawn()?;
    let stream = agent.stdout.take().context("stdout is piped")?;
    let mut reader = rig.sysreel();
    reader.args(["read", "-", "proc.name=sequence and evt.type=lseek and fd.num=-1", "--count"]);
    let output = reader.stdin(stream).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(
        String::from_utf8_lossy(&output.stdout).trim() == "20000",
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    ensure!(agent.wait()?.success());
    rig.done();
    Ok(())
}

#[test]
fn the_reader_of_the_pipe_goes_away() -> Result<()> {
    let Some(rig) = Rig::new("pipe-gone")? else { return Ok(()) };
    let mut agent = start(rig.agent().args(["record", "-w", "-"]).stdout(Stdio::piped()))?;
    drop(agent.stdout.take().context("stdout is piped")?);
    // Something has to be written for the agent to notice.
    let mut work = rig.program(rig::helper("workload")?).args(["file", "3000", "."]).spawn()?;
    work.wait()?;
    for _ in 0..100 {
        if let Some(status) = agent.try_wait()? {
            ensure!(status.code() != Some(PANICKED), "{status}");
            rig.done();
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    agent.kill()?;
    anyhow::bail!("the agent writes to nobody")
}

/// Waits for the end of an agent whose stderr comes in `lines`; gives what else it said.
fn ends_within(limit: Duration, agent: &mut Child, lines: impl Iterator<Item = String>) -> Result<String> {
    let begin = Instant::now();
    while agent.try_wait()?.is_none() {
        if begin.elapsed() > limit {
            agent.kill()?;
            anyhow::bail!("the agent goes on after {limit:?}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// An agent that writes into a pipe nobody reads, until the pipe is full.
fn stuck(rig: &Rig, command: &[&str]) -> Result<(Child, impl Iterator<Item = String> + use<>)> {
    let mut agent = rig.agent();
    agent.args(["record", "-w", "-"]).args(command).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut agent = agent.spawn()?;
    let stderr = agent.stderr.take().context("stderr is piped")?;
    let mut lines = BufReader::new(stderr).lines().map_while(std::io::Result::ok);
    ensure!(lines.any(|line| line.trim() == "ready"), "the agent ended before it was ready");
    if command.is_empty() {
        rig.program(rig::helper("workload")?).args(["file", "4000", "."]).status()?;
    }
    thread::sleep(Duration::from_secs(2));
    Ok((agent, lines))
}

#[test]
fn the_reader_of_the_pipe_takes_nothing() -> Result<()> {
    let Some(rig) = Rig::new("pipe-full")? else { return Ok(()) };
    let (mut agent, lines) = stuck(&rig, &[])?;
    signal("TERM", &agent)?;
    let said = ends_within(Duration::from_secs(3), &mut agent, lines)?;
    ensure!(agent.wait()?.code() == Some(1), "it is content");
    ensure!(said.contains("events were not written") && said.contains("its reader takes nothing"), "{said}");
    rig.done();
    Ok(())
}

#[test]
fn a_second_signal_ends_at_once() -> Result<()> {
    let Some(rig) = Rig::new("second-signal")? else { return Ok(()) };
    let workload = rig::helper("workload")?;
    let script = format!("trap '' INT TERM; {workload} file 4000 .; exec sleep 60 > gone 2>&1");
    let (mut agent, lines) = stuck(&rig, &["--", "sh", "-c", &script])?;
    // Not at the very same moment: two pending signals of a kind are one.
    signal("INT", &agent)?;
    thread::sleep(Duration::from_millis(100));
    signal("INT", &agent)?;
    let said = ends_within(Duration::from_secs(1), &mut agent, lines)?;
    ensure!(said.contains("events were not written"), "{said}");
    let left = said.split("as process ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let left = left.with_context(|| format!("it does not say that the command goes on: {said}"))?;
    rig::succeed(Command::new("kill").args(["-s", "KILL", left]))?;
    rig.done();
    Ok(())
}

#[test]
fn a_tiny_ring_loses_and_says_so() -> Result<()> {
    let Some(rig) = Rig::new("tiny-ring")? else { return Ok(()) };
    let mut agent = start(rig.agent().args(["record", "--ring-bytes", "524288", "-w", "tiny.reel"]))?;
    // While the agent stands still its rings overflow, on any machine.
    signal("STOP", &agent)?;
    let numbered = rig
        .program("dd")
        .args(["if=/dev/zero", "of=/dev/null", "bs=1", "count=100000", "status=none"])
        .status()?;
    signal("CONT", &agent)?;
    ensure!(numbered.success(), "dd: {numbered}");
    thread::sleep(Duration::from_millis(300));
    signal("INT", &agent)?;
    ensure!(agent.wait()?.success());
    let info = rig.info("tiny.reel")?;
    info.adds_up()?;
    let lost = info.number("lost")?;
    ensure!(lost > 100_000, "only {lost} events are lost");
    let losses =
        info.0.get("losses").and_then(|losses| losses.as_array()).context("info -j has no 'losses'")?;
    let listed: u64 = losses.iter().filter_map(|loss| loss.get("count")?.as_u64()).sum();
    ensure!(listed == lost, "{lost} events are lost and {listed} of them listed: {}", info.0);
    for loss in losses {
        for field in ["cpu", "cause", "class", "count", "from", "to"] {
            ensure!(loss.get(field).is_some(), "a loss without '{field}': {loss}");
        }
    }
    rig.done();
    Ok(())
}
