//! guest: the first process of a virtual machine that `cargo xtask kernels` boots.
//!
//! Mounts what programs expect, has `sysreel-agent` record the program `known` on each CPU in turn, once as its command
//! and once with the whole machine, and compares what `sysreel` finds in the captures with what `known` did. Then
//! switches the machine off. The console is the only way out: lines that begin with `guest: ` are for xtask, the
//! others for people.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tests::known::{
    CHILDREN, CHILDREN_EXEC_FROM, FILES, MISSING, OPERATIONS, PORT, SOCKETS, WRITES, absent_program,
    child_argument, data_file, missing_file,
};
use tests::rig::{Info, succeed};

const AGENT: &str = "/bin/sysreel-agent";
const SYSREEL: &str = "/bin/sysreel";
const KNOWN: &str = "/bin/known";

/// What is mounted: type and place. The last may fail, as they do where a kernel was built without.
const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("tmpfs", "/tmp"),
    ("devtmpfs", "/dev"),
    ("tracefs", "/sys/kernel/tracing"),
    ("cgroup2", "/sys/fs/cgroup"),
];
const MOUNTS_NEEDED: usize = 3;

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
    mount()?;
    loopback_up().context("cannot switch on the loopback device")?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned();
    println!("guest: up {release}");

    let doctor = succeed(Command::new(AGENT).arg("doctor"))?;
    print!("{}", String::from_utf8_lossy(&doctor.stdout));

    let cpus = cpus()?;
    ensure!(cpus > 1, "one CPU only: faults of others would not show");
    for cpu in 0..cpus {
        for scope in [Scope::Command, Scope::Machine, Scope::Upheaval] {
            // The first CPU stays.
            if matches!(scope, Scope::Upheaval) && cpu != 0 {
                continue;
            }
            let directory = format!("/tmp/{scope:?}-{cpu}").to_lowercase();
            let recording = Recording { cpu, scope, release: &release, directory };
            let mut differences = Vec::new();
            // The agent runs on another CPU than what it records: counts and rings must not depend on its own.
            pin((cpu + 1) % cpus)?;
            recording.make_whole().with_context(|| format!("{recording:?}"))?;
            recording.compare(&mut differences).with_context(|| format!("{recording:?}"))?;
            if !differences.is_empty() {
                bail!("CPU {cpu}, {scope:?}: {}", differences.join("; "));
            }
            println!("guest: recorded CPU {cpu}, {scope:?}");
        }
    }
    Ok(())
}

/// What the agent is told to record.
#[derive(Clone, Copy, Debug)]
enum Scope {
    Command,
    Machine,
    /// The whole machine, while the clock jumps and the other CPU, on which the agent runs, goes and comes back.
    Upheaval,
}

#[derive(Debug)]
struct Recording<'a> {
    cpu: usize,
    scope: Scope,
    release: &'a str,
    directory: String,
}

