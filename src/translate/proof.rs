//! The proof of a change: the edited text, read by the parser, has the input's nodes and exactly what was to be inserted.

use std::iter;
use std::ops::Range;

use super::change::{Change, Edit};
use super::nodes::{Id, Node, Nodes};

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
