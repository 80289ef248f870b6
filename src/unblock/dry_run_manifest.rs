//! Builds the manifest that is sent in the dry run: the new manifest, with the fields that it must take from the Job in the cluster.
//! Does no I/O.
//!
//! When a Job is created, the API server adds a selector and some template labels. They are immutable, and most manifests lack them.
//! So they are copied from the Job in the cluster. The remaining differences are the changes in the manifest. Finalizers and owners
//! are copied too, because an update without them would remove them.

use crate::cluster::old::job::Job;
use crate::translate::{JobManifest, Value};

/// The labels that a Job's template gets when it is created.
const GENERATED_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];

/// A Job in the cluster, with the JSON from which fields are copied.
#[derive(Debug)]
pub(super) struct Live {
    /// The fields that the decision depends on.
    pub job: Job,
    json: serde_json::Value,
}

impl Live {
    /// Reads a Job from the API server's JSON.
    ///
    /// # Errors
    /// Returns why the Job cannot be read.
    pub(super) fn decode(json: &[u8]) -> Result<Self, String> {
        let job = Job::decode(json).map_err(|unreadable| unreadable.why)?;
        let json = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        Ok(Self { job, json })
    }
}

/// Returns the manifest as YAML on one line. It adds the fields that the manifest lacks and the live Job has. It always sets the
/// namespace, and the live Job's UID and resource version. If a field must be a mapping but is something else, it stays unchanged,
/// and the API server refuses it.
pub(super) fn dry_run_manifest(manifest: &JobManifest, namespace: &str, live: &Live) -> String {
    let mut value = manifest.value.clone();
    if let Some(metadata) = value.mapping_or_insert("metadata") {
        metadata.set("namespace", Value::String(namespace.to_owned()));
        metadata.set("uid", Value::String(live.job.id.uid.to_string()));
        metadata.set("resourceVersion", Value::String(live.job.version.to_string()));
        for key in ["finalizers", "ownerReferences"] {
            let live_value = &live.json["metadata"][key];
            if metadata.get(key).is_none() && !live_value.is_null() {
                metadata.set(key, from_json(live_value));
            }
        }
    }
    let Some(spec) = value.mapping_or_insert("spec") else { return value.to_string() };
    let selector = &live.json["spec"]["selector"];
    if spec.get("selector").is_none_or(Value::is_null) && !selector.is_null() {
        spec.set("selector", from_json(selector));
    }
    let live_labels = &live.json["spec"]["template"]["metadata"]["labels"];
    for label in GENERATED_LABELS {
        let Some(text) = live_labels[label].as_str() else { continue };
        let metadata =
            spec.mapping_or_insert("template").and_then(|template| template.mapping_or_insert("metadata"));
        if let Some(labels) = metadata.and_then(|metadata| metadata.mapping_or_insert("labels"))
            && labels.get(label).is_none()
        {
            labels.set(label, Value::String(text.to_owned()));
        }
    }
    value.to_string()
}

/// JSON is valid YAML, so it is written unchanged.
fn from_json(value: &serde_json::Value) -> Value {
    Value::Plain(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Options, translate};

    const LIVE: &str = r#"{"metadata":{"namespace":"shop","name":"migrate","uid":"u1","resourceVersion":"7","finalizers":["a/b"]},
        "spec":{"selector":{"matchLabels":{"batch.kubernetes.io/controller-uid":"u1"}},
                "template":{"metadata":{"labels":{"app":"old","job-name":"migrate","batch.kubernetes.io/controller-uid":"u1"}}}}}"#;

    fn replaced(spec: &str) -> String {
        let stream = format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: migrate}}\n{spec}");
        let translated = translate(stream.as_bytes(), &Options::default()).expect("translated");
        let (jobs, _) = translated.jobs().expect("jobs");
        dry_run_manifest(&jobs[0], "shop", &Live::decode(LIVE.as_bytes()).expect("a Job"))
    }

    #[test]
    fn generated_fields_are_copied_from_the_live_job() {
        let head = concat!(
            r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "#,
            r#""namespace": "shop", "uid": "u1", "resourceVersion": "7", "finalizers": ["a/b"]}, "spec": "#
        );
        let selector = r#""selector": {"matchLabels":{"batch.kubernetes.io/controller-uid":"u1"}}"#;
        let labels = r#""batch.kubernetes.io/controller-uid": "u1", "job-name": "migrate""#;
        for (spec, expected) in [
            (
                "spec: {template: {metadata: {labels: {app: new}}}}",
                format!(r#"{{"template": {{"metadata": {{"labels": {{"app": "new", {labels}}}}}}}, {selector}}}"#),
            ),
            (
                "spec: {template: {spec: {}}}",
                format!(r#"{{"template": {{"spec": {{}}, "metadata": {{"labels": {{{labels}}}}}}}, {selector}}}"#),
            ),
            (
                "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {job-name: own}}}}",
                r#"{"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"job-name": "own", "batch.kubernetes.io/controller-uid": "u1"}}}}"#.to_owned(),
            ),
            ("spec: nonsense", r#""nonsense""#.to_owned()),
        ] {
            assert_eq!(replaced(spec), format!("{head}{expected}}}"), "{spec}");
        }
    }
}
