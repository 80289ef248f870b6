//! Proves a change: the parser must read the edited text as the nodes of the input plus exactly the planned ones.

use std::ops::Range;

use super::read::nodes::{Id, Node, Nodes};
use super::write::change::{Change, Edit, apply};

/// A part of the input that is read again.
#[derive(Debug)]
struct Part {
    text: Range<usize>,
    nodes: Range<Id>,
    /// The depth of the mapping to which the first entry of the part belongs. None for the whole document.
    entry_of: Option<usize>,
}

/// The edits in the order of the text, if the edited text reads back as planned.
pub(super) fn prove<'a>(mut change: Change<'a>, input: &Nodes<'a>) -> Option<Vec<Edit>> {
    change.edits.sort_by_key(|edit| edit.at.start);
    change.splices.sort_by_key(|splice| splice.before);
    change.deeper.sort_by_key(|range| range.start);
    let whole = Part { text: 0..input.text.len(), nodes: 0..input.list().len(), entry_of: None };
    let is_proven = match lines_around(&change, input) {
        Some(lines) => {
            let is_proven = reads_back(&change, input, &lines);
            debug_assert_eq!(
                is_proven,
                reads_back(&change, input, &whole),
                "{:?} in {:?}",
                change.edits,
                input.text
            );
            is_proven
        }
        None => reads_back(&change, input, &whole),
    };
    is_proven.then_some(change.edits)
}

/// The lines around an insertion, if only these need to be read again: the entry above it, or the key of its mapping and the
/// first entry.
///
/// These lines suffice where the line reader read the input. Then no scalar spans two lines, and only block mappings are open when
/// the parser reaches the first line. Only indentation connects the lines with the text around them, so the parser reads them
/// alone as it reads them in the document. The edited lines cannot absorb the lines below: an open quote or brace is an error at
/// the end of the part, and any other scalar continues only on lines that are indented deeper than the next key.
fn lines_around(change: &Change<'_>, input: &Nodes<'_>) -> Option<Part> {
    let ([edit], [splice], [], true) =
        (&*change.edits, &*change.splices, &*change.deeper, input.has_simple_lines)
    else {
        return None;
    };
    let above = splice.before.checked_sub(1)?;
    let key = above.checked_sub(1)?;
    let last = if input.get(above).is_block_mapping() { above + 2 } else { above };
    let text = input.line_start(input.get(key).start)..input.line_end(input.get(last).text.end);
    let is_beside_last = splice.removed == 0
        && splice.inserted.first()?.depth == input.get(last).depth
        && !input.get(last).is_block_mapping();
    let is_inside = edit.at.start > input.get(key).text.end && edit.at.end <= text.end;
    (is_beside_last && is_inside).then_some(Part {
        text,
        nodes: key..last + 1,
        entry_of: Some(input.get(key).depth.checked_sub(1)?),
    })
}

fn reads_back(change: &Change<'_>, input: &Nodes<'_>, part: &Part) -> bool {
    let text = input.text.get(part.text.clone());
    let output = text.and_then(|text| apply(&change.edits, text, part.text.start));
    let Some(output) = output else { return false };
    let Ok(output) = Nodes::read(&output) else { return false };
    let above = usize::from(part.entry_of.is_some()).min(output.list().len());
    let (above, found) = output.list().split_at(above);
    above.iter().all(Node::is_block_mapping) && are_expected(found, change, input, part)
}

/// Whether these nodes are those of a part of the input, changed as planned.
fn are_expected(found: &[Node<'_>], change: &Change<'_>, input: &Nodes<'_>, part: &Part) -> bool {
    let mut found = found.iter().map(|node| (node, node.depth + part.entry_of.unwrap_or(0)));
    let mut splices = change.splices.iter().peekable();
    let mut deeper = change.deeper.iter().peekable();
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

#[cfg(test)]
mod tests {
    use super::*;
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
        assert!(!is_proven(&[], |it| it.deepen(INNER..END)), "deeper than it is");
        assert!(!is_proven(&[], |it| it.replace_node(4, Vec::new())), "replaced by nothing");
    }
}
