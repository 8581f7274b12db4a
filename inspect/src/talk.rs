//! What is said to people: stderr, one line each, with the program's name.

use std::fmt::Arguments;
use std::io::Write;

use capture_format::Damage;

/// Says something on stderr. That nobody listens is no reason to stop.
pub(crate) fn say(message: Arguments<'_>) {
    // One write per line, so lines of several programs in a pipe do not mix.
    let _ = std::io::stderr().write_all(format!("sysreel: {message}\n").as_bytes());
}

/// Names what is wrong with a capture.
pub(crate) fn say_damage(name: &str, damage: &Damage) {
    say(format_args!("{name}: {damage}"));
}
