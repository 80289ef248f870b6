//! Builds the manifests that are sent in dry runs. Does no I/O.
//!
//! When a Job is created, the API server adds a selector and some template labels. They are immutable, and most manifests lack them.
//! So a replacement gets them from the Job in the cluster. The remaining differences are the changes in the manifest. Finalizers and
//! owners are copied too, because a replacement without them would remove them. Server-side apply needs none of this.
//!
//! A new Job is tried while the old one is still there, so it gets another name.

use k8s_openapi::api::batch::v1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::cluster::job::Job;
use crate::translate::{JobManifest, Value};

/// The labels that a Job's template gets when it is created.
const GENERATED_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];

/// The labels that must have the Job's name.
const JOB_NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];

/// A Job in the cluster, with the JSON from which fields are copied.
#[derive(Debug)]
pub(super) struct Live {
    /// The fields that the decision depends on.
    pub job: Job,
    pub metadata: ObjectMeta,
    json: Json,
}

impl Live {
    /// Reads a Job from the API server's JSON.
    ///
    /// # Errors
    /// Returns why it cannot be read.
    pub(super) fn read(json: Json) -> Result<Self, String> {
        let job = v1::Job::deserialize(&json).map_err(|error| error.to_string())?;
        Ok(Self { metadata: job.metadata.clone(), job: job.into(), json })
    }
}

/// How many characters of a name are changed, if it has so many.
const CHANGED_CHARACTERS: usize = 5;

/// The manifest as it would replace the Job in the cluster. If a field must be a mapping but is something else, it stays unchanged, and
/// the API server refuses it.
pub(super) fn replacement(manifest: &JobManifest, namespace: &str, live: &Live) -> Value {
    let mut value = applied(manifest, namespace, live);
    if let Some(metadata) = value.mapping_or_insert("metadata") {
        for key in ["finalizers", "ownerReferences"] {
            let live_value = &live.json["metadata"][key];
            if metadata.get(key).is_none() && !live_value.is_null() {
                metadata.set(key, from_json(live_value));
            }
        }
    }
    let Some(spec) = value.mapping_or_insert("spec") else { return value };
    let selector = &live.json["spec"]["selector"];
    if spec.get("selector").is_none_or(Value::is_null) && !selector.is_null() {
        spec.set("selector", from_json(selector));
    }
    let metadata = spec.mapping_or_insert("template").and_then(|it| it.mapping_or_insert("metadata"));
    let Some(labels) = metadata.and_then(|it| it.mapping_or_insert("labels")) else { return value };
    for label in GENERATED_LABELS {
        let live_label = &live.json["spec"]["template"]["metadata"]["labels"][label];
        if labels.get(label).is_none() && !live_label.is_null() {
            labels.set(label, from_json(live_label));
        }
    }
    value
}

/// The manifest as it would be applied to the Job in the cluster, which must still have this UID and version.
pub(super) fn applied(manifest: &JobManifest, namespace: &str, live: &Live) -> Value {
    let mut value = manifest.value.clone();
    if let Some(metadata) = value.mapping_or_insert("metadata") {
        metadata.set("namespace", Value::String(namespace.to_owned()));
        metadata.set("uid", Value::String(live.job.uid.clone()));
        metadata.set("resourceVersion", Value::String(live.job.version.clone()));
    }
    value
}

/// The new Job under another name of the same length, and that name. Labels with its name have to follow, or the API server refuses
/// them.
pub(super) fn successor(manifest: &JobManifest, namespace: &str, live_uid: &str) -> (String, Value) {
    let name = other_name(&manifest.name, live_uid);
    let mut value = manifest.value.clone();
    if let Some(metadata) = value.mapping_or_insert("metadata") {
        metadata.set("namespace", Value::String(namespace.to_owned()));
        metadata.set("name", Value::String(name.clone()));
    }
    for path in [
        &["metadata", "labels"][..],
        &["spec", "template", "metadata", "labels"],
        &["spec", "selector", "matchLabels"],
    ] {
        let Some(labels) = mapping_at(&mut value, path) else { continue };
        for label in JOB_NAME_LABELS {
            if labels.get(label).and_then(Value::as_str) == Some(&manifest.name) {
                labels.set(label, Value::String(name.clone()));
            }
        }
    }
    (name, value)
}

/// The mapping at a path, if there is one.
fn mapping_at<'v>(value: &'v mut Value, path: &[&str]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, key| {
        value.get(key).filter(|value| !value.is_null())?;
        value.mapping_or_insert(key)
    })
}

/// Another name of the same length, with the digits of a UID at its end. No Job is likely to have it.
fn other_name(name: &str, uid: &str) -> String {
    let kept = name.chars().take(name.len().saturating_sub(CHANGED_CHARACTERS));
    kept.chain(uid.chars().filter(char::is_ascii_hexdigit)).take(name.len()).collect()
}

/// JSON is valid YAML, so it is written unchanged.
fn from_json(value: &Json) -> Value {
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
        let translated = translate(stream.as_bytes(), &Options { read_jobs: true, ..Options::default() })
            .expect("translated");
        let live = Live::read(serde_json::from_str(LIVE).expect("JSON")).expect("a Job");
        replacement(&translated.jobs[0], "shop", &live).to_string()
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

    #[test]
    fn a_successor_has_another_name_of_the_same_length_wherever_the_name_must_stand() {
        let uid = "0b5a8c1e-00f2-4d3c-9a77-0123456789ab";
        for (name, other) in [("migrate", "mi0b5a8"), ("a", "0"), ("shop.v1.0", "shop0b5a8")] {
            assert_eq!(other_name(name, uid), other, "{name}");
        }
        let stream = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, labels: {job-name: migrate, app: migrate}}\n\
                      spec: {selector: ~, template: {metadata: {labels: {batch.kubernetes.io/job-name: migrate, job-name: other}}}}";
        let translated = translate(stream.as_bytes(), &Options { read_jobs: true, ..Options::default() })
            .expect("translated");
        let jobs = translated.jobs;
        let expected = concat!(
            r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "mi0b5a8", "#,
            r#""labels": {"job-name": "mi0b5a8", "app": "migrate"}, "namespace": "shop"}, "#,
            r#""spec": {"selector": ~, "template": {"metadata": {"labels": "#,
            r#"{"batch.kubernetes.io/job-name": "mi0b5a8", "job-name": "other"}}}}}"#
        );
        let (name, successor) = successor(&jobs[0], "shop", uid);
        assert_eq!((&*name, &*successor.to_string()), ("mi0b5a8", expected));
    }
}
