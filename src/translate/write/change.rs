//! A change of a document: the edits of its text, and the values that they add.

use std::ops::Range;

use crate::translate::read::nodes::{Id, Nodes};
use crate::translate::read::value::Value;

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

/// Values to insert before a node of the input, and how many of the input's nodes they replace.
#[derive(Debug)]
pub(crate) struct Splice {
    pub(crate) before: Id,
    pub(crate) removed: usize,
    pub(crate) depth: usize,
    pub(crate) inserted: Vec<Value>,
}

#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) edits: Vec<Edit>,
    pub(crate) splices: Vec<Splice>,
}

impl Change {
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    pub(crate) fn insert_text(&mut self, at: usize, text: impl Into<String>) {
        self.replace_text(at..at, text);
    }

    pub(crate) fn replace_text(&mut self, at: Range<usize>, text: impl Into<String>) {
        self.edits.push(Edit { at, text: text.into() });
    }

    /// Expects values before a node, inside of a mapping or sequence.
    pub(crate) fn insert_values(
        &mut self,
        nodes: &Nodes<'_>,
        collection: Id,
        before: Id,
        inserted: Vec<Value>,
    ) {
        let depth = nodes.depth(collection) + 1;
        self.splices.push(Splice { before, removed: 0, depth, inserted });
    }

    /// Expects a value instead of a scalar.
    pub(crate) fn replace_value(&mut self, nodes: &Nodes<'_>, id: Id, value: Value) {
        let depth = nodes.depth(id);
        self.splices.push(Splice { before: id, removed: 1, depth, inserted: vec![value] });
    }

    /// The edited text. None if edits overlap or reach beyond the text.
    pub(crate) fn apply(&mut self, text: &str) -> Option<String> {
        self.edits.sort_by_key(|edit| edit.at.start);
        self.splices.sort_by_key(|splice| splice.before);
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
