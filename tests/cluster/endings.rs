//! When a Job has finished, according to the real Job controller.

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::{Job, JobStatus};
use jobsweep_harness::k8s_openapi::api::core::v1::Pod;
use jobsweep_harness::kube::api::{Patch, PatchParams};
use jobsweep_harness::wait::{self, PATIENCE};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::setup::{Said, Setup};

pub fn trials() -> Vec<Trial> {
    trials![
        a_job_is_never_deleted_between_two_retries,
        a_job_that_has_used_up_its_retries_has_failed,
        a_job_is_never_deleted_between_two_completions,
        an_indexed_job_goes_on_when_one_index_has_failed,
        a_pod_failure_policy_fails_a_job_that_has_retries_left,
        a_success_policy_completes_a_job_once_its_other_pods_have_ended,
        a_failing_job_is_kept_until_its_pods_have_ended,
        a_suspended_job_holds_no_sweep,
        a_job_that_is_resumed_meanwhile_is_waited_for,
        a_job_of_another_controller_ends_by_its_conditions_alone,
        a_job_whose_controller_is_absent_ends_the_sweep_at_its_deadline,
        a_job_that_had_finished_before_the_start_is_deleted,
        a_job_that_is_created_after_the_start_is_included,
        a_job_that_appears_while_things_settle_is_included,
        a_job_that_vanishes_before_its_end_has_an_unknown_outcome,
    ]
}

const BOTH: &str = "hook-succeeded,hook-failed";

/// Waits until the Job's status matches.
async fn status(namespace: &Namespace, job: &Job, what: &str, is: impl Fn(&JobStatus) -> bool) -> Result<()> {
    let name = job.metadata.name.as_deref().context("a name")?;
    wait::until(what, || async {
        Ok(namespace.jobs().get(name).await?.status.filter(|status| is(status)).map(drop))
    })
    .await
}

/// Ends the running pod, but does not wait for the Job, because the sweep may delete it first.
async fn end_pod(namespace: &Namespace, job: &Job, outcome: Outcome) -> Result<()> {
    let pods = namespace.running_pods(job, 1).await?;
    match outcome {
        Outcome::Succeeded => namespace.succeed_pod(&pods[0]).await,
        Outcome::Failed => namespace.fail_pod(&pods[0], 1).await,
    }
}

/// Adds these finalizers to a pod.
async fn edit_pod(namespace: &Namespace, pod: &Pod, finalizers: &[&str]) -> Result<()> {
    let name = pod.metadata.name.as_deref().context("a name")?;
    let mut all: Vec<_> = pod.metadata.finalizers.iter().flatten().map(String::as_str).collect();
    all.extend(finalizers);
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": all } }));
    namespace.pods().patch(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

pub async fn a_job_is_never_deleted_between_two_retries(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let job = setup.namespace.create(job("flaky").policy(BOTH).backoff_limit(1)).await?;
    let mut sweep = setup.sweep().args(["-v", "-ojson"]).spawn()?;
    let pods = setup.namespace.running_pods(&job, 1).await?;
    setup.namespace.fail_pod(&pods[0], 1).await?;
    sweep.line_with("flaky: 1 pod has failed, a retry is due").await?;
    setup.leaves(&["flaky"]).await?;
    end_pod(&setup.namespace, &job, Outcome::Succeeded).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.reports("flaky", "deleted", "succeeded")?;
    setup.leaves(&[]).await
}

pub async fn a_job_that_has_used_up_its_retries_has_failed(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let job = setup.namespace.create(job("broken").policy("hook-failed").backoff_limit(1)).await?;
    let sweep = setup.sweep_waiting_for("broken").await?;
    end_pod(&setup.namespace, &job, Outcome::Failed).await?;
    end_pod(&setup.namespace, &job, Outcome::Failed).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["it has failed (BackoffLimitExceeded)"])?;
    setup.leaves(&[]).await
}

pub async fn a_job_is_never_deleted_between_two_completions(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let job = setup.namespace.create(job("batch").policy(BOTH).completions(2).parallelism(1)).await?;
    let sweep = setup.sweep_waiting_for("batch").await?;
    let first = setup.namespace.running_pods(&job, 1).await?;
    setup.namespace.succeed_pod(&first[0]).await?;
    status(&setup.namespace, &job, "one completion", |status| status.succeeded == Some(1)).await?;
    setup.leaves(&["batch"]).await?;
    // There is a second pod only if the Job was not deleted.
    let second = setup.namespace.running_pods(&job, 1).await?;
    setup.namespace.succeed_pod(&second[0]).await?;
    sweep
        .finish(PATIENCE)
        .await?
        .expect_success()?
        .says(&["batch: it has succeeded (CompletionsReached)"])?;
    setup.leaves(&[]).await
}

pub async fn an_indexed_job_goes_on_when_one_index_has_failed(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let indexed = job("indexed").policy("hook-failed").indexed().completions(2).backoff_limit_per_index(0);
    let job = setup.namespace.create(indexed).await?;
    let sweep = setup.sweep_waiting_for("indexed").await?;
    let pods = setup.namespace.running_pods(&job, 2).await?;
    setup.namespace.fail_pod(&pods[0], 1).await?;
    status(&setup.namespace, &job, "a failed index", |status| status.failed == Some(1)).await?;
    setup.leaves(&["indexed"]).await?;
    setup.namespace.succeed_pod(&pods[1]).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["indexed: it has failed (FailedIndexes)"])?;
    setup.leaves(&[]).await
}

