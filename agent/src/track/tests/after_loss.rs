//! Losses of what changes a process: uncertain until `/proc` was read, then as it says.

use wire::facts::FORK_SHARES_FS;

use super::fake_proc::FakeProc;
use super::machine::{Call, Machine, text};

/// A server with two open files, known from the start.
fn server(name: &str) -> (FakeProc, Machine) {
    let proc = FakeProc::new(name);
    proc.process(10, 1, "server");
    proc.fd(10, 3, "/var/log/a (deleted)", "01");
    proc.fd(10, 4, "/etc/shadow (deleted)", "00");
    let mut machine = Machine::with_proc(&proc.0);
    assert_eq!(machine.tracker.read_start_state(), []);
    (proc, machine)
}

#[test]
fn a_touched_process_is_uncertain_until_it_was_read_anew() {
    let (proc, mut m) = server("touched");
    assert!(!m.process(10).is_uncertain);
    // Number 4 was closed and 5 opened, of which no record came.
    m.tracker.lost_changes(&[10], false);
    proc.close(10, 4);
    proc.fd(10, 5, "/tmp/new (deleted)", "02000001");
    m.call(Call::new(10, "read", &[4, 0, 1], 1));
    assert!(m.process(10).is_uncertain);
    // Records from before the loss may still come.
    m.tracker.read_uncertain(1);
    assert!(m.process(10).is_uncertain);
    assert_eq!(m.fd(10, 4), "file /etc/shadow");
    m.tracker.read_uncertain(u64::MAX);
    m.set_time_to_now();
    assert!(!m.process(10).is_uncertain);
    assert_eq!([m.fd(10, 3), m.fd(10, 4), m.fd(10, 5)], ["file /var/log/a", "", "file /tmp/new"]);
    assert_eq!(text(&m.process(10).exe), "server");
}

#[test]
fn a_process_whose_end_was_lost_is_forgotten() {
    let (proc, mut m) = server("lost-end");
    std::fs::remove_dir_all(proc.0.join("10")).expect("it was there");
    m.tracker.lost_changes(&[10], false);
    m.tracker.read_uncertain(u64::MAX);
    // What it did last may still have to come.
    m.call(Call::new(10, "read", &[4, 0, 1], 1));
    assert_eq!(text(&m.process(10).exe), "server");
    m.set_time_to_now();
    m.pass(2_000_000_000);
    m.call(Call::new(10, "read", &[4, 0, 1], 1));
    assert_ne!(m.fd(10, 4), "file /etc/shadow");
}

#[test]
fn another_process_with_the_same_id_is_not_taken_for_it() {
    let (proc, mut m) = server("reused-id");
    let stat = "10 (other) S 1 10 10 34817 0 0 0 0 0 0 0 0 0 0 20 0 1 0 900 0 0\n";
    proc.write("10/stat", stat);
    m.tracker.lost_changes(&[10], false);
    m.tracker.read_uncertain(u64::MAX);
    m.set_time_to_now();
    m.pass(2_000_000_000);
    m.call(Call::new(10, "getppid", &[], 1));
    assert_eq!(m.process(10).start_ns, 9_000_000_000);
}

#[test]
fn a_shared_working_directory_is_read_anew_for_all_that_share_it() {
    let (proc, mut m) = server("shared-folder");
    proc.process(11, 10, "helper");
    m.fork(10, 11, 11, 10, FORK_SHARES_FS);
    let mut reread = |own: &str, others: &str| {
        for (pid, folder) in [(10, own), (11, others)] {
            std::fs::remove_file(proc.0.join(format!("{pid}/cwd"))).expect("it is there");
            proc.link(&format!("{pid}/cwd"), folder);
        }
        m.tracker.lost_changes(&[10], false);
        // No sooner than the last look allows.
        while m.process(10).is_uncertain {
            m.tracker.read_uncertain(u64::MAX);
        }
        m.call(Call::new(10, "chdir", &[1], 0).data(0, "a\0"));
        [10, 11].map(|pid| text(&m.process(pid).cwd))
    };
    assert_eq!(reread("/var", "/var"), ["/var/a", "/var/a"]);
    // What was lost this time was the end of sharing.
    assert_eq!(reread("/opt", "/var/a"), ["/opt/a", "/var/a"]);
}

#[test]
fn when_it_may_have_been_anybody_all_are_read() {
    let (proc, mut m) = server("anybody");
    proc.process(20, 1, "other");
    m.call(Call::new(20, "getppid", &[], 1));
    m.tracker.lost_changes(&[7], true);
    assert!(m.process(10).is_uncertain && m.process(20).is_uncertain);
    // One at a time, with a pause that a test need not wait out.
    m.tracker.read_uncertain(u64::MAX);
    m.set_time_to_now();
    assert_ne!(m.process(10).is_uncertain, m.process(20).is_uncertain);
}
