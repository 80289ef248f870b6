//! Deletions: what may happen between the decision and the deletion, and after it.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::kube::Api;
use jobsweep_harness::kube::api::{DeleteParams, ListParams, PostParams};
use jobsweep_harness::wait::{self, PATIENCE};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;
use tokio::sync::Notify;

use crate::faulty_proxy::{Act, Between, doing};
use crate::setup::{Said, Stage};

pub fn trials() -> Vec<Trial> {
    trials![
        a_deletion_takes_the_pods_along_and_says_which_job_it_means,
        a_job_recreated_under_the_same_name_at_the_last_moment_is_another_job,
        an_annotation_edited_at_the_last_moment_counts,
        a_conflict_that_the_watch_does_not_explain_is_looked_into_by_a_new_list,
        accepted_is_not_gone_while_a_finalizer_holds_the_job,
        a_finalizer_that_lets_go_ends_the_sweep,
        the_ttl_controller_may_delete_first,
        a_job_that_is_gone_already_is_done,
        a_deletion_whose_answer_is_lost_is_sent_again_and_counted_once,
        a_deletion_whose_answer_is_lost_is_ours_when_the_watch_tells_too,
        a_deletion_that_admission_refuses_stops_no_other,
        a_dry_run_sends_every_deletion_and_deletes_nothing,
        no_more_deletions_are_under_way_than_asked_for,
    ]
}

const BOTH: &str = "hook-succeeded,hook-failed";

/// Creates a finished Job.
pub async fn finished(namespace: &Namespace, name: &str, policy: &str) -> Result<Job> {
    let job = namespace.create(job(name).policy(policy).managed_by("example.com/nobody")).await?;
    namespace.finish(&job, Outcome::Succeeded).await?;
    Ok(job)
}

/// Deletes a Job, and waits until it is gone.
async fn remove(namespace: &Namespace, name: &str) -> Result<()> {
    namespace.jobs().delete(name, &DeleteParams::background()).await?;
    gone(namespace, name).await
}

/// Waits until a Job is gone.
pub async fn gone(namespace: &Namespace, name: &str) -> Result<()> {
    wait::until("the Job to be gone", || async {
        Ok(namespace.jobs().get_opt(name).await?.is_none().then_some(()))
    })
    .await
}

pub async fn a_deletion_takes_the_pods_along_and_says_which_job_it_means(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let job = stage.namespace.create(job("with-pods").policy(BOTH)).await?;
    stage.namespace.succeed(&job).await?;
    stage.sweep().run().await?.expect_success()?;
    stage.leaves(&[]).await?;
    wait::until("the pods to be gone", || async {
        Ok(stage.namespace.pods().list(&ListParams::default()).await?.items.is_empty().then_some(()))
    })
    .await?;
    let log = cluster.audit_log()?;
    let deletion = log.iter().find(|event| event.verb == "delete" && event.user == stage.user.full_name);
    let body = deletion.and_then(|event| event.body.clone()).context("a deletion with options")?;
    ensure!(body["propagationPolicy"] == "Background", "{body}");
    ensure!(body["preconditions"]["uid"] == json!(job.metadata.uid), "{body}");
    ensure!(body["preconditions"]["resourceVersion"].is_string(), "{body}");
    Ok(())
}

pub async fn a_job_recreated_under_the_same_name_at_the_last_moment_is_another_job(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "migrate", BOTH).await?;
    let between = Between::open(cluster, &stage.user).await?;
    let namespace = stage.namespace.clone();
    let recreate = doing(async move {
        remove(&namespace, "migrate").await?;
        namespace.create(job("migrate").policy(BOTH).managed_by("example.com/nobody")).await?;
        Ok(())
    });
    between.on("DELETE", "/migrate", vec![Act::First(recreate)]);
    let mut sweep = stage.sweep_by(&between.kubeconfig).arg("-ojson").spawn()?;
    sweep.line_with("migrate: only its controller").await?;
    stage.leaves(&["migrate"]).await?;
    let new = stage.namespace.jobs().get("migrate").await?;
    stage.namespace.finish(&new, Outcome::Failed).await?;
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    swept.says(&[
        "someone else deleted it",
        "migrate: it has failed (BackoffLimitExceeded), as its policy names",
    ])?;
    stage.leaves(&[]).await
}

