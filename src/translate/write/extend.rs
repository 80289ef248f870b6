//! Adds entries to the mappings of a document, in the style of the entries there.

use granit_parser::ScalarStyle;

use super::change::{Change, Expected, Fragment};
use super::copied_annotation::{blanks_before, copied_annotation, explicit_key_blanks};
use super::lines::{BLANKS, NewLine, end_of_line_above, newline, newline_at, with_header};
use super::style::Style;
use crate::policy::KOTS_DELETE_POLICY;
use crate::translate::read::nodes::{Id, Kind, Node, Nodes};

/// Records the edits of one document in its [`Change`].
pub(crate) struct Extend<'c, 'n, 'a> {
    nodes: &'n Nodes<'a>,
    change: &'c mut Change<'a>,
}

impl<'c, 'n, 'a> Extend<'c, 'n, 'a> {
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
        } else if self.insert_after(mapping, value, entry).is_err() {
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
    pub(crate) fn insert_after(
        &mut self,
        mapping: Id,
        value: Id,
        entry: Fragment<'a>,
    ) -> Result<(), Fragment<'a>> {
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
    pub(crate) fn insert_first(&mut self, mapping: Id, entry: Fragment<'a>, style: Style) {
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
    pub(crate) fn replace_null(&mut self, null: Id, entry: Fragment<'a>) -> Result<(), &'static str> {
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

    /// Wraps a shared mapping in a new one, which merges it (`<<`) and has one more entry.
    pub(crate) fn wrap(&mut self, shared: Id, entry: Fragment<'a>) -> Result<(), &'static str> {
        let nodes = self.nodes;
        let node = nodes.get(shared);
        let block = node.is_block_mapping();
        if block {
            self.wrap_block(shared, &entry.text)?;
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

    /// Turns `&a` and its lines into `<<: &a` and its lines, indented by two more blanks.
    fn wrap_block(&mut self, shared: Id, entry: &str) -> Result<(), &'static str> {
        let nodes = self.nodes;
        let node = nodes.get(shared);
        let inner = nodes.column(node.text.start);
        let own_line =
            nodes.text[nodes.line_start(node.start)..node.start].trim_start_matches(' ').is_empty();
        let column = if own_line { nodes.column(node.start) } else { inner };
        let end = NewLine::below(nodes, shared)
            .ok_or("the shared mapping ends in a block scalar without a line break")?;
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

/// The separator after a value of a flow mapping. After a tag without a value it needs a blank, because the YAML library
/// behind Helm reads a comma there as a part of the tag.
fn comma_after(value: &Node<'_>) -> &'static str {
    if value.text.is_empty() && value.tag.is_some() { " ," } else { "," }
}
