//! What `strace` saw: the other witness of a live test.
//!
//! It runs with `-ff`, so each thread has a file of its own and no line is torn by another thread, and with
//! [`OPTIONS`], which make it print numbers and what they mean. [`Transcript::read`] takes the files in; the lines are
//! understood in `line`, their arguments in `value`. Start at [`Transcript`].

mod errno;
mod line;
mod value;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

pub use line::{Call, Line, Outcome};
pub use value::{Number, Value};

/// Options that make the transcript exact: whole structures, constants as numbers with their names, 80 bytes of strings as we keep by
/// default, and what each descriptor is.
pub const OPTIONS: &[&str] = &["-ff", "-yy", "-v", "-s", "80", "-X", "verbose"];

/// One thing a thread did, and the line that says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What.
    pub line: Line,
    /// As printed.
    pub text: String,
}

/// Everything `strace` saw, by thread, in order.
#[derive(Debug, Default)]
pub struct Transcript {
    /// By thread id.
    pub threads: BTreeMap<u32, Vec<Entry>>,
}

impl Transcript {
    /// Reads the files `PREFIX.TID`.
    pub fn read(prefix: &Path) -> Result<Transcript> {
        let directory = prefix.parent().context("the prefix has no directory")?;
        let stem = prefix.file_name().and_then(|name| name.to_str()).context("the prefix is no name")?;
        let mut transcript = Transcript::default();
        for file in std::fs::read_dir(directory)? {
            let path = file?.path();
            let tid = path
                .file_name()
                .and_then(|name| name.to_str()?.strip_prefix(stem)?.strip_prefix('.')?.parse().ok());
            if let Some(tid) = tid {
                // strace escapes what is not ASCII, so a line that is not UTF-8 would be a fault worth failing for.
                let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                transcript.add(tid, &text)?;
            }
        }
        if transcript.threads.is_empty() {
            bail!("strace left no transcript at {}.*", prefix.display());
        }
        transcript.join_execs()?;
        Ok(transcript)
    }

    /// Adds a thread's file.
    pub(crate) fn add(&mut self, tid: u32, text: &str) -> Result<()> {
        let mut entries = Vec::new();
        for text in text.lines() {
            if let Some(line) =
                line::parse(text).with_context(|| format!("strace of thread {tid}: {text}"))?
            {
                entries.push(Entry { line, text: text.to_owned() });
            }
        }
        self.threads.insert(tid, entries);
        Ok(())
    }

    /// A thread that calls exec and is not the first of its process takes that one's number while the call
    /// runs: the call begins in its own file and ends in the other's. This puts the whole call into the latter.
    fn join_execs(&mut self) -> Result<()> {
        let moved: Vec<(u32, u32)> = self
            .threads
            .iter()
            .filter_map(|(&tid, entries)| match &entries.last()?.line {
                Line::Call(Call { outcome: Outcome::Moved(to), .. }) => Some((tid, *to)),
                _ => None,
            })
            .collect();
        for (from, to) in moved {
            let begun = self.threads.get_mut(&from).and_then(Vec::pop);
            let ended = self.threads.get_mut(&to).and_then(|entries| {
                entries.iter_mut().find(|entry| matches!(&entry.line, Line::Resumed { .. }))
            });
            let (Some(begun), Some(ended)) = (begun, ended) else {
                bail!("thread {from} became {to}, where nothing was resumed");
            };
            if let (Line::Call(call), Line::Resumed { outcome }) = (begun.line, &ended.line) {
                ended.line = Line::Call(Call { outcome: outcome.clone(), ..call });
                ended.text = format!("{} {}", begun.text, ended.text);
            }
        }
        Ok(())
    }

    /// All calls, of all threads.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.threads.values().flatten().filter_map(|entry| match &entry.line {
            Line::Call(call) => Some(call),
            _ => None,
        })
    }
}
