//! The manifest at hand as the API server would have to store it over the Job in the cluster. Pure.
//!
//! A Job gets its selector and some labels of its template when it is created. They are immutable, and no manifest has them, so
//! they are taken from the Job in the cluster: what is left to differ is what the manifest changes.

use crate::cluster::job::Job;
use crate::translate::{JobManifest, Value};

/// The labels that a Job's template gets when it is created.
const CREATED_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];

/// A Job in the cluster.
#[derive(Debug)]
pub(super) struct Live {
    /// The Job as it is judged.
    pub job: Job,
    json: serde_json::Value,
}

impl Live {
    /// Reads a Job from the API server's JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn decode(json: &[u8]) -> Result<Self, String> {
        let job = Job::decode(json).map_err(|unreadable| unreadable.why)?;
        let json = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        Ok(Self { job, json })
    }
}

/// The manifest over that Job, as YAML on one line. What is no mapping in the manifest stays as it is, for the API server to refuse.
pub(super) fn replacement(manifest: &JobManifest, namespace: &str, live: &Live) -> String {
    let mut value = manifest.value.clone();
    if let Some(metadata) = value.mapping_mut("metadata") {
        metadata.set("namespace", Value::String(namespace.to_owned()));
        metadata.set("uid", Value::String(live.job.id.uid.to_string()));
        metadata.set("resourceVersion", Value::String(live.job.version.to_string()));
        for key in ["finalizers", "ownerReferences"] {
            let kept = &live.json["metadata"][key];
            if metadata.get(key).is_none() && !kept.is_null() {
                metadata.set(key, json(kept));
            }
        }
    }
    let Some(spec) = value.mapping_mut("spec") else { return value.to_string() };
    let selector = &live.json["spec"]["selector"];
    if spec.get("selector").is_none_or(Value::is_null) && !selector.is_null() {
        spec.set("selector", json(selector));
    }
    let labels = &live.json["spec"]["template"]["metadata"]["labels"];
    for label in CREATED_LABELS {
        let Some(text) = labels[label].as_str() else { continue };
        let metadata = spec.mapping_mut("template").and_then(|template| template.mapping_mut("metadata"));
        if let Some(labels) = metadata.and_then(|metadata| metadata.mapping_mut("labels"))
            && labels.get(label).is_none()
        {
            labels.set(label, Value::String(text.to_owned()));
        }
    }
    value.to_string()
}

/// JSON is YAML.
fn json(value: &serde_json::Value) -> Value {
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
        replacement(&jobs[0], "shop", &Live::decode(LIVE.as_bytes()).expect("a Job"))
    }

    #[test]
    fn what_the_job_got_when_it_was_created_is_taken_from_it() {
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
