//! Where messages go: to stderr, and to where they can be read when a host drops that.
//!
//! Helm 4 drops a plugin's stderr altogether, Helm 3 when the post-renderer succeeds. So messages can also be
//! appended to a file, and an error under Helm 4 goes to the controlling terminal if there is one.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// The device that is the controlling terminal, whatever the standard streams are.
#[cfg(unix)]
const TERMINAL: &str = "/dev/tty";
#[cfg(windows)]
const TERMINAL: &str = "CONOUT$";

/// Begins an error, and whatever else must be told from what other programs say.
pub(crate) const PREFIX: &str = "jobsweep: ";
/// Begins a warning.
pub(crate) const WARNING: &str = "jobsweep: warning: ";

/// Says things to the user.
#[derive(Debug, Default)]
pub struct Console {
    log: Option<File>,
}

impl Console {
    /// A console that also appends to a file.
    ///
    /// # Errors
    /// If the file cannot be opened for appending.
    pub fn new(log_file: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self { log: log_file.map(open).transpose()? })
    }

    /// Says something that the run survives.
    pub fn warn(&mut self, message: &dyn Display) {
        self.say(&format!("{WARNING}{message}"));
    }

    /// Says what the run does. Helm 4 would show it too late or not at all, so it goes to the terminal as well.
    pub fn note(&mut self, message: &dyn Display) {
        self.say_to_all(&format!("{PREFIX}{message}"));
    }

    /// Says why the run failed.
    pub fn error(&mut self, message: &dyn Display) {
        self.say_to_all(&format!("{PREFIX}{message}"));
    }

    fn say_to_all(&mut self, line: &str) {
        self.say(line);
        if std::env::var_os("HELM_PLUGIN_NAME").is_some()
            && !io::stderr().is_terminal()
            && let Ok(mut terminal) = OpenOptions::new().write(true).open(TERMINAL)
        {
            let _ = writeln!(terminal, "{line}");
        }
    }

    /// A message that cannot be delivered must not change what the run does, so failures to write are let go.
    fn say(&mut self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
        if let Some(log) = &mut self.log {
            let _ =
                log.write_all(format!("{} {line}\n", jiff::Timestamp::now().strftime("%FT%TZ")).as_bytes());
        }
    }
}