impl Recording<'_> {
    fn capture(&self) -> String {
        format!("{}.reel", self.directory)
    }

    fn known(&self) -> [String; 3] {
        [KNOWN.to_owned(), self.cpu.to_string(), self.directory.clone()]
    }

    /// Records until the kernel has missed nothing: where programs can be preempted (7.0) it may, and says so.
    fn make_whole(&self) -> Result<()> {
        const TRIES: usize = 5;
        for _ in 0..TRIES {
            self.make()?;
            let info = Info(serde_json::from_slice(&self.sysreel(&["info", "-j"], &[])?.stdout)?);
            let losses = info.0["losses"].as_array().context("info -j has no losses")?;
            if losses.is_empty() || losses.iter().any(|loss| loss["cause"] != "missed") {
                return Ok(());
            }
            println!("the kernel missed {} events; once more", info.number("lost")?);
        }
        bail!("the kernel missed events in each of {TRIES} recordings")
    }

    fn make(&self) -> Result<()> {
        // What an earlier try left would be counted again.
        let _ = fs::remove_dir_all(&self.directory);
        fs::create_dir(&self.directory)?;
        let mut agent = Command::new(AGENT);
        agent.args(["record", "-v", "-w", &self.capture()]);
        match self.scope {
            Scope::Command => succeed(agent.arg("--").args(self.known())).map(drop),
            Scope::Machine | Scope::Upheaval => {
                let mut agent = agent.stderr(Stdio::piped()).spawn()?;
                let mut said = BufReader::new(agent.stderr.take().context("stderr is piped")?);
                let mut text = String::new();
                while !text.ends_with("ready\n") {
                    ensure!(said.read_line(&mut text)? > 0, "the agent ended before it was ready: {text}");
                }
                let [program, cpu, directory] = self.known();
                let known = match self.scope {
                    Scope::Upheaval => during_upheaval(Command::new(program).args([cpu, directory])),
                    _ => succeed(Command::new(program).args([cpu, directory])).map(drop),
                };
                // SAFETY: a signal to a child of ours that was not yet waited for.
                unsafe { libc::kill(agent.id() as i32, libc::SIGINT) };
                said.read_to_string(&mut text)?;
                let status = agent.wait()?;
                ensure!(status.success(), "the agent: {status}: {text}");
                known
            }
        }
    }

    fn compare(&self, differences: &mut Vec<String>) -> Result<()> {
        let expected = counts(&self.directory)?;
        let info = Info(serde_json::from_slice(&self.sysreel(&["info", "-j"], &[])?.stdout)?);
        info.is_complete()?;
        let mut differ = |what: &str, expected: String, found: String| {
            if expected != found {
                differences.push(format!("{what}: expected {expected}, found {found}"));
            }
        };
        differ("kernel", self.release.to_owned(), text(&info.0["host"]["kernel"]));
        differ("finished", "true".to_owned(), info.0["finished"].to_string());
        differ(
            "within an hour",
            "true".to_owned(),
            (info.number("span_ns")? < JUMP_S * 1_000_000_000).to_string(),
        );
        differ("damage", "[]".to_owned(), info.0["damage"].to_string());
        let types = info.0["types"].as_object().context("info -j has no types")?;
        let sum: u64 = types.values().filter_map(serde_json::Value::as_u64).sum();
        differ("events of all types", info.number("events")?.to_string(), sum.to_string());
        self.sysreel(&["verify"], &[])?;

        for (name, &count) in &expected {
            if matches!(self.scope, Scope::Command) {
                differ(
                    &format!("info: {name}"),
                    count.to_string(),
                    types.get(name).unwrap_or(&0.into()).to_string(),
                );
            }
            let filter = format!("evt.type={name}");
            differ(&filter, count.to_string(), self.count(&filter)?.to_string());
        }
        let of = |name: &str| expected.get(name).copied().unwrap_or(0);
        let (rounds, programs) = (FILES as u64, (CHILDREN - CHILDREN_EXEC_FROM) as u64);
        let data =
            |name: &str| format!("evt.type={name} and fd.name startswith \"{}/data \"", self.directory);
        for (filter, count) in [
            (format!("evt.type=write and evt.cpu={}", self.cpu), of("write")),
            (
                "evt.type in (openat, read, write, close) and evt.latency>0".to_owned(),
                of("openat") + of("read") + of("write") + of("close"),
            ),
            (data("write"), rounds * WRITES as u64),
            (data("close"), rounds + programs + OPERATIONS as u64),
            (
                "evt.type=write and evt.buffer contains \"quick brown fox\"".to_owned(),
                rounds * WRITES as u64 + 1,
            ),
            ("evt.type=close and evt.res=EBADF".to_owned(), tests::known::CLOSES_REFUSED as u64),
            ("evt.type=socket and evt.arg.domain=AF_UNIX".to_owned(), SOCKETS as u64),
            (format!("evt.type=connect and fd.rport={PORT} and fd.rip=127.0.0.1"), 1),
            (format!("evt.type=accept4 and fd.lport={PORT}"), 1),
            ("evt.type=write and fd.type=ipv4 and evt.rawres=20".to_owned(), 1),
            ("evt.type=procexit and evt.arg.sig=SIGTERM".to_owned(), 1),
            ("evt.source=io_uring and evt.latency>0 and evt.failed=false".to_owned(), 2 * OPERATIONS as u64),
        ] {
            differ(&filter, count.to_string(), self.count(&filter)?.to_string());
        }

        let mut opened: Vec<String> = (0..FILES).map(|index| data_file(&self.directory, index)).collect();
        opened.extend((0..OPERATIONS).map(|index| data_file(&self.directory, index)));
        opened.extend((0..programs).map(|_| data_file(&self.directory, 0)));
        let missing = (0..MISSING).map(|index| missing_file(&self.directory, index)).collect();
        let first = format!("{} {}", self.cpu, self.directory);
        let rest = (CHILDREN_EXEC_FROM..CHILDREN)
            .map(|index| format!("child {} {}", self.directory, child_argument(index)));
        let ran = [first].into_iter().chain(rest).collect();
        let absent = vec![absent_program(&self.directory); CHILDREN];
        let polled = (0..OPERATIONS).map(|index| data_file(&self.directory, index)).collect();
        for (filter, field, lines) in [
            ("evt.source=io_uring and evt.type=io_uring_poll_add".to_owned(), "%fd.name", polled),
            (data("openat") + " and evt.failed=false", "%fd.name", opened),
            ("evt.type=openat and evt.failed=true".to_owned(), "%fd.name", missing),
            ("evt.type=execve and evt.failed=false".to_owned(), "%proc.args", ran),
            ("evt.type=execve and evt.failed=true".to_owned(), "%evt.arg.filename", absent),
        ] {
            differ(&filter, format!("{lines:?}"), format!("{:?}", self.lines(&filter, field)?));
        }
        Ok(())
    }

    fn sysreel(&self, before: &[&str], behind: &[&str]) -> Result<std::process::Output> {
        succeed(Command::new(SYSREEL).args(before).arg(self.capture()).args(behind))
    }

    /// Events of `known`.
    fn count(&self, filter: &str) -> Result<u64> {
        let output = self.sysreel(&["read"], &[&format!("proc.name=known and {filter}"), "--count"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.trim().parse().with_context(|| format!("--count printed {text}"))
    }

    fn lines(&self, filter: &str, format: &str) -> Result<Vec<String>> {
        let output = self.sysreel(&["read"], &[&format!("proc.name=known and {filter}"), "-p", format])?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }
}

/// How far the clock jumps.
const JUMP_S: u64 = 3600;

/// Runs a program, meanwhile sets the clock and takes the second CPU away, and undoes both.
fn during_upheaval(program: &mut Command) -> Result<()> {
    const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";
    let mut program = program.spawn()?;
    set_clock(JUMP_S as i64)?;
    match fs::write(ONLINE, "0") {
        Ok(()) => {
            fs::write(ONLINE, "1").context("the CPU does not come back")?;
            println!("the clock jumped, and a CPU was away");
        }
        Err(error) => println!("the clock jumped; a CPU cannot be taken away: {error}"),
    }
    set_clock(-(JUMP_S as i64))?;
    let status = program.wait()?;
    ensure!(status.success(), "known: {status}");
    Ok(())
}

/// Sets the clock forward by so many seconds.
fn set_clock(seconds: i64) -> Result<()> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is filled, then read.
    let status = unsafe {
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut time);
        time.tv_sec += seconds;
        libc::clock_settime(libc::CLOCK_REALTIME, &time)
    };
    ensure!(status == 0, "cannot set the clock: {}", std::io::Error::last_os_error());
    Ok(())
}

