//! Recording with a filter: the capture holds what `sysreel read` finds with it in a whole recording of the same thing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tests::rig::{self, Rig, succeed};

/// What is compared of an event: all that is the same each time the work is done.
const FORMAT: &str = "*%proc.name %evt.type %evt.res %fd.type %fd.name %proc.cwd %user.uid %evt.category";

/// Work of many kinds that does the same each time.
const SCRIPT: &str = "\
    mkdir folder; echo content > folder/file; cd folder; cat file missing; cat < file > copy; \
    ln -s file link; exec 5< link; cat <&5; cat /etc/hostname | sort | tail -n 1; ls / > /dev/null; \
    setpriv --reuid 4242 --clear-groups cat file /etc/shadow; (cd /; ls missing); sleep 0.5; \
    rm -f copy link; true";

/// Whether several children of a shell end at once or one after the other differs from run to run.
const CHANCE: [&str; 4] = ["signaldeliver", "rt_sigreturn", "wait4", "restart_syscall"];

/// Filters of every scope, alone and joined.
const FILTERS: &[&str] = &[
    "proc.name=cat",
    "proc.name!=cat",
    "not proc.name in (cat, sh)",
    "proc.cmdline contains missing or proc.name=sort",
    "proc.cwd endswith /folder",
    "proc.pname=sh and evt.type=openat",
    "proc.aname=sh and proc.name=cat and evt.type in (read, write)",
    "user.uid=4242",
    "user.uid=4242 and evt.failed=true",
    "container.id=\"\"",
    "container.id=host and proc.exepath endswith /cat",
    "evt.type=openat",
    "evt.type in (openat, close, execve) and proc.name=cat",
    "evt.category=file",
    "evt.category=net",
    "evt.failed=true",
    "evt.failed=false and proc.name=cat",
    "evt.res=ENOENT",
    "evt.rawres<0 and not evt.res=ENOENT",
    // Whatever else takes that long on a busy machine differs from run to run.
    "evt.latency>=400ms and evt.type in (nanosleep, clock_nanosleep)",
    "evt.latency>=400ms and evt.category=sleep",
    "fd.name startswith /etc",
    "fd.name contains folder/file",
    "fd.type=pipe and proc.name in (cat, sort)",
    "fd.num=5",
    "evt.arg.flags contains O_WRONLY or evt.type=unlinkat",
    "evt.buffer contains content",
    "proc.name=cat and (evt.failed=true or fd.name=/etc/hostname)",
    "(proc.name=sort and evt.type=read) or (proc.name=tail and evt.type=write) or evt.type=execve",
    "not (proc.name=cat or evt.type=read or evt.failed=true)",
    "proc.pgid=0 or evt.type=procexit",
    "fd.directory=/etc or fd.filename=copy",
    "fd.name in (/etc/hostname, /etc/shadow) and evt.failed=true",
    "fd.name glob /etc/* or fd.name pmatch (/proc)",
    "fs.path.name startswith /etc",
    "fs.path.name startswith / and proc.name=rm",
    "fs.path.name endswith missing or fs.path.name=/usr/bin/cat",
    "not fd.name startswith /usr and evt.type in (openat, read, close, mmap)",
    "evt.type=exec_map",
    "evt.type=exec_map and fd.name contains libc",
];

/// How often each line stands in a listing, without what differs each time.
fn lines(rig: &Rig, capture: &str, filter: &str, format: &str) -> Result<BTreeMap<String, i64>> {
    let output = succeed(rig.sysreel().args(["read", capture, filter, "-v", "-p", format]))?;
    let mut lines = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        // Numbers of pipes and sockets.
        let same: Vec<String> = line.split(' ').map(without_numbers).collect();
        if same.get(1).is_some_and(|name| CHANCE.contains(&name.as_str())) {
            continue;
        }
        *lines.entry(same.join(" ")).or_default() += 1;
    }
    Ok(lines)
}

fn without_numbers(word: &str) -> String {
    match word.len() > 6 && word.bytes().any(|byte| byte.is_ascii_digit()) {
        true => {
            let hidden = word.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter });
            let mut letters: Vec<char> = hidden.collect();
            // Process ids begin anew, with fewer digits, where their numbers end.
            letters.dedup_by(|later, earlier| *later == '#' && *earlier == '#');
            letters.into_iter().collect()
        }
        false => word.to_owned(),
    }
}

