//! What goes to stderr: lines as things happen, and on a terminal one more line that shows how far it is.
//!
//! They are written by a thread of their own: who reads them may stop reading, and that must keep neither the sweep
//! from its deadline nor the user from stopping it.

use std::cell::RefCell;
use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::cleanup::sweep::{Level, Note};
use crate::console::{PREFIX, WARNING};
use crate::escape::{block, log_line, one_line};

/// Clears the line that the cursor is in.
const CLEAR: &str = "\r\x1b[2K";
/// For so long lines are gathered: thousands of deletions in a second are no reason for thousands of writes.
const GATHERING: Duration = Duration::from_millis(5);

/// Speaks to the user.
pub(crate) struct Say {
    level: Level,
    terminal: bool,
    /// What the progress line shows, if it is there.
    progress: RefCell<String>,
    words: Sender<String>,
    speaker: JoinHandle<()>,
}

impl Say {
    /// Speaks up to this level.
    pub(crate) fn new(level: Level) -> Self {
        Self::to(level, stderr().is_terminal(), stderr())
    }

    fn to(level: Level, terminal: bool, out: impl Write + Send + 'static) -> Self {
        let (words, heard) = channel();
        let speaker = thread::spawn(|| speak(heard, out));
        Self { level, terminal, progress: RefCell::default(), words, speaker }
    }

    /// Whether there is a progress line.
    pub(crate) fn has_progress(&self) -> bool {
        self.terminal && self.level >= Level::Normal
    }

    /// Something the sweep noted.
    pub(crate) fn note(&self, note: &Note) {
        let level = note.level();
        let warning = if level == Level::Warning { WARNING } else { "" };
        self.at(level, || format!("{warning}{}", one_line(&note.to_string())));
    }

    /// Something that went wrong without stopping anything.
    pub(crate) fn warning(&self, text: fmt::Arguments<'_>) {
        self.at(Level::Warning, || block(&format!("{WARNING}{text}")));
    }

    /// What stopped the sweep.
    pub(crate) fn error(&self, text: fmt::Arguments<'_>) {
        self.at(Level::Warning, || block(&format!("{PREFIX}{text}")));
    }

    /// What the user wants to know.
    pub(crate) fn line(&self, text: fmt::Arguments<'_>) {
        self.at(Level::Normal, || block(&text.to_string()));
    }

    /// What the user wants to know who asked for more.
    pub(crate) fn detail(&self, text: fmt::Arguments<'_>) {
        self.at(Level::Verbose, || block(&text.to_string()));
    }

    /// The lines of a log under a heading.
    pub(crate) fn log(&self, level: Level, heading: fmt::Arguments<'_>, lines: &[String]) {
        self.at(level, || {
            let lines = lines.iter().map(|line| format!("\n  | {}", log_line(line)));
            format!("{}:{}", one_line(&heading.to_string()), lines.collect::<String>())
        });
    }

    /// Shows how far it is; nothing clears the line.
    pub(crate) fn progress(&self, text: String) {
        if self.has_progress() && *self.progress.borrow() != text {
            *self.progress.borrow_mut() = text;
            self.write(format!("{CLEAR}{}", self.progress.borrow()));
        }
    }

    /// Waits until all has been written.
    pub(crate) fn finish(self) {
        let Self { words, speaker, .. } = self;
        drop(words);
        // A speaker that panicked has said what it could.
        let _ = speaker.join();
    }

    fn at(&self, level: Level, text: impl FnOnce() -> String) {
        if level > self.level {
            return;
        }
        let text = text();
        let progress = self.progress.borrow();
        self.write(if progress.is_empty() {
            format!("{text}\n")
        } else {
            format!("{CLEAR}{text}\n{progress}")
        });
    }

    /// A closed stderr stops no sweep.
    fn write(&self, text: String) {
        let _ = self.words.send(text);
    }
}

/// Writes what there is to say, as much as comes together.
fn speak(heard: Receiver<String>, mut out: impl Write) {
    while let Ok(mut text) = heard.recv() {
        thread::sleep(GATHERING);
        text.extend(heard.try_iter());
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was said.
    #[derive(Clone, Default)]
    pub(crate) struct Heard(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Heard {
        /// Somebody who speaks up to this level and is heard here, on no terminal.
        pub(crate) fn say(&self, level: Level) -> Say {
            Say::to(level, false, self.clone())
        }

        /// All of it.
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no panic").concat()).expect("text")
        }
    }

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_write_and_nobody_else_s_words_make_another() {
        let heard = Heard::default();
        let say = heard.say(Level::Normal);
        say.warning(format_args!("{} said: {}", "shop/a", "no\nerror: all is lost\x1b[2J"));
        say.finish();
        assert_eq!(heard.0.lock().expect("no panic").len(), 1);
        assert_eq!(heard.text(), "jobsweep: warning: shop/a said: no\n  error: all is lost\\u{1b}[2J\n");
    }

    #[test]
    fn logs_are_as_loud_as_they_were_asked_for() {
        for (level, text) in [(Level::Warning, "log of a:\n  | x\ty\n"), (Level::Normal, "")] {
            let heard = Heard::default();
            let say = heard.say(Level::Warning);
            say.log(level, format_args!("log of a"), &["x\ty".to_owned()]);
            say.finish();
            assert_eq!(heard.text(), text);
        }
    }
}
