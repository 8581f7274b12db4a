//! Programs of the distribution: the witness the tests compare with, and the real programs they record.

use super::say;
use crate::programs::{execute, find, program};

/// Program and the Debian package that has it.
const WANTED: [(&str, &str); 7] = [
    // libFuzzer is C++.
    ("c++", "g++"),
    ("curl", "curl"),
    ("git", "git"),
    ("python3", "python3"),
    ("sqlite3", "sqlite3"),
    ("strace", "strace"),
    ("tar", "tar"),
];

/// Installs what is missing. Not fatal: the tests and the demo name the program they miss.
pub(super) fn ensure() {
    ensure_each("test tools", &WANTED);
}

/// Installs the packages of programs that are missing, and says what it did about `what`.
pub(crate) fn ensure_each(what: &str, wanted: &[(&str, &str)]) {
    let missing: Vec<&str> =
        wanted.iter().filter(|(program, _)| find(program).is_none()).map(|&(_, package)| package).collect();
    if missing.is_empty() {
        say(what, "there");
    } else if find("apt-get").is_none() {
        say(what, &format!("please install {} with your package manager", missing.join(", ")));
    } else if install(&missing) {
        say(what, &format!("installed {}", missing.join(", ")));
    } else {
        say(what, &format!("could not install {} (are you root?)", missing.join(", ")));
    }
}

fn install(packages: &[&str]) -> bool {
    let apt_get = |arguments: &[&str]| {
        execute(
            program("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["-q", "-y"])
                .args(arguments)
                // What a task prints on its stdout is not about packages.
                .stdout(std::io::stderr()),
        )
        .is_ok()
    };
    let install = [&["install", "--no-install-recommends"], packages].concat();
    // The package lists may be missing or stale: refresh them only when the first try fails.
    apt_get(&install) || (apt_get(&["update"]) && apt_get(&install))
}
