//! Flux's Kustomization with the output of the filter.

use anyhow::{Result, ensure};
use jobsweep_harness::node::Node;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::kustomization::Kustomization;
use crate::setup::{MIGRATE, migrated, policy, running, uid};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        without_force_a_changed_job_is_not_applied,
        force_recreates_a_changed_job_and_keeps_the_others,
        the_annotation_forces_a_single_job,
        force_deletes_a_running_job,
        a_swept_job_runs_again_at_the_next_reconciliation,
        while_it_is_suspended_unblock_clears_the_way,
    ]
}

pub(crate) async fn without_force_a_changed_job_is_not_applied(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({})).await?;
    shop.apply(1).await?.succeeded()?;
    let first = migrated(&shop.namespace, 1).await?;
    ensure!(policy(&first) == "hook-succeeded,hook-failed", "{first:?}");
    let applied = shop.apply(2).await?.failed("field is immutable")?;
    eprintln!("DBG noforce: {applied:?}");
    ensure!(uid(&first) == uid(&migrated(&shop.namespace, 1).await?), "the Job was replaced");
    Ok(())
}

pub(crate) async fn force_recreates_a_changed_job_and_keeps_the_others(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({ "force": true })).await?;
    every_version_is_migrated(&shop).await
}

pub(crate) async fn the_annotation_forces_a_single_job(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({})).await?;
    let shop = shop.set("policy", json!({ "kustomize.toolkit.fluxcd.io/force": "enabled" }));
    every_version_is_migrated(&shop).await
}

async fn every_version_is_migrated(shop: &Kustomization) -> Result<()> {
    for version in 1..=4 {
        let applied = shop.apply(version).await?.succeeded()?;
        eprintln!("DBG force: {applied:?}");
        let changed = migrated(&shop.namespace, version).await?;
        shop.apply(version).await?.succeeded()?;
        ensure!(
            uid(&changed) == uid(&migrated(&shop.namespace, version).await?),
            "an unchanged Job was replaced"
        );
    }
    Ok(())
}

pub(crate) async fn force_deletes_a_running_job(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({ "force": true })).await?.set("script", json!("sleep 600"));
    shop.apply(1).await?.succeeded()?;
    let first = running(&shop.namespace).await?;
    let shop = shop.set("script", json!("true"));
    shop.apply(2).await?.succeeded()?;
    let replaced = migrated(&shop.namespace, 2).await?;
    ensure!(uid(&first) != uid(&replaced));
    Ok(())
}

pub(crate) async fn a_swept_job_runs_again_at_the_next_reconciliation(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({})).await?;
    shop.apply(1).await?.succeeded()?;
    let first = migrated(&shop.namespace, 1).await?;
    let sweep = shop.jobsweep().args(["--cleanup", "--namespace", &shop.namespace.name]);
    let swept = sweep.env("KUBECONFIG", shop.kubeconfig()).run().await?.expect_success()?;
    ensure!(shop.namespace.names().await?.is_empty(), "{}", swept.stderr());
    shop.apply(1).await?.succeeded()?;
    let second = migrated(&shop.namespace, 1).await?;
    ensure!(uid(&first) != uid(&second), "the Job was kept");
    Ok(())
}

pub(crate) async fn while_it_is_suspended_unblock_clears_the_way(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({})).await?;
    shop.apply(1).await?.succeeded()?;
    for version in 2..=4 {
        migrated(&shop.namespace, version - 1).await?;
        shop.edit(json!({ "suspend": true })).await?;
        let unblock = shop.jobsweep().args(["--unblock", "--default-policy=hook-succeeded,hook-failed"]);
        let unblock =
            unblock.args(["--namespace", &shop.namespace.name]).env("KUBECONFIG", shop.kubeconfig());
        let unblocked = unblock.stdin(shop.render(version).await?).run().await?.expect_success()?;
        ensure!(shop.namespace.names().await?.is_empty(), "{}", unblocked.stderr());
        let digest = shop.push(unblocked.stdout).await?;
        shop.edit(json!({ "suspend": false })).await?;
        let applied = shop.applied(&digest).await?.succeeded()?;
        eprintln!("DBG unblock: {applied:?}");
        migrated(&shop.namespace, version).await?;
    }
    ensure!(shop.namespace.names().await? == [MIGRATE]);
    Ok(())
}
