//! Labels and annotations of a Job in the cluster and of a manifest. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::translate::Value;

/// Makes a resource a hook of Helm, and names its events.
pub(super) const HOOK: &str = "helm.sh/hook";
/// The annotations that Helm gives to the ordinary resources of a release.
pub(super) const RELEASE_NAME: &str = "meta.helm.sh/release-name";
pub(super) const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// The label that says to which instance of an application a resource belongs. Most charts use the release's name.
pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";

pub(super) fn annotation<'m>(metadata: &'m ObjectMeta, key: &str) -> Option<&'m str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

pub(super) fn label<'m>(metadata: &'m ObjectMeta, key: &str) -> Option<&'m str> {
    metadata.labels.as_ref()?.get(key).map(String::as_str)
}

/// Whether Helm ran the Job as a hook. Helm does not count it to the resources of the release.
pub(super) fn is_hook(metadata: &ObjectMeta) -> bool {
    annotation(metadata, HOOK).is_some() && annotation(metadata, RELEASE_NAME).is_none()
}

pub(super) fn in_metadata<'m>(manifest: &'m Value, key: &str) -> Option<&'m Value> {
    manifest.get("metadata")?.get(key)
}

pub(super) fn manifest_annotation<'m>(manifest: &'m Value, key: &str) -> Option<&'m str> {
    in_metadata(manifest, "annotations")?.get(key)?.as_str()
}
