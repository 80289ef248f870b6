//! Adds entries to the mappings of a document, in the style of the entries there.

use granit_parser::ScalarStyle;

use super::change::Change;
use super::entry::{
    Fragment, Policy, Style, blanks_before, copied_annotation, explicit_key_blanks, policy_entry,
};
use super::lines::{BLANKS, NewLine, content_end, end_of_line_above, newline, with_header};
use crate::translate::read::nodes::{Id, Kind, Nodes};
use crate::translate::read::value::Value;

impl Change {
    /// Repeats Helm's annotation under the KOTS key, directly after it.
    pub(crate) fn repeat_annotation(
        &mut self,
        nodes: &Nodes<'_>,
        mapping: Id,
        key: Id,
        value: Id,
        policy: Policy<'_>,
    ) {
        let entry = copied_annotation(nodes, mapping, key, value, policy);
        if !nodes.is_block_mapping(mapping) {
            let blanks = blanks_before(nodes, mapping, key, value);
            let comma = comma_after(nodes, value);
            self.insert_text(nodes.range(value).end, format!("{comma}{blanks}{}", entry.text));
            self.insert_values(nodes, mapping, nodes.end(value), entry.values);
        } else if self.insert_after(nodes, mapping, value, entry).is_err() {
            self.insert_quoted_before(nodes, mapping, key, policy);
        }
    }

    /// Inserts the policy above its original: a line below would add a line break to a block scalar that ends the input.
    fn insert_quoted_before(&mut self, nodes: &Nodes<'_>, mapping: Id, key: Id, policy: Policy<'_>) {
        let entry = policy_entry(policy, Style::Block);
        let start = nodes.start(key).min(with_header(nodes, key).start);
        let at = explicit_key_blanks(nodes, mapping, key).map_or(start, |blanks| start - blanks.len() - 1);
        let (newline, indent) = (newline(nodes.text, at), " ".repeat(nodes.indent(mapping)));
        self.insert_text(at, format!("{}{newline}{indent}", entry.text));
        self.insert_values(nodes, mapping, key, entry.values);
    }

    /// Inserts an entry after another one of the same mapping. Returns the entry if no line can follow there.
    pub(crate) fn insert_after(
        &mut self,
        nodes: &Nodes<'_>,
        mapping: Id,
        value: Id,
        entry: Fragment,
    ) -> Result<(), Fragment> {
        if nodes.is_block_mapping(mapping) {
            let Some(line) = NewLine::below(nodes, value) else { return Err(entry) };
            self.insert_text(line.at, line.with(&entry.text, nodes.indent(mapping)));
        } else {
            let comma = comma_after(nodes, value);
            self.insert_text(nodes.range(value).end, format!("{comma} {}", entry.text));
        }
        self.insert_values(nodes, mapping, nodes.end(value), entry.values);
        Ok(())
    }

    /// Inserts an entry before all others of a mapping.
    pub(crate) fn insert_first(&mut self, nodes: &Nodes<'_>, mapping: Id, entry: Fragment, style: Style) {
        let start = nodes.range(mapping).start;
        if nodes.is_block_mapping(mapping) {
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
        self.insert_values(nodes, mapping, mapping + 1, entry.values);
    }

    /// Replaces null annotations by a mapping with one entry.
    pub(crate) fn replace_null(
        &mut self,
        nodes: &Nodes<'_>,
        null: Id,
        entry: &str,
        policy: Policy<'_>,
    ) -> Result<(), &'static str> {
        const NO_PLACE: &str = "the annotations have no value and no place for one";
        let written = !nodes.raw(null).is_empty();
        let block = !written && nodes.is_in_block_mapping(null);
        if block {
            let mapping = nodes.parent(null).unwrap_or_default();
            let column = nodes.indent(mapping) + 2;
            let line =
                after_colon(nodes, null).and_then(|at| NewLine::at_line_end(nodes, at)).ok_or(NO_PLACE)?;
            self.insert_text(line.at, line.with(entry, column));
        } else {
            self.fill_text(nodes, null, &format!("{{{entry}}}")).ok_or(NO_PLACE)?;
        }
        self.replace_value(nodes, null, Value::Mapping(vec![policy.entry()]));
        Ok(())
    }

    /// Replaces a null by a value in flow style. None if there is no place for it.
    pub(crate) fn fill_null(&mut self, nodes: &Nodes<'_>, null: Id, value: Value) -> Option<()> {
        self.fill_text(nodes, null, &value.to_string())?;
        self.replace_value(nodes, null, value);
        Some(())
    }

    /// Writes a text in the place of a null, which may be no text at all.
    fn fill_text(&mut self, nodes: &Nodes<'_>, null: Id, text: &str) -> Option<()> {
        if nodes.raw(null).is_empty() {
            self.insert_text(after_colon(nodes, null)?, format!(" {text}"));
        } else {
            self.replace_text(nodes.range(null), text);
        }
        Some(())
    }

    /// Replaces the value of a scalar that is not shared. Its style stays. The value must need no escapes.
    pub(crate) fn replace_scalar(&mut self, nodes: &Nodes<'_>, id: Id, value: String) {
        let Kind::Scalar(style) = nodes.kind(id) else { return };
        let quote = match style {
            ScalarStyle::SingleQuoted => "'",
            ScalarStyle::DoubleQuoted => "\"",
            _ => "",
        };
        let at = nodes.range(id).start..content_end(nodes, id);
        self.replace_text(at, format!("{quote}{value}{quote}"));
        self.replace_value(nodes, id, Value::String(value));
    }
}

/// The place after the colon of a key without a value.
fn after_colon(nodes: &Nodes<'_>, value: Id) -> Option<usize> {
    let key_end = nodes.range(value.checked_sub(1)?).end;
    let after = nodes.text[key_end..].trim_start_matches(BLANKS).strip_prefix(':')?;
    Some(nodes.text.len() - after.len())
}

/// The separator after a value of a flow mapping. After a tag without a value it needs a blank, because the YAML library
/// behind Helm reads a comma there as a part of the tag.
fn comma_after(nodes: &Nodes<'_>, value: Id) -> &'static str {
    if nodes.raw(value).is_empty() && nodes.details(value).tag.is_some() { " ," } else { "," }
}
