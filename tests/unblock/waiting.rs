//! What is waited for: a Job that still runs, and one that is being deleted.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::kube::api::DeleteParams;
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::setup::{BOTH, Setup, changed, manifest, says, stream, wrote};

pub fn trials() -> Vec<Trial> {
    trials![
        a_running_job_in_the_way_is_waited_for,
        a_running_job_that_ends_in_a_way_that_its_policy_does_not_name_keeps_all,
        a_running_job_that_can_take_its_manifest_is_not_waited_for,
        a_running_job_under_the_job_controller_says_how_it_stands,
        a_finalizer_that_stays_is_named_at_the_deadline,
        a_finalizer_that_lets_go_clears_the_way,
        a_job_that_others_are_deleting_is_waited_for_though_its_manifest_is_the_same,
    ]
}

pub async fn a_running_job_in_the_way_is_waited_for(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("done").policy(BOTH), Outcome::Succeeded).await?;
    let live = setup.unfinished(job("running").policy(BOTH)).await?;
    let text = stream(&[changed(job("done").policy(BOTH))?, changed(job("running").policy(BOTH))?]);
    let mut running = setup.unblock(&text).spawn()?;
    let line = running.line_with("waiting for Job ").await?;
    let expected = format!(
        "jobsweep: waiting for Job {} to finish; it is in the way (spec.template changes, and is immutable)",
        setup.id("running")
    );
    ensure!(line.starts_with(&expected) && line.contains("example.com/nobody"), "{line}");
    ensure!(setup.namespace.names().await? == ["done", "running"], "nothing goes before all may go");
    setup.namespace.finish(&live, Outcome::Succeeded).await?;
    let finished = setup.passes(running.finish(PATIENCE).await?, &["done", "running"]).await?;
    wrote(&finished, &text)
}

async fn a_running_job_that_ends_in_a_way_that_its_policy_does_not_name_keeps_all(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("done").policy(BOTH), Outcome::Succeeded).await?;
    let described = || job("running").policy("hook-succeeded");
    let live = setup.unfinished(described()).await?;
    let text = stream(&[changed(job("done").policy(BOTH))?, changed(described())?]);
    let mut running = setup.unblock(&text).spawn()?;
    running.line_with("waiting for Job ").await?;
    setup.namespace.finish(&live, Outcome::Failed).await?;
    let finished = setup.ends(running.finish(PATIENCE).await?, 6, &[]).await?;
    says(&finished, &["it has failed, and its policy \"hook-succeeded\" does not name that"])
}

async fn a_running_job_that_can_take_its_manifest_is_not_waited_for(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.unfinished(job("running").policy(BOTH)).await?;
    let text = stream(&[manifest(job("running").policy(BOTH).label("a", "b"))?]);
    let finished = setup.passes(setup.unblock(&text).arg("--timeout=0").run().await?, &[]).await?;
    ensure!(finished.stderr.is_empty(), "{}", finished.stderr());
    Ok(())
}

async fn a_running_job_under_the_job_controller_says_how_it_stands(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let live = setup.namespace.create(job("running").policy(BOTH)).await?;
    setup.namespace.running_pods(&live, 1).await?;
    let text = stream(&[changed(job("running").policy(BOTH))?]);
    let mut running = setup.unblock(&text).spawn()?;
    running.line_with("1 pod").await?;
    setup.namespace.succeed(&live).await?;
    setup.passes(running.finish(PATIENCE).await?, &["running"]).await?;
    Ok(())
}

async fn a_finalizer_that_stays_is_named_at_the_deadline(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("held").policy(BOTH).finalizer("example.com/hold"), Outcome::Succeeded).await?;
    setup.finished(job("free").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("held").policy(BOTH))?, changed(job("free").policy(BOTH))?]);
    let finished = setup.unblock(&text).arg("--timeout=4s").run().await?;
    let finished = setup.ends(finished, 4, &["held", "free"]).await?;
    let (held, free) = (setup.id("held"), setup.id("free"));
    says(
        &finished,
        &[
            &format!(
                "waiting until Job {held} is gone; it is being deleted, and finalizer example.com/hold holds it"
            ),
            "the deadline came before the way was clear",
            &format!("Job {held} is being deleted, and finalizer example.com/hold holds it"),
            &format!("no manifest was written; deleted, or being deleted: {held}, {free}"),
        ],
    )
}

pub async fn a_finalizer_that_lets_go_clears_the_way(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let held = job("held").policy(BOTH).finalizer("example.com/hold");
    let held = setup.finished(held, Outcome::Succeeded).await?;
    let text = stream(&[changed(job("held").policy(BOTH))?]);
    let mut running = setup.unblock(&text).spawn()?;
    running.line_with("finalizer example.com/hold holds it").await?;
    setup.namespace.edit(&held, json!({ "metadata": { "finalizers": null } })).await?;
    let finished = setup.passes(running.finish(PATIENCE).await?, &["held"]).await?;
    wrote(&finished, &text)
}

async fn a_job_that_others_are_deleting_is_waited_for_though_its_manifest_is_the_same(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let going = setup.namespace.create(job("going").finalizer("example.com/hold")).await?;
    setup.namespace.jobs().delete("going", &DeleteParams::background()).await?;
    let text = stream(&[manifest(job("going"))?]);
    let mut running = setup.unblock(&text).spawn()?;
    running.line_with("finalizer example.com/hold holds it").await?;
    setup.namespace.edit(&going, json!({ "metadata": { "finalizers": null } })).await?;
    setup.passes(running.finish(PATIENCE).await?, &[]).await?;
    Ok(())
}
