//! Splits a stream into its documents.
//!
//! By the YAML specification, a line that begins with `---` or `...` and white space ends a document everywhere, even inside a
//! quoted scalar. So a stream can be split without parsing it.

use std::iter;
use std::ops::Range;

/// Any document may begin with a byte-order mark.
pub(crate) const BOM: &[u8] = "\u{feff}".as_bytes();

/// The documents of a stream, in order and without gaps. A document begins with its directives and its `---`. It ends before
/// the next marker or with its `...` line.
pub(crate) fn documents(stream: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    iter::from_fn(move || {
        let end = (start < stream.len()).then(|| document_end(stream, start))?;
        let range = start..end;
        start = end;
        Some(range)
    })
}

fn document_end(stream: &[u8], start: usize) -> usize {
    let mut line = start;
    while line < stream.len() {
        let text = if line == start { skip_bom(stream, line) } else { line };
        let end = line_end(stream, line);
        match marker(&stream[text..]) {
            Some(b"...") => return end,
            Some(_) => break,
            None if may_precede_marker(&stream[line..end]) => line = end,
            None => break,
        }
    }
    let mut lines = memchr::memchr2_iter(b'\n', b'\r', &stream[line..]).map(|at| line + at + 1);
    match lines.find(|&line| marker(&stream[line..]).is_some()) {
        Some(end) if stream[end..].starts_with(b"...") => line_end(stream, end),
        Some(next) => next,
        None => stream.len(),
    }
}

/// The marker with which a line begins: `---` or `...`.
fn marker(line: &[u8]) -> Option<&[u8]> {
    let (marker, rest) = line.split_at_checked(3)?;
    let is_marker = matches!(marker, b"---" | b"...");
    (is_marker && matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n'))).then_some(marker)
}

/// Whether a line above `---` belongs to the document below: a directive, a comment or a blank line.
fn may_precede_marker(line: &[u8]) -> bool {
    let line = line.strip_prefix(BOM).unwrap_or(line);
    line.starts_with(b"%") || matches!(line.trim_ascii_start().first(), None | Some(b'#'))
}

fn line_end(text: &[u8], from: usize) -> usize {
    match memchr::memchr2(b'\n', b'\r', &text[from..]) {
        Some(at) if text[from + at..].starts_with(b"\r\n") => from + at + 2,
        Some(at) => from + at + 1,
        None => text.len(),
    }
}

/// The offset after a byte-order mark, if one is there.
pub(crate) fn skip_bom(stream: &[u8], at: usize) -> usize {
    if stream[at..].starts_with(BOM) { at + BOM.len() } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_split_at_markers_and_nowhere_else() {
        for documents in [
            vec!["a: 1\n"],
            vec!["a: 1\n", "---\nb: 2\n"],
            vec!["---\na: 1\n", "---\nb: 2"],
            vec!["a: 1\r\n", "--- # c\r\nb: 2\r\n"],
            vec!["a: 1\r", "---\rb: 2\r"],
            vec!["---\ra: 1\n", "---\n"],
            vec!["# only a comment\n---\na: 1\n", "---\n"],
            vec!["%YAML 1.2\n---\na: 1\n...\n", "# c\n%TAG ! !\n---\nb: 2\n"],
            vec!["a: 1\n...\n", "b: 2\n"],
            vec!["a: 1\n", "---"],
            vec!["\u{feff}---\na: 1\n", "---\nb: 2\n"],
            vec!["\u{feff}# c\n---\na: 1\n"],
            vec!["\r\u{feff}\r# c\r---\ra: 1\r"],
            vec!["a:\n", "---\nb: 2\n"],
            vec!["a\n", "---\n", "---"],
            vec!["a\n...\n", "\u{feff}---\nb\n", "---\nc\n...\n", "\u{feff}...\n", "d"],
            vec!["-----\n", "---\n-----\n", "---\n"],
            vec!["--- >\n  text\n  ---\n ...\n----\n---x\n....\n", "---\ttext\n"],
            vec!["a: \"\n", "---\nb\"\n"],
            vec!["--- a\n...\n", "--- b\n"],
            vec!["...\n", "...\n"],
            vec!["---"],
        ] {
            let stream = documents.concat();
            let split: Vec<&str> = super::documents(stream.as_bytes()).map(|range| &stream[range]).collect();
            assert_eq!(split, documents);
        }
        assert_eq!(documents(b"").count(), 0);
    }
}
