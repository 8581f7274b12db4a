//! The command to record, held right before its exec until everything is ready for it.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

/// Why a command cannot be run; a shell tells the two apart by the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRunnable {
    NotFound,
    NotExecutable,
}

impl NotRunnable {
    /// The exit status that a shell gives for it.
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            NotRunnable::NotFound => 127,
            NotRunnable::NotExecutable => 126,
        })
    }
}

impl fmt::Display for NotRunnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotRunnable::NotFound => "command not found",
            NotRunnable::NotExecutable => "this is not an executable file",
        })
    }
}

/// Looks a command up as exec would, before anything is begun that a typing error should not undo.
pub(crate) fn look_up(program: &OsStr) -> Result<(), NotRunnable> {
    if program.is_empty() {
        return Err(NotRunnable::NotFound);
    }
    if program.as_bytes().contains(&b'/') {
        return runnable(Path::new(program));
    }
    // What execvp takes when there is no PATH.
    let path = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let mut answer = Err(NotRunnable::NotFound);
    for directory in env::split_paths(&path) {
        match runnable(&directory.join(program)) {
            Ok(()) => return Ok(()),
            Err(NotRunnable::NotExecutable) => answer = Err(NotRunnable::NotExecutable),
            Err(NotRunnable::NotFound) => {}
        }
    }
    answer
}

fn runnable(path: &Path) -> Result<(), NotRunnable> {
    let Ok(found) = fs::metadata(path) else { return Err(NotRunnable::NotFound) };
    let Ok(name) = CString::new(path.as_os_str().as_bytes()) else { return Err(NotRunnable::NotFound) };
    // SAFETY: reads a text that ends with a zero.
    let may_run = unsafe { libc::access(name.as_ptr(), libc::X_OK) } == 0;
    if found.is_file() && may_run { Ok(()) } else { Err(NotRunnable::NotExecutable) }
}

/// A command that was forked and waits to become its program.
pub(crate) struct Traced {
    pid: u32,
    /// A byte into this lets it go on.
    gate: Option<File>,
    /// Returns from `spawn`, which ends when the program runs or could not be run.
    spawner: Option<JoinHandle<io::Result<Child>>>,
    child: Option<Child>,
}

fn pipe() -> io::Result<(File, File)> {
    let mut ends = [0; 2];
    // SAFETY: fills two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: two new descriptors that nobody else owns.
    let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    Ok((File::from(read), File::from(write)))
}

impl Traced {
    /// Forks, and stops the child before its exec. When the capture goes to stdout the command must not write in
    /// between: its output goes to stderr then.
    pub(crate) fn start(words: &[OsString], stdout_is_capture: bool) -> Result<Self> {
        let (gate_read, gate) = pipe()?;
        let (mut pid_read, pid_write) = pipe()?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        // The child has this end too, and must give it up: it is told by the end of the pipe when we die.
        let gate_fd = gate.as_raw_fd();
        if stdout_is_capture {
            command.stdout(io::stderr());
        }
        let hold = move || {
            // SAFETY: getpid, close, read and write are safe between fork and exec; the descriptors are open in
            // the child, which uses none of them afterwards.
            unsafe {
                libc::close(gate_fd);
                let pid = (libc::getpid() as u32).to_ne_bytes();
                let mut go = 0u8;
                if libc::write(pid_write.as_raw_fd(), pid.as_ptr().cast(), pid.len()) != 4
                    || libc::read(gate_read.as_raw_fd(), (&raw mut go).cast(), 1) != 1
                {
                    return Err(io::Error::from_raw_os_error(libc::ECANCELED));
                }
            }
            Ok(())
        };
        // SAFETY: `hold` makes only calls that are safe between fork and exec.
        unsafe { command.pre_exec(hold) };
        let spawner = thread::spawn(move || command.spawn());
        let mut pid = [0; 4];
        if let Err(error) = pid_read.read_exact(&mut pid) {
            // The fork itself failed: `spawn` knows why.
            return Err(match spawner.join().expect("spawning does not panic") {
                Err(cause) => cause.into(),
                Ok(_) => error.into(),
            });
        }
        Ok(Traced { pid: u32::from_ne_bytes(pid), gate: Some(gate), spawner: Some(spawner), child: None })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Lets it become its program.
    pub(crate) fn release(&mut self) -> Result<()> {
        let Some(mut gate) = self.gate.take() else { return Ok(()) };
        gate.write_all(&[1]).context("the command is gone before it began")?;
        if let Some(spawner) = self.spawner.take() {
            self.child = Some(spawner.join().expect("spawning does not panic")?);
        }
        Ok(())
    }

    /// Waits for its end; gives its exit code as a shell would.
    pub(crate) fn wait(mut self) -> Result<ExitCode> {
        let Some(child) = &mut self.child else { return Ok(ExitCode::FAILURE) };
        Ok(code_of(child.wait().context("cannot wait for the command")?))
    }

    /// Leaves it to itself; gives its exit code if it has ended already.
    pub(crate) fn leave(mut self) -> Result<ExitCode> {
        let Some(child) = &mut self.child else { return Ok(ExitCode::FAILURE) };
        if let Some(status) = child.try_wait().context("cannot look after the command")? {
            return Ok(code_of(status));
        }
        eprintln!("sysreel-agent: the command goes on unrecorded, as process {}", self.pid);
        Ok(ExitCode::FAILURE)
    }
}

fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_looked_up_as_a_shell_does() {
        let check = |program: &str, answer| assert_eq!(look_up(OsStr::new(program)), answer, "{program}");
        check("sh", Ok(()));
        check("/bin/sh", Ok(()));
        check("no-such-command-here", Err(NotRunnable::NotFound));
        check("/no/such/command", Err(NotRunnable::NotFound));
        check("", Err(NotRunnable::NotFound));
        check("/etc/passwd", Err(NotRunnable::NotExecutable));
        check("/etc", Err(NotRunnable::NotExecutable));
    }
}
