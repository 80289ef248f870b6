//! Finds where a new line can stand and which line break it takes.

use crate::translate::read::nodes::{Id, Kind, Nodes};

pub(crate) const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Where a line below a value can be added. None after a block scalar, whose value an added line could change, and where something else
/// than a comment follows.
pub(crate) fn line_end_below(nodes: &Nodes<'_>, value: Id) -> Option<usize> {
    let last = last_inside(nodes, value);
    let value_end = nodes.range(last).end;
    let line_end = nodes.line_end(value_end);
    let rest = &nodes.text[value_end..line_end];
    let comment = rest.trim_start_matches([' ', '\t']);
    let is_comment = comment.starts_with('#') && comment.len() < rest.len();
    let is_free = !nodes.is_block_scalar(last) && (comment.is_empty() || is_comment);
    is_free.then_some(line_end)
}

/// The end of the line above a block mapping and its comments, if the mapping begins a line.
pub(crate) fn end_of_line_above(nodes: &Nodes<'_>, mapping: Id) -> Option<usize> {
    let start = nodes.range(mapping).start;
    let mut line = nodes.line_start(start);
    if !nodes.text[line..start].bytes().all(|byte| byte == b' ') {
        return None;
    }
    loop {
        let before = &nodes.text[..line];
        let above = before.strip_suffix("\r\n").or_else(|| before.strip_suffix(['\n', '\r']))?;
        line = nodes.line_start(above.len());
        let content = above[line..].trim_start();
        if !(content.is_empty() || content.starts_with('#')) {
            return Some(above.len());
        }
    }
}

/// The line break for a new line at a byte: the one there, or the last one before it, or a line feed.
pub(crate) fn newline(text: &str, at: usize) -> &'static str {
    let last_above = text[..at].rfind(['\n', '\r']);
    let above = last_above.map(|last| if text[..=last].ends_with("\r\n") { last - 1 } else { last });
    let newline_at =
        |at: usize| ["\r\n", "\n", "\r"].into_iter().find(|newline| text[at..].starts_with(newline));
    newline_at(at).or_else(|| newline_at(above?)).unwrap_or("\n")
}

fn last_inside(nodes: &Nodes<'_>, id: Id) -> Id {
    let mut last = id;
    while let Kind::Mapping { flow: false } | Kind::Sequence { flow: false } = nodes.kind(last) {
        match nodes.children(last).last() {
            Some(child) => last = child,
            None => break,
        }
    }
    last
}
