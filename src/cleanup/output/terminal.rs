//! Messages on stderr, and on a terminal a progress line below them.
//!
//! A thread of its own writes them: a reader who stops reading must neither delay the deadline nor block a signal. The
//! backlog is counted, so that the sweep can pause. Where no thread can be started, messages are written
//! directly.
//!
//! `indicatif` is not used: it also draws from the thread that calls it.

use std::cell::RefCell;
use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::Notify;

use crate::background;
use crate::cleanup::options::Verbosity;
use crate::cleanup::sweep::message::Message;
use crate::console::{PREFIX, WARNING};
use crate::escape::{block, log_line, one_line};

/// Clears the line that the cursor is in.
const CLEAR: &str = "\r\x1b[2K";
/// How long to gather lines for one write: there may be thousands of deletions a second.
const GATHERING: Duration = Duration::from_millis(5);
const GATHERED_LINES: usize = 1000;
/// How many bytes may wait for a reader of stderr.
const ROOM: usize = 256 * 1024;

pub(crate) struct Terminal {
    verbosity: Verbosity,
    pub has_progress: bool,
    progress: RefCell<String>,
    writer: Writer,
    backlog: Arc<Backlog>,
}

#[derive(Default)]
struct Backlog {
    bytes: AtomicUsize,
    written: Notify,
}

enum Writer {
    Thread(Sender<String>, JoinHandle<()>),
    Direct(RefCell<Box<dyn Write + Send>>),
}

