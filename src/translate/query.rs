//! A look into a stream without translating it, for those who add to it.

use super::read::lookup::Lookup;
use super::read::nodes::Nodes;
use super::read::stream;

/// The documents of a stream, as the translator splits it.
pub(crate) fn documents(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    stream::documents(stream).map(|range| &stream[range])
}

/// The strings that a document has at these paths of keys. None at all if it is no YAML, which others judge.
pub(crate) fn strings<const N: usize>(
    document: &[u8],
    paths: [&[&'static str]; N],
) -> Option<[Option<String>; N]> {
    let nodes = Nodes::read(std::str::from_utf8(document).ok()?).ok()?;
    let lookup = Lookup::new(&nodes);
    let at = |path: &[&'static str]| {
        let root = (!nodes.is_empty()).then_some(0)?;
        let value =
            path.iter().try_fold(root, |id, key| Some(lookup.find(lookup.mapping(id)?, key)?.value()))?;
        lookup.string(value).map(str::to_owned)
    };
    Some(paths.map(at))
}

#[cfg(test)]
mod tests {
    use super::strings;

    #[test]
    fn a_string_is_found_at_its_path_and_nothing_else_is() {
        for (document, found) in [
            ("a: {b: c}", Some(Some("c"))),
            ("x: &x {b: c}\na: {<<: *x}", Some(Some("c"))),
            ("a: {b: 1}", Some(None)),
            ("a: b", Some(None)),
            ("a", Some(None)),
            ("", Some(None)),
            ("a: [", None),
        ] {
            let found = found.map(|found| [found.map(str::to_owned)]);
            assert_eq!(strings(document.as_bytes(), [&["a", "b"]]), found, "{document}");
        }
        assert_eq!(strings(b"\xff", [&["a"]]), None);
    }
}
