//! The five ways to write an entry into a mapping, in the style of what stands there.

use granit_parser::ScalarStyle;

use super::change::{Change, Expected, Fragment};
use super::lines::{BLANKS, newline, newline_at};
use super::new_entry::Style;
use crate::policy::KOTS_DELETE_POLICY;
use crate::translate::read::nodes::{Id, Kind, Node, Nodes};

/// Writes entries into a document's mappings.
pub(crate) struct Extend<'c, 'n, 'a> {
    nodes: &'n Nodes<'a>,
    change: &'c mut Change<'a>,
}

impl<'c, 'n, 'a> Extend<'c, 'n, 'a> {
    pub(crate) fn new(nodes: &'n Nodes<'a>, change: &'c mut Change<'a>) -> Self {
        Self { nodes, change }
    }

    /// Repeats the policy's entry under the other key, directly after it.
    pub(crate) fn like(&mut self, mapping: Id, key: Id, value: Id, policy: &str) {
        let nodes = self.nodes;
        let entry = nodes.twin(mapping, key, value);
        if !nodes.get(mapping).is_block_mapping() {
            let blank = nodes.blank_before(mapping, key, value);
            let comma = comma_after(nodes.get(value));
            self.change.insert_text(nodes.get(value).text.end, format!("{comma}{blank}{}", entry.text));
            self.change.insert_nodes(nodes.get(value).end, entry.nodes);
        } else if self.after(mapping, value, entry).is_err() {
            // A literal or folded scalar that ends the input without a line break would gain one from a line after it.
            let depth = nodes.get(key).depth;
            let column = nodes.column(nodes.get(mapping).text.start);
            let mut entry = Fragment::default();
            entry.scalar(depth, KOTS_DELETE_POLICY, false);
            entry.text.push_str(": ");
            entry.scalar(depth, policy, true);
            let start = nodes.get(key).start.min(nodes.with_header(key).start);
            let at = nodes.explicit_key_blanks(mapping, key).map_or(start, |blanks| start - blanks.len() - 1);
            let newline = newline(nodes.text, at);
            self.change.insert_text(at, format!("{}{newline}{}", entry.text, " ".repeat(column)));
            self.change.insert_nodes(key, entry.nodes);
        }
    }

    /// Writes an entry after another one of the same mapping; gives it back if no line can follow there.
    pub(crate) fn after(&mut self, mapping: Id, value: Id, entry: Fragment<'a>) -> Result<(), Fragment<'a>> {
        let nodes = self.nodes;
        if nodes.get(mapping).is_block_mapping() {
            let Some(line) = nodes.line_after(value) else { return Err(entry) };
            let column = nodes.column(nodes.get(mapping).text.start);
            self.change.insert_text(line.at, line.with(&entry.text, column));
        } else {
            let comma = comma_after(nodes.get(value));
            self.change.insert_text(nodes.get(value).text.end, format!("{comma} {}", entry.text));
        }
        self.change.insert_nodes(nodes.get(value).end, entry.nodes);
        Ok(())
    }

    /// Writes an entry before all others of a mapping.
    pub(crate) fn first(&mut self, mapping: Id, entry: Fragment<'a>, style: Style) {
        let nodes = self.nodes;
        let start = nodes.get(mapping).text.start;
        if nodes.get(mapping).is_block_mapping() {
            let indent = " ".repeat(nodes.column(start));
            let newline = newline(nodes.text, start);
            match nodes.end_of_line_above(mapping) {
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

    /// Gives null annotations an entry.
    pub(crate) fn fill(&mut self, null: Id, entry: Fragment<'a>) -> Result<(), &'static str> {
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
                let line = nodes.line_end_after(after_colon).ok_or(NO_PLACE)?;
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
    pub(crate) fn merge(&mut self, shared: Id, entry: Fragment<'a>) -> Result<(), &'static str> {
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
        let end = nodes.line_after(shared).ok_or("the shared block ends in a scalar without a line break")?;
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
}

/// What separates a flow entry from the next. A value that is nothing but a tag keeps a blank before it, because the YAML
/// library behind Helm would take the comma for a part of the tag.
fn comma_after(value: &Node<'_>) -> &'static str {
    if value.text.is_empty() && value.tag.is_some() { " ," } else { "," }
}
