//! Wall clock times as text.

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

/// Wall time of a moment on the boot clock, in ns since 1970.
pub(crate) fn wall_ns(boot_ns: u64, epoch_offset_ns: i64) -> i64 {
    // Boot clocks stay below 2^63 for 292 years; what does not was made up, and any time will do for it.
    i64::try_from(boot_ns).unwrap_or(i64::MAX).saturating_add(epoch_offset_ns)
}

/// `05:46:01.123456789`.
pub(crate) fn time_of_day(wall_ns: i64, zone_offset_s: i32) -> String {
    let (seconds, nanos) = local(wall_ns, zone_offset_s);
    let day = seconds.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}.{nanos:09}", day / 3600, day / 60 % 60, day % 60)
}

/// `2026-11-21 05:46:01.123456789 +0000`.
pub(crate) fn date_time(wall_ns: i64, zone_offset_s: i32) -> String {
    let (seconds, _) = local(wall_ns, zone_offset_s);
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let sign = if zone_offset_s < 0 { '-' } else { '+' };
    let zone = zone_offset_s.unsigned_abs() / 60;
    let time = time_of_day(wall_ns, zone_offset_s);
    format!("{year:04}-{month:02}-{day:02} {time} {sign}{:02}{:02}", zone / 60, zone % 60)
}

/// A file name with the time in place of `%Y %m %d %H %M %S %s %F %T %%`, as in strftime(3); others stay.
pub(crate) fn expand(pattern: &str, wall_ns: i64, zone_offset_s: i32) -> String {
    let (seconds, _) = local(wall_ns, zone_offset_s);
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let mut expanded = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            expanded.push(character);
            continue;
        }
        expanded.push_str(&match characters.next() {
            Some('Y') => format!("{year:04}"),
            Some('m') => format!("{month:02}"),
            Some('d') => format!("{day:02}"),
            Some('H') => format!("{hour:02}"),
            Some('M') => format!("{minute:02}"),
            Some('S') => format!("{second:02}"),
            Some('s') => wall_ns.div_euclid(SECOND).to_string(),
            Some('F') => format!("{year:04}-{month:02}-{day:02}"),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('%') => "%".to_owned(),
            Some(other) => format!("%{other}"),
            None => "%".to_owned(),
        });
    }
    expanded
}

/// `1.5 s`, `20 us`: about as much as a person wants to know.
pub(crate) fn span(ns: u64) -> String {
    let seconds = ns as f64 / SECOND as f64;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.3} us", seconds * 1e6),
        1_000_000..1_000_000_000 => format!("{:.3} ms", seconds * 1e3),
        _ => format!("{seconds:.3} s"),
    }
}

fn local(wall_ns: i64, zone_offset_s: i32) -> (i64, i64) {
    (wall_ns.div_euclid(SECOND) + i64::from(zone_offset_s), wall_ns.rem_euclid(SECOND))
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that the leap day is the last of a
/// year; 400 of them have 146,097 days.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let check = |seconds: i64, zone, text: &str| {
            assert_eq!(date_time(seconds * SECOND + 5, zone), text);
        };
        check(0, 0, "1970-01-01 00:00:00.000000005 +0000");
        check(951_782_400, 0, "2000-02-29 00:00:00.000000005 +0000");
        check(4_107_542_399, 0, "2100-02-28 23:59:59.000000005 +0000");
        check(4_107_542_400, 0, "2100-03-01 00:00:00.000000005 +0000");
        check(1_534_000_000, -12_600, "2018-08-11 11:36:40.000000005 -0330");
        check(1_767_225_599, 3_600, "2026-01-01 00:59:59.000000005 +0100");
    }

    #[test]
    fn hostile_times_do_not_overflow() {
        for boot in [0, u64::MAX, 1 << 63] {
            for offset in [i64::MIN, 0, i64::MAX] {
                for zone in [i32::MIN, 0, i32::MAX] {
                    let _ = date_time(wall_ns(boot, offset), zone);
                }
            }
        }
    }

    #[test]
    fn names_take_the_time() {
        let check = |pattern, name: &str| assert_eq!(expand(pattern, 1_534_000_000 * SECOND, 0), name);
        check("%F_%T.reel", "2018-08-11_15:06:40.reel");
        check("%Y%m%d-%H%M%S-%s", "20180811-150640-1534000000");
        check("100%%-%q-%", "100%-%q-%");
    }

    #[test]
    fn spans_are_readable() {
        assert_eq!(span(999), "999 ns");
        assert_eq!(span(1_500), "1.500 us");
        assert_eq!(span(30_000_000_000), "30.000 s");
    }
}
