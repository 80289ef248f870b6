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

use crate::faulty_proxy::{Act, FaultyProxy, doing};
use crate::setup::{Said, Setup};

pub fn trials() -> Vec<Trial> {
    trials![
        a_deletion_takes_the_pods_along_and_says_which_job_it_means,
        a_job_recreated_under_the_same_name_at_the_last_moment_is_another_job,
        an_annotation_edited_at_the_last_moment_counts,
        a_conflict_that_the_watch_does_not_explain_is_tried_again,
        a_404_that_is_not_from_the_api_server_does_not_count_as_gone,
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

pub async fn a_deletion_takes_the_pods_along_and_says_which_job_it_means(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let job = setup.namespace.create(job("with-pods").policy(BOTH)).await?;
    setup.namespace.succeed(&job).await?;
    setup.sweep().run().await?.expect_success()?;
    setup.leaves(&[]).await?;
    wait::until("the pods to be gone", || async {
        Ok(setup.namespace.pods().list(&ListParams::default()).await?.items.is_empty().then_some(()))
    })
    .await?;
    let log = cluster.audit_log()?;
    let deletion = log.iter().find(|event| event.verb == "delete" && event.user == setup.user.full_name);
    let body = deletion.and_then(|event| event.body.clone()).context("a deletion with options")?;
    ensure!(body["propagationPolicy"] == "Background", "{body}");
    ensure!(body["preconditions"]["uid"] == json!(job.metadata.uid), "{body}");
    ensure!(body["preconditions"]["resourceVersion"].is_string(), "{body}");
    Ok(())
}

pub async fn a_job_recreated_under_the_same_name_at_the_last_moment_is_another_job(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "migrate", BOTH).await?;
    // Holds the sweep, which would otherwise end if the new Job came late.
    let running = job("running").policy(BOTH).managed_by("example.com/nobody");
    let running = setup.namespace.create(running).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let namespace = setup.namespace.clone();
    let recreate = doing(async move {
        namespace.remove("migrate").await?;
        namespace.create(job("migrate").policy(BOTH).managed_by("example.com/nobody")).await?;
        Ok(())
    });
    proxy.on("DELETE", "/migrate", vec![Act::First(recreate)]);
    let mut sweep = setup.sweep_by(&proxy.kubeconfig).args(["-v", "-ojson"]).spawn()?;
    sweep.line_with("migrate: only its controller").await?;
    setup.leaves(&["migrate", "running"]).await?;
    let new = setup.namespace.jobs().get("migrate").await?;
    setup.namespace.finish(&new, Outcome::Failed).await?;
    setup.namespace.finish(&running, Outcome::Succeeded).await?;
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    swept.says(&[
        "someone else deleted it",
        "migrate: it has failed (BackoffLimitExceeded); its policy names hook-failed",
    ])?;
    setup.leaves(&[]).await
}

pub async fn an_annotation_edited_at_the_last_moment_counts(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let edited = finished(&setup.namespace, "edited", "hook-succeeded").await?;
    let removed = finished(&setup.namespace, "removed", "hook-succeeded").await?;
    let touched = finished(&setup.namespace, "touched", "hook-succeeded").await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    for (name, job, policy) in [
        ("/edited", edited, json!({ "kots.io/hook-delete-policy": "hook-failed" })),
        ("/removed", removed, json!({ "kots.io/hook-delete-policy": null })),
        ("/touched", touched, json!({ "example.com/other": "x" })),
    ] {
        let namespace = setup.namespace.clone();
        let edit =
            async move { namespace.edit(&job, json!({ "metadata": { "annotations": policy } })).await };
        proxy.on("DELETE", name, vec![Act::First(doing(edit))]);
    }
    let swept = setup.sweep_by(&proxy.kubeconfig).arg("-ojson").run().await?.expect_success()?;
    swept.reports("edited", "kept", "succeeded")?.reports("removed", "kept", "succeeded")?.reports(
        "touched",
        "deleted",
        "succeeded",
    )?;
    ensure!(proxy.seen("DELETE", "/touched").len() == 2, "it is deleted in its newer version");
    setup.leaves(&["edited", "removed"]).await
}

pub async fn a_conflict_that_the_watch_does_not_explain_is_tried_again(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "odd", BOTH).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    proxy.on("DELETE", "/odd", vec![Act::Answer(409, "the object has been modified", None)]);
    setup.sweep_by(&proxy.kubeconfig).run().await?.expect_success()?;
    ensure!(
        proxy.seen("GET", "limit=500").len() == 1 && proxy.seen("DELETE", "").len() == 2,
        "tried once more"
    );
    ensure!(proxy.seen("GET", "jobs/odd").is_empty(), "by no other request");
    setup.leaves(&[]).await
}

