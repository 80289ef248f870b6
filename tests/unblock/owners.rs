//! Jobs of others, which stay whatever the policy says.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::CronJob;
use jobsweep_harness::kube::Api;
use jobsweep_harness::kube::api::PostParams;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::setup::{Setup, changed, manifest, says, stream};

pub fn trials() -> Vec<Trial> {
    trials![a_job_of_another_release_stays, a_job_of_a_controller_stays]
}

const INSTANCE: &str = "app.kubernetes.io/instance";

async fn a_job_of_another_release_stays(cluster: &ControlPlane) -> Result<()> {
    let team_a = || job("migrate").release("team-a").label(INSTANCE, "team-a");
    let of_team_b = || job("migrate").label(INSTANCE, "team-b");
    for (what, manifest, args, owner) in [
        ("its label", of_team_b(), &["--force"][..], Some("belongs to \"team-a\" by its label")),
        ("its label too", of_team_b(), &["--release=team-a"], None),
        ("its annotation", job("migrate"), &["--release=team-b"], Some("belongs to Helm release \"team-a\"")),
        ("nothing", job("migrate"), &[], None),
    ] {
        let setup = Setup::new(cluster).await?;
        setup.finished(team_a(), Outcome::Succeeded).await?;
        let text = stream(&[changed(manifest)?]);
        let finished = setup.unblock(&text).args(args).run().await?;
        match owner {
            Some(owner) => {
                let finished = setup.ends(finished, 6, &[]).await?;
                says(&finished, &[owner, "nothing was deleted, and no manifest was written"])?;
            }
            None => {
                let finished = setup.ends(finished, 0, &["migrate"]).await?;
                ensure!(finished.stderr().contains("no policy keeps it"), "{what}: {}", finished.stderr());
            }
        }
    }
    Ok(())
}

async fn a_job_of_a_controller_stays(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let live = setup.finished(job("nightly"), Outcome::Succeeded).await?;
    let cron_job = json!({ "metadata": { "name": "nights" }, "spec": {
        "schedule": "0 0 1 1 *", "suspend": true,
        "jobTemplate": { "spec": { "template": manifest(job("x"))?["spec"]["template"] } },
    } });
    let cron_jobs: Api<CronJob> = Api::namespaced(cluster.client(), &setup.namespace.name);
    let cron_job = cron_jobs.create(&PostParams::default(), &serde_json::from_value(cron_job)?).await?;
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "name": "nights", "uid": cron_job.metadata.uid, "controller": true,
    });
    setup.namespace.edit(&live, json!({ "metadata": { "ownerReferences": [owner] } })).await?;
    let text = stream(&[changed(job("nightly"))?]);
    let finished = setup.ends(setup.unblock(&text).arg("--force").run().await?, 6, &[]).await?;
    says(&finished, &["belongs to \"CronJob nights\"", "give the Job of this manifest another name"])
}
