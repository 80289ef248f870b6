//! A change of a document: what it does to the text, and what it must do to the nodes; and the proof that both agree.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::nodes::{Id, Kind, Node, Nodes};

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
    depth: usize,
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

    fn matches(&self, node: &Node<'_>) -> bool {
        self.depth == node.depth
            && self.anchor == node.anchor
            && self.tag == node.tag
            && match (&self.kind, &node.kind) {
                (Kind::Scalar { value, style }, Kind::Scalar { value: found, style: found_style }) => {
                    value == found && style == found_style
                }
                (expected, found) => expected == found,
            }
    }
}

/// Nodes to insert before a node of the input, and how many of the input's nodes they replace.
#[derive(Debug)]
struct Splice<'a> {
    before: Id,
    removed: usize,
    inserted: Vec<Expected<'a>>,
}

/// All that is to happen to one document.
#[derive(Debug, Default)]
pub(super) struct Change<'a> {
    edits: Vec<Edit>,
    splices: Vec<Splice<'a>>,
    deeper: Vec<Range<Id>>,
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

    /// The edits in the order of the text, if the edited text reads back as the input's nodes with exactly the
    /// insertions; otherwise nothing.
    pub(super) fn proven(mut self, input: &Nodes<'a>) -> Option<Vec<Edit>> {
        self.edits.sort_by_key(|edit| edit.at.start);
        let output = self.apply(input.text)?;
        let found = Nodes::read(&output).ok()?;
        let expected = self.expected(input.list());
        let same = found.list().len() == expected.len()
            && expected.iter().zip(found.list()).all(|(expected, found)| expected.matches(found));
        same.then_some(self.edits)
    }

    fn apply(&self, text: &str) -> Option<String> {
        let mut output =
            String::with_capacity(text.len() + self.edits.iter().map(|edit| edit.text.len()).sum::<usize>());
        let mut done = 0;
        for edit in &self.edits {
            output.push_str(text.get(done..edit.at.start)?);
            output.push_str(&edit.text);
            done = edit.at.end;
        }
        output.push_str(text.get(done..)?);
        Some(output)
    }

    fn expected(&mut self, input: &[Node<'a>]) -> Vec<Expected<'a>> {
        self.splices.sort_by_key(|splice| splice.before);
        self.deeper.sort_by_key(|range| range.start);
        let mut expected = Vec::with_capacity(input.len() + 2 * self.splices.len());
        let mut splices = self.splices.drain(..).peekable();
        let mut deeper = self.deeper.iter().peekable();
        let mut removed = 0;
        for id in 0..=input.len() {
            while let Some(splice) = splices.next_if(|splice| splice.before == id) {
                removed += splice.removed;
                expected.extend(splice.inserted);
            }
            let Some(node) = input.get(id) else { break };
            if removed > 0 {
                removed -= 1;
                continue;
            }
            while deeper.next_if(|range| range.end <= id).is_some() {}
            let depth = node.depth + usize::from(deeper.peek().is_some_and(|range| range.contains(&id)));
            expected.push(Expected { anchor: node.anchor, ..Expected::copy_of(node, depth) });
        }
        expected
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
fn quote(value: &str) -> String {
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