pub async fn a_404_that_is_not_from_the_api_server_does_not_count_as_gone(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "odd", BOTH).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    proxy.on("DELETE", "/odd", vec![Act::Answer(404, "page not found", None)]);
    let swept = setup.sweep_by(&proxy.kubeconfig).arg("-ojson").run().await?.expect_code(1)?;
    swept.says(&["the API server says 404: page not found"])?.reports("odd", "kept", "succeeded")?;
    setup.leaves(&["odd"]).await
}

pub async fn accepted_is_not_gone_while_a_finalizer_holds_the_job(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let held = job("held").policy(BOTH).managed_by("example.com/nobody").finalizer("example.com/hold");
    let held = setup.namespace.create(held).await?;
    setup.namespace.finish(&held, Outcome::Succeeded).await?;
    let swept = setup.sweep().args(["--timeout=2s", "-ojson"]).run().await?.expect_code(4)?;
    let left = format!("left {}: held by finalizer example.com/hold", setup.id("held"));
    swept.says(&[&left])?.reports("held", "terminating", "succeeded")?;
    setup.leaves(&["held"]).await?;

    // The next sweep waits for a deletion that it did not request.
    let mut sweep = setup.sweep().spawn()?;
    sweep.line_with("held by finalizer example.com/hold").await?;
    setup.namespace.edit(&held, json!({ "metadata": { "finalizers": null } })).await?;
    sweep.finish(PATIENCE).await?.expect_success()?;
    setup.leaves(&[]).await
}

pub async fn a_finalizer_that_lets_go_ends_the_sweep(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let held = job("held").policy(BOTH).managed_by("example.com/nobody").finalizer("example.com/hold");
    let held = setup.namespace.create(held).await?;
    setup.namespace.finish(&held, Outcome::Failed).await?;
    let mut sweep = setup.sweep().arg("-ojson").spawn()?;
    sweep.line_with("its deletion was accepted, but it is ").await?;
    setup.namespace.edit(&held, json!({ "metadata": { "finalizers": null } })).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.reports("held", "deleted", "failed")?;
    setup.leaves(&[]).await
}

pub async fn the_ttl_controller_may_delete_first(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let job = setup.namespace.create(job("short-lived").policy(BOTH).ttl(0)).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let namespace = setup.namespace.clone();
    let ttl_first = doing(async move { namespace.until_gone("short-lived").await });
    proxy.on("DELETE", "/short-lived", vec![Act::First(ttl_first)]);
    let mut sweep = setup.sweep_by(&proxy.kubeconfig).arg("-ojson").spawn()?;
    sweep.line_with(" waiting: ").await?;
    let pods = setup.namespace.running_pods(&job, 1).await?;
    setup.namespace.succeed_pod(&pods[0]).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.reports("short-lived", "gone", "succeeded")?;
    setup.leaves(&[]).await
}

pub async fn a_job_that_is_gone_already_is_done(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "taken", BOTH).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    // The watch does not report the deletion either.
    proxy.on("GET", "watch=true", vec![Act::Rewrite(|_| String::new())]);
    let namespace = setup.namespace.clone();
    proxy.on("DELETE", "/taken", vec![Act::First(doing(async move { namespace.remove("taken").await }))]);
    let swept = setup.sweep_by(&proxy.kubeconfig).arg("-ojson").run().await?.expect_success()?;
    swept.reports("taken", "gone", "succeeded")?;
    setup.leaves(&[]).await
}

