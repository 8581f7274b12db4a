//! Damaged files through the real binary: cut anywhere, any byte flipped.
//!
//! `capture-format` tests every byte in memory; this sees that the program keeps its promises as well: it does not
//! panic, prints what stands before the damage, names the damage, and its exit status says so.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tests::rig::{self, Rig};

/// Places tried in a file, spread over its length; each runs the program twice.
const PLACES: usize = 250;

/// A capture that is small but has everything in it.
fn capture(rig: &Rig) -> Result<(PathBuf, Vec<u8>, u64)> {
    rig.record("whole.reel", &["-q"], &["sh", "-c", "ls / >/dev/null; cat /etc/passwd | wc -l >/dev/null"])?;
    let path = rig.file("whole.reel");
    let bytes = std::fs::read(&path)?;
    let count = rig.count("whole.reel", "")?;
    ensure!(count > 100, "{count} events in the whole file");
    Ok((path, bytes, count))
}

/// Places in a file: its ends byte by byte, the rest in steps that meet no pattern.
fn places(len: usize) -> impl Iterator<Item = usize> {
    let step = (len / PLACES).max(1) | 1;
    let ends = (0..40.min(len)).chain(len.saturating_sub(40)..len);
    ends.chain((40..len.saturating_sub(40)).step_by(step))
}

/// What `read --count` and `verify` make of some bytes: the events read, and whether either was content.
fn judge(rig: &Rig, bytes: &[u8], what: &str) -> Result<(u64, bool, bool)> {
    std::fs::write(rig.file("damaged.reel"), bytes)?;
    let read = rig.sysreel().args(["read", "damaged.reel", "--count"]).output()?;
    let verify = rig.sysreel().args(["verify", "damaged.reel"]).output()?;
    for output in [&read, &verify] {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let ended = output.status.code().is_some_and(|code| code != 101) && !stderr.contains("panicked");
        ensure!(ended, "{what}: {}: {stderr}", output.status);
        ensure!(output.status.success() || !stderr.trim().is_empty(), "{what}: the damage is not named");
    }
    let count = String::from_utf8_lossy(&read.stdout).trim().parse().unwrap_or(0);
    Ok((count, read.status.success(), verify.status.success()))
}

#[test]
fn cut_anywhere() -> Result<()> {
    let Some(rig) = Rig::new("cut")? else { return Ok(()) };
    let (_, bytes, whole) = capture(&rig)?;
    let mut lengths: Vec<usize> = places(bytes.len()).collect();
    lengths.sort_unstable();
    let mut before = 0;
    for length in lengths {
        let what = format!("cut to {length} of {} bytes", bytes.len());
        let (count, read, verified) = judge(&rig, &bytes[..length], &what)?;
        ensure!(!verified && !read, "{what}: passes as whole");
        ensure!(before <= count && count <= whole, "{what}: {count} events after {before} in a shorter one");
        before = count;
    }
    rig.done();
    Ok(())
}

#[test]
fn any_byte_flipped() -> Result<()> {
    let Some(rig) = Rig::new("flipped")? else { return Ok(()) };
    let (_, mut bytes, whole) = capture(&rig)?;
    for place in places(bytes.len()) {
        bytes[place] ^= 0x41;
        let what = format!("byte {place} of {} flipped", bytes.len());
        let (count, _, verified) = judge(&rig, &bytes, &what)?;
        ensure!(!verified, "{what}: verify finds nothing");
        ensure!(count <= whole, "{what}: {count} events of {whole}");
        bytes[place] ^= 0x41;
    }
    rig.done();
    Ok(())
}

#[test]
fn what_is_no_capture_is_refused() -> Result<()> {
    let rig = Rig::without_recording("no-capture")?;
    for (name, bytes) in [("empty", &b""[..]), ("text", b"this is no capture\n"), ("zeroes", &[0; 4096])] {
        let (count, read, verified) = judge(&rig, bytes, name)?;
        ensure!(count == 0 && !read && !verified, "{name} passes as a capture");
    }
    let missing = rig.sysreel().args(["read", "missing.reel"]).output()?;
    let stderr = String::from_utf8(missing.stderr).context("stderr is no text")?;
    ensure!(!missing.status.success() && stderr.contains("missing.reel"), "{stderr}");
    rig::succeed(rig.sysreel().arg("--version"))?;
    rig.done();
    Ok(())
}