/// What stands in one listing and not in the other.
fn difference(a: &BTreeMap<String, i64>, b: &BTreeMap<String, i64>) -> Vec<String> {
    let mut all: BTreeMap<&str, i64> = BTreeMap::new();
    for (line, count) in a {
        *all.entry(line).or_default() += count;
    }
    for (line, count) in b {
        *all.entry(line).or_default() -= count;
    }
    all.into_iter()
        .filter(|(_, count)| *count != 0)
        .map(|(line, count)| format!("{count:+} {line}"))
        .collect()
}

/// Records from the same beginning.
fn record(rig: &Rig, capture: &str, filter: &[&str], command: &[&str]) -> Result<()> {
    let _ = std::fs::remove_dir_all(rig.file("folder"));
    rig.record(capture, filter, command)?;
    rig.info(capture)?.is_complete()
}

/// Records with a filter and compares with the whole recording `all.reel`; how many events there were.
fn check(rig: &Rig, filter: &str, command: &[&str]) -> Result<i64> {
    check_by(rig, filter, command, FORMAT)
}

/// The same of what this format shows.
fn check_by(rig: &Rig, filter: &str, command: &[&str], format: &str) -> Result<i64> {
    record(rig, "some.reel", &[filter], command)?;
    let (wanted, found) = (lines(rig, "all.reel", filter, format)?, lines(rig, "some.reel", "", format)?);
    let different = difference(&found, &wanted);
    ensure!(different.is_empty(), "'{filter}': {different:#?}");
    Ok(wanted.values().sum())
}

#[test]
fn the_same_as_filtering_later() -> Result<()> {
    let Some(rig) = Rig::new("filters")? else { return Ok(()) };
    let command = ["sh", "-c", SCRIPT];
    record(&rig, "all.reel", &[], &command)?;
    let whole = lines(&rig, "all.reel", "", FORMAT)?;
    record(&rig, "again.reel", &[], &command)?;
    let different = difference(&lines(&rig, "again.reel", "", FORMAT)?, &whole);
    ensure!(different.is_empty(), "the work itself differs from run to run: {different:#?}");
    let mut without = 0;
    for filter in FILTERS {
        without += usize::from(check(&rig, filter, &command)? == 0);
    }
    ensure!(without <= 3, "{without} filters select nothing");
    rig.done();
    Ok(())
}

#[test]
fn processes_that_change_all_the_time() -> Result<()> {
    let Some(rig) = Rig::new("changing")? else { return Ok(()) };
    let changing = rig::helper("changing")?;
    let command = [changing.as_str(), "12"];
    record(&rig, "all.reel", &[], &command)?;
    for (filter, least) in [
        ("proc.name=right and evt.type=getppid", 500),
        ("proc.name=wrong and evt.type=getppid", 500),
        ("proc.cwd endswith /right and evt.type=getppid", 500),
        ("user.uid=4242 and evt.type=getppid", 300),
        ("proc.name=right and user.uid=0 and evt.type=getppid", 100),
        ("not (proc.name=right or user.uid=4242) and evt.type=getppid", 300),
    ] {
        let (found, info) = (check(&rig, filter, &command)?, rig.info("some.reel")?);
        ensure!(found >= least, "'{filter}' selects only {found} events");
        // Without any thread ever turned away in the kernel nothing would have been tested.
        let reached = info.number("left_out")?;
        let all = rig.count("all.reel", "evt.type=getppid")?;
        ensure!(reached < all, "'{filter}': {reached} events were judged by the agent of {all}");
    }
    rig.done();
    Ok(())
}

/// Numbers that mean one file or connection after the other, calls with paths of every form, descriptors that are handed
/// on, and one file that is read all the time.
const DESCRIPTORS: &str = r#"
import fcntl, os, socket, struct, sys, time

lo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(lo, 0x8914, struct.pack("16sh14x", b"lo", 0x49))
lo.close()
open("work", "w").write("x" * 10)
here = os.getcwd()
servers = {}
for port in (18080, 18443):
    servers[port] = socket.socket()
    servers[port].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    servers[port].bind(("127.0.0.1", port))
    servers[port].listen()

def read_some(fd, times):
    for _ in range(times):
        os.lseek(fd, 0, 0)
        os.read(fd, 1)

