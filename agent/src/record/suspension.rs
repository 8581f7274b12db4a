//! Suspensions of the machine: the boot clock goes on, another one stands still.
//!
//! Nobody tells a process that it was not running. That the difference of the two clocks has grown does, with how
//! long. When it was is not known as exactly; but nothing of ours happened meanwhile. So the middle between the last look before
//! and the first after is within the suspension, as long as neither is further away from it than it took, and a mark at
//! that time stands between the events before and those after. Where the kernel has no clock that goes on
//! (it then adds nothing to the boot clock), there is nothing to be seen.

use capture_format::model::Mark;

use crate::clock::boot_and_suspended_ns;

/// What is known grows a little whenever a look is disturbed less than those before; this is more.
const LEAST_NS: u64 = 10_000_000;
/// Of as many looks, the one that was disturbed least counts.
const LOOKS: usize = 5;

/// Finds them, if it is asked often.
#[derive(Debug)]
pub(super) struct Suspensions {
    /// How long the machine was suspended since it was started, as far as known.
    known_ns: u64,
    looked_ns: u64,
}

impl Suspensions {
    /// Those from now on.
    pub(super) fn new() -> Self {
        let (looked_ns, _) = boot_and_suspended_ns();
        Suspensions { known_ns: exact_ns(), looked_ns }
    }

    /// What there is to say of one since the last look.
    pub(super) fn look(&mut self) -> Option<Mark> {
        let (now_ns, suspended_ns) = boot_and_suspended_ns();
        self.step(now_ns, suspended_ns, exact_ns)
    }

    fn step(&mut self, now_ns: u64, suspended_ns: u64, exact_ns: impl FnOnce() -> u64) -> Option<Mark> {
        let before_ns = std::mem::replace(&mut self.looked_ns, now_ns);
        if suspended_ns < self.known_ns.saturating_add(LEAST_NS) {
            return None;
        }
        let lasted_ns = exact_ns().max(suspended_ns) - self.known_ns;
        self.known_ns += lasted_ns;
        Some(Mark::suspend(before_ns.midpoint(now_ns), lasted_ns))
    }
}

/// How long the machine was suspended since it was started.
fn exact_ns() -> u64 {
    (0..LOOKS).map(|_| boot_and_suspended_ns().1).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_that_grows_is_a_suspension_between_two_looks() {
        let mut suspensions = Suspensions { known_ns: 7_000_000_000, looked_ns: 100_000_000_000 };
        // Something came between the looks at the clocks, once in either.
        assert_eq!(suspensions.step(100_010_000_000, 6_990_000_000, || unreachable!()), None);
        assert_eq!(suspensions.step(100_020_000_000, 7_000_000_100, || unreachable!()), None);
        let mark = suspensions.step(102_040_000_000, 8_999_000_000, || 9_000_000_000);
        assert_eq!(mark, Some(Mark::suspend(101_030_000_000, 2_000_000_000)));
        assert_eq!(mark.unwrap().text, b"2.000000000 s");
        assert_eq!(suspensions.step(102_041_000_000, 9_000_000_000, || unreachable!()), None);
        // A longer one, of which the exact look says less.
        let mark = suspensions.step(202_041_000_000, 99_500_000_000, || 99_000_000_000);
        assert_eq!(mark, Some(Mark::suspend(152_041_000_000, 90_500_000_000)));
    }

    #[test]
    fn the_machine_is_awake_between_two_looks() {
        assert_eq!(Suspensions::new().look(), None);
    }
}