pub async fn a_pod_failure_policy_fails_a_job_that_has_retries_left(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let on_42 = json!({ "rules": [{ "action": "FailJob",
        "onExitCodes": { "containerName": "main", "operator": "In", "values": [42] } }] });
    let job = job("strict").policy("hook-failed").backoff_limit(6).spec("podFailurePolicy", on_42);
    let job = setup.namespace.create(job).await?;
    let sweep = setup.sweep_waiting_for("strict").await?;
    let pods = setup.namespace.running_pods(&job, 1).await?;
    setup.namespace.fail_pod(&pods[0], 42).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["strict: it has failed (PodFailurePolicy)"])?;
    setup.leaves(&[]).await
}

pub async fn a_success_policy_completes_a_job_once_its_other_pods_have_ended(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let first_is_enough = json!({ "rules": [{ "succeededIndexes": "0" }] });
    let leader = job("leader")
        .policy("hook-succeeded")
        .indexed()
        .completions(2)
        .spec("successPolicy", first_is_enough);
    let job = setup.namespace.create(leader).await?;
    let mut sweep = setup.sweep_waiting_for("leader").await?;
    let pods = setup.namespace.running_pods(&job, 2).await?;
    let index = |pod: &Pod| {
        pod.metadata.annotations.as_ref()?.get("batch.kubernetes.io/job-completion-index").cloned()
    };
    let (first, second): (Vec<_>, Vec<_>) =
        pods.into_iter().partition(|pod| index(pod).as_deref() == Some("0"));
    edit_pod(&setup.namespace, &second[0], &["example.com/hold"]).await?;
    setup.namespace.succeed_pod(&first[0]).await?;
    sweep
        .line_with("leader: it is succeeding (SuccessCriteriaMet, SuccessPolicy) and waits for its pods")
        .await?;
    setup.leaves(&["leader"]).await?;
    edit_pod(&setup.namespace, &Pod { metadata: name_of(&second[0]), ..Pod::default() }, &[]).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["deleted"])?;
    setup.leaves(&[]).await
}

pub async fn a_failing_job_is_kept_until_its_pods_have_ended(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let job = job("failing").policy("hook-failed").completions(2);
    let job = setup.namespace.create(job).await?;
    let mut sweep = setup.sweep_waiting_for("failing").await?;
    let pods = setup.namespace.running_pods(&job, 2).await?;
    edit_pod(&setup.namespace, &pods[1], &["example.com/hold"]).await?;
    setup.namespace.fail_pod(&pods[0], 1).await?;
    sweep
        .line_with("failing: it is failing (FailureTarget, BackoffLimitExceeded) and waits for its pods")
        .await?;
    setup.leaves(&["failing"]).await?;
    edit_pod(&setup.namespace, &Pod { metadata: name_of(&pods[1]), ..Pod::default() }, &[]).await?;
    sweep
        .finish(PATIENCE)
        .await?
        .expect_success()?
        .says(&["failing: it has failed (BackoffLimitExceeded)"])?;
    setup.leaves(&[]).await
}

/// A pod's metadata without the finalizers.
fn name_of(pod: &Pod) -> jobsweep_harness::kube::api::ObjectMeta {
    jobsweep_harness::kube::api::ObjectMeta { name: pod.metadata.name.clone(), ..Default::default() }
}

