//! Finds where a new line can stand and which line break it takes.

use std::ops::Range;

use crate::translate::read::nodes::{Id, Kind, Nodes};

pub(crate) const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

pub(crate) struct NewLine<'a> {
    pub(crate) at: usize,
    newline: &'a str,
    /// Whether the place begins a line, because the line break before it belongs to a scalar. Then the new line ends in a line break.
    begins_line: bool,
}

impl<'a> NewLine<'a> {
    pub(crate) fn below(nodes: &Nodes<'a>, value: Id) -> Option<Self> {
        let last = last_inside(nodes, value);
        let text = nodes.text;
        if !nodes.is_block_scalar(last) {
            return Self::at_line_end(nodes, nodes.range(last).end);
        }
        let at = content_end(nodes, last);
        let begins_line = text[nodes.range(last).start..at].ends_with(['\n', '\r']);
        // At the end of the input, a line below adds a line break to the scalar. It changes the value unless it is stripped.
        let adds_newline =
            !begins_line && newline_at(text, at).is_empty() && chomping(nodes, last) != Some('-');
        (!nodes.raw(last).is_empty() && !adds_newline).then(|| Self {
            at,
            newline: newline(text, at),
            begins_line,
        })
    }

    /// A place at the end of a line, if only a comment stands between a text and that end.
    pub(crate) fn at_line_end(nodes: &Nodes<'a>, text_end: usize) -> Option<Self> {
        let text = nodes.text;
        let at = nodes.line_end(text_end);
        let comment = text[text_end..at].trim_start_matches([' ', '\t']);
        let is_comment = comment.starts_with('#') && comment.len() < at - text_end;
        (comment.is_empty() || is_comment).then(|| Self {
            at,
            newline: newline(text, at),
            begins_line: false,
        })
    }

    pub(crate) fn with(&self, entry: &str, column: usize) -> String {
        let indent = " ".repeat(column);
        let bare = entry.trim_end_matches(['\n', '\r']);
        match self.begins_line {
            true if bare.len() < entry.len() => format!("{indent}{entry}"),
            true => format!("{indent}{entry}{}", self.newline),
            false => format!("{}{indent}{bare}", self.newline),
        }
    }
}

/// The end of the line above a block mapping and its comments, if the mapping begins a line.
pub(crate) fn end_of_line_above(nodes: &Nodes<'_>, mapping: Id) -> Option<usize> {
    let start = nodes.range(mapping).start;
    let mut line = nodes.line_start(start);
    if !nodes.text[line..start].bytes().all(|byte| byte == b' ') {
        return None;
    }
    loop {
        let before = &nodes.text[..line];
        let above = before.strip_suffix("\r\n").or_else(|| before.strip_suffix(['\n', '\r']))?;
        line = nodes.line_start(above.len());
        let content = above[line..].trim_start();
        if !(content.is_empty() || content.starts_with('#')) {
            return Some(above.len());
        }
    }
}

/// Where the content of a value ends. Line breaks that a block scalar clips or strips do not count.
pub(crate) fn content_end(nodes: &Nodes<'_>, value: Id) -> usize {
    let Range { start, end } = nodes.range(value);
    if !nodes.is_block_scalar(value) || chomping(nodes, value) == Some('+') {
        return end;
    }
    start + without_blank_lines(nodes.raw(value), nodes.column(start)).len()
}

/// The text of a scalar with the header of a block scalar (`|-`).
pub(crate) fn with_header(nodes: &Nodes<'_>, id: Id) -> Range<usize> {
    let Range { start, end } = nodes.range(id);
    if !nodes.is_block_scalar(id) {
        return start..end;
    }
    // The header ends the last line above the content that is not blank. It follows the key, the anchor or the tag.
    let above = nodes.text[..nodes.line_start(start)].trim_end();
    let before = id.checked_sub(1).map_or(0, |before| match nodes.kind(before) {
        Kind::Scalar(_) | Kind::Alias => nodes.range(before).end,
        _ => nodes.range(before).start,
    });
    let from = nodes.line_start(above.len()).max(before).max(nodes.properties(id).range.end);
    let header = above.get(from..).and_then(|line| line.find(['|', '>'])).unwrap_or(0);
    from + header..end
}

/// The line break at a byte, or an empty string.
pub(crate) fn newline_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let length = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with(['\n', '\r'])) };
    &rest[..length]
}

/// The line break for a new line at a byte: the one there, or the last one before it, or a line feed.
pub(crate) fn newline(text: &str, at: usize) -> &str {
    let last_above = text[..at].rfind(['\n', '\r']);
    let above = last_above.map(|last| if text[..=last].ends_with("\r\n") { last - 1 } else { last });
    let places = [Some(at), above].into_iter().flatten();
    places.map(|at| newline_at(text, at)).find(|newline| !newline.is_empty()).unwrap_or("\n")
}

/// The chomping indicator of a block scalar: `+` keeps the last line breaks, `-` strips them.
fn chomping(nodes: &Nodes<'_>, value: Id) -> Option<char> {
    let header = &nodes.text[with_header(nodes, value).start..nodes.range(value).start];
    let mut indicators = header.chars().skip(1).take_while(|&c| c.is_ascii_digit() || matches!(c, '+' | '-'));
    indicators.find(|c| !c.is_ascii_digit())
}

fn last_inside(nodes: &Nodes<'_>, id: Id) -> Id {
    let mut last = id;
    while let Kind::Mapping { flow: false } | Kind::Sequence { flow: false } = nodes.kind(last) {
        match nodes.children(last).last() {
            Some(child) => last = child,
            None => break,
        }
    }
    last
}

/// The content of a block scalar without its last line break and blank lines.
fn without_blank_lines(mut content: &str, indent: usize) -> &str {
    while let Some(at) = content.rfind(['\n', '\r']) {
        let last = &content[at + 1..];
        if last.len() > indent || !last.bytes().all(|byte| byte == b' ') {
            break;
        }
        content = &content[..at];
    }
    content
}
