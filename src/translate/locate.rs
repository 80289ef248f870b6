//! Finds the places of faults in the stream, in one pass over it.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Place};
use super::read::jobs::Fault;
use super::read::stream::{BOM, skip_bom};
use crate::printable::is_printable;

/// The longest part of a line that a snippet shows on either side of the problem, in characters.
const SNIPPET: usize = 60;
/// How many bytes so many characters, and a piece of one more, can take.
const SNIPPET_BYTES: usize = 4 * (SNIPPET + 1);

/// Counts lines and characters on, from one fault to the next.
pub(super) struct Places<'s> {
    stream: &'s [u8],
    counted: usize,
    line: usize,
    /// Where the text of that line begins, after a byte-order mark.
    line_text: usize,
    /// How many of its characters are counted.
    characters: usize,
    /// The last document that a fault was in, and its source.
    source: Option<(usize, Option<String>)>,
}

impl<'s> Places<'s> {
    pub(super) fn new(stream: &'s [u8]) -> Self {
        Self { stream, counted: 0, line: 1, line_text: skip_bom(stream, 0), characters: 0, source: None }
    }

    /// The fault as the user sees it: in the document of this index and range. In the order of the text each takes no
    /// longer than what lies between them.
    pub(super) fn diagnose(&mut self, fault: Fault, index: usize, document: Range<usize>) -> Diagnostic {
        let at = document.start + fault.at;
        self.count_to(at);
        let stream = self.stream;
        let from = self.line_text.max(at.saturating_sub(SNIPPET_BYTES));
        let before = printable(stream.get(from..at).unwrap_or_default());
        let before: String = before.chars().skip(before.chars().count().saturating_sub(SNIPPET)).collect();
        let after = &stream[at..stream.len().min(at + SNIPPET_BYTES)];
        let after = after.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        let place = Place {
            document: index + 1,
            source: self.source(index, document),
            job: fault.job,
            line: self.line,
            column: self.characters + 1,
            indent: before.chars().count(),
            snippet: before + &printable(after).chars().take(SNIPPET).collect::<String>(),
        };
        Diagnostic { problem: fault.problem, place: Box::new(place) }
    }

    fn count_to(&mut self, at: usize) {
        if at < self.counted {
            *self = Self::new(self.stream);
        }
        let stream = self.stream;
        for found in memchr::memchr2_iter(b'\n', b'\r', &stream[self.counted..at]) {
            let end = self.counted + found + 1;
            let within_crlf = stream[end - 1] == b'\r' && stream.get(end) == Some(&b'\n');
            if !within_crlf {
                self.line += 1;
                self.line_text = skip_bom(stream, end);
                self.characters = 0;
            }
        }
        let uncounted = stream.get(self.counted.max(self.line_text)..at).unwrap_or_default();
        // Every byte but the second to fourth of a character begins one.
        self.characters += uncounted.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count();
        self.counted = at;
    }

    fn source(&mut self, index: usize, document: Range<usize>) -> Option<String> {
        match &self.source {
            Some((of, source)) if *of == index => source.clone(),
            _ => {
                let source = source(&self.stream[document]);
                self.source = Some((index, source.clone()));
                source
            }
        }
    }
}

/// A line as it can be shown on a terminal: bad bytes and control characters replaced, and what else would move or hide text; tabs one blank wide.
fn printable(line: &[u8]) -> String {
    let line = line.strip_prefix(BOM).unwrap_or(line);
    let shown = |c: char| match c {
        '\t' => ' ',
        c if is_printable(c) => c,
        _ => char::REPLACEMENT_CHARACTER,
    };
    String::from_utf8_lossy(line).chars().map(shown).collect()
}

/// The chart's file, as Helm 3 writes it above a document and Helm 4 into its annotations.
fn source(document: &[u8]) -> Option<String> {
    let head = &document[..document.len().min(64 * 1024)];
    head.split(|byte| matches!(byte, b'\n' | b'\r')).find_map(|line| {
        let line = std::str::from_utf8(line).ok()?.trim();
        let value = line.strip_prefix("# Source: ").or_else(|| {
            let (_, rest) = line.split_once("postrenderer.helm.sh/postrender-filename")?;
            rest.trim_start_matches(['"', '\'']).strip_prefix(':')?.split([',', '}']).next()
        })?;
        let value = value.trim().trim_matches(['"', '\'']);
        (!value.is_empty()).then(|| value.chars().filter(|c| !c.is_control()).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Problem;

    #[test]
    fn lines_and_characters_are_counted_on_from_fault_to_fault() {
        let stream = "\u{feff}ab\ncé🦀d\r\n\re\u{feff}\r\n\u{feff}fg";
        let mut places = Places::new(stream.as_bytes());
        let mut place = |mark: &str| {
            let at = stream.find(mark).unwrap();
            let fault = Fault { problem: Problem::NoMetadata, at, job: None };
            let place = places.diagnose(fault, 0, 0..stream.len()).place;
            (place.line, place.column, place.snippet, place.indent)
        };
        for (mark, line, column, snippet) in [
            ("a", 1, 1, "ab"),
            ("b", 1, 2, "ab"),
            ("c", 2, 1, "cé🦀d"),
            ("🦀", 2, 3, "cé🦀d"),
            ("d", 2, 4, "cé🦀d"),
            ("e", 4, 1, "e\u{feff}"),
            ("f", 5, 1, "fg"),
            ("g", 5, 2, "fg"),
            ("d", 2, 4, "cé🦀d"),
        ] {
            assert_eq!(place(mark), (line, column, snippet.to_owned(), column - 1), "{mark}");
        }
    }

    #[test]
    fn a_snippet_is_cut_on_both_sides_and_never_within_a_character() {
        let line = format!("{}!{}", "🦀".repeat(100), "é".repeat(100));
        let at = 4 * 100;
        let fault = Fault { problem: Problem::NoMetadata, at, job: None };
        let place = Places::new(line.as_bytes()).diagnose(fault, 0, 0..line.len()).place;
        assert_eq!((place.column, place.indent), (101, 60));
        assert_eq!(place.snippet, format!("{}!{}", "🦀".repeat(60), "é".repeat(59)));
    }
}
