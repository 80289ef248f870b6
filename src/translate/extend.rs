//! The five ways to write an entry into a mapping, in the style of what stands there.

use granit_parser::ScalarStyle;

use super::change::{Change, Expected, Fragment};
use super::nodes::{Id, Kind, Nodes};
use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};

/// Writes entries into a document's mappings.
pub(super) struct Extend<'c, 'n, 'a> {
    nodes: &'n Nodes<'a>,
    change: &'c mut Change<'a>,
}

impl<'c, 'n, 'a> Extend<'c, 'n, 'a> {
    pub(super) fn new(nodes: &'n Nodes<'a>, change: &'c mut Change<'a>) -> Self {
        Self { nodes, change }
    }

    /// Repeats the policy's entry under the other key, directly after it.
    pub(super) fn like(&mut self, mapping: Id, key: Id, value: Id, policy: &str) {
        let nodes = self.nodes;
        let entry = self.entry_like(mapping, key, value);
        if !nodes.get(mapping).is_block_mapping() {
            let blank = self.blank_before(mapping, key, value);
            self.change.insert_text(nodes.get(value).text.end, format!(",{blank}{}", entry.text));
            self.change.insert_nodes(nodes.get(value).end, entry.nodes);
        } else if let Err(entry) = self.after(mapping, value, entry) {
            // A literal or folded scalar that ends the input without a line break would gain one from a line after it.
            drop(entry);
            let depth = nodes.get(key).depth;
            let column = nodes.column(nodes.get(mapping).text.start);
            let mut entry = Fragment::default();
            entry.scalar(depth, KOTS_DELETE_POLICY, false);
            entry.text.push_str(": ");
            entry.scalar(depth, policy, true);
            let start = nodes.get(key).start.min(nodes.with_header(key).start);
            let at = self.explicit_key_blanks(mapping, key).map_or(start, |blanks| start - blanks.len() - 1);
            let newline = newline(nodes.text, at);
            self.change.insert_text(at, format!("{}{newline}{}", entry.text, " ".repeat(column)));
            self.change.insert_nodes(key, entry.nodes);
        }
    }

