//! Other people's words on their way to a terminal.
//!
//! Annotations, names, reasons and messages are written by whoever may create Jobs. A newline among them would forge a
//! line of ours, and an escape sequence would do to the reader's terminal whatever it likes.

use std::fmt::Write;

use crate::printable::is_printable;

/// One line, whatever is in it: what would move or hide text is spelt out.
pub(crate) fn one_line(text: &str) -> String {
    escaped(text, |_| false)
}

/// A line of ours that may have more lines under it: those are indented, so that none passes for another of ours.
pub(crate) fn block(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(one_line).collect();
    lines.join("\n  ")
}

/// A line of a log, which may be laid out by tabs.
pub(crate) fn log_line(text: &str) -> String {
    escaped(text, |char| char == '\t')
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if is_printable(char) || stays(char) {
            escaped.push(char);
        } else {
            let _ = write!(escaped, "{}", char.escape_default());
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_or_hides_text_is_spelt_out() {
        for (text, line) in [
            ("BackoffLimitExceeded", "BackoffLimitExceeded"),
            ("größer, 数", "größer, 数"),
            ("a\nshop   b   deleted", "a\\nshop   b   deleted"),
            ("\x1b[2K\r", "\\u{1b}[2K\\r"),
            ("\u{9b}2K", "\\u{9b}2K"),
            ("a\u{200b}bc\u{202e}cba\u{2028}", "a\\u{200b}bc\\u{202e}cba\\u{2028}"),
            ("a\tb", "a\\tb"),
        ] {
            assert_eq!(one_line(text), line);
        }
        assert_eq!(log_line("a\tb\x1b[31m"), "a\tb\\u{1b}[31m");
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(block("not allowed\n  really\nno\r\x07"), "not allowed\n    really\n  no\\r\\u{7}");
    }
}
