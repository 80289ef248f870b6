//! Why a run failed, and the exit codes: one table for the program, its help and its manual page.

use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;
use std::process;

use crate::translate::{Diagnostic, Problem};
#[cfg(feature = "cleanup")]
use crate::unblock::Blocked;

/// Why a run failed.
#[derive(Debug)]
pub enum Error {
    /// The command line, or a variable, asks for something impossible.
    Usage(String),
    /// The manifests cannot be translated.
    Manifests(Diagnostic),
    /// A Job blocks the manifests, or it is not known whether one does.
    #[cfg(feature = "cleanup")]
    Blocked(Blocked),
    /// The manifests cannot be read.
    Stdin(io::Error),
    /// Output is missing.
    Stdout(io::Error),
    /// The log file cannot be opened.
    LogFile(PathBuf, io::Error),
}

impl Error {
    /// What the run ends with.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::Usage,
            Self::Manifests(Diagnostic { problem: Problem::NotProven, .. }) => ExitCode::Failure,
            Self::Manifests(_) => ExitCode::InvalidInput,
            #[cfg(feature = "cleanup")]
            Self::Blocked(blocked) => blocked.exit_code,
            Self::Stdin(_) | Self::Stdout(_) | Self::LogFile(..) => ExitCode::Failure,
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => f.write_str(what),
            Self::Manifests(diagnostic) => diagnostic.fmt(f),
            #[cfg(feature = "cleanup")]
            Self::Blocked(blocked) => f.write_str(&blocked.messages.join("\n")),
            Self::Stdin(error) => write!(
                f,
                "cannot read stdin: {error}; give it manifests from a file or a pipe: jobsweep < manifests.yaml"
            ),
            Self::Stdout(error) => write!(f, "cannot write stdout: {error}"),
            Self::LogFile(path, error) => write!(
                f,
                "cannot append to the log file {}: {error}; let --log-file or JOBSWEEP_LOG_FILE name a file that can be \
                 written to, or neither",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Manifests(diagnostic)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Place;

    #[test]
    fn the_exit_code_tells_whose_fault_it_is() {
        let place = Box::new(Place {
            document: 1,
            source: None,
            byte: 0,
            job: None,
            line: 1,
            column: 1,
            snippet: String::new(),
            indent: 0,
        });
        let diagnostic = |problem| Error::from(Diagnostic { problem, place: place.clone() });
        for (error, code) in [
            (diagnostic(Problem::DuplicateKey("kind")), 65),
            (diagnostic(Problem::NotProven), 1),
            (Error::Usage("no".to_owned()), 2),
            (Error::Stdout(io::Error::other("no")), 1),
        ] {
            assert_eq!(error.exit_code().code(), code, "{error:?}");
        }
    }
}
