//! Times as text.

use super::number::{write_padded, write_uint};

const NS_PER_S: u64 = 1_000_000_000;

/// How a time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// `22:13:20.001000000`
    TimeNs,
    /// `22:13:20`
    Time,
    /// `2023-11-14 22:13:20.001000000`
    DateTimeNs,
    /// `2023-11-14 22:13:20`
    DateTime,
    /// `2023-11-14T22:13:20.001000000+0000`, always UTC
    Iso8601,
}

/// A time in ns since the epoch, for a zone in seconds east of UTC.
pub fn write_clock(out: &mut Vec<u8>, wall_ns: u64, zone_offset_s: i32, style: Clock) {
    let zone = if style == Clock::Iso8601 { 0 } else { i64::from(zone_offset_s) };
    // Seconds of 64-bit ns fit i64 with room for any zone.
    let seconds = (wall_ns / NS_PER_S) as i64 + zone;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u64);
    if !matches!(style, Clock::TimeNs | Clock::Time) {
        let (year, month, day) = civil(days);
        write_padded(out, year, 4);
        out.push(b'-');
        write_padded(out, month, 2);
        out.push(b'-');
        write_padded(out, day, 2);
        out.push(if style == Clock::Iso8601 { b'T' } else { b' ' });
    }
    write_padded(out, second / 3600, 2);
    out.push(b':');
    write_padded(out, second / 60 % 60, 2);
    out.push(b':');
    write_padded(out, second % 60, 2);
    if !matches!(style, Clock::Time | Clock::DateTime) {
        out.push(b'.');
        write_padded(out, wall_ns % NS_PER_S, 9);
    }
    if style == Clock::Iso8601 {
        out.extend_from_slice(b"+0000");
    }
}

/// Year, month and day of a day since 1970-01-01 (within 1969 to 2554, the range of 64-bit ns and a zone).
fn civil(days: i64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that the leap day is the last of its year.
    let day = (days + 719_468) as u64;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + u64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day_of_month)
}

/// A duration with its unit: `950ns`, `1.5ms`, `2m3s`.
pub fn write_span(out: &mut Vec<u8>, ns: u64) {
    const UNITS: [(u64, &[u8]); 3] = [(NS_PER_S, b"s"), (1_000_000, b"ms"), (1_000, b"us")];
    if ns >= 60 * NS_PER_S {
        let seconds = ns / NS_PER_S;
        let parts = [(seconds / 86_400, b'd'), (seconds / 3600 % 24, b'h'), (seconds / 60 % 60, b'm')];
        for (value, unit) in parts.into_iter().skip_while(|&(value, _)| value == 0) {
            write_uint(out, value);
            out.push(unit);
        }
        write_uint(out, seconds % 60);
        out.push(b's');
        return;
    }
    let Some(&(unit_ns, unit)) = UNITS.iter().find(|(unit_ns, _)| ns >= *unit_ns) else {
        write_uint(out, ns);
        out.extend_from_slice(b"ns");
        return;
    };
    write_uint(out, ns / unit_ns);
    // Three decimals at most, without zeros at the end.
    let thousandths = ns % unit_ns / (unit_ns / 1_000);
    if thousandths != 0 {
        out.push(b'.');
        write_padded(out, thousandths, 3);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.extend_from_slice(unit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wall_ns: u64, zone: i32, style: Clock, expected: &str) {
        let mut out = Vec::new();
        write_clock(&mut out, wall_ns, zone, style);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn clock_times() {
        let ns = 1_533_943_853_000_939_056;
        check(ns, 0, Clock::Iso8601, "2018-08-10T23:30:53.000939056+0000");
        check(ns, 7200, Clock::Iso8601, "2018-08-10T23:30:53.000939056+0000");
        check(ns, 7200, Clock::DateTimeNs, "2018-08-11 01:30:53.000939056");
        check(ns, -3600, Clock::TimeNs, "22:30:53.000939056");
        check(ns, 0, Clock::Time, "23:30:53");
        check(0, -1, Clock::DateTime, "1969-12-31 23:59:59");
        check(951_782_400 * NS_PER_S, 0, Clock::DateTime, "2000-02-29 00:00:00");
        check(4_107_542_400 * NS_PER_S, 0, Clock::DateTime, "2100-03-01 00:00:00");
        check(u64::MAX, i32::MAX, Clock::Time, "02:48:40");
    }

    #[test]
    fn durations() {
        for (ns, expected) in [
            (0, "0ns"),
            (950, "950ns"),
            (1_500, "1.5us"),
            (2_000_000, "2ms"),
            (1_500_000_000, "1.5s"),
            (59_999_999_999, "59.999s"),
            (61_000_000_000, "1m1s"),
            (90_061_000_000_000, "1d1h1m1s"),
        ] {
            let mut out = Vec::new();
            write_span(&mut out, ns);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