    /// Writes an entry after another one of the same mapping; gives it back if no line can follow there.
    pub(super) fn after(&mut self, mapping: Id, value: Id, entry: Fragment<'a>) -> Result<(), Fragment<'a>> {
        let nodes = self.nodes;
        if nodes.get(mapping).is_block_mapping() {
            let Some(line) = self.line_after(value) else { return Err(entry) };
            let column = nodes.column(nodes.get(mapping).text.start);
            self.change.insert_text(line.at, line.with(&entry.text, column));
        } else {
            self.change.insert_text(nodes.get(value).text.end, format!(", {}", entry.text));
        }
        self.change.insert_nodes(nodes.get(value).end, entry.nodes);
        Ok(())
    }

    /// Writes an entry before all others of a mapping.
    pub(super) fn first(&mut self, mapping: Id, entry: Fragment<'a>) {
        let nodes = self.nodes;
        let start = nodes.get(mapping).text.start;
        if nodes.get(mapping).is_block_mapping() {
            let indent = " ".repeat(nodes.column(start));
            let newline = newline(nodes.text, start);
            match self.end_of_line_above(mapping) {
                Some(at) => self.change.insert_text(at, format!("{newline}{indent}{}", entry.text)),
                None => self.change.insert_text(start, format!("{}{newline}{indent}", entry.text)),
            }
        } else {
            let inside = &nodes.text[start + 1..];
            let blank = &inside[..inside.len() - inside.trim_start_matches(BLANKS).len()];
            let text = match (nodes.children(mapping).next(), blank) {
                (None, _) => entry.text,
                (Some(_), "") if entry.text.contains("\":\"") || entry.text.contains("\":{") => {
                    format!("{},", entry.text)
                }
                (Some(_), "") => format!("{}, ", entry.text),
                (Some(_), blank) => format!("{blank}{},", entry.text),
            };
            self.change.insert_text(start + 1, text);
        }
        self.change.insert_nodes(mapping + 1, entry.nodes);
    }

    /// Gives null annotations an entry.
    pub(super) fn fill(&mut self, null: Id, entry: Fragment<'a>) -> Result<(), &'static str> {
        let nodes = self.nodes;
        let written = !nodes.get(null).text.is_empty();
        let block = !written && nodes.is_in_block_mapping(null);
        if written {
            self.change.replace_text(nodes.get(null).text.clone(), format!("{{{}}}", entry.text));
        } else {
            const NO_PLACE: &str = "the annotations have no value, and no place for one";
            let key_end = nodes.get(null - 1).text.end;
            let colon = nodes.text[key_end..].trim_start_matches(BLANKS).strip_prefix(':').ok_or(NO_PLACE)?;
            let after_colon = nodes.text.len() - colon.len();
            if block {
                let mapping = nodes.get(null).parent.unwrap_or_default();
                let column = nodes.column(nodes.get(mapping).text.start) + 2;
                let line = self.line_end_after(after_colon).ok_or(NO_PLACE)?;
                self.change.insert_text(line.at, line.with(&entry.text, column));
            } else {
                self.change.insert_text(after_colon, format!(" {{{}}}", entry.text));
            }
        }
        let mut filled = vec![Expected::new(nodes.get(null).depth, Kind::Mapping { flow: !block })];
        filled.extend(entry.nodes);
        self.change.replace_node(null, filled);
        Ok(())
    }

    /// Puts a mapping around a shared one, that merges it and has one entry more.
    pub(super) fn merge(&mut self, shared: Id, entry: Fragment<'a>) -> Result<(), &'static str> {
        let nodes = self.nodes;
        let node = nodes.get(shared);
        let block = node.is_block_mapping();
        if block {
            self.merge_block(shared, &entry.text)?;
        } else {
            self.change.insert_text(node.start, "{<<: ");
            self.change.insert_text(node.text.end, format!(", {}}}", entry.text));
        }
        let merge_key = Kind::Scalar { value: "<<".into(), style: ScalarStyle::Plain };
        self.change.insert_nodes(
            shared,
            vec![
                Expected::new(node.depth, Kind::Mapping { flow: !block }),
                Expected::new(node.depth + 1, merge_key),
            ],
        );
        self.change.deepen(shared..node.end);
        self.change.insert_nodes(node.end, entry.nodes);
        Ok(())
    }

    /// `&a` and its lines become `<<: &a` and its lines, two blanks further in.
    fn merge_block(&mut self, shared: Id, entry: &str) -> Result<(), &'static str> {
        let nodes = self.nodes;
        let node = nodes.get(shared);
        let inner = nodes.column(node.text.start);
        let own_line =
            nodes.text[nodes.line_start(node.start)..node.start].trim_start_matches(' ').is_empty();
        let column = if own_line { nodes.column(node.start) } else { inner };
        let end = self.line_after(shared).ok_or("the shared block ends in a scalar without a line break")?;
        let newline = newline(nodes.text, node.start);
        let merge_key =
            if own_line { "<<: ".to_owned() } else { format!("{newline}{}<<: ", " ".repeat(column)) };
        self.change.insert_text(node.start, merge_key);
        let further = " ".repeat((column + 2).saturating_sub(inner).max(2));
        let properties_line = nodes.line_end(node.properties_end);
        let mut line = properties_line + newline_at(nodes.text, properties_line).len();
        while line < end.at {
            let line_end = nodes.line_end(line);
            if !nodes.text[line..line_end].trim().is_empty() {
                self.change.insert_text(line, further.as_str());
            }
            line = line_end + newline_at(nodes.text, line_end).len().max(1);
        }
        self.change.insert_text(end.at, end.with(entry, column));
        Ok(())
    }

    /// A policy's entry under the other key: the same quotes, the same separator, the same value.
    fn entry_like(&self, mapping: Id, key: Id, value: Id) -> Fragment<'a> {
        let nodes = self.nodes;
        let (key_node, value_node) = (nodes.get(key), nodes.get(value));
        let key_text = nodes.with_header(key);
        let value_text = nodes.with_header(value);
        let separator = &nodes.text[key_text.end..value_text.start];
        // Comments, anchors and tags between them are not repeated.
        let bare = separator.trim_matches(BLANKS) == ":";
        let explicit = self.explicit_key_blanks(mapping, key);
        let raw = &nodes.text[key_text];
        let mut entry = Fragment::default();
        let style = match &key_node.kind {
            Kind::Scalar { style, .. }
                if raw.contains(HELM_DELETE_POLICY)
                    && (explicit.is_some() || !key_node.is_block_scalar()) =>
            {
                entry.text = raw.replace(HELM_DELETE_POLICY, KOTS_DELETE_POLICY);
                *style
            }
            Kind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => {
                entry.text = format!("\"{KOTS_DELETE_POLICY}\"");
                ScalarStyle::DoubleQuoted
            }
            _ => {
                entry.text = KOTS_DELETE_POLICY.to_owned();
                ScalarStyle::Plain
            }
        };
        if let Some(blanks) = explicit {
            entry.text.insert_str(0, &format!("?{blanks}"));
        }
        match explicit {
            _ if bare => entry.text.push_str(separator),
            Some(_) if nodes.get(mapping).is_block_mapping() => {
                let indent = " ".repeat(nodes.column(nodes.get(mapping).text.start));
                entry.text.push_str(&format!("{}{indent}: ", newline(nodes.text, value_node.start)));
            }
            _ => entry.text.push_str(": "),
        }
        if value_node.tag.is_some() {
            entry.text.push_str(&nodes.text[value_node.tag_text.clone()]);
            entry.text.push(' ');
        }
        let value_text = &nodes.text[value_text.start..self.content_end(value)];
        let header = value_text.find(['\n', '\r']).filter(|_| value_node.is_block_scalar()).unwrap_or(0);
        let (header, content) = value_text.split_at(header);
        entry.text.push_str(header.split(['#', ' ', '\t']).next().unwrap_or_default());
        entry.text.push_str(content);
        entry.nodes = vec![
            Expected::new(key_node.depth, Kind::Scalar { value: KOTS_DELETE_POLICY.into(), style }),
            Expected::copy_of(value_node, key_node.depth),
        ];
        entry
    }

    /// The blanks between the `?` of an explicit key and the key; nothing if the key is not explicit.
    fn explicit_key_blanks(&self, mapping: Id, key: Id) -> Option<&'a str> {
        let nodes = self.nodes;
        let before = &nodes.text[..nodes.get(key).start.min(nodes.with_header(key).start)];
        let outside = before.trim_end_matches(BLANKS);
        let explicit = if nodes.get(mapping).is_block_mapping() {
            nodes.column(before.len()) != nodes.column(nodes.get(mapping).text.start)
        } else {
            outside.ends_with('?')
        };
        explicit.then_some(&before[outside.len()..])
    }

