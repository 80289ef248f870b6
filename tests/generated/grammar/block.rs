//! Block style: indentation, and one entry in each line.

use super::content::{Node, Value};
use super::dice::Dice;
use super::{flow, scalar};

/// Writes nodes in block style, or in flow style where the dice choose it.
pub(super) struct Block<'b, 'd> {
    dice: &'b mut Dice<'d>,
    text: &'b mut String,
}

/// What precedes a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// Nothing: the value begins the document.
    Nothing,
    /// `---`
    Marker,
    /// `key:`
    Key,
    /// `-`, or the `?` and `:` of an explicit key. A collection may begin on the same line.
    Indicator,
}

/// The parent column of a top-level node.
const OUTERMOST: isize = -1;

impl<'b, 'd> Block<'b, 'd> {
    pub(super) fn new(dice: &'b mut Dice<'d>, text: &'b mut String) -> Self {
        Self { dice, text }
    }

    /// Writes a document after its `---`.
    pub(super) fn after_marker(&mut self, root: &Node) {
        self.value(root, OUTERMOST, After::Marker);
    }

    /// Writes a document without a marker.
    pub(super) fn at_the_margin(&mut self, root: &Node) {
        self.value(root, OUTERMOST, After::Nothing);
    }

    /// Writes a value, indented more than `parent`, and the end of its last line.
    fn value(&mut self, node: &Node, parent: isize, after: After) {
        match &node.value {
            Value::Lines(lines) => {
                if after != After::Nothing {
                    self.end_of_line();
                }
                self.text.push_str(lines);
            }
            Value::Mapping(entries) if !entries.is_empty() && !self.dice.one_in(5) => {
                let column = self.begin(node, parent, after);
                for (number, (key, value)) in entries.iter().enumerate() {
                    self.indent(column, number);
                    self.entry(key, value, column);
                }
            }
            Value::Sequence(items) if !items.is_empty() && !self.dice.one_in(5) => {
                // A list may have the same indentation as its key.
                let parent = if after == After::Key && self.dice.one_in(2) { parent - 1 } else { parent };
                let column = self.begin(node, parent, after);
                for (number, item) in items.iter().enumerate() {
                    self.indent(column, number);
                    self.text.push('-');
                    self.value(item, column as isize, After::Indicator);
                }
            }
            _ => self.inline(node, parent, after),
        }
    }

    /// Moves to the first entry of a collection, and returns its column.
    fn begin(&mut self, node: &Node, parent: isize, after: After) -> usize {
        let bare = node.anchor.is_none() && node.tag.is_none();
        if bare && after == After::Indicator && !self.dice.one_in(4) {
            self.text.push_str(self.dice.pick(&[" ", "   "]));
            return self.column();
        }
        if after != After::Nothing || !bare {
            if after != After::Nothing {
                self.text.push(' ');
            }
            properties(self.dice, self.text, node);
            self.text.truncate(self.text.trim_end_matches(' ').len());
            self.end_of_line();
        }
        let steps: &[isize] = if parent < 0 { &[1, 1, 1, 3] } else { &[2, 2, 2, 4, 1, 3, 8] };
        let column = (parent + self.dice.pick(steps)).unsigned_abs();
        self.noise();
        self.text.push_str(&" ".repeat(column));
        column
    }

    /// Moves to the column of the next entry.
    fn indent(&mut self, column: usize, number: usize) {
        if number > 0 {
            self.noise();
            self.text.push_str(&" ".repeat(column));
        }
    }

    fn column(&self) -> usize {
        let line = self.text.rsplit('\n').next().unwrap_or_default();
        line.trim_start_matches('\u{feff}').chars().count()
    }

    fn entry(&mut self, key: &Node, value: &Node, column: usize) {
        if self.dice.one_in(16) {
            self.text.push('?');
            self.value(key, column as isize, After::Indicator);
            self.noise();
            self.text.push_str(&" ".repeat(column));
            self.text.push(':');
            self.value(value, column as isize, After::Indicator);
            return;
        }
        properties(self.dice, self.text, key);
        scalar::key(self.dice, self.text, key, false);
        if self.dice.one_in(12) {
            self.text.push(' ');
        }
        self.text.push(':');
        self.value(value, column as isize, After::Key);
    }

    /// Writes a scalar, an alias or a flow collection.
    fn inline(&mut self, node: &Node, parent: isize, after: After) {
        let inside = (parent + 1).unsigned_abs();
        let is_nothing =
            matches!(node.value, Value::Plain("")) && node.anchor.is_none() && node.tag.is_none();
        if is_nothing {
            return self.end_of_line();
        }
        if after != After::Nothing {
            if self.dice.one_in(12) {
                self.end_of_line();
                let further = 1 + self.dice.below(3);
                self.text.push_str(&" ".repeat(inside + further));
            } else {
                self.text.push_str(self.dice.pick(&[" ", " ", " ", "  ", "\t"]));
            }
        }
        properties(self.dice, self.text, node);
        if let Value::Text(value) = &node.value
            && self.dice.one_in(5)
            && scalar::literal_or_folded(self.dice, self.text, value, inside.saturating_sub(1))
        {
            return;
        }
        flow::node(self.dice, self.text, node, inside);
        self.end_of_line();
    }

    fn end_of_line(&mut self) {
        if self.dice.one_in(8) {
            self.text.push_str(self.dice.pick(&[
                "  ",
                "\t",
                " # a comment",
                "  # helm.sh/hook-delete-policy: hook-failed",
                "\t#",
            ]));
        }
        self.text.push('\n');
    }

    /// Writes comments and blank lines.
    fn noise(&mut self) {
        if self.dice.one_in(12) && !self.text.is_empty() {
            let lines =
                ["\n", "  \n", "# a comment\n", "      # kind: Job\n", "\n\n", " \t\n", "#\n  # --- \n"];
            self.text.push_str(self.dice.pick(&lines));
        }
    }
}

/// Writes a node's anchor and tag, in either order, each followed by a blank.
pub(super) fn properties(dice: &mut Dice<'_>, text: &mut String, node: &Node) {
    let anchor = node.anchor.map(|anchor| format!("&{anchor} "));
    let tag = node.tag.map(|tag| format!("{tag} "));
    let mut properties = [anchor, tag];
    if dice.one_in(2) {
        properties.reverse();
    }
    text.extend(properties.into_iter().flatten());
}
