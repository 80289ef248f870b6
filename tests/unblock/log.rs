//! The log file: Helm drops what is on stderr when all went well.

use std::fs;

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{BOTH, Setup, changed, stream};

pub fn trials() -> Vec<Trial> {
    trials![the_log_file_has_all_that_was_said]
}

async fn the_log_file_has_all_that_was_said(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let live = setup.unfinished(job("running").policy(BOTH)).await?;
    setup.finished(job("kept"), Outcome::Succeeded).await?;
    let log = setup.user.kubeconfig.with_extension("log");
    let mut nameless = changed(job("a"))?;
    nameless["metadata"] = serde_json::json!({});
    let gone = stream(&[changed(job("running").policy(BOTH))?, nameless]);
    let mut running = setup.unblock(&gone).arg("--log-file").arg(&log).spawn()?;
    running.line_with("waiting for Job ").await?;
    setup.namespace.finish(&live, Outcome::Succeeded).await?;
    let passed = setup.ends(running.finish(PATIENCE).await?, 0, &["running"]).await?;
    let kept = stream(&[changed(job("kept"))?]);
    let refused =
        setup.unblock(&kept).arg("--default-policy=none").env("JOBSWEEP_LOG_FILE", &log).run().await?;
    let refused = setup.ends(refused, 6, &["running"]).await?;

    let logged = fs::read_to_string(&log)?;
    let said = format!("{}{}", passed.stderr(), refused.stderr());
    for part in ["warning: document 2", "waiting for Job ", "deleted Job ", "may not be deleted"] {
        ensure!(said.contains(part), "it does not say {part:?}: {said}");
    }
    // The first line of every message has the time before it.
    ensure!(logged.lines().count() == said.lines().count(), "{logged}");
    for (logged, said) in logged.lines().zip(said.lines()) {
        let message = if said.starts_with("jobsweep: ") {
            logged.split_once("Z ").unwrap_or_default().1
        } else {
            logged
        };
        ensure!(message == said, "{logged:?} is not {said:?}");
    }
    Ok(())
}
