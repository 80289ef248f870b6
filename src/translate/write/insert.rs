//! Adds entries to the mappings of a document, in the style of the entries there.

use super::change::{Change, Expected, Fragment};
use super::entry::{Style, blanks_before, copied_annotation, explicit_key_blanks};
use super::lines::{BLANKS, NewLine, end_of_line_above, newline, with_header};
use crate::policy::KOTS_DELETE_POLICY;
use crate::translate::read::nodes::{Id, Kind, Node, Nodes};

/// Records the edits of one document in its [`Change`].
pub(crate) struct Insert<'c, 'n, 'a> {
    nodes: &'n Nodes<'a>,
    change: &'c mut Change<'a>,
}

impl<'c, 'n, 'a> Insert<'c, 'n, 'a> {
    pub(crate) fn new(nodes: &'n Nodes<'a>, change: &'c mut Change<'a>) -> Self {
        Self { nodes, change }
    }

    /// Repeats Helm's annotation under the KOTS key, directly after it.
    pub(crate) fn repeat_annotation(&mut self, mapping: Id, key: Id, value: Id, policy: &str) {
        let nodes = self.nodes;
        let entry = copied_annotation(nodes, mapping, key, value);
        if !nodes.get(mapping).is_block_mapping() {
            let blanks = blanks_before(nodes, mapping, key, value);
            let comma = comma_after(nodes.get(value));
            self.change.insert_text(nodes.get(value).text.end, format!("{comma}{blanks}{}", entry.text));
            self.change.insert_nodes(nodes.get(value).end, entry.nodes);
        } else if self.after(mapping, value, entry).is_err() {
            self.insert_quoted_before(mapping, key, policy);
        }
    }

    /// Inserts the policy above its original: a line below would add a line break to a block scalar that ends the input.
    fn insert_quoted_before(&mut self, mapping: Id, key: Id, policy: &str) {
        let nodes = self.nodes;
        let depth = nodes.get(key).depth;
        let column = nodes.column(nodes.get(mapping).text.start);
        let mut entry = Fragment::default();
        entry.push_plain(depth, KOTS_DELETE_POLICY);
        entry.text.push_str(": ");
        entry.push_quoted(depth, policy);
        let start = nodes.get(key).start.min(with_header(nodes, key).start);
        let at = explicit_key_blanks(nodes, mapping, key).map_or(start, |blanks| start - blanks.len() - 1);
        let newline = newline(nodes.text, at);
        self.change.insert_text(at, format!("{}{newline}{}", entry.text, " ".repeat(column)));
        self.change.insert_nodes(key, entry.nodes);
    }

    /// Inserts an entry after another one of the same mapping. Returns the entry if no line can follow there.
    pub(crate) fn after(&mut self, mapping: Id, value: Id, entry: Fragment<'a>) -> Result<(), Fragment<'a>> {
        let nodes = self.nodes;
        if nodes.get(mapping).is_block_mapping() {
            let Some(line) = NewLine::below(nodes, value) else { return Err(entry) };
            let column = nodes.column(nodes.get(mapping).text.start);
            self.change.insert_text(line.at, line.with(&entry.text, column));
        } else {
            let comma = comma_after(nodes.get(value));
            self.change.insert_text(nodes.get(value).text.end, format!("{comma} {}", entry.text));
        }
        self.change.insert_nodes(nodes.get(value).end, entry.nodes);
        Ok(())
    }

    /// Inserts an entry before all others of a mapping.
    pub(crate) fn first(&mut self, mapping: Id, entry: Fragment<'a>, style: Style) {
        let nodes = self.nodes;
        let start = nodes.get(mapping).text.start;
        if nodes.get(mapping).is_block_mapping() {
            let indent = " ".repeat(nodes.column(start));
            let newline = newline(nodes.text, start);
            match end_of_line_above(nodes, mapping) {
                Some(at) => self.change.insert_text(at, format!("{newline}{indent}{}", entry.text)),
                None => self.change.insert_text(start, format!("{}{newline}{indent}", entry.text)),
            }
        } else {
            let inside = &nodes.text[start + 1..];
            let blank = &inside[..inside.len() - inside.trim_start_matches(BLANKS).len()];
            let text = match (nodes.children(mapping).next(), blank) {
                (None, _) => entry.text,
                (Some(_), "") if style == Style::CompactJson => format!("{},", entry.text),
                (Some(_), "") => format!("{}, ", entry.text),
                (Some(_), blank) => format!("{blank}{},", entry.text),
            };
            self.change.insert_text(start + 1, text);
        }
        self.change.insert_nodes(mapping + 1, entry.nodes);
    }

    /// Replaces null annotations by a mapping with one entry.
    pub(crate) fn instead_of_null(&mut self, null: Id, entry: Fragment<'a>) -> Result<(), &'static str> {
        let nodes = self.nodes;
        let written = !nodes.get(null).text.is_empty();
        let block = !written && nodes.is_in_block_mapping(null);
        if written {
            self.change.replace_text(nodes.get(null).text.clone(), format!("{{{}}}", entry.text));
        } else {
            const NO_PLACE: &str = "the annotations have no value and no room for one";
            let key_end = nodes.get(null - 1).text.end;
            let colon = nodes.text[key_end..].trim_start_matches(BLANKS).strip_prefix(':').ok_or(NO_PLACE)?;
            let after_colon = nodes.text.len() - colon.len();
            if block {
                let mapping = nodes.get(null).parent.unwrap_or_default();
                let column = nodes.column(nodes.get(mapping).text.start) + 2;
                let line = NewLine::at_line_end(nodes, after_colon).ok_or(NO_PLACE)?;
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
}

/// The separator after a value of a flow mapping. After a tag without a value it needs a blank, because the YAML library
/// behind Helm reads a comma there as a part of the tag.
fn comma_after(value: &Node<'_>) -> &'static str {
    if value.text.is_empty() && value.tag.is_some() { " ," } else { "," }
}
