//! Lists and watches that end, break or expire. The sweep misses no Job.

use std::sync::Arc;

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::kube::api::DeleteParams;
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};
use tokio::sync::Notify;

use crate::deletion::finished;
use crate::faulty_proxy::{Act, FaultyProxy, doing};
use crate::setup::{Said, Setup};

pub fn trials() -> Vec<Trial> {
    trials![
        three_thousand_jobs_come_in_pages,
        a_job_that_appears_while_thousands_are_deleted_is_swept_too,
        a_watch_that_breaks_goes_on_from_where_it_was,
        what_a_new_list_after_410_misses_is_gone_and_not_succeeded,
        a_watch_that_expired_after_compaction_begins_with_a_list_again,
        a_list_whose_later_pages_expired_is_begun_again,
        an_api_server_that_is_killed_and_restarted_mid_sweep_is_waited_for,
    ]
}

const BOTH: &str = "hook-succeeded,hook-failed";

pub async fn three_thousand_jobs_come_in_pages(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup
        .namespace
        .create_finished(3_000, Outcome::Succeeded, |n| job(format!("job-{n}")).policy(BOTH))
        .await?;
    finished(&setup.namespace, "unannotated", "hook-failed").await?;
    setup.sweep().arg("--quiet").run().await?.expect_success()?;
    let log = cluster.audit_log()?;
    let pages = log.iter().filter(|event| event.user == setup.user.full_name && event.verb == "list").count();
    ensure!(pages == 7, "3,001 Jobs are {pages} pages");
    setup.leaves(&["unannotated"]).await
}

pub async fn a_job_that_appears_while_thousands_are_deleted_is_swept_too(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup
        .namespace
        .create_finished(2_000, Outcome::Succeeded, |n| job(format!("job-{n}")).policy(BOTH))
        .await?;
    let mut sweep = setup.sweep().args(["-v", "-ojson"]).spawn()?;
    sweep.line_with("listed all Jobs").await?;
    finished(&setup.namespace, "new", BOTH).await?;
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    swept.reports("new", "deleted", "succeeded")?;
    setup.leaves(&[]).await
}

pub async fn a_watch_that_breaks_goes_on_from_where_it_was(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let [first, second] =
        ["first", "second"].map(|name| job(name).policy(BOTH).managed_by("example.com/nobody"));
    let (first, second) = (setup.namespace.create(first).await?, setup.namespace.create(second).await?);
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let cut = Arc::new(Notify::new());
    // While there is no watch, one Job finishes and the other is deleted. The next watch reports both.
    let namespace = setup.namespace.clone();
    let meanwhile = doing(async move {
        namespace.finish(&first, Outcome::Succeeded).await?;
        namespace.jobs().delete("second", &DeleteParams::background()).await?;
        Ok(())
    });
    proxy.on("GET", "watch=true", vec![Act::CutAt(Arc::clone(&cut)), Act::First(meanwhile)]);
    let mut sweep = setup.sweep_by(&proxy.kubeconfig).arg("-ojson").spawn()?;
    sweep.line_with("second").await?;
    proxy.until_seen("GET", "watch=true", 1).await?;
    cut.notify_one();
    sweep.line_with("watch interrupted on").await?;
    sweep.line_with("is reachable again").await?;
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    swept.reports("first", "deleted", "succeeded")?.reports("second", "gone", "unknown")?;
    ensure!(proxy.seen("GET", "limit=500").len() == 1, "no second list");
    ensure!(second.metadata.uid.is_some());
    setup.leaves(&[]).await
}

