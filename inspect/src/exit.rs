//! Exit codes: the one place that knows them. The manual in `--help` is checked against this list.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All that was asked for was done. A reader of our output that closed its pipe early is included.
    Done,
    /// A wrong flag, a filter that cannot be understood, a file that cannot be read or is no capture.
    Failed,
    /// The capture is cut or damaged: what can be read was printed, what is missing was named on stderr.
    Damaged,
}

impl Exit {
    /// Every way to end, in the order of the codes.
    #[cfg(test)]
    pub(crate) const ALL: [Exit; 3] = [Exit::Done, Exit::Failed, Exit::Damaged];

    /// The code the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Damaged => 2,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
