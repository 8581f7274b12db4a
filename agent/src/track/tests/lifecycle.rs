//! Threads and processes: their beginning, their images, their end.

use wire::ExecFacts;
use wire::facts::{FORK_SHARES_FILES, TaskFacts};

use super::machine::{Call, Machine, comm, task_of, text};

#[test]
fn a_command_is_followed_from_fork_to_exit() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    m.exec(11, "/usr/bin/curl", &["curl", "-s", "http://127.0.0.1/"]);
    m.plain(11, "getppid", &[], 10);
    m.plain(11, "exit_group", &[0], 0);
    m.exit(11, 11, true);
    assert_eq!(
        m.lines(),
        "child:11 clone = 0\n\
         curl:11 execve = 0\n\
         curl:11 getppid = 10\n\
         curl:11 exit_group\n\
         curl:11 procexit"
    );
}

#[test]
fn exec_brings_the_facts_of_the_new_image() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    let task = TaskFacts { ppid: 10, tty: 4 << 20 | 1, comm: comm("ls"), ..task_of(11) };
    let facts = ExecFacts { task, exe_mtime_ns: 5, argv_bytes: 9999, ..ExecFacts::default() };
    let cgroup = "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    m.exec_facts(11, "/usr/bin/ls", &["ls", "", "-l"], "/tmp", Some(cgroup), facts);
    let p = m.process(11);
    assert_eq!([text(&p.exe), text(&p.exe_path), text(&p.cwd)], ["ls", "/usr/bin/ls", "/tmp"]);
    assert_eq!((p.args.len(), p.args_bytes_full, p.tty), (2, 9999, 4 << 20 | 1));
    let container = m.tracker.store().container(p.container).expect("a container was found");
    assert_eq!((container.runtime.as_str(), container.full_id.len()), ("docker", 64));
    assert_eq!(m.ancestry(11), "ls < bash");
}

#[test]
fn the_parent_is_the_version_that_forked() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    m.exec(10, "/bin/zsh", &["zsh"]);
    m.fork(10, 12, 12, 10, 0);
    assert_eq!(m.ancestry(11), "child < bash");
    assert_eq!(m.ancestry(12), "child < zsh");
    m.exit(10, 10, true);
    assert_eq!(m.ancestry(11), "child < bash");
}

#[test]
fn a_reused_id_is_a_new_process() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    m.open(11, "/a", 0, 3);
    m.exec(11, "/bin/a", &["a"]);
    // Its exit and those of its threads were lost.
    m.fork(10, 11, 11, 10, 0);
    assert_eq!((m.fd(11, 3).as_str(), m.ancestry(11).as_str()), ("", "child < bash"));
    // A thread id of one process comes back as another process.
    m.fork(11, 20, 11, 10, FORK_SHARES_FILES);
    m.fork(10, 20, 20, 10, 0);
    m.open(20, "/b", 0, 3);
    assert_eq!((m.fd(11, 3).as_str(), m.fd(20, 3).as_str()), ("", "file /b"));
    // Even when the new process's beginning was lost as well.
    m.plain(30, "getppid", &[], 1);
    m.call(Call::new(30, "getppid", &[], 1).by(20));
    m.plain(20, "getppid", &[], 1);
    assert_eq!(m.process(20).pid, 20);
}

#[test]
fn a_thread_that_executes_becomes_the_first() {
    let mut m = Machine::with_shell();
    m.open(10, "/a", 0, 3);
    m.fork(10, 12, 10, 1, FORK_SHARES_FILES);
    m.fork(10, 13, 10, 1, FORK_SHARES_FILES);
    m.call(Call::new(10, "unshare", &[libc::CLONE_FILES as u64], 0).by(12));
    m.call(Call::new(10, "close", &[3], 0).by(12));
    m.exit(13, 10, false);
    m.exit(10, 10, false);
    let task = TaskFacts { comm: comm("new"), ..task_of(10) };
    let facts = ExecFacts { task, old_tid: 12, ..ExecFacts::default() };
    m.exec_facts(10, "/bin/new", &["new"], "/", None, facts);
    m.plain(10, "getppid", &[], 1);
    assert_eq!(m.last(), "new:10 getppid = 1");
    assert_eq!(m.fd(10, 3), "");
    m.exit(10, 10, true);
}

