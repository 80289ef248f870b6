//! `--finished-for`: how long ago a Job must have finished.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::setup::{Said, Setup};

pub fn trials() -> Vec<Trial> {
    trials![
        a_job_that_finished_too_recently_is_waited_for_and_then_deleted,
        once_keeps_it_and_reports_how_long_is_left,
        without_waiting_it_is_like_an_unfinished_job,
        a_job_stays_where_its_status_has_no_time,
    ]
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Creates a Job that succeeded this many seconds ago by this machine's clock, which is the API server's too.
async fn succeeded(setup: &Setup, name: &str, seconds_ago: i64) -> Result<()> {
    let job = setup.namespace.create(job(name).policy("hook-succeeded").managed_by("example.com/nobody"));
    setup.namespace.finish_after(&job.await?, Outcome::Succeeded, -seconds_ago).await
}

pub async fn a_job_that_finished_too_recently_is_waited_for_and_then_deleted(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    succeeded(&setup, "first", 0).await?;
    let running = setup.namespace.create(job("running").policy("hook-succeeded")).await?;
    let mut sweep = setup.sweep().arg("-v").env("JOBSWEEP_FINISHED_FOR", "8s").spawn()?;
    sweep
        .line_with(&format!("waiting for {}: it finished too recently; it is due in", setup.id("first")))
        .await?;
    setup.namespace.succeed(&running).await?;
    sweep.line_with(&format!("waiting for {}: it finished too recently", setup.id("running"))).await?;
    let swept = sweep.finish(jobsweep_harness::wait::PATIENCE).await?.expect_success()?;
    swept.says(&["2 deleted"])?;
    setup.leaves(&[]).await
}

pub async fn once_keeps_it_and_reports_how_long_is_left(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for (name, seconds_ago) in [("old", 20 * MINUTE), ("recent", 5 * MINUTE), ("future", -HOUR)] {
        succeeded(&setup, name, seconds_ago).await?;
    }
    let sweep = setup.sweep().args(["--once", "--finished-for=15m"]);
    let swept = sweep.clone().arg("-ojson").run().await?.expect_success()?;
    let left = |name: &str| Ok::<_, anyhow::Error>(swept.jobs()?[name]["dueInSeconds"].clone());
    let about = |left: &serde_json::Value, minutes: i64| {
        left.as_i64().is_some_and(|left| (-2..60).contains(&(minutes * MINUTE + 1 - left)))
    };
    ensure!(left("old")?.is_null() && about(&left("recent")?, 10), "{}", swept.stdout());
    ensure!(about(&left("future")?, 75), "{}", swept.stdout());
    swept.reports("old", "deleted", "succeeded")?.reports("recent", "kept", "succeeded")?;
    let kept = format!("kept {}: it finished too recently; it is due in 1", setup.id("recent"));
    sweep.run().await?.expect_success()?.says(&[&kept])?;
    setup.leaves(&["future", "recent"]).await
}

pub async fn without_waiting_it_is_like_an_unfinished_job(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    succeeded(&setup, "recent", MINUTE).await?;
    let sweep = setup.sweep().args(["--finished-for=15m", "-ojson"]);
    let left = format!("left {}: it finished too recently; it is due in 1", setup.id("recent"));
    for (timeout, seconds) in [("--timeout=0", 0), ("--timeout=3s", 3)] {
        let swept = sweep.clone().arg(timeout).run().await?.expect_code(4)?.says(&[&left])?;
        let due = swept.jobs()?["recent"]["dueInSeconds"].as_i64().unwrap_or_default();
        ensure!((-2..60).contains(&(14 * MINUTE + 1 - seconds - due)), "{due} s");
        swept.reports("recent", "waiting", "succeeded")?;
    }
    setup.leaves(&["recent"]).await
}

pub async fn a_job_stays_where_its_status_has_no_time(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    succeeded(&setup, "old", HOUR).await?;
    let timeless = job("timeless").policy("hook-failed").managed_by("example.com/nobody");
    let timeless = setup.namespace.create(timeless).await?;
    let condition = |kind| json!({ "type": kind, "status": "True", "reason": "set by the test" });
    let conditions = [condition("FailureTarget"), condition("Failed")];
    let status = json!({ "startTime": "2026-01-01T00:00:00Z", "conditions": conditions });
    setup.namespace.set_status(&timeless, status).await?;

    let id = setup.id("timeless");
    let warning = format!("warning: kept {id}: how long ago it finished is unknown: its status does not say");
    let sweep = setup.sweep().args(["--once", "--finished-for=15m"]);
    sweep.run().await?.expect_success()?.says(&[&warning])?;
    setup.leaves(&["timeless"]).await?;
    // Without the option, age does not matter.
    setup.sweep().run().await?.expect_success()?;
    setup.leaves(&[]).await
}
