//! The hash of what the API server does not let anyone change in a Job.
//!
//! `docs/name-suffix-hash.md` describes the algorithm. A change of it would rename the Jobs of all users, so it needs another [`VERSION`].

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::translate::read::value::Value;
use crate::yaml::{Plain, plain};

/// The version of the algorithm. It is hashed too.
const VERSION: &str = "1";
/// How many characters a hash has.
pub(super) const LENGTH: usize = 10;
/// The hexadecimal digits, as kustomize writes them in the names of ConfigMaps.
const DIGITS: &[u8; 16] = b"gh2k456789mbcdtf";

/// The fields of `spec` that must stay the same in an update, by `ValidateJobSpecUpdate` in `k8s.io/kubernetes`. [`completions`] has a rule of
/// its own.
const IMMUTABLE: [&str; 8] = [
    "backoffLimitPerIndex",
    "completionMode",
    "managedBy",
    "podFailurePolicy",
    "scheduling",
    "selector",
    "successPolicy",
    "template",
];

/// The fields that are maps in Kubernetes: an empty one is as none at all, and a null in it is a value.
const MAPS: [&str; 10] = [
    "annotations",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "options",
    "overhead",
    "requests",
    "userAnnotations",
    "volumeAttributes",
];

/// The hash of a Job with this name.
pub(super) fn hash(name: &str, job: &Value) -> String {
    let digest = Sha256::digest(hashed(name, job));
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.take(LENGTH).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The text that is hashed: canonical JSON.
fn hashed(name: &str, job: &Value) -> String {
    let mut fields = BTreeMap::new();
    if let Some(spec) = job.get("spec") {
        for key in IMMUTABLE {
            let value = spec.get(key).map(|value| json(value, key));
            let is_default = value.as_deref() == Some("\"NonIndexed\"");
            if let Some(value) = value.filter(|value| !is_default && !is_as_absent(value, key, "spec")) {
                fields.insert(key.to_owned(), value);
            }
        }
        if let Some(completions) = completions(spec) {
            fields.insert("completions".to_owned(), completions);
        }
    }
    object(BTreeMap::from([
        ("name".to_owned(), string(name)),
        ("spec".to_owned(), object(fields)),
        ("version".to_owned(), VERSION.to_owned()),
    ]))
}

/// The `completions` that an update must repeat. If the pods have indexes, it may change together with `parallelism`.
fn completions(spec: &Value) -> Option<String> {
    let given = |key| spec.get(key).filter(|value| !value.is_null()).map(|value| json(value, key));
    let (completions, parallelism) = (given("completions"), given("parallelism"));
    let completions = match (completions, &parallelism) {
        (Some(completions), _) => completions,
        (None, None) => "1".to_owned(),
        (None, Some(_)) => "null".to_owned(),
    };
    let in_tandem = is_indexed(spec) && completions == parallelism.as_deref().unwrap_or("1");
    (!in_tandem).then_some(completions)
}

pub(super) fn is_indexed(spec: &Value) -> bool {
    spec.get("completionMode").and_then(Value::as_str) == Some("Indexed")
}

/// The canonical JSON of the value of a field. Whatever the API server reads as absent is left out.
fn json(value: &Value, field: &str) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Plain(text) => scalar(text),
        Value::Tagged(tag, text) if &**tag == "tag:yaml.org,2002:binary" => string(text),
        Value::Tagged(_, text) => scalar(text),
        Value::Sequence(items) => {
            let items: Vec<_> = items.iter().map(|item| json(item, field)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let key = match key {
                    Value::String(key) => key.clone(),
                    other => json(other, field),
                };
                let value = json(value, &key);
                (key, value)
            });
            object(entries.filter(|(key, value)| !is_as_absent(value, key, field)).collect())
        }
    }
}

/// Whether the API server reads this value of a key as if the key was absent. `field` is the mapping's own key.
fn is_as_absent(json: &str, key: &str, field: &str) -> bool {
    match json {
        "null" => !MAPS.contains(&field),
        "[]" => true,
        // The `resources` of a whole pod are a pointer in Kubernetes, those of a container are not.
        "{}" => MAPS.contains(&key) || key == "metadata" || key == "resources" && field != "spec",
        _ => false,
    }
}

fn object(entries: BTreeMap<String, String>) -> String {
    let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{}:{value}", string(key))).collect();
    format!("{{{}}}", entries.join(","))
}

fn scalar(text: &str) -> String {
    match plain(text) {
        Plain::Null => "null".to_owned(),
        Plain::Bool(value) => value.to_string(),
        Plain::Integer(value) => value.to_string(),
        // This has no exponent, and no fraction if there is none: `1e3` is 1000.
        Plain::Float(value) => value.to_string(),
        Plain::Other => string(text),
    }
}

fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\0'..='\u{1f}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::read::nodes::Nodes;

    fn job(spec: &str) -> Value {
        let text = format!("spec: {spec}");
        Value::read(&Nodes::read(&text).expect("YAML"), 0).expect("a value")
    }

    /// A hash that changes here would rename the Jobs of all users.
    #[test]
    fn hashes_do_not_change() {
        for (name, spec, text, expected) in [
            (
                "migrate",
                "{template: {}}",
                r#"{"name":"migrate","spec":{"completions":1,"template":{}},"version":1}"#,
                "7m9c98cfh9",
            ),
            (
                "db",
                "{completions: 0o10, parallelism: 3, managedBy: a/b, backoffLimit: 3, template: {spec: {volumes: [{defaultMode: 0644}], x: 1.50, z: yes, é: \"\\u0001\\n\"}}}",
                r#"{"name":"db","spec":{"completions":8,"managedBy":"a/b","template":{"spec":{"volumes":[{"defaultMode":420}],"x":1.5,"z":true,"é":"\u0001\u000a"}}},"version":1}"#,
                "d22m92tbh2",
            ),
            (
                "a",
                "{completionMode: Indexed, completions: 2, parallelism: 2}",
                r#"{"name":"a","spec":{"completionMode":"Indexed"},"version":1}"#,
                "f8bhb8kb98",
            ),
            (
                "a",
                "{completionMode: NonIndexed, parallelism: 2}",
                r#"{"name":"a","spec":{"completions":null},"version":1}"#,
                "99fh9hdthc",
            ),
        ] {
            assert_eq!(hashed(name, &job(spec)), text, "{spec}");
            assert_eq!(hash(name, &job(spec)), expected, "{spec}");
        }
    }

    #[test]
    fn what_the_api_server_reads_as_absent_is_not_hashed() {
        for (template, left) in [
            ("{metadata: , a: null, b: [], c: {d: ~}}", r#"{"c":{}}"#),
            ("{metadata: {labels: {}, annotations: {}}, spec: {nodeSelector: {}}}", r#"{"spec":{}}"#),
            ("{metadata: {labels: {a: null}}}", r#"{"metadata":{"labels":{"a":null}}}"#),
            (
                "{spec: {containers: [{resources: {limits: {}}, args: [null], securityContext: {}}]}}",
                r#"{"spec":{"containers":[{"args":[null],"securityContext":{}}]}}"#,
            ),
            ("{spec: {resources: {}, affinity: {}}}", r#"{"spec":{"affinity":{},"resources":{}}}"#),
        ] {
            assert_eq!(json(job(template).get("spec").expect("a spec"), "template"), left, "{template}");
        }
    }
}
