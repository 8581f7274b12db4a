//! `cargo xtask demo`: from a fresh machine to a first capture, and a look at what it tells.
//!
//! Sets the machine up, builds, records [`WORKLOAD`] and reads the capture back with the commands one would type.

mod cgroup;

use crate::build::build_all;
use crate::programs::{execute, program, root, step};
use crate::setup;
use anyhow::{Context, Result};
use cgroup::ContainerCgroup;
use std::fs;
use std::path::Path;

const WORKLOAD: &str = include_str!("workload.sh");

/// Title of a look into the capture, and the arguments of `sysreel` that give it.
const LOOKS: [(&str, &[&str]); 6] = [
    ("Summary, and what was lost", &["info", CAPTURE]),
    (
        "Programs that ran",
        &[
            "read",
            CAPTURE,
            "evt.type=execve and evt.failed=false",
            "-n",
            "12",
            "-p",
            "%evt.time %proc.pid %proc.cmdline",
        ],
    ),
    (
        "Files that could not be opened",
        &[
            "read",
            CAPTURE,
            "evt.type=openat and evt.failed=true and fd.name contains notes",
            "-p",
            "*%evt.time %proc.name %fd.name %evt.res",
        ],
    ),
    ("The HTTP exchange as curl saw it", &["read", CAPTURE, "proc.name=curl and fd.type in (ipv4, ipv6)"]),
    (
        "Inside the container",
        &[
            "read",
            CAPTURE,
            "container.id!=host and evt.type in (execve, openat) and evt.failed=false",
            "-p",
            "*%evt.time %container.id %proc.name %evt.type %fd.name",
        ],
    ),
    ("Is every byte as it was written?", &["verify", CAPTURE]),
];

/// Where the capture stays, seen from the workspace.
const CAPTURE: &str = "target/demo/demo.reel";

pub(crate) fn run() -> Result<()> {
    setup::run()?;
    let programs = build_all(true)?;
    step("Recording a small workload");
    let folder = root().join("target/demo");
    record(&programs, &folder)?;
    for (title, arguments) in LOOKS {
        step(title);
        execute(program(programs.join("sysreel")).args(arguments))?;
    }
    eprintln!(
        "\nThe capture is {CAPTURE}; `sysreel fields` lists what a filter can ask for. Try your own command:"
    );
    let short = programs.strip_prefix(root()).unwrap_or(&programs).display();
    eprintln!("  {short}/sysreel-agent record -w out.reel -- curl http://127.0.0.1:8000/");
    eprintln!("  {short}/sysreel read out.reel evt.failed=true");
    Ok(())
}

fn record(programs: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    let work = folder.join("work");
    let script = folder.join("workload.sh");
    fs::create_dir_all(&work)
        .and_then(|()| fs::write(&script, WORKLOAD))
        .with_context(|| format!("filling {}", folder.display()))?;
    let container = ContainerCgroup::create()
        .inspect_err(|error| eprintln!("  without a container's cgroup: {error:#}"))
        .ok();
    let mut agent = program(programs.join("sysreel-agent"));
    agent.args(["record", "-w", CAPTURE, "--", "sh"]).arg(&script).arg(&work);
    agent.arg(container.as_ref().map_or("-".into(), ContainerCgroup::procs));
    execute(&mut agent)
}
