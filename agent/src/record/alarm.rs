//! Attempts on the recording, said on stderr at once: whoever watches the agent need not read the capture to learn of them.
//!
//! Somebody may make any number of them, so only so many are said in a while, and how many more there were. What the agent
//! finds changed by looking is counted apart: attempts that fail must not hide one that did not. Start at [`Alarm::raise`].

use std::fmt::Write;
use std::time::{Duration, Instant};

use query::write_escaped;
use sysreel_agent::track::Deed;

/// Attempts by calls that are said within [`WINDOW`], and as many findings.
const SAID_MAX: usize = 8;
const WINDOW: Duration = Duration::from_secs(10);

/// One order may come as several calls: who ends a process with its group sends each the signal.
const ONE_ORDER_NS: u64 = 1_000_000_000;

/// What is to be said of an attempt or an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    /// It is about an order: somebody has told the agent what to do, and it does.
    pub(super) is_order: bool,
}

/// What was said, and what was not.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    last_order: Option<Deed>,
    since: Option<Instant>,
    said_orders: usize,
    said_calls: usize,
    said_findings: usize,
    unsaid: u64,
    total: u64,
}

impl Alarm {
    /// Lines to say of an attempt.
    pub(super) fn raise(&mut self, deed: &Deed, now: Instant) -> Vec<Line> {
        let is_order = is_order(deed);
        let mut lines = Vec::new();
        if is_order {
            let is_known = self.last_order.as_ref().is_some_and(|last| is_same_order(last, deed));
            self.last_order = Some(deed.clone());
            if is_known {
                return lines;
            }
        }
        self.total += u64::from(!is_order);
        if self.since.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            lines.extend(self.rest());
            self.since = Some(now);
            (self.said_orders, self.said_calls, self.said_findings) = (0, 0, 0);
        }
        let said = match deed.call.is_empty() {
            _ if is_order => &mut self.said_orders,
            true => &mut self.said_findings,
            false => &mut self.said_calls,
        };
        if *said < SAID_MAX {
            *said += 1;
            lines.push(Line { text: describe(deed), is_order: is_order && deed.result >= 0 });
        } else {
            self.unsaid += u64::from(!is_order);
        }
        lines
    }

    /// A line about attempts that were not said.
    pub(super) fn rest(&mut self) -> Option<Line> {
        let unsaid = std::mem::take(&mut self.unsaid);
        let text = || format!("tampering: {unsaid} more attempts on this recording");
        (unsaid > 0).then(|| Line { text: text(), is_order: false })
    }

    /// How many there were.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

/// Whether the agent was only told what to do: an event like the others, for who ended a recording is worth knowing, but
/// nothing to be alarmed at.
fn is_order(deed: &Deed) -> bool {
    // Service managers send SIGCONT along with the one that ends, and it stops nobody.
    let orders = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGCONT];
    deed.how == "signalled" && orders.contains(&(deed.signal as i32))
}

fn is_same_order(last: &Deed, deed: &Deed) -> bool {
    let what = |deed: &Deed| (deed.signal, deed.pid, deed.result);
    what(last) == what(deed) && deed.time_ns.saturating_sub(last.time_ns) < ONE_ORDER_NS
}

fn describe(deed: &Deed) -> String {
    // Writing to a String does not fail.
    let mut line = if is_order(deed) {
        format!("signal {}", deed.signal)
    } else {
        let line = format!("tampering: {} {}", deed.how, escaped(&deed.object));
        if deed.signal == 0 { line } else { format!("{line} with signal {}", deed.signal) }
    };
    if deed.pid != 0 {
        let _ = write!(line, " by {} (process {}, {})", escaped(&deed.comm), deed.pid, deed.call);
    }
    if deed.result < 0 {
        let error = std::io::Error::from_raw_os_error(deed.result.unsigned_abs() as i32);
        let _ = write!(line, ", which failed: {error}");
    }
    line
}

/// What others have called something, for a terminal.
pub(super) fn escaped(text: &[u8]) -> String {
    let mut shown = Vec::new();
    write_escaped(&mut shown, text);
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed() -> Deed {
        Deed {
            time_ns: 1,
            how: "signalled",
            object: b"agent".to_vec(),
            id: 7,
            signal: 9,
            call: "kill".to_owned(),
            result: -1,
            comm: b"e\x1b[2Jvil".to_vec(),
            pid: 12,
        }
    }

    #[test]
    fn who_did_what_is_said_without_control_characters() {
        let lines = Alarm::default().raise(&deed(), Instant::now());
        let [Line { text: line, is_order: false }] = &lines[..] else { panic!("{lines:?}") };
        assert!(line.starts_with("tampering: signalled agent with signal 9 by e"), "{line}");
        assert!(line.contains("(process 12, kill), which failed: Operation not permitted"), "{line}");
        assert!(!line.contains('\x1b'), "{line}");
    }

    #[test]
    fn an_order_is_no_attempt() {
        let mut alarm = Alarm::default();
        let order = Deed { signal: 15, result: 0, comm: b"systemd".to_vec(), pid: 1, ..deed() };
        let text = "signal 15 by systemd (process 1, kill)".to_owned();
        assert_eq!(alarm.raise(&order, Instant::now()), [Line { text, is_order: true }]);
        assert_eq!(alarm.total(), 0);
    }

    #[test]
    fn an_order_that_comes_as_several_calls_is_said_once() {
        let mut alarm = Alarm::default();
        let now = Instant::now();
        let order = |signal, pid, time_ns| Deed { signal, pid, time_ns, result: 0, ..deed() };
        let said = [
            (order(2, 5, 10), 1),
            (order(2, 5, 11), 0),
            (order(18, 5, 12), 1),
            (order(18, 5, 13), 0),
            (order(2, 6, 14), 1),
            (order(2, 6, 14 + ONE_ORDER_NS), 1),
        ];
        for (deed, lines) in said {
            assert_eq!(alarm.raise(&deed, now).len(), lines, "{deed:?}");
        }
        assert_eq!(alarm.total(), 0);
    }

    #[test]
    fn orders_leave_room_for_attempts() {
        let (mut alarm, now) = (Alarm::default(), Instant::now());
        let orders = (0..100).map(|pid| Deed { signal: 18, pid, result: 0, ..deed() });
        let said: usize = orders.map(|order| alarm.raise(&order, now).len()).sum();
        assert_eq!((said, alarm.total()), (SAID_MAX, 0));
        assert_eq!(alarm.raise(&deed(), now).len(), 1);
    }

    #[test]
    fn an_order_that_did_not_reach_us_is_none_to_keep_quiet_about() {
        let order = Deed { signal: 15, result: -1, ..deed() };
        let lines = Alarm::default().raise(&order, Instant::now());
        assert!(matches!(&lines[..], [Line { is_order: false, .. }]), "{lines:?}");
    }

    #[test]
    fn a_flood_is_counted() {
        let mut alarm = Alarm::default();
        let now = Instant::now();
        let said: usize = (0..100).map(|_| alarm.raise(&deed(), now).len()).sum();
        assert_eq!((said, alarm.total()), (SAID_MAX, 100));
        let finding =
            Deed { how: "map_changed", signal: 0, call: String::new(), pid: 0, result: 0, ..deed() };
        assert_eq!(alarm.raise(&finding, now)[0].text, "tampering: map_changed agent");
        let later = alarm.raise(&deed(), now + WINDOW);
        assert_eq!(later.len(), 2);
        assert_eq!(later[0].text, "tampering: 92 more attempts on this recording");
        assert_eq!(alarm.rest(), None);
    }
}