pub async fn an_annotation_edited_at_the_last_moment_counts(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let edited = finished(&stage.namespace, "edited", "hook-succeeded").await?;
    let removed = finished(&stage.namespace, "removed", "hook-succeeded").await?;
    let touched = finished(&stage.namespace, "touched", "hook-succeeded").await?;
    let between = Between::open(cluster, &stage.user).await?;
    for (name, job, policy) in [
        ("/edited", edited, json!({ "kots.io/hook-delete-policy": "hook-failed" })),
        ("/removed", removed, json!({ "kots.io/hook-delete-policy": null })),
        ("/touched", touched, json!({ "example.com/other": "x" })),
    ] {
        let namespace = stage.namespace.clone();
        let edit =
            async move { namespace.edit(&job, json!({ "metadata": { "annotations": policy } })).await };
        between.on("DELETE", name, vec![Act::First(doing(edit))]);
    }
    let swept = stage.sweep_by(&between.kubeconfig).arg("-ojson").run().await?.expect_success()?;
    swept.reports("edited", "kept", "succeeded")?.reports("removed", "kept", "succeeded")?.reports(
        "touched",
        "deleted",
        "succeeded",
    )?;
    ensure!(between.seen("DELETE", "/touched").len() == 2, "it is deleted in its newer version");
    stage.leaves(&["edited", "removed"]).await
}

pub async fn a_conflict_that_the_watch_does_not_explain_is_looked_into_by_a_new_list(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "odd", BOTH).await?;
    let between = Between::open(cluster, &stage.user).await?;
    between.on("DELETE", "/odd", vec![Act::Answer(409, "the object has been modified", None)]);
    stage.sweep_by(&between.kubeconfig).run().await?.expect_success()?;
    ensure!(
        between.seen("GET", "limit=500").len() == 2 && between.seen("DELETE", "").len() == 2,
        "looked at once more"
    );
    ensure!(between.seen("GET", "jobs/odd").is_empty(), "by no other request");
    stage.leaves(&[]).await
}

pub async fn accepted_is_not_gone_while_a_finalizer_holds_the_job(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let held = job("held").policy(BOTH).managed_by("example.com/nobody").finalizer("example.com/hold");
    let held = stage.namespace.create(held).await?;
    stage.namespace.finish(&held, Outcome::Succeeded).await?;
    let swept = stage.sweep().args(["--timeout=2s", "-ojson"]).run().await?.expect_code(4)?;
    let left = format!("left {}: held by finalizer example.com/hold", stage.id("held"));
    swept.says(&[&left])?.reports("held", "terminating", "succeeded")?;
    stage.leaves(&["held"]).await?;

    // The next sweep waits for a deletion that it did not request.
    let mut sweep = stage.sweep().spawn()?;
    sweep.line_with("held by finalizer example.com/hold").await?;
    stage.namespace.edit(&held, json!({ "metadata": { "finalizers": null } })).await?;
    sweep.finish(PATIENCE).await?.expect_success()?;
    stage.leaves(&[]).await
}

pub async fn a_finalizer_that_lets_go_ends_the_sweep(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let held = job("held").policy(BOTH).managed_by("example.com/nobody").finalizer("example.com/hold");
    let held = stage.namespace.create(held).await?;
    stage.namespace.finish(&held, Outcome::Failed).await?;
    let mut sweep = stage.sweep().arg("-ojson").spawn()?;
    sweep.line_with("its deletion is accepted, ").await?;
    stage.namespace.edit(&held, json!({ "metadata": { "finalizers": null } })).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.reports("held", "deleted", "failed")?;
    stage.leaves(&[]).await
}

pub async fn the_ttl_controller_may_delete_first(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let job = stage.namespace.create(job("short-lived").policy(BOTH).ttl(0)).await?;
    let between = Between::open(cluster, &stage.user).await?;
    let namespace = stage.namespace.clone();
    let ttl_first = doing(async move { gone(&namespace, "short-lived").await });
    between.on("DELETE", "/short-lived", vec![Act::First(ttl_first)]);
    let mut sweep = stage.sweep_by(&between.kubeconfig).arg("-ojson").spawn()?;
    sweep.line_with("waiting for").await?;
    let pods = stage.namespace.running_pods(&job, 1).await?;
    stage.namespace.succeed_pod(&pods[0]).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.reports("short-lived", "gone", "succeeded")?;
    stage.leaves(&[]).await
}

pub async fn a_job_that_is_gone_already_is_done(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "taken", BOTH).await?;
    let between = Between::open(cluster, &stage.user).await?;
    // The watch does not report the deletion either.
    between.on("GET", "watch=true", vec![Act::Rewrite(|_| String::new())]);
    let namespace = stage.namespace.clone();
    between.on("DELETE", "/taken", vec![Act::First(doing(async move { remove(&namespace, "taken").await }))]);
    let swept = stage.sweep_by(&between.kubeconfig).arg("-ojson").run().await?.expect_success()?;
    swept.reports("taken", "gone", "succeeded")?;
    stage.leaves(&[]).await
}

pub async fn a_deletion_whose_answer_is_lost_is_sent_again_and_counted_once(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "lossy", BOTH).await?;
    let between = Between::open(cluster, &stage.user).await?;
    // The watch does not report the change either.
    between.on("GET", "watch=true", vec![Act::Rewrite(|_| String::new())]);
    between.on("DELETE", "/lossy", vec![Act::LoseAnswer]);
    let swept = stage.sweep_by(&between.kubeconfig).arg("-ojson").run().await?.expect_success()?;
    swept.says(&["did not work (attempt 1)"])?.reports("lossy", "deleted", "succeeded")?;
    stage.leaves(&[]).await
}

