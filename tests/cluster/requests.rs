//! The number of requests of a sweep, from the API server's audit log.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};

use crate::deletion::finished;
use crate::setup::Setup;

pub fn trials() -> Vec<Trial> {
    trials![pages_a_watch_and_a_deletion_for_each_job_are_all_requests, nothing_is_asked_while_waiting,]
}

const BOTH: &str = "hook-succeeded,hook-failed";

/// The number of a user's requests of each kind. A watch counts when it begins.
pub fn requests(cluster: &ControlPlane, user: &str) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for event in cluster.audit_log()? {
        let counts_now = (event.stage == "ResponseStarted") == (event.verb == "watch");
        if event.user == user && counts_now {
            let resource =
                event.uri.split(['?']).next().and_then(|path| path.split('/').nth(6)).unwrap_or_default();
            *counts.entry(format!("{} {resource}", event.verb)).or_default() += 1;
            ensure!(event.agent.starts_with("jobsweep/"), "{}", event.agent);
        }
    }
    Ok(counts)
}

pub async fn pages_a_watch_and_a_deletion_for_each_job_are_all_requests(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup
        .namespace
        .create_finished(700, Outcome::Succeeded, |n| job(format!("job-{n}")).policy(BOTH))
        .await?;
    finished(&setup.namespace, "kept", "hook-failed").await?;
    let running =
        setup.namespace.create(job("running").policy(BOTH).managed_by("example.com/nobody")).await?;
    let mut sweep = setup.sweep().spawn()?;
    sweep.line_with(" waiting: ").await?;
    setup.leaves_in_the_end(&["kept", "running"]).await?;
    setup.namespace.finish(&running, Outcome::Succeeded).await?;
    sweep.finish(PATIENCE).await?.expect_success()?;
    let expected = [("delete jobs", 701), ("list jobs", 2), ("watch jobs", 1)];
    let expected: BTreeMap<_, _> = expected.map(|(what, count)| (what.to_owned(), count)).into();
    let made = requests(cluster, &setup.user.full_name)?;
    ensure!(made == expected, "{made:?}");
    setup.leaves(&["kept"]).await
}

pub async fn nothing_is_asked_while_waiting(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create(job("running").policy(BOTH).managed_by("example.com/nobody")).await?;
    setup.sweep().arg("--timeout=5s").run().await?.expect_code(4)?;
    let made = requests(cluster, &setup.user.full_name)?;
    let expected: BTreeMap<_, _> = [("list jobs".to_owned(), 1), ("watch jobs".to_owned(), 1)].into();
    ensure!(made == expected, "{made:?}");
    setup.leaves(&["running"]).await
}