    /// The blanks to put before a new entry of a flow mapping: those between an entry and the `{` or `,` before it.
    fn blank_before(&self, mapping: Id, key: Id, value: Id) -> &'a str {
        let nodes = self.nodes;
        let before = &nodes.text[..nodes.get(key).start];
        let before = match self.explicit_key_blanks(mapping, key) {
            Some(blanks) => &before[..before.len() - blanks.len() - 1],
            None => before,
        };
        let outside = before.trim_end_matches(BLANKS);
        let blank = &before[outside.len()..];
        let compact = nodes.text[nodes.get(key).text.end..nodes.get(value).start].ends_with(':');
        match blank {
            "" if compact => "",
            "" => " ",
            blank if blank.contains(['\n', '\r']) || outside.ends_with(['{', ',']) => blank,
            _ => " ",
        }
    }

    /// Where a new line can follow a value of a block mapping.
    fn line_after(&self, value: Id) -> Option<NewLine<'a>> {
        let nodes = self.nodes;
        let last = nodes.last_inside(value);
        let node = nodes.get(last);
        let text = nodes.text;
        if !node.is_block_scalar() {
            return self.line_end_after(node.text.end);
        }
        let at = self.content_end(last);
        let newline = newline_at(text, at);
        match nodes.text[node.text.start..at].ends_with(['\n', '\r']) {
            _ if node.text.is_empty() => None,
            true => Some(NewLine { at, newline: self::newline(text, at), begun: true }),
            false if newline.is_empty() => None,
            false => Some(NewLine { at, newline, begun: false }),
        }
    }

    /// Where a value's text ends: for a clipped or stripped block scalar before its last line break, for a kept one after it.
    fn content_end(&self, value: Id) -> usize {
        let nodes = self.nodes;
        let node = nodes.get(value);
        let content = &nodes.text[node.text.clone()];
        let header = &nodes.text[nodes.with_header(value).start..node.text.start];
        let indicators =
            header.trim_start_matches(['|', '>', '-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        if !node.is_block_scalar() || indicators.starts_with('+') {
            return node.text.end;
        }
        node.text.start + without_blank_lines(content, nodes.column(node.text.start)).len()
    }

    /// The end of the line on which a text ends, if nothing but a comment follows there.
    fn line_end_after(&self, end: usize) -> Option<NewLine<'a>> {
        let text = self.nodes.text;
        let at = self.nodes.line_end(end);
        let comment = text[end..at].trim_start_matches([' ', '\t']);
        let is_comment = comment.starts_with('#') && comment.len() < at - end;
        (comment.is_empty() || is_comment).then(|| NewLine { at, newline: newline(text, at), begun: false })
    }

    /// The end of the line above a block mapping, if the mapping's first entry begins a line. Comments between
    /// belong to that entry, so the line above them is meant.
    fn end_of_line_above(&self, mapping: Id) -> Option<usize> {
        let nodes = self.nodes;
        let node = nodes.get(mapping);
        let mut line = nodes.line_start(node.text.start);
        if !nodes.text[line..node.text.start].bytes().all(|byte| byte == b' ') {
            return None;
        }
        loop {
            let above = nodes.text[..line]
                .strip_suffix("\r\n")
                .or_else(|| nodes.text[..line].strip_suffix(['\n', '\r']))?;
            line = nodes.line_start(above.len());
            let content = above[line..].trim_start();
            if !(content.is_empty() || content.starts_with('#')) {
                return Some(above.len());
            }
        }
    }
}

/// A place where a line can follow another.
struct NewLine<'a> {
    at: usize,
    newline: &'a str,
    /// The line break before the place belongs to a value, so the new line ends in one of its own.
    begun: bool,
}

impl NewLine<'_> {
    fn with(&self, entry: &str, column: usize) -> String {
        let indent = " ".repeat(column);
        let bare = entry.trim_end_matches(['\n', '\r']);
        match self.begun {
            true if bare.len() < entry.len() => format!("{indent}{entry}"),
            true => format!("{indent}{entry}{}", self.newline),
            false => format!("{}{indent}{bare}", self.newline),
        }
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// The line break at a byte, if there is one.
fn newline_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let length = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with(['\n', '\r'])) };
    &rest[..length]
}

/// The line break that a new line at a byte should have: the one there, or the last one before, or a line feed.
pub(super) fn newline(text: &str, at: usize) -> &str {
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
