//! The metadata of a document, as far as the injection needs it.

use super::manifests::INJECTED;
use crate::translate::strings;

#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    /// The Helm release.
    pub(super) instance: Option<String>,
    /// Whether an earlier run injected the document.
    pub(super) injected: bool,
}

impl Metadata {
    /// The label with which charts name the release of a resource.
    pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";

    /// None if the document is not YAML.
    pub(super) fn read(document: &[u8]) -> Option<Self> {
        let [name, instance, injected] = strings(
            document,
            [
                &["metadata", "name"],
                &["metadata", "labels", Self::INSTANCE],
                &["metadata", "annotations", INJECTED],
            ],
        )?;
        Some(Self { name, instance, injected: injected.as_deref() == Some("true") })
    }
}
