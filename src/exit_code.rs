//! The exit codes: one table for the program, its help and its manual page.

use std::process;

/// How the program ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// The filter wrote everything, or the due Jobs are gone.
    Done = 0,
    /// Input, output, reading a Job or deleting one failed, or an internal error.
    Failure = 1,
    /// The command line asks for something impossible. Clap uses this code too.
    Usage = 2,
    /// A Job in scope failed, and `--fail-on-failed` was given.
    JobFailed = 3,
    /// The deadline came first.
    Deadline = 4,
    /// The API server does not accept the credentials, or they lack a permission.
    NotAllowed = 5,
    /// `--unblock`: a Job in the way may not be deleted.
    InTheWay = 6,
    /// The filter's input is not valid: `EX_DATAERR` of `sysexits.h`.
    InvalidInput = 65,
    /// Ended by SIGINT; shells use this code too.
    Interrupted = 130,
    /// Ended by SIGTERM; shells use this code too.
    Terminated = 143,
}

impl ExitCode {
    /// Every code and its meaning, as help shows them.
    pub const TABLE: &[(&[ExitCode], &str)] = &[
        (&[Self::Done], "done: the filter wrote everything, or the due Jobs are gone"),
        (&[Self::Failure], "input, output, reading a Job or deleting one failed, or an internal error"),
        (&[Self::Usage], "wrong usage"),
        (&[Self::JobFailed], "--fail-on-failed: a Job in scope failed"),
        (
            &[Self::Deadline],
            "the deadline came first; what still ran, or which finalizer held it, is in the report",
        ),
        (&[Self::NotAllowed], "not allowed; the missing rule is on stderr"),
        (&[Self::InTheWay], "--unblock: a Job in the way may not be deleted; no manifest was written"),
        (&[Self::InvalidInput], "the filter's input is not valid; nothing was translated"),
        (
            &[Self::Interrupted, Self::Terminated],
            "ended by SIGINT, SIGTERM, after the deletions under way were brought to an end",
        ),
    ];

    /// The number that the operating system gets.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}
