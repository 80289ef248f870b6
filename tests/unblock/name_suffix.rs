//! `--name-suffix-hash` promises that no change which the API server refuses keeps the name of a Job.

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::process::Program;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::setup::NOBODY;

pub fn trials() -> Vec<Trial> {
    trials![the_name_changes_wherever_the_api_server_refuses_the_change]
}

/// What happens to a change of a manifest.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// The API server refuses it, and the name changes.
    Refused,
    /// The API server accepts it, and the name stays.
    Accepted,
    /// The API server accepts it, and the name changes all the same. The guide lists these.
    Renamed,
}

/// Values at places in the `spec` of a Job.
type Fields = Vec<(&'static str, Value)>;

const CONTAINER: &str = "/template/spec/containers/0";

fn at(field: &'static str, value: Value) -> Fields {
    vec![(field, value)]
}

fn indexed(completions: Value, parallelism: Value) -> Fields {
    let mode = ("/completionMode", json!("Indexed"));
    vec![mode, ("/completions", completions), ("/parallelism", parallelism)]
}

fn with_selector(value: &str) -> Fields {
    let labels = json!({"a": value});
    let selector = ("/selector", json!({"matchLabels": labels}));
    vec![("/manualSelector", json!(true)), selector, ("/template/metadata", json!({"labels": labels}))]
}

/// The same with one field more.
fn and(mut fields: Fields, field: &'static str, value: Value) -> Fields {
    fields.push((field, value));
    fields
}

fn changes() -> Vec<(Fate, Fields, Fields)> {
    use Fate::{Accepted, Refused, Renamed};
    let none = Fields::new;
    let ignore =
        json!([{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]);
    let tolerate = |keys: &[&str]| {
        json!(keys.iter().map(|key| json!({"key": key, "operator": "Exists"})).collect::<Vec<_>>())
    };
    let requests = |cpu: Value| json!({"requests": {"cpu": cpu}});
    let volume = |mode: i32| json!([{"name": "a", "configMap": {"name": "a", "defaultMode": mode}}]);
    let csi = |attributes: Value| json!([{"name": "a", "csi": {"driver": "example.com", "volumeAttributes": attributes}}]);
    let flex = |options: Value| json!([{"name": "a", "flexVolume": {"driver": "a/b", "options": options}}]);
    let mut changes = vec![
        (Accepted, none(), none()),
        (
            Refused,
            at("/template/metadata", json!({"labels": {"a": "b"}})),
            at("/template/metadata", json!({"labels": {"a": "c"}})),
        ),
        (
            Refused,
            at("/template/spec/tolerations", tolerate(&["a", "b"])),
            at("/template/spec/tolerations", tolerate(&["b", "a"])),
        ),
        (Refused, at("/template/spec/volumes", volume(0o755)), at("/template/spec/volumes", volume(0o700))),
        (
            Refused,
            at("/template/spec/volumes", csi(json!({}))),
            at("/template/spec/volumes", csi(json!({"a": null}))),
        ),
        (
            Accepted,
            at("/template/spec/volumes", csi(json!({}))),
            at("/template/spec/volumes", csi(Value::Null)),
        ),
        (
            Refused,
            at("/template/spec/volumes", flex(Value::Null)),
            at("/template/spec/volumes", flex(json!({"a": null}))),
        ),
        (
            Renamed,
            at("/template/spec/containers/0/resources", requests(json!(0.5))),
            at("/template/spec/containers/0/resources", requests(json!("500m"))),
        ),
        (
            Renamed,
            at("/template/spec/containers/0/resources", requests(json!("1"))),
            at("/template/spec/containers/0/resources", requests(json!(1))),
        ),
        // completions and parallelism
        (Refused, none(), at("/completions", json!(2))),
        (Refused, none(), at("/parallelism", json!(3))),
        (Accepted, none(), vec![("/completions", json!(1)), ("/parallelism", json!(3))]),
        (Accepted, at("/parallelism", json!(2)), at("/parallelism", json!(3))),
        (Refused, at("/parallelism", json!(1)), vec![("/completions", json!(1)), ("/parallelism", json!(1))]),
        (
            Accepted,
            at("/completions", json!(3)),
            vec![("/completions", json!(3)), ("/parallelism", json!(2))],
        ),
        (Accepted, none(), at("/completions", Value::Null)),
        (Refused, none(), indexed(json!(1), Value::Null)),
        (Accepted, indexed(json!(3), json!(3)), indexed(json!(5), json!(5))),
        (Accepted, indexed(json!(1), Value::Null), indexed(json!(3), json!(3))),
        (Accepted, indexed(json!(5), json!(3)), indexed(json!(5), json!(4))),
        (Refused, indexed(json!(2), json!(2)), indexed(json!(3), json!(2))),
        (Refused, indexed(json!(4), json!(2)), indexed(json!(3), json!(2))),
        (Renamed, indexed(json!(5), json!(3)), indexed(json!(3), json!(3))),
        (Renamed, indexed(json!(5), json!(3)), indexed(json!(5), json!(5))),
        // other immutable fields
        (Refused, with_selector("b"), with_selector("c")),
        (Refused, at("/managedBy", json!("example.com/a")), at("/managedBy", json!("example.com/b"))),
        (Refused, none(), at("/managedBy", Value::Null)),
        // fields that only an Indexed Job can have
        (
            Accepted,
            and(indexed(json!(2), json!(2)), "/backoffLimitPerIndex", json!(1)),
            vec![
                ("/completionMode", json!("Indexed")),
                ("/completions", json!(2)),
                ("/parallelism", json!(2)),
                ("/backoffLimitPerIndex", json!(1)),
                ("/maxFailedIndexes", json!(1)),
            ],
        ),
        // In a Job that has not started, some of the template can be changed.
        (
            Renamed,
            at("/suspend", json!(true)),
            vec![("/suspend", json!(true)), ("/template/spec/nodeSelector", json!({"a": "b"}))],
        ),
        (
            Refused,
            at("/suspend", json!(true)),
            vec![("/suspend", json!(true)), ("/template/spec/terminationGracePeriodSeconds", json!(5))],
        ),
    ];
    // A field that the old manifest lacks and the new one has, and the other way round.
    for (fate, base, field, value) in [
        (Accepted, none(), "/backoffLimit", json!(3)),
        (Accepted, none(), "/activeDeadlineSeconds", json!(30)),
        (Accepted, none(), "/ttlSecondsAfterFinished", json!(30)),
        (Accepted, none(), "/suspend", json!(true)),
        (Accepted, none(), "/podReplacementPolicy", json!("Failed")),
        (Accepted, none(), "/manualSelector", json!(false)),
        (Accepted, none(), "/completionMode", json!("NonIndexed")),
        (Refused, none(), "/podFailurePolicy", json!({"rules": ignore})),
        (Refused, indexed(json!(2), json!(2)), "/successPolicy", json!({"rules": [{"succeededCount": 1}]})),
        (Refused, indexed(json!(2), json!(2)), "/backoffLimitPerIndex", json!(1)),
        (Accepted, none(), "/template/metadata", Value::Null),
        (Accepted, none(), "/template/metadata", json!({})),
        (Accepted, none(), "/template/metadata", json!({"labels": null, "annotations": {}})),
        (Refused, none(), "/template/metadata", json!({"annotations": {"a": "b"}})),
        (Refused, none(), "/template/metadata", json!({"annotations": {"a": null}})),
        (Accepted, none(), "/template/spec/nodeSelector", json!({})),
        (Accepted, none(), "/template/spec/overhead", json!({})),
        (Refused, none(), "/template/spec/overhead", json!({"cpu": null})),
        (Accepted, none(), "/template/spec/tolerations", json!([])),
        (Accepted, none(), "/template/spec/affinity", Value::Null),
        (Refused, none(), "/template/spec/affinity", json!({})),
        (Refused, none(), "/template/spec/affinity", json!({"nodeAffinity": null})),
        (Refused, none(), "/template/spec/dnsConfig", json!({})),
        (Refused, none(), "/template/spec/activeDeadlineSeconds", json!(30)),
        (Refused, none(), "/template/spec/serviceAccountName", json!("a")),
        (Refused, none(), "/template/spec/hostNetwork", json!(true)),
        // defaults
        (Renamed, none(), "/template/spec/hostNetwork", json!(false)),
        (Renamed, none(), "/template/spec/terminationGracePeriodSeconds", json!(30)),
        (Renamed, none(), "/template/spec/securityContext", json!({})),
        (Renamed, none(), "/template/spec/hostname", json!("")),
    ] {
        changes.push((fate, base.clone(), and(base.clone(), field, value.clone())));
        changes.push((fate, and(base.clone(), field, value), base));
    }
    // The same of fields of the container.
    for (fate, field, value) in [
        (Refused, "image", json!("example.com/other")),
        (Refused, "args", json!(["a"])),
        (Refused, "args", json!([null])),
        (Accepted, "args", json!([])),
        (Accepted, "env", Value::Null),
        (Refused, "env", json!([{"name": "A", "value": null}])),
        (Accepted, "resources", json!({})),
        (Accepted, "resources", json!({"limits": {}, "requests": null})),
        (Refused, "resources", json!({"limits": {"cpu": null}})),
        (Refused, "securityContext", json!({})),
        (Refused, "securityContext", json!({"runAsUser": 1000})),
        (Refused, "lifecycle", json!({})),
        (Renamed, "terminationMessagePolicy", json!("File")),
    ] {
        let mut container = json!({"name": "main", "image": "example.com/main"});
        let without = at(CONTAINER, container.clone());
        container[field] = value;
        changes.push((fate, without.clone(), at(CONTAINER, container.clone())));
        changes.push((fate, at(CONTAINER, container), without));
    }
    changes
}

/// The manifest of a Job with these fields.
fn manifest(name: &str, fields: &Fields) -> Result<Value> {
    let container = json!({"name": "main", "image": "example.com/main"});
    let mut spec = json!({
        "managedBy": NOBODY,
        "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
    });
    for (field, value) in fields {
        let (parent, key) = field.rsplit_once('/').context("a path")?;
        match spec.pointer_mut(parent).with_context(|| (*field).to_owned())? {
            Value::Array(items) => items[key.parse::<usize>()?] = value.clone(),
            object => object[key] = value.clone(),
        }
    }
    Ok(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}))
}

