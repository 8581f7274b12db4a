//! What we saw: events as `sysreel read -j` prints them.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// Arguments a system call can have.
const ARGUMENTS: usize = 6;

/// Fields that are printed for every event, arguments aside.
const FIELDS: &[&str] = &[
    "evt.num",
    "evt.type",
    "evt.rawres",
    "evt.abi",
    "evt.args",
    "thread.tid",
    "proc.pid",
    "proc.ppid",
    "proc.name",
    "proc.exepath",
    "proc.args",
    "fd.num",
    "fd.name",
    "fd.typechar",
    "fd.ino",
];

/// An event.
#[derive(Clone, Debug)]
pub struct Event(Map<String, Value>);

/// The `-p` format that prints what the tests look at.
pub fn format() -> String {
    let mut format = String::from("*");
    for field in FIELDS {
        format.push_str(&format!("%{field} "));
    }
    // The result comes first where there is one, so there may be one more.
    for index in 0..=ARGUMENTS {
        format.push_str(&format!("%evt.rawarg[{index}] %evt.arg[{index}] "));
    }
    format
}

/// Reads the lines.
pub fn parse(output: &[u8]) -> Result<Vec<Event>> {
    let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| match serde_json::from_slice(line) {
            Ok(Value::Object(fields)) => Ok(Event(fields)),
            Ok(other) => bail!("not an object: {other}"),
            Err(error) => Err(error).with_context(|| String::from_utf8_lossy(line).into_owned()),
        })
        .collect()
}

impl Event {
    /// A field, unless it is missing.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text field, empty when missing.
    pub fn text(&self, name: &str) -> &str {
        self.field(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.field(name).and_then(Value::as_i64)
    }

    /// Name of the call.
    pub fn name(&self) -> &str {
        self.text("evt.type")
    }

    /// Thread it happened in.
    pub fn tid(&self) -> u32 {
        self.number("thread.tid").and_then(|tid| tid.try_into().ok()).unwrap_or(0)
    }

    /// Its result.
    pub fn result(&self) -> Option<i64> {
        self.number("evt.rawres")
    }

    /// An argument in its own type.
    pub fn argument(&self, index: usize) -> Option<&Value> {
        self.field(&format!("evt.rawarg[{}]", self.shifted(index)))
    }

    /// An argument as text.
    pub fn argument_text(&self, index: usize) -> &str {
        self.text(&format!("evt.arg[{}]", self.shifted(index)))
    }

    /// In brackets, the result comes before the arguments where there is one.
    fn shifted(&self, index: usize) -> usize {
        if self.result().is_some() { index + 1 } else { index }
    }

    /// The event in one line, for a person.
    pub fn summary(&self) -> String {
        let arguments: Vec<&str> = (0..ARGUMENTS).map(|index| self.argument_text(index)).collect();
        let result = self.result().map_or("none".to_owned(), |result| result.to_string());
        let about = self.text("fd.name");
        format!(
            "#{} {}({}) = {result} fd={about}",
            self.number("evt.num").unwrap_or(0),
            self.name(),
            arguments.join(", ").trim_end_matches([',', ' '])
        )
    }
}
