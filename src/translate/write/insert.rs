//! Adds entries to the mappings of a document, in the style of the entries there.

use granit_parser::ScalarStyle;

use super::change::Change;
use super::entry::{Fragment, Policy, Style, blanks_before, copied_annotation, entry_start, policy_entry};
use super::lines::{BLANKS, NewLine, content_end, end_of_line_above, newline};
use crate::translate::read::nodes::{Id, Kind, Nodes};
use crate::translate::read::value::Value;

impl Change<'_, '_> {
    /// Repeats Helm's annotation under the KOTS key, directly after it.
    pub(crate) fn repeat_annotation(&mut self, mapping: Id, value: Id, policy: Policy<'_>) {
        let nodes = self.nodes;
        let key = nodes.key_of(value);
        let entry = copied_annotation(nodes, mapping, value, policy);
        if !nodes.is_block_mapping(mapping) {
            let blanks = blanks_before(nodes, mapping, key, value);
            self.insert_after_comma(mapping, value, blanks, &entry);
        } else if !self.insert_after(mapping, value, &entry) {
            self.insert_quoted_before(mapping, key, policy);
        }
    }

    /// Inserts the policy above its original: a line below would add a line break to a block scalar that ends the input.
    fn insert_quoted_before(&mut self, mapping: Id, key: Id, policy: Policy<'_>) {
        let nodes = self.nodes;
        let entry = policy_entry(policy, Style::Block);
        let at = entry_start(nodes, mapping, key);
        let text = entry.text + newline(nodes.text, at) + &nodes.indentation(mapping);
        self.insert(at, text, mapping, key, entry.values);
    }

    /// Inserts an entry after another one of the same mapping. Returns whether a line can follow there.
    pub(crate) fn insert_after(&mut self, mapping: Id, value: Id, entry: &Fragment) -> bool {
        if !self.nodes.is_block_mapping(mapping) {
            self.insert_after_comma(mapping, value, " ", entry);
            return true;
        }
        let Some(line) = NewLine::below(self.nodes, value) else { return false };
        let text = line.with(&entry.text, self.nodes.indent(mapping));
        self.insert(line.at, text, mapping, self.nodes.end(value), entry.values.clone());
        true
    }

    /// Inserts an entry after another one of the same flow mapping. After a tag without a value, the comma needs a blank, because the YAML
    /// library behind Helm reads a comma there as a part of the tag.
    fn insert_after_comma(&mut self, mapping: Id, value: Id, blanks: &str, entry: &Fragment) {
        let nodes = self.nodes;
        let ends_in_tag = nodes.raw(value).is_empty() && nodes.properties(value).tag.is_some();
        let text = format!("{}{blanks}{}", if ends_in_tag { " ," } else { "," }, entry.text);
        self.insert(nodes.range(value).end, text, mapping, nodes.end(value), entry.values.clone());
    }

    /// Inserts an entry before all others of a mapping.
    pub(crate) fn insert_first(&mut self, mapping: Id, entry: Fragment) {
        let nodes = self.nodes;
        let start = nodes.range(mapping).start;
        let style = Style::of(nodes, mapping);
        let (at, text) = if style == Style::Block {
            let (newline, indent) = (newline(nodes.text, start), nodes.indentation(mapping));
            match end_of_line_above(nodes, mapping) {
                Some(at) => (at, format!("{newline}{indent}{}", entry.text)),
                None => (start, format!("{}{newline}{indent}", entry.text)),
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
            (start + 1, text)
        };
        self.insert(at, text, mapping, mapping + 1, entry.values);
    }

    /// Replaces null annotations by a mapping with the policy. None if there is no place for it.
    pub(crate) fn fill_annotations(&mut self, null: Id, policy: Policy<'_>) -> Option<()> {
        let nodes = self.nodes;
        let mapping = Value::Mapping(vec![policy.entry()]);
        match nodes.parent(null) {
            Some(metadata) if nodes.raw(null).is_empty() && nodes.is_block_mapping(metadata) => {
                let line = NewLine::at_line_end(nodes, after_colon(nodes, null)?)?;
                let entry = policy_entry(policy, Style::Block);
                let text = line.with(&entry.text, nodes.indent(metadata) + 2);
                self.replace(null, line.at..line.at, text, mapping);
            }
            _ => self.fill_null(null, mapping)?,
        }
        Some(())
    }

    /// Replaces a null, which may be no text at all, by a value in flow style. None if there is no place for it.
    pub(crate) fn fill_null(&mut self, null: Id, value: Value) -> Option<()> {
        if self.nodes.raw(null).is_empty() {
            let at = after_colon(self.nodes, null)?;
            self.replace(null, at..at, format!(" {value}"), value);
        } else {
            self.replace(null, self.nodes.range(null), value.to_string(), value);
        }
        Some(())
    }

    /// Replaces the value of a scalar that is not shared. Its style stays. The value must need no escapes.
    pub(crate) fn replace_scalar(&mut self, id: Id, value: String) {
        let quote = match self.nodes.kind(id) {
            Kind::Scalar(ScalarStyle::SingleQuoted) => "'",
            Kind::Scalar(ScalarStyle::DoubleQuoted) => "\"",
            _ => "",
        };
        let at = self.nodes.range(id).start..content_end(self.nodes, id);
        self.replace(id, at, format!("{quote}{value}{quote}"), Value::String(value));
    }
}

/// The place after the colon of a key without a value.
fn after_colon(nodes: &Nodes<'_>, value: Id) -> Option<usize> {
    let key_end = nodes.range(value.checked_sub(1)?).end;
    let after = nodes.text[key_end..].trim_start_matches(BLANKS).strip_prefix(':')?;
    Some(nodes.text.len() - after.len())
}
