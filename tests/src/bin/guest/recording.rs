//! A recording of `known`, made in one way or another, and what has to be in it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tests::gates::{GATES_BYTES, Gates};
use tests::known::{
    CHILDREN, CHILDREN_EXEC_FROM, CLOSES_REFUSED, DNS_ADDRESS, DNS_MESSAGES, DNS_NAME, EXECUTABLE_BYTES,
    FILES, MISSING, MODULE, MODULE_FILE, OPERATION_KINDS, OPERATIONS, PORT, PORT_CLOSED, READS, SOCKETS,
    WRITES, absent_program, child_argument, data_file, gate_reached, gates_file, missing_file,
};
use tests::rig::{Info, succeed};

use super::machine::{Suspension, Witness, pin, set_clock, set_second_cpu, suspend};
use super::{AGENT, KNOWN, KNOWN32, SYSREEL};

/// What the agent is told to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Command,
    Machine,
    /// What matches a filter with parts that the kernel decides, by call, outcome and process, and parts that only the
    /// agent can.
    Filter,
    /// What matches one that the kernel decides by path, descriptor and port.
    Descriptors,
}

impl Scope {
    fn filter(self, run: &Run) -> Option<String> {
        match self {
            Scope::Command | Scope::Machine => None,
            Scope::Filter => {
                let kinds = "evt.type in (openat, connect, dns) or evt.failed=true";
                Some(format!("proc.name={} and ({kinds})", run.name))
            }
            Scope::Descriptors => {
                Some(format!("fd.name startswith \"{}/data \" or fd.port={PORT}", run.directory()))
            }
        }
    }
}

/// What is in a capture of [`Scope::Filter`] besides failures.
const FILTER_KEEPS: [&str; 3] = ["openat", "connect", "dns"];

/// How far the clock jumps.
const JUMP_S: u64 = 3600;

const POLL: Duration = Duration::from_millis(2);

/// Something to record, with all that is done meanwhile.
#[derive(Debug)]
pub(super) struct Recording<'a> {
    pub(super) scope: Scope,
    pub(super) release: &'a str,
    /// One after the other.
    pub(super) runs: Vec<Run>,
}

/// `known` on a CPU, under a name of its own. The agent is on the other: counts and rings must not depend on its own.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: String,
    program: &'static str,
    cpu: usize,
    /// Meanwhile the machine is suspended, the clock jumps and the second CPU goes and comes back: that of the agent, or that of
    /// the program.
    is_upset: bool,
    upheaval: Cell<Option<Upheaval>>,
}

/// What happened to a program.
#[derive(Clone, Copy, Debug)]
struct Upheaval {
    suspension: Option<Suspension>,
    /// When the program had ended.
    ended_ns: u64,
}

impl Run {
    pub(super) fn plain(name: &str, cpu: usize) -> Self {
        Run { name: name.to_owned(), program: KNOWN, cpu, is_upset: false, upheaval: Cell::default() }
    }

    pub(super) fn upset(cpu: usize) -> Self {
        Run { is_upset: true, ..Self::plain(&format!("known-upset{cpu}"), cpu) }
    }

    /// Through the machine's 32-bit entry.
    pub(super) fn narrow(cpu: usize) -> Self {
        Run { program: KNOWN32, ..Self::plain("known-narrow", cpu) }
    }

    fn is_narrow(&self) -> bool {
        self.program == KNOWN32
    }

    fn directory(&self) -> String {
        format!("/tmp/{}.d", self.name)
    }

    /// The program by its name for this.
    fn link(&self) -> String {
        format!("/tmp/{}", self.name)
    }

    /// What the program is told.
    fn arguments(&self) -> Vec<String> {
        let mut words = vec![self.cpu.to_string(), self.directory()];
        words.extend(self.is_upset.then(|| "wait".to_owned()));
        words
    }

    /// Makes what it needs. What an earlier try left would be counted again.
    fn prepare(&self) -> Result<()> {
        let _ = fs::remove_dir_all(self.directory());
        let _ = fs::remove_file(self.link());
        fs::create_dir(self.directory())?;
        fs::write(gates_file(&self.directory()), [0; GATES_BYTES])?;
        symlink(self.program, self.link()).context("cannot name the program")
    }

    fn go(&self, witness: Witness) -> Result<()> {
        let mut program = Command::new(self.link());
        program.args(self.arguments());
        if self.is_upset {
            self.during_upheaval(&mut program, witness)
        } else {
            succeed(&mut program).map(drop)
        }
    }

