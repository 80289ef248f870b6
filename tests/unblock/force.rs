//! `--force`, `--retry-failed`, and what is said of Jobs that have failed or cannot run.

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, rule};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::setup::{Setup, changed, manifest, says, stream};

pub fn trials() -> Vec<Trial> {
    trials![
        force_deletes_what_runs_with_its_pods,
        force_deletes_no_ignored_job,
        a_failed_job_is_retried_only_if_it_is_asked_for,
        a_policy_that_keeps_failures_keeps_them_from_a_retry,
        a_job_that_waits_for_its_image_says_so,
        resource_policy_keep_does_not_keep_a_job,
    ]
}

async fn force_deletes_what_runs_with_its_pods(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.unfinished(job("running")).await?;
    setup.unfinished(job("suspended").suspended()).await?;
    setup.finished(job("kept").policy("hook-succeeded"), Outcome::Failed).await?;
    let names = ["running", "suspended", "kept"];
    let text = stream(&[
        changed(job("running"))?,
        changed(job("suspended").suspended())?,
        changed(job("kept").policy("hook-succeeded"))?,
    ]);
    let finished = setup.passes(setup.unblock(&text).arg("--force").run().await?, &names).await?;
    for name in names {
        let said = finished.stderr();
        let before = said.find(&format!("deleting Job {}", setup.id(name))).context("announced")?;
        let after = said.find(&format!("deleted Job {}", setup.id(name))).context("reported")?;
        ensure!(before < after, "{said}");
    }
    let deletions = setup.requests()?.into_iter().filter(|(verb, ..)| verb == "delete");
    for (_, name, event) in deletions {
        let body = event.body.context("a deletion has options")?;
        ensure!(body["propagationPolicy"] == "Foreground", "{name}: {body}");
    }
    Ok(())
}

async fn force_deletes_no_ignored_job(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.unfinished(job("running")).await?;
    setup.finished(job("ignored").annotation("jobsweep.io/ignore", "true"), Outcome::Failed).await?;
    let text = stream(&[changed(job("running"))?, changed(job("ignored"))?]);
    let finished = setup.unblock(&text).args(["--force", "--retry-failed"]).run().await?;
    let finished = setup.ends(finished, 6, &[]).await?;
    says(&finished, &["the Job in the cluster is annotated jobsweep.io/ignore"])
}

async fn a_failed_job_is_retried_only_if_it_is_asked_for(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("migrate"), Outcome::Failed).await?;
    setup.finished(job("done"), Outcome::Succeeded).await?;
    let text = stream(&[manifest(job("migrate"))?, manifest(job("done"))?]);
    let finished = setup.passes(setup.unblock(&text).run().await?, &[]).await?;
    let line = format!(
        "jobsweep: Job {} has failed, and its manifest has not changed, so it stays failed and does not run again; \
         --retry-failed would run it again\n",
        setup.id("migrate")
    );
    ensure!(finished.stderr() == line, "{}", finished.stderr());
    let finished = setup.unblock(&text).arg("--retry-failed").run().await?;
    let finished = setup.passes(finished, &["migrate"]).await?;
    says(&finished, &["(it has failed, and is to run again); it has failed, and no policy keeps it"])
}

async fn a_policy_that_keeps_failures_keeps_them_from_a_retry(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("migrate").policy("hook-succeeded"), Outcome::Failed).await?;
    let text = stream(&[manifest(job("migrate").policy("hook-succeeded"))?]);
    let finished = setup.unblock(&text).arg("--retry-failed").run().await?;
    let finished = setup.ends(finished, 6, &[]).await?;
    says(&finished, &["its policy \"hook-succeeded\" does not name that", "add --force"])?;
    let finished = setup.unblock(&text).args(["--retry-failed", "--force"]).run().await?;
    setup.passes(finished, &["migrate"]).await?;
    Ok(())
}

async fn a_job_that_waits_for_its_image_says_so(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.allow(&setup.user, vec![rule("", "pods", &["list"])]).await?;
    let live = setup.namespace.create(job("migrate")).await?;
    setup.remember(&live)?;
    let pod = setup.namespace.running_pods(&live, 1).await?.remove(0);
    let container = pod.spec.context("a pod has a spec")?.containers.remove(0).name;
    let status = json!({ "status": { "phase": "Pending", "containerStatuses": [{
        "name": container, "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": "ImagePullBackOff" } },
    }] } });
    let name = pod.metadata.name.context("a pod has a name")?;
    let patch = jobsweep_harness::kube::api::Patch::Merge(status);
    setup.namespace.pods().patch_status(&name, &Default::default(), &patch).await?;
    let text = stream(&[changed(job("migrate"))?]);
    let mut running = setup.unblock(&text).arg("--timeout=5s").spawn()?;
    running.line_with("(ImagePullBackOff); if it cannot finish, jobsweep's --force deletes it").await?;
    let finished = setup.ends(running.finish(PATIENCE).await?, 4, &[]).await?;
    says(&finished, &["(ImagePullBackOff); if it cannot finish, add --force, or delete it yourself"])?;
    setup.ends(setup.unblock(&text).arg("--force").run().await?, 0, &["migrate"]).await?;
    Ok(())
}

async fn resource_policy_keep_does_not_keep_a_job(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let kept = || job("migrate").annotation("helm.sh/resource-policy", "keep");
    setup.finished(kept(), Outcome::Succeeded).await?;
    setup.passes(setup.unblock(&stream(&[changed(kept())?])).run().await?, &["migrate"]).await?;
    Ok(())
}
