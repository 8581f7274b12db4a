//! What the kernel does besides calls, each brought about for real: kills, control groups, memory that becomes
//! executable, faults and switches.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use tests::rig::Rig;

#[test]
fn who_kills_is_told_by_who_is_killed() -> Result<()> {
    let Some(rig) = Rig::new("killer")? else { return Ok(()) };
    let script =
        "sleep 100 & echo $! > killed; kill -9 $!; sleep 100 & kill -TERM $!; wait; echo $$ > killer";
    rig.record("kernel.reel", &[], &["sh", "-c", script])?;
    rig.info("kernel.reel")?.is_complete()?;
    let killer = fs::read_to_string(rig.file("killer"))?;
    for signal in ["SIGKILL", "SIGTERM"] {
        let told = rig.lines(
            "kernel.reel",
            &format!("evt.type=signaldeliver and proc.name!=\"\" and evt.arg.sig={signal}"),
            "%evt.rawarg.spid %evt.rawarg.suid",
        )?;
        ensure!(!told.is_empty(), "no {signal}");
        for sender in told {
            ensure!(sender == format!("{} 0", killer.trim()), "{signal} by '{sender}' and not by {killer}");
        }
    }
    rig.done();
    Ok(())
}

#[test]
fn control_groups_come_and_go() -> Result<()> {
    let Some(rig) = Rig::new("cgroups")? else { return Ok(()) };
    let v1 = "/sys/fs/cgroup/freezer";
    let can_rename = Path::new(v1).exists();
    let root = if can_rename { v1 } else { "/sys/fs/cgroup" };
    let name = format!("sysreel-test-{}", std::process::id());
    let script = match can_rename {
        true => format!("mkdir {root}/{name}; mv {root}/{name} {root}/{name}-2; rmdir {root}/{name}-2"),
        false => format!("mkdir {root}/{name}; rmdir {root}/{name}"),
    };
    rig.record(
        "kernel.reel",
        &["--calls", "cgroup_mkdir,cgroup_rename,cgroup_rmdir"],
        &["sh", "-c", &script],
    )?;
    rig.info("kernel.reel")?.is_complete()?;
    let seen = rig.lines(
        "kernel.reel",
        &format!("evt.arg.path contains {name}"),
        "%evt.type %proc.name %evt.arg.path",
    )?;
    let mut expected = vec![format!("cgroup_mkdir mkdir /{name}")];
    if can_rename {
        expected.push(format!("cgroup_rename mv /{name}-2"));
        expected.push(format!("cgroup_rmdir rmdir /{name}-2"));
    } else {
        expected.push(format!("cgroup_rmdir rmdir /{name}"));
    }
    ensure!(seen == expected, "{seen:?}");
    rig.done();
    Ok(())
}

#[test]
fn a_process_that_takes_too_much_memory_is_ended() -> Result<()> {
    let Some(rig) = Rig::new("oom")? else { return Ok(()) };
    let v1 = Path::new("/sys/fs/cgroup/memory").exists();
    let group =
        format!("/sys/fs/cgroup/{}sysreel-oom-{}", if v1 { "memory/" } else { "" }, std::process::id());
    let limit = if v1 { "memory.limit_in_bytes" } else { "memory.max" };
    fs::create_dir(&group)?;
    if !Path::new(&group).join(limit).exists() {
        fs::remove_dir(&group)?;
        eprintln!("SKIPPED: control groups do not limit memory here");
        return Ok(());
    }
    let script = format!(
        "echo 30000000 > {group}/{limit} && echo $$ > {group}/cgroup.procs && exec python3 -c 'x = b\"x\" * 500000000'"
    );
    let ended = rig.agent().args(["record", "-w", "kernel.reel", "--", "sh", "-c", &script]).output()?;
    let removed = fs::remove_dir(&group);
    ensure!(ended.status.code() == Some(128 + 9), "{}", ended.status);
    removed?;
    rig.info("kernel.reel")?.is_complete()?;
    let seen = rig.lines(
        "kernel.reel",
        "evt.type=oom_kill",
        "%proc.name %proc.pid %evt.rawarg.trigger %evt.arg.trigger_name",
    )?;
    let victims = rig.lines("kernel.reel", "evt.type=procexit and evt.arg.sig=SIGKILL", "%proc.pid")?;
    let [pid] = &victims[..] else { anyhow::bail!("{victims:?}") };
    ensure!(seen == [format!("python3 {pid} {pid} python3")], "{seen:?}");
    // The kernel itself sent the signal.
    let sender = rig.lines(
        "kernel.reel",
        "evt.type=signaldeliver and evt.arg.sig=SIGKILL",
        "%evt.rawarg.spid %evt.rawarg.suid",
    )?;
    ensure!(sender == ["0 0"], "{sender:?}");
    rig.done();
    Ok(())
}

