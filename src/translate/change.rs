//! A change of a document: what it does to the text, and what it must do to the nodes.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::nodes::{Id, Kind, Node};

/// A piece of the text and what takes its place. Nearly always the piece is empty: an insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) at: Range<usize>,
    pub(super) text: String,
}

impl Edit {
    /// The same edit in a text that has so many bytes before this one.
    pub(super) fn moved_by(self, bytes: usize) -> Self {
        Self { at: self.at.start + bytes..self.at.end + bytes, ..self }
    }
}

/// A node as it must read back.
#[derive(Debug, Clone)]
pub(super) struct Expected<'a> {
    pub(super) depth: usize,
    kind: Kind<'a>,
    tag: Option<Box<str>>,
    anchor: usize,
}

impl<'a> Expected<'a> {
    pub(super) fn new(depth: usize, kind: Kind<'a>) -> Self {
        Self { depth, kind, tag: None, anchor: 0 }
    }

    /// A node again, at another depth and without its anchor.
    pub(super) fn copy_of(node: &Node<'a>, depth: usize) -> Self {
        Self { depth, kind: node.kind.clone(), tag: node.tag.clone(), anchor: 0 }
    }

    /// Whether a node at this depth is this one.
    pub(super) fn matches(&self, node: &Node<'_>, depth: usize) -> bool {
        self.depth == depth && self.anchor == node.anchor && self.tag == node.tag && self.kind == node.kind
    }
}

/// Nodes to insert before a node of the input, and how many of the input's nodes they replace.
#[derive(Debug)]
pub(super) struct Splice<'a> {
    pub(super) before: Id,
    pub(super) removed: usize,
    pub(super) inserted: Vec<Expected<'a>>,
}

/// All that is to happen to one document.
#[derive(Debug, Default)]
pub(super) struct Change<'a> {
    pub(super) edits: Vec<Edit>,
    pub(super) splices: Vec<Splice<'a>>,
    pub(super) deeper: Vec<Range<Id>>,
}

impl<'a> Change<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    pub(super) fn insert_text(&mut self, at: usize, text: impl Into<String>) {
        self.replace_text(at..at, text);
    }

    pub(super) fn replace_text(&mut self, at: Range<usize>, text: impl Into<String>) {
        self.edits.push(Edit { at, text: text.into() });
    }

    pub(super) fn insert_nodes(&mut self, before: Id, inserted: Vec<Expected<'a>>) {
        self.splices.push(Splice { before, removed: 0, inserted });
    }

    pub(super) fn replace_node(&mut self, id: Id, inserted: Vec<Expected<'a>>) {
        self.splices.push(Splice { before: id, removed: 1, inserted });
    }

    /// These nodes of the input come to lie one level deeper.
    pub(super) fn deepen(&mut self, range: Range<Id>) {
        self.deeper.push(range);
    }

    /// A part of the text with the edits in it, which are in the order of the text.
    pub(super) fn apply(&self, text: &str, part: Range<usize>) -> Option<String> {
        let added: usize = self.edits.iter().map(|edit| edit.text.len()).sum();
        let mut output = String::with_capacity(part.len() + added);
        let mut done = part.start;
        for edit in &self.edits {
            output.push_str(text.get(done..edit.at.start)?);
            output.push_str(&edit.text);
            done = edit.at.end;
        }
        output.push_str(text.get(done..part.end)?);
        Some(output)
    }
}

/// A piece of YAML to insert, with the nodes that it must read back as.
#[derive(Debug, Default)]
pub(super) struct Fragment<'a> {
    pub(super) text: String,
    pub(super) nodes: Vec<Expected<'a>>,
}

impl Fragment<'_> {
    pub(super) fn scalar(&mut self, depth: usize, value: &str, quoted: bool) {
        self.text.push_str(&if quoted { quote(value) } else { value.to_owned() });
        let style = if quoted { ScalarStyle::DoubleQuoted } else { ScalarStyle::Plain };
        self.nodes.push(Expected::new(depth, Kind::Scalar { value: value.to_owned().into(), style }));
    }

    /// How many levels a node at this depth lies below the fragment's first.
    pub(super) fn reaches(&self, depth: usize) -> usize {
        depth - self.nodes.first().map_or(depth, |first| first.depth)
    }
}

/// A double-quoted scalar, on one line.
pub(super) fn quote(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}
