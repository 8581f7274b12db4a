//! Losses: what matters most is lost last, everything is accounted for per CPU, and a budget is kept.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::rig::{self, Rig};

/// Programs started in the midst of a storm.
const PROGRAMS: usize = 20;

/// A storm of reads and writes on every CPU, moving so many bytes one by one.
fn storm(bytes: u32) -> String {
    format!(
        "for cpu in $(seq 0 $(($(nproc) - 1))); do \
         taskset -c $cpu dd if=/dev/zero of=/dev/null bs=1 count={bytes} status=none & done"
    )
}

/// Programs that start and end.
fn programs() -> String {
    format!("for i in $(seq {PROGRAMS}); do /bin/echo mark-$i >/dev/null; sleep 0.01; done")
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
    // The agent stands still from before the storm until its end, so the rings are full on any machine when programs start.
    let script = format!("kill -STOP $PPID; {}; wait; {}; kill -CONT $PPID", storm(50_000), programs());
    rig.record("storm.reel", &["--ring-bytes", "1048576"], &["sh", "-c", &script])?;

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
    // A shell that opens and closes more files than there is room for while the agent stands still, and then reads one.
    let script = "kill -STOP $PPID; i=0; while [ $i -lt 10000 ]; do exec 7</etc/hosts 7<&-; i=$((i+1)); done; \
                  exec 7</etc/passwd; kill -CONT $PPID; until [ -e over ]; do read line <&7; sleep 0.1; done";
    let recording = rig.begin("state.reel", &["--ring-bytes", "262144"], &["bash", "-c", script])?;
    let last = "proc.name=bash and evt.type=read and fd.name=/etc/passwd and proc.is_uncertain=false";
    let is_known = rig::wait_until("the last reads are on the file that was read", || {
        Ok(rig.count_so_far("state.reel", last)? > 0)
    });
    std::fs::write(rig.file("over"), "")?;
    recording.end()?;
    is_known?;
    let info = rig.info("state.reel")?;
    info.adds_up()?;
    ensure!(info.number("lost")? > 0, "nothing was lost, so nothing is shown");
    ensure!(
        rig.count("state.reel", "proc.name=bash and proc.is_uncertain=true")? > 0,
        "nothing is uncertain"
    );
    rig.done();
    Ok(())
}

#[test]
fn a_budget_is_kept_and_what_it_costs_is_written_down() -> Result<()> {
    let Some(rig) = Rig::new("losses-budget")? else { return Ok(()) };
    let script = format!("{}; sleep 0.2; {}; wait", storm(1_500_000), programs());
    rig.record("storm.reel", &["--budget", "cpu=1%"], &["sh", "-c", &script])?;
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