/// The manifest with what the API server has added to the Job in the cluster, so that a replace does not remove it.
fn with_generated(mut manifest: Value, live: &Value) -> Value {
    manifest["metadata"]["uid"] = live["metadata"]["uid"].clone();
    manifest["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    if manifest["spec"]["selector"].is_null() {
        manifest["spec"]["selector"] = live["spec"]["selector"].clone();
    }
    for (label, value) in live["spec"]["template"]["metadata"]["labels"].as_object().into_iter().flatten() {
        if label.contains("job-name") || label.contains("controller-uid") {
            manifest["spec"]["template"]["metadata"]["labels"][label] = value.clone();
        }
    }
    manifest
}

/// The name that the filter gives to a Job.
async fn new_name(manifest: &Value) -> Result<String> {
    let filter = Program::new(env!("CARGO_BIN_EXE_jobsweep")).arg("--name-suffix-hash");
    let filtered = filter.stdin(manifest.to_string()).run().await?.expect_success()?;
    let job: Value = serde_json::from_slice(&filtered.stdout)?;
    Ok(job["metadata"]["name"].as_str().context("a name")?.to_owned())
}

pub async fn the_name_changes_wherever_the_api_server_refuses_the_change(
    cluster: &ControlPlane,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let call = |args: &[&str], manifest: &Value| {
        let kubectl = kubectl(&cluster.kubeconfig())?.args(args).stdin(manifest.to_string());
        anyhow::Ok(kubectl.args(["-n", &namespace.name, "--validate=ignore", "-o", "json", "-f", "-"]))
    };
    let mut wrong = Vec::new();
    for (index, (fate, old, new)) in changes().into_iter().enumerate() {
        let name = format!("job-{index}");
        let (before, after) = (manifest(&name, &old)?, manifest(&name, &new)?);
        let created = call(&["create"], &before)?.run().await?.expect_success()?;
        let live = serde_json::from_slice(&created.stdout)?;
        let replace = call(&["replace", "--dry-run=server"], &with_generated(after.clone(), &live))?;
        let replaced = replace.run().await?;
        let said = replaced.stderr();
        ensure!(replaced.code() == Some(0) || said.contains(" is invalid: "), "{old:?} -> {new:?}: {said}");
        let renamed = new_name(&before).await? != new_name(&after).await?;
        let found = match (replaced.code(), renamed) {
            (Some(0), false) => Fate::Accepted,
            (Some(0), true) => Fate::Renamed,
            (_, true) => Fate::Refused,
            (_, false) => {
                wrong.push(format!("refused, and the name stays: {old:?} -> {new:?}: {said}"));
                continue;
            }
        };
        if found != fate {
            wrong.push(format!("{found:?}, not {fate:?}: {old:?} -> {new:?}: {said}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
