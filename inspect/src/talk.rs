//! What is said to people: stderr, one line each, with the program's name.

use std::fmt::Arguments;
use std::io::Write;

use capture_format::Damage;

use crate::escape::escaped;

/// Says something on stderr. That nobody listens is no reason to stop.
pub(crate) fn say(message: Arguments<'_>) {
    // Messages have several lines at times. What they quote, names of files among it, was written by others.
    let message = message.to_string();
    let message: Vec<String> = message.split('\n').map(|line| escaped(line.as_bytes())).collect();
    // One write, so lines of several programs in a pipe do not mix.
    let _ = std::io::stderr().write_all(format!("sysreel: {}\n", message.join("\n")).as_bytes());
}

/// Names what is wrong with a capture.
pub(crate) fn say_damage(name: &str, damage: &Damage) {
    say(format_args!("{name}: {damage}"));
}