    /// Runs the program. The machine is suspended while it waits at its first gate; what it does from there to the second one it
    /// does while the clock is ahead and the second CPU is away.
    fn during_upheaval(&self, program: &mut Command, witness: Witness) -> Result<()> {
        let gates = File::options().read(true).write(true).open(gates_file(&self.directory()))?;
        let gates = Gates::map(gates.as_raw_fd()).context("cannot map the gates")?;
        let mut program = program.spawn()?;
        self.wait_at(0, &mut program)?;
        // First: two threads of the emulator race when the machine wakes, and then the kernel waits for the CPU in vain.
        let can = set_second_cpu(false)?;
        let suspension = suspend(witness)?;
        set_clock(JUMP_S as i64)?;
        gates.open(0);
        self.wait_at(1, &mut program)?;
        if can {
            set_second_cpu(true)?;
        } else {
            println!("guest: without taking CPUs away");
        }
        set_clock(-(JUMP_S as i64))?;
        gates.open(1);
        let status = program.wait()?;
        ensure!(status.success(), "{}: {status}", self.name);
        match &suspension {
            Some(Suspension { lasted_ns, .. }) => println!("suspended for {lasted_ns} ns"),
            None => println!("guest: without a suspension"),
        }
        self.upheaval.set(Some(Upheaval { suspension, ended_ns: witness.now_ns() }));
        Ok(())
    }

    fn suspension(&self) -> Option<Suspension> {
        self.upheaval.get()?.suspension
    }

    /// Until the program waits at a gate.
    fn wait_at(&self, gate: usize, program: &mut Child) -> Result<()> {
        let reached = gate_reached(&self.directory(), gate);
        let call = format!("/proc/{}/syscall", program.id());
        let waits = || {
            let words = fs::read_to_string(&call).unwrap_or_default();
            words.split(' ').next() == Some(&libc::SYS_futex.to_string())
        };
        while !Path::new(&reached).exists() || !waits() {
            if let Some(status) = program.try_wait()? {
                bail!("{} ended before gate {gate}: {status}", self.name);
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

/// What differs from what was expected.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare(&mut self, what: &str, expected: impl ToString, found: impl ToString) {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected != found {
            self.0.push(format!("{what}: expected {expected}, found {found}"));
        }
    }
}

/// Calls and other events of `known`, by name.
struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// What all its processes wrote down, added up.
    fn read(directory: &str) -> Result<Self> {
        let text = fs::read_to_string(Path::new(directory).join("counts")).context("what known counted")?;
        let mut counts = BTreeMap::new();
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.chunks_exact(2) {
            *counts.entry(pair[0].to_owned()).or_default() += pair[1].parse::<u64>()?;
        }
        Ok(Counts(counts))
    }

    fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    fn sum(&self, names: &[&str]) -> u64 {
        names.iter().map(|name| self.of(name)).sum()
    }
}

