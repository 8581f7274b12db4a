//! What calls change in a process: working directory, session, names, ids.

use wire::ExecFacts;
use wire::facts::FORK_SHARES_FS;

use super::machine::{CWD, Call, Machine, task_of, text};

#[test]
fn the_working_directory_follows_chdir() {
    let mut m = Machine::with_shell();
    m.call(Call::new(10, "chdir", &[1], 0).data(0, "../bob\0"));
    m.open(10, "x", 0, 3);
    assert_eq!(m.last(), "bash:10 openat = 3 file /home/bob/x (x)");
    m.call(Call::new(10, "chdir", &[1], -2).data(0, "/missing\0"));
    m.open(10, "/srv", libc::O_DIRECTORY, 4);
    m.plain(10, "fchdir", &[4], 0);
    m.fork(10, 11, 11, 10, 0);
    m.call(Call::new(10, "chdir", &[1], 0).data(0, "/\0"));
    m.open(11, "y", 0, 5);
    assert_eq!(m.last(), "child:11 openat = 5 file /srv/y (y)");
    assert_eq!(text(&m.process(10).cwd), "/");
}

fn chdir(pid: u32, path: &str) -> Call {
    Call::new(pid, "chdir", &[1], 0).data(0, format!("{path}\0"))
}

#[test]
fn a_working_directory_is_shared_by_those_made_so() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, FORK_SHARES_FS);
    m.fork(11, 12, 12, 11, FORK_SHARES_FS);
    m.fork(10, 13, 13, 10, 0);
    let folders = |m: &mut Machine| [10, 11, 12, 13].map(|pid| text(&m.process(pid).cwd));
    m.call(chdir(11, "/srv"));
    assert_eq!(folders(&mut m), ["/srv", "/srv", "/srv", "/home/ann"]);
    m.open(10, "x", 0, 3);
    assert_eq!(m.last(), "bash:10 openat = 3 file /srv/x (x)");
    // Exec leaves it shared.
    let facts = ExecFacts { task: task_of(12), ..ExecFacts::default() };
    m.exec_facts(12, "/bin/a", &["a"], "/srv", None, facts);
    m.call(chdir(12, "www"));
    assert_eq!(folders(&mut m), ["/srv/www", "/srv/www", "/srv/www", "/home/ann"]);
    for (pid, flag) in [(10, libc::CLONE_FS), (11, libc::CLONE_NEWNS)] {
        m.plain(pid, "unshare", &[flag as u64], 0);
        m.call(chdir(pid, &format!("/{pid}")));
    }
    m.exit(10, 10, true);
    m.call(chdir(12, "/"));
    m.fork(1, 10, 10, 1, 0);
    assert_eq!(folders(&mut m)[1..], ["/11", "/", "/home/ann"]);
}

#[test]
fn a_thread_may_work_elsewhere_than_its_process() {
    let mut m = Machine::with_shell();
    m.fork(10, 12, 10, 1, FORK_SHARES_FS);
    m.fork(10, 13, 10, 1, FORK_SHARES_FS);
    m.plain(10, "getppid", &[], 1);
    m.call(chdir(10, "/srv").by(12));
    m.call(Call::new(10, "unshare", &[libc::CLONE_FS as u64], 0).by(12));
    m.call(chdir(10, "/own").by(12));
    // What it makes has its own, shared or not.
    m.fork(12, 14, 10, 1, FORK_SHARES_FS);
    m.fork(12, 20, 20, 10, 0);
    m.call(chdir(10, "/own/a").by(14));
    let folder = |m: &mut Machine, tid, pid| {
        let process = m.thread(tid, pid).process;
        text(&m.tracker.store().process(process).expect("a thread's process is in the store").cwd)
    };
    let folders =
        [(10, 10), (12, 10), (13, 10), (14, 10), (20, 20)].map(|(tid, pid)| folder(&mut m, tid, pid));
    assert_eq!(folders, ["/srv", "/own/a", "/srv", "/own/a", "/own"]);
    m.call(Call::new(10, "openat", &[CWD, 1, 0, 0], 5).by(12).data(1, "x\0"));
    assert_eq!(m.last(), "child:12 openat = 5 file /own/a/x (x)");
    // Where the others go does not matter, and neither does what else becomes of the process.
    m.call(chdir(10, "/elsewhere"));
    m.plain(10, "setsid", &[], 10);
    assert_eq!((folder(&mut m, 12, 10), folder(&mut m, 13, 10)), ("/own/a".into(), "/elsewhere".into()));
    // The thread that executes is the process.
    let facts = ExecFacts { task: task_of(10), old_tid: 12, ..ExecFacts::default() };
    m.exec_facts(10, "/bin/new", &["new"], "/own/a", None, facts);
    assert_eq!(text(&m.process(10).cwd), "/own/a");
    m.call(chdir(10, "b"));
    assert_eq!(text(&m.process(10).cwd), "/own/a/b");
}

