//! What a descriptor number refers to, through everything that opens, copies and closes it.

use wire::FileFacts;
use wire::facts::FORK_SHARES_FILES;
use wire::record::{SECTION_GIVEN, SECTION_OPENED};

use super::machine::{CWD, Call, Machine};

const CLOEXEC: u64 = libc::O_CLOEXEC as u64;

#[test]
fn a_file_is_named_as_the_kernel_opened_it_where_that_is_told() {
    let mut m = Machine::with_shell();
    let opened = |components: &[u8]| {
        Call::new(10, "openat", &[CWD, 0, 0, 0], 3).data(1, "/tmp/harmless").data(SECTION_OPENED, components)
    };
    m.call(opened(b"shadow\0etc\0"));
    assert_eq!(m.fd(10, 3), "file /etc/shadow (/tmp/harmless)");
    for of_no_use in [&b""[..], b"c\0b\0\0"] {
        m.call(opened(of_no_use));
        assert_eq!(m.fd(10, 3), "file /tmp/harmless");
    }
    m.call(Call::new(10, "open_by_handle_at", &[5, 0, 0], 4).data(SECTION_OPENED, b"x\0srv\0"));
    assert_eq!(m.fd(10, 4), "file /srv/x");
}

#[test]
fn what_was_given_is_compared_with_what_was_opened() {
    let mut m = Machine::with_shell();
    let opened = |path: &str, number: u64, is_shared: u64| {
        Call::new(10, "openat", &[CWD, 0, 0, 0], 3)
            .data(1, path)
            .data(SECTION_OPENED, b"shadow\0etc\0")
            .data(SECTION_GIVEN, [number, is_shared].map(u64::to_ne_bytes).concat())
    };
    for (path, number, is_shared, expected, same) in [
        ("/etc/shadow", 7, 0, "file /etc/shadow", Some(7)),
        ("/etc/shadow", 8, 1, "file /etc/shadow", Some(8)),
        ("/etc/../etc/shadow", 9, 0, "file /etc/shadow (/etc/../etc/shadow)", Some(9)),
        ("/etc/shadow", 0, 0, "file /etc/shadow", None),
        ("/tmp/link", 7, 0, "file /tmp/link -> /etc/shadow", None),
        ("/tmp/link", 7, 1, "file /etc/shadow (/tmp/link)", None),
    ] {
        m.call(opened(path, number, is_shared));
        assert_eq!(m.fd(10, 3), expected);
        assert_eq!(m.tracker.same_names().collect::<Vec<_>>(), Vec::from_iter(same), "{path} {number}");
    }
    m.call(opened("/tmp/link", 7, 0).data(SECTION_GIVEN, b"short"));
    assert_eq!(m.fd(10, 3), "file /etc/shadow (/tmp/link)");
}

#[test]
fn opened_files_have_absolute_names() {
    let mut m = Machine::with_shell();
    m.open(10, "notes.txt", 0, 3);
    m.open(10, "/etc/../etc/passwd", 0, 4);
    m.open(10, "/usr", libc::O_DIRECTORY, 5);
    m.call(Call::new(10, "openat", &[5, 1, 0, 0], 6).data(1, "lib/./x.so\0"));
    m.call(Call::new(10, "creat", &[1, 0o644], 7).data(0, "new\0"));
    let mut how = [0; 24];
    how[..8].copy_from_slice(&CLOEXEC.to_ne_bytes());
    m.call(Call::new(10, "openat2", &[CWD, 1, 2, 24], 8).data(1, "../bob\0").data(2, how));
    m.plain(10, "read", &[3, 0x1000, 4096], 12);
    m.plain(10, "close", &[3], 0);
    m.plain(10, "read", &[3, 0x1000, 4096], -9);
    assert_eq!(
        m.lines(),
        "bash:10 openat = 3 file /home/ann/notes.txt (notes.txt)\n\
         bash:10 openat = 4 file /etc/passwd (/etc/../etc/passwd)\n\
         bash:10 openat = 5 directory /usr\n\
         bash:10 openat = 6 file /usr/lib/x.so (lib/./x.so)\n\
         bash:10 creat = 7 file /home/ann/new (new)\n\
         bash:10 openat2 = 8 file /home/bob (../bob)\n\
         bash:10 read = 12 file /home/ann/notes.txt (notes.txt)\n\
         bash:10 close = 0 file /home/ann/notes.txt (notes.txt)\n\
         bash:10 read = -9"
    );
}

