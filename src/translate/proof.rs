//! Proves a change: the parser must read the edited text as the nodes of the input plus exactly the planned values.

use super::read::nodes::{Id, Kind, Nodes};
use super::read::value::Value;
use super::write::change::Change;

/// Whether the nodes of the edited text are those of the input, changed as planned.
pub(super) fn is_proven(change: &Change<'_, '_>, output: &Nodes<'_>) -> bool {
    let input = change.nodes;
    let mut splices = change.splices.iter().peekable();
    let (mut kept, mut found) = (0, 0);
    loop {
        while let Some(splice) = splices.next_if(|splice| splice.before == kept) {
            for value in &splice.inserted {
                if !has_value(output, found, splice.depth, value) {
                    return false;
                }
                found = output.end(found);
            }
            kept += splice.removed;
        }
        if kept == input.len() {
            return splices.next().is_none() && found == output.len();
        }
        if !is_same(input, kept, output, found) {
            return false;
        }
        (kept, found) = (kept + 1, found + 1);
    }
}

fn has_value(nodes: &Nodes<'_>, id: Id, depth: usize, value: &Value) -> bool {
    id < nodes.len()
        && nodes.depth(id) == depth
        && (nodes.kind(id) == Kind::Alias || nodes.properties(id).anchor == 0)
        && Value::read(nodes, id).as_ref() == Ok(value)
}

/// Whether two nodes mean the same. Their places in the text may differ.
fn is_same(input: &Nodes<'_>, kept: Id, output: &Nodes<'_>, found: Id) -> bool {
    found < output.len()
        && input.kind(kept) == output.kind(found)
        && input.depth(kept) == output.depth(found)
        && input.value(kept) == output.value(found)
        && input.properties(kept).anchor == output.properties(found).anchor
        && input.properties(kept).tag == output.properties(found).tag
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::translate::write::change::{Edit, Splice};

    /// The nodes are the mapping, `a`, the inner mapping, `b` and `c`.
    const TEXT: &str = "a:\n  b: c\n";
    const INNER: Id = 2;
    const END: Id = 5;

    fn entry(before: Id, depth: usize, key: &str, value: &str) -> Splice {
        let inserted = [key, value].map(|text| Value::String(text.to_owned())).to_vec();
        Splice { before, removed: 0, depth, inserted }
    }

    fn replaced(inserted: Vec<Value>) -> Splice {
        Splice { before: 4, removed: 1, depth: 2, inserted }
    }

    fn is_proven(edits: &[(Range<usize>, &str)], splices: Vec<Splice>) -> bool {
        let nodes = Nodes::read(TEXT).unwrap();
        let edits =
            edits.iter().map(|(at, text)| Edit { at: at.clone(), text: (*text).to_owned() }).collect();
        let mut change = Change { nodes: &nodes, edits, splices };
        let output = change.apply();
        let output = output.as_deref().and_then(|text| Nodes::read(text).ok());
        output.is_some_and(|output| super::is_proven(&change, &output))
    }

    #[test]
    fn what_reads_back_as_planned_is_proven() {
        let end = TEXT.len();
        assert!(is_proven(&[(end..end, "  d: e\n")], vec![entry(END, 2, "d", "e")]));
        assert!(is_proven(&[(3..3, "  d: e\n")], vec![entry(INNER + 1, 2, "d", "e")]));
        assert!(is_proven(&[(end..end, "d: e\n")], vec![entry(END, 1, "d", "e")]));
        assert!(is_proven(&[(end..end, "  'd': !!str e\n")], vec![entry(END, 2, "d", "e")]));
        assert!(is_proven(&[(8..9, "d")], vec![replaced(vec![Value::String("d".to_owned())])]));
        assert!(is_proven(&[], vec![]));
    }

    #[test]
    fn what_reads_back_otherwise_is_not() {
        let end = TEXT.len();
        for (edits, planned, why) in [
            (vec![(end..end, "  d: e\n")], Some("x"), "another value"),
            (vec![(end..end, "  x: e\n")], Some("e"), "another key"),
            (vec![(end..end, "d: e\n")], Some("e"), "another depth"),
            (vec![(end..end, "  d: yes\n")], Some("yes"), "another type"),
            (vec![(end..end, "  d: !!int e\n")], Some("e"), "a tag"),
            (vec![(end..end, "  d: &x e\n")], Some("e"), "an anchor"),
            (vec![(end..end, "  d: e\n  f: g\n")], Some("e"), "more than planned"),
            (vec![(end..end, "  d: e\n")], None, "nothing planned"),
            (vec![(end..end, "  # d: e\n")], Some("e"), "nothing inserted"),
            (vec![(3..3, "  d: e\n")], Some("e"), "another place"),
            (vec![(end..end, "  d: e\n"), (8..9, "x")], Some("e"), "a changed neighbour"),
            (vec![(end..end, "  d: e\n"), (3..10, "")], Some("e"), "a lost neighbour"),
            (vec![(end..end, "  d: [e\n")], Some("e"), "no YAML"),
            (vec![(end..end, "---\n")], None, "another document"),
            (vec![(end + 1..end + 1, "  d: e\n")], Some("e"), "beyond the end"),
            (vec![(5..8, "b: "), (6..6, "x")], None, "edits that overlap"),
        ] {
            let splices = planned.map(|value| entry(END, 2, "d", value)).into_iter().collect();
            assert!(!is_proven(&edits, splices), "{why}");
        }
        assert!(!is_proven(&[], vec![replaced(Vec::new())]), "replaced by nothing");
    }
}
