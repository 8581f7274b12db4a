//! guest: the first process of a virtual machine that `cargo xtask kernels` boots.
//!
//! Mounts what programs expect ([`machine`]), has `sysreel-agent` record the program `known` in several ways, and compares
//! what `sysreel` finds in the captures with what `known` did ([`recording`]). Then switches the machine off. The console
//! is the only way out: lines that begin with `guest: ` are for xtask, the others for people.

mod machine;
mod recording;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use recording::{Recording, Run, Scope};
use tests::rig::succeed;

const AGENT: &str = "/bin/sysreel-agent";
const SYSREEL: &str = "/bin/sysreel";
const KNOWN: &str = "/bin/known";
/// The same for the machine's 32-bit entry; missing where it could not be built.
const KNOWN32: &str = "/bin/known32";

fn main() {
    // As an ordinary program it would switch the machine off all the same.
    if std::process::id() != 1 {
        eprintln!("guest: this is the first process of a virtual machine; see `cargo xtask kernels`");
        std::process::exit(2);
    }
    match run() {
        Ok(()) => println!("guest: passed"),
        Err(error) => println!("guest: failed: {}", format!("{error:#}").replace('\n', " / ")),
    }
    // SAFETY: writes out and switches off; the console has been written by then.
    unsafe {
        libc::tcdrain(1);
        libc::sync();
        libc::reboot(libc::LINUX_REBOOT_CMD_POWER_OFF);
    }
}

fn run() -> Result<()> {
    machine::mount()?;
    machine::loopback_up().context("cannot switch on the loopback device")?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned();
    println!("guest: up {release}");

    let doctor = succeed(Command::new(AGENT).arg("doctor"))?;
    print!("{}", String::from_utf8_lossy(&doctor.stdout));
    println!("examined at {} s", machine::uptime());

    let cpus = machine::cpus()?;
    ensure!(cpus == 2, "{cpus} CPUs, not 2: faults of others would not show");
    for recording in recordings(&release) {
        let what = recording.scope;
        let differences = recording.make_whole().with_context(|| format!("{what:?}"))?;
        if !differences.is_empty() {
            bail!("{what:?}, {}", differences.join("; "));
        }
        println!("guest: recorded {what:?}, and compared, at {} s", machine::uptime());
    }
    Ok(())
}

/// What is recorded, and on which CPU the program runs. Few recordings, as the kernel takes longest to verify the programs
/// of each.
fn recordings(release: &str) -> [Recording<'_>; 4] {
    let mut runs = vec![Run::upset(0), Run::upset(1)];
    if Path::new(KNOWN32).exists() {
        runs.push(Run::narrow(0));
    } else {
        println!("guest: without programs of 32 bits");
    }
    [
        Recording { scope: Scope::Command, release, runs: vec![Run::plain("known-command", 1)] },
        Recording { scope: Scope::Machine, release, runs },
        Recording { scope: Scope::Filter, release, runs: vec![Run::plain("known-filter", 0)] },
        Recording { scope: Scope::Descriptors, release, runs: vec![Run::plain("known-files", 1)] },
    ]
}
