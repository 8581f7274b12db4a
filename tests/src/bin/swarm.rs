//! swarm: many short processes at once, and the truth about them.
//!
//! Usage: `swarm COUNT`. Starts branches, each of which starts leaves, several at a time, COUNT leaves in all.
//! Every branch prints a line `PID PARENT IDENTIFIER` per leaf; a recording must know each of them by its
//! argument IDENTIFIER. `swarm leaf ...` and `swarm branch ...` are what it turns into.

use std::io::Write;
use std::process::{Child, Command, ExitCode};

/// Processes that start leaves.
const BRANCHES: usize = 6;
/// Leaves of a branch that live at the same time.
const TOGETHER: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["leaf", ..] => Ok(()),
        ["branch", name, count] => branch(name, count.parse().unwrap_or(0)),
        [count] => trunk(count.parse().unwrap_or(0)),
        _ => {
            eprintln!("usage: swarm COUNT");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("swarm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn myself() -> Command {
    Command::new("/proc/self/exe")
}

fn trunk(count: usize) -> std::io::Result<()> {
    let share = |index: usize| count / BRANCHES + usize::from(index < count % BRANCHES);
    let branches: Vec<Child> = (0..BRANCHES)
        .map(|index| myself().args(["branch", &index.to_string(), &share(index).to_string()]).spawn())
        .collect::<Result<_, _>>()?;
    wait(branches)
}

fn branch(name: &str, count: usize) -> std::io::Result<()> {
    let mut truth = String::new();
    let mut alive = Vec::new();
    for index in 0..count {
        let identifier = format!("{name}-{index}");
        let leaf = myself().args(["leaf", &identifier, "with some more words"]).spawn()?;
        truth.push_str(&format!("{} {} {identifier}\n", leaf.id(), std::process::id()));
        alive.push(leaf);
        if alive.len() == TOGETHER {
            wait(std::mem::take(&mut alive))?;
        }
    }
    wait(alive)?;
    std::io::stdout().lock().write_all(truth.as_bytes())
}

fn wait(children: Vec<Child>) -> std::io::Result<()> {
    for mut child in children {
        child.wait()?;
    }
    Ok(())
}
