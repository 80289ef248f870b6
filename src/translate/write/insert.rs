//! Adds entries to the mappings of a document, in the style of the entries there.

use granit_parser::ScalarStyle;

use super::change::{Change, Expected, Fragment};
use super::entry::{Policy, Style, blanks_before, copied_annotation, explicit_key_blanks, policy_entry};
use super::lines::{BLANKS, NewLine, content_end, end_of_line_above, newline, with_header};
use crate::translate::read::nodes::{Id, Kind, Node, Nodes};

impl<'a> Change<'a> {
    /// Repeats Helm's annotation under the KOTS key, directly after it.
    pub(crate) fn repeat_annotation(
        &mut self,
        nodes: &Nodes<'a>,
        mapping: Id,
        key: Id,
        value: Id,
        policy: Policy<'_>,
    ) {
        let entry = copied_annotation(nodes, mapping, key, value);
        if !nodes.get(mapping).is_block_mapping() {
            let blanks = blanks_before(nodes, mapping, key, value);
            let comma = comma_after(nodes.get(value));
            self.insert_text(nodes.get(value).text.end, format!("{comma}{blanks}{}", entry.text));
            self.insert_nodes(nodes.get(value).end, entry.nodes);
        } else if self.insert_after(nodes, mapping, value, entry).is_err() {
            self.insert_quoted_before(nodes, mapping, key, policy);
        }
    }

    /// Inserts the policy above its original: a line below would add a line break to a block scalar that ends the input.
    fn insert_quoted_before(&mut self, nodes: &Nodes<'a>, mapping: Id, key: Id, policy: Policy<'_>) {
        let entry = policy_entry(nodes.get(key).depth, policy, Style::Block);
        let start = nodes.get(key).start.min(with_header(nodes, key).start);
        let at = explicit_key_blanks(nodes, mapping, key).map_or(start, |blanks| start - blanks.len() - 1);
        let (newline, indent) = (newline(nodes.text, at), " ".repeat(nodes.indent(mapping)));
        self.insert_text(at, format!("{}{newline}{indent}", entry.text));
        self.insert_nodes(key, entry.nodes);
    }

    /// Inserts an entry after another one of the same mapping. Returns the entry if no line can follow there.
    pub(crate) fn insert_after(
        &mut self,
        nodes: &Nodes<'a>,
        mapping: Id,
        value: Id,
        entry: Fragment<'a>,
    ) -> Result<(), Fragment<'a>> {
        if nodes.get(mapping).is_block_mapping() {
            let Some(line) = NewLine::below(nodes, value) else { return Err(entry) };
            self.insert_text(line.at, line.with(&entry.text, nodes.indent(mapping)));
        } else {
            let comma = comma_after(nodes.get(value));
            self.insert_text(nodes.get(value).text.end, format!("{comma} {}", entry.text));
        }
        self.insert_nodes(nodes.get(value).end, entry.nodes);
        Ok(())
    }

    /// Inserts an entry before all others of a mapping.
    pub(crate) fn insert_first(&mut self, nodes: &Nodes<'a>, mapping: Id, entry: Fragment<'a>, style: Style) {
        let start = nodes.get(mapping).text.start;
        if nodes.get(mapping).is_block_mapping() {
            let indent = " ".repeat(nodes.indent(mapping));
            let newline = newline(nodes.text, start);
            match end_of_line_above(nodes, mapping) {
                Some(at) => self.insert_text(at, format!("{newline}{indent}{}", entry.text)),
                None => self.insert_text(start, format!("{}{newline}{indent}", entry.text)),
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
            self.insert_text(start + 1, text);
        }
        self.insert_nodes(mapping + 1, entry.nodes);
    }

    /// Replaces null annotations by a mapping with one entry.
    pub(crate) fn replace_null(
        &mut self,
        nodes: &Nodes<'a>,
        null: Id,
        entry: Fragment<'a>,
    ) -> Result<(), &'static str> {
        const NO_PLACE: &str = "the annotations have no value and no place for one";
        let written = !nodes.get(null).text.is_empty();
        let block = !written && nodes.is_in_block_mapping(null);
        if block {
            let mapping = nodes.get(null).parent.unwrap_or_default();
            let column = nodes.indent(mapping) + 2;
            let line =
                after_colon(nodes, null).and_then(|at| NewLine::at_line_end(nodes, at)).ok_or(NO_PLACE)?;
            self.insert_text(line.at, line.with(&entry.text, column));
        } else {
            self.fill_text(nodes, null, &format!("{{{}}}", entry.text)).ok_or(NO_PLACE)?;
        }
        let mut filled = vec![Expected::new(nodes.get(null).depth, Kind::Mapping { flow: !block })];
        filled.extend(entry.nodes);
        self.replace_node(null, filled);
        Ok(())
    }

    /// Replaces a null by a scalar or an empty flow mapping (`{}`). None if there is no place for it.
    pub(crate) fn fill_null(&mut self, nodes: &Nodes<'a>, null: Id, text: &'static str) -> Option<()> {
        self.fill_text(nodes, null, text)?;
        let kind = match text {
            "{}" => Kind::Mapping { flow: true },
            scalar => Kind::Scalar { value: scalar.into(), style: ScalarStyle::Plain },
        };
        self.replace_node(null, vec![Expected::new(nodes.get(null).depth, kind)]);
        Some(())
    }

    /// Writes a text in the place of a null, which may be no text at all.
    fn fill_text(&mut self, nodes: &Nodes<'a>, null: Id, text: &str) -> Option<()> {
        if nodes.get(null).text.is_empty() {
            self.insert_text(after_colon(nodes, null)?, format!(" {text}"));
        } else {
            self.replace_text(nodes.get(null).text.clone(), text);
        }
        Some(())
    }

    /// Replaces the value of a scalar that is not shared. Its style stays. The value must need no escapes.
    pub(crate) fn replace_scalar(&mut self, nodes: &Nodes<'a>, id: Id, value: String) {
        let node = nodes.get(id);
        let Kind::Scalar { style, .. } = node.kind else { return };
        let quote = match style {
            ScalarStyle::SingleQuoted => "'",
            ScalarStyle::DoubleQuoted => "\"",
            _ => "",
        };
        self.replace_text(node.text.start..content_end(nodes, id), format!("{quote}{value}{quote}"));
        self.replace_node(id, vec![Expected::new(node.depth, Kind::Scalar { value: value.into(), style })]);
    }
}

/// The place after the colon of a key without a value.
fn after_colon(nodes: &Nodes<'_>, value: Id) -> Option<usize> {
    let key_end = nodes.get(value.checked_sub(1)?).text.end;
    let after = nodes.text[key_end..].trim_start_matches(BLANKS).strip_prefix(':')?;
    Some(nodes.text.len() - after.len())
}

/// The separator after a value of a flow mapping. After a tag without a value it needs a blank, because the YAML library
/// behind Helm reads a comma there as a part of the tag.
fn comma_after(value: &Node<'_>) -> &'static str {
    if value.text.is_empty() && value.tag.is_some() { " ," } else { "," }
}
