//! A change of a document: the edits of its text, and the nodes that the edited text must have.

use std::ops::Range;

use granit_parser::ScalarStyle;

use crate::translate::read::nodes::{Id, Kind, Node};
use crate::translate::read::value::Value;
use crate::yaml;

/// Replaces a range of the text. The range of an insertion is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) at: Range<usize>,
    pub(crate) text: String,
}

impl Edit {
    pub(crate) fn moved_by(self, bytes: usize) -> Self {
        Self { at: self.at.start + bytes..self.at.end + bytes, ..self }
    }
}

/// A node that the edited text must have.
#[derive(Debug, Clone)]
pub(crate) struct Expected<'a> {
    pub(crate) depth: usize,
    kind: Kind<'a>,
    tag: Option<Box<str>>,
    anchor: usize,
}

impl<'a> Expected<'a> {
    pub(crate) fn new(depth: usize, kind: Kind<'a>) -> Self {
        Self { depth, kind, tag: None, anchor: 0 }
    }

    pub(crate) fn without_anchor(node: &Node<'a>, depth: usize) -> Self {
        Self { depth, kind: node.kind.clone(), tag: node.tag.clone(), anchor: 0 }
    }

    pub(crate) fn matches(&self, node: &Node<'_>) -> bool {
        self.depth == node.depth
            && self.anchor == node.anchor
            && self.tag == node.tag
            && self.kind == node.kind
    }
}

/// Nodes to insert before a node of the input, and how many of the input's nodes they replace.
#[derive(Debug)]
pub(crate) struct Splice<'a> {
    pub(crate) before: Id,
    pub(crate) removed: usize,
    pub(crate) inserted: Vec<Expected<'a>>,
}

#[derive(Debug, Default)]
pub(crate) struct Change<'a> {
    pub(crate) edits: Vec<Edit>,
    pub(crate) splices: Vec<Splice<'a>>,
}

impl<'a> Change<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    pub(crate) fn insert_text(&mut self, at: usize, text: impl Into<String>) {
        self.replace_text(at..at, text);
    }

    pub(crate) fn replace_text(&mut self, at: Range<usize>, text: impl Into<String>) {
        self.edits.push(Edit { at, text: text.into() });
    }

    pub(crate) fn insert_nodes(&mut self, before: Id, inserted: Vec<Expected<'a>>) {
        self.splices.push(Splice { before, removed: 0, inserted });
    }

    pub(crate) fn replace_node(&mut self, id: Id, inserted: Vec<Expected<'a>>) {
        self.splices.push(Splice { before: id, removed: 1, inserted });
    }
}

/// Applies edits to a text, in the order of the text. None if they overlap or reach beyond the text.
pub(crate) fn apply(edits: &[Edit], text: &str) -> Option<String> {
    let mut output = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        output.push_str(text.get(done..edit.at.start)?);
        output.push_str(&edit.text);
        done = edit.at.end;
    }
    output.push_str(text.get(done..)?);
    Some(output)
}

/// YAML text to insert, and its nodes.
#[derive(Debug, Default)]
pub(crate) struct Fragment<'a> {
    pub(crate) text: String,
    pub(crate) nodes: Vec<Expected<'a>>,
}

impl Fragment<'_> {
    pub(crate) fn push_plain(&mut self, depth: usize, value: &str) {
        self.text.push_str(value);
        self.expect_scalar(depth, value, ScalarStyle::Plain);
    }

    pub(crate) fn push_quoted(&mut self, depth: usize, value: &str) {
        self.text.push_str(&yaml::double_quoted(value));
        self.expect_scalar(depth, value, ScalarStyle::DoubleQuoted);
    }

    /// A value in flow style, on one line.
    pub(crate) fn push_value(&mut self, depth: usize, value: &Value) {
        self.text.push_str(&value.to_string());
        self.expect_value(depth, value);
    }

    fn expect_value(&mut self, depth: usize, value: &Value) {
        match value {
            Value::String(text) => self.expect_scalar(depth, text, ScalarStyle::DoubleQuoted),
            Value::Plain(text) | Value::Tagged(_, text) => {
                self.expect_scalar(depth, text, ScalarStyle::Plain)
            }
            Value::Sequence(items) => {
                self.nodes.push(Expected::new(depth, Kind::Sequence { flow: true }));
                items.iter().for_each(|item| self.expect_value(depth + 1, item));
            }
            Value::Mapping(entries) => {
                self.nodes.push(Expected::new(depth, Kind::Mapping { flow: true }));
                for (key, value) in entries {
                    self.expect_value(depth + 1, key);
                    self.expect_value(depth + 1, value);
                }
            }
        }
    }

    fn expect_scalar(&mut self, depth: usize, value: &str, style: ScalarStyle) {
        self.nodes.push(Expected::new(depth, Kind::Scalar { value: value.to_owned().into(), style }));
    }
}
