//! Running the programs under test in a folder that goes away when the test passes.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::host;
use crate::listing::{self, Event};

/// A folder for one test, and the programs it drives.
#[derive(Debug)]
pub struct Rig {
    directory: PathBuf,
}

impl Rig {
    /// Makes the folder; `None`, said loudly, where the kernel refuses BPF.
    pub fn new(test: &str) -> Result<Option<Rig>> {
        if host::skip_without_bpf(test) {
            return Ok(None);
        }
        Rig::without_recording(test).map(Some)
    }

    /// For tests that only read.
    pub fn without_recording(test: &str) -> Result<Rig> {
        let directory = std::env::temp_dir().join(format!("sysreel-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        Ok(Rig { directory })
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// `sysreel-agent`.
    pub fn agent(&self) -> Command {
        self.program(host::programs_dir().join("sysreel-agent"))
    }

    /// `sysreel`.
    pub fn sysreel(&self) -> Command {
        self.program(host::programs_dir().join("sysreel"))
    }

    /// A program that runs in the folder.
    pub fn program(&self, name: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.directory);
        command
    }

    /// Records a command and its descendants into a file of the folder.
    pub fn record(&self, capture: &str, options: &[&str], command: &[&str]) -> Result<Output> {
        succeed(self.agent().arg("record").args(options).args(["-w", capture, "--"]).args(command))
    }

    /// Records the whole machine into a file of the folder while `work` is done.
    pub fn record_machine(
        &self,
        capture: &str,
        options: &[&str],
        work: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let recording = self.begin(capture, options, &[])?;
        let done = work();
        recording.signal(libc::SIGINT);
        recording.end()?;
        done
    }

    /// Starts a recording, of a command if one is given; returns when it has begun.
    pub fn begin(&self, capture: &str, options: &[&str], command: &[&str]) -> Result<Recording> {
        let mut agent = self.agent();
        agent.arg("record").args(options).args(["-w", capture]);
        if !command.is_empty() {
            agent.arg("--").args(command);
        }
        self.begin_as(&mut agent)
    }

    /// The same of a command that becomes the agent, or starts it.
    pub fn begin_as(&self, agent: &mut Command) -> Result<Recording> {
        let mut agent = agent.stderr(Stdio::piped()).spawn().context("starting the agent")?;
        let stderr = agent.stderr.take().context("its errors are a pipe")?;
        let mut said = BufReader::new(stderr).lines();
        let mut before = Vec::new();
        let is_ready = said.by_ref().map_while(Result::ok).any(|line| {
            let is_ready = line.trim() == "ready";
            before.push(line);
            is_ready
        });
        // What it says later is read to the end, or it would wait for a reader.
        let (tell, rest) = mpsc::channel();
        thread::spawn(move || said.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let recording = Recording { agent, before, rest, said: Vec::new() };
        if is_ready {
            return Ok(recording);
        }
        recording.end()?;
        bail!("the agent ended before it was ready")
    }

    /// The events a filter selects, with all that the tests look at.
    pub fn events(&self, capture: &str, filter: &str) -> Result<Vec<Event>> {
        let output =
            succeed(self.sysreel().args(["read", capture, filter, "-v", "-j", "-p", &listing::format()]))?;
        listing::parse(&output.stdout)
    }

    /// What a format makes of the events a filter selects, one line each.
    pub fn lines(&self, capture: &str, filter: &str, format: &str) -> Result<Vec<String>> {
        let output = succeed(self.sysreel().args(["read", capture, filter, "-p", format]))?;
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }

    /// `sysreel read CAPTURE FILTER --count`.
    pub fn count(&self, capture: &str, filter: &str) -> Result<u64> {
        let output = succeed(self.sysreel().args(["read", capture, filter, "--count"]))?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().with_context(|| format!("--count printed {text}"))
    }

    /// The same as [`Self::count`] of a capture that is being written, or was cut.
    pub fn count_so_far(&self, capture: impl AsRef<OsStr>, filter: &str) -> Result<u64> {
        let mut read = self.sysreel();
        let output = read.arg("read").arg(capture).args([filter, "--count"]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0))
    }

    /// `sysreel info -j`.
    pub fn info(&self, capture: &str) -> Result<Info> {
        let output = succeed(self.sysreel().args(["info", capture, "-j"]))?;
        Ok(Info(serde_json::from_slice(&output.stdout).context("info -j")?))
    }

    /// Removes the folder: for the end of a test, so that one that fails leaves it to be looked at.
    pub fn done(self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }

    /// Where the folder is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// A recording that goes on.
#[derive(Debug)]
pub struct Recording {
    agent: Child,
    /// What it said until it was ready, and since then: what was looked at, and what is still to come.
    before: Vec<String>,
    said: Vec<String>,
    rest: Receiver<String>,
}

/// How long something is waited for that has to come: nothing is measured by it, so it is long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until a condition holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let since = Instant::now();
    while !holds()? {
        ensure!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

impl Recording {
    /// Sends the agent a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the agent has not been waited for, so the id is its own.
        unsafe { libc::kill(self.agent.id() as i32, signal) };
    }

    /// The agent's process id.
    pub fn pid(&self) -> u32 {
        self.agent.id()
    }

    /// What it said until it was ready.
    pub fn said_before(&self) -> String {
        self.before.join("\n")
    }

    /// Waits until it says something since it was ready.
    pub fn wait_for(&mut self, text: &str) -> Result<()> {
        while !self.said.iter().any(|line| line.contains(text)) {
            let next = self.rest.recv_timeout(PATIENCE);
            self.said.push(next.with_context(|| format!("no '{text}' in what it says: {:?}", self.said))?);
        }
        Ok(())
    }

    /// Waits until it has ended well.
    pub fn end(self) -> Result<()> {
        self.end_and_tell().map(drop)
    }

    /// The same; gives what it has said since it was ready.
    pub fn end_and_tell(mut self) -> Result<String> {
        let status = self.agent.wait()?;
        self.said.extend(self.rest.iter());
        let said = self.said.join("\n");
        ensure!(status.success(), "the agent: {status}: {said}");
        Ok(said)
    }
}

/// A test that fails must not leave an agent behind that records for ever.
impl Drop for Recording {
    fn drop(&mut self) {
        // It has ended long since when the test went well.
        if let Ok(None) = self.agent.try_wait() {
            let _ = self.agent.kill();
            let _ = self.agent.wait();
        }
    }
}

/// Runs a command that must succeed.
pub fn succeed(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}

/// A program of this package, built along with the tests.
pub fn helper(name: &str) -> Result<String> {
    let tests = std::env::current_exe()?;
    let directory = tests.parent().and_then(Path::parent).context("the tests stand in no build folder")?;
    let path = directory.join(name);
    path.to_str().map(str::to_owned).context("the build folder's name is no text")
}

/// What `info -j` says.
#[derive(Debug)]
pub struct Info(pub Value);

impl Info {
    /// A total.
    pub fn number(&self, name: &str) -> Result<u64> {
        self.0
            .get(name)
            .and_then(Value::as_u64)
            .with_context(|| format!("info -j has no number '{name}': {}", self.0))
    }

    /// Checks that every event is accounted for: it is stored or counted as lost.
    pub fn adds_up(&self) -> Result<()> {
        let (produced, stored, lost) =
            (self.number("produced")?, self.number("events")?, self.number("lost")?);
        if produced != stored + lost {
            bail!("{produced} events were produced, {stored} are stored and {lost} lost: {}", self.losses());
        }
        Ok(())
    }

    /// Checks that nothing was lost, without which a test can say nothing.
    pub fn is_complete(&self) -> Result<()> {
        self.adds_up()?;
        match self.number("lost")? {
            0 => Ok(()),
            lost => bail!("{lost} events were lost: {}", self.losses()),
        }
    }

    fn losses(&self) -> &Value {
        self.0.get("losses").unwrap_or(&Value::Null)
    }
}
