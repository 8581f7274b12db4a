//! One line of a transcript.

use anyhow::{Context, Result, bail};

use super::errno;
use super::value::{self, Value};

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A call and how it ended.
    Call(Call),
    /// The end of a call that began in another thread's file.
    Resumed {
        /// How it ended.
        outcome: Outcome,
    },
    /// A signal was delivered; its number.
    Signal(i32),
    /// The thread ended.
    Ended,
}

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its name, or `syscall_0x1c4` where strace knows none.
    pub name: String,
    /// Its arguments, as far as strace prints them.
    pub arguments: Vec<Value>,
    /// What stands in parentheses behind the result: what `poll` and its like found, by the word in front.
    pub found: Vec<(String, Value)>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It returned this, -errno for errors, the kernel's own numbers (-512 ...) where it is to be restarted.
    Returned {
        /// The value.
        value: i64,
        /// What the returned descriptor is.
        descriptor: Option<Vec<u8>>,
    },
    /// It did not return, or the thread was killed before strace saw it return.
    Unknown,
    /// It will end in the file of this thread.
    Moved(u32),
}

/// Understands a line; `None` for remarks that stand for nothing of their own.
pub(super) fn parse(text: &str) -> Result<Option<Line>> {
    if let Some(remark) = text.strip_prefix("--- ") {
        return Ok(if remark.starts_with("stopped by ") {
            None
        } else {
            Some(Line::Signal(signal(remark)?))
        });
    }
    if text.starts_with("???(") {
        // The thread was killed before strace could ask which call it had made.
        return Ok(None);
    }
    if text.starts_with("+++ ") {
        return Ok(Some(Line::Ended));
    }
    if let Some(resumed) = text.strip_prefix("<... ") {
        let (_, end) = resumed.split_once("resumed>").context("no 'resumed>'")?;
        return Ok(Some(Line::Resumed { outcome: outcome(end.trim_start_matches(')'))? }));
    }
    call(text).map(|call| Some(Line::Call(call)))
}

/// The number in `SIGCHLD {si_signo=17, ...`.
fn signal(remark: &str) -> Result<i32> {
    let (_, after) = remark.split_once("si_signo=").context("a signal without si_signo")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().context("si_signo is no number")
}

fn call(text: &str) -> Result<Call> {
    let (name, rest) = text.split_once('(').context("no '('")?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        bail!("'{name}' is no call");
    }
    let (fields, end) = value::split_arguments(rest);
    let moved = fields.last().and_then(|last| last.rsplit_once(" <pid changed to "));
    let outcome = match moved {
        Some((_, to)) => {
            Outcome::Moved(to.trim_end_matches(" ...>").parse().context("no thread after 'changed to'")?)
        }
        // The thread was killed in the call, and strace wrote no end.
        None if end.is_empty() && fields.last().is_some_and(|last| last.ends_with("<unfinished ...>")) => {
            Outcome::Unknown
        }
        None => outcome(end)?,
    };
    let arguments =
        fields.iter().map(|field| Value::parse(field.split(" <unfinished").next().unwrap_or(field)));
    Ok(Call { name: name.to_owned(), arguments: arguments.collect(), found: found(end), outcome })
}

/// `([{fd=3, revents=0x1}], left {tv_sec=0, tv_nsec=5})`: values, by the words before them.
fn found(end: &str) -> Vec<(String, Value)> {
    let Some((_, remark)) = end.split_once(" (") else { return Vec::new() };
    let (fields, _) = value::split_arguments(remark);
    let parsed = fields.iter().map(|field| {
        let field = field.trim();
        let at = field.find(['[', '{']).unwrap_or(0);
        (field[..at].trim().to_owned(), Value::parse(&field[at..]))
    });
    parsed.collect()
}

