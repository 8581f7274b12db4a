//! Times for messages, tables and file names; `query` knows how each is written.

use query::{Clock, write_clock, write_span};

/// Wall time of a moment on the boot clock, in ns since 1970.
pub(crate) fn wall_ns(boot_ns: u64, epoch_offset_ns: i64) -> u64 {
    boot_ns.saturating_add_signed(epoch_offset_ns)
}

/// `05:46:01.123456789`.
pub(crate) fn time_of_day(wall_ns: u64, zone_offset_s: i32) -> String {
    written(|out| write_clock(out, wall_ns, zone_offset_s, Clock::TimeNs))
}

/// `2026-11-21 05:46:01.123456789 +0000`.
pub(crate) fn date_time(wall_ns: u64, zone_offset_s: i32) -> String {
    let sign = if zone_offset_s < 0 { '-' } else { '+' };
    let zone = zone_offset_s.unsigned_abs() / 60;
    let time = written(|out| write_clock(out, wall_ns, zone_offset_s, Clock::DateTimeNs));
    format!("{time} {sign}{:02}{:02}", zone / 60, zone % 60)
}

/// `1.5s`, `20us`: about as much as a person wants to know.
pub(crate) fn span(ns: u64) -> String {
    written(|out| write_span(out, ns))
}

/// A file name with the time in place of `%Y %m %d %H %M %S %s %F %T %%`, as in strftime(3); others stay.
pub(crate) fn expand(pattern: &str, wall_ns: u64, zone_offset_s: i32) -> String {
    // 2026-11-21 05:46:01
    let time = written(|out| write_clock(out, wall_ns, zone_offset_s, Clock::DateTime));
    let seconds = (wall_ns / 1_000_000_000).to_string();
    let mut expanded = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            expanded.push(character);
            continue;
        }
        match characters.next() {
            Some('Y') => expanded.push_str(&time[..4]),
            Some('m') => expanded.push_str(&time[5..7]),
            Some('d') => expanded.push_str(&time[8..10]),
            Some('H') => expanded.push_str(&time[11..13]),
            Some('M') => expanded.push_str(&time[14..16]),
            Some('S') => expanded.push_str(&time[17..19]),
            Some('F') => expanded.push_str(&time[..10]),
            Some('T') => expanded.push_str(&time[11..]),
            Some('s') => expanded.push_str(&seconds),
            Some('%') | None => expanded.push('%'),
            Some(other) => expanded.extend(['%', other]),
        }
    }
    expanded
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_carry_their_zone() {
        let check = |seconds: u64, zone, text: &str| {
            assert_eq!(date_time(seconds * 1_000_000_000 + 5, zone), text);
        };
        check(1_534_000_000, -12_600, "2018-08-11 11:36:40.000000005 -0330");
        check(1_767_225_599, 3_600, "2026-01-01 00:59:59.000000005 +0100");
    }

    #[test]
    fn hostile_times_do_not_overflow() {
        for boot in [0, u64::MAX, 1 << 63] {
            for offset in [i64::MIN, 0, i64::MAX] {
                for zone in [i32::MIN, 0, i32::MAX] {
                    let wall = wall_ns(boot, offset);
                    let _ = (date_time(wall, zone), expand("%F %T", wall, zone));
                }
            }
        }
    }

    #[test]
    fn names_take_the_time() {
        let check = |pattern, name: &str| assert_eq!(expand(pattern, 1_534_000_000_000_000_000, 0), name);
        check("%F_%T.reel", "2018-08-11_15:06:40.reel");
        check("%Y%m%d-%H%M%S-%s", "20180811-150640-1534000000");
        check("100%%-%q-%", "100%-%q-%");
    }
}
