//! Admission policies that change Jobs, or refuse to delete them.

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::admissionregistration::v1::{
    MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
};
use jobsweep_harness::kube::Api;
use jobsweep_harness::kube::api::{DeleteParams, PostParams};
use jobsweep_harness::{trials, trials::Trial, wait};
use serde_json::{Value, json};

use crate::setup::{BOTH, Setup, changed, manifest, says, stream};

pub fn trials() -> Vec<Trial> {
    trials![
        what_a_policy_changes_at_every_write_is_no_change_of_the_manifest,
        what_a_policy_changes_at_creation_only_is_a_change_of_the_manifest,
        what_a_policy_changes_at_creation_only_is_no_change_of_an_applied_job,
        a_deletion_that_a_policy_refuses_keeps_all,
        an_update_that_a_policy_refuses_is_for_the_host_to_report,
    ]
}

fn constraints(setup: &Setup, operations: &[&str]) -> Value {
    json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": setup.namespace.name } },
        "resourceRules": [{ "apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"], "operations": operations }],
    })
}

/// Has the API server change the template of every Job at these operations, and waits until it does.
async fn mutate(cluster: &ControlPlane, setup: &Setup<'_>, operations: &[&str]) -> Result<()> {
    let name = &setup.namespace.name;
    let expression = "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{schedulerName: 'mutated'}}}}";
    let policy: MutatingAdmissionPolicy = serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": constraints(setup, operations),
            "reinvocationPolicy": "Never",
            "mutations": [{ "patchType": "ApplyConfiguration", "applyConfiguration": { "expression": expression } }],
        },
    }))?;
    let binding: MutatingAdmissionPolicyBinding =
        serde_json::from_value(json!({ "metadata": { "name": name }, "spec": { "policyName": name } }))?;
    Api::all(cluster.client()).create(&PostParams::default(), &policy).await?;
    Api::all(cluster.client()).create(&PostParams::default(), &binding).await?;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    wait::until("Jobs to be mutated", || async {
        let probe = setup.namespace.jobs().create(&dry_run, &job("probe").build()?).await?;
        let scheduler = probe.spec.and_then(|spec| spec.template.spec?.scheduler_name);
        Ok((scheduler.as_deref() == Some("mutated")).then_some(()))
    })
    .await
}

async fn what_a_policy_changes_at_every_write_is_no_change_of_the_manifest(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    mutate(cluster, &setup, &["CREATE", "UPDATE"]).await?;
    setup.finished(job("same").policy(BOTH), Outcome::Succeeded).await?;
    setup.finished(job("other").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[manifest(job("same").policy(BOTH))?, changed(job("other").policy(BOTH))?]);
    setup.passes(setup.unblock(&text).run().await?, &["other"]).await?;
    Ok(())
}

/// A known limit of client-side writers: only a policy that changes updates too tells the API server that nothing has changed.
async fn what_a_policy_changes_at_creation_only_is_a_change_of_the_manifest(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    mutate(cluster, &setup, &["CREATE"]).await?;
    setup.finished(job("same").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[manifest(job("same").policy(BOTH))?]);
    let finished = setup.passes(setup.unblock(&text).run().await?, &["same"]).await?;
    says(&finished, &["(spec.template changes, and is immutable)"])
}

/// Has the API server refuse these operations on the Job "guarded".
async fn guard(cluster: &ControlPlane, setup: &Setup<'_>, operation: &str) -> Result<()> {
    let name = &setup.namespace.name;
    let policy: ValidatingAdmissionPolicy = serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": constraints(setup, &[operation]),
            "validations": [{ "expression": "oldObject.metadata.name != 'guarded'", "message": "a guarded Job stays as it is",
                              "reason": "Forbidden" }],
        },
    }))?;
    let binding: ValidatingAdmissionPolicyBinding = serde_json::from_value(json!({
        "metadata": { "name": name }, "spec": { "policyName": name, "validationActions": ["Deny"] },
    }))?;
    Api::all(cluster.client()).create(&PostParams::default(), &policy).await?;
    Api::all(cluster.client()).create(&PostParams::default(), &binding).await?;
    let jobs = setup.namespace.jobs();
    wait::until("the Job to be guarded", || async {
        let refused = if operation == "DELETE" {
            jobs.delete("guarded", &DeleteParams::background().dry_run()).await.is_err()
        } else {
            let dry_run = PostParams { dry_run: true, ..PostParams::default() };
            jobs.replace("guarded", &dry_run, &jobs.get("guarded").await?).await.is_err()
        };
        Ok(refused.then_some(()))
    })
    .await
}

async fn a_deletion_that_a_policy_refuses_keeps_all(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for name in ["guarded", "free"] {
        setup.finished(job(name).policy(BOTH), Outcome::Succeeded).await?;
    }
    guard(cluster, &setup, "DELETE").await?;
    let text = stream(&[changed(job("free").policy(BOTH))?, changed(job("guarded").policy(BOTH))?]);
    let finished = setup.ends(setup.unblock(&text).run().await?, 6, &[]).await?;
    let line = finished.stderr().lines().find(|line| line.contains("guarded")).map(str::to_owned);
    let line = line.context("the Job is named")?;
    for part in ["is in the way", "a guarded Job stays as it is", "kubectl delete job guarded -n "] {
        ensure!(line.contains(part), "{line}");
    }
    says(&finished, &["nothing was deleted, and no manifest was written"])
}

async fn an_update_that_a_policy_refuses_is_for_the_host_to_report(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("guarded").policy(BOTH), Outcome::Succeeded).await?;
    guard(cluster, &setup, "UPDATE").await?;
    let text = stream(&[manifest(job("guarded").policy(BOTH).label("a", "b"))?]);
    let finished = setup.ends(setup.unblock(&text).run().await?, 0, &[]).await?;
    says(&finished, &["jobsweep: warning: ", "a guarded Job stays as it is"])
}

/// Server-side apply compares only the fields that its manager has.
async fn what_a_policy_changes_at_creation_only_is_no_change_of_an_applied_job(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    mutate(cluster, &setup, &["CREATE"]).await?;
    let text = stream(&[manifest(job("same").policy(BOTH))?]);
    let apply = kubectl(&cluster.kubeconfig())?.args(["apply", "--server-side", "-f", "-"]);
    let apply = apply.args(["-n", &setup.namespace.name]).stdin(text.as_str());
    apply.run().await?.expect_success()?;
    let live = setup.namespace.jobs().get("same").await?;
    setup.remember(&live)?;
    setup.namespace.finish(&live, Outcome::Succeeded).await?;
    let finished = setup.passes(setup.unblock(&text).run().await?, &[]).await?;
    ensure!(finished.stderr.is_empty(), "{}", finished.stderr());
    Ok(())
}
