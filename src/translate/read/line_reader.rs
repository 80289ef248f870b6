//! Reads simple documents line by line, many times faster than the parser.
//!
//! A simple document consists of block mappings. Each key stands on a line with its value, or above a mapping of its own.
//! Every other text is left to the parser.
//!
//! Two checks make this safe. Debug builds compare the nodes with those of the parser, in every test. And the proof reads the
//! changed lines with the parser: their nodes must equal the ones found here plus the insertion.

use granit_parser::ScalarStyle;
use memchr::memchr;

use super::head::lines;
use super::nodes::{Id, Kind, Nodes};

/// The limits of the parser for nesting and for keys are far higher.
const MAX_INDENT: usize = 64;
const MAX_KEY: usize = 512;

pub(crate) fn read(text: &str) -> Option<Nodes<'_>> {
    let mut nodes = Nodes::new(text);
    let mut open: Vec<Open> = Vec::new();
    let mut awaits_mapping = true;
    for (start, line) in lines(text) {
        let content = line.trim_ascii();
        if !line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return None;
        }
        if content.is_empty() || content.starts_with('#') || start == 0 && line == "---" {
            continue;
        }
        let indent = line.len() - line.trim_ascii_start().len();
        let start = start + indent;
        while !awaits_mapping && open.last().is_some_and(|inner| inner.indent > indent) {
            nodes.close(open.pop()?.id, start);
        }
        if awaits_mapping {
            if indent > MAX_INDENT || open.last().is_some_and(|outer| outer.indent >= indent) {
                return None;
            }
            let parent = open.last().map(|outer| outer.id);
            let id = nodes.push(Kind::Mapping { flow: false }, start..start, parent);
            open.push(Open { id, indent });
        }
        let mapping = open.last().filter(|mapping| mapping.indent == indent)?.id;
        let (key, value) = entry(content)?;
        awaits_mapping = value.is_none();
        for scalar in [Some(key), value].into_iter().flatten() {
            let range = start + scalar.at..start + scalar.at + scalar.raw.len();
            nodes.push(
                Kind::Scalar { value: scalar.value.into(), style: scalar.style },
                range,
                Some(mapping),
            );
        }
    }
    while let Some(mapping) = open.pop() {
        nodes.close(mapping.id, text.len());
    }
    nodes.has_simple_lines = true;
    debug_assert!(
        awaits_mapping || Nodes::read(text).is_ok_and(|parsed| parsed.list() == nodes.list()),
        "{text:?}"
    );
    (!awaits_mapping).then_some(nodes)
}

struct Open {
    id: Id,
    indent: usize,
}

struct Scalar<'a> {
    /// The offset in its line.
    at: usize,
    /// The text with its quotes.
    raw: &'a str,
    value: &'a str,
    style: ScalarStyle,
}

fn entry(line: &str) -> Option<(Scalar<'_>, Option<Scalar<'_>>)> {
    let (key, rest) = scalar(line, plain_key)?;
    let rest = rest.strip_prefix(':').filter(|_| key.raw.len() <= MAX_KEY)?;
    if ends_line(rest) {
        return Some((key, None));
    }
    let text = rest.strip_prefix(' ')?.trim_ascii_start();
    let (value, rest) = scalar(text, plain_value)?;
    let value = Scalar { at: line.len() - text.len(), ..value };
    ends_line(rest).then_some((key, Some(value)))
}

/// The first scalar of a text and what follows it. `plain` returns the length of a plain scalar.
fn scalar(text: &str, plain: fn(&str) -> Option<usize>) -> Option<(Scalar<'_>, &str)> {
    let (style, length) = match text.as_bytes() {
        [b'"', inside @ ..] => (ScalarStyle::DoubleQuoted, memchr(b'"', inside)? + 2),
        [b'\'', inside @ ..] => (ScalarStyle::SingleQuoted, memchr(b'\'', inside)? + 2),
        _ => (ScalarStyle::Plain, plain(text)?),
    };
    let (raw, rest) = text.split_at(length);
    let value = if style == ScalarStyle::Plain { raw } else { &raw[1..length - 1] };
    (!value.contains('\\')).then_some((Scalar { at: 0, raw, value, style }, rest))
}

fn plain_key(text: &str) -> Option<usize> {
    let key = &text[..memchr(b':', text.as_bytes())?];
    let simple = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'-' | b'_');
    (begins_plain(key) && key.bytes().all(simple)).then_some(key.len())
}

/// A plain value ends at the end of the line or before a comment.
fn plain_value(text: &str) -> Option<usize> {
    let value = text[..memchr(b'#', text.as_bytes()).unwrap_or(text.len())].trim_ascii_end();
    (begins_plain(value) && !value.contains(": ") && !value.ends_with(':')).then_some(value.len())
}

fn begins_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || matches!(first, '.' | '/' | '_'))
}

fn ends_line(rest: &str) -> bool {
    rest.is_empty()
        || rest.starts_with(' ') && matches!(rest.trim_ascii_start().bytes().next(), None | Some(b'#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_simple_is_read_as_the_parser_reads_it() {
        for text in [
            "a: b\n",
            "a: b",
            "---\n# c\n\na:\n\n  # c\n  b: c\n  d: e\n# c\nf:\n    g: h\n    \n",
            "a:\n  b:\n    c: d\ne: f",
            "a: b  # c\r\n\"b\": 'c' # d\r\nc: \"d # e: f\"\r\n",
            "a:   b c, {d} [e] \"f\" g:h &i *j !k % @ ` | > ? -\n",
            "helm.sh/hook-weight: \"5\"\n'x-y_z': .5\n0: /a\n",
            "a: # c\n    b: ''\n",
            "a: b\ra: c\r",
            "a: ...\n...: b\n",
        ] {
            let (simple, parsed) = (read(text), Nodes::read(text).unwrap());
            assert_eq!(simple.as_ref().map(Nodes::list), Some(parsed.list()), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_simple_is_left_to_the_parser() {
        for text in [
            "",
            "---\n",
            "# c\n---\na: b\n",
            " ---\na: b\n",
            "a:\n",
            "a: b\nc:\n",
            "a:\nb: c\n",
            "a:\n  b: c\n d: e\n",
            "a: b\n  c\n",
            "a: b\n  c: d\n",
            "a:b\n",
            "a : b\n",
            "a: b: c\n",
            "a: b:\n",
            "a:\tb\n",
            "a: b\tc\n",
            "\ta: b\n",
            "- a\n",
            "a:\n- b\n",
            "? a\n: b\n",
            "<<: a\n",
            "~: a\n",
            "a: -1\n",
            "a: |\n  b\n",
            "a: {}\n",
            "a: &b c\n",
            "a: *b\n",
            "a: !b c\n",
            "&a b: c\n",
            "a: \"b\\n\"\n",
            "a: \"b\n  c\"\n",
            "a: 'b''c'\n",
            "a: \"b\" c\n",
            "a: \"b\"# c\n",
            "a: b#c\n",
            "\"a\":b\n",
            "\"a\" b: c\n",
            "a: b\u{e9}\n",
            "# \u{7}\na: b\n",
            "\u{feff}a: b\n",
            "%YAML 1.2\n---\na: b\n",
            "a: b\n---\nc: d\n",
            "a: b\n...\n",
            "a: @b\n",
            "a: `b\n",
            "a: %b\n",
            "a: ? b\n",
        ] {
            assert!(read(text).is_none(), "{text:?}");
        }
    }
}