pub async fn a_deletion_whose_answer_is_lost_is_sent_again_and_counted_once(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "lossy", BOTH).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    // The watch does not report the change either.
    proxy.on("GET", "watch=true", vec![Act::Rewrite(|_| String::new())]);
    proxy.on("DELETE", "/lossy", vec![Act::LoseAnswer]);
    let swept = setup.sweep_by(&proxy.kubeconfig).arg("-ojson").run().await?.expect_success()?;
    swept.says(&["lossy (attempt 1)"])?.reports("lossy", "deleted", "succeeded")?;
    setup.leaves(&[]).await
}

pub async fn a_deletion_whose_answer_is_lost_is_ours_when_the_watch_tells_too(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for number in 0..20 {
        finished(&setup.namespace, &format!("lossy-{number}"), BOTH).await?;
    }
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    proxy.on("DELETE", "/lossy", (0..20).map(|_| Act::LoseAnswer).collect());
    let swept = setup.sweep_by(&proxy.kubeconfig).arg("-ojson").run().await?.expect_success()?;
    for (name, job) in swept.jobs()? {
        ensure!(job["action"] == "deleted" || !name.starts_with("lossy"), "{job}");
    }
    setup.leaves(&[]).await
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
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "guarded", BOTH).await?;
    finished(&setup.namespace, "plain", BOTH).await?;
    guard(cluster, &setup.namespace, "guarded").await?;
    let swept = setup.sweep().args(["-ojson", "--concurrency=1"]).run().await?.expect_code(1)?;
    ensure!(!swept.stderr().contains("Missing in"), "no rule is missing:\n{}", swept.stderr());
    let report: serde_json::Value = serde_json::from_slice(&swept.stdout)?;
    ensure!(report["end"] == "error", "{report}");
    swept
        .says(&["a guarded Job cannot be deleted", "refused to delete 1 Job"])?
        .reports("guarded", "kept", "succeeded")?
        .reports("plain", "deleted", "succeeded")?;
    setup.leaves(&["guarded"]).await
}

pub async fn a_dry_run_sends_every_deletion_and_deletes_nothing(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let swept = setup.sweep().args(["--dry-run", "-ojson"]).run().await?.expect_success()?;
    swept.says(&["would delete"])?.reports("done", "would-delete", "succeeded")?;
    let log = cluster.audit_log()?;
    let deletion = log.iter().find(|event| event.verb == "delete" && event.user == setup.user.full_name);
    let body = deletion.and_then(|event| event.body.clone()).context("a deletion was sent")?;
    ensure!(body["dryRun"] == json!(["All"]) && body["preconditions"]["uid"].is_string(), "{body}");
    setup.leaves(&["done"]).await
}

pub async fn no_more_deletions_are_under_way_than_asked_for(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for number in 0..6 {
        finished(&setup.namespace, &format!("job-{number}"), BOTH).await?;
    }
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let release = Arc::new(Notify::new());
    let hold = |release: Arc<Notify>| {
        Act::First(doing(async move {
            release.notified().await;
            Ok(())
        }))
    };
    proxy.on("DELETE", "", vec![hold(Arc::clone(&release)), hold(Arc::clone(&release))]);
    let sweep = setup.sweep_by(&proxy.kubeconfig).arg("--concurrency=2").spawn()?;
    proxy.until_seen("DELETE", "", 2).await?;
    // This frees one of the two slots. The other stays taken until the rest is done.
    release.notify_one();
    proxy.until_seen("DELETE", "", 6).await?;
    release.notify_one();
    sweep.finish(PATIENCE).await?.expect_success()?;
    ensure!(proxy.most_deletions() == 2, "{} were under way", proxy.most_deletions());
    setup.leaves(&[]).await
}
