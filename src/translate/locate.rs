//! Finds the place of a fault in the stream: line, column, chart file and a snippet.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Fault, Place};
use super::read::nodes::Nodes;
use super::read::stream::{BOM, skip_bom};
use crate::escape::{one_line, same_width, shortened};

/// The annotation in which Helm 4 tells a post-renderer the template of a document.
pub(crate) const TEMPLATE_ANNOTATION: &str = "postrenderer.helm.sh/postrender-filename";

/// How many characters a snippet shows on either side of the problem.
const SNIPPET: usize = 60;
/// Enough bytes for one character more than a snippet shows, and for one that the limit splits.
const SNIPPET_BYTES: usize = 4 * (SNIPPET + 2);

/// Locates faults. The locator continues from the last fault, so faults in the order of the text take one pass over it.
pub(super) struct Locator<'s> {
    stream: &'s [u8],
    counted: usize,
    line: usize,
    /// Where the text of the line begins, after a byte-order mark.
    line_text: usize,
    /// The characters counted in the line.
    characters: usize,
    /// The last document with a fault, and its template.
    template: Option<(usize, Option<String>)>,
}

impl<'s> Locator<'s> {
    pub(super) fn new(stream: &'s [u8]) -> Self {
        Self { stream, counted: 0, line: 1, line_text: skip_bom(stream, 0), characters: 0, template: None }
    }

    pub(super) fn locate(&mut self, fault: Fault, index: usize, document: Range<usize>) -> Diagnostic {
        let at = document.start + fault.at;
        self.count_to(at);
        let (before, after) = self.snippet(at);
        if self.template.as_ref().is_none_or(|(of, _)| *of != index) {
            self.template = Some((index, template(&self.stream[document])));
        }
        let place = Place {
            document: index + 1,
            source: self.template.as_ref().and_then(|(_, template)| template.clone()),
            byte: at,
            job: fault.job,
            line: self.line,
            column: self.characters + 1,
            indent: before.chars().count(),
            snippet: before + &after,
        };
        Diagnostic { problem: fault.problem, place: Box::new(place) }
    }

    fn snippet(&self, at: usize) -> (String, String) {
        let stream = self.stream;
        let from = self.line_text.max(at.saturating_sub(SNIPPET_BYTES));
        let before = shown(stream.get(from..at).unwrap_or_default());
        let after = &stream[at..stream.len().min(at + SNIPPET_BYTES)];
        let after = shown(after.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default());
        let before = match before.char_indices().rev().nth(SNIPPET - 1) {
            Some((cut, _)) if cut > 0 => format!("…{}", &before[cut..]),
            _ => before,
        };
        let after = match after.char_indices().nth(SNIPPET) {
            Some((cut, _)) => format!("{}…", &after[..cut]),
            None => after,
        };
        (before, after)
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
        // A byte of the form 10xxxxxx continues a character.
        self.characters += uncounted.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count();
        self.counted = at;
    }
}

fn shown(line: &[u8]) -> String {
    same_width(&String::from_utf8_lossy(line.strip_prefix(BOM).unwrap_or(line)))
}

/// The template of a document, from the comment of Helm 3 or the annotation of Helm 4.
fn template(document: &[u8]) -> Option<String> {
    let text = document.utf8_chunks().next()?.valid();
    let name = template_comment(text).map(str::to_owned).or_else(|| template_annotation(text))?;
    (!name.is_empty()).then(|| one_line(&shortened(&name)))
}

/// A `# Source:` comment above the content of a document. Further below, such a line can belong to a script.
fn template_comment(text: &str) -> Option<&str> {
    let lines = text.split(['\n', '\r']).map(|line| line.trim_start_matches('\u{feff}').trim());
    let mut above =
        lines.take_while(|line| line.is_empty() || *line == "---" || line.starts_with(['#', '%']));
    above.find_map(|line| line.strip_prefix("# Source: ")).map(str::trim)
}

fn template_annotation(text: &str) -> Option<String> {
    memchr::memmem::find(text.as_bytes(), TEMPLATE_ANNOTATION.as_bytes())?;
    let (nodes, _) = Nodes::read_to_first_error(text);
    let path = ["metadata", "annotations", TEMPLATE_ANNOTATION];
    nodes.string_at(&path).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Problem;

    #[test]
    fn lines_and_characters_are_counted_on_from_fault_to_fault() {
        let stream = "\u{feff}ab\ncé🦀d\r\n\re\u{feff}\r\n\u{feff}fg";
        let mut locator = Locator::new(stream.as_bytes());
        let mut place = |mark: &str| {
            let at = stream.find(mark).unwrap();
            let fault = Fault { problem: Problem::NotProven, at, job: None };
            let place = locator.locate(fault, 0, 0..stream.len()).place;
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
        let fault = Fault { problem: Problem::NotProven, at, job: None };
        let place = Locator::new(line.as_bytes()).locate(fault, 0, 0..line.len()).place;
        assert_eq!((place.column, place.indent), (101, 61));
        assert_eq!(place.snippet, format!("…{}!{}…", "🦀".repeat(60), "é".repeat(59)));
    }

    #[test]
    fn a_line_that_fits_is_not_cut() {
        let line = format!("{}{}", "a".repeat(60), "b".repeat(60));
        let fault = Fault { problem: Problem::NotProven, at: 60, job: None };
        let place = Locator::new(line.as_bytes()).locate(fault, 0, 0..line.len()).place;
        assert_eq!((place.indent, place.snippet), (60, line));
    }

    #[test]
    fn the_template_is_named_by_helm_alone() {
        let annotated = |name| format!("metadata:\n  annotations:\n    {TEMPLATE_ANNOTATION}: {name}\n");
        for (document, name) in [
            ("---\n# Source: a/b.yaml\nkind: Job\n".to_owned(), Some("a/b.yaml")),
            ("\u{feff}# c\r\n\r\n# Source: a/b.yaml\r\n---\r\nkind: Job\r\n".to_owned(), Some("a/b.yaml")),
            (annotated("'a/b.yaml'"), Some("a/b.yaml")),
            (annotated("a/b.yaml") + "spec: [\n", Some("a/b.yaml")),
            (format!("{{metadata: {{annotations: {{{TEMPLATE_ANNOTATION}: \"a\\tb\"}}}}}}"), Some("a\\tb")),
            ("script: |\n  # Source: a/b.yaml\n".to_owned(), None),
            ("kind: Job\n# Source: a/b.yaml\n".to_owned(), None),
            (format!("script: |\n  {TEMPLATE_ANNOTATION}: a/b.yaml\n"), None),
            (format!("data: {{{TEMPLATE_ANNOTATION}: a/b.yaml}}\n"), None),
            ("# Source: \nkind: Job\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(template(document.as_bytes()).as_deref(), name, "{document:?}");
        }
    }
}
