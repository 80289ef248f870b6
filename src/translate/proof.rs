//! The proof of a change: the edited text, read by the parser, has the input's nodes and exactly what was to be inserted.

use std::iter;
use std::ops::Range;

use super::read::nodes::{Id, Node, Nodes};
use super::write::change::{Change, Edit};

/// What is read again: a text of the input, and the nodes that were read from it.
#[derive(Debug)]
struct Part {
    text: Range<usize>,
    nodes: Range<Id>,
    /// The depth of the mapping that the nodes are an entry of, if they are not all there are.
    entry_of: Option<usize>,
}

impl<'a> Change<'a> {
    /// The edits in the order of the text, if they do what they must; otherwise nothing.
    pub(super) fn proven(mut self, input: &Nodes<'a>) -> Option<Vec<Edit>> {
        self.edits.sort_by_key(|edit| edit.at.start);
        self.splices.sort_by_key(|splice| splice.before);
        self.deeper.sort_by_key(|range| range.start);
        let whole = Part { text: 0..input.text.len(), nodes: 0..input.list().len(), entry_of: None };
        let proven = match self.entry_around(input) {
            Some(entry) => {
                let proven = self.holds(input, &entry);
                debug_assert_eq!(proven, self.holds(input, &whole), "{:?} in {:?}", self.edits, input.text);
                proven
            }
            None => self.holds(input, &whole),
        };
        proven.then_some(self.edits)
    }

    /// The lines of the innermost key and mapping that hold the whole change, if it is enough to read these.
    ///
    /// It is, where each line is whole in itself and says by its indentation where it belongs (`simple`). The parser comes
    /// to the key's line with nothing open but mappings, and what it makes of the lines below depends on how far they
    /// are indented, not on what is around them; so it reads them alone as it reads them there. The lines after them it
    /// reads as before, because none of the edited ones can go on there: a quote or brace that was left open is an error
    /// where the part ends, and all other text goes on only in lines that are indented deeper than the mapping's keys,
    /// while the next is a key outside of it.
    fn entry_around(&self, input: &Nodes<'_>) -> Option<Part> {
        let ([edit], [splice], []) = (&*self.edits, &*self.splices, &*self.deeper) else { return None };
        let depth = splice.inserted.first()?.depth.checked_sub(1)?;
        let mut around = iter::successors(splice.before.checked_sub(1), |&id| input.get(id).parent);
        let mapping = around.find(|&id| input.get(id).depth == depth)?;
        let key = mapping.checked_sub(1)?;
        let node = input.get(mapping);
        // A mapping ends where the next key begins.
        let end =
            if node.text.end < input.text.len() { input.line_start(node.text.end) } else { node.text.end };
        let text = input.line_start(input.get(key).start)..end;
        let is_inside = edit.at.start > input.get(key).text.end && edit.at.end < text.end;
        (input.has_simple_lines && is_inside).then_some(Part {
            text,
            nodes: key..node.end,
            entry_of: Some(depth - 1),
        })
    }

    /// Whether a part of the text, once edited, has the nodes that it must have.
    fn holds(&self, input: &Nodes<'a>, part: &Part) -> bool {
        let Some(output) = self.apply(input.text, part.text.clone()) else { return false };
        let Ok(output) = Nodes::read(&output) else { return false };
        let (above, found) =
            output.list().split_at(usize::from(part.entry_of.is_some()).min(output.list().len()));
        above.iter().all(Node::is_block_mapping) && self.leads_to(input, part, found)
    }