impl Terminal {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        Self::to(verbosity, stderr().is_terminal(), Box::new(stderr()))
    }

    fn to(verbosity: Verbosity, is_terminal: bool, out: Box<dyn Write + Send>) -> Self {
        let backlog = Arc::<Backlog>::default();
        let (texts, received) = channel();
        let writer = match background::spawn((received, out, Arc::clone(&backlog)), write_all) {
            Ok(thread) => Writer::Thread(texts, thread),
            Err((_, out, _)) => Writer::Direct(RefCell::new(out)),
        };
        let has_progress = is_terminal && verbosity >= Verbosity::Normal;
        Self { verbosity, has_progress, progress: RefCell::default(), writer, backlog }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.backlog.bytes.load(Ordering::Relaxed) < ROOM
    }

    pub(crate) async fn room(&self) {
        while !self.has_room() {
            self.backlog.written.notified().await;
        }
    }

    pub(crate) fn message(&self, message: &Message) {
        let level = message.level();
        let warning = if level == Verbosity::Warning { WARNING } else { "" };
        let escape = match message {
            // A failure may have more than one line.
            Message::Interrupted { .. } | Message::Retrying { .. } => block,
            _ => one_line,
        };
        self.at(level, || format!("{warning}{}", escape(&message.to_string())));
    }

    /// Something that went wrong without ending the sweep.
    pub(crate) fn warning(&self, text: fmt::Arguments<'_>) {
        self.at(Verbosity::Warning, || block(&format!("{WARNING}{text}")));
    }

    pub(crate) fn error(&self, text: fmt::Arguments<'_>) {
        self.at(Verbosity::Warning, || block(&format!("{PREFIX}{text}")));
    }

    pub(crate) fn line(&self, text: fmt::Arguments<'_>) {
        self.at(Verbosity::Normal, || block(&text.to_string()));
    }

    pub(crate) fn detail(&self, text: fmt::Arguments<'_>) {
        self.at(Verbosity::Verbose, || block(&text.to_string()));
    }

    pub(crate) fn log(&self, level: Verbosity, heading: fmt::Arguments<'_>, lines: &[String]) {
        self.at(level, || {
            let lines = lines.iter().map(|line| format!("\n  | {}", log_line(line)));
            format!("{}:{}", one_line(&heading.to_string()), lines.collect::<String>())
        });
    }

    /// Shows this as the progress line; an empty text removes it.
    pub(crate) fn progress(&self, text: String) {
        if self.has_progress && *self.progress.borrow() != text {
            *self.progress.borrow_mut() = text;
            self.write(format!("{CLEAR}{}", self.progress.borrow()));
        }
    }

    pub(crate) fn finish(self) {
        if let Writer::Thread(texts, thread) = self.writer {
            drop(texts);
            let _ = thread.join();
        }
    }

    fn at(&self, level: Verbosity, text: impl FnOnce() -> String) {
        if level > self.verbosity {
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

    /// A closed stderr stops no sweep, so errors are ignored.
    fn write(&self, text: String) {
        match &self.writer {
            Writer::Thread(texts, _) => {
                self.backlog.bytes.fetch_add(text.len(), Ordering::Relaxed);
                let _ = texts.send(text);
            }
            Writer::Direct(out) => {
                let _ = out.borrow_mut().write_all(text.as_bytes());
            }
        }
    }
}

fn write_all((received, mut out, backlog): (Receiver<String>, Box<dyn Write + Send>, Arc<Backlog>)) {
    while let Ok(mut text) = received.recv() {
        thread::sleep(GATHERING);
        text.extend(received.try_iter().take(GATHERED_LINES));
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        backlog.bytes.fetch_sub(text.len(), Ordering::Relaxed);
        backlog.written.notify_one();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Everything that was written.
    #[derive(Clone, Default)]
    pub(crate) struct Screen(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Screen {
        pub(crate) fn terminal(&self, verbosity: Verbosity) -> Terminal {
            Terminal::to(verbosity, false, Box::new(self.clone()))
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no panic").concat()).expect("text")
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_message_is_one_write_and_foreign_text_cannot_forge_another() {
        let screen = Screen::default();
        let terminal = screen.terminal(Verbosity::Normal);
        terminal.warning(format_args!("{} said: {}", "shop/a", "no\nerror: all is lost\x1b[2J"));
        terminal.finish();
        assert_eq!(screen.0.lock().expect("no panic").len(), 1);
        assert_eq!(screen.text(), "jobsweep: warning: shop/a said: no\n  error: all is lost\\u{1b}[2J\n");
    }

    #[test]
    fn logs_are_shown_from_their_level_on() {
        for (level, text) in [(Verbosity::Warning, "log of a:\n  | x\ty\n"), (Verbosity::Normal, "")] {
            let screen = Screen::default();
            let terminal = screen.terminal(Verbosity::Warning);
            terminal.log(level, format_args!("log of a"), &["x\ty".to_owned()]);
            terminal.finish();
            assert_eq!(screen.text(), text);
        }
    }

    #[test]
    fn without_a_thread_messages_are_written_all_the_same() {
        let screen = Screen::default();
        let writer = Writer::Direct(RefCell::new(Box::new(screen.clone())));
        let terminal = Terminal { writer, ..screen.terminal(Verbosity::Normal) };
        terminal.warning(format_args!("a"));
        terminal.line(format_args!("b"));
        terminal.finish();
        assert_eq!(screen.text(), "jobsweep: warning: a\nb\n");
    }

    /// A stderr that nobody reads until the sender is dropped.
    struct Unread(Receiver<()>);

    impl Write for Unread {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A terminal that nobody reads until the sender is dropped, and that has no room left.
    pub(crate) fn unread() -> (Terminal, Sender<()>) {
        let (reader, unread) = channel();
        let terminal = Terminal::to(Verbosity::Normal, false, Box::new(Unread(unread)));
        terminal.line(format_args!("{}", "x".repeat(ROOM / 2)));
        assert!(terminal.has_room());
        terminal.line(format_args!("{}", "x".repeat(ROOM / 2)));
        assert!(!terminal.has_room());
        (terminal, reader)
    }

    #[tokio::test]
    async fn there_is_room_again_when_somebody_reads() {
        let (terminal, reader) = unread();
        drop(reader);
        terminal.room().await;
        terminal.finish();
    }
}