pub async fn a_deletion_whose_answer_is_lost_is_ours_when_the_watch_tells_too(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    for number in 0..20 {
        finished(&stage.namespace, &format!("lossy-{number}"), BOTH).await?;
    }
    let between = Between::open(cluster, &stage.user).await?;
    between.on("DELETE", "/lossy", (0..20).map(|_| Act::LoseAnswer).collect());
    let swept = stage.sweep_by(&between.kubeconfig).arg("-ojson").run().await?.expect_success()?;
    for (name, job) in swept.jobs()? {
        ensure!(job["action"] == "deleted" || !name.starts_with("lossy"), "{job}");
    }
    stage.leaves(&[]).await
}

/// Makes the API server refuse the deletion of this Job, and waits until it does.
async fn guard(cluster: &ControlPlane, namespace: &Namespace, name: &str) -> Result<()> {
    let policy: ValidatingAdmissionPolicy = serde_json::from_value(json!({
        "metadata": { "name": namespace.name },
        "spec": {
            "matchConstraints": {
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace.name } },
                "resourceRules": [{ "apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"],
                                    "operations": ["DELETE"] }],
            },
            "validations": [{ "expression": format!("oldObject.metadata.name != '{name}'"),
                              "message": "a guarded Job cannot be deleted", "reason": "Forbidden" }],
        },
    }))?;
    let binding: ValidatingAdmissionPolicyBinding = serde_json::from_value(json!({
        "metadata": { "name": namespace.name },
        "spec": { "policyName": namespace.name, "validationActions": ["Deny"] },
    }))?;
    Api::all(cluster.client()).create(&PostParams::default(), &policy).await?;
    Api::all(cluster.client()).create(&PostParams::default(), &binding).await?;
    wait::until("the Job to be guarded", || async {
        let refused = namespace.jobs().delete(name, &DeleteParams::background().dry_run()).await;
        Ok(refused.is_err().then_some(()))
    })
    .await
}

pub async fn a_deletion_that_admission_refuses_stops_no_other(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "guarded", BOTH).await?;
    finished(&stage.namespace, "plain", BOTH).await?;
    guard(cluster, &stage.namespace, "guarded").await?;
    let swept = stage.sweep().args(["-ojson", "--concurrency=1"]).run().await?.expect_code(1)?;
    ensure!(!swept.stderr().contains("Missing in"), "no rule is missing:\n{}", swept.stderr());
    let report: serde_json::Value = serde_json::from_slice(&swept.stdout)?;
    ensure!(report["end"] == "error", "{report}");
    swept
        .says(&["a guarded Job cannot be deleted", "refused to delete 1 Job"])?
        .reports("guarded", "kept", "succeeded")?
        .reports("plain", "deleted", "succeeded")?;
    stage.leaves(&["guarded"]).await
}

pub async fn a_dry_run_sends_every_deletion_and_deletes_nothing(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "done", BOTH).await?;
    let swept = stage.sweep().args(["--dry-run", "-ojson"]).run().await?.expect_success()?;
    swept.says(&["would delete"])?.reports("done", "would-delete", "succeeded")?;
    let log = cluster.audit_log()?;
    let deletion = log.iter().find(|event| event.verb == "delete" && event.user == stage.user.full_name);
    let body = deletion.and_then(|event| event.body.clone()).context("a deletion was sent")?;
    ensure!(body["dryRun"] == json!(["All"]) && body["preconditions"]["uid"].is_string(), "{body}");
    stage.leaves(&["done"]).await
}

pub async fn no_more_deletions_are_under_way_than_asked_for(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    for number in 0..6 {
        finished(&stage.namespace, &format!("job-{number}"), BOTH).await?;
    }
    let between = Between::open(cluster, &stage.user).await?;
    let release = Arc::new(Notify::new());
    let hold = |release: Arc<Notify>| {
        Act::First(doing(async move {
            release.notified().await;
            Ok(())
        }))
    };
    between.on("DELETE", "", vec![hold(Arc::clone(&release)), hold(Arc::clone(&release))]);
    let sweep = stage.sweep_by(&between.kubeconfig).arg("--concurrency=2").spawn()?;
    between.until_seen("DELETE", "", 2).await?;
    // This frees one of the two slots. The other stays taken until the rest is done.
    release.notify_one();
    between.until_seen("DELETE", "", 6).await?;
    release.notify_one();
    sweep.finish(PATIENCE).await?.expect_success()?;
    ensure!(between.most_deletions() == 2, "{} were under way", between.most_deletions());
    stage.leaves(&[]).await
}