def files():
    for path in ("/etc/hostname", "work", here + "/work", "/usr/../etc/hostname", "//etc/hostname", "/etc/./hostname"):
        fd = os.open(path, os.O_RDONLY)
        os.stat(path)
        os.access(path, os.R_OK)
        read_some(fd, 3)
        os.dup2(fd, 50)
        os.close(fd)
        read_some(50, 3)
    for path in ("/etc/missing", "/tmp/missing", "missing", "/tmp/../etc/missing", "/etc/../tmp/missing"):
        for call in (os.stat, os.unlink, lambda path: os.open(path, os.O_RDONLY)):
            try:
                call(path)
            except OSError:
                pass

def connections():
    for port, server in servers.items():
        client = socket.socket()
        client.connect(("127.0.0.1", port))
        other, _ = server.accept()
        for _ in range(3):
            client.send(b"1")
            other.recv(1)
            os.write(other.fileno(), b"2")
            os.read(client.fileno(), 1)
        copy = os.dup(client.fileno())
        client.close()
        os.write(copy, b"3")
        other.recv(1)
        os.close(copy)
        other.recv(1)
        other.close()

def datagrams():
    left, right = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    left.bind(("127.0.0.1", 18080))
    right.bind(("127.0.0.1", 18443))
    for _ in range(3):
        left.sendto(b"1", ("127.0.0.1", 18443))
        right.recvfrom(1)
    right.connect(("127.0.0.1", 18080))
    right.send(b"2")
    left.recv(1)
    right.close()
    left.close()

for turn in range(20):
    files()
    connections()
    datagrams()
    time.sleep(0.005)
steady = {path: os.open(path, os.O_RDONLY) for path in ("/etc/hostname", "work", here + "/work")}
client = socket.socket()
client.connect(("127.0.0.1", 18443))
other, _ = servers[18443].accept()
for turn in range(100):
    for fd in steady.values():
        read_some(fd, 10)
    for _ in range(10):
        client.send(b"1")
        other.recv(1)
    time.sleep(0.001)
pid = os.fork()
for fd in steady.values():
    read_some(fd, 20)
if pid == 0:
    os.dup2(steady["/etc/hostname"], steady["work"])
    read_some(steady["work"], 20)
    os.execvp("cat", ["cat", "/etc/hostname", "work"])
os.waitpid(pid, 0)
"#;

#[test]
fn descriptors_and_paths_that_change_all_the_time() -> Result<()> {
    let Some(rig) = Rig::new("descriptors")? else { return Ok(()) };
    std::fs::write(rig.file("script.py"), DESCRIPTORS)?;
    // What stands first in PATH may be a script that starts it.
    let command = ["unshare", "-n", "/usr/bin/python3", "-S", "script.py"];
    record(&rig, "warm.reel", &[], &command)?;
    record(&rig, "all.reel", &[], &command)?;
    let all = rig.info("all.reel")?.number("events")?;
    // Each with the part of all events that the agent may have to judge at most.
    for (filter, least, part) in [
        ("fd.name startswith /etc/hostname", 2000, 0.5),
        ("fd.name endswith /work", 2000, 0.7),
        ("fd.port=18443", 2000, 0.5),
        ("fd.port in (18080, 9)", 500, 0.4),
        ("fd.lport=18080 and evt.type!=close", 100, 0.5),
        ("fd.sport=18080 or fd.name=/etc/missing", 300, 0.5),
        ("fd.type=ipv4 and evt.failed=false", 2000, 0.7),
        ("fs.path.name startswith /etc", 20, 0.4),
        ("fs.path.nameraw startswith /usr/..", 10, 0.4),
        ("not fd.name startswith / and evt.type in (read, sendto, recvfrom, lseek)", 2000, 0.7),
        ("fd.name startswith /tmp and evt.failed=true", 10, 0.4),
    ] {
        let found = check(&rig, filter, &command)?;
        ensure!(found >= least, "'{filter}' selects only {found} events");
        let info = rig.info("some.reel")?;
        let reached = info.number("left_out")? + info.number("events")?;
        println!("{filter}: {found} events, {reached} reached the agent, of {all}");
        ensure!(
            (reached as f64) < part * all as f64,
            "'{filter}': {reached} of {all} events reached the agent"
        );
    }
    rig.done();
    Ok(())
}

