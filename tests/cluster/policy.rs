//! The policy alone decides what is deleted.

use anyhow::Result;
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{Said, Stage};

pub fn trials() -> Vec<Trial> {
    trials![
        a_job_that_succeeded_or_failed_is_deleted_if_its_policy_names_that,
        a_policy_is_read_by_whole_words,
        a_job_whose_policy_names_no_outcome_is_not_waited_for_but_reported,
        before_hook_creation_deletes_however_a_job_ended_when_asked_for,
        a_running_job_is_not_deleted_before_its_end_even_then,
    ]
}

/// Creates a succeeded and a failed Job for each policy: `<policy>-succeeded` and `<policy>-failed`.
async fn one_of_each(stage: &Stage, policies: &[(&str, &str)]) -> Result<()> {
    for (name, policy) in policies {
        for (ending, outcome) in [("succeeded", Outcome::Succeeded), ("failed", Outcome::Failed)] {
            let job: JobBuilder =
                job(format!("{name}-{ending}")).policy(policy).managed_by("example.com/nobody");
            stage.namespace.finish(&stage.namespace.create(job).await?, outcome).await?;
        }
    }
    Ok(())
}

pub async fn a_job_that_succeeded_or_failed_is_deleted_if_its_policy_names_that(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let policies = [
        ("success", "hook-succeeded"),
        ("failure", "hook-failed"),
        ("both", "hook-succeeded,hook-failed"),
        ("spaced", " hook-failed , before-hook-creation"),
        ("neither", "before-hook-creation"),
    ];
    one_of_each(&stage, &policies).await?;
    let swept = stage.sweep().arg("-ojson").run().await?.expect_success()?;
    swept
        .reports("success-succeeded", "deleted", "succeeded")?
        .reports("success-failed", "kept", "failed")?
        .reports("failure-failed", "deleted", "failed")?
        .reports("both-failed", "deleted", "failed")?
        .reports("neither-succeeded", "kept", "succeeded")?;
    let left =
        ["failure-succeeded", "neither-failed", "neither-succeeded", "spaced-succeeded", "success-failed"];
    stage.leaves(&left).await
}

pub async fn a_policy_is_read_by_whole_words(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let policies = [
        ("part", "not-hook-succeeded,hook-failed-never"),
        ("case", "Hook-Succeeded,HOOK-FAILED"),
        ("wrapped", "hook-succeeded null"),
        ("empty", ""),
        ("known", "hook-succeeded,whatever"),
    ];
    one_of_each(&stage, &policies).await?;
    let swept = stage.sweep().run().await?.expect_success()?;
    swept.says(&[
        "wrapped-succeeded: its policy names no outcome that is known here",
        "known-failed has words that name nothing here: [\"whatever\"]",
    ])?;
    stage
        .leaves(&[
            "case-failed",
            "case-succeeded",
            "empty-failed",
            "empty-succeeded",
            "known-failed",
            "part-failed",
            "part-succeeded",
            "wrapped-failed",
            "wrapped-succeeded",
        ])
        .await
}

pub async fn a_job_whose_policy_names_no_outcome_is_not_waited_for_but_reported(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    stage.namespace.create(job("running").policy("before-hook-creation")).await?;
    let swept = stage.sweep().arg("-ojson").run().await?.expect_success()?;
    swept.says(&["running: its policy names before-hook-creation alone"])?.reports(
        "running",
        "kept",
        "unfinished",
    )?;
    stage.leaves(&["running"]).await
}

pub async fn before_hook_creation_deletes_however_a_job_ended_when_asked_for(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    one_of_each(&stage, &[("listed", "before-hook-creation"), ("not", "hook-succeeded")]).await?;
    let mut sweep = stage.sweep().args(["--before-hook-creation", "-ojson"]).spawn()?;
    sweep.line_with("deleted").await?;
    let swept = sweep.finish(jobsweep_harness::wait::PATIENCE).await?.expect_success()?;
    swept.reports("listed-failed", "deleted", "failed")?.reports("not-failed", "kept", "failed")?;
    // The bystander with this policy is gone too; the others are not.
    let left = stage.namespace.names().await?;
    let expected = ["bystander-failed", "bystander-of-helm", "bystander-without-policy", "not-failed"];
    anyhow::ensure!(left == expected, "left are {left:?}");
    Ok(())
}

pub async fn a_running_job_is_not_deleted_before_its_end_even_then(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let running =
        stage.namespace.create(job("running").policy("before-hook-creation,hook-succeeded")).await?;
    stage.namespace.running_pods(&running, 1).await?;
    stage.sweep().args(["--before-hook-creation", "--once"]).run().await?.expect_success()?;
    let left = stage.namespace.names().await?;
    anyhow::ensure!(left.contains(&"running".to_owned()), "left are {left:?}");

    // Without --once the sweep waits for its end.
    let mut sweep = stage.sweep().args(["--before-hook-creation", "-ojson"]).spawn()?;
    sweep.line_with("running: 1 pod is active").await?;
    stage.namespace.fail(&running).await?;
    let swept = sweep.finish(jobsweep_harness::wait::PATIENCE).await?.expect_success()?;
    swept.reports("running", "deleted", "failed")?;
    Ok(())
}