impl Recording<'_> {
    fn capture(&self) -> String {
        format!("/tmp/{:?}.reel", self.scope).to_lowercase()
    }

    /// Records and compares, and again where something differs and the kernel says that it missed events: where programs
    /// can be preempted (7.0) it may. What it missed may have been another's, on a machine that does much else.
    pub(super) fn make_whole(&self) -> Result<Vec<String>> {
        const TRIES: usize = 5;
        let mut differences = Vec::new();
        for _ in 0..TRIES {
            self.make()?;
            differences.clear();
            for run in &self.runs {
                let found = self.compare(run).with_context(|| run.name.clone())?;
                differences.extend(found.into_iter().map(|text| format!("{}: {text}", run.name)));
            }
            let missed = self.info()?.number("lost")?;
            if missed == 0 || differences.is_empty() {
                return Ok(differences);
            }
            println!("the kernel missed {missed} events; once more, as {}", differences.join("; "));
        }
        Ok(differences)
    }

    fn make(&self) -> Result<()> {
        self.runs.iter().try_for_each(Run::prepare)?;
        let witness = Witness::new();
        let first = self.runs.first().context("nothing to record")?;
        // What is started from here begins there.
        pin(std::process::id(), other(first.cpu))?;
        let mut agent = Command::new(AGENT);
        agent.args(["record", "-v", "-w", &self.capture()]);
        if self.scope == Scope::Command {
            return succeed(agent.arg("--").arg(first.link()).args(first.arguments())).map(drop);
        }
        agent.args(self.scope.filter(first));
        let mut agent = agent.stderr(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(agent.stderr.take().context("stderr is piped")?);
        let mut text = String::new();
        while !text.ends_with("ready\n") {
            ensure!(said.read_line(&mut text)? > 0, "the agent ended before it was ready: {text}");
        }
        let done = self
            .runs
            .iter()
            .try_for_each(|run| pin(agent.id(), other(run.cpu)).and_then(|()| run.go(witness)));
        // SAFETY: a signal to a child of ours that was not yet waited for.
        unsafe { libc::kill(agent.id() as i32, libc::SIGINT) };
        said.read_to_string(&mut text)?;
        let status = agent.wait()?;
        ensure!(status.success(), "the agent: {status}: {text}");
        done
    }

    /// Holds the capture against what was done: what differs.
    fn compare(&self, run: &Run) -> Result<Vec<String>> {
        let counts = Counts::read(&run.directory())?;
        let seen = Seen { recording: self, run };
        let mut differences = Differences::default();
        let differ = &mut differences;
        self.compare_whole(differ)?;
        self.sysreel(&["verify"], &[])?;
        if let Some(filter) = self.scope.filter(run) {
            differ.compare("events that match", self.count("evt.num>=0")?, self.count(&filter)?);
            if self.scope == Scope::Filter {
                seen.compare_filtered(&counts, differ)?;
            } else {
                seen.compare_descriptors(differ)?;
            }
            return Ok(differences.0);
        }
        seen.compare_counts(&counts, differ)?;
        seen.compare_contents(&counts, differ)?;
        seen.compare_names(differ)?;
        if run.is_upset {
            seen.compare_upheaval(&counts, differ)?;
        }
        if run.is_narrow() {
            seen.compare_narrow(&counts, differ)?;
        }
        Ok(differences.0)
    }

    /// What holds of every capture.
    fn compare_whole(&self, differ: &mut Differences) -> Result<()> {
        let info = self.info()?;
        info.adds_up()?;
        // What the kernel missed is at most that much, and no program of ours had a say in it.
        let losses = info.0["losses"].as_array().context("info -j has no losses")?;
        let own: Vec<_> = losses.iter().filter(|loss| loss["cause"] != "missed").collect();
        differ.compare("losses", "[]", format!("{own:?}"));
        differ.compare("kernel", self.release, info.0["host"]["kernel"].as_str().unwrap_or_default());
        differ.compare("finished", true, &info.0["finished"]);
        differ.compare("within an hour", true, info.number("span_ns")? < JUMP_S * 1_000_000_000);
        differ.compare("damage", "[]", &info.0["damage"]);
        self.compare_suspensions(&info, differ)?;
        let types = info.0["types"].as_object().context("info -j has no types")?;
        let sum: u64 = types.values().filter_map(Value::as_u64).sum();
        differ.compare("events of all types", info.number("events")?, sum);
        Ok(())
    }

    /// Each is told once, where it was.
    fn compare_suspensions(&self, info: &Info, differ: &mut Differences) -> Result<()> {
        let suspensions: Vec<Suspension> = self.runs.iter().filter_map(Run::suspension).collect();
        let marks = info.0["marks"].as_array().context("info -j has no marks")?;
        let marks: Vec<_> = marks.iter().filter(|mark| mark["kind"] == "suspend").collect();
        differ.compare("marks of suspensions", suspensions.len(), marks.len());
        for (suspension, mark) in suspensions.iter().zip(marks) {
            let time_ns = mark["time"].as_u64().context("a mark has no time")?;
            let is_within = (suspension.before_ns..suspension.after_ns).contains(&time_ns);
            differ.compare(&format!("{mark} is within {suspension:?}"), true, is_within);
            let text = mark["text"].as_str().unwrap_or_default();
            let told_ns = text.trim_end_matches(" s").replace('.', "").parse::<u64>().unwrap_or(0);
            let is_near = told_ns.abs_diff(suspension.lasted_ns) < suspension.slack_ns();
            differ.compare(&format!("{mark} is what {suspension:?} took"), true, is_near);
        }
        let text = self.sysreel(&["read"], &["proc.name=nobody"])?.stdout;
        let text = String::from_utf8_lossy(&text);
        let told = text.lines().filter(|line| line.contains(" suspended for ")).count();
        differ.compare("suspensions in the text", suspensions.len(), told);
        Ok(())
    }

    fn info(&self) -> Result<Info> {
        Ok(Info(serde_json::from_slice(&self.sysreel(&["info", "-j"], &[])?.stdout)?))
    }

    fn sysreel(&self, before: &[&str], behind: &[&str]) -> Result<Output> {
        succeed(Command::new(SYSREEL).args(before).arg(self.capture()).args(behind))
    }

    fn count(&self, filter: &str) -> Result<u64> {
        let output = self.sysreel(&["read"], &[filter, "--count"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.trim().parse().with_context(|| format!("--count printed {text}"))
    }

    fn lines(&self, filter: &str, format: &str) -> Result<Vec<String>> {
        let output = self.sysreel(&["read"], &[filter, "-p", format])?;
        // Losses stand between the events where they fell.
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter(|line| !line.starts_with("! ")).map(str::to_owned).collect())
    }
}

/// What a capture has of a run.
struct Seen<'a> {
    recording: &'a Recording<'a>,
    run: &'a Run,
}

