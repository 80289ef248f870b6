//! Splits a stream into its documents.
//!
//! By the YAML specification, a line that begins with `---` or `...` and white space ends a document everywhere, even inside a
//! quoted scalar. So a stream can be split without parsing it.

use std::iter::{self, Peekable};
use std::ops::Range;

/// Any document may begin with a byte-order mark.
pub(crate) const BOM: &[u8] = "\u{feff}".as_bytes();

/// The documents of a stream, in order and without gaps. A document begins with its directives and its `---`. It ends before
/// the next marker or with its `...` line.
pub(crate) fn documents(stream: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut markers = markers(stream).peekable();
    let mut start = 0;
    iter::from_fn(move || {
        let end = document_end(stream, start, &mut markers)?;
        let range = start..end;
        start = end;
        Some(range)
    })
}

fn document_end(
    stream: &[u8],
    start: usize,
    markers: &mut Peekable<impl Iterator<Item = Marker>>,
) -> Option<usize> {
    if start == stream.len() {
        return None;
    }
    let mut is_open = false;
    // `markers` does not find a marker behind a byte-order mark.
    match marker_at(stream, skip_bom(stream, start)) {
        Some(Marker { kind: Kind::Start, line }) if line.start > start => is_open = true,
        Some(Marker { kind: Kind::End, line }) if line.start > start => return Some(line.end),
        _ => {}
    }
    while let Some(Marker { kind, line }) = markers.peek() {
        if *kind == Kind::End {
            return markers.next().map(|marker| marker.line.end);
        }
        if is_open || !is_prefix(&stream[start..line.start]) {
            return Some(line.start);
        }
        is_open = true;
        markers.next();
    }
    Some(stream.len())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    End,
}

#[derive(Debug)]
struct Marker {
    kind: Kind,
    line: Range<usize>,
}

/// The marker lines of a stream.
fn markers(stream: &[u8]) -> impl Iterator<Item = Marker> {
    let lines = memchr::memchr2_iter(b'\n', b'\r', stream).map(|line_break| line_break + 1);
    iter::once(0).chain(lines).filter_map(|line| marker_at(stream, line))
}

fn marker_at(stream: &[u8], line: usize) -> Option<Marker> {
    let kind = match stream.get(line..line + 3)? {
        b"---" => Kind::Start,
        b"..." => Kind::End,
        _ => return None,
    };
    matches!(stream.get(line + 3), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
        .then(|| Marker { kind, line: line..line_end(stream, line) })
}

/// Whether a text before `---` belongs to the document below: directives, comments and blank lines.
fn is_prefix(mut text: &[u8]) -> bool {
    while !text.is_empty() {
        let line = &text[..line_end(text, 0)];
        text = &text[line.len()..];
        let line = line.strip_prefix(BOM).unwrap_or(line);
        if !(line.starts_with(b"%") || matches!(line.trim_ascii_start().first(), None | Some(b'#'))) {
            return false;
        }
    }
    true
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
