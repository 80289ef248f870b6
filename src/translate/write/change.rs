//! A change of a document: the edits of its text, and the values that they add.

use std::ops::Range;

use crate::translate::read::nodes::{Id, Nodes};
use crate::translate::read::value::Value;

/// Replaces a range of the text. The range of an insertion is empty.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) at: Range<usize>,
    pub(crate) text: String,
}

/// Values to insert before a node of the input, and how many of the input's nodes they replace.
#[derive(Debug)]
pub(crate) struct Splice {
    pub(crate) before: Id,
    pub(crate) removed: usize,
    pub(crate) depth: usize,
    pub(crate) inserted: Vec<Value>,
}

pub(crate) struct Change<'n, 'a> {
    pub(crate) nodes: &'n Nodes<'a>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) splices: Vec<Splice>,
}

impl<'n, 'a> Change<'n, 'a> {
    pub(crate) fn new(nodes: &'n Nodes<'a>) -> Self {
        Self { nodes, edits: Vec::new(), splices: Vec::new() }
    }

    /// Inserts a text, which adds values to a mapping or sequence before a node.
    pub(crate) fn insert(
        &mut self,
        at: usize,
        text: String,
        collection: Id,
        before: Id,
        inserted: Vec<Value>,
    ) {
        let depth = self.nodes.depth(collection) + 1;
        self.edits.push(Edit { at: at..at, text });
        self.splices.push(Splice { before, removed: 0, depth, inserted });
    }

    /// Replaces a scalar by a value. Its text, which may be empty, stands in this range.
    pub(crate) fn replace(&mut self, id: Id, at: Range<usize>, text: String, value: Value) {
        let depth = self.nodes.depth(id);
        self.edits.push(Edit { at, text });
        self.splices.push(Splice { before: id, removed: 1, depth, inserted: vec![value] });
    }

    /// The edited text. None if edits overlap.
    pub(crate) fn apply(&mut self) -> Option<String> {
        self.edits.sort_by_key(|edit| edit.at.start);
        self.splices.sort_by_key(|splice| splice.before);
        let text = self.nodes.text;
        let mut output = String::with_capacity(text.len());
        let mut done = 0;
        for edit in &self.edits {
            output.push_str(text.get(done..edit.at.start)?);
            output.push_str(&edit.text);
            done = edit.at.end;
        }
        output.push_str(text.get(done..)?);
        Some(output)
    }
}
