//! The same work seen by us and by strace in one run, call by call: nothing missing, nothing invented.
//!
//! The agent records strace and the program it watches; both then speak about the very same threads. One test
//! per program; what the witnesses may disagree on is listed in `tests::compare::JUSTIFIED`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use anyhow::{Context, Result, ensure};
use tests::compare::{Comparison, SNAP_BYTES, compare};
use tests::rig::{self, Rig, succeed};
use tests::strace::{self, Transcript};

/// Differences printed before a test fails.
const PRINTED: usize = 60;

/// Records a program under strace and compares; answers what strace saw and what came of it.
fn watch(rig: &Rig, program: &[&str]) -> Result<(Transcript, Comparison)> {
    let prefix = rig.file("strace");
    let prefix_text = prefix.to_str().context("the folder's name is no text")?;
    let mut command = vec!["strace"];
    command.extend(strace::OPTIONS);
    command.extend(["-o", prefix_text]);
    command.extend(program);
    // Arrays are kept as far as buffers are: here further than usual.
    rig.record("seen.reel", &["--snaplen", &SNAP_BYTES.to_string()], &command)?;
    rig.info("seen.reel")?.is_complete()?;
    let transcript = Transcript::read(&prefix)?;
    let comparison = compare(&transcript, &rig.events("seen.reel", "thread.tid!=0")?);
    Ok((transcript, comparison))
}

/// Fails with the first differences, and says how much was compared.
fn agree(name: &str, comparison: &Comparison) -> Result<()> {
    for difference in comparison.differences.iter().take(PRINTED) {
        eprintln!("{difference}");
    }
    let justified: usize = comparison.justified.values().sum();
    eprintln!(
        "{name}: {} events and {} descriptors; {} arguments compared, {} shown by us alone: {justified} differ for a \
         reason, {} do not agree",
        comparison.events,
        comparison.descriptors,
        comparison.arguments,
        comparison.ours_alone,
        comparison.differences.len()
    );
    for (reason, count) in &comparison.justified {
        eprintln!("    {count}: {reason}");
    }
    ensure!(comparison.differences.is_empty(), "{name}: the witnesses disagree");
    // The share of arguments that we may decode less well than strace.
    ensure!(justified * 50 <= comparison.arguments, "{name}: more than 2 % of the arguments differ");
    ensure!(comparison.events > 50, "{name}: hardly anything was compared");
    Ok(())
}

/// Watches one program in a folder of its own.
fn program_agrees(name: &str, prepare: impl FnOnce(&Rig) -> Result<()>, program: &[&str]) -> Result<()> {
    let Some(rig) = Rig::new(name)? else { return Ok(()) };
    prepare(&rig)?;
    let (_, comparison) = watch(&rig, program)?;
    agree(name, &comparison)?;
    rig.done();
    Ok(())
}

#[test]
fn every_call_of_the_generator() -> Result<()> {
    let Some(rig) = Rig::new("callgen")? else { return Ok(()) };
    let (transcript, comparison) = watch(&rig, &[&rig::helper("callgen")?, "work"])?;
    let names: BTreeSet<&str> = transcript.calls().map(|call| call.name.as_str()).collect();
    ensure!(names.len() >= 300, "the generator made only {} different calls", names.len());
    agree("callgen", &comparison)?;
    ensure!(comparison.arguments > 4000, "the generator's arguments were hardly compared");
    // Which has no descriptor among its arguments, but in what these lead to.
    let submitted = "evt.type=io_submit and evt.failed=false and fd.filename=submitted";
    ensure!(rig.count("seen.reel", submitted)? == 3, "{submitted}");
    // Which strace does not know.
    let with_value =
        |filter: &str| rig.count("seen.reel", &format!("{filter} and evt.arg.args contains round"));
    ensure!(with_value("evt.type=setxattrat")? == 1, "the value that was given is missing");
    let asked = "evt.type=getxattrat and evt.failed=false";
    ensure!(with_value(asked)? == rig.count("seen.reel", asked)?, "the value that was found is missing");
    rig.done();
    Ok(())
}

/// The same for programs of 32 bits, which have calls and structures of their own.
#[test]
#[cfg(target_arch = "x86_64")]
fn every_call_of_a_32_bit_program() -> Result<()> {
    let Some(rig) = Rig::new("callgen32")? else { return Ok(()) };
    let (_, comparison) = watch(&rig, &[&rig::helper("callgen32")?, "work"])?;
    let names: BTreeSet<String> =
        rig.events("seen.reel", "evt.abi=i386")?.iter().map(|event| event.name().to_owned()).collect();
    eprintln!("callgen32: {} different calls", names.len());
    agree("callgen32", &comparison)?;
    ensure!(names.len() >= 400, "the generator made only {} different calls of 32-bit programs", names.len());
    rig.done();
    Ok(())
}

#[test]
fn tar() -> Result<()> {
    program_agrees("tar", |_| Ok(()), &["tar", "czf", "etc.tar.gz", "/etc/default", "/etc/apt"])
}

#[test]
fn git() -> Result<()> {
    program_agrees(
        "git",
        |rig| {
            succeed(rig.program("git").args(["init", "-q", "repository"]))?;
            std::fs::write(rig.file("repository/file"), "content\n")?;
            Ok(())
        },
        &[
            "sh",
            "-c",
            "cd repository && git add file && git -c user.name=x -c user.email=x@y commit -qm first && git log --stat",
        ],
    )
}

#[test]
fn python() -> Result<()> {
    let script = "import subprocess, threading, tempfile, os\n\
        t = [threading.Thread(target=lambda: open('/etc/passwd').read()) for _ in range(4)]\n\
        [x.start() for x in t]; [x.join() for x in t]\n\
        subprocess.run(['/bin/echo', 'from python'])\n\
        os.unlink(tempfile.mkstemp()[1])";
    program_agrees("python", |_| Ok(()), &["python3", "-c", script])
}

#[test]
fn sqlite() -> Result<()> {
    let statements = "pragma journal_mode=wal; create table t(a, b); \
        insert into t select value, hex(randomblob(50)) from generate_series(1, 500); select count(*) from t;";
    program_agrees("sqlite", |_| Ok(()), &["sqlite3", "data.db", statements])
}

#[test]
fn curl() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/page", listener.local_addr()?);
    // Answers one request, like any small server; it is not recorded.
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut request = [0; 2048];
        let _ = stream.read(&mut request)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n")
    });
    program_agrees("curl", |_| Ok(()), &["curl", "-s", "--noproxy", "*", "-o", "page", &url])?;
    // When the test was skipped nobody connects.
    drop(server);
    Ok(())
}