#[test]
fn a_folder_may_be_the_root_of_a_path() {
    let mut m = Machine::with_shell();
    m.open(10, "/run/rootfs", libc::O_DIRECTORY, 3);
    let mut how = [0; 24];
    how[16] = 0x10;
    for (path, expected) in [
        ("/etc/passwd", "/run/rootfs/etc/passwd"),
        ("../../etc/../root", "/run/rootfs/root"),
        ("/", "/run/rootfs"),
    ] {
        m.call(Call::new(10, "openat2", &[3, 1, 2, 24], 4).data(1, path).data(2, how));
        assert_eq!(m.fd(10, 4), format!("file {expected} ({path})"));
    }
}

#[test]
fn a_failed_open_shows_the_path_and_opens_nothing() {
    let mut m = Machine::with_shell();
    m.open(10, "missing", 0, -2);
    assert_eq!(m.last(), "bash:10 openat = -2 file /home/ann/missing (missing)");
    m.call(Call::new(10, "openat", &[CWD, 0, 0, 0], -14));
    assert_eq!(m.last(), "bash:10 openat = -14");
}

#[test]
fn the_kernel_says_what_was_opened() {
    let mut m = Machine::with_shell();
    let open = |path: &str, fd| Call::new(10, "openat", &[CWD, 1, 0, 0], fd).data(1, format!("{path}\0"));
    m.call(open("/srv", 3).file(FileFacts { ino: 77, dev: 8 << 20, mode: 0o40755, ..FileFacts::default() }));
    m.call(open("/run/fifo", 4).file(FileFacts { ino: 78, dev: 9, mode: 0o10600, ..FileFacts::default() }));
    m.call(open("/dev/null", 5).file(FileFacts { ino: 5, dev: 6, mode: 0o20666, ..FileFacts::default() }));
    assert_eq!(m.fd(10, 3), "directory /srv #77");
    assert_eq!(m.fd(10, 4), "pipe /run/fifo #78");
    assert_eq!(m.fd(10, 5), "file /dev/null #5");
}

#[test]
fn copies_of_a_descriptor_outlive_it() {
    let mut m = Machine::with_shell();
    m.open(10, "/log", 0, 3);
    m.plain(10, "dup", &[3], 4);
    assert_eq!(m.last(), "bash:10 dup = 4 file /log");
    m.plain(10, "dup2", &[3, 1], 1);
    m.plain(10, "dup3", &[3, 2, CLOEXEC], 2);
    m.plain(10, "fcntl", &[3, libc::F_DUPFD as u64, 10], 10);
    m.plain(10, "fcntl", &[3, libc::F_DUPFD_CLOEXEC as u64, 11], 11);
    m.plain(10, "close", &[3], 0);
    for fd in [1, 2, 4, 10, 11] {
        assert_eq!(m.fd(10, fd), "file /log", "{fd}");
    }
    m.exec(10, "/bin/cat", &["cat"]);
    let open: Vec<u32> = [1, 2, 3, 4, 10, 11].into_iter().filter(|fd| !m.fd(10, *fd).is_empty()).collect();
    assert_eq!(open, [1, 4, 10]);
}

