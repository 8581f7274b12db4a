//! The state before the first record, from a `/proc` of our own making.

use std::fs;
use std::path::Path;

use super::fake_proc::FakeProc;
use super::machine::{Call, Machine, options, text};
use crate::track::Tracker;

const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 501 1 0 100\n\
   1: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 502 1 0 100\n\
   2: 0100007F:9C40 0100007F:1F40 01 00000000:00000000 00:00000000 00000000     0        0 503 1 0 100\n\
   3: broken\n";
const UNIX: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n\
0000000000000000: 00000002 00000000 00010000 0001 01 601 /run/a b.sock\n\
0000000000000000: 00000003 00000000 00000000 0001 03 602\n";

#[test]
fn processes_that_run_already_are_known_with_all_they_have() {
    let proc = FakeProc::new("start");
    proc.process(1, 0, "init");
    proc.process(20, 10, "we) (ird");
    proc.process(10, 1, "server");
    proc.write("10/task/12/status", "Name:\tpool\\n\\\\1\nNSpid:\t12\nUid:\t1\t2\t3\t4\n");
    proc.write("10/cgroup", "4:memory:/lxc/box\n0::/\n");
    for (fd, target, flags) in [
        (0, "/dev/null", "0100000"),
        (1, "pipe:[77]", "01"),
        (2, "socket:[502]", "02"),
        (3, "socket:[503]", "02"),
        (4, "socket:[501]", "02"),
        (5, "socket:[601]", "02"),
        (6, "socket:[9999]", "02"),
        (7, "anon_inode:[eventpoll]", "02000002"),
        (8, "anon_inode:[pidfd]", "02000002"),
        (9, "/memfd:jit (deleted)", "02"),
        (10, "/no/such/file (deleted)", "02"),
        (11, "anon_inode:inotify", "02"),
    ] {
        proc.fd(10, fd, target, flags);
    }
    proc.write("10/net/tcp", TCP);
    proc.write("10/net/unix", UNIX);
    proc.write("1/root/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    proc.write("1/root/etc/group", "root:x:0:\n");
    proc.write("self/stat", "not a process");

    let mut m = Machine::with_proc(&proc.0);
    assert_eq!(m.tracker.read_start_state(), []);
    let shown: Vec<String> = (0..12).map(|fd| m.fd(10, fd)).collect();
    assert!(shown[0].starts_with("file /dev/null #"), "{}", shown[0]);
    assert_eq!(
        shown[1..],
        [
            "pipe #77",
            "ipv4 127.0.0.1:8000>127.0.0.1:40000 #502 server connected",
            "ipv4 127.0.0.1:40000>127.0.0.1:8000 #503 client connected",
            "ipv4 127.0.0.1:8000>0.0.0.0:0 #501 server",
            "unix /run/a b.sock #601 server",
            "socket #9999",
            "eventpoll",
            "pidfd 42",
            "memfd jit",
            "file /no/such/file",
            "inotify",
        ]
    );
    let p = m.process(10);
    assert_eq!((p.ppid, p.vpid, p.vpgid, p.sid, p.tty), (1, 7, 7, 10, 136 << 20 | 1));
    assert_eq!((p.start_ns, p.loginuid, p.fd_limit), (2_500_000_000, 1000, 1024));
    assert_eq!([text(&p.exe), text(&p.args[0]), text(&p.exe_path)], ["server", "-x", "/usr/bin/gone"]);
    assert!(p.exe_marks.deleted);
    assert_eq!((text(&p.cgroup).as_str(), p.namespaces[4]), ("/lxc/box", 4026531840));
    assert_eq!(m.ancestry(20), "we) (ird < server < init");
    assert_eq!(text(&m.thread(12, 10).comm), "pool\n\\1");
    let credentials = m.thread(10, 10).credentials;
    assert_eq!((credentials.uid, credentials.euid, credentials.cap_effective), (1000, 1001, 15));
    assert_eq!(m.tracker.store().users().len(), 1);
    proc.close(10, 7);
    m.exec(10, "/bin/sh", &["sh"]);
    assert_eq!([m.fd(10, 7), m.fd(10, 6)], ["", "socket #9999"]);
}

#[test]
fn what_cannot_be_read_costs_one_clear_line() {
    let mut tracker = Tracker::new(options(Path::new("/there/is/no/such/proc")));
    let warnings: Vec<String> = tracker.read_start_state().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("processes in /there/is/no/such/proc: "), "{}", warnings[0]);

    // The host's first process may not be looked into: the table is read all the same.
    let proc = FakeProc::new("refused");
    proc.process(10, 1, "server");
    proc.fd(10, 3, "/a", "02");
    let mut m = Machine::with_proc(&proc.0);
    assert_eq!(m.tracker.read_start_state(), []);
    assert_eq!((m.fd(10, 3).as_str(), m.ancestry(10).as_str()), ("file /a", "server"));
    assert!(!m.tracker.store().users().is_empty());
}

