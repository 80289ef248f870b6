//! The policy alone decides what is deleted.

use anyhow::Result;
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{Said, Setup};

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
async fn one_of_each(setup: &Setup, policies: &[(&str, &str)]) -> Result<()> {
    for (name, policy) in policies {
        for (ending, outcome) in [("succeeded", Outcome::Succeeded), ("failed", Outcome::Failed)] {
            let job: JobBuilder =
                job(format!("{name}-{ending}")).policy(policy).managed_by("example.com/nobody");
            setup.namespace.finish(&setup.namespace.create(job).await?, outcome).await?;
        }
    }
    Ok(())
}

pub async fn a_job_that_succeeded_or_failed_is_deleted_if_its_policy_names_that(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let policies = [
        ("success", "hook-succeeded"),
        ("failure", "hook-failed"),
        ("both", "hook-succeeded,hook-failed"),
        ("spaced", " hook-failed , before-hook-creation"),
        ("neither", "before-hook-creation"),
    ];
    one_of_each(&setup, &policies).await?;
    let swept = setup.sweep().arg("-ojson").run().await?.expect_success()?;
    swept
        .reports("success-succeeded", "deleted", "succeeded")?
        .reports("success-failed", "kept", "failed")?
        .reports("failure-failed", "deleted", "failed")?
        .reports("both-failed", "deleted", "failed")?
        .reports("neither-succeeded", "kept", "succeeded")?;
    let left =
        ["failure-succeeded", "neither-failed", "neither-succeeded", "spaced-succeeded", "success-failed"];
    setup.leaves(&left).await
}

pub async fn a_policy_is_read_by_whole_words(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let policies = [
        ("part", "not-hook-succeeded,hook-failed-never"),
        ("case", "Hook-Succeeded,HOOK-FAILED"),
        ("wrapped", "hook-succeeded null"),
        ("empty", ""),
        ("known", "hook-succeeded,whatever"),
    ];
    one_of_each(&setup, &policies).await?;
    let swept = setup.sweep().run().await?.expect_success()?;
    swept.says(&[
        "wrapped-succeeded: its policy names no known outcome",
        "known-failed has unknown words: [\"whatever\"]",
    ])?;
    setup
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
    let setup = Setup::new(cluster).await?;
    setup.namespace.create(job("running").policy("before-hook-creation")).await?;
    let swept = setup.sweep().arg("-ojson").run().await?.expect_success()?;
    swept.says(&["running: its policy names only before-hook-creation"])?.reports(
        "running",
        "kept",
        "unfinished",
    )?;
    setup.leaves(&["running"]).await
}

pub async fn before_hook_creation_deletes_however_a_job_ended_when_asked_for(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    one_of_each(&setup, &[("listed", "before-hook-creation"), ("not", "hook-succeeded")]).await?;
    let mut sweep = setup.sweep().args(["--before-hook-creation", "-v", "-ojson"]).spawn()?;
    sweep.line_with("deleted").await?;
    let swept = sweep.finish(jobsweep_harness::wait::PATIENCE).await?.expect_success()?;
    swept.reports("listed-failed", "deleted", "failed")?.reports("not-failed", "kept", "failed")?;
    // The bystander with this policy is gone too; the others are not.
    let left = setup.namespace.names().await?;
    let expected = ["bystander-failed", "bystander-of-helm", "bystander-without-policy", "not-failed"];
    anyhow::ensure!(left == expected, "left are {left:?}");
    Ok(())
}

pub async fn a_running_job_is_not_deleted_before_its_end_even_then(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let running =
        setup.namespace.create(job("running").policy("before-hook-creation,hook-succeeded")).await?;
    setup.namespace.running_pods(&running, 1).await?;
    setup.sweep().args(["--before-hook-creation", "--once"]).run().await?.expect_success()?;
    let left = setup.namespace.names().await?;
    anyhow::ensure!(left.contains(&"running".to_owned()), "left are {left:?}");

    // Without --once the sweep waits for its end.
    let mut sweep = setup.sweep().args(["--before-hook-creation", "-v", "-ojson"]).spawn()?;
    sweep.line_with("running: 1 pod is active").await?;
    setup.namespace.fail(&running).await?;
    let swept = sweep.finish(jobsweep_harness::wait::PATIENCE).await?.expect_success()?;
    swept.reports("running", "deleted", "failed")?;
    Ok(())
}
