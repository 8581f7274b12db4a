//! The probes as objects of the kernel: their numbers, by which others can get hold of them, and the seal on their maps.
//!
//! Whoever has CAP_SYS_ADMIN can open any map by its id and write to it. A frozen map takes no more writing from user
//! space, while programs go on; so every map that we do not write ourselves is frozen once it is filled. The others are
//! those that are mapped: rings, their state, marks of threads and descriptors, numbers of paths, and, while the filter may
//! change, the table of calls and the lists of paths and ports.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use anyhow::{Context, Result};
use aya::maps::{Map, MapData};
use aya::programs::{BtfTracePoint, ProgramError};
use sysreel_agent::own::ObjectKind;

use super::Probes;

/// `BPF_MAP_FREEZE` of include/uapi/linux/bpf.h, from Linux 5.2 on.
const MAP_FREEZE: libc::c_int = 22;

/// Maps that we write while recording, whatever is recorded.
const WRITTEN: [&str; 3] = ["RINGS", "RING_STATES", "NAMES"];

impl Probes {
    /// Names of what the kernel holds of us, by number. The links are found among this process's descriptors.
    pub(crate) fn objects(&self, proc_root: &Path) -> Result<BTreeMap<(ObjectKind, u32), String>> {
        let mut objects = BTreeMap::new();
        for (name, map) in self.ebpf.maps() {
            let Some(map) = data_of(map) else { continue };
            let info = map.info().with_context(|| format!("cannot ask the kernel about the map {name}"))?;
            // The one that the compiler makes begins with a dot.
            objects.insert((ObjectKind::Map, info.id()), name.trim_start_matches('.').to_owned());
        }
        for (name, program) in self.ebpf.programs() {
            let program: &BtfTracePoint = program.try_into()?;
            match program.info() {
                Ok(info) => _ = objects.insert((ObjectKind::Program, info.id()), name.to_owned()),
                // It was not needed.
                Err(ProgramError::NotLoaded) => {}
                Err(error) => return Err(error).context("cannot ask the kernel about a program"),
            }
        }
        let entries = fs::read_dir(proc_root.join("self/fdinfo")).context("cannot read our descriptors")?;
        for entry in entries {
            // One of them is that of this reading, and goes.
            let info = entry.and_then(|entry| fs::read_to_string(entry.path())).unwrap_or_default();
            let number = |kind: ObjectKind| -> Option<u32> {
                let name = std::str::from_utf8(kind.fdinfo_line()).ok()?;
                info.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
            };
            if let (Some(link), Some(program)) = (number(ObjectKind::Link), number(ObjectKind::Program))
                && let Some(name) = objects.get(&(ObjectKind::Program, program)).cloned()
            {
                objects.insert((ObjectKind::Link, link), name);
            }
        }
        Ok(objects)
    }

    /// Freezes what is not written from user space any more. What cannot be frozen stays as it was: somebody who may
    /// write to it is told all the same.
    pub(super) fn seal(&self, keep: &[&str]) {
        for (name, map) in self.ebpf.maps() {
            if let Some(map) = data_of(map)
                && !WRITTEN.contains(&name)
                && !keep.contains(&name)
            {
                let _ = freeze(map);
            }
        }
    }

    /// Freezes one map.
    pub(super) fn seal_map(&self, name: &str) {
        if let Some(map) = self.ebpf.map(name).and_then(data_of) {
            let _ = freeze(map);
        }
    }
}

fn data_of(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data) | Map::PerCpuArray(data) | Map::HashMap(data) => Some(data),
        _ => None,
    }
}

fn freeze(map: &MapData) -> io::Result<()> {
    let request = map.fd().as_fd().as_raw_fd();
    // SAFETY: the request is one descriptor, which the kernel only reads.
    let status =
        unsafe { libc::syscall(libc::SYS_bpf, MAP_FREEZE, &raw const request, size_of_val(&request)) };
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
