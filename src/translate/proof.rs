//! Proves a change: the parser must read the edited text as the nodes of the input plus exactly the planned ones.

use super::read::nodes::{Node, Nodes};
use super::write::change::{Change, Edit, apply};

/// The edits in the order of the text, and the edited text, if it reads back as planned.
pub(super) fn prove<'a>(mut change: Change<'a>, input: &Nodes<'a>) -> Option<(Vec<Edit>, String)> {
    change.edits.sort_by_key(|edit| edit.at.start);
    change.splices.sort_by_key(|splice| splice.before);
    let output = apply(&change.edits, input.text)?;
    let is_proven = are_expected(Nodes::read(&output).ok()?.list(), &change, input);
    is_proven.then_some((change.edits, output))
}

/// Whether these nodes are those of the input, changed as planned.
fn are_expected(output: &[Node<'_>], change: &Change<'_>, input: &Nodes<'_>) -> bool {
    let mut output = output.iter();
    let mut splices = change.splices.iter().peekable();
    let mut id = 0;
    loop {
        while let Some(splice) = splices.next_if(|splice| splice.before == id) {
            if !splice
                .inserted
                .iter()
                .all(|expected| output.next().is_some_and(|node| expected.matches(node)))
            {
                return false;
            }
            id += splice.removed;
        }
        let Some(kept) = input.list().get(id) else { break };
        if !output.next().is_some_and(|node| is_same(node, kept)) {
            return false;
        }
        id += 1;
    }
    splices.next().is_none() && output.next().is_none()
}

/// Whether two nodes mean the same. Their places in the text may differ.
fn is_same(node: &Node<'_>, other: &Node<'_>) -> bool {
    node.kind == other.kind
        && node.tag == other.tag
        && node.anchor == other.anchor
        && node.depth == other.depth
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::translate::read::nodes::Id;
    use crate::translate::write::change::{Expected, Fragment};

    /// The nodes are the mapping, `a`, the inner mapping, `b` and `c`.
    const TEXT: &str = "a:\n  b: c\n";
    const INNER: Id = 2;
    const END: Id = 5;

    fn entry(depth: usize, key: &str, value: &str) -> Vec<Expected<'static>> {
        let mut entry = Fragment::default();
        for text in [key, value] {
            entry.push_plain(depth, text);
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
        prove(change, &nodes).is_some()
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
        assert!(!is_proven(&[], |it| it.replace_node(4, Vec::new())), "replaced by nothing");
    }
}
