//! Permissions, credentials and clusters that cannot be reached.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, rule};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

use crate::setup::{BOTH, Setup, changed, manifest, says, stream};

pub fn trials() -> Vec<Trial> {
    trials![
        every_missing_permission_is_named_before_anything_is_deleted,
        server_side_apply_needs_create_too,
        variables_of_helm_are_not_for_a_cluster_that_options_name,
        credentials_that_are_not_accepted_end_it,
        a_cluster_that_cannot_be_reached_is_an_error_soon,
    ]
}

pub async fn every_missing_permission_is_named_before_anything_is_deleted(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::with_verbs(cluster, &[]).await?;
    setup.finished(job("old").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("old").policy(BOTH))?]);
    for verb in ["get", "update", "create", "delete"] {
        let finished = setup.ends(setup.unblock(&text).run().await?, 5, &[]).await?;
        let rule_to_paste = format!("verbs: [\"{verb}\"]\n");
        let place = format!("Missing in a Role in namespace {}", setup.namespace.name);
        let all = "--unblock needs the verbs get, create and delete, and update, or patch for Jobs that were applied server-side";
        says(&finished, &[&rule_to_paste, &place, all, "nothing was deleted, and no manifest was written"])?;
        setup.namespace.allow(&setup.user, vec![rule("batch", "jobs", &[verb])]).await?;
        // A new Role counts a moment later.
        jobsweep_harness::wait::until("the Role to count", || async {
            let again = setup.unblock(&text).arg("--dry-run").run().await?;
            let missing = format!("verbs: [\"{verb}\"]");
            Ok((!again.stderr().contains(&missing)).then_some(()))
        })
        .await?;
    }
    setup.passes(setup.unblock(&text).run().await?, &["old"]).await?;
    Ok(())
}

async fn server_side_apply_needs_create_too(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_verbs(cluster, &["get", "patch", "delete"]).await?;
    let apply = kubectl(&cluster.kubeconfig())?.args(["apply", "--server-side", "-f", "-"]);
    let apply = apply.args(["-n", &setup.namespace.name]).stdin(manifest(job("old"))?.to_string());
    apply.run().await?.expect_success()?;
    let old = setup.namespace.jobs().get("old").await?;
    setup.remember(&old)?;
    setup.namespace.finish(&old, Outcome::Succeeded).await?;
    let text = stream(&[changed(job("old"))?]);
    let finished = setup.ends(setup.unblock(&text).run().await?, 5, &[]).await?;
    says(&finished, &["verbs: [\"create\"]", "nothing was deleted, and no manifest was written"])?;
    setup.namespace.allow(&setup.user, vec![rule("batch", "jobs", &["create"])]).await?;
    // A new Role counts a moment later.
    jobsweep_harness::wait::until("the Role to count", || async {
        Ok((setup.unblock(&text).arg("--dry-run").run().await?.code() == Some(0)).then_some(()))
    })
    .await?;
    setup.ends(setup.unblock(&text).run().await?, 0, &["old"]).await.map(|_| ())
}

async fn variables_of_helm_are_not_for_a_cluster_that_options_name(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("old"), Outcome::Succeeded).await?;
    let call = setup.unblock(&stream(&[changed(job("old"))?]));
    let call = call.env("HELM_KUBEAPISERVER", "https://127.0.0.1:9").env("HELM_KUBETOKEN", "other");
    let call = call.env("HELM_KUBECONTEXT", "nowhere").env("HELM_KUBEASUSER", "somebody");
    setup.passes(call.run().await?, &["old"]).await.map(|_| ())
}

async fn credentials_that_are_not_accepted_end_it(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("old").policy(BOTH), Outcome::Succeeded).await?;
    let mut config: Value = serde_json::from_slice(&fs::read(&setup.user.kubeconfig)?)?;
    config["users"][0]["user"] = json!({ "token": "stale" });
    let kubeconfig = setup.user.kubeconfig.with_extension("stale");
    fs::write(&kubeconfig, config.to_string())?;
    let text = stream(&[changed(job("old").policy(BOTH))?]);
    let finished = setup.ends(setup.unblock_by(&kubeconfig, &text).run().await?, 5, &[]).await?;
    says(&finished, &["the API server does not accept the credentials (401)"])
}

async fn a_cluster_that_cannot_be_reached_is_an_error_soon(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let mut config: Value = serde_json::from_slice(&fs::read(&setup.user.kubeconfig)?)?;
    config["clusters"][0]["cluster"] = json!({ "server": "http://127.0.0.1:9" });
    let kubeconfig = setup.user.kubeconfig.with_extension("unreachable");
    fs::write(&kubeconfig, config.to_string())?;
    let text = stream(&[changed(job("old").policy(BOTH))?]);
    let start = Instant::now();
    let finished = setup.ends(setup.unblock_by(&kubeconfig, &text).run().await?, 1, &[]).await?;
    // Far less than --timeout, which is not what ends it.
    ensure!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    says(&finished, &["no connection to the API server", "nothing was deleted, and no manifest was written"])
}