/// Sockets that are not connected and are used by name and without, by one process and by another.
const DATAGRAMS: &str = r#"
import ctypes, fcntl, os, socket, struct, time

lo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(lo, 0x8914, struct.pack("16sh14x", b"lo", 0x49))
lo.close()

def bound(port, family=socket.AF_INET, host="127.0.0.1"):
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.bind((host, port))
    return one

def refused(one):
    try:
        one.recv(1, socket.MSG_ERRQUEUE)
    except BlockingIOError:
        pass

for turn in range(20):
    server, other = bound(5300), bound(5301)
    clients = [bound(6000 + at) for at in range(4)]
    for at, client in enumerate(clients):
        # Some name one peer, the last two.
        for to in ((server,), (other,), (server,), (server, other))[at]:
            if at == 2:
                client.sendmsg([b"1"], [], 0, to.getsockname())
            else:
                client.sendto(b"1", to.getsockname())
            refused(client)
    for one, times in ((server, 3), (other, 2)):
        refused(one) if turn % 2 else None
        for at in range(times):
            _, peer = one.recvfrom(1) if at % 2 else one.recvmsg(1)[::3]
            refused(one)
            one.sendto(b"2", peer)
            refused(one)
    for client in clients:
        client.recv(1)
    if turn % 5 == 0:
        pid = os.fork()
        if pid == 0:
            ctypes.CDLL(None).prctl(15, b"child")
            for client in clients:
                refused(client)
                client.sendto(b"3", server.getsockname())
                refused(client)
            os._exit(0)
        os.waitpid(pid, 0)
        for client in clients:
            refused(client)
    wide = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    wide.bind(("::", 5400))
    for host in ("::1", "::ffff:127.0.0.1", "::1")[: turn % 3 + 1]:
        wide.sendto(b"4", (host, 5300 if "." in host else 9))
        refused(wide) if "." in host else None
    for one in (server, other, wide, *clients):
        one.close()
    time.sleep(0.1)
"#;

#[test]
fn peers_are_known_whatever_is_selected() -> Result<()> {
    let Some(rig) = Rig::new("peers")? else { return Ok(()) };
    std::fs::write(rig.file("script.py"), DATAGRAMS)?;
    let command = ["unshare", "-n", "/usr/bin/python3", "-S", "script.py"];
    record(&rig, "warm.reel", &[], &command)?;
    record(&rig, "all.reel", &[], &command)?;
    for (filter, least) in [
        ("evt.type=recvfrom and fd.port=5300", 100),
        ("evt.type=recvfrom and evt.failed=true and fd.type=ipv4", 200),
        ("evt.type=recvfrom and fd.sport=5301", 40),
        ("evt.type=close and fd.type in (ipv4, ipv6)", 100),
        ("evt.type=close and fd.port=5300", 20),
        ("proc.name=none or (evt.type=close and fd.port=5301)", 20),
        ("proc.name=child and evt.failed=true and fd.port in (5300, 5301)", 20),
    ] {
        // Ports by themselves: within a name they would be taken for what differs each time.
        let found = check_by(&rig, filter, &command, &format!("{FORMAT} %fd.sport %fd.cport %fd.rport"))?;
        ensure!(found >= least, "'{filter}' selects only {found} events");
    }
    rig.done();
    Ok(())
}

/// A server that answers 4,000 datagrams of many clients, by calls of two kinds.
const SERVER: &str = r#"
import socket

sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(21)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
server, *clients = sockets
for at in range(4000):
    client = clients[at % len(clients)]
    client.sendto(b"1", server.getsockname())
    if at % 2:
        _, peer = server.recvfrom(1)
        server.sendto(b"2", peer)
    else:
        _, _, _, peer = server.recvmsg(1)
        server.sendmsg([b"2"], [], 0, peer)
    client.recv(1)
"#;

#[test]
fn datagrams_that_nobody_asked_for_stay_in_the_kernel() -> Result<()> {
    let Some(rig) = Rig::new("datagrams")? else { return Ok(()) };
    std::fs::write(rig.file("script.py"), SERVER)?;
    record(&rig, "some.reel", &["evt.type=execve"], &["/usr/bin/python3", "-S", "script.py"])?;
    let left_out = rig.info("some.reel")?.number("left_out")?;
    // Of 16,000 that name a peer, and what python does to begin.
    ensure!(left_out < 3000, "{left_out} events reached the agent in vain");
    rig.done();
    Ok(())
}

