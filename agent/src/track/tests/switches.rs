//! Threads that leave a CPU and come back on one.

use super::machine::Machine;

#[test]
fn a_thread_was_away_from_its_leaving_to_its_coming_back() {
    let mut m = Machine::that_records("off_cpu");
    m.switch(1, (10, 5), (0, 0));
    m.skip_time(998);
    m.switch(0, (0, 0), (10, 5));
    assert_eq!(m.lines(), "bash:10 off_cpu [Int(1), Int(0), Int(0)] Some(999)");
    // It comes back a second time without having been seen to leave.
    m.switch(0, (0, 0), (10, 6));
    assert_eq!(m.lines(), "");
}

#[test]
fn a_stay_on_a_cpu_that_was_lost_is_no_time_away() {
    let mut m = Machine::that_records("off_cpu");
    m.switch(1, (10, 5), (0, 0));
    // Lost: it came back and left again.
    m.switch(0, (0, 0), (10, 6));
    assert_eq!(m.lines(), "");
}

#[test]
fn who_leaves_is_told_only_where_that_is_asked_for() {
    let mut m = Machine::that_records("sched_switch");
    m.switch(1, (10, 5), (0, 0));
    m.switch(0, (0, 0), (10, 5));
    assert_eq!(m.lines(), "bash:10 sched_switch");
}
