//! What calls change in a process: working directory, session, names, ids.

use super::machine::{Call, Machine, text};

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
