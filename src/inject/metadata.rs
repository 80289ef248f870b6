//! What a document says about itself.

use super::manifests::INJECTED;
use crate::translate::strings;

/// The metadata of a document.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    /// The Helm release, as charts label what belongs to it.
    pub(super) instance: Option<String>,
    /// Whether we have injected it.
    pub(super) injected: bool,
}

impl Metadata {
    /// The label that names the release.
    pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";

    /// None if it is no YAML: others judge that.
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