pub async fn a_suspended_job_holds_no_sweep(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let job = setup.namespace.create(job("paused").policy(BOTH).suspended()).await?;
    setup.namespace.condition(&job, "Suspended").await?;
    let swept = setup.sweep().arg("-ojson").run().await?.expect_success()?;
    swept.says(&["paused: it is suspended"])?.reports("paused", "kept", "suspended")?;
    setup.leaves(&["paused"]).await
}

pub async fn a_job_that_is_resumed_meanwhile_is_waited_for(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let paused = setup.namespace.create(job("paused").policy(BOTH).suspended()).await?;
    setup.namespace.condition(&paused, "Suspended").await?;
    let other = setup.namespace.create(job("other").policy(BOTH)).await?;
    let mut sweep = setup.sweep_waiting_for("other").await?;
    setup.namespace.edit(&paused, json!({ "spec": { "suspend": false } })).await?;
    sweep.line_with("paused").await?;
    let pods = setup.namespace.running_pods(&paused, 1).await?;
    end_pod(&setup.namespace, &other, Outcome::Succeeded).await?;
    setup.namespace.succeed_pod(&pods[0]).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["2 deleted"])?;
    setup.leaves(&[]).await
}

pub async fn a_job_of_another_controller_ends_by_its_conditions_alone(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let foreign =
        setup.namespace.create(job("foreign").policy(BOTH).managed_by("example.com/nobody")).await?;
    let mut sweep = setup.sweep().arg("-v").spawn()?;
    sweep.line_with("foreign: only its controller \"example.com/nobody\" can finish it").await?;
    // These counts and times look like those of a finished Job.
    let counts = json!({ "active": 0, "failed": 3, "succeeded": 1 });
    setup.namespace.set_status(&foreign, counts).await?;
    setup.leaves(&["foreign"]).await?;
    setup.namespace.finish(&foreign, Outcome::Succeeded).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["deleted"])?;
    setup.leaves(&[]).await
}

pub async fn a_job_whose_controller_is_absent_ends_the_sweep_at_its_deadline(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create(job("foreign").policy(BOTH).managed_by("example.com/nobody")).await?;
    let swept = setup.sweep().args(["--timeout=1s", "-ojson"]).run().await?.expect_code(4)?;
    let left = format!("left {}: only its controller", setup.id("foreign"));
    swept.says(&["the deadline came before everything was swept", &left])?.reports(
        "foreign",
        "waiting",
        "unfinished",
    )?;
    setup.leaves(&["foreign"]).await
}

pub async fn a_job_that_had_finished_before_the_start_is_deleted(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let done = setup.namespace.create(job("done").policy("hook-succeeded")).await?;
    setup.namespace.succeed(&done).await?;
    setup.sweep().run().await?.expect_success()?;
    setup.leaves(&[]).await
}

pub async fn a_job_that_is_created_after_the_start_is_included(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let first = setup.namespace.create(job("first").policy(BOTH)).await?;
    let mut sweep = setup.sweep_waiting_for("first").await?;
    let second = setup.namespace.create(job("second").policy(BOTH)).await?;
    sweep.line_with("second").await?;
    let pods = setup.namespace.running_pods(&second, 1).await?;
    end_pod(&setup.namespace, &first, Outcome::Succeeded).await?;
    setup.namespace.fail_pod(&pods[0], 1).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["2 deleted"])?;
    setup.leaves(&[]).await
}

pub async fn a_job_that_appears_while_things_settle_is_included(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let mut sweep = setup.sweep().args(["--settle=5s", "-v"]).spawn()?;
    sweep.line_with("watching").await?;
    let late = setup.namespace.create(job("late").policy(BOTH)).await?;
    end_pod(&setup.namespace, &late, Outcome::Succeeded).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["1 deleted"])?;
    setup.leaves(&[]).await
}

pub async fn a_job_that_vanishes_before_its_end_has_an_unknown_outcome(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create(job("lost").policy(BOTH).release("lost")).await?;
    let mut sweep = setup.sweep().args(["-ojson", "--fail-on-failed", "--release=lost"]).spawn()?;
    sweep.line_with(" waiting: ").await?;
    setup.namespace.jobs().delete("lost", &jobsweep_harness::kube::api::DeleteParams::background()).await?;
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    ensure!(!swept.stderr().contains("succeeded"), "{}", swept.stderr());
    swept.says(&["its outcome is unknown"])?.reports("lost", "gone", "unknown")?;
    setup.leaves(&[]).await
}
