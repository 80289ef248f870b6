//! Reads single strings of a document, without translating it.

use super::read::lookup::Lookup;
use super::read::nodes::Nodes;
use super::read::stream;

/// The documents of a stream, split as the filter splits them.
pub(crate) fn documents(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    stream::documents(stream).map(|range| &stream[range])
}

/// The strings at these paths of keys. None if the document is not YAML.
pub(crate) fn strings<const N: usize>(
    document: &[u8],
    paths: [&[&'static str]; N],
) -> Option<[Option<String>; N]> {
    let nodes = Nodes::read(std::str::from_utf8(document).ok()?).ok()?;
    let lookup = Lookup::new(&nodes);
    Some(paths.map(|path| string(&lookup, path).map(str::to_owned)))
}

/// The string at a path of keys.
pub(super) fn string<'n>(lookup: &Lookup<'n, '_>, path: &[&'static str]) -> Option<&'n str> {
    let value = path
        .iter()
        .try_fold(lookup.nodes.root()?, |id, key| Some(lookup.find(lookup.mapping(id)?, key)?.value()))?;
    lookup.string(value)
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