#[test]
fn operations_of_rings_on_what_changes_all_the_time() -> Result<()> {
    let Some(rig) = Rig::new("rings")? else { return Ok(()) };
    let changing = rig::helper("ringchanging")?;
    let command = ["unshare", "-n", changing.as_str(), "10"];
    record(&rig, "warm.reel", &[], &command)?;
    record(&rig, "all.reel", &[], &command)?;
    let all = rig.info("all.reel")?.number("events")?;
    let of_rings = rig.count("all.reel", "evt.source=io_uring")?;
    ensure!(of_rings as f64 > 0.6 * all as f64, "only {of_rings} of {all} events are operations of rings");
    // Each with the part of all events that the agent may have to judge at most, those that it stores among them.
    for (filter, least, part) in [
        ("fd.name startswith /etc/hostname", 6000, 0.6),
        ("fd.name endswith /work", 10000, 0.75),
        ("fd.port=18443", 4000, 0.5),
        ("fd.port in (18080, 9)", 1000, 0.45),
        ("fd.sport=18080 or fd.name=/etc/missing", 1000, 0.45),
        ("fd.type=ipv4 and evt.failed=false", 4000, 0.5),
        ("fs.path.name startswith /etc", 100, 0.2),
        ("not fd.name startswith / and evt.type in (read, sendto, recvfrom)", 3000, 0.45),
        ("evt.source=io_uring and fd.name startswith /etc/hostname", 6000, 0.6),
    ] {
        let found = check(&rig, filter, &command)?;
        ensure!(found >= least, "'{filter}' selects only {found} events");
        let info = rig.info("some.reel")?;
        let reached = info.number("left_out")? + info.number("events")?;
        println!("{filter}: {found} events, {reached} reached the agent, of {all}, {of_rings} of rings");
        ensure!(
            (reached as f64) < part * all as f64,
            "'{filter}': {reached} of {all} events reached the agent"
        );
    }
    rig.done();
    Ok(())
}

#[test]
fn what_is_left_out_is_counted_and_the_head_says_the_filter() -> Result<()> {
    let Some(rig) = Rig::new("left-out")? else { return Ok(()) };
    let output = rig.record(
        "some.reel",
        &["evt.buffer", "contains", "needle"],
        &["sh", "-c", "echo needle; echo hay"],
    )?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let info = rig.info("some.reel")?;
    info.is_complete()?;
    ensure!(info.number("events")? == 1, "{} events", info.number("events")?);
    let left_out = info.number("left_out")?;
    ensure!(left_out > 0 && said.contains(&format!("{left_out} left out")), "{said}");
    let scope = info.0["host"]["scope"].as_str().context("no scope")?;
    ensure!(scope.ends_with("; filter: evt.buffer contains needle"), "{scope}");
    rig.done();
    Ok(())
}

#[test]
fn a_wrong_filter_is_refused_before_anything_begins() -> Result<()> {
    let rig = Rig::without_recording("wrong-filter")?;
    for (filter, hint) in [
        ("proc.nam=cat", "did you mean 'proc.name'?"),
        ("evt.type=opnat", "did you mean 'openat'?"),
        ("evt.num>5", "evt.num tells an event's place"),
        ("proc.name=a and", "^"),
    ] {
        let output = rig.agent().args(["record", "-w", "no.reel", filter, "--", "true"]).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1), "{filter}: {}", output.status);
        ensure!(stderr.contains(hint), "{filter}: {stderr}");
        ensure!(!rig.file("no.reel").exists(), "it records all the same");
    }
    rig.done();
    Ok(())
}

