//! Where in a document a new line can be put, and which line break it takes.

use crate::translate::read::nodes::{Id, Nodes};

impl<'a> Nodes<'a> {
    /// Where a new line can follow a value of a block mapping.
    pub(crate) fn line_after(&self, value: Id) -> Option<NewLine<'a>> {
        let last = self.last_inside(value);
        let node = self.get(last);
        let text = self.text;
        if !node.is_block_scalar() {
            return self.line_end_after(node.text.end);
        }
        let at = self.content_end(last);
        let begun = self.text[node.text.start..at].ends_with(['\n', '\r']);
        // A line break that a stripped one gains at the end of the input says nothing; any other would.
        let gains = !begun && newline_at(text, at).is_empty() && self.chomping(last) != Some('-');
        (!node.text.is_empty() && !gains).then(|| NewLine { at, newline: newline(text, at), begun })
    }

    /// Where a value's text ends: for a clipped or stripped block scalar before its last line break, for a kept one after it.
    pub(crate) fn content_end(&self, value: Id) -> usize {
        let node = self.get(value);
        let content = &self.text[node.text.clone()];
        if !node.is_block_scalar() || self.chomping(value) == Some('+') {
            return node.text.end;
        }
        node.text.start + without_blank_lines(content, self.column(node.text.start)).len()
    }

    /// What the header of a literal or folded scalar says about its last line breaks: to keep (`+`) or to strip them (`-`).
    fn chomping(&self, value: Id) -> Option<char> {
        let header = &self.text[self.with_header(value).start..self.get(value).text.start];
        let mut indicators =
            header.chars().skip(1).take_while(|&c| c.is_ascii_digit() || matches!(c, '+' | '-'));
        indicators.find(|c| !c.is_ascii_digit())
    }

    /// The end of the line on which a text ends, if nothing but a comment follows there.
    pub(crate) fn line_end_after(&self, end: usize) -> Option<NewLine<'a>> {
        let text = self.text;
        let at = self.line_end(end);
        let comment = text[end..at].trim_start_matches([' ', '\t']);
        let is_comment = comment.starts_with('#') && comment.len() < at - end;
        (comment.is_empty() || is_comment).then(|| NewLine { at, newline: newline(text, at), begun: false })
    }

    /// The end of the line above a block mapping, if the mapping's first entry begins a line. Comments between
    /// belong to that entry, so the line above them is meant.
    pub(crate) fn end_of_line_above(&self, mapping: Id) -> Option<usize> {
        let node = self.get(mapping);
        let mut line = self.line_start(node.text.start);
        if !self.text[line..node.text.start].bytes().all(|byte| byte == b' ') {
            return None;
        }
        loop {
            let above = self.text[..line]
                .strip_suffix("\r\n")
                .or_else(|| self.text[..line].strip_suffix(['\n', '\r']))?;
            line = self.line_start(above.len());
            let content = above[line..].trim_start();
            if !(content.is_empty() || content.starts_with('#')) {
                return Some(above.len());
            }
        }
    }
}

/// A place where a line can follow another.
pub(crate) struct NewLine<'a> {
    pub(crate) at: usize,
    newline: &'a str,
    /// The line break before the place belongs to a value, so the new line ends in one of its own.
    begun: bool,
}

impl NewLine<'_> {
    pub(crate) fn with(&self, entry: &str, column: usize) -> String {
        let indent = " ".repeat(column);
        let bare = entry.trim_end_matches(['\n', '\r']);
        match self.begun {
            true if bare.len() < entry.len() => format!("{indent}{entry}"),
            true => format!("{indent}{entry}{}", self.newline),
            false => format!("{}{indent}{bare}", self.newline),
        }
    }
}

/// White space of YAML.
pub(crate) const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// The line break at a byte, if there is one.
pub(crate) fn newline_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let length = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with(['\n', '\r'])) };
    &rest[..length]
}

/// The line break that a new line at a byte should have: the one there, or the last one before, or a line feed.
pub(crate) fn newline(text: &str, at: usize) -> &str {
    let here = newline_at(text, at);
    if !here.is_empty() {
        return here;
    }
    match text[..at].rfind(['\n', '\r']) {
        Some(before) if text[..before].ends_with('\r') && text[before..].starts_with('\n') => {
            &text[before - 1..=before]
        }
        Some(before) => &text[before..=before],
        None => "\n",
    }
}

/// A clipped or stripped scalar's content without its last line break and the blank lines at its end.
fn without_blank_lines(mut content: &str, indent: usize) -> &str {
    while let Some(at) = content.rfind(['\n', '\r']) {
        let last = &content[at + 1..];
        if last.len() > indent || !last.bytes().all(|byte| byte == b' ') {
            break;
        }
        content = content[..at]
            .strip_suffix('\r')
            .filter(|_| content[at..].starts_with('\n'))
            .unwrap_or(&content[..at]);
    }
    content
}
