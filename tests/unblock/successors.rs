//! The new Job: if the API server would refuse it, the old one stays.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::core::v1::ResourceQuota;
use jobsweep_harness::kube::Api;
use jobsweep_harness::kube::api::{Patch, PatchParams, PostParams};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::setup::{Setup, changed, says, stream};

pub fn trials() -> Vec<Trial> {
    trials![
        a_job_whose_successor_would_be_refused_stays,
        a_successor_that_server_side_apply_refuses_keeps_all,
        a_quota_that_counts_the_old_job_is_a_warning,
        a_removed_field_of_an_applied_job_is_a_change,
    ]
}

async fn a_job_whose_successor_would_be_refused_stays(cluster: &ControlPlane) -> Result<()> {
    let unknown_field = |job: &mut Value| job["spec"]["serviceAccountName"] = "x".into();
    let own_selector = |job: &mut Value| {
        job["spec"]["selector"] = json!({ "matchLabels": { "app": "own" } });
        job["spec"]["template"]["metadata"] = json!({ "labels": { "app": "own" } });
    };
    for (edit, why) in [
        (&unknown_field as &dyn Fn(&mut Value), "unknown field \"spec.serviceAccountName\""),
        (&own_selector, "not auto-generated"),
    ] {
        let setup = Setup::new(cluster).await?;
        setup.finished(job("free"), Outcome::Succeeded).await?;
        setup.finished(job("kept"), Outcome::Succeeded).await?;
        let mut wrong = changed(job("kept"))?;
        edit(&mut wrong);
        let text = stream(&[changed(job("free"))?, wrong]);
        for args in [&[][..], &["--force"]] {
            let finished = setup.unblock(&text).args(args).run().await?;
            let finished = setup.ends(finished, 6, &[]).await?;
            let kept = format!("Job {} is in the way", setup.id("kept"));
            says(&finished, &[&kept, "the new Job would be refused: ", why, "correct the manifest"])?;
        }
    }
    Ok(())
}

/// Has kubectl apply this Job server-side, and lets it succeed.
async fn applied(setup: &Setup<'_>, cluster: &ControlPlane, manifest: &Value) -> Result<()> {
    let apply = kubectl(&cluster.kubeconfig())?.args(["apply", "--server-side", "-f", "-"]);
    let apply = apply.args(["-n", &setup.namespace.name]).stdin(manifest.to_string());
    apply.run().await?.expect_success()?;
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let live = setup.namespace.jobs().get(name).await?;
    setup.remember(&live)?;
    setup.namespace.finish(&live, Outcome::Succeeded).await
}

async fn a_successor_that_server_side_apply_refuses_keeps_all(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("free"), Outcome::Succeeded).await?;
    applied(&setup, cluster, &crate::setup::manifest(job("twice"))?).await?;
    let mut wrong = changed(job("twice"))?;
    wrong["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{ "name": "A", "value": "1" }, { "name": "A", "value": "2" }]);
    let text = stream(&[changed(job("free"))?, wrong]);
    let finished = setup.ends(setup.unblock(&text).run().await?, 6, &[]).await?;
    says(&finished, &["duplicate entries for key [name=\"A\"]", "so no Job makes way for them"])
}

async fn a_quota_that_counts_the_old_job_is_a_warning(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("only"), Outcome::Succeeded).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(cluster.client(), &setup.namespace.name);
    let quota = json!({ "metadata": { "name": "few" }, "spec": { "hard": { "count/jobs.batch": "1" } } });
    quotas.create(&PostParams::default(), &serde_json::from_value(quota)?).await?;
    // This control plane has no controller that counts.
    let counted =
        json!({ "status": { "hard": { "count/jobs.batch": "1" }, "used": { "count/jobs.batch": "1" } } });
    quotas.patch_status("few", &PatchParams::default(), &Patch::Merge(counted)).await?;
    let text = stream(&[changed(job("only"))?]);
    let finished = setup.ends(setup.unblock(&text).run().await?, 0, &["only"]).await?;
    says(&finished, &["jobsweep: warning: a quota has no room for the new Job", "exceeded quota: few"])
}

async fn a_removed_field_of_an_applied_job_is_a_change(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let mut with_env = crate::setup::manifest(job("migrate"))?;
    let without_env = with_env.clone();
    with_env["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{ "name": "A", "value": "1" }]);
    applied(&setup, cluster, &with_env).await?;
    let finished = setup.ends(setup.unblock(&stream(&[with_env])).run().await?, 0, &[]).await?;
    ensure!(finished.stderr.is_empty(), "{}", finished.stderr());
    setup.ends(setup.unblock(&stream(&[without_env])).run().await?, 0, &["migrate"]).await?;
    let verbs = setup.counts()?;
    ensure!(verbs.contains_key("patch") && !verbs.contains_key("update"), "{verbs:?}");
    Ok(())
}
