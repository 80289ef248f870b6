//! The text of an entry that gives a Job its policy: Helm's entry under the KOTS key, or a new one in the style of the mapping.

use granit_parser::ScalarStyle;

use super::change::{Expected, Fragment};
use super::lines::{BLANKS, content_end, newline, with_header};
use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};
use crate::translate::read::lookup::{Found, key};
use crate::translate::read::nodes::{Id, Kind, Nodes};

/// The policy that a Job gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy<'p> {
    pub(crate) text: &'p str,
    /// The value of Helm's annotation. None for `--default-policy`.
    pub(crate) helm: Option<Found>,
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
        if nodes.get(mapping).is_block_mapping() {
            return Self::Block;
        }
        let Some((key, value)) = nodes.entries(mapping).next() else { return Self::Json };
        let between = &nodes.text[nodes.get(key).text.end..nodes.get(value).start];
        match (nodes.raw(key).starts_with('"'), between.ends_with(':')) {
            (false, _) => Self::Flow,
            (true, false) => Self::Json,
            (true, true) => Self::CompactJson,
        }
    }

    fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::CompactJson)
    }
}

/// A new entry with the policy.
pub(crate) fn policy_entry<'a>(depth: usize, policy: Policy<'_>, style: Style) -> Fragment<'a> {
    let mut entry = Fragment::default();
    push_key(&mut entry, depth, KOTS_DELETE_POLICY, style);
    let needs_quotes =
        policy.helm.is_some() || style.is_json() || style == Style::Flow && policy.text.contains(',');
    if needs_quotes {
        entry.push_quoted(depth, policy.text);
    } else {
        entry.push_plain(depth, policy.text);
    }
    entry
}

/// New annotations with the policy, as an entry of the metadata.
pub(crate) fn annotations_entry<'a>(nodes: &Nodes<'a>, metadata: Id, policy: Policy<'_>) -> Fragment<'a> {
    let node = nodes.get(metadata);
    let (depth, style) = (node.depth + 1, Style::of(nodes, metadata));
    let inner = policy_entry(depth + 1, policy, style);
    let mut entry = Fragment::default();
    push_key(&mut entry, depth, key::ANNOTATIONS, style);
    entry.nodes.push(Expected::new(depth, Kind::Mapping { flow: style != Style::Block }));
    if style == Style::Block {
        let indent = " ".repeat(nodes.indent(metadata) + 2);
        let text = entry.text.trim_end();
        entry.text = format!("{text}{}{indent}{}", newline(nodes.text, node.text.start), inner.text);
    } else {
        entry.text.push_str(&format!("{{{}}}", inner.text));
    }
    entry.nodes.extend(inner.nodes);
    entry
}

fn push_key(entry: &mut Fragment<'_>, depth: usize, key: &str, style: Style) {
    if style.is_json() {
        entry.push_quoted(depth, key);
    } else {
        entry.push_plain(depth, key);
    }
    entry.text.push_str(if style == Style::CompactJson { ":" } else { ": " });
}

/// The entry under the KOTS key, with the quotes, the separator and the value of the original.
pub(crate) fn copied_annotation<'a>(nodes: &Nodes<'a>, mapping: Id, key: Id, value: Id) -> Fragment<'a> {
    let (key_node, value_node) = (nodes.get(key), nodes.get(value));
    let explicit = explicit_key_blanks(nodes, mapping, key);
    let (mut text, key_style) = repeated_key(nodes, key, explicit.is_some());
    if let Some(blanks) = explicit {
        text.insert_str(0, &format!("?{blanks}"));
    }
    let value_text = with_header(nodes, value);
    // Comments, anchors and tags between the key and the value are not repeated.
    let separator = &nodes.text[with_header(nodes, key).end..value_text.start];
    match explicit {
        _ if separator.trim_matches(BLANKS) == ":" => text.push_str(separator),
        Some(_) if nodes.get(mapping).is_block_mapping() => {
            let indent = " ".repeat(nodes.indent(mapping));
            text.push_str(&format!("{}{indent}: ", newline(nodes.text, value_node.start)));
        }
        _ => text.push_str(": "),
    }
    if value_node.tag.is_some() {
        text.push_str(&nodes.text[value_node.tag_text.clone()]);
        text.push(' ');
    }
    let value_text = &nodes.text[value_text.start..content_end(nodes, value)];
    let header = value_text.find(['\n', '\r']).filter(|_| value_node.is_block_scalar()).unwrap_or(0);
    let (header, content) = value_text.split_at(header);
    text.push_str(header.split(['#', ' ', '\t']).next().unwrap_or_default());
    text.push_str(content);
    let key = Kind::Scalar { value: KOTS_DELETE_POLICY.into(), style: key_style };
    let expected =
        vec![Expected::new(key_node.depth, key), Expected::without_anchor(value_node, key_node.depth)];
    Fragment { text, nodes: expected }
}

/// The blanks between the `?` of an explicit key and the key. None if the key is not explicit.
pub(crate) fn explicit_key_blanks<'a>(nodes: &Nodes<'a>, mapping: Id, key: Id) -> Option<&'a str> {
    let before = &nodes.text[..nodes.get(key).start.min(with_header(nodes, key).start)];
    let outside = before.trim_end_matches(BLANKS);
    let is_explicit = if nodes.get(mapping).is_block_mapping() {
        nodes.column(before.len()) != nodes.indent(mapping)
    } else {
        outside.ends_with('?')
    };
    is_explicit.then_some(&before[outside.len()..])
}

/// The blanks before a new entry of a flow mapping: those between the original and the `{` or `,` before it.
pub(crate) fn blanks_before<'a>(nodes: &Nodes<'a>, mapping: Id, key: Id, value: Id) -> &'a str {
    let before = &nodes.text[..nodes.get(key).start];
    let before = match explicit_key_blanks(nodes, mapping, key) {
        Some(blanks) => &before[..before.len() - blanks.len() - 1],
        None => before,
    };
    let outside = before.trim_end_matches(BLANKS);
    let blanks = &before[outside.len()..];
    let is_compact = nodes.text[nodes.get(key).text.end..nodes.get(value).start].ends_with(':');
    match blanks {
        "" if is_compact => "",
        "" => " ",
        blanks if blanks.contains(['\n', '\r']) || outside.ends_with(['{', ',']) => blanks,
        _ => " ",
    }
}

fn repeated_key(nodes: &Nodes<'_>, key: Id, is_explicit: bool) -> (String, ScalarStyle) {
    let node = nodes.get(key);
    let raw = &nodes.text[with_header(nodes, key)];
    match &node.kind {
        Kind::Scalar { style, .. }
            if raw.contains(HELM_DELETE_POLICY) && (is_explicit || !node.is_block_scalar()) =>
        {
            (raw.replace(HELM_DELETE_POLICY, KOTS_DELETE_POLICY), *style)
        }
        Kind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => {
            (format!("\"{KOTS_DELETE_POLICY}\""), ScalarStyle::DoubleQuoted)
        }
        _ => (KOTS_DELETE_POLICY.to_owned(), ScalarStyle::Plain),
    }
}
