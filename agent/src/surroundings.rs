//! Where this process stands: what it sees of the machine, and what it may do there.
//!
//! The kernel programs tell of processes by their ids in the initial pid namespace. Everything else we know of them comes from
//! `/proc`, so that has to be the one of this namespace.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Inode number of the initial pid namespace (`PROC_PID_INIT_INO`, include/linux/proc_ns.h; the same since 3.8).
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The id of this process in the initial pid namespace, as this `/proc` tells it.
pub(crate) fn own_pid(proc_root: &Path) -> Result<u32> {
    let link = |name: &str| fs::read_link(proc_root.join(name));
    let shown = proc_root.display();
    let own = link("self").with_context(|| {
        format!("cannot read {shown}/self: mount a procfs there, or name one with --proc-root")
    })?;
    let own = own.to_str().and_then(|text| text.parse().ok());
    let own: u32 = own.with_context(|| format!("{shown}/self is no process id: {shown} is no procfs"))?;
    // What may not be read says nothing against it.
    let is_initial =
        link("1/ns/pid").map_or(true, |namespace| namespace.as_os_str() == INITIAL_PID_NAMESPACE);
    if !is_initial {
        bail!(
            "{shown} shows the processes of a container, not those of the machine: start the agent in the host's pid \
             namespace (hostPID: true, --pid=host), or mount the host's /proc and name it with --proc-root"
        );
    }
    Ok(own)
}

/// Whether this process has another id for itself than the machine has.
pub(crate) fn is_in_own_pid_namespace(own_pid: u32) -> bool {
    own_pid != std::process::id()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    fn proc(name: &str, own: &str, namespace: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("sysreel-surroundings-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("1/ns")).expect("the temporary folder is writable");
        symlink(own, root.join("self")).expect("the temporary folder is writable");
        symlink(namespace, root.join("1/ns/pid")).expect("the temporary folder is writable");
        root
    }

    #[test]
    fn the_processes_must_be_those_of_the_machine() {
        for (name, own, namespace, expected) in [
            ("host", "4711", INITIAL_PID_NAMESPACE, Ok(4711)),
            ("container", "7", "pid:[4026532177]", Err("shows the processes of a container")),
            ("other", "elsewhere", INITIAL_PID_NAMESPACE, Err("is no procfs")),
        ] {
            let root = proc(name, own, namespace);
            match (own_pid(&root), expected) {
                (Ok(pid), Ok(expected)) => assert_eq!(pid, expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
            }
            fs::remove_dir_all(root).expect("it was made above");
        }
        let error = own_pid(Path::new("/there/is/no/such/proc")).expect_err("there is none");
        assert!(error.to_string().contains("--proc-root"), "{error}");
    }
}
