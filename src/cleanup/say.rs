//! What goes to stderr: lines as things happen, and on a terminal one more line that shows how far it is.

use std::cell::RefCell;
use std::fmt;
use std::io::{IsTerminal, Write, stderr};

use super::sweep::{Level, Note};
use crate::console::{PREFIX, WARNING};

/// Clears the line that the cursor is in.
const CLEAR: &str = "\r\x1b[2K";

/// Speaks to the user.
pub(crate) struct Say {
    level: Level,
    terminal: bool,
    /// What the progress line shows, if it is there.
    progress: RefCell<String>,
}

impl Say {
    /// Speaks up to this level.
    pub(crate) fn new(level: Level) -> Self {
        Self { level, terminal: stderr().is_terminal(), progress: RefCell::default() }
    }

    /// Whether there is a progress line.
    pub(crate) fn has_progress(&self) -> bool {
        self.terminal && self.level >= Level::Normal
    }

    /// Something the sweep noted.
    pub(crate) fn note(&self, note: &Note) {
        match note.level() {
            Level::Warning => self.warning(format_args!("{note}")),
            level => self.at(level, format_args!("{note}")),
        }
    }

    /// Something that went wrong without stopping anything.
    pub(crate) fn warning(&self, text: fmt::Arguments<'_>) {
        self.at(Level::Warning, format_args!("{WARNING}{text}"));
    }

    /// What stopped the sweep.
    pub(crate) fn error(&self, text: fmt::Arguments<'_>) {
        self.at(Level::Warning, format_args!("{PREFIX}{text}"));
    }

    /// What the user wants to know.
    pub(crate) fn line(&self, text: fmt::Arguments<'_>) {
        self.at(Level::Normal, text);
    }

    /// What the user wants to know who asked for more.
    pub(crate) fn detail(&self, text: fmt::Arguments<'_>) {
        self.at(Level::Verbose, text);
    }

    /// The lines of a log under a heading.
    pub(crate) fn log(&self, heading: fmt::Arguments<'_>, lines: &[String]) {
        self.at(Level::Normal, format_args!("{heading}:"));
        for line in lines {
            self.at(Level::Normal, format_args!("  | {line}"));
        }
    }

    /// Shows how far it is; nothing clears the line.
    pub(crate) fn progress(&self, text: String) {
        if self.has_progress() && *self.progress.borrow() != text {
            *self.progress.borrow_mut() = text;
            self.write(format_args!("{CLEAR}{}", self.progress.borrow()));
        }
    }

    fn at(&self, level: Level, text: fmt::Arguments<'_>) {
        if level > self.level {
            return;
        }
        let progress = self.progress.borrow();
        if progress.is_empty() {
            self.write(format_args!("{text}\n"));
        } else {
            self.write(format_args!("{CLEAR}{text}\n{progress}"));
        }
    }

    /// A closed stderr stops no sweep.
    fn write(&self, text: fmt::Arguments<'_>) {
        let mut stderr = stderr().lock();
        let _ = stderr.write_fmt(text).and_then(|()| stderr.flush());
    }
}
