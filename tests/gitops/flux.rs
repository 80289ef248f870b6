//! Flux's Kustomization with the output of the filter.

use std::fs;

use anyhow::{Result, ensure};
use jobsweep_harness::node::Node;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::kustomization::Kustomization;
use crate::setup::{MIGRATE, each_version_has_its_own_job, leaves, migrated, policy, running, shipped, uid};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        without_force_a_changed_job_is_not_applied,
        force_recreates_a_changed_job_and_keeps_the_others,
        the_annotation_forces_a_single_job,
        the_patch_of_the_example_forces_every_job,
        force_deletes_a_running_job,
        force_deletes_the_job_even_if_the_new_one_is_invalid,
        a_swept_job_runs_again_at_the_next_reconciliation,
        while_it_is_suspended_unblock_clears_the_way,
        with_a_hash_in_the_name_one_reconciliation_replaces_a_changed_job,
    ]
}

pub(crate) async fn without_force_a_changed_job_is_not_applied(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({})).await?;
    shop.apply(1).await?.succeeded()?;
    let first = migrated(&shop.namespace, 1).await?;
    ensure!(policy(&first) == "hook-succeeded,hook-failed", "{first:?}");
    shop.apply(2).await?.failed("field is immutable")?;
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

pub(crate) async fn the_patch_of_the_example_forces_every_job(node: &'static Node) -> Result<()> {
    let example = fs::read_to_string(shipped("examples/flux/kustomization.yaml"))?;
    let example: Value = serde_yaml::from_str(&example)?;
    let shop = Kustomization::new(node, json!({ "patches": example["spec"]["patches"] })).await?;
    every_version_is_migrated(&shop).await
}

async fn every_version_is_migrated(shop: &Kustomization) -> Result<()> {
    for version in 1..=4 {
        shop.apply(version).await?.succeeded()?;
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

pub(crate) async fn force_deletes_the_job_even_if_the_new_one_is_invalid(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({ "force": true })).await?;
    shop.apply(1).await?.succeeded()?;
    migrated(&shop.namespace, 1).await?;
    let valid = String::from_utf8(shop.render(1).await?)?;
    let digest = shop.push(valid.replace("restartPolicy: Never", "restartPolicy: Always").into()).await?;
    shop.fetched(&digest).await?;
    shop.reconciled(&digest).await?.failed("restartPolicy: Required value")?;
    leaves(&shop.namespace, &[]).await
}

pub(crate) async fn a_swept_job_runs_again_at_the_next_reconciliation(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({})).await?;
    let digest = shop.push(shop.render(1).await?).await?;
    shop.fetched(&digest).await?;
    shop.reconciled(&digest).await?.succeeded()?;
    let first = migrated(&shop.namespace, 1).await?;
    let sweep = shop.jobsweep().args(["--cleanup", "--namespace", &shop.namespace.name]);
    let swept = sweep.run().await?.expect_success()?;
    ensure!(shop.namespace.names().await?.is_empty(), "{}", swept.stderr());
    shop.reconciled(&digest).await?.succeeded()?;
    let second = migrated(&shop.namespace, 1).await?;
    ensure!(uid(&first) != uid(&second), "the Job was kept");
    Ok(())
}

/// The source must have the new manifests before Flux resumes: otherwise Flux applies the old ones first.
pub(crate) async fn while_it_is_suspended_unblock_clears_the_way(node: &'static Node) -> Result<()> {
    let shop = Kustomization::new(node, json!({})).await?;
    shop.apply(1).await?.succeeded()?;
    for version in 2..=4 {
        migrated(&shop.namespace, version - 1).await?;
        shop.edit(json!({ "suspend": true })).await?;
        let manifests = shop.render(version).await?;
        let digest = shop.push(manifests.clone()).await?;
        shop.fetched(&digest).await?;
        let unblock = shop.jobsweep().args(["--unblock", "--namespace", &shop.namespace.name]);
        let unblocked = unblock.stdin(manifests).run().await?.expect_success()?;
        ensure!(shop.namespace.names().await?.is_empty(), "{}", unblocked.stderr());
        shop.edit(json!({ "suspend": false })).await?;
        shop.reconciled(&digest).await?.succeeded()?;
        migrated(&shop.namespace, version).await?;
    }
    leaves(&shop.namespace, &[MIGRATE]).await
}

/// The first Job still runs when the second version replaces it.
pub(crate) async fn with_a_hash_in_the_name_one_reconciliation_replaces_a_changed_job(
    node: &'static Node,
) -> Result<()> {
    let shop = Kustomization::new(node, json!({})).await?.filter("--name-suffix-hash");
    let shop = shop.set("script", json!("sleep 600"));
    shop.apply(1).await?.succeeded()?;
    let shop = shop.set("script", json!("true"));
    each_version_has_its_own_job(&shop.namespace, async |version| shop.apply(version).await?.succeeded())
        .await
}