#[test]
fn every_way_to_mark_close_on_exec_counts() {
    let mut m = Machine::with_shell();
    for fd in 3..12 {
        m.open(10, &format!("/f{fd}"), 0, fd);
    }
    m.open(10, "/f12", libc::O_CLOEXEC, 12);
    m.open(10, "/f13", libc::O_CLOEXEC, 13);
    m.plain(10, "fcntl", &[3, libc::F_SETFD as u64, 1], 0);
    m.plain(10, "fcntl", &[4, libc::F_SETFD as u64, 1], -9);
    m.plain(10, "ioctl", &[5, libc::FIOCLEX, 0], 0);
    m.plain(10, "ioctl", &[12, libc::FIONCLEX, 0], 0);
    // CLOSE_RANGE_CLOEXEC
    m.plain(10, "close_range", &[8, 9, 4], 0);
    m.plain(10, "dup2", &[13, 13], 13);
    m.exec(10, "/bin/cat", &["cat"]);
    let open: Vec<u32> = (3..14).filter(|fd| !m.fd(10, *fd).is_empty()).collect();
    assert_eq!(open, [4, 6, 7, 10, 11, 12]);
}

#[test]
fn close_range_closes_what_lies_in_it() {
    let mut m = Machine::with_shell();
    for fd in [3, 4, 5, 2000] {
        m.open(10, &format!("/f{fd}"), 0, fd);
    }
    m.plain(10, "close_range", &[4, u64::from(u32::MAX), 0], 0);
    assert_eq!((m.fd(10, 3).as_str(), m.fd(10, 4).as_str(), m.fd(10, 2000).as_str()), ("file /f3", "", ""));
}

#[test]
fn a_child_starts_with_a_copy() {
    let mut m = Machine::with_shell();
    m.open(10, "/a", 0, 3);
    m.fork(10, 11, 11, 10, 0);
    m.plain(10, "close", &[3], 0);
    m.open(11, "/b", 0, 4);
    assert_eq!((m.fd(10, 3), m.fd(11, 3)), (String::new(), "file /a".to_owned()));
    assert_eq!((m.fd(10, 4), m.fd(11, 4)), (String::new(), "file /b".to_owned()));
}

#[test]
fn a_child_made_with_clone_files_shares_until_exec() {
    let mut m = Machine::with_shell();
    m.open(10, "/a", libc::O_CLOEXEC, 3);
    m.fork(10, 11, 11, 10, FORK_SHARES_FILES);
    m.open(11, "/b", 0, 4);
    m.open(10, "/c", 0, 5);
    assert_eq!((m.fd(10, 4).as_str(), m.fd(11, 5).as_str()), ("file /b", "file /c"));
    m.exec(11, "/bin/cat", &["cat"]);
    m.plain(11, "close", &[4], 0);
    assert_eq!((m.fd(10, 3).as_str(), m.fd(11, 3).as_str()), ("file /a", ""));
    assert_eq!((m.fd(10, 4).as_str(), m.fd(11, 5).as_str()), ("file /b", "file /c"));
}

#[test]
fn threads_share_and_may_unshare() {
    let mut m = Machine::with_shell();
    m.fork(10, 12, 10, 1, FORK_SHARES_FILES);
    m.fork(10, 13, 10, 1, FORK_SHARES_FILES);
    let open = |path: &str, fd| Call::new(10, "openat", &[CWD, 1, 0, 0], fd).data(1, format!("{path}\0"));
    m.call(open("/a", 3).by(12));
    m.call(Call::new(10, "unshare", &[libc::CLONE_FILES as u64], 0).by(13));
    m.call(open("/b", 4).by(13));
    m.call(open("/c", 5));
    let seen = |m: &mut Machine, tid, fd: u64| {
        m.call(Call::new(10, "lseek", &[fd, 0, 0], 0).by(tid));
        m.last().rsplit("= 0").next().unwrap_or_default().trim().to_owned()
    };
    let table: Vec<String> = [(10, 3), (12, 3), (13, 3), (10, 4), (13, 4), (12, 5), (13, 5)]
        .map(|(tid, fd)| seen(&mut m, tid, fd))
        .to_vec();
    assert_eq!(table, ["file /a", "file /a", "file /a", "", "file /b", "file /c", ""]);
}

