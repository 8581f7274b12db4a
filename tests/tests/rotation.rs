//! Rotation: at a boundary between files no event is lost or doubled, and each file stands alone.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tests::rig::{self, Rig};

const CALLS: i64 = 200_000;

/// Numbered calls of `sequence` in a capture.
const NUMBERED: &str = "proc.name=sequence and evt.type=lseek and fd.num=-1";

/// Files of a capture that was rotated, in the order of their making.
fn files(rig: &Rig) -> Result<Vec<PathBuf>> {
    let mut files: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(rig.directory())? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_string_lossy().strip_prefix("part.reel") {
            files.push((
                number.parse().with_context(|| format!("part.reel{number} is not numbered"))?,
                entry.path(),
            ));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// The numbers of the calls in a file, in order.
fn numbers(rig: &Rig, file: &std::path::Path) -> Result<Vec<i64>> {
    let name = file.to_str().context("a file's name is no text")?;
    let output = rig::succeed(rig.sysreel().args(["read", name, NUMBERED, "-p", "%evt.rawarg.offset"]))?;
    String::from_utf8(output.stdout)?.lines().map(|line| Ok(line.trim().parse()?)).collect()
}

#[test]
fn a_single_file_of_a_rotation_is_named_as_it_is() -> Result<()> {
    let Some(rig) = Rig::new("rotation-single")? else { return Ok(()) };
    let output = rig.record("part.reel", &["-C", "100"], &["true"])?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(stderr.trim_end().ends_with("in part.reel0") && rig.file("part.reel0").exists(), "{stderr}");
    rig.done();
    Ok(())
}

fn rotate(name: &str, options: &[&str], keeps_all: bool) -> Result<Option<Vec<usize>>> {
    let Some(rig) = Rig::new(name)? else { return Ok(None) };
    rig.record("part.reel", options, &[&rig::helper("sequence")?, &CALLS.to_string()])?;
    let files = files(&rig)?;
    let mut all = Vec::new();
    let mut counts = Vec::new();
    for file in &files {
        let numbers = numbers(&rig, file)?;
        let path = file.to_str().context("a file's name is no text")?;
        rig::succeed(rig.sysreel().args(["verify", path]))
            .with_context(|| format!("{path} does not stand alone"))?;
        counts.push(numbers.len());
        all.extend(numbers);
    }
    ensure!(files.len() > 2, "{options:?}: {} files", files.len());
    let first = all.first().copied().unwrap_or(-1);
    let expected: Vec<i64> = (first..CALLS).collect();
    ensure!(
        all == expected,
        "{options:?}: calls are missing, doubled or out of order; files hold {counts:?}"
    );
    ensure!(!keeps_all || first == 0, "{options:?}: it begins with call {first}");
    rig.done();
    Ok(Some(counts))
}

#[test]
fn by_count() -> Result<()> {
    rotate("rotate-count", &["-e", "30000"], true).map(drop)
}

#[test]
fn by_size() -> Result<()> {
    // The unit of -C is 10^6 bytes, so the calls must take room: random bytes do not compress.
    let Some(rig) = Rig::new("rotate-size")? else { return Ok(()) };
    rig.record(
        "part.reel",
        &["-C", "4"],
        &["dd", "if=/dev/urandom", "of=/dev/null", "bs=80", "count=240000", "status=none"],
    )?;
    let mut writes = 0;
    let files = files(&rig)?;
    for file in &files {
        let path = file.to_str().context("a file's name is no text")?;
        rig::succeed(rig.sysreel().args(["verify", path]))?;
        let size = file.metadata()?.len();
        // A file ends with a whole block of events, of which random bytes make a large one.
        ensure!(size < 8_000_000, "{path} has {size} bytes");
        writes += rig.count(path, "proc.name=dd and evt.type=write and evt.rawres=80")?;
    }
    ensure!(files.len() > 2, "{} files", files.len());
    ensure!(writes == 240_000, "{writes} writes instead of 240000");
    rig.done();
    Ok(())
}

#[test]
fn only_the_last_files_are_kept() -> Result<()> {
    let counts = rotate("rotate-limit", &["-e", "20000", "-W", "4"], false)?;
    ensure!(counts.is_none_or(|counts| counts.len() == 4));
    Ok(())
}

#[test]
fn by_time() -> Result<()> {
    let Some(rig) = Rig::new("rotate-time")? else { return Ok(()) };
    let sequence = rig::helper("sequence")?;
    let script = format!("for i in 1 2 3 4 5 6; do {sequence} 1000; sleep 0.6; done");
    rig.record("part.reel", &["-G", "1"], &["sh", "-c", &script])?;
    let files = files(&rig)?;
    let mut counted = 0;
    for file in &files {
        counted += numbers(&rig, file)?.len();
    }
    ensure!(files.len() >= 3, "{} files in over three seconds", files.len());
    ensure!(counted == 6000, "{counted} calls instead of 6000");
    rig.done();
    Ok(())
}
