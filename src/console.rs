//! Writes messages to stderr, and to where users find them if Helm drops stderr.
//!
//! Helm 4 drops the stderr of a plugin, and Helm 3 drops that of a post-renderer that succeeds. So all messages can also go to a
//! file. Under Helm 4, errors and what the run does also go to the controlling terminal. Warnings do not.
//!
//! The crates `log` and `tracing` are not used. There are only these three kinds of messages, and the code that decides where each of
//! them goes would still be ours.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// The controlling terminal, even if the standard streams are redirected.
#[cfg(unix)]
const TERMINAL: &str = "/dev/tty";
#[cfg(windows)]
const TERMINAL: &str = "CONOUT$";

/// Begins every line that must stand out from the output of other programs.
pub(crate) const PREFIX: &str = "jobsweep: ";
/// Begins every warning.
pub(crate) const WARNING: &str = "jobsweep: warning: ";

/// Writes messages to the user.
#[derive(Debug, Default)]
pub struct Console {
    log: Option<File>,
}

impl Console {
    /// Opens the log file, if there is one.
    ///
    /// # Errors
    /// Returns the error of opening the file for appending.
    pub fn new(log_file: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self { log: log_file.map(open).transpose()? })
    }

    /// Writes a warning.
    pub fn warn(&mut self, message: &dyn Display) {
        self.write(&format!("{WARNING}{message}"));
    }

    /// Writes what the run does.
    pub fn info(&mut self, message: &dyn Display) {
        self.write_to_terminal_too(&format!("{PREFIX}{message}"));
    }

    /// Writes the reason of a failure.
    pub fn error(&mut self, message: &dyn Display) {
        self.write_to_terminal_too(&format!("{PREFIX}{message}"));
    }

    /// Whether there is a log file.
    #[cfg(feature = "cleanup")]
    pub(crate) fn has_log_file(&self) -> bool {
        self.log.is_some()
    }

    /// Writes a line to the log file only.
    pub(crate) fn log(&mut self, line: &str) {
        if let Some(log) = &mut self.log {
            let _ =
                log.write_all(format!("{} {line}\n", jiff::Timestamp::now().strftime("%FT%TZ")).as_bytes());
        }
    }

    fn write_to_terminal_too(&mut self, line: &str) {
        self.write(line);
        if std::env::var_os("HELM_PLUGIN_NAME").is_some()
            && !io::stderr().is_terminal()
            && let Ok(mut terminal) = OpenOptions::new().write(true).open(TERMINAL)
        {
            let _ = writeln!(terminal, "{line}");
        }
    }

    /// Ignores write errors: an undelivered message must not change what the program does.
    fn write(&mut self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
        self.log(line);
    }
}
