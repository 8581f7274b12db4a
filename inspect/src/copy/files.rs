//! Names and making of the files that `-w` writes.
//!
//! Without rotation the name is taken as it is. With `-C`, `-G` or `-e` a number is appended, as sysdig and
//! tcpdump do. With `-W` the oldest files are removed; numbers go on, as with the recorder, so that their order
//! is that of time. With `-G`, a name that holds `%` is a pattern for the time of the file's first event.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::clock;
use crate::input::FileId;
use crate::output::Closed;
use crate::plan::WritePlan;

/// Makes files, one after the other.
pub(super) struct Files<'a> {
    plan: &'a WritePlan,
    source: Option<FileId>,
    begun: u64,
    /// Names in use, oldest first, when their number is limited.
    kept: VecDeque<PathBuf>,
}

/// Where a capture's bytes go.
pub(super) struct Target {
    file: File,
    name: String,
}

impl<'a> Files<'a> {
    pub(super) fn new(plan: &'a WritePlan, source: Option<FileId>) -> Files<'a> {
        Files { plan, source, begun: 0, kept: VecDeque::new() }
    }

    /// Makes the next file, for events from this time on.
    pub(super) fn next(&mut self, wall_ns: u64, zone_offset_s: i32) -> Result<Target> {
        let to_stdout = self.plan.path.as_os_str() == "-";
        if to_stdout {
            if self.begun > 0 {
                bail!("-w -: standard output cannot be rotated; name a file");
            }
            self.begun += 1;
            let owned = io::stdout().as_fd().try_clone_to_owned().context("standard output is closed")?;
            return Ok(Target { file: File::from(owned), name: "standard output".to_owned() });
        }
        let path = name(self.plan, self.begun, wall_ns, zone_offset_s);
        self.begun += 1;
        if let (Some(source), Ok(found)) = (self.source, path.metadata())
            && FileId::of(&found) == source
        {
            bail!("{}: it is the capture that is being read, which is never modified", path.display());
        }
        let file = create(&path)?;
        self.keep(&path)?;
        Ok(Target { file, name: path.display().to_string() })
    }

    /// Removes the oldest files beyond the limit.
    fn keep(&mut self, path: &Path) -> Result<()> {
        let Some(files_max) = self.plan.files_max else { return Ok(()) };
        self.kept.retain(|kept| kept != path);
        self.kept.push_back(path.to_owned());
        while self.kept.len() > files_max.max(1) as usize {
            let Some(oldest) = self.kept.pop_front() else { break };
            match std::fs::remove_file(&oldest) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("removing {}", oldest.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Makes a file, or replaces one that is there. A new one is its owner's alone, one that is replaced keeps its mode.
fn create(path: &Path) -> Result<File> {
    let replaced = path.symlink_metadata().ok().filter(|found| found.is_file());
    // Who still reads a file of this name keeps it; devices and pipes are written to as they are.
    if replaced.is_some() {
        std::fs::remove_file(path).with_context(|| format!("replacing {}", path.display()))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(path).with_context(|| format!("creating {}", path.display()))?;
    if let Some(found) = replaced {
        let mode = Permissions::from_mode(found.permissions().mode() & 0o777);
        file.set_permissions(mode).with_context(|| format!("setting the mode of {}", path.display()))?;
    }
    Ok(file)
}

fn name(plan: &WritePlan, number: u64, wall_ns: u64, zone_offset_s: i32) -> PathBuf {
    let rotates = plan.rotate_bytes.is_some() || plan.rotate_ns.is_some() || plan.rotate_events.is_some();
    if !rotates {
        return plan.path.clone();
    }
    let text = plan.path.as_os_str();
    if plan.rotate_ns.is_some()
        && let Some(pattern) = text.to_str().filter(|text| text.contains('%'))
    {
        let mut expanded = clock::expand(pattern, wall_ns, zone_offset_s);
        // Other limits may begin several files in one span.
        if plan.rotate_bytes.is_some() || plan.rotate_events.is_some() {
            expanded.push_str(&number.to_string());
        }
        return PathBuf::from(expanded);
    }
    let mut text = text.to_owned();
    text.push(match plan.files_max {
        Some(files_max) => {
            let files = u64::from(files_max.max(1));
            let width = (files - 1).to_string().len();
            format!("{number:0width$}")
        }
        None => number.to_string(),
    });
    PathBuf::from(text)
}

impl Target {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.file.write_all(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Closed.into()),
            other => other.with_context(|| format!("writing to {}", self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_its_owners_alone_and_a_replaced_one_keeps_its_mode() {
        let path = std::env::temp_dir().join(format!("sysreel-copy-mode-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mode = |file: File| file.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode(create(&path).expect("a new file")), 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
        assert_eq!(mode(create(&path).expect("an old file")), 0o640);
        std::fs::remove_file(&path).expect("ours");
    }

    fn plan(path: &str) -> WritePlan {
        WritePlan {
            path: PathBuf::from(path),
            snap_bytes: None,
            rotate_bytes: None,
            rotate_ns: None,
            rotate_events: None,
            files_max: None,
            threads: 1,
        }
    }

    #[test]
    fn names_follow_the_rotation() {
        let check = |plan: &WritePlan, number, expected: &str| {
            assert_eq!(name(plan, number, 1_534_000_000_000_000_000, 0), PathBuf::from(expected));
        };
        check(&plan("out.reel"), 0, "out.reel");
        let by_size = WritePlan { rotate_bytes: Some(1), ..plan("out.reel") };
        check(&by_size, 0, "out.reel0");
        check(&by_size, 12, "out.reel12");
        let ring = WritePlan { files_max: Some(12), ..by_size };
        check(&ring, 3, "out.reel03");
        check(&ring, 114, "out.reel114");
        let by_time = WritePlan { rotate_ns: Some(1), ..plan("%Y-%m-%d_%H%M%S.reel") };
        check(&by_time, 3, "2018-08-11_150640.reel");
        check(&WritePlan { rotate_events: Some(1), ..by_time }, 3, "2018-08-11_150640.reel3");
    }
}
