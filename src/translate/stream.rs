//! Splits a stream into its documents.
//!
//! By the YAML specification a line that begins with `---` or `...` followed by white space ends a document
//! wherever it stands, even inside a quoted scalar. So the stream can be split before it is parsed.

use std::ops::Range;

use memchr::memmem;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// The documents of a stream, in order and without gaps. Each begins with its own directives and `---`, and
/// ends before the next marker, or with its `...` line.
pub(super) fn documents(stream: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = document_end(stream, start)?;
        let range = start..end;
        start = end;
        Some(range)
    })
}

fn document_end(stream: &[u8], start: usize) -> Option<usize> {
    if start == stream.len() {
        return None;
    }
    let mut marker = marker_at(stream, skip_bom(stream, start)).or_else(|| next_marker(stream, start));
    if let Some(Marker { kind: Kind::Start, line }) = &marker
        && is_prefix(&stream[start..line.start])
    {
        marker = next_marker(stream, line.start);
    }
    Some(match marker {
        Some(Marker { kind: Kind::Start, line }) => line.start,
        Some(Marker { kind: Kind::End, line }) => line.end,
        None => stream.len(),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `---`
    Start,
    /// `...`
    End,
}

/// A document marker and its line; the line break is part of the line.
#[derive(Debug)]
struct Marker {
    kind: Kind,
    line: Range<usize>,
}

/// The first marker on a line after the one at `from`.
fn next_marker(stream: &[u8], from: usize) -> Option<Marker> {
    let mut window = &stream[from..];
    let mut first = None;
    // The commonest comes first and bounds the search for the others, so that each byte is looked at while it is near.
    for needle in [b"\n---", b"\r---", b"\n...", b"\r..."] {
        let mut hits = memmem::find_iter(window, needle);
        if let Some(marker) = hits.find_map(|at| marker_at(stream, from + at + 1)) {
            window = &stream[from..marker.line.start];
            first = Some(marker);
        }
    }
    first
}

/// The marker that begins at a line's start, if there is one.
fn marker_at(stream: &[u8], line: usize) -> Option<Marker> {
    let kind = match stream.get(line..line + 3)? {
        b"---" => Kind::Start,
        b"..." => Kind::End,
        _ => return None,
    };
    matches!(stream.get(line + 3), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
        .then(|| Marker { kind, line: line..line_end(stream, line) })
}

/// Whether a text before a `---` belongs to the document that it starts: directives, comments and blank lines.
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

fn skip_bom(stream: &[u8], at: usize) -> usize {
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
            vec!["--- >\n  text\n  ---\n ...\n----\n---x\n....\n", "---\ttext\n"],
            vec!["a: \"\n", "---\nb\"\n"],
            vec!["--- a\n...\n", "--- b\n"],
            vec!["...\n", "...\n"],
            vec!["a: 1\n", "---"],
            vec!["---"],
        ] {
            let stream = documents.concat();
            let split: Vec<&str> = super::documents(stream.as_bytes()).map(|range| &stream[range]).collect();
            assert_eq!(split, documents);
        }
        assert_eq!(documents(b"").count(), 0);
    }
}
