//! The agent at work during a benchmark, and what it and its capture say afterwards.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use super::Bench;
use crate::programs::{output, program};

/// The CPU the agent runs on; what is measured runs on [`WORK_CPU`], so the two do not take turns on one.
pub(super) const AGENT_CPU: usize = 1;
/// The CPU of what is measured.
pub(super) const WORK_CPU: usize = 0;

/// A program in the background that says `ready` on stderr: the agent, or empty probes.
pub(super) struct Watcher {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// From start to `ready`.
    pub(super) ready_after: Duration,
}

impl Drop for Watcher {
    /// A benchmark that fails leaves nobody recording behind it. After [`Watcher::stop`] there is nothing left to end.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watcher {
    pub(super) fn start(command: &mut Command) -> Result<Watcher> {
        let begin = Instant::now();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if stderr.read_line(&mut line)? == 0 {
                child.wait()?;
                bail!("{} ended before it was ready: {}", command.get_program().display(), said.trim_end());
            }
            if line.trim() == "ready" {
                return Ok(Watcher { child, stderr, ready_after: begin.elapsed() });
            }
            said.push_str(&line);
        }
    }

    /// Peak resident memory in bytes, and how much of it is anonymous now: the rings are not.
    pub(super) fn memory(&self) -> Result<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap_or(0) * 1024
        };
        Ok((field("VmHWM:"), field("RssAnon:")))
    }

    /// CPU seconds it has taken so far, with those of threads that have ended: one that verified a program, say.
    pub(super) fn cpu_s(&self) -> Result<f64> {
        stat_s(&format!("/proc/{}/stat", self.child.id()), OWN)
    }

    /// Ends it as Ctrl-C does; answers the CPU seconds it took in its whole life.
    pub(super) fn stop(mut self) -> Result<f64> {
        let before = children_cpu_s()?;
        // Empty probes end with their stdin, the agent at the signal.
        drop(self.child.stdin.take());
        let _ = program("kill").args(["-INT", &self.child.id().to_string()]).stderr(Stdio::null()).status();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said)?;
        let status = self.child.wait()?;
        if !status.success() && status.code().is_some() {
            bail!("the recorder failed: {status}: {}", said.trim_end());
        }
        Ok(children_cpu_s()? - before)
    }
}

/// Where the times of a process and of its children that ended stand in `stat`, behind its name.
const OWN: usize = 11;
const CHILDREN: usize = 13;

/// CPU time of all children that ended.
fn children_cpu_s() -> Result<f64> {
    stat_s("/proc/self/stat", CHILDREN)
}

/// User and system time from a `stat` file. The kernel counts them in ticks of 10 ms.
fn stat_s(path: &str, at: usize) -> Result<f64> {
    let stat = fs::read_to_string(path)?;
    let after_name = stat.rsplit_once(") ").with_context(|| format!("{path} has no name"))?.1;
    let ticks =
        after_name.split(' ').skip(at).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Ok(ticks / 100.0)
}

impl Bench {
    /// A program that is to run on one CPU only.
    pub(super) fn pinned(&self, cpu: usize, name: &str) -> Command {
        let mut command = program("taskset");
        command.args(["-c", &cpu.to_string()]).arg(self.program(name));
        command
    }

    /// The agent, recording the whole machine.
    pub(super) fn record(&self, capture: &Path, options: &[&str]) -> Result<Watcher> {
        let mut command = self.pinned(AGENT_CPU, "sysreel-agent");
        Watcher::start(command.arg("record").args(options).arg("-w").arg(capture))
    }

    /// What `sysreel info -j` says about a capture.
    pub(super) fn info(&self, capture: &Path) -> Result<Info> {
        let text = output(program(self.program("sysreel")).arg("info").arg(capture).arg("-j"))?;
        Ok(Info(serde_json::from_str(&text).with_context(|| format!("`info -j` printed {text}"))?))
    }

    /// How many events of a capture a filter selects.
    pub(super) fn count(&self, capture: &Path, filter: &str) -> Result<u64> {
        let text =
            output(program(self.program("sysreel")).arg("read").arg(capture).arg(filter).arg("--count"))?;
        text.trim().parse().with_context(|| format!("`read --count` printed {text}"))
    }
}

/// The totals of a capture.
pub(super) struct Info(Value);

impl Info {
    /// A top-level number; 0 when it is missing.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or(0)
    }
}
