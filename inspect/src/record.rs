//! `sysreel record`: hands over to the agent, which needs privileges this program never asks for.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cli::RecordArgs;
use crate::exit::Exit;

const AGENT: &str = "sysreel-agent";

/// Becomes the agent; returns only when that fails.
pub(crate) fn run(args: &RecordArgs) -> Result<Exit> {
    let own = std::env::current_exe().ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(agent) = find(own.as_deref(), &path) else {
        bail!(
            "{AGENT} was not found next to this program or in PATH; recording needs it, so install it or copy \
             it here. Reading captures works without it"
        );
    };
    let error = Command::new(&agent).arg("record").args(&args.arguments).exec();
    Err(error).with_context(|| format!("starting {}", agent.display()))
}

/// The agent next to this program, or the first one in PATH.
fn find(own: Option<&Path>, path: &OsStr) -> Option<PathBuf> {
    // An empty entry of PATH means the working directory: nothing that root runs should come from there.
    let listed = path.as_bytes().split(|&byte| byte == b':').filter(|entry| !entry.is_empty());
    let beside = own.and_then(Path::parent).into_iter().map(Path::to_owned);
    beside
        .chain(listed.map(|entry| PathBuf::from(OsStr::from_bytes(entry))))
        .map(|directory| directory.join(AGENT))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
