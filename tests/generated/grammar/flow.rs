//! Flow style, including JSON.

use super::block::properties;
use super::content::{Node, Value};
use super::dice::Dice;
use super::scalar;

/// Writes a node without its anchor and tag. All lines after the first are indented by at least `inside` columns.
pub(super) fn node(dice: &mut Dice<'_>, text: &mut String, node: &Node, inside: usize) {
    let json = dice.one_in(3);
    Flow { dice, text, inside, json, lines: false }.node(node, false);
}

struct Flow<'f, 'd> {
    dice: &'f mut Dice<'d>,
    text: &'f mut String,
    inside: usize,
    json: bool,
    lines: bool,
}

impl Flow<'_, '_> {
    fn node(&mut self, node: &Node, within: bool) {
        match &node.value {
            Value::Text(value) => {
                let style = match (self.json && within, within) {
                    (true, _) => scalar::Style::Json,
                    (_, true) => scalar::Style::Flow,
                    (_, false) => scalar::Style::Block,
                };
                scalar::value(self.dice, self.text, value, style, self.inside);
            }
            Value::Plain(text) | Value::Lines(text) => self.text.push_str(text),
            Value::Alias(name) => self.text.extend(["*", name]),
            Value::Mapping(entries) => {
                self.collection(['{', '}'], entries, |flow, (key, value)| flow.entry(key, value));
            }
            Value::Sequence(items) => {
                self.collection(['[', ']'], items, |flow, item| {
                    properties(flow.dice, flow.text, item);
                    flow.node(item, true);
                });
            }
        }
    }

    fn collection<T>(&mut self, ends: [char; 2], items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        let outer = self.lines;
        self.lines = self.dice.one_in(4);
        let gap = self.dice.pick(&["", " "]);
        let between = self.dice.pick(&[" ", " ", "", "  "]);
        self.text.push(ends[0]);
        self.gap(gap);
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.text.push(',');
                self.gap(between);
            }
            write(self, item);
            if self.dice.one_in(24) {
                self.gap(" ");
            }
        }
        if !self.json && !items.is_empty() && self.dice.one_in(10) {
            self.text.push(',');
        }
        self.gap(gap);
        self.text.push(ends[1]);
        self.lines = outer;
    }

    fn entry(&mut self, key: &Node, value: &Node) {
        if !self.json && self.dice.one_in(24) {
            self.text.push_str("? ");
        }
        properties(self.dice, self.text, key);
        scalar::key(self.dice, self.text, key, self.json);
        if self.dice.one_in(16) {
            self.text.push(' ');
        }
        self.text.push(':');
        // Only after quotes a colon needs no blank.
        let quoted = self.text.ends_with("\":") || self.text.ends_with("':");
        if !(quoted && self.dice.one_in(4)) {
            self.gap(" ");
        }
        properties(self.dice, self.text, value);
        self.node(value, true);
        if matches!(value.value, Value::Plain("") | Value::Alias(_)) {
            self.text.push(' ');
        }
    }

    /// Writes blanks, or a line break and indentation in a collection of several lines.
    fn gap(&mut self, blanks: &str) {
        if !self.lines || self.dice.one_in(4) {
            self.text.push_str(blanks);
            return;
        }
        if self.dice.one_in(8) {
            self.text.push_str(self.dice.pick(&[" # a comment", "\t# helm.sh/hook-delete-policy: x", "  "]));
        }
        let further = self.dice.below(4);
        self.text.push('\n');
        self.text.push_str(&" ".repeat(self.inside + further));
        if self.dice.one_in(10) {
            self.text.push('\t');
        }
    }
}