impl Seen<'_> {
    fn compare_counts(&self, counts: &Counts, differ: &mut Differences) -> Result<()> {
        let info = self.recording.info()?;
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for name in self.lines("evt.num>=0", "%evt.type")? {
            *seen.entry(name).or_default() += 1;
        }
        for (name, count) in &counts.0 {
            if self.recording.scope == Scope::Command {
                let found = info.0["types"].get(name).cloned().unwrap_or(0.into());
                differ.compare(&format!("info: {name}"), count, found);
            }
            differ.compare(name, count, seen.get(name).copied().unwrap_or(0));
        }
        Ok(())
    }

    /// Counts that follow from what was done, of events told apart by what is in them.
    fn compare_contents(&self, counts: &Counts, differ: &mut Differences) -> Result<()> {
        let (rounds, programs) = (FILES as u64, (CHILDREN - CHILDREN_EXEC_FROM) as u64);
        let (operations, has_module) = (OPERATIONS as u64, u64::from(Path::new(MODULE_FILE).exists()));
        let data = self.data_filter();
        let address: Vec<String> = DNS_ADDRESS.iter().map(u8::to_string).collect();
        let address = address.join(".");
        for (filter, count) in [
            (format!("evt.type=write and {data} and evt.cpu={}", self.run.cpu), rounds * WRITES as u64),
            (
                "evt.type in (openat, read, write, close) and evt.latency>0".to_owned(),
                counts.sum(&["openat", "read", "write", "close"]),
            ),
            (format!("evt.type=write and {data}"), rounds * WRITES as u64),
            (format!("evt.type=close and {data}"), rounds + programs + operations),
            (
                "evt.type=write and evt.buffer contains \"quick brown fox\"".to_owned(),
                rounds * WRITES as u64 + 1,
            ),
            ("evt.type=close and evt.res=EBADF".to_owned(), CLOSES_REFUSED as u64),
            ("evt.type=socket and evt.arg.domain=AF_UNIX".to_owned(), SOCKETS as u64),
            (format!("evt.type=connect and fd.rport={PORT} and fd.rip=127.0.0.1"), 1),
            (format!("evt.type=accept4 and fd.lport={PORT}"), 1),
            ("evt.type=write and fd.type=ipv4 and evt.rawres=20".to_owned(), 1),
            (format!("evt.type=sendto and fd.rport={PORT_CLOSED}"), 1),
            ("evt.type=procexit and evt.arg.sig=SIGTERM".to_owned(), 1),
            ("evt.type=procexit and evt.arg.in_call=exit".to_owned(), counts.of("exit")),
            ("evt.type=procexit and evt.arg.in_call=exit_group".to_owned(), counts.of("exit_group")),
            (
                "evt.source=io_uring and evt.latency>0 and evt.failed=false".to_owned(),
                OPERATION_KINDS as u64 * operations,
            ),
            (
                "evt.source=io_uring and evt.type=sendmsg and evt.rawres=20 and evt.buffer contains \"quick brown fox\""
                    .to_owned(),
                operations,
            ),
            (format!("evt.type=dns and evt.arg.name={DNS_NAME} and evt.arg.type=A"), DNS_MESSAGES as u64),
            (
                format!("evt.type=dns and evt.arg.response=true and evt.arg.answers contains {address}"),
                DNS_MESSAGES as u64 / 2,
            ),
            (
                format!(
                    "evt.type=exec_map and evt.arg.size={EXECUTABLE_BYTES} and evt.arg.prot=\"PROT_READ|PROT_EXEC\""
                ),
                1,
            ),
            (format!("evt.type=cgroup_mkdir and evt.arg.path=\"/known {}\"", self.run.cpu), 1),
            (format!("evt.type=cgroup_rmdir and evt.arg.path=\"/known {}\"", self.run.cpu), 1),
            (format!("evt.type=module_load and evt.arg.name={MODULE}"), has_module),
            (format!("evt.type=module_unload and evt.arg.name={MODULE}"), has_module),
        ] {
            differ.compare(&filter, count, self.count(&filter)?);
        }
        if self.recording.scope != Scope::Command {
            // Whose a packet is that nobody takes is not known everywhere.
            let filter = format!("evt.type=packet_drop and fd.lport={PORT_CLOSED}");
            let runs = self.recording.runs.len();
            differ.compare(&filter, runs, self.recording.count(&filter)?);
        }
        Ok(())
    }

    /// Names and texts, in their order.
    fn compare_names(&self, differ: &mut Differences) -> Result<()> {
        let data = self.data_filter();
        let mut opened: Vec<String> =
            (0..FILES).map(|index| data_file(&self.run.directory(), index)).collect();
        opened.extend((0..OPERATIONS).map(|index| data_file(&self.run.directory(), index)));
        opened.extend((CHILDREN_EXEC_FROM..CHILDREN).map(|_| data_file(&self.run.directory(), 0)));
        let missing = (0..MISSING).map(|index| missing_file(&self.run.directory(), index)).collect();
        let first = self.run.arguments().join(" ");
        let rest = (CHILDREN_EXEC_FROM..CHILDREN)
            .map(|index| format!("child {} {}", self.run.directory(), child_argument(index)));
        let ran = [first].into_iter().chain(rest).collect();
        let absent = vec![absent_program(&self.run.directory()); CHILDREN];
        let polled: Vec<String> =
            (0..OPERATIONS).map(|index| data_file(&self.run.directory(), index)).collect();
        for (filter, field, lines) in [
            ("evt.source=io_uring and evt.type=io_uring_poll_add".to_owned(), "%fd.name", polled),
            (format!("evt.type=openat and {data} and evt.failed=false"), "%fd.name", opened),
            ("evt.type=openat and evt.failed=true".to_owned(), "%fd.name", missing),
            ("evt.type=execve and evt.failed=false".to_owned(), "%proc.args", ran),
            ("evt.type=execve and evt.failed=true".to_owned(), "%evt.arg.filename", absent),
        ] {
            differ.compare(&filter, format!("{lines:?}"), format!("{:?}", self.lines(&filter, field)?));
        }
        Ok(())
    }

    /// What lies between the gates was done on the CPU that stayed.
    fn compare_upheaval(&self, counts: &Counts, differ: &mut Differences) -> Result<()> {
        for name in ["sendto", "recvfrom", "connect", "dns"] {
            let filter = format!("evt.type={name} and evt.cpu=0");
            differ.compare(&filter, counts.of(name), self.count(&filter)?);
        }
        let upheaval = self.run.upheaval.get().context("the program did not run")?;
        let mut times = Vec::new();
        for line in self.lines("evt.num>=0", "%evt.rawtime")? {
            times.push(line.parse::<u64>().with_context(|| line.clone())?);
        }
        differ.compare("order of time", true, times.is_sorted());
        let Some(suspension) = upheaval.suspension else { return Ok(()) };
        let slack_ns = suspension.slack_ns();
        let last_ns = times.last().copied().unwrap_or(u64::MAX);
        differ.compare("the last event is not ahead of time", true, last_ns < upheaval.ended_ns + slack_ns);
        self.compare_call_under_way(suspension, differ)
    }

    /// It began before the suspension, ended behind it, and took all that time. Meanwhile there was nothing.
    fn compare_call_under_way(&self, suspension: Suspension, differ: &mut Differences) -> Result<()> {
        let Suspension { before_ns, after_ns, lasted_ns } = suspension;
        let slack_ns = suspension.slack_ns();
        let calls = self.lines("evt.type=futex", "%evt.rawtime %evt.latency %evt.rawres")?;
        let first = calls.first().context("the call that waits is missing")?;
        let numbers: Vec<u64> = first.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [end_ns, latency_ns, 0] = numbers[..] else { bail!("the call that waits: {first}") };
        let begin_ns = end_ns - latency_ns;
        let what = format!("{begin_ns} to {end_ns} contains {suspension:?}");
        let contains = begin_ns < before_ns + slack_ns && after_ns < end_ns + slack_ns;
        differ.compare(&what, true, contains && latency_ns >= lasted_ns);
        let (from_ns, to_ns) = (before_ns + slack_ns, after_ns - slack_ns);
        let meanwhile = format!("evt.rawtime>{from_ns} and evt.rawtime<{to_ns}");
        differ.compare(&meanwhile, 0, self.count(&meanwhile)?);
        Ok(())
    }

    /// Every call is one of the table of 32-bit programs.
    fn compare_narrow(&self, counts: &Counts, differ: &mut Differences) -> Result<()> {
        let narrow = if cfg!(target_arch = "aarch64") { "arm" } else { "i386" };
        for name in ["openat", "read", "write", "close", "socket", "sendto", "wait4", "exit_group"] {
            let filter = format!("evt.type={name} and evt.abi={narrow}");
            differ.compare(&filter, counts.of(name), self.count(&filter)?);
        }
        let filter = format!("evt.type=sendmsg and evt.abi=io_uring.{narrow}");
        differ.compare(&filter, counts.of("sendmsg"), self.count(&filter)?);
        // The one that made a program of 32 bits of this process came from the other table.
        let filter = format!("evt.type=execve and evt.abi!={narrow}");
        differ.compare(&filter, 1, self.count(&filter)?);
        // What its number means in the new table.
        differ.compare("evt.type=fcntl64", 0, self.count("evt.type=fcntl64")?);
        let filter = "evt.type startswith syscall_";
        differ.compare(filter, "[]", format!("{:?}", self.lines(filter, "%evt.type")?));
        Ok(())
    }

    /// With a filter: what matches, all of it, with the names that the state of the process gives.
    fn compare_filtered(&self, counts: &Counts, differ: &mut Differences) -> Result<()> {
        for name in FILTER_KEEPS {
            let filter = format!("evt.type={name}");
            differ.compare(&filter, counts.of(name), self.count(&filter)?);
        }
        for (filter, count) in [
            ("evt.type=close", CLOSES_REFUSED as u64),
            ("evt.type=execve", CHILDREN as u64),
            ("evt.type in (read, write, sendto)", 0),
        ] {
            differ.compare(filter, count, self.count(filter)?);
        }
        let missing: Vec<String> =
            (0..MISSING).map(|index| missing_file(&self.run.directory(), index)).collect();
        let filter = "evt.type=openat and evt.failed=true";
        differ.compare(filter, format!("{missing:?}"), format!("{:?}", self.lines(filter, "%fd.name")?));
        let filter = format!("evt.type=connect and fd.rport={PORT} and fd.rip=127.0.0.1");
        differ.compare(&filter, 1, self.count(&filter)?);
        Ok(())
    }

    /// With a filter of files and a port: all that was done to those.
    fn compare_descriptors(&self, differ: &mut Differences) -> Result<()> {
        let data = self.data_filter();
        for (filter, count) in [
            (format!("evt.type=write and {data}"), FILES * WRITES),
            // And one by each child that becomes a program.
            (format!("evt.type=read and {data}"), FILES * READS + CHILDREN - CHILDREN_EXEC_FROM),
            ("evt.type=connect".to_owned(), 1),
            ("evt.type=accept4".to_owned(), 1),
            ("evt.type=write and fd.type=ipv4".to_owned(), 1),
            ("evt.type=read and fd.type=ipv4".to_owned(), 1),
        ] {
            differ.compare(&filter, count as u64, self.count(&filter)?);
        }
        Ok(())
    }

    /// Of the files that `known` makes.
    fn data_filter(&self) -> String {
        format!("fd.name startswith \"{}/data \"", self.run.directory())
    }

    /// Events of the program.
    fn count(&self, filter: &str) -> Result<u64> {
        self.recording.count(&format!("proc.name={} and {filter}", self.run.name))
    }

    fn lines(&self, filter: &str, format: &str) -> Result<Vec<String>> {
        self.recording.lines(&format!("proc.name={} and {filter}", self.run.name), format)
    }
}

/// The other CPU.
fn other(cpu: usize) -> usize {
    1 - cpu
}