/// What all processes of `known` wrote down, added up.
fn counts(directory: &str) -> Result<BTreeMap<String, u64>> {
    let text = fs::read_to_string(Path::new(directory).join("counts")).context("what known counted")?;
    let mut counts = BTreeMap::new();
    let words: Vec<&str> = text.split_whitespace().collect();
    for pair in words.chunks_exact(2) {
        *counts.entry(pair[0].to_owned()).or_default() += pair[1].parse::<u64>()?;
    }
    Ok(counts)
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn mount() -> Result<()> {
    for (index, (kind, place)) in MOUNTS.into_iter().enumerate() {
        let made = fs::create_dir_all(place);
        let [kind_text, place_text] = [kind, place].map(|text| CString::new(text).expect("no zero byte"));
        // SAFETY: three C strings that live as long as the call; no data.
        let status = unsafe {
            libc::mount(kind_text.as_ptr(), place_text.as_ptr(), kind_text.as_ptr(), 0, std::ptr::null())
        };
        if status != 0 {
            let error = std::io::Error::last_os_error();
            println!("cannot mount {kind} at {place}: {error}");
            if index < MOUNTS_NEEDED {
                made?;
                bail!("cannot mount {kind} at {place}: {error}");
            }
        }
    }
    Ok(())
}

fn loopback_up() -> Result<()> {
    // SAFETY: a request made of zeroes is one; the calls read and write it only.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 || libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        libc::close(socket);
    }
    Ok(())
}

/// CPUs that are there.
fn cpus() -> Result<usize> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    Ok(text.lines().filter(|line| line.starts_with("processor")).count())
}

/// Puts this process, and those it starts from now on, on one CPU.
fn pin(cpu: usize) -> Result<()> {
    // SAFETY: a set made of zeroes is empty; `cpu` is below its 1024.
    let status = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    if status != 0 {
        return Err(std::io::Error::last_os_error()).with_context(|| format!("cannot run on CPU {cpu}"));
    }
    Ok(())
}
