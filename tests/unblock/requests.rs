//! How many requests are made, and how many at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};
use tokio::sync::Semaphore;

use crate::faulty_proxy::{Act, doing};
use crate::setup::{BOTH, Setup, changed, manifest, stream, wrote};

pub fn trials() -> Vec<Trial> {
    trials![
        five_hundred_jobs_take_a_get_and_a_dry_run_each,
        no_more_than_32_requests_are_under_way,
        nothing_is_asked_about_a_job_that_is_clear_while_another_one_is_waited_for,
    ]
}

fn described(number: usize) -> JobBuilder {
    job(format!("job-{number}")).policy(BOTH)
}

async fn five_hundred_jobs_take_a_get_and_a_dry_run_each(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create_finished(500, Outcome::Succeeded, described).await?;
    let manifests: Result<Vec<_>> = (0..500)
        .map(
            |number| if number % 100 == 7 { changed(described(number)) } else { manifest(described(number)) },
        )
        .collect();
    let text = stream(&manifests?);
    let finished = setup.unblock(&text).run().await?;
    let deleted = ["job-7", "job-107", "job-207", "job-307", "job-407"];
    let finished = setup.ends(finished, 0, &deleted).await?;
    wrote(&finished, &text)?;
    // The five are looked at again until they are gone, and each deletion is tried as a dry run first.
    let counts = setup.counts()?;
    let count = |verb: &str| counts.get(verb).copied().unwrap_or_default();
    ensure!((505..520).contains(&count("get")) && count("update") == 500, "{counts:?}");
    // Whether the new Jobs would be accepted is asked once for each.
    ensure!(count("delete") == 10 && count("create") == 5 && counts.len() == 4, "{counts:?}");
    ensure!(setup.namespace.names().await?.len() == 495, "only those are gone");
    Ok(())
}

/// Lets no request pass before the word is given.
fn gates(count: usize) -> (Vec<Act>, Arc<Semaphore>) {
    let word = Arc::new(Semaphore::new(0));
    let gate = || {
        let word = Arc::clone(&word);
        Act::First(doing(async move {
            word.acquire().await?.forget();
            Ok(())
        }))
    };
    ((0..count).map(|_| gate()).collect(), Arc::clone(&word))
}

async fn no_more_than_32_requests_are_under_way(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create_finished(50, Outcome::Succeeded, described).await?;
    let manifests: Result<Vec<_>> = (0..50).map(|number| changed(described(number))).collect();
    let proxy = setup.proxy().await?;
    let (looks, look) = gates(50);
    let (deletions, delete) = gates(50);
    proxy.on("GET", "/jobs/job-", looks);
    proxy.on("DELETE", "/jobs/job-", deletions);
    let running = setup.unblock_by(&proxy.kubeconfig, &stream(&manifests?)).spawn()?;
    for (method, gate) in [("GET", look), ("DELETE", delete)] {
        proxy.until_seen(method, "/jobs/job-", 32).await?;
        // More would come at once.
        tokio::time::sleep(Duration::from_millis(300)).await;
        ensure!(proxy.seen(method, "/jobs/job-").len() == 32, "{method}");
        gate.add_permits(50);
    }
    let names: Vec<_> = (0..50).map(|number| format!("job-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    setup.ends(running.finish(PATIENCE).await?, 0, &names).await?;
    Ok(())
}

async fn nothing_is_asked_about_a_job_that_is_clear_while_another_one_is_waited_for(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("clear").policy(BOTH), Outcome::Succeeded).await?;
    setup.unfinished(job("running").policy(BOTH)).await?;
    let text = stream(&[manifest(job("clear").policy(BOTH))?, changed(job("running").policy(BOTH))?]);
    setup.ends(setup.unblock(&text).arg("--timeout=4s").run().await?, 4, &[]).await?;
    let asked = |verb: &str, name: &str| -> Result<usize> {
        Ok(setup.requests()?.iter().filter(|(v, n, _)| v == verb && n == name).count())
    };
    ensure!(asked("get", "clear")? == 1 && asked("update", "clear")? == 1);
    ensure!(asked("get", "running")? > 1, "it is looked at again");
    ensure!(asked("update", "running")? == 1, "but nothing has changed");
    Ok(())
}
