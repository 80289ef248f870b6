//! What Argo CD does with Jobs without jobsweep.

use anyhow::{Result, ensure};
use jobsweep_harness::node::Node;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::application::{Application, Source};
use crate::setup::{leaves, migrated, running, uid};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_changed_plain_job_fails_the_sync,
        the_hooks_of_helm_are_run_and_deleted_by_argocd,
        a_plain_job_with_a_policy_only_is_not_deleted_by_argocd,
        force_recreates_a_changed_job_and_keeps_the_others,
        force_and_replace_recreate_the_job_in_every_sync,
        force_deletes_a_running_job,
        force_deletes_the_job_before_it_knows_that_the_new_one_is_valid,
        replace_alone_fails,
    ]
}

const OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// The chart with these annotations on its Job.
async fn shop(node: &'static Node, annotations: Value) -> Result<Application> {
    Ok(Application::new(node, Source::Helm, json!({})).await?.set("policy", annotations))
}

pub(crate) async fn a_changed_plain_job_fails_the_sync(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({})).await?;
    shop.sync_version(1).await?.succeeded()?;
    let first = migrated(&shop.namespace, 1).await?;
    shop.sync().await?.succeeded()?;
    shop.sync_version(2).await?.failed("field is immutable")?;
    ensure!(uid(&first) == uid(&migrated(&shop.namespace, 1).await?), "the Job was replaced");
    Ok(())
}

pub(crate) async fn the_hooks_of_helm_are_run_and_deleted_by_argocd(node: &'static Node) -> Result<()> {
    let hook =
        json!({ "helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": "hook-succeeded" });
    let shop = shop(node, hook).await?;
    for version in 1..=4 {
        shop.sync_version(version).await?.succeeded()?;
        leaves(&shop.namespace, &[]).await?;
        shop.until_healthy().await?;
    }
    Ok(())
}

pub(crate) async fn a_plain_job_with_a_policy_only_is_not_deleted_by_argocd(
    node: &'static Node,
) -> Result<()> {
    let shop =
        shop(node, json!({ "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded" })).await?;
    shop.sync_version(1).await?.succeeded()?;
    migrated(&shop.namespace, 1).await?;
    shop.sync_version(2).await?.failed("field is immutable")?;
    migrated(&shop.namespace, 1).await?;
    Ok(())
}

/// Syncs a version and then the same again. Says whether the second sync keeps the Job.
async fn keeps_an_unchanged_job(shop: &Application, version: u32) -> Result<bool> {
    shop.sync_version(version).await?.succeeded()?;
    let changed = migrated(&shop.namespace, version).await?;
    shop.sync().await?.succeeded()?;
    Ok(uid(&changed) == uid(&migrated(&shop.namespace, version).await?))
}

pub(crate) async fn force_recreates_a_changed_job_and_keeps_the_others(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Force=true" })).await?;
    for version in 1..=4 {
        ensure!(keeps_an_unchanged_job(&shop, version).await?, "an unchanged Job was replaced");
    }
    Ok(())
}

pub(crate) async fn force_and_replace_recreate_the_job_in_every_sync(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Force=true,Replace=true" })).await?;
    for version in 1..=2 {
        ensure!(!keeps_an_unchanged_job(&shop, version).await?, "an unchanged Job was kept");
    }
    Ok(())
}

pub(crate) async fn force_deletes_a_running_job(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Force=true" })).await?.set("script", json!("sleep 600"));
    shop.sync_version(1).await?.succeeded()?;
    let first = running(&shop.namespace).await?;
    let second = shop.set("script", json!("true"));
    second.sync_version(2).await?.succeeded()?;
    let replaced = migrated(&second.namespace, 2).await?;
    ensure!(uid(&first) != uid(&replaced));
    Ok(())
}

pub(crate) async fn force_deletes_the_job_before_it_knows_that_the_new_one_is_valid(
    node: &'static Node,
) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Force=true" })).await?;
    shop.sync_version(1).await?.succeeded()?;
    migrated(&shop.namespace, 1).await?;
    shop.repository.replace("shop/templates/migrate.yaml", "Policy: Never", "Policy: Always")?;
    let said = "Additionally, an error occurred attempting to restore the original object";
    shop.sync_version(2).await?.failed(said)?;
    leaves(&shop.namespace, &[]).await
}

pub(crate) async fn replace_alone_fails(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Replace=true" })).await?;
    shop.sync_version(1).await?.succeeded()?;
    migrated(&shop.namespace, 1).await?;
    shop.sync_version(2).await?.failed("field is immutable")?;
    Ok(())
}
