//! Shows text that somebody else wrote.
//!
//! Whoever can create a Job or edit a manifest chooses its names, annotations, reasons and messages. A newline in such a text
//! could forge a line of ours, an escape sequence could take over the reader's terminal, and a long text could fill the log.

use std::borrow::Cow;

/// How many characters of somebody else's name or value a message quotes.
const MAX_QUOTED: usize = 200;
/// How many characters of somebody else's message a message quotes. Admission webhooks and credential plugins write long ones.
#[cfg(feature = "cleanup")]
const MAX_MESSAGE: usize = 2000;

/// Cuts a name or a value to a length that fits a message. An ellipsis marks the cut.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Quotes a name or a value, cut to a length that fits a message.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// Cuts the middle out of a message that is too long for another message: the last part often says the cause.
#[cfg(feature = "cleanup")]
pub(crate) fn shortened_message(text: &str) -> String {
    if text.chars().nth(MAX_MESSAGE).is_none() {
        return text.to_owned();
    }
    let half = MAX_MESSAGE / 2;
    let start_of = |character: Option<(usize, char)>| character.map_or(0, |(at, _)| at);
    let end = start_of(text.char_indices().nth(half));
    let cause = start_of(text.char_indices().nth_back(half - 1));
    format!("{} … {}", &text[..end], &text[cause..])
}

/// Keeps a text on one line: characters that move or hide text become escape sequences.
pub(crate) fn one_line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if is_printable(char) {
            escaped.push(char);
        } else {
            escaped.extend(char.escape_default());
        }
    }
    escaped
}

/// Replaces each character that moves or hides text by one character, so that columns keep their numbers. A byte order mark stays.
pub(crate) fn same_width(text: &str) -> String {
    let shown = |char| match char {
        '\t' => ' ',
        char if is_printable(char) || char == '\u{feff}' => char,
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(shown).collect()
}

/// Indents all lines but the first, so that none of them looks like a message of ours.
#[cfg(feature = "cleanup")]
pub(crate) fn block(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(one_line).collect();
    lines.join("\n  ")
}

/// Escapes one line of a pod's log. Tabs stay.
#[cfg(feature = "cleanup")]
pub(crate) fn log_line(text: &str) -> String {
    text.split('\t').map(one_line).collect::<Vec<_>>().join("\t")
}

/// Control characters, line separators and format characters (Unicode's categories Cc, Zl, Zp and Cf) are not printable. Direction marks
/// are format characters. Those that some scripts show or need to be read, such as Arabic number signs and the zero-width joiners, are
/// printable.
fn is_printable(char: char) -> bool {
    !char.is_control()
        && !matches!(
            char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_or_hides_text_is_escaped() {
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
    }

    #[test]
    fn control_and_format_characters_are_escaped_unless_they_are_visible() {
        let invisible = "\0\n\u{7f}\u{85}\u{ad}\u{61c}\u{180e}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\
            \u{2060}\u{2064}\u{2066}\u{206f}\u{feff}\u{fff9}\u{13430}\u{1bca0}\u{1d173}\u{e0001}\u{e007f}";
        for char in invisible.chars() {
            assert_eq!(one_line(&format!("a{char}b")), format!("a{}b", char.escape_default()));
            let replaced = if char == '\u{feff}' { char } else { char::REPLACEMENT_CHARACTER };
            assert_eq!(same_width(&format!("a{char}b")), format!("a{replaced}b"));
        }
        // A space, a combining accent, joiners, a hyphen, an ellipsis, an Arabic number sign and an emoji.
        for char in " \u{301}\u{200c}\u{200d}\u{2010}\u{2026}\u{600}\u{1f980}".chars() {
            assert_eq!(one_line(&format!("a{char}b")), format!("a{char}b"));
        }
    }

    #[test]
    fn a_quoted_text_is_escaped_and_cut() {
        for (text, shown) in [
            ("hook-succeeded", "\"hook-succeeded\""),
            ("a\n\"b\"\u{200d}", "\"a\\n\\\"b\\\"\\u{200d}\""),
            (&"x".repeat(100_000), &format!("\"{}…\"", "x".repeat(MAX_QUOTED))),
        ] {
            assert_eq!(quoted(text), shown);
        }
    }

    #[test]
    #[cfg(feature = "cleanup")]
    fn a_log_line_keeps_its_tabs() {
        assert_eq!(log_line("a\tb\x1b[31m"), "a\tb\\u{1b}[31m");
    }

    #[test]
    #[cfg(feature = "cleanup")]
    fn further_lines_are_indented() {
        assert_eq!(block("not allowed\n  really\nno\r\x07"), "not allowed\n    really\n  no\\r\\u{7}");
    }

    #[test]
    fn columns_keep_their_numbers() {
        assert_eq!(same_width("a\tb\x1b[31mü\u{200b}"), "a b\u{fffd}[31mü\u{fffd}");
    }

    #[test]
    fn only_a_long_text_is_cut_and_never_within_a_character() {
        for length in [0, 1, MAX_QUOTED] {
            let text = "é".repeat(length);
            assert_eq!(shortened(&text), text);
        }
        for length in [MAX_QUOTED + 1, 100_000] {
            assert_eq!(shortened(&"🦀".repeat(length)), "🦀".repeat(MAX_QUOTED) + "…");
        }
    }

    #[test]
    #[cfg(feature = "cleanup")]
    fn a_long_message_keeps_its_beginning_and_its_end() {
        let half = MAX_MESSAGE / 2;
        assert_eq!(shortened_message(&"é".repeat(MAX_MESSAGE)), "é".repeat(MAX_MESSAGE));
        let long = "é".repeat(half) + &"x".repeat(100_000) + &"🦀".repeat(half);
        assert_eq!(shortened_message(&long), "é".repeat(half) + " … " + &"🦀".repeat(half));
    }
}
