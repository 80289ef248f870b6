//! What a document says about itself, for those who add to the stream.

use std::ops::Range;

use super::lookup::{Lookup, key};
use super::nodes::Nodes;
use super::stream;

/// The metadata of a document.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: Option<String>,
    /// The Helm release, as charts label what belongs to it.
    pub(crate) instance: Option<String>,
    /// Whether we have injected it.
    pub(crate) injected: bool,
}

impl About {
    /// The label that names the release.
    pub(crate) const INSTANCE: &str = "app.kubernetes.io/instance";

    /// None if it is no YAML, or has no metadata: others judge that.
    pub(crate) fn read(document: &[u8]) -> Option<Self> {
        let nodes = Nodes::read(std::str::from_utf8(document).ok()?).ok()?;
        let lookup = Lookup::new(&nodes);
        let mapping = |of, key| lookup.find(of, key).and_then(|found| lookup.mapping(found.value()));
        let string = |of, key| lookup.find(of, key).and_then(|found| lookup.string(found.value()));
        let root = if nodes.is_empty() { return None } else { lookup.mapping(0)? };
        let metadata = mapping(root, key::METADATA)?;
        let labels = mapping(metadata, "labels");
        let annotations = mapping(metadata, key::ANNOTATIONS);
        Some(Self {
            name: string(metadata, key::NAME).map(str::to_owned),
            instance: labels.and_then(|labels| string(labels, Self::INSTANCE)).map(str::to_owned),
            injected: annotations
                .is_some_and(|all| string(all, crate::inject::manifests::INJECTED) == Some("true")),
        })
    }
}

/// The documents of a stream, as the translator splits it.
pub(crate) fn documents(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    stream::documents(stream).map(|range: Range<usize>| &stream[range])
}
