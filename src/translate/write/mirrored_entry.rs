//! The entry that a policy's own entry is repeated as: under the other key, and like it in all else.

use granit_parser::ScalarStyle;

use super::change::{Expected, Fragment};
use super::lines::{BLANKS, newline};
use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};
use crate::translate::read::nodes::{Id, Kind, Nodes};

impl<'a> Nodes<'a> {
    /// A policy's entry under the other key: the same quotes, the same separator, the same value.
    pub(crate) fn twin(&self, mapping: Id, key: Id, value: Id) -> Fragment<'a> {
        let (key_node, value_node) = (self.get(key), self.get(value));
        let key_text = self.with_header(key);
        let value_text = self.with_header(value);
        let separator = &self.text[key_text.end..value_text.start];
        // Comments, anchors and tags between them are not repeated.
        let bare = separator.trim_matches(BLANKS) == ":";
        let explicit = self.explicit_key_blanks(mapping, key);
        let raw = &self.text[key_text];
        let mut entry = Fragment::default();
        let style = match &key_node.kind {
            Kind::Scalar { style, .. }
                if raw.contains(HELM_DELETE_POLICY)
                    && (explicit.is_some() || !key_node.is_block_scalar()) =>
            {
                entry.text = raw.replace(HELM_DELETE_POLICY, KOTS_DELETE_POLICY);
                *style
            }
            Kind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => {
                entry.text = format!("\"{KOTS_DELETE_POLICY}\"");
                ScalarStyle::DoubleQuoted
            }
            _ => {
                entry.text = KOTS_DELETE_POLICY.to_owned();
                ScalarStyle::Plain
            }
        };
        if let Some(blanks) = explicit {
            entry.text.insert_str(0, &format!("?{blanks}"));
        }
        match explicit {
            _ if bare => entry.text.push_str(separator),
            Some(_) if self.get(mapping).is_block_mapping() => {
                let indent = " ".repeat(self.column(self.get(mapping).text.start));
                entry.text.push_str(&format!("{}{indent}: ", newline(self.text, value_node.start)));
            }
            _ => entry.text.push_str(": "),
        }
        if value_node.tag.is_some() {
            entry.text.push_str(&self.text[value_node.tag_text.clone()]);
            entry.text.push(' ');
        }
        let value_text = &self.text[value_text.start..self.content_end(value)];
        let header = value_text.find(['\n', '\r']).filter(|_| value_node.is_block_scalar()).unwrap_or(0);
        let (header, content) = value_text.split_at(header);
        entry.text.push_str(header.split(['#', ' ', '\t']).next().unwrap_or_default());
        entry.text.push_str(content);
        entry.nodes = vec![
            Expected::new(key_node.depth, Kind::Scalar { value: KOTS_DELETE_POLICY.into(), style }),
            Expected::copy_of(value_node, key_node.depth),
        ];
        entry
    }

    /// The blanks between the `?` of an explicit key and the key; nothing if the key is not explicit.
    pub(crate) fn explicit_key_blanks(&self, mapping: Id, key: Id) -> Option<&'a str> {
        let before = &self.text[..self.get(key).start.min(self.with_header(key).start)];
        let outside = before.trim_end_matches(BLANKS);
        let explicit = if self.get(mapping).is_block_mapping() {
            self.column(before.len()) != self.column(self.get(mapping).text.start)
        } else {
            outside.ends_with('?')
        };
        explicit.then_some(&before[outside.len()..])
    }

    /// The blanks to put before a new entry of a flow mapping: those between an entry and the `{` or `,` before it.
    pub(crate) fn blank_before(&self, mapping: Id, key: Id, value: Id) -> &'a str {
        let before = &self.text[..self.get(key).start];
        let before = match self.explicit_key_blanks(mapping, key) {
            Some(blanks) => &before[..before.len() - blanks.len() - 1],
            None => before,
        };
        let outside = before.trim_end_matches(BLANKS);
        let blank = &before[outside.len()..];
        let compact = self.text[self.get(key).text.end..self.get(value).start].ends_with(':');
        match blank {
            "" if compact => "",
            "" => " ",
            blank if blank.contains(['\n', '\r']) || outside.ends_with(['{', ',']) => blank,
            _ => " ",
        }
    }
}
