//! Adds entries to the mappings of a document, in the style of the entries there.

use super::change::Change;
use super::entry::{Fragment, Policy, blanks_before, copied_annotation, policy_entry, quote};
use super::lines::{BLANKS, end_of_line_above, line_end_below, newline};
use crate::translate::read::nodes::{Id, Nodes};
use crate::translate::read::value::Value;

impl Change<'_, '_> {
    /// Repeats Helm's annotation under the KOTS key, directly after it. Where that is not possible, the new entry comes first.
    pub(crate) fn repeat_annotation(&mut self, mapping: Id, value: Id, policy: Policy<'_>) {
        let copied = copied_annotation(self.nodes, mapping, value, policy);
        if !copied.is_some_and(|entry| self.insert_after(mapping, value, &entry)) {
            self.insert_first(mapping, policy_entry(self.nodes, mapping, policy));
        }
    }

    /// Inserts an entry after another one of the same mapping. Returns whether it can stand there.
    pub(crate) fn insert_after(&mut self, mapping: Id, value: Id, entry: &Fragment) -> bool {
        let nodes = self.nodes;
        let (at, text) = if !nodes.is_block_mapping(mapping) {
            let blanks = blanks_before(nodes, nodes.key_of(value), value);
            (nodes.range(value).end, format!(",{blanks}{}", entry.text))
        } else if let Some(at) = line_end_below(nodes, value) {
            (at, format!("{}{}{}", newline(nodes.text, at), nodes.indentation(mapping), entry.text))
        } else {
            return false;
        };
        self.insert(at, text, mapping, nodes.end(value), entry.values.clone());
        true
    }

    /// Inserts an entry before all others of a mapping.
    pub(crate) fn insert_first(&mut self, mapping: Id, entry: Fragment) {
        let nodes = self.nodes;
        let start = nodes.range(mapping).start;
        let (at, text) = if nodes.is_block_mapping(mapping) {
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
                (Some(_), "") => format!("{}, ", entry.text),
                (Some(_), blank) => format!("{blank}{},", entry.text),
            };
            (start + 1, text)
        };
        self.insert(at, text, mapping, mapping + 1, entry.values);
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
        let nodes = self.nodes;
        let quote = quote(nodes, id);
        let start = nodes.range(id).start;
        let at = start..start + nodes.raw(id).trim_end().len();
        self.replace(id, at, format!("{quote}{value}{quote}"), Value::String(value));
    }
}

/// The place after the colon of a key without a value.
fn after_colon(nodes: &Nodes<'_>, value: Id) -> Option<usize> {
    let key_end = nodes.range(value.checked_sub(1)?).end;
    let after = nodes.text[key_end..].trim_start_matches(BLANKS).strip_prefix(':')?;
    Some(nodes.text.len() - after.len())
}
