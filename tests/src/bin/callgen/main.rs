//! callgen: a program that makes many different system calls, each with success and failure, in a fixed order.
//!
//! Usage: `callgen DIR [SECTION...]`. It works inside DIR, which it creates, and runs the named sections, all of
//! them without names. It prints nothing, ignores what calls answer and cleans nothing up: its purpose is to be
//! watched by two witnesses, who must agree. What could harm the machine (mounts, host name, credentials) happens
//! in children with namespaces of their own; what is asked of clocks, modules and the machine itself is wrong, so that the
//! kernel refuses it. Start at [`SECTIONS`].

mod call;
mod credentials;
mod descriptors;
mod events;
mod files;
mod ipc;
#[cfg(target_arch = "x86_64")]
mod legacy;
mod memory;
mod mounts;
mod processes;
mod signals;
mod sockets;
mod system;
mod threads;
mod time;

use std::process::ExitCode;

/// Every section, in the order they run.
const SECTIONS: &[(&str, fn())] = &[
    ("files", files::run),
    ("descriptors", descriptors::run),
    #[cfg(target_arch = "x86_64")]
    ("legacy", legacy::run),
    ("events", events::run),
    ("sockets", sockets::run),
    ("memory", memory::run),
    ("signals", signals::run),
    ("time", time::run),
    ("ipc", ipc::run),
    ("processes", processes::run),
    ("credentials", credentials::run),
    ("system", system::run),
    ("threads", threads::run),
    ("mounts", mounts::run),
    // Last: it replaces the process and does not return.
    ("exec-thread", threads::exec_from_thread),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(directory) = arguments.next() else {
        eprintln!("usage: callgen DIR [SECTION...]");
        return ExitCode::from(2);
    };
    if directory == "--exit" {
        // What the exec sections turn into.
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<String> = arguments.collect();
    if let Some(unknown) = chosen.iter().find(|name| !SECTIONS.iter().any(|(known, _)| known == name)) {
        eprintln!("callgen: no section {unknown}");
        return ExitCode::from(2);
    }
    let prepared = std::fs::create_dir_all(&directory).and_then(|()| std::env::set_current_dir(&directory));
    if let Err(error) = prepared {
        eprintln!("callgen: {directory}: {error}");
        return ExitCode::FAILURE;
    }
    for (name, section) in SECTIONS {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            section();
        }
    }
    ExitCode::SUCCESS
}
