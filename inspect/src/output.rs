//! Where data goes: stdout, with a closed pipe told apart from a failure.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use anyhow::{Context, Result};

/// Whoever read our output has had enough: not a failure.
#[derive(Debug)]
pub(crate) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of the output closed its end")
    }
}

impl std::error::Error for Closed {}

/// Stdout as a bare descriptor: what is written here comes in whole blocks, and the standard library's stdout
/// would look for line ends in all of it.
pub(crate) struct Output {
    file: File,
}

impl Output {
    /// Standard output.
    pub(crate) fn stdout() -> Result<Output> {
        let owned = io::stdout().as_fd().try_clone_to_owned().context("standard output is closed")?;
        Ok(Output { file: File::from(owned) })
    }

    /// Writes all of it, at once.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.file.write_all(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Closed.into()),
            other => other.context("writing to standard output"),
        }
    }
}
