//! QEMU: virtual machines without help from the host's processor, so that any machine can be the host.

use super::Architecture;
use crate::debian::Archive;
use crate::programs::{find, output, program, step};
use crate::setup::packages::ensure_each;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// Before this version a few in a hundred guests for x86-64 stop early, with registers that cannot be.
const VERSION_GOOD: u32 = 10;
const CPUS: &str = "2";
const MEMORY_MIB: &str = "1024";
/// Far more than any machine takes, however busy the host is.
const TIME_MAX: Duration = Duration::from_secs(900);
const POLL: Duration = Duration::from_millis(50);
/// How long a machine sleeps that has suspended itself. It counts that by a clock of whole seconds, against one that was off by
/// less than a second already: of less than two seconds nothing may be left.
const SLEEP: Duration = Duration::from_millis(2500);

/// What is on this machine.
pub(super) struct Emulator {
    architecture: Architecture,
    accelerator: &'static str,
}

impl Emulator {
    /// Installs what is missing, and a newer version where the one that is there has faults.
    pub(super) fn ensure(architecture: Architecture, cache: &Path) -> Result<Self> {
        step("Looking for the emulator");
        let name = architecture.emulator();
        let package = architecture.emulator_package();
        let mut wanted = vec![("xz", "xz-utils")];
        if matches!(architecture, Architecture::Arm64) {
            // The compiler's package only recommends the headers; what stands for them here comes with either.
            wanted.extend([
                ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
                ("aarch64-linux-gnu-ld", "libc6-dev-arm64-cross"),
                ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"),
                ("arm-linux-gnueabihf-ld", "libc6-dev-armhf-cross"),
            ]);
        }
        ensure_each("tools", &wanted);
        // From backports first: that of the release does not go with one of another architecture from there.
        let is_old = |name| find(name).is_none() || version(name).is_ok_and(|version| version < VERSION_GOOD);
        if is_old(name)
            && let Err(error) = install_from_backports(architecture, cache)
        {
            eprintln!("No {package} from backports: {error:#}");
        }
        ensure_each("emulator", &[(name, package)]);
        find(name).with_context(|| format!("{name} is missing; Debian's package {package} has it"))?;
        let version = version(name)?;
        let is_good = version >= VERSION_GOOD;
        let note = if is_good { "" } else { ", old: some guests may stop early" };
        eprintln!("  {name}: version {version}{note}");
        Ok(Emulator { architecture, accelerator: if is_good { "tcg" } else { "tcg,thread=single" } })
    }

    /// Runs a machine until it switches itself off, and wakes it when it has suspended itself; its console is written to
    /// `console`. Whether it ended in time.
    pub(super) fn run(&self, kernel: &Path, initramfs: &Path, console: &Path) -> Result<bool> {
        // What QEMU itself has to say goes there too, before the guest has anything to say.
        let messages = kernel.with_file_name("emulator");
        let _ = fs::remove_file(console);
        let mut command = program(self.architecture.emulator());
        command.args(self.architecture.machine());
        command.args(["-accel", self.accelerator, "-smp", CPUS, "-m", MEMORY_MIB]);
        command.args(["-nodefaults", "-display", "none", "-no-reboot", "-qmp", "stdio", "-serial"]);
        command.arg(format!("file:{}", console.display()));
        command.arg("-kernel").arg(kernel).arg("-initrd").arg(initramfs).arg("-append");
        command.arg(format!("{} quiet panic=-1", self.architecture.parameters()));
        let file = File::create(&messages).with_context(|| format!("creating {}", messages.display()))?;
        let mut machine = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", self.architecture.emulator()))?;
        let orders = machine.stdin.take().context("stdin is piped")?;
        let events = machine.stdout.take().context("stdout is piped")?;
        // It ends when the machine does; what goes wrong there shows in the guest.
        thread::spawn(move || wake(events, orders, SLEEP));
        let begin = Instant::now();
        let in_time = loop {
            if machine.try_wait().context("waiting for the machine")?.is_some() {
                break true;
            }
            if begin.elapsed() > TIME_MAX {
                machine.kill().and_then(|()| machine.wait()).context("ending the machine")?;
                break false;
            }
            thread::sleep(POLL);
        };
        let said = fs::read_to_string(&messages).unwrap_or_default();
        let _ = fs::remove_file(&messages);
        if !said.is_empty() {
            eprint!("{said}");
        }
        Ok(in_time)
    }
}

/// Wakes a machine a while after each time it suspends itself, by QEMU's machine protocol, until it is gone.
fn wake(events: impl Read, mut orders: impl Write, after: Duration) -> io::Result<()> {
    writeln!(orders, r#"{{"execute": "qmp_capabilities"}}"#)?;
    for event in BufReader::new(events).lines() {
        if event?.contains(r#""event": "SUSPEND""#) {
            thread::sleep(after);
            writeln!(orders, r#"{{"execute": "system_wakeup"}}"#)?;
        }
    }
    Ok(())
}

fn version(name: &str) -> Result<u32> {
    let text = output(program(name).arg("--version"))?;
    let number = text.split("version ").nth(1).and_then(|rest| rest.split('.').next()?.parse().ok());
    number.with_context(|| format!("{name} does not tell its version"))
}

/// From the backports of the machine's own release, with package lists of our own.
fn install_from_backports(architecture: Architecture, cache: &Path) -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").context("cannot tell which Debian this is")?;
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let name = name.context("/etc/os-release has no VERSION_CODENAME")?.trim_matches('"');
    let own = output(program("dpkg").arg("--print-architecture"))?;
    let backports = format!("{name}-backports");
    let suites = [name.to_owned(), format!("{name}-updates"), format!("{name}-security"), backports.clone()];
    let archive = Archive::new(&cache.join("apt-host"), own.trim(), &suites)?;
    archive.update()?;
    archive.install(architecture.emulator_package(), &backports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_suspends_itself_is_woken() {
        let events = "{\"QMP\": {}}\r\n{\"return\": {}}\r\n{\"timestamp\": {}, \"event\": \"SUSPEND\"}\r\n\
            {\"timestamp\": {}, \"event\": \"WAKEUP\"}\r\n{\"timestamp\": {}, \"event\": \"SUSPEND_DISK\"}\r\n\
            {\"timestamp\": {}, \"event\": \"SUSPEND\"}\r\n";
        let mut orders = Vec::new();
        wake(events.as_bytes(), &mut orders, Duration::ZERO).unwrap();
        let wakeup = "{\"execute\": \"system_wakeup\"}\n";
        let expected = format!("{{\"execute\": \"qmp_capabilities\"}}\n{wakeup}{wakeup}");
        assert_eq!(String::from_utf8_lossy(&orders), expected);
    }
}
