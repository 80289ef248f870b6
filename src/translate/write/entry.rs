//! The text of an entry that gives a Job its policy: Helm's entry under the KOTS key, or a new one in the style of the mapping.

use super::lines::{BLANKS, content_end, newline, with_header};
use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};
use crate::translate::read::nodes::{Id, Nodes};
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

/// How the entries of a mapping are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Each entry begins a line.
    Block,
    /// `{a: b}`
    Flow,
    /// `{"a": "b"}`
    Json,
    /// `{"a":"b"}`
    CompactJson,
}

impl Style {
    pub(crate) fn of(nodes: &Nodes<'_>, mapping: Id) -> Self {
        if nodes.is_block_mapping(mapping) {
            return Self::Block;
        }
        let Some((key, value)) = nodes.entries(mapping).next() else { return Self::Json };
        let between = &nodes.text[nodes.range(key).end..nodes.start(value)];
        match (nodes.raw(key).starts_with('"'), between.ends_with(':')) {
            (false, _) => Self::Flow,
            (true, false) => Self::Json,
            (true, true) => Self::CompactJson,
        }
    }

    fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::CompactJson)
    }

    /// A key and its colon.
    fn key(self, key: &str) -> String {
        let colon = if self == Self::CompactJson { ":" } else { ": " };
        if self.is_json() { double_quoted(key) + colon } else { key.to_owned() + colon }
    }
}

/// A new entry with the policy.
pub(crate) fn policy_entry(policy: Policy<'_>, style: Style) -> Fragment {
    let needs_quotes =
        policy.helm.is_some() || style.is_json() || style == Style::Flow && policy.text.contains(',');
    let value = if needs_quotes { double_quoted(policy.text) } else { policy.text.to_owned() };
    policy.written_as(style.key(KOTS_DELETE_POLICY) + &value)
}

/// New annotations with the policy, as an entry of the metadata.
pub(crate) fn annotations_entry(nodes: &Nodes<'_>, metadata: Id, policy: Policy<'_>) -> Fragment {
    let style = Style::of(nodes, metadata);
    let entry = policy_entry(policy, style);
    let text = if style == Style::Block {
        let newline = newline(nodes.text, nodes.range(metadata).start);
        format!("annotations:{newline}{}  {}", nodes.indentation(metadata), entry.text)
    } else {
        format!("{}{{{}}}", style.key("annotations"), entry.text)
    };
    let annotations = Value::Mapping(vec![policy.entry()]);
    Fragment { text, values: vec![Value::String("annotations".to_owned()), annotations] }
}

/// The entry under the KOTS key, with the quotes, the separator and the value of the original.
pub(crate) fn copied_annotation(nodes: &Nodes<'_>, mapping: Id, value: Id, policy: Policy<'_>) -> Fragment {
    let key = nodes.key_of(value);
    let explicit = explicit_key_blanks(nodes, mapping, key);
    let mut text = repeated_key(nodes, key, explicit.is_some());
    if let Some(blanks) = explicit {
        text.insert_str(0, &format!("?{blanks}"));
    }
    let value_text = with_header(nodes, value);
    // Comments, anchors and tags between the key and the value are not repeated.
    let separator = &nodes.text[with_header(nodes, key).end..value_text.start];
    match explicit {
        _ if separator.trim_matches(BLANKS) == ":" => text.push_str(separator),
        Some(_) if nodes.is_block_mapping(mapping) => {
            text.push_str(newline(nodes.text, nodes.start(value)));
            text.push_str(&nodes.indentation(mapping));
            text.push_str(": ");
        }
        _ => text.push_str(": "),
    }
    if nodes.properties(value).tag.is_some() {
        text.push_str(&nodes.text[nodes.properties(value).tag_text.clone()]);
        text.push(' ');
    }
    let value_text = &nodes.text[value_text.start..content_end(nodes, value)];
    let header = value_text.find(['\n', '\r']).filter(|_| nodes.is_block_scalar(value)).unwrap_or(0);
    let (header, content) = value_text.split_at(header);
    text.push_str(header.split(['#', ' ', '\t']).next().unwrap_or_default());
    text.push_str(content);
    policy.written_as(text)
}

/// The blanks between the `?` of an explicit key and the key. None if the key is not explicit.
fn explicit_key_blanks<'a>(nodes: &Nodes<'a>, mapping: Id, key: Id) -> Option<&'a str> {
    let before = &nodes.text[..nodes.start(key).min(with_header(nodes, key).start)];
    let outside = before.trim_end_matches(BLANKS);
    let is_explicit = if nodes.is_block_mapping(mapping) {
        nodes.column(before.len()) != nodes.indent(mapping)
    } else {
        outside.ends_with('?')
    };
    is_explicit.then_some(&before[outside.len()..])
}

/// Where an entry begins, with the `?` of an explicit key.
pub(crate) fn entry_start(nodes: &Nodes<'_>, mapping: Id, key: Id) -> usize {
    let start = nodes.start(key).min(with_header(nodes, key).start);
    explicit_key_blanks(nodes, mapping, key).map_or(start, |blanks| start - blanks.len() - 1)
}

/// The blanks before a new entry of a flow mapping: those between the original and the `{` or `,` before it.
pub(crate) fn blanks_before<'a>(nodes: &Nodes<'a>, mapping: Id, key: Id, value: Id) -> &'a str {
    let before = &nodes.text[..entry_start(nodes, mapping, key)];
    let outside = before.trim_end_matches(BLANKS);
    let blanks = &before[outside.len()..];
    let is_compact = nodes.text[nodes.range(key).end..nodes.start(value)].ends_with(':');
    match blanks {
        "" if is_compact => "",
        "" => " ",
        blanks => blanks,
    }
}

fn repeated_key(nodes: &Nodes<'_>, key: Id, is_explicit: bool) -> String {
    let raw = &nodes.text[with_header(nodes, key)];
    let is_scalar = nodes.value(key).is_some();
    if is_scalar && raw.contains(HELM_DELETE_POLICY) && (is_explicit || !nodes.is_block_scalar(key)) {
        raw.replace(HELM_DELETE_POLICY, KOTS_DELETE_POLICY)
    } else if raw.starts_with('"') {
        double_quoted(KOTS_DELETE_POLICY)
    } else {
        KOTS_DELETE_POLICY.to_owned()
    }
}
