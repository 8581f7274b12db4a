//! A control group named as Docker names a container's, for one process of the demo to enter.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What Docker would have chosen at random.
const CONTAINER_ID: &str = "5de0c0ffee5de0c0ffee5de0c0ffee5de0c0ffee5de0c0ffee5de0c0ffee5de0";

/// Removed again when dropped.
pub(super) struct ContainerCgroup {
    path: PathBuf,
    /// `docker`, when it was not there before.
    parent: Option<PathBuf>,
}

impl ContainerCgroup {
    pub(super) fn create() -> Result<Self> {
        let mount = cgroup2_mount().context("no cgroup2 file system is mounted")?;
        let parent = mount.join("docker");
        let is_parent_new = !parent.exists();
        let path = parent.join(CONTAINER_ID);
        fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(ContainerCgroup { path, parent: is_parent_new.then_some(parent) })
    }

    /// The file a process writes its id to in order to enter.
    pub(super) fn procs(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }
}

impl Drop for ContainerCgroup {
    fn drop(&mut self) {
        for path in [Some(&self.path), self.parent.as_ref()].into_iter().flatten() {
            if let Err(error) = fs::remove_dir(path) {
                eprintln!("could not remove {}: {error}", path.display());
            }
        }
    }
}

fn cgroup2_mount() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, place, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "cgroup2").then(|| Path::new(place).to_owned())
    })
}
