//! Once it records, the agent holds few privileges; the command it runs holds those it was started with.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tests::rig::{self, Rig};

/// `CAP_DAC_OVERRIDE`, `CAP_DAC_READ_SEARCH`, `CAP_FOWNER`, `CAP_SYS_PTRACE`.
const KEPT: u64 = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 19;

/// Effective and permitted capabilities in the text of a `status` file.
fn capabilities(status: &str) -> Result<[u64; 2]> {
    let set = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        Ok(u64::from_str_radix(line.with_context(|| format!("no {name}"))?.trim(), 16)?)
    };
    Ok([set("CapEff:")?, set("CapPrm:")?])
}

#[test]
fn every_thread_of_the_agent_gives_up_what_it_needs_no_more() -> Result<()> {
    let Some(rig) = Rig::new("privileges")? else { return Ok(()) };
    let own = capabilities(&fs::read_to_string("/proc/self/status")?)?;
    let recording = rig.begin("some.reel", &[], &[])?;
    let mut threads = 0;
    for thread in fs::read_dir(format!("/proc/{}/task", recording.pid()))? {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        ensure!(capabilities(&status)? == own.map(|set| set & KEPT), "{status}");
        threads += 1;
    }
    recording.signal(libc::SIGINT);
    recording.end()?;
    ensure!(threads >= 2, "it has {threads} threads, of which one should write");
    rig.done();
    Ok(())
}

#[test]
fn the_command_keeps_its_privileges() -> Result<()> {
    let Some(rig) = Rig::new("command-privileges")? else { return Ok(()) };
    let output = rig.record("some.reel", &[], &["cat", "/proc/self/status"])?;
    let status = String::from_utf8(output.stdout)?;
    let own = fs::read_to_string("/proc/self/status")?;
    for name in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:"] {
        let line = |text: &str| text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        ensure!(line(&status) == line(&own), "{:?} instead of {:?}", line(&status), line(&own));
    }
    rig.done();
    Ok(())
}

#[test]
fn files_follow_in_a_folder_of_somebody_else() -> Result<()> {
    let Some(rig) = Rig::new("other-folder")? else { return Ok(()) };
    let folder = rig.file("folder");
    fs::create_dir(&folder)?;
    rig::succeed(Command::new("chmod").arg("700").arg(&folder))?;
    rig::succeed(Command::new("chown").arg("65534").arg(&folder))?;
    let sequence = rig::helper("sequence")?;
    rig.record("folder/part.reel", &["-e", "5000", "-W", "2"], &[&sequence, "30000"])?;
    ensure!(fs::read_dir(&folder)?.count() == 2);
    rig.done();
    Ok(())
}

#[test]
fn what_a_missing_privilege_costs_is_said_in_one_line() -> Result<()> {
    let Some(rig) = Rig::new("no-ptrace")? else { return Ok(()) };
    let mut command = rig.program("setpriv");
    command.args(["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]).arg(rig.agent().get_program());
    let recording = rig.begin_as(command.args(["record", "-w", "some.reel"]))?;
    // Something to see, on however quiet a machine.
    rig::succeed(&mut Command::new("true"))?;
    recording.signal(libc::SIGINT);
    let before = recording.said_before();
    let said = before + "\n" + &recording.end_and_tell()?;
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("CAP_SYS_PTRACE")).collect();
    ensure!(warnings.len() == 1 && warnings[0].contains("descriptors of "), "{said}");
    // Who they are is for everyone to see.
    ensure!(rig.count("some.reel", "proc.exepath exists")? > 0);
    rig.done();
    Ok(())
}

#[test]
fn the_capability_that_recording_lacks_is_named() -> Result<()> {
    let Some(rig) = Rig::new("no-perfmon")? else { return Ok(()) };
    let mut command = rig.program("setpriv");
    command.args(["--bounding-set=-sys_admin,-perfmon", "--inh-caps=-all"]).arg(rig.agent().get_program());
    let output = command.args(["record", "-w", "some.reel", "-M", "1"]).output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1) && said.lines().count() == 1, "{said}");
    ensure!(said.ends_with("missing: CAP_PERFMON\n"), "{said}");
    ensure!(!rig.file("some.reel").exists());
    rig.done();
    Ok(())
}

#[test]
fn in_a_container_of_its_own_it_says_where_to_start_it() -> Result<()> {
    let Some(rig) = Rig::new("privileges-container")? else { return Ok(()) };
    let agent = rig.agent().get_program().to_owned();
    let isolated = ["--pid", "--fork", "--mount-proc"];
    let output =
        rig.program("unshare").args(isolated).arg(&agent).args(["record", "-w", "x.reel"]).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{}: {stderr}", output.status);
    ensure!(stderr.contains("hostPID: true") && !rig.file("x.reel").exists(), "{stderr}");
    // With the machine's own /proc at hand it can, and still knows which process it is itself.
    let host = rig.file("proc");
    fs::create_dir(&host)?;
    let script = format!(
        "mount --bind /proc {0} && mount -t proc proc /proc && exec {1} record --proc-root {0} -w x.reel -M 0.5",
        host.display(),
        agent.display()
    );
    let recording =
        rig.begin_as(rig.program("unshare").args(["--pid", "--fork", "--mount", "sh", "-c", &script]))?;
    rig::succeed(&mut Command::new("true"))?;
    recording.end()?;
    // By path and folder: there may be other agents.
    let (agent, folder) = (fs::canonicalize(agent)?, rig.directory().canonicalize()?);
    let own = format!("(proc.exepath={} and proc.cwd={})", agent.display(), folder.display());
    ensure!(rig.count("x.reel", &own)? == 0, "it has recorded itself");
    ensure!(rig.count("x.reel", &format!("not {own}"))? > 0, "it has recorded nothing");
    rig.done();
    Ok(())
}
