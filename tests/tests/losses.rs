//! Losses: what matters most is lost last, everything is accounted for per CPU, and a budget is kept.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::rig::{self, Rig};

/// Bytes that each storm moves, one by one: longer than the agent is held up.
const STORM_BYTES: u32 = 1_500_000;
/// Programs started while the agent is held up.
const PROGRAMS: usize = 20;

/// A storm of reads and writes on every CPU, and beside it programs that start and end.
fn storm() -> String {
    format!(
        "for cpu in $(seq 0 $(($(nproc) - 1))); do \
         taskset -c $cpu dd if=/dev/zero of=/dev/null bs=1 count={STORM_BYTES} status=none & done; \
         sleep 0.2; for i in $(seq {PROGRAMS}); do /bin/echo mark-$i >/dev/null; sleep 0.01; done; wait"
    )
}

/// Losses of `info -j` as (class, cause, count).
fn losses(info: &Value) -> Result<Vec<(String, String, u64)>> {
    let totals = info["loss_totals"].as_array().context("loss_totals")?;
    let text = |loss: &Value, name: &str| loss[name].as_str().map(str::to_owned).context("text");
    totals
        .iter()
        .map(|loss| {
            let count = loss["count"].as_u64().context("count")?;
            Ok((text(loss, "class")?, text(loss, "cause")?, count))
        })
        .collect()
}

/// Per CPU: produced = stored + lost.
fn adds_up_per_cpu(info: &Value) -> Result<()> {
    let cpus = info["cpus"].as_array().context("cpus")?;
    ensure!(!cpus.is_empty(), "no CPU is accounted for");
    for cpu in cpus {
        let number = |name: &str| cpu[name].as_u64().with_context(|| format!("{name} in {cpu}"));
        ensure!(number("produced")? == number("events")? + number("lost")?, "{cpu}");
    }
    Ok(())
}

#[test]
fn processes_survive_a_storm_of_reads_and_writes() -> Result<()> {
    let Some(rig) = Rig::new("losses-storm")? else { return Ok(()) };
    let agent = rig.begin("storm.reel", &["--ring-bytes", "1048576"], &["sh", "-c", &storm()])?;
    // Held up in the middle of the storm, when programs start: the rings run full for certain.
    thread::sleep(Duration::from_millis(250));
    agent.signal(libc::SIGSTOP);
    thread::sleep(Duration::from_millis(120));
    agent.signal(libc::SIGCONT);
    agent.end()?;

    let info = rig.info("storm.reel")?;
    info.adds_up()?;
    adds_up_per_cpu(&info.0)?;
    let losses = losses(&info.0)?;
    let lost = |classes: &[&str]| -> u64 {
        losses.iter().filter(|(class, ..)| classes.contains(&class.as_str())).map(|(.., count)| count).sum()
    };
    ensure!(lost(&["io"]) > 0, "nothing was lost, so nothing is shown: {losses:?}");
    ensure!(lost(&["process", "credential", "network", "any"]) == 0, "{losses:?}");
    let started = rig.count("storm.reel", "evt.type=execve and proc.args startswith mark-")?;
    ensure!(started == PROGRAMS as u64, "{started} of {PROGRAMS} programs are seen");
    rig.done();
    Ok(())
}

#[test]
fn what_a_full_ring_hid_is_read_anew() -> Result<()> {
    let Some(rig) = Rig::new("losses-state")? else { return Ok(()) };
    // A shell that opens and closes files faster than a stopped agent takes them, and then reads one for a while.
    let script = "sleep 0.2; i=0; while [ $i -lt 40000 ]; do exec 7</etc/hosts 7<&-; i=$((i+1)); done; \
                  exec 7</etc/passwd; sleep 1.5; read line <&7; exec 7<&-";
    let agent = rig.begin("state.reel", &["--ring-bytes", "262144"], &["bash", "-c", script])?;
    thread::sleep(Duration::from_millis(400));
    agent.signal(libc::SIGSTOP);
    thread::sleep(Duration::from_millis(900));
    agent.signal(libc::SIGCONT);
    agent.end()?;
    let info = rig.info("state.reel")?;
    info.adds_up()?;
    ensure!(info.number("lost")? > 0, "nothing was lost, so nothing is shown");
    ensure!(
        rig.count("state.reel", "proc.name=bash and proc.is_uncertain=true")? > 0,
        "nothing is uncertain"
    );
    let last = "proc.name=bash and evt.type=read and fd.name=/etc/passwd and proc.is_uncertain=false";
    ensure!(rig.count("state.reel", last)? > 0, "the last read is not on the file that was read");
    rig.done();
    Ok(())
}

#[test]
fn a_budget_is_kept_and_what_it_costs_is_written_down() -> Result<()> {
    let Some(rig) = Rig::new("losses-budget")? else { return Ok(()) };
    let agent = rig.begin("storm.reel", &["--budget", "cpu=1%"], &["sh", "-c", &storm()])?;
    agent.end()?;
    let info = rig.info("storm.reel")?;
    info.adds_up()?;
    adds_up_per_cpu(&info.0)?;
    let losses = losses(&info.0)?;
    let shed: u64 = losses.iter().filter(|(_, cause, _)| cause == "shed").map(|(.., count)| count).sum();
    ensure!(shed > 0, "a storm at 1 % of a CPU left nothing out: {losses:?}");
    ensure!(losses.iter().all(|(class, ..)| class != "process" && class != "credential"), "{losses:?}");
    let marks = info.0["marks"].as_array().context("marks")?;
    let is_told = |mark: &Value| {
        mark["kind"] == "budget"
            && mark["text"].as_str().is_some_and(|text| text.contains("class io are limited"))
    };
    ensure!(marks.iter().any(is_told), "{marks:?}");
    let started = rig.count("storm.reel", "evt.type=execve and proc.args startswith mark-")?;
    ensure!(started == PROGRAMS as u64, "{started} of {PROGRAMS} programs are seen");
    rig.done();
    Ok(())
}

#[test]
fn a_budget_that_is_none_is_refused() -> Result<()> {
    let rig = Rig::without_recording("losses-typed")?;
    let mut command: Command = rig.agent();
    let output = command.args(["record", "-w", "x.reel", "--budget", "cpu=5%,disk=1"]).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(1)
            && stderr.contains("--budget: 'disk=1' limits nothing there is; there are cpu, memory and rate"),
        "{stderr}"
    );
    rig::succeed(rig.program("test").args(["!", "-e", "x.reel"]))?;
    rig.done();
    Ok(())
}
