//! Writes messages to stderr, and to where users find them if Helm drops stderr.
//!
//! Helm 4 drops the stderr of a plugin, and Helm 3 shows that of a post-renderer only if it fails. So all messages can also go to a
//! file, and what the run does also goes to the controlling terminal. Errors do so only under Helm 4, and warnings never.

use std::cell::RefCell;
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
const PREFIX: &str = "jobsweep: ";
/// Begins every warning.
const WARNING: &str = "jobsweep: warning: ";
/// Clears the line that the cursor is in.
const CLEAR: &str = "\r\x1b[2K";
/// The terminal cuts what is too long for the line, instead of wrapping it: only a line that does not wrap can be cleared.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// Which messages appear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only why the run failed.
    Error,
    /// Also warnings.
    Warning,
    /// Also what the run does and why.
    #[default]
    Normal,
    /// Also a line for each Job that was deleted or kept. This is the default in a log, which has no progress line.
    Jobs,
    /// Also every list, watch and retry.
    Verbose,
}

/// Writes messages to the user.
#[derive(Debug, Default)]
pub struct Console {
    verbosity: Verbosity,
    log: Option<File>,
    /// Whether Helm runs this program, and drops what it does.
    runs_under_helm: bool,
    /// What stands in the last line of a terminal. `None` where there is no progress line.
    progress: Option<RefCell<String>>,
}

impl Console {
    /// Opens the log file, if there is one.
    ///
    /// # Errors
    /// Returns the error of opening the file for appending.
    pub fn new(log_file: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self { log: log_file.map(open).transpose()?, ..Self::default() })
    }

    /// What the run does also goes to the terminal.
    #[cfg(feature = "cleanup")]
    pub(crate) fn runs_under_helm(&mut self) {
        self.runs_under_helm = true;
    }

    /// Shows only messages up to this verbosity and, on a terminal, a progress line below them.
    #[must_use]
    pub fn with_progress(self, verbosity: Verbosity) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let verbosity = match verbosity {
            Verbosity::Normal if !is_terminal => Verbosity::Jobs,
            given => given,
        };
        let has_progress = is_terminal && verbosity >= Verbosity::Normal;
        Self { verbosity, progress: has_progress.then(RefCell::default), ..self }
    }

    /// Writes a warning.
    pub fn warn(&self, message: &dyn Display) {
        self.write(&format!("{WARNING}{message}"));
    }

    /// Writes what the run does.
    pub fn info(&self, message: &dyn Display) {
        self.write_with_terminal(&format!("{PREFIX}{message}"), self.runs_under_helm || is_plugin());
    }

    /// Writes the reason of a failure.
    pub fn error(&self, message: &dyn Display) {
        self.write_with_terminal(&format!("{PREFIX}{message}"), is_plugin());
    }

    /// Writes a message of a mode whose messages are all that there is on stderr: only errors and warnings have a prefix.
    pub fn message(&self, level: Verbosity, message: &dyn Display) {
        match level {
            Verbosity::Error => self.error(message),
            Verbosity::Warning => self.warn(message),
            _ if level <= self.verbosity => self.always(message),
            _ => {}
        }
    }

    /// Writes a text that always appears.
    pub fn always(&self, text: &dyn Display) {
        self.write(&text.to_string());
    }

    /// Shows this as the progress line, as far as the terminal is wide. An empty text removes it. Returns whether there is such a line.
    pub fn show_progress(&self, text: &str) -> bool {
        let line = if text.is_empty() { String::new() } else { format!("{NO_WRAP}{text}{WRAP}") };
        if let Some(shown) = self.progress.as_ref().filter(|shown| *shown.borrow() != line) {
            let _ = write!(io::stderr().lock(), "{CLEAR}{line}");
            shown.replace(line);
        }
        self.progress.is_some()
    }

    /// Whether there is a log file.
    #[cfg(feature = "cleanup")]
    pub(crate) fn has_log_file(&self) -> bool {
        self.log.is_some()
    }

    /// Writes a line to the log file only.
    pub(crate) fn log(&self, line: &str) {
        if let Some(mut log) = self.log.as_ref() {
            let _ =
                log.write_all(format!("{} {line}\n", jiff::Timestamp::now().strftime("%FT%TZ")).as_bytes());
        }
    }

    fn write_with_terminal(&self, line: &str, to_terminal: bool) {
        self.write(line);
        if to_terminal
            && !io::stderr().is_terminal()
            && let Ok(mut terminal) = OpenOptions::new().write(true).open(TERMINAL)
        {
            let _ = writeln!(terminal, "{line}");
        }
    }

    /// Ignores write errors: an undelivered message must not change what the program does.
    fn write(&self, line: &str) {
        let shown = self.progress.as_ref().map(RefCell::borrow).filter(|shown| !shown.is_empty());
        let text = match shown {
            Some(progress) => format!("{CLEAR}{line}\n{progress}"),
            None => format!("{line}\n"),
        };
        let _ = io::stderr().lock().write_all(text.as_bytes());
        self.log(line);
    }
}

/// Whether Helm 4 runs this program as a plugin.
fn is_plugin() -> bool {
    std::env::var_os("HELM_PLUGIN_NAME").is_some()
}