/// The part after the arguments: `= 3</etc/passwd>`, `= -1 ENOENT (...)`, `= ? ERESTARTSYS (...)`, `= ?`.
fn outcome(end: &str) -> Result<Outcome> {
    let value = end.trim_start().strip_prefix('=').context("no '=' after the arguments")?.trim();
    if let Some(reason) = value.strip_prefix('?') {
        let name = reason.split_whitespace().next();
        return match name {
            None | Some("<unavailable>") => Ok(Outcome::Unknown),
            Some(name) => Ok(Outcome::Returned { value: -errno::number(name)?, descriptor: None }),
        };
    }
    if let Some(error) = value.strip_prefix("-1 ") {
        let number = match error.strip_prefix("(errno ") {
            Some(number) => number.trim_end_matches(')').parse().context("errno is no number")?,
            None => errno::number(error.split_whitespace().next().unwrap_or_default())?,
        };
        return Ok(Outcome::Returned { value: -number, descriptor: None });
    }
    match Value::parse(first_word(value)) {
        Value::Number(number) => Ok(Outcome::Returned { value: number.value as i64, descriptor: None }),
        Value::Descriptor(value, what) => {
            Ok(Outcome::Returned { value: value.into(), descriptor: Some(what) })
        }
        other => bail!("'{value}' is no result: {other:?}"),
    }
}

/// A result without the remark behind it, as in `2 ([{fd=3, revents=0x4}])`; names of descriptors hold spaces.
fn first_word(value: &str) -> &str {
    match value.find([' ', '<']) {
        Some(at) if value.as_bytes()[at] == b'<' => value,
        Some(at) => &value[..at],
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returned(value: i64) -> Outcome {
        Outcome::Returned { value, descriptor: None }
    }

    fn parsed(text: &str) -> Call {
        match parse(text).unwrap_or_else(|error| panic!("{text}: {error:#}")) {
            Some(Line::Call(call)) => call,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn results_are_those_of_the_kernel() {
        for (text, outcome) in [
            ("getpid()                                = 10393", returned(10393)),
            ("brk(NULL)                               = 0x55e5da75a000", returned(0x55e5_da75_a000)),
            ("access(\"/etc/x\", 0x4)       = -1 ENOENT (No such file or directory)", returned(-2)),
            ("ioctl(3, 0x1, 0) = -1 (errno 515)", returned(-515)),
            (
                "rt_sigsuspend([], 8)                    = ? ERESTARTNOHAND (To be restarted if no handler)",
                returned(-514),
            ),
            ("fcntl(50</tmp/x>, 0x3)          = 0x8002 (flags O_RDWR|O_LARGEFILE)", returned(0x8002)),
            ("ppoll([{fd=3}], 2, NULL, NULL, 8) = 2 ([{fd=3, revents=0x4}])", returned(2)),
            ("exit_group(0)                           = ?", Outcome::Unknown),
            ("ppoll(NULL, 0, NULL, NULL, 8 <unfinished ...>) = ?", Outcome::Unknown),
            ("ppoll(NULL, 0, NULL, NULL, 8 <unfinished ...>", Outcome::Unknown),
            ("execve(\"/proc/self/exe\", [\"a\"], NULL <pid changed to 15317 ...>", Outcome::Moved(15317)),
            (
                "dup(3</a b>)                  = 8</a b>",
                Outcome::Returned { value: 8, descriptor: Some(b"/a b".to_vec()) },
            ),
        ] {
            assert_eq!(parsed(text).outcome, outcome, "{text}");
        }
    }

    #[test]
    fn remarks_are_told_apart() {
        for (text, line) in [
            ("--- SIGCHLD {si_signo=17, si_code=0x1, si_pid=10394} ---", Some(Line::Signal(17))),
            ("--- stopped by SIGSTOP ---", None),
            ("+++ exited with 0 +++", Some(Line::Ended)),
            ("+++ killed by SIGABRT (core dumped) +++", Some(Line::Ended)),
            ("+++ superseded by execve in pid 15338 +++", Some(Line::Ended)),
            ("<... execve resumed>)                   = 0", Some(Line::Resumed { outcome: returned(0) })),
        ] {
            assert_eq!(parse(text).ok(), Some(line), "{text}");
        }
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        for text in
            ["", "nonsense", "open(", "open(\"x\")", "open(\"x\") = what", "access(\"x\") = -1 EWHAT (Eh)"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
