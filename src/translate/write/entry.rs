//! The text of an entry that gives a Job its policy: Helm's entry under the KOTS key, or a new one in the style of the mapping.

use granit_parser::ScalarStyle;

use super::lines::{BLANKS, newline};
use crate::policy::KOTS_DELETE_POLICY;
use crate::translate::read::nodes::{Id, Kind, Nodes};
use crate::translate::read::value::Value;
use crate::yaml::double_quoted;

/// The policy that a Job gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy<'p> {
    pub(crate) text: &'p str,
    /// The value of Helm's annotation. None for `--default-policy`.
    pub(crate) helm: Option<Id>,
}

impl Policy<'_> {
    /// The KOTS key and the policy.
    pub(crate) fn entry(self) -> (Value, Value) {
        (Value::String(KOTS_DELETE_POLICY.to_owned()), Value::String(self.text.to_owned()))
    }

    fn written_as(self, text: String) -> Fragment {
        let (key, value) = self.entry();
        Fragment { text, values: vec![key, value] }
    }
}

/// YAML text to insert, and the values that it must have: those of a key and its value, or those of items.
#[derive(Debug, Default)]
pub(crate) struct Fragment {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

/// A new entry with the policy. In braces, it is written as JSON.
pub(crate) fn policy_entry(nodes: &Nodes<'_>, mapping: Id, policy: Policy<'_>) -> Fragment {
    let is_block = nodes.is_block_mapping(mapping);
    let key = if is_block { KOTS_DELETE_POLICY.to_owned() } else { double_quoted(KOTS_DELETE_POLICY) };
    let is_plain = is_block && policy.helm.is_none();
    let value = if is_plain { policy.text.to_owned() } else { double_quoted(policy.text) };
    policy.written_as(format!("{key}: {value}"))
}

/// New annotations with the policy, as an entry of the metadata.
pub(crate) fn annotations_entry(nodes: &Nodes<'_>, metadata: Id, policy: Policy<'_>) -> Fragment {
    let entry = policy_entry(nodes, metadata, policy).text;
    let text = if nodes.is_block_mapping(metadata) {
        let newline = newline(nodes.text, nodes.range(metadata).start);
        format!("annotations:{newline}{}  {entry}", nodes.indentation(metadata))
    } else {
        format!("\"annotations\": {{{entry}}}")
    };
    let annotations = Value::Mapping(vec![policy.entry()]);
    Fragment { text, values: vec![Value::String("annotations".to_owned()), annotations] }
}

/// The entry under the KOTS key, with the quotes, the separator and the value of the original. None if the original has an explicit key
/// (`?`), is a block scalar or is nothing but a tag.
pub(crate) fn copied_annotation(
    nodes: &Nodes<'_>,
    mapping: Id,
    value: Id,
    policy: Policy<'_>,
) -> Option<Fragment> {
    let key = nodes.key_of(value);
    let is_inline = |id| !nodes.is_block_scalar(id) && !nodes.raw(id).is_empty();
    if is_explicit(nodes, mapping, key) || !is_inline(key) || !is_inline(value) {
        return None;
    }
    let quote = quote(nodes, key);
    // Comments, anchors and tags between the key and the value are not repeated.
    let separator = &nodes.text[nodes.range(key).end..nodes.range(value).start];
    let separator = if separator.trim_matches(BLANKS) == ":" { separator } else { ": " };
    let mut text = format!("{quote}{KOTS_DELETE_POLICY}{quote}{separator}");
    if nodes.properties(value).tag.is_some() {
        text.push_str(&nodes.text[nodes.properties(value).tag_text.clone()]);
        text.push(' ');
    }
    text.push_str(nodes.raw(value));
    Some(policy.written_as(text))
}

/// Whether a `?` stands before a key.
fn is_explicit(nodes: &Nodes<'_>, mapping: Id, key: Id) -> bool {
    let before = &nodes.text[..nodes.start(key)];
    match nodes.is_block_mapping(mapping) {
        true => nodes.column(before.len()) != nodes.indent(mapping),
        false => before.trim_end_matches(BLANKS).ends_with('?'),
    }
}

/// The quotes of a scalar.
pub(crate) fn quote(nodes: &Nodes<'_>, id: Id) -> &'static str {
    match nodes.kind(id) {
        Kind::Scalar(ScalarStyle::SingleQuoted) => "'",
        Kind::Scalar(ScalarStyle::DoubleQuoted) => "\"",
        _ => "",
    }
}

/// The blanks before a new entry of a flow mapping: those between the original and the `{` or `,` before it.
pub(crate) fn blanks_before<'a>(nodes: &Nodes<'a>, key: Id, value: Id) -> &'a str {
    let before = &nodes.text[..nodes.start(key)];
    let blanks = &before[before.trim_end_matches(BLANKS).len()..];
    let is_compact = nodes.text[nodes.range(key).end..nodes.start(value)].ends_with(':');
    if blanks.is_empty() && !is_compact { " " } else { blanks }
}