    /// Whether these are the nodes of a part with what is inserted.
    fn leads_to(&self, input: &Nodes<'a>, part: &Part, found: &[Node<'_>]) -> bool {
        let mut found = found.iter().map(|node| (node, node.depth + part.entry_of.unwrap_or(0)));
        let mut splices = self.splices.iter().peekable();
        let mut deeper = self.deeper.iter().peekable();
        let mut removed = 0;
        for id in part.nodes.start..=part.nodes.end {
            while let Some(splice) = splices.next_if(|splice| splice.before == id) {
                removed += splice.removed;
                for expected in &splice.inserted {
                    if !found.next().is_some_and(|(node, depth)| expected.matches(node, depth)) {
                        return false;
                    }
                }
            }
            if id == part.nodes.end {
                break;
            }
            if removed > 0 {
                removed -= 1;
                continue;
            }
            while deeper.next_if(|range| range.end <= id).is_some() {}
            let deeper = usize::from(deeper.peek().is_some_and(|range| range.contains(&id)));
            let node = input.get(id);
            let is_same = |(found, depth): (&Node<'_>, usize)| {
                found.kind == node.kind
                    && found.tag == node.tag
                    && found.anchor == node.anchor
                    && depth == node.depth + deeper
            };
            if !found.next().is_some_and(is_same) {
                return false;
            }
        }
        splices.peek().is_none() && found.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::write::change::{Expected, Fragment};

    /// Its nodes: the mapping, `a`, the inner mapping, `b`, `c`.
    const TEXT: &str = "a:\n  b: c\n";
    const INNER: Id = 2;
    const END: Id = 5;

    fn entry(depth: usize, key: &str, value: &str) -> Vec<Expected<'static>> {
        let mut entry = Fragment::default();
        for text in [key, value] {
            entry.scalar(depth, text, false);
        }
        entry.nodes
    }

    fn is_proven(edits: &[(Range<usize>, &str)], plan: impl FnOnce(&mut Change<'_>)) -> bool {
        let nodes = Nodes::read(TEXT).unwrap();
        let mut change = Change::default();
        for (at, text) in edits {
            change.replace_text(at.clone(), *text);
        }
        plan(&mut change);
        change.proven(&nodes).is_some()
    }

    #[test]
    fn what_reads_back_as_planned_is_proven() {
        let end = TEXT.len();
        assert!(is_proven(&[(end..end, "  d: e\n")], |it| it.insert_nodes(END, entry(2, "d", "e"))));
        assert!(is_proven(&[(3..3, "  d: e\n")], |it| it.insert_nodes(INNER + 1, entry(2, "d", "e"))));
        assert!(is_proven(&[(end..end, "d: e\n")], |it| it.insert_nodes(END, entry(1, "d", "e"))));
        assert!(is_proven(&[(8..9, "d")], |it| it.replace_node(4, entry(2, "d", "e").drain(..1).collect())));
        assert!(is_proven(&[], |_| {}));
    }

    #[test]
    fn what_reads_back_otherwise_is_not() {
        let end = TEXT.len();
        for (edits, nodes, why) in [
            (vec![(end..end, "  d: e\n")], entry(2, "d", "x"), "another value"),
            (vec![(end..end, "  x: e\n")], entry(2, "d", "e"), "another key"),
            (vec![(end..end, "d: e\n")], entry(2, "d", "e"), "another depth"),
            (vec![(end..end, "  d: 'e'\n")], entry(2, "d", "e"), "another style"),
            (vec![(end..end, "  d: !!str e\n")], entry(2, "d", "e"), "a tag"),
            (vec![(end..end, "  d: &x e\n")], entry(2, "d", "e"), "an anchor"),
            (vec![(end..end, "  d: e\n  f: g\n")], entry(2, "d", "e"), "more than planned"),
            (vec![(end..end, "  d: e\n")], vec![], "nothing planned"),
            (vec![(end..end, "  # d: e\n")], entry(2, "d", "e"), "nothing inserted"),
            (vec![(3..3, "  d: e\n")], entry(2, "d", "e"), "another place"),
            (vec![(end..end, "  d: e\n"), (8..9, "x")], entry(2, "d", "e"), "a changed neighbour"),
            (vec![(end..end, "  d: e\n"), (3..10, "")], entry(2, "d", "e"), "a lost neighbour"),
            (vec![(end..end, "  d: [e\n")], entry(2, "d", "e"), "no YAML"),
            (vec![(end..end, "---\n")], vec![], "another document"),
            (vec![(end + 1..end + 1, "  d: e\n")], entry(2, "d", "e"), "beyond the end"),
            (vec![(5..8, "b: "), (6..6, "x")], vec![], "edits that overlap"),
        ] {
            let plan = |it: &mut Change<'_>| {
                if !nodes.is_empty() {
                    it.insert_nodes(END, nodes);
                }
            };
            assert!(!is_proven(&edits, plan), "{why}");
        }
        assert!(!is_proven(&[], |it| it.deepen(INNER..END)), "deeper than it is");
        assert!(!is_proven(&[], |it| it.replace_node(4, Vec::new())), "replaced by nothing");
    }
}