#[test]
fn a_new_root_renames_where_processes_stand() {
    let namespace = |ino| {
        let mut task = task_of(10);
        task.namespaces[2] = ino;
        ExecFacts { task, ..ExecFacts::default() }
    };
    let mut m = Machine::with_shell();
    m.exec_facts(10, "/bin/runc", &["runc"], "/run/rootfs", None, namespace(7));
    m.fork(10, 11, 11, 10, 0);
    m.fork(10, 12, 12, 10, 0);
    m.exec_facts(12, "/bin/sh", &["sh"], "/srv", None, namespace(8));
    m.call(chdir(11, "/home"));
    m.call(Call::new(10, "pivot_root", &[1, 2], 0).data(0, ".\0").data(1, "old\0"));
    let folders = [10, 11, 12].map(|pid| text(&m.process(pid).cwd));
    assert_eq!(folders, ["/", "/old/home", "/srv"]);
}

#[test]
fn a_thread_has_a_name_of_its_own() {
    let mut m = Machine::with_shell();
    m.fork(10, 12, 10, 1, 1);
    let name =
        |tid, name: &str| Call::new(10, "prctl", &[15, 1, 0, 0, 0], 0).by(tid).data(1, format!("{name}\0"));
    m.call(name(12, "worker"));
    assert_eq!((text(&m.thread(12, 10).comm), text(&m.process(10).comm)), ("worker".into(), "bash".into()));
    m.call(name(10, "a-name-longer-than-fifteen"));
    assert_eq!(text(&m.process(10).comm), "a-name-longer-t");
    assert_eq!(text(&m.thread(12, 10).comm), "worker");
}

#[test]
fn sessions_groups_and_limits_are_followed() {
    let mut m = Machine::with_shell();
    m.fork(10, 11, 11, 10, 0);
    m.plain(11, "setsid", &[], 11);
    m.fork(10, 12, 12, 10, 0);
    m.plain(10, "setpgid", &[12, 0], 0);
    m.fork(10, 13, 13, 10, 0);
    m.plain(13, "setpgid", &[0, 12], 0);
    let ids = |m: &mut Machine, pid| {
        let p = m.process(pid);
        (p.sid, p.pgid, p.vpgid)
    };
    assert_eq!(
        [ids(&mut m, 11), ids(&mut m, 12), ids(&mut m, 13)],
        [(11, 11, 11), (10, 12, 12), (10, 12, 12)]
    );
    let limit = [512u64.to_ne_bytes(), 1024u64.to_ne_bytes()].concat();
    m.call(Call::new(10, "prlimit64", &[0, 7, 1, 0], 0).data(2, limit));
    assert_eq!(m.process(10).fd_limit, 512);
}

#[test]
fn a_thread_changes_its_ids() {
    let mut m = Machine::with_shell();
    m.plain(10, "setresuid", &[33, 33, u64::from(u32::MAX)], 0);
    m.plain(10, "setgid", &[34], -1);
    let credentials = m.thread(10, 10).credentials;
    assert_eq!((credentials.uid, credentials.euid, credentials.suid, credentials.gid), (33, 33, 0, 0));
    m.fork(10, 11, 11, 10, 0);
    assert_eq!(m.thread(11, 11).credentials.uid, 33);
}
