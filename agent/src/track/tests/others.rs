//! What a process can change of others: no more than the query engine takes into account.

use capture_format::model::{Process, Thread};
use capture_format::schema::{Abi, syscalls};
use wire::facts::{FORK_SHARES_FILES, FORK_SHARES_FS, FORK_SHARES_VM};

use super::machine::{Call, Machine};

/// A process that shares all it can with its creator, 10.
const OTHER: u32 = 11;

fn told(m: &mut Machine) -> (Process, Thread) {
    let mut thread = m.thread(OTHER, OTHER);
    // A version is a version.
    thread.process = 0;
    (m.process(OTHER), thread)
}

#[test]
fn what_changes_of_another_process_is_no_part_of_a_verdict_that_lasts() {
    let mut changing = Vec::new();
    // Those behind another number are the same calls.
    for (_, call) in syscalls(Abi::X86_64).filter(|(_, call)| !["fork", "vfork"].contains(&call.name)) {
        let mut m = Machine::with_shell();
        m.fork(10, OTHER, OTHER, 10, FORK_SHARES_FILES | FORK_SHARES_FS | FORK_SHARES_VM);
        m.open(10, "/srv", libc::O_DIRECTORY, OTHER.into());
        let before = told(&mut m);
        // As process, descriptor or address of something: all mean the other one, or what it has open.
        let arguments = |first: u64| [first, OTHER.into(), OTHER.into(), 0, 0, 0];
        for first in [0, OTHER.into()] {
            let text = format!("/var/{}\0", "x".repeat(123));
            let made =
                (0..6).fold(Call::new(10, call.name, &arguments(first), 0), |made, at| made.data(at, &text));
            m.call(made);
        }
        let (mut process, thread) = told(&mut m);
        if (&process, &thread) != (&before.0, &before.1) {
            changing.push(call.name);
        }
        // `Field::is_changed_by_others` of query knows these.
        process.pgid = before.0.pgid;
        process.vpgid = before.0.vpgid;
        process.cwd.clone_from(&before.0.cwd);
        process.is_uncertain = before.0.is_uncertain;
        assert_eq!((process, thread), before, "{}", call.name);
    }
    assert_eq!(changing, ["chdir", "fchdir", "setpgid"]);
}

#[test]
fn neither_does_the_end_of_its_creator_or_a_new_program_there() {
    let mut m = Machine::with_shell();
    m.fork(10, OTHER, OTHER, 10, FORK_SHARES_FILES | FORK_SHARES_FS);
    let before = told(&mut m);
    m.exec(10, "/bin/zsh", &["zsh"]);
    m.fork(10, 12, 12, 10, FORK_SHARES_FS);
    m.exit(12, 12, true);
    m.exit(10, 10, true);
    assert_eq!(told(&mut m), before);
}
