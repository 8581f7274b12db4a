//! Processes: each exec with its name, arguments and parent, however short it lives.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use tests::rig::{self, Rig};

#[test]
fn three_thousand_short_processes() -> Result<()> {
    const COUNT: usize = 3000;
    let Some(rig) = Rig::new("swarm")? else { return Ok(()) };
    let output = rig.record("swarm.reel", &[], &[&rig::helper("swarm")?, &COUNT.to_string()])?;
    let truth = String::from_utf8(output.stdout)?;
    rig.info("swarm.reel")?.is_complete()?;

    let mut seen = BTreeMap::new();
    for event in rig.events("swarm.reel", "evt.type=execve and proc.args startswith leaf")? {
        let facts = (
            event.number("proc.ppid"),
            event.text("proc.name").to_owned(),
            event.text("proc.args").to_owned(),
        );
        let before = seen.insert(event.number("proc.pid"), facts);
        ensure!(before.is_none(), "two execs of process {:?}", event.number("proc.pid"));
    }
    let mut wrong = Vec::new();
    for line in truth.lines() {
        let mut words = line.split(' ');
        let mut next = || words.next().with_context(|| format!("swarm printed {line}"));
        let (pid, parent, identifier) = (next()?.parse::<i64>()?, next()?.parse::<i64>()?, next()?);
        // The kernel names a process after the file it ran, which was called through a link.
        let expected = (Some(parent), "exe".to_owned(), format!("leaf {identifier} with some more words"));
        if seen.get(&Some(pid)) != Some(&expected) {
            wrong.push(format!("process {pid}: {:?} instead of {expected:?}", seen.get(&Some(pid))));
        }
    }
    ensure!(truth.lines().count() == COUNT, "swarm told of {} processes", truth.lines().count());
    ensure!(seen.len() == COUNT, "{} execs were seen of {COUNT}; {:?}", seen.len(), wrong.first());
    ensure!(wrong.is_empty(), "{} processes are wrong, as {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    rig.done();
    Ok(())
}

#[test]
fn every_fork_and_exit_of_a_swarm() -> Result<()> {
    let Some(rig) = Rig::new("forks")? else { return Ok(()) };
    rig.record("forks.reel", &[], &[&rig::helper("swarm")?, "300"])?;
    // 300 leaves, 6 branches and the first process; each is born, replaces itself, and ends once.
    for (filter, expected) in [
        ("evt.type=execve and evt.rawres=0", 307),
        ("evt.type in (clone, clone3, fork, vfork) and evt.rawres=0", 306),
        ("evt.type in (clone, clone3, fork, vfork) and evt.rawres>0", 306),
        ("evt.type=exit_group", 307),
        ("evt.type=procexit", 307),
    ] {
        let count = rig.count("forks.reel", filter)?;
        ensure!(count == expected, "{filter}: {count} instead of {expected}");
    }
    rig.done();
    Ok(())
}

#[test]
fn arguments_of_32_kib_are_whole() -> Result<()> {
    let Some(rig) = Rig::new("arguments")? else { return Ok(()) };
    // Just under 32 KiB in all: one argument of 20,000 bytes and many small ones.
    let large = "x".repeat(20_000);
    let small: Vec<String> = (0..950).map(|index| format!("argument-{index:03}")).collect();
    let mut command = vec!["/bin/true", large.as_str()];
    command.extend(small.iter().map(String::as_str));
    rig.record("arguments.reel", &[], &command)?;
    let events = rig.events("arguments.reel", "evt.type=execve and proc.name=true")?;
    ensure!(events.len() == 1, "{} execs of true", events.len());
    let expected = format!("{large} {}", small.join(" "));
    let found = events[0].text("proc.args");
    ensure!(found == expected, "{} bytes of arguments instead of {}", found.len(), expected.len());
    rig.done();
    Ok(())
}

#[test]
fn versions_of_a_process_with_many_arguments_are_all_defined() -> Result<()> {
    let Some(rig) = Rig::new("versions")? else { return Ok(()) };
    // Each change of the directory makes a version that holds all 15,000 arguments: far more than one segment takes.
    const CHANGES: u64 = 200;
    let script = "i=0; while [ $i -lt 100 ]; do cd /usr; cd /; i=$((i+1)); done";
    let mut command = vec!["sh", "-c", script, "sh"];
    command.resize(command.len() + 15_000, "a");
    rig.record("versions.reel", &[], &command)?;
    // A change is told from where the process was, which at first was the folder of the test.
    for (directory, expected) in [("/usr", CHANGES / 2), ("/", CHANGES / 2 - 1)] {
        let count = rig.count("versions.reel", &format!("evt.type=chdir and proc.cwd={directory}"))?;
        ensure!(count == expected, "{count} changes in {directory} instead of {expected}");
    }
    rig.done();
    Ok(())
}

#[test]
fn a_shared_working_directory_is_followed() -> Result<()> {
    const SCRIPT: &str = "
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
CLONE, UNSHARE, CLONE_FS, SIGCHLD = 56, 272, 0x200, 17
def child(flags, do):
    pid = libc.syscall(CLONE, flags | SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        do()
        os._exit(0)
    os.waitpid(pid, 0)
def elsewhere():
    libc.syscall(UNSHARE, CLONE_FS)
    os.chdir('/opt')
child(CLONE_FS, lambda: os.chdir('/usr'))
os.access('bin', os.F_OK)
child(CLONE_FS, elsewhere)
child(0, lambda: os.chdir('/opt'))
os.access('lib', os.F_OK)
";
    let Some(rig) = Rig::new("shared-folder")? else { return Ok(()) };
    rig.record("shared-folder.reel", &[], &["python3", "-c", SCRIPT])?;
    let access = "evt.type in (access, faccessat, faccessat2)";
    for (filter, expected) in [
        (format!("{access} and proc.cwd=/usr and evt.abspath=/usr/bin"), 1),
        (format!("{access} and proc.cwd=/usr and evt.abspath=/usr/lib"), 1),
        ("evt.type=exit_group and proc.cwd=/opt".to_owned(), 2),
    ] {
        let count = rig.count("shared-folder.reel", &filter)?;
        ensure!(count == expected, "{filter}: {count} instead of {expected}");
    }
    rig.done();
    Ok(())
}

#[test]
fn the_agent_is_not_in_its_own_capture() -> Result<()> {
    let Some(rig) = Rig::new("itself")? else { return Ok(()) };
    rig.record("itself.reel", &[], &["sh", "-c", "sleep 0.3; true"])?;
    let count = rig.count("itself.reel", "proc.name startswith sysreel")?;
    // The command's process is the agent's child until it executes, and is recorded from its birth.
    let before_exec =
        rig.count("itself.reel", "proc.name startswith sysreel and proc.pname startswith sysreel")?;
    ensure!(count == before_exec, "{} events of the agent itself", count - before_exec);
    rig.done();
    Ok(())
}

#[test]
fn deaths_have_their_own_signal_and_no_status_is_invented() -> Result<()> {
    const SCRIPT: &str = "
import os, signal, time
child = os.fork()
if child == 0:
    time.sleep(60)
assert os.waitpid(child, os.WNOHANG) == (0, 0)
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
";
    let Some(rig) = Rig::new("deaths")? else { return Ok(()) };
    rig.record("deaths.reel", &[], &["python3", "-c", SCRIPT])?;
    for (filter, expected) in [
        ("evt.type=signaldeliver and evt.arg.sig=SIGTERM and evt.rawarg.spid>0", 1),
        ("evt.type=signaldeliver and evt.arg.sig=SIGKILL", 0),
        ("evt.type=procexit and evt.arg.sig=SIGTERM", 1),
        ("evt.type=wait4 and evt.rawres=0", 1),
        ("evt.type=wait4 and evt.rawres=0 and evt.arg.wstatus startswith 0x", 1),
        ("evt.type=wait4 and evt.rawres>0 and evt.arg.wstatus contains SIGTERM", 1),
    ] {
        let count = rig.count("deaths.reel", filter)?;
        ensure!(count == expected, "{filter}: {count} instead of {expected}");
    }
    rig.done();
    Ok(())
}

#[test]
fn paths_below_a_directory_are_whole() -> Result<()> {
    const SCRIPT: &str = "
import os
os.makedirs('a/b')
folder = os.open('a', os.O_RDONLY)
os.mkdir('c', dir_fd=folder)
os.rename('c', 'd', src_dir_fd=folder, dst_dir_fd=folder)
os.rmdir('d', dir_fd=folder)
os.chdir('a')
os.chdir('b')
os.chdir('..')
";
    let Some(rig) = Rig::new("paths")? else { return Ok(()) };
    rig.record("paths.reel", &[], &["python3", "-c", SCRIPT])?;
    let below = rig.directory().canonicalize()?;
    let below = below.display();
    for (filter, expected) in [
        (format!("evt.type=mkdirat and evt.abspath={below}/a/c"), 1),
        (format!("evt.type in (rename, renameat) and evt.abspath.src={below}/a/c"), 1),
        (format!("evt.type in (rename, renameat) and evt.abspath.dst={below}/a/d"), 1),
        (format!("evt.type=unlinkat and evt.abspath={below}/a/d and fd.num>2"), 1),
        (format!("evt.type=chdir and evt.abspath={below}/a"), 2),
        (format!("evt.type=chdir and evt.abspath={below}/a/b"), 1),
        (format!("evt.type=exit_group and proc.cwd startswith {below}/a"), 1),
    ] {
        let count = rig.count("paths.reel", &filter)?;
        ensure!(count == expected, "{filter}: {count} instead of {expected}");
    }
    rig.done();
    Ok(())
}
