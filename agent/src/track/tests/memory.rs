//! Memory stays bounded whatever runs.

use wire::facts::ForkFacts;

use super::machine::{Machine, task_of};

#[test]
fn a_storm_of_processes_leaves_nothing_behind() {
    let mut m = Machine::with_shell();
    for pid in 1000..31_000 {
        m.fork(10, pid, pid, 10, 0);
        m.exec(pid, "/bin/true", &["true", "with", "some", "arguments"]);
        m.open(pid, &format!("/tmp/{pid}"), 0, 3);
        m.exit(pid, pid, true);
        m.lines();
    }
    let [threads, processes, descriptors] = m.tracker.store().counts();
    assert!(
        threads < 25_000 && processes < 25_000 && descriptors < 35_000,
        "{threads} {processes} {descriptors}"
    );
    assert_eq!(m.ancestry(10), "bash");
}

#[test]
fn a_chain_in_which_each_starts_the_next_and_ends_does_not_grow() {
    let mut m = Machine::with_shell();
    for pid in 1000..40_000 {
        let task = wire::facts::TaskFacts { ppid: if pid == 1000 { 10 } else { pid - 1 }, ..task_of(pid) };
        let creator_tid = task.ppid;
        m.fork_facts(pid, pid, ForkFacts { task, creator_tid, flags: 0 });
        m.exit(creator_tid, creator_tid, true);
        m.lines();
    }
    let [_, processes, _] = m.tracker.store().counts();
    assert!(processes < 20_000, "{processes}");
}

#[test]
fn numbers_that_no_table_knows_do_not_become_kinds_without_end() {
    let mut m = Machine::with_shell();
    for nr in 1000..u16::MAX {
        m.unknown_call(10, nr);
        let name = if nr < 1256 { format!("syscall_{nr}") } else { "syscall_unknown".to_owned() };
        assert_eq!(m.lines(), format!("bash:10 {name} = -38"));
    }
    // Those that have a kind keep it.
    m.unknown_call(10, 1001);
    assert_eq!(m.last(), "bash:10 syscall_1001 = -38");
}