/// Makes memory executable in each way.
const MAPS: &str = r#"
import ctypes, mmap
everything = mmap.mmap(-1, 8192, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
memory = libc.mmap(None, 12288, 3, 0x22, -1, 0)
assert libc.mprotect(ctypes.c_void_p(memory), 12288, 5) == 0
assert libc.mprotect(ctypes.c_void_p(memory), 12288, 1) == 0
"#;

#[test]
fn memory_that_becomes_executable_is_told() -> Result<()> {
    let Some(rig) = Rig::new("exec-map")? else { return Ok(()) };
    rig.record("kernel.reel", &["--calls", "exec_map"], &["python3", "-c", MAPS])?;
    rig.info("kernel.reel")?.is_complete()?;
    ensure!(rig.count("kernel.reel", "evt.type!=exec_map")? == 0);
    let made =
        rig.lines("kernel.reel", "evt.arg.memory=anonymous", "%proc.name %evt.arg.size %evt.arg.prot")?;
    ensure!(made.contains(&"python3 8192 PROT_READ|PROT_WRITE|PROT_EXEC".to_owned()), "{made:?}");
    let changed =
        rig.lines("kernel.reel", "evt.arg.memory=changed and evt.arg.size=12288", "%evt.arg.prot")?;
    ensure!(changed == ["PROT_READ|PROT_EXEC"], "{changed:?}");
    let files = rig.lines(
        "kernel.reel",
        "proc.name=python3 and evt.arg.memory=file and fd.name contains /libc.so",
        "%proc.name %evt.arg.prot",
    )?;
    ensure!(!files.is_empty() && files.iter().all(|file| file == "python3 PROT_READ|PROT_EXEC"), "{files:?}");
    rig.done();
    Ok(())
}

#[test]
fn faults_and_switches_are_recorded_when_they_are_named() -> Result<()> {
    let Some(rig) = Rig::new("on-request")? else { return Ok(()) };
    rig.record("kernel.reel", &[], &["sleep", "0.1"])?;
    ensure!(rig.count("kernel.reel", "evt.type in (page_fault, sched_switch)")? == 0);
    rig.record("kernel.reel", &["--calls", "sched_switch,page_fault"], &["sleep", "0.1"])?;
    rig.info("kernel.reel")?.is_complete()?;
    let slept = "evt.type=sched_switch and proc.name=sleep and evt.arg.state contains INTERRUPTIBLE and evt.arg.preempted=false";
    ensure!(rig.count("kernel.reel", slept)? >= 1, "it did not sleep");
    if cfg!(target_arch = "x86_64") {
        let faults = "evt.type=page_fault and proc.name=sleep and evt.arg.error contains USER";
        ensure!(rig.count("kernel.reel", faults)? >= 10, "it had all of its memory");
    }
    let away = "evt.type=off_cpu and proc.name=sleep and evt.latency>=100ms and evt.latency<10s and evt.arg.state contains INTERRUPTIBLE";
    rig.record("kernel.reel", &["evt.type=off_cpu"], &["sleep", "0.1"])?;
    rig.info("kernel.reel")?.is_complete()?;
    ensure!(rig.count("kernel.reel", away)? == 1, "it was away once for as long as it slept");
    ensure!(rig.count("kernel.reel", "evt.type!=off_cpu")? == 0);
    // A filter names them as well as the list does.
    rig.record("kernel.reel", &[slept], &["sleep", "0.1"])?;
    let (some, all) = (rig.count("kernel.reel", slept)?, rig.info("kernel.reel")?.number("events")?);
    ensure!(some >= 1 && some == all, "{some} switches among {all} events");
    let output = rig.record("kernel.reel", &["evt.type glob sched_*"], &["true"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.contains("sched_switch, which the filter names, is not recorded"), "{said}");
    rig.done();
    Ok(())
}
