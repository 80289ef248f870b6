//! What Argo CD does with Jobs without jobsweep.

use anyhow::{Result, ensure};
use jobsweep_harness::kube::api::ListParams;
use jobsweep_harness::node::Node;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::application::{Application, Source};
use crate::setup::{migrated, running, uid};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_changed_plain_job_fails_the_sync,
        the_hooks_of_helm_are_run_and_deleted_by_argocd,
        a_plain_job_with_a_policy_only_is_not_deleted_by_argocd,
        force_recreates_a_changed_job_and_keeps_the_others,
        force_and_replace_recreate_the_job_in_every_sync,
        force_deletes_a_running_job,
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
    let unchanged = shop.sync().await?.succeeded()?;
    eprintln!("DBG unchanged {unchanged:?}");
    let synced = shop.sync_version(2).await?.failed("field is immutable")?;
    eprintln!("DBG plain: {synced:?} {:?}", shop.status().await?);
    ensure!(uid(&first) == uid(&migrated(&shop.namespace, 1).await?), "the Job was replaced");
    Ok(())
}

pub(crate) async fn the_hooks_of_helm_are_run_and_deleted_by_argocd(node: &'static Node) -> Result<()> {
    let hook =
        json!({ "helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": "hook-succeeded" });
    let shop = shop(node, hook).await?;
    for version in 1..=4 {
        let synced = shop.sync_version(version).await?.succeeded()?;
        eprintln!("DBG hook: {synced:?} {:?}", shop.status().await?);
        let names = shop.namespace.names().await?;
        ensure!(names.is_empty(), "{names:?}");
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

pub(crate) async fn force_recreates_a_changed_job_and_keeps_the_others(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Force=true" })).await?;
    for version in 1..=4 {
        let synced = shop.sync_version(version).await?.succeeded()?;
        eprintln!("DBG force: {synced:?}");
        let changed = migrated(&shop.namespace, version).await?;
        shop.sync().await?.succeeded()?;
        ensure!(
            uid(&changed) == uid(&migrated(&shop.namespace, version).await?),
            "an unchanged Job was replaced"
        );
    }
    Ok(())
}

pub(crate) async fn force_and_replace_recreate_the_job_in_every_sync(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Force=true,Replace=true" })).await?;
    for version in 1..=2 {
        let synced = shop.sync_version(version).await?.succeeded()?;
        eprintln!("DBG force,replace: {synced:?}");
        let changed = migrated(&shop.namespace, version).await?;
        shop.sync().await?.succeeded()?;
        ensure!(
            uid(&changed) != uid(&migrated(&shop.namespace, version).await?),
            "an unchanged Job was kept"
        );
    }
    Ok(())
}

pub(crate) async fn force_deletes_a_running_job(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Force=true" })).await?.set("script", json!("sleep 600"));
    let first = shop.sync_version(1).await?;
    eprintln!("DBG force running: {first:?}");
    let first = running(&shop.namespace).await?;
    let second = shop.set("script", json!("true"));
    let synced = second.sync_version(2).await?.succeeded()?;
    eprintln!("DBG force running: {synced:?}");
    let replaced = migrated(&second.namespace, 2).await?;
    ensure!(uid(&first) != uid(&replaced));
    let pods = second.namespace.pods().list(&ListParams::default()).await?;
    for pod in pods {
        eprintln!(
            "DBG pod {:?} {:?} {:?}",
            pod.metadata.name,
            pod.metadata.owner_references.map(|o| o.len()),
            pod.status.and_then(|s| s.phase)
        );
    }
    Ok(())
}

pub(crate) async fn replace_alone_fails(node: &'static Node) -> Result<()> {
    let shop = shop(node, json!({ OPTIONS: "Replace=true" })).await?;
    shop.sync_version(1).await?.succeeded()?;
    migrated(&shop.namespace, 1).await?;
    let synced = shop.sync_version(2).await?.failed("field is immutable")?;
    eprintln!("DBG replace: {synced:?}");
    Ok(())
}