#[test]
fn the_split_is_explained() -> Result<()> {
    let rig = Rig::without_recording("explain")?;
    let filter =
        "proc.name=curl and evt.category=net and evt.failed=true and evt.latency>=10ms and fd.port=443";
    let output = succeed(rig.agent().args(["record", "--explain", filter]))?;
    let said = String::from_utf8_lossy(&output.stdout);
    for part in [
        &format!("filter: {filter}\n"),
        "these kinds of events: ",
        "these unless they change state, which is kept: ",
        "these when they succeed: ",
        "these when they take less than 10000000 ns: ",
        "as the agent finds out by: proc.name\n",
        "as the agent finds out by: fd.port\n",
        "these on descriptors of which none of the conditions holds: ",
        "connections between other ports than: 443\n",
    ] {
        ensure!(said.contains(part), "no '{part}' in {said}");
    }
    let output = succeed(rig.agent().args(["record", "--explain", "evt.type in (dns, exec_map)"]))?;
    let said = String::from_utf8_lossy(&output.stdout);
    for part in [
        "these unless they name a peer that is new, or hand descriptors on: recvfrom, recvmsg, sendmsg, sendto\n",
        "these but for what dns is read out of: read, readv, recvfrom, recvmmsg, recvmsg, sendmmsg, sendmsg, sendto, ",
        "these but for what exec_map is read out of: mmap, mprotect, pkey_mprotect\n",
    ] {
        ensure!(said.contains(part), "no '{part}' in {said}");
    }
    // What is true of calls is not therefore true of operations that have their names.
    let output = succeed(rig.agent().args(["record", "--explain", "evt.failed=true and fd.port=443"]))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let (_, of_rings) = said.split_once("of operations of io_uring").context("nothing of operations")?;
    for part in [
        "\n  these that complete once, on descriptors of which none of the conditions holds: READV, WRITEV, ",
        "\n  these unless they are about a registered file: NOP, ",
    ] {
        ensure!(of_rings.contains(part), "no '{part}' in {of_rings}");
    }
    ensure!(!of_rings.contains("they succeed") && !of_rings.contains("these: "), "{of_rings}");
    let output = succeed(rig.agent().args(["record", "--explain", "fs.path.name startswith /etc"]))?;
    let said = String::from_utf8_lossy(&output.stdout);
    for part in
        ["\n  these: NOP, ", "\n  these when their path begins otherwise than with /etc: STATX, MKDIRAT, "]
    {
        ensure!(said.contains(part), "no '{part}' in {said}");
    }
    // How long a thread was away only the agent knows.
    let output =
        succeed(rig.agent().args(["record", "--explain", "evt.type=off_cpu and evt.latency>=10ms"]))?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(!said.contains("take less"), "{said}");
    rig.done();
    Ok(())
}

#[test]
fn another_filter_while_recording() -> Result<()> {
    let Some(rig) = Rig::new("reload")? else { return Ok(()) };
    // By whole paths: somebody else may run the same test.
    let folder = rig.directory().canonicalize()?.display().to_string();
    std::fs::write(rig.file("filter"), format!("evt.type=chdir and proc.cwd={folder}/reload-a\n"))?;
    for folder in ["reload-a", "reload-b"] {
        std::fs::create_dir_all(rig.file(folder))?;
    }
    let mut agent = rig
        .agent()
        .args(["record", "-w", "some.reel", "--filter-file", "filter"])
        .stderr(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(agent.stderr.take().context("stderr is piped")?).lines();
    let mut wait_for = |text: &str| -> Result<()> {
        let line = said.find(|line| line.as_ref().is_ok_and(|line| line.contains(text)));
        line.with_context(|| format!("it never said '{text}'"))?.map(drop).map_err(Into::into)
    };
    let signal = |name: &str| succeed(rig.program("kill").args([name, &agent.id().to_string()]));
    let work =
        || succeed(rig.program("sh").args(["-c", "cd reload-a; cd ../reload-b; cd ../reload-a; cd /"]));
    wait_for("ready")?;
    work()?;
    std::fs::write(rig.file("filter"), format!("evt.type=chdir and\n  proc.cwd={folder}/reload-b\n"))?;
    signal("-HUP")?;
    wait_for(&format!("the filter is now: evt.type=chdir and   proc.cwd={folder}/reload-b"))?;
    work()?;
    std::fs::write(rig.file("filter"), "evt.tipe=chdir")?;
    signal("-HUP")?;
    wait_for("goes on with the filter from before")?;
    work()?;
    signal("-INT")?;
    wait_for("events")?;
    ensure!(agent.wait()?.success(), "the agent failed");
    rig.info("some.reel")?.adds_up()?;
    // A chdir is told from where the process was.
    let of = |name: &str| rig.count("some.reel", &format!("evt.type=chdir and proc.cwd={folder}{name}"));
    ensure!((of("/reload-a")?, of("/reload-b")?) == (2, 2), "{} and {}", of("/reload-a")?, of("/reload-b")?);
    rig.done();
    Ok(())
}