#[test]
fn each_kind_of_descriptor_is_known_as_such() {
    let mut m = Machine::with_shell();
    for (name, args, expected) in [
        ("eventfd2", &[0u64, 0][..], "event"),
        ("epoll_create1", &[0], "eventpoll"),
        ("signalfd4", &[u64::MAX, 1, 8, 0], "signalfd"),
        ("timerfd_create", &[0, 0], "timerfd"),
        ("inotify_init1", &[0], "inotify"),
        ("fanotify_init", &[0, 0], "fanotify"),
        ("userfaultfd", &[0], "userfaultfd"),
        ("io_uring_setup", &[8, 1], "iouring"),
        ("perf_event_open", &[1, 0, 0, 0, 0], "perfevent"),
        ("pidfd_open", &[10, 0], "pidfd 10"),
        ("bpf", &[5, 1, 72], "bpf bpf-prog"),
        ("fsopen", &[1, 0], "anonymous fscontext"),
        ("open_by_handle_at", &[3, 1, 0], "file"),
    ] {
        m.plain(10, name, args, 30);
        assert_eq!(m.fd(10, 30), expected, "{name}");
    }
    m.call(Call::new(10, "memfd_create", &[1, 1], 31).data(0, "jit\0"));
    m.call(Call::new(10, "mq_open", &[1, 0, 0, 0], 32).data(0, "/queue\0"));
    m.call(Call::new(10, "pipe2", &[1, 0], 0).data(0, [[33, 0, 0, 0], [34, 0, 0, 0]].concat()));
    assert_eq!((m.fd(10, 31).as_str(), m.fd(10, 32).as_str()), ("memfd jit", "mqueue /queue"));
    assert_eq!((m.fd(10, 33).as_str(), m.fd(10, 34).as_str()), ("pipe", "pipe"));
    // A bpf command that returns no descriptor, and a signalfd that was there before.
    m.plain(10, "bpf", &[2, 1, 72], 0);
    m.plain(10, "signalfd4", &[34, 1, 8, 0], 34);
    assert_eq!((m.fd(10, 0).as_str(), m.fd(10, 34).as_str()), ("", "pipe"));
    m.open(10, "/x", 0, 40);
    m.fork(10, 11, 11, 10, 0);
    m.plain(11, "pidfd_open", &[10, 0], 41);
    m.plain(11, "pidfd_getfd", &[41, 40, 0], 42);
    assert_eq!(m.fd(11, 42), "file /x");
}

#[test]
fn a_number_given_away_before_its_close_returns_stays_open() {
    let mut m = Machine::with_shell();
    m.fork(10, 12, 10, 1, FORK_SHARES_FILES);
    m.open(10, "/old", 0, 4);
    m.skip_time(1000);
    // One thread reads and one closes the number, while a third call is given it again and returns before both.
    m.open(10, "/new", 0, 4);
    m.call(Call::new(10, "read", &[4, 0x1000, 10], 10).by(12).took(500));
    assert_eq!(m.last(), "child:12 read = 10 file /old");
    m.call(Call::new(10, "close", &[4], 0).by(12).took(300));
    assert_eq!(m.last(), "child:12 close = 0 file /old");
    m.skip_time(1000);
    m.call(Call::new(10, "read", &[4, 0x1000, 10], 10).took(50));
    assert_eq!(m.last(), "bash:10 read = 10 file /new");
}

#[test]
fn only_a_close_that_reached_the_kernel_closes() {
    let mut m = Machine::with_shell();
    for (fd, error) in [(3, 0), (4, -4), (5, -5), (6, -1), (7, -38)] {
        m.open(10, &format!("/file-{fd}"), 0, fd);
        m.plain(10, "close", &[fd as u64], error);
    }
    assert_eq!([m.fd(10, 3), m.fd(10, 4), m.fd(10, 5)], ["", "", ""]);
    assert_eq!([m.fd(10, 6), m.fd(10, 7)], ["file /file-6", "file /file-7"]);
    // The kernel says so of a number that is open, too: a write to a file opened for reading.
    m.plain(10, "write", &[6, 0x1000, 5], -9);
    assert_eq!(m.last(), "bash:10 write = -9 file /file-6");
}