#[test]
fn a_descriptor_whose_opening_was_missed_is_looked_up_once() {
    let proc = FakeProc::new("late");
    proc.process(10, 1, "server");
    proc.fd(10, 3, "/a", "02");
    let mut m = Machine::with_proc(&proc.0);
    assert_eq!(m.fd(10, 3), "file /a");
    proc.fd(10, 4, "/b", "02000002");
    assert_eq!(m.fd(10, 4), "file /b");
    assert_eq!(m.fd(10, 5), "");
    proc.fd(10, 5, "/c", "02");
    assert_eq!(m.fd(10, 5), "");
    proc.close(10, 4);
    m.exec(10, "/bin/sh", &["sh"]);
    assert_eq!([m.fd(10, 3), m.fd(10, 4)], ["file /a", ""]);
}

#[test]
fn processes_whose_end_was_lost_are_forgotten_in_time() {
    let proc = FakeProc::new("ended");
    proc.process(10, 1, "server");
    let mut m = Machine::with_proc(&proc.0);
    for pid in 1000..6000 {
        m.fork(10, pid, pid, 10, 0);
    }
    assert!(m.tracker.tasks.group_count() > 5000);
    // Their last events may still be on the way, and one of the ids may be used again.
    m.fork(10, 1000, 1000, 10, 0);
    m.skip_time(u64::MAX / 2);
    m.plain(10, "getppid", &[], 1);
    // The server, the one with the reused id, and those that came after the 4,096th, when they were looked for.
    assert_eq!(m.tracker.tasks.group_count(), 1 + 1 + 904);
    assert_eq!((m.ancestry(1000).as_str(), m.ancestry(10).as_str()), ("child < server", "server"));
}

#[test]
fn a_process_does_not_decide_how_much_is_read_of_it() {
    let proc = FakeProc::new("long");
    proc.process(10, 1, "long");
    let stat = format!("10 (long) S 1 10 10 0{} 250{} 1000 301000 0\n", " 0".repeat(14), " 0".repeat(25));
    proc.write("10/stat", &stat);
    proc.write("10/cmdline", &"word\0".repeat(60_000));
    proc.process(11, 1, "unknown");
    proc.write("11/cmdline", &"word\0".repeat(60_000));
    proc.process(12, 1, "short");
    let mut m = Machine::with_proc(&proc.0);
    m.tracker.read_start_state();
    let mut lengths = |pid| {
        let process = m.process(pid);
        let bytes: usize = process.args.iter().map(|arg| arg.len() + 1).sum();
        (process.exe.len() + 1 + bytes, process.args_bytes_full)
    };
    assert_eq!(lengths(10), (32_769, 300_000));
    assert_eq!(lengths(11), (32_769, 32_769));
    assert_eq!(lengths(12), (9, 0));
}

