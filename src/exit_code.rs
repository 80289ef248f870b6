//! The exit codes: one table for the program, its help and its manual page.

use std::process;

/// How the program ended, for scripts. [`Self::TABLE`] says what each code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table has the meanings")]
#[repr(u8)]
pub enum ExitCode {
    Done = 0,
    Failure = 1,
    // Clap uses this code too.
    Usage = 2,
    JobFailed = 3,
    Deadline = 4,
    NotAllowed = 5,
    InTheWay = 6,
    // `EX_DATAERR` of `sysexits.h`.
    InvalidInput = 65,
    // Shells use 128 and the number of the signal.
    Interrupted = 130,
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
