//! The position and the form of error messages.

use jobsweep::translate::{Diagnostic, Place};

use super::second_reader as reader;

/// The position exists, and the message is one line, perhaps with a snippet, without control characters.
pub(super) fn check(input: &[u8], diagnostic: &Diagnostic) -> Result<(), String> {
    let Place { document, line, column, snippet, indent, .. } = &*diagnostic.place;
    let text = String::from_utf8_lossy(input);
    let documents = reader::documents(&text).len().max(1);
    let lines = reader::lines(&text);
    let place = lines.get(line.wrapping_sub(1)).copied().unwrap_or_default();
    let shown = diagnostic.to_string();

    let faults = [
        (!(1..=documents).contains(document), "there is no such document"),
        (!(1..=lines.len().max(1) + 1).contains(line), "there is no such line"),
        (!(1..=place.chars().count() + 1).contains(column), "there is no such column"),
        (*indent >= *column, "the mark is beyond the column"),
        (*indent > snippet.chars().count(), "the mark is beyond the snippet"),
        (snippet.chars().count() > 200, "the snippet is long"),
        (!matches!(shown.lines().count(), 1 | 3), "the message is not a line, alone or with its snippet"),
        (shown.chars().any(|c| c.is_control() && c != '\n'), "the message has control characters"),
    ];
    match faults.iter().find(|(wrong, _)| *wrong) {
        Some((_, why)) => Err(format!("{why}:\n{shown}")),
        None => Ok(()),
    }
}
