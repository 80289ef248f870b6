//! Dry runs: everything is asked, nothing is deleted, and the manifests are written.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::process::Program;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{BOTH, Setup, changed, says, stream, wrote};

pub fn trials() -> Vec<Trial> {
    trials![
        a_dry_run_says_what_would_go_and_writes_the_manifests,
        a_dry_run_fails_on_what_may_not_go,
        a_dry_run_waits_for_nothing,
        a_dry_run_needs_the_same_permissions,
        a_variable_that_says_neither_yes_nor_no_is_wrong_usage,
        the_variable_holds_for_the_cleanup_too,
    ]
}

const DRY_RUN: &str = "JOBSWEEP_DRY_RUN";

async fn a_dry_run_says_what_would_go_and_writes_the_manifests(cluster: &ControlPlane) -> Result<()> {
    let text = stream(&[changed(job("old").policy(BOTH))?, changed(job("new"))?]);
    for value in [None, Some("1"), Some("true")] {
        let setup = Setup::new(cluster).await?;
        setup.finished(job("old").policy(BOTH), Outcome::Succeeded).await?;
        let call = setup.unblock(&text);
        let call = value.map_or(call.clone().arg("--dry-run"), |value| call.env(DRY_RUN, value));
        let finished = setup.ends(call.run().await?, 0, &[]).await?;
        wrote(&finished, &text)?;
        says(
            &finished,
            &[&format!("would delete Job {} in context test, which is in the way", setup.id("old"))],
        )?;
        ensure!(setup.counts()?.get("delete") == Some(&1), "{:?}", setup.counts()?);
    }
    Ok(())
}

async fn the_variable_holds_for_the_cleanup_too(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_verbs(cluster, &["list", "watch", "delete"]).await?;
    setup.finished(job("old").policy(BOTH), Outcome::Succeeded).await?;
    let cleanup = Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(["--cleanup", "--once"]);
    let cleanup = cleanup.args(["-n", &setup.namespace.name, "--kubeconfig"]).arg(&setup.user.kubeconfig);
    setup.ends(cleanup.clone().env(DRY_RUN, "1").run().await?, 0, &[]).await?;
    setup.ends(cleanup.env(DRY_RUN, "0").run().await?, 0, &["old"]).await.map(|_| ())
}

async fn a_dry_run_fails_on_what_may_not_go(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("free").policy(BOTH), Outcome::Succeeded).await?;
    setup.finished(job("kept"), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("free").policy(BOTH))?, changed(job("kept"))?]);
    let finished = setup
        .ends(setup.unblock(&text).args(["--dry-run", "--default-policy=none"]).run().await?, 6, &[])
        .await?;
    says(&finished, &["its manifest has no delete policy"])
}

async fn a_dry_run_waits_for_nothing(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("done").policy(BOTH), Outcome::Succeeded).await?;
    setup.unfinished(job("running").policy(BOTH)).await?;
    let text = stream(&[changed(job("done").policy(BOTH))?, changed(job("running").policy(BOTH))?]);
    let finished = setup.ends(setup.unblock(&text).arg("--dry-run").run().await?, 0, &[]).await?;
    wrote(&finished, &text)?;
    says(&finished, &["would delete Job ", &format!("would wait for Job {} to finish", setup.id("running"))])
}

async fn a_dry_run_needs_the_same_permissions(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_verbs(cluster, &["get", "update", "create"]).await?;
    setup.finished(job("old").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("old").policy(BOTH))?]);
    let finished = setup.ends(setup.unblock(&text).arg("--dry-run").run().await?, 5, &[]).await?;
    says(&finished, &["verbs: [\"delete\"]"])
}

async fn a_variable_that_says_neither_yes_nor_no_is_wrong_usage(cluster: &ControlPlane) -> Result<()> {
    let text = stream(&[changed(job("old").policy(BOTH))?]);
    let setup = Setup::new(cluster).await?;
    setup.finished(job("old").policy(BOTH), Outcome::Succeeded).await?;
    let finished = setup.ends(setup.unblock(&text).env(DRY_RUN, "yes").run().await?, 2, &[]).await?;
    says(&finished, &["JOBSWEEP_DRY_RUN is \"yes\"; set it to 1 or 0"])?;
    setup.passes(setup.unblock(&text).env(DRY_RUN, "0").run().await?, &["old"]).await?;
    Ok(())
}