#[test]
fn entering_namespaces_changes_the_directory_and_the_capabilities() {
    let proc = FakeProc::new("namespaces");
    proc.process(10, 1, "nsenter");
    proc.link("10/ns/mnt", "mnt:[1]");
    proc.link("10/ns/user", "user:[3]");
    let mut m = Machine::with_proc(&proc.0);
    m.tracker.read_start_state();
    let replace = |name: &str, target: &str| {
        fs::remove_file(proc.0.join(name)).expect("it was there");
        proc.link(name, target);
    };
    replace("10/ns/mnt", "mnt:[2]");
    m.plain(10, "unshare", &[libc::CLONE_NEWNS as u64], 0);
    assert_eq!((m.process(10).namespaces[2], text(&m.process(10).cwd).as_str()), (2, "/srv"));
    m.plain(10, "setns", &[3, libc::CLONE_NEWNS as u64], 0);
    assert_eq!(text(&m.process(10).cwd), "/srv", "it was there already");
    replace("10/ns/mnt", "mnt:[1]");
    m.plain(10, "setns", &[3, libc::CLONE_NEWNS as u64], 0);
    assert_eq!((m.process(10).namespaces[2], text(&m.process(10).cwd).as_str()), (1, "/"));
    replace("10/ns/user", "user:[4]");
    proc.write("10/task/10/status", "Name:\tnsenter\nCapPrm:\t1ff\nCapEff:\t1ff\n");
    m.plain(10, "unshare", &[libc::CLONE_NEWUSER as u64], 0);
    assert_eq!(m.thread(10, 10).credentials.cap_effective, 0x1ff);
}

#[test]
fn a_process_is_known_though_its_first_thread_has_ended() {
    let proc = FakeProc::new("leaderless");
    proc.write("10/stat", "10 (server) Z 1 10 10 0 0\n");
    proc.write("10/status", "Name:\tserver\n");
    proc.write("10/task/10/status", "Name:\tserver\n");
    proc.write("10/task/12/status", "Name:\tworker\n");
    proc.write("10/fd/.empty", "");
    // Threads have folders of their own, which are not listed.
    proc.write("12/stat", "12 (worker) S 1 10 10 0 0\n");
    proc.link("12/cwd", "/srv");
    proc.link("12/exe", "/usr/bin/server");
    proc.link("12/ns/net", "net:[4026531840]");
    proc.fd(12, 3, "/data", "02");
    let mut m = Machine::with_proc(&proc.0);
    // Listed it would be a process.
    m.tracker.read_process(10);
    let p = m.process(10);
    assert_eq!([text(&p.exe_path), text(&p.cwd)], ["/usr/bin/server", "/srv"]);
    assert_eq!(p.namespaces[4], 4026531840);
    assert_eq!(m.fd(10, 3), "file /data");
    proc.fd(12, 4, "/more", "02");
    m.call(Call::new(10, "lseek", &[4, 0, 0], 0).by(12));
    assert_eq!(m.last(), "worker:12 lseek = 0 file /more");
}

#[test]
fn a_container_without_a_name_of_its_own_is_one_though_the_first_process_may_not_be_looked_at() {
    let proc = FakeProc::new("kthreadd");
    let namespaces = |pid: u32, number: u32| {
        for name in ["mnt", "pid"] {
            proc.link(&format!("{pid}/ns/{name}"), &format!("{name}:[{number}]"));
        }
    };
    proc.write("2/task/2/comm", "kthreadd\n");
    namespaces(2, 1);
    for (pid, number) in [(10, 1), (11, 2)] {
        proc.process(pid, 0, "server");
        proc.write(&format!("{pid}/cgroup"), "0::/some-container\n");
        namespaces(pid, number);
    }
    let mut m = Machine::with_proc(&proc.0);
    m.tracker.read_start_state();
    assert_eq!(m.process(10).container, 0);
    assert_ne!(m.process(11).container, 0);
}
