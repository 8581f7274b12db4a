//! What is left when something goes wrong: the writer is killed, the disk is full, the pipe's reader goes away.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

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
        let verified = rig.sysreel().args(["verify", "killed.reel"]).output()?;
        did_not_panic(&verified)?;
        ensure!(!verified.status.success(), "after {moment_ms} ms: verify finds nothing");
    }
    // What could be read before can be read afterwards.
    let mut agent = start(rig.agent().args(["record", "-w", "killed.reel"]))?;
    let mut work = rig.program(rig::helper("workload")?).args(["file", "100000", "."]).spawn()?;
    let mut before = 0;
    rig::wait_until("10000 events are in the file", || {
        before = rig.count_so_far("killed.reel", "")?;
        Ok(before > 10_000)
    })?;
    agent.kill()?;
    agent.wait()?;
    work.kill()?;
    work.wait()?;
    let after = rig.count_so_far("killed.reel", "")?;
    ensure!(after >= before, "of {before} events {after} survived the crash");
    rig.done();
    Ok(())
}

/// Work that some room is enough for; then, when it is told to go on, more than there is room for, at once: the agent stands
/// still meanwhile, and finds it all when it goes on.
fn too_much_work() -> Result<String> {
    let workload = rig::helper("workload")?;
    Ok(format!(
        "{workload} file 200 work; read line < go; kill -STOP $PPID; \
         dd if=/dev/urandom of=/dev/null bs=512 count=1500 status=none; kill -CONT $PPID"
    ))
}

/// Runs a shell that records `too_much_work` into a file where there is little room, which then is `kept.reel`: it has an end
/// all the same, counts what is missing, and says why.
fn runs_out_of_room(rig: &Rig, shell: &mut Command, file: impl Fn(u32) -> PathBuf) -> Result<()> {
    std::fs::create_dir(rig.file("work"))?;
    rig::succeed(rig.program("mkfifo").arg("go"))?;
    // For both, so that it opens before anybody reads.
    let mut go = OpenOptions::new().read(true).write(true).open(rig.file("go"))?;
    let mut shell = shell.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let file = file(shell.id());
    rig::wait_until("1000 events are stored", || {
        Ok(rig.count_so_far(&file, "")? >= 1000 || shell.try_wait()?.is_some())
    })?;
    go.write_all(b"on\n")?;
    let output = shell.wait_with_output()?;
    did_not_panic(&output)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "the agent is content without room: {}: {said}", output.status);
    let missing =
        said.split_once(" events were not written and the capture counts them as lost: cannot write ");
    let missing: u64 =
        missing.with_context(|| said.clone())?.0.rsplit(' ').next().context("a number")?.parse()?;

    rig::succeed(rig.sysreel().args(["verify", "kept.reel"])).context("it does not end as it should")?;
    let info = rig.info("kept.reel")?;
    info.adds_up()?;
    let (events, lost) = (info.number("events")?, info.number("lost")?);
    ensure!(events >= 1000, "{events} events can be read of what was written");
    ensure!(lost == missing && lost >= 3000, "{lost} events are lost in the capture: {said}");
    ensure!(info.0["losses"].to_string().contains("not written"), "{}", info.0["losses"]);
    let marks = info.0["marks"].as_array().context("marks")?;
    let failure = marks.iter().find(|mark| mark["kind"] == "failure").context("no mark says why")?;
    ensure!(failure["text"].as_str().is_some_and(|text| text.starts_with("cannot write: ")), "{failure}");
    Ok(())
}

#[test]
fn the_file_may_not_grow() -> Result<()> {
    let Some(rig) = Rig::new("limit")? else { return Ok(()) };
    let agent = rig.agent().get_program().to_string_lossy().into_owned();
    let script = format!(
        "ulimit -f 400 && exec {agent} record -q --snaplen 512 -w kept.reel -- sh -c '{}'",
        too_much_work()?
    );
    runs_out_of_room(&rig, rig.program("sh").args(["-c", &script]), |_| rig.file("kept.reel"))?;
    rig.done();
    Ok(())
}

#[test]
fn the_disk_is_full() -> Result<()> {
    let Some(rig) = Rig::new("full")? else { return Ok(()) };
    // A disk of 300 KiB, in a mount namespace of its own that goes away with the shell.
    let agent = rig.agent().get_program().to_string_lossy().into_owned();
    let script = format!(
        "mkdir disk && mount -t tmpfs -o size=300k none disk && \
         {agent} record -q --snaplen 512 -w disk/full.reel -- sh -c '{}'; \
         status=$?; cp disk/full.reel kept.reel; exit $status",
        too_much_work()?
    );
    let seen_from_there = |shell| PathBuf::from(format!("/proc/{shell}/cwd/disk/full.reel"));
    runs_out_of_room(&rig, rig.program("unshare").args(["-m", "sh", "-c", &script]), seen_from_there)?;
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
    ends(&mut agent, std::iter::empty()).context("the agent writes to nobody")?;
    let status = agent.wait()?;
    ensure!(status.code() != Some(PANICKED), "{status}");
    rig.done();
    Ok(())
}

/// Waits for the end of an agent whose stderr comes in `lines`; gives what else it said. One that does not want to end would go
/// on for ever.
fn ends(agent: &mut Child, lines: impl Iterator<Item = String>) -> Result<String> {
    let has_ended = rig::wait_until("the agent ends", || Ok(agent.try_wait()?.is_some()));
    if has_ended.is_err() {
        agent.kill()?;
    }
    has_ended.map(|()| lines.collect::<Vec<_>>().join("\n"))
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
    let said = ends(&mut agent, lines)?;
    ensure!(agent.wait()?.code() == Some(1), "it is content");
    ensure!(said.contains("events were not written") && said.contains("its reader takes nothing"), "{said}");
    rig.done();
    Ok(())
}

#[test]
fn a_second_signal_ends_at_once() -> Result<()> {
    let Some(rig) = Rig::new("second-signal")? else { return Ok(()) };
    let workload = rig::helper("workload")?;
    let script = format!("trap '' INT TERM; {workload} file 4000 .; exec sleep 1000 > gone 2>&1");
    let (mut agent, lines) = stuck(&rig, &["--", "sh", "-c", &script])?;
    // Of different kinds: two pending signals of one kind are one.
    signal("INT", &agent)?;
    signal("TERM", &agent)?;
    let said = ends(&mut agent, lines)?;
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