pub async fn what_a_new_list_after_410_misses_is_gone_and_not_succeeded(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for name in ["stays", "vanishes", "finishes"] {
        setup.namespace.create(job(name).policy(BOTH).managed_by("example.com/nobody")).await?;
    }
    let finishes = setup.namespace.jobs().get("finishes").await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let cut = Arc::new(Notify::new());
    let expired = Act::Answer(410, "too old resource version", None);
    proxy.on("GET", "watch=true", vec![Act::CutAt(Arc::clone(&cut)), expired]);
    let mut sweep = setup.sweep_by(&proxy.kubeconfig).arg("-ojson").spawn()?;
    sweep.line_with(" waiting: ").await?;
    proxy.until_seen("GET", "watch=true", 1).await?;
    let namespace = setup.namespace.clone();
    let meanwhile = doing(async move {
        namespace.jobs().delete("vanishes", &DeleteParams::background()).await?;
        namespace.finish(&finishes, Outcome::Failed).await
    });
    proxy.on("GET", "limit=500", vec![Act::First(meanwhile)]);
    cut.notify_one();
    sweep.line_with(&format!("deleted {}", setup.id("finishes"))).await?;
    setup.leaves(&["stays"]).await?;
    let stays = setup.namespace.jobs().get("stays").await?;
    setup.namespace.finish(&stays, Outcome::Succeeded).await?;
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    swept.reports("vanishes", "gone", "unknown")?.reports("finishes", "deleted", "failed")?;
    setup.leaves(&[]).await
}

pub async fn a_watch_that_expired_after_compaction_begins_with_a_list_again() -> Result<()> {
    let cluster = ControlPlane::start().await?;
    let setup = Setup::new(&cluster).await?;
    let running =
        setup.namespace.create(job("running").policy(BOTH).managed_by("example.com/nobody")).await?;
    let mut sweep = setup.sweep().arg("-v").spawn()?;
    sweep.line_with("watching").await?;
    cluster.stop_apiserver();
    sweep.line_with("watch interrupted on").await?;
    cluster.compact().await?;
    cluster.start_apiserver().await?;
    sweep.line_with("is reachable again").await?;
    setup.namespace.finish(&running, Outcome::Succeeded).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["deleted"])?;
    let log = cluster.audit_log()?;
    let lists = log
        .iter()
        .filter(|event| event.user == setup.user.full_name && event.verb == "list" && event.code == 200);
    ensure!(lists.count() >= 2, "the expired watch was followed by a list");
    setup.leaves(&[]).await
}

pub async fn a_list_whose_later_pages_expired_is_begun_again() -> Result<()> {
    let cluster = ControlPlane::options().apiserver_flag("--watch-cache=false").start().await?;
    let setup = Setup::new(&cluster).await?;
    setup
        .namespace
        .create_finished(600, Outcome::Succeeded, |n| job(format!("job-{n:03}")).policy(BOTH))
        .await?;
    let proxy = FaultyProxy::start(&cluster, &setup.user).await?;
    let cluster = Arc::new(cluster);
    let compacts = Arc::clone(&cluster);
    proxy.on("GET", "continue=", vec![Act::First(doing(async move { compacts.compact().await }))]);
    setup.sweep_by(&proxy.kubeconfig).arg("-q").run().await?.expect_success()?;
    ensure!(proxy.seen("GET", "limit=500").len() >= 3, "it was begun again");
    setup.leaves(&[]).await
}

pub async fn an_api_server_that_is_killed_and_restarted_mid_sweep_is_waited_for() -> Result<()> {
    let cluster = ControlPlane::start().await?;
    let setup = Setup::new(&cluster).await?;
    setup
        .namespace
        .create_finished(400, Outcome::Succeeded, |n| job(format!("job-{n}")).policy(BOTH))
        .await?;
    setup
        .namespace
        .create_finished(50, Outcome::Failed, |n| job(format!("kept-{n:02}")).policy("hook-succeeded"))
        .await?;
    let mut sweep = setup.sweep().args(["--concurrency=2", "-ojson"]).spawn()?;
    for _ in 0..20 {
        sweep.line_with("deleted").await?;
    }
    cluster.stop_apiserver();
    sweep.line_with("cannot delete").await?;
    cluster.start_apiserver().await?;
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    let jobs = swept.jobs()?;
    ensure!(
        jobs.values().filter(|job| job["action"] == "deleted").count() == 400,
        "all were deleted by this sweep"
    );
    let kept: Vec<_> = (0..50).map(|n| format!("kept-{n:02}")).collect();
    setup.leaves(&kept.iter().map(String::as_str).collect::<Vec<_>>()).await
}
