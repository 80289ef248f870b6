//! Thousands of Jobs: what a sweep takes, and that a killed one can be started again.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::kube::Api;
use jobsweep_harness::process::Running;
use jobsweep_harness::wait;
use jobsweep_harness::{trials, trials::Trial};

use crate::requests::requests;
use crate::setup::{Setup, shipped_rules};

pub fn trials() -> Vec<Trial> {
    trials![
        a_killed_sweep_is_started_again_and_goes_on,
        ten_thousand_jobs_take_at_most_40_mb,
        hundreds_of_namespaces_take_one_list_and_one_watch,
    ]
}

/// A machine with much other work takes so long for some thousand Jobs.
const LONG: Duration = Duration::from_secs(600);
const BOTH: &str = "hook-succeeded,hook-failed";

/// Makes this many finished Jobs.
async fn fill(cluster: &ControlPlane, namespace: &Namespace, jobs: usize) -> Result<()> {
    let first = namespace.create(job("job-00000").policy(BOTH).managed_by("example.com/nobody")).await?;
    namespace.finish(&first, Outcome::Succeeded).await?;
    let first = namespace.jobs().get("job-00000").await?;
    cluster.copy(&first, (1..jobs).map(|number| (namespace.name.clone(), format!("job-{number:05}")))).await
}

pub async fn a_killed_sweep_is_started_again_and_goes_on(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    fill(cluster, &setup.namespace, 3_000).await?;
    let sweep = || setup.sweep().arg("--timeout=none").spawn();
    let mut killed = sweep()?;
    for _ in 0..1_500 {
        killed.line_with("deleted ").await?;
    }
    killed.kill().await?;
    let left = setup.namespace.names().await?.len();
    ensure!((100..1_600).contains(&left), "{left} Jobs were left by the killed sweep");
    sweep()?.finish(LONG).await?.expect_success()?;
    setup.leaves(&[]).await
}

/// The peak of the memory that a program has asked for, in kB. What it has mapped of its own file does not count.
async fn peak_memory(program: Running) -> Result<u64> {
    let status = format!("/proc/{}/status", program.pid().context("it runs")?);
    let watcher = tokio::spawn(async move {
        let mut peak = 0;
        while let Ok(status) = fs::read_to_string(&status) {
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let Some(kb) = line.and_then(|line| line.split_whitespace().next()) else { break };
            peak = peak.max(kb.parse().unwrap_or(0));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        peak
    });
    program.finish(LONG).await?.expect_success()?;
    Ok(watcher.await?)
}

pub async fn ten_thousand_jobs_take_at_most_40_mb(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    fill(cluster, &setup.namespace, 10_000).await?;
    // They finished too recently, so the sweep only holds them.
    let sweep = setup
        .sweep()
        .args(["--timeout=none", "--quiet", "--once", "--finished-for=24h", "-oname"])
        .spawn()?;
    let peak = peak_memory(sweep).await?;
    ensure!(peak < 40_000, "{peak} kB");
    Ok(())
}

pub async fn hundreds_of_namespaces_take_one_list_and_one_watch(_: &ControlPlane) -> Result<()> {
    const NAMESPACES: usize = 300;
    // No other test's Jobs, since all namespaces are in scope.
    let cluster = ControlPlane::start().await?;
    let setup = Setup::new(&cluster).await?;
    setup.namespace.allow_everywhere(&setup.user, shipped_rules("jobsweep")?).await?;
    fill(&cluster, &setup.namespace, 1).await?;
    let template = setup.namespace.jobs().get("job-00000").await?;
    let length = setup.namespace.name.len();
    let names: Vec<_> =
        (0..NAMESPACES).map(|number| format!("n{number:0width$}", width = length - 1)).collect();
    cluster.create_namespaces(&names).await?;
    let copies =
        names.iter().flat_map(|name| (0..3).map(|number| (name.clone(), format!("job-{number:05}"))));
    cluster.copy(&template, copies).await?;
    wait::until("the API server to see all Jobs", || async {
        let jobs = Api::<Job>::all(cluster.client());
        let count = jobs.list_metadata(&Default::default()).await?.items.len();
        Ok((count > NAMESPACES * 3).then_some(()))
    })
    .await?;
    let swept = setup.sweep().args(["-A", "--timeout=none"]).spawn()?.finish(LONG).await?.expect_success()?;
    let made = requests(&cluster, &setup.user.full_name)?;
    let count =
        |what: &str| made.iter().filter(|(name, _)| name.starts_with(what)).map(|(_, count)| count).sum();
    let counts: [usize; 3] = ["list", "watch", "delete"].map(count);
    // An overloaded API server closes watches.
    let interruptions = swept.stderr().matches("watch interrupted").count();
    ensure!(counts == [2, 1 + interruptions, NAMESPACES * 3 + 1], "{made:?}");
    setup.leaves(&[]).await
}
