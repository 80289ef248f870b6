//! The head of a document: the part before `spec:`. The head decides what happens to a Job, so the rest need not be read.

use super::nodes::Nodes;

/// The part of a document before the first `spec:` or `status:` at the left margin, if no other key follows at the margin.
///
/// Keys of the top-level mapping start in column 0, so no `kind` or `metadata` can follow the head.
pub(crate) fn of(text: &str) -> Option<&str> {
    let is_tail_key = |line: &str| line.starts_with("spec:") || line.starts_with("status:");
    let (mut head, mut start) = (None, 0);
    for line in text.split(['\n', '\r']) {
        match line.bytes().next() {
            None | Some(b' ' | b'\t' | b'#') => {}
            Some(_) if is_tail_key(line) => head = head.or(Some(start)),
            Some(_) if head.is_some() => return None,
            Some(_) => {}
        }
        start += line.len() + 1;
    }
    head.map(|end| &text[..end])
}

/// Whether a head decides: it has kind, apiVersion and metadata, and no anchors.
///
/// When a parser reaches a key at the left margin, only the mapping of the key is open, and only anchors remain of what came
/// before. So the head means the same without the rest, and the rest means the same after an edited head.
pub(crate) fn decides(nodes: &Nodes<'_>) -> bool {
    let has = |key| nodes.own(0, key).len() == 1;
    nodes.root().is_some_and(|root| nodes.is_block_mapping(root) && nodes.indent(root) == 0)
        && (0..nodes.len()).all(|id| nodes.properties(id).anchor == 0)
        && ["kind", "apiVersion", "metadata"].into_iter().all(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_where_only_spec_and_status_follow() {
        for (text, head) in [
            ("kind: Job\nspec:\n  a: b\n", Some("kind: Job\n")),
            ("kind: Job\r\nspec:\r\n  a: b\r\nstatus: {}\r\n", Some("kind: Job\r\n")),
            ("kind: Job\rspec:\r", Some("kind: Job\r")),
            ("spec: {}\nkind: Job\n", None),
            ("kind: Job\nspec: {}\n? kind\n: Job\n", None),
            ("kind: Job\nspec: {}\n# c\n\n\t\n", Some("kind: Job\n")),
            ("kind: Job\n", None),
            ("", None),
        ] {
            assert_eq!(of(text), head, "{text:?}");
        }
    }

    #[test]
    fn a_head_decides_if_it_has_all_that_matters_and_shares_nothing() {
        for (text, decided) in [
            ("apiVersion: batch/v1\nkind: Job\nmetadata: {}\n", true),
            ("apiVersion: batch/v1\nkind: Job\n", false),
            ("apiVersion: batch/v1\nkind: Job\nkind: Job\nmetadata: {}\n", false),
            ("apiVersion: batch/v1\nkind: Job\nmetadata: &m {}\n", false),
            ("{apiVersion: batch/v1, kind: Job, metadata: {}}\n", false),
            ("  apiVersion: batch/v1\n  kind: Job\n  metadata: {}\n", false),
            ("", false),
        ] {
            assert_eq!(Nodes::read(text).is_ok_and(|nodes| decides(&nodes)), decided, "{text:?}");
        }
    }
}