#[test]
fn a_stranger_is_known_by_its_ids() {
    let mut m = Machine::new();
    m.plain(77, "getppid", &[], 1);
    m.call(Call::new(77, "getppid", &[], 1).by(78));
    m.exit(79, 79, true);
    m.plain(77, "read", &[5, 1, 2], 2);
}

#[test]
fn signals_and_numbers_without_a_call_are_events_too() {
    use wire::RecordType;
    use wire::record::{SECTION_PATH, SECTION_SIGNAL};
    let mut m = Machine::with_shell();
    let facts = [15u32, 0, 1, 1000].map(u32::to_ne_bytes).concat();
    m.other(RecordType::Signal, 10, 10, &[], (SECTION_SIGNAL, &facts));
    m.other(RecordType::Signal, 10, 10, &[], (SECTION_SIGNAL, b"cut"));
    m.other(RecordType::CgroupMove, 10, 10, &[10], (SECTION_PATH, b"/lxc/web1\0"));
    m.other(RecordType::CgroupMove, 10, 10, &[10], (SECTION_PATH, b"/elsewhere\0"));
    m.other(RecordType::Fork, 40, 40, &[], (SECTION_PATH, b""));
    m.other(RecordType::Exec, 41, 41, &[], (SECTION_PATH, b""));
    assert_eq!(
        m.lines(),
        "bash:10 signaldeliver\n\
         bash:10 signaldeliver\n\
         bash:10 cgroup_attach\n\
         bash:10 cgroup_attach\n\
         :40 read = 0\n\
         :41 read = 0"
    );
    let p = m.process(10);
    assert_eq!((text(&p.cgroup).as_str(), p.container != 0), ("/lxc/web1", true));
}

#[test]
fn containers_of_one_name_are_told_apart_by_their_runtime() {
    let mut m = Machine::with_shell();
    let facts = |pid| ExecFacts { task: task_of(pid), ..ExecFacts::default() };
    let mut containers = Vec::new();
    for (pid, cgroup) in [(11, "/lxc/web"), (12, "/default/web"), (13, "/lxc/web/init.scope")] {
        m.exec_facts(pid, "/bin/sh", &["sh"], "/", Some(cgroup), facts(pid));
        let number = m.process(pid).container;
        let container = m.tracker.store().container(number).expect("a container was found");
        containers.push((container.runtime.clone(), text(&container.full_id), number));
    }
    let [lxc, containerd, again] = containers.try_into().expect("three were found");
    assert_eq!((lxc.0.as_str(), lxc.1.as_str()), ("lxc", "web"));
    assert_eq!((containerd.0.as_str(), containerd.1.as_str()), ("containerd", "web"));
    assert_eq!(lxc, again);
}

#[test]
fn arguments_that_cannot_be_read_are_not_those_of_the_program_before() {
    use wire::RecordType;
    use wire::record::SECTION_FILENAME;
    let mut m = Machine::with_shell();
    m.exec(10, "/bin/cat", &["cat", "file"]);
    m.other(RecordType::Exec, 10, 10, &[], (SECTION_FILENAME, b"/bin/sleep"));
    let p = m.process(10);
    assert_eq!((text(&p.exe).as_str(), p.args.len()), ("", 0));
}

#[test]
fn threads_that_end_at_once_keep_their_process_to_the_last() {
    let mut m = Machine::with_shell();
    m.fork(10, 12, 10, 1, FORK_SHARES_FILES);
    m.fork(10, 13, 10, 1, FORK_SHARES_FILES);
    m.lines();
    m.exit(10, 10, true);
    m.exit(13, 10, true);
    m.exit(12, 10, true);
    assert_eq!(m.lines(), "bash:10 procexit\nchild:13 procexit\nchild:12 procexit");
    m.plain(10, "getppid", &[], 1);
    assert_eq!(m.last(), ":10 getppid = 1", "the next one with this id is another process");
}
