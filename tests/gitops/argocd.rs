//! Argo CD with the shipped plugin and the cleanup before each sync.

use anyhow::{Result, ensure};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::k8s_openapi::api::core::v1::ServiceAccount;
use jobsweep_harness::kube::api::{Api, ListParams};
use jobsweep_harness::node::Node;
use jobsweep_harness::process::Program;
use jobsweep_harness::{trials, trials::Trial, wait};
use serde_json::{Value, json};

use crate::application::{Application, Source};
use crate::setup::{JOBSWEEP, MIGRATE, each_version_has_its_own_job, leaves, migrated, policy, running, uid};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        three_changes_of_a_plain_job_are_synced,
        three_changes_are_synced_by_server_side_apply,
        a_sync_without_a_change_runs_a_swept_job_again,
        a_job_without_a_policy_stays_and_the_sync_fails,
        a_running_job_stays_and_the_sync_fails,
        with_apply_out_of_sync_only_a_swept_job_runs_again_too,
        a_cleanup_after_the_sync_leaves_the_application_out_of_sync,
        self_healing_runs_a_swept_job_again,
        an_error_of_jobsweep_is_shown_by_argocd,
        a_failed_sync_passes_once_the_job_is_deleted_or_swept,
        with_a_hash_in_the_name_one_sync_replaces_a_changed_job,
    ]
}

/// The chart with the cleanup as its dependency, rendered by the plugin.
async fn shop(node: &'static Node, when: &str, syncing: Value) -> Result<Application> {
    let shop = Application::new(node, Source::Plugin, syncing).await?;
    shop.repository.depend_on_jobsweep()?;
    Ok(shop.set("jobsweep", json!({ "when": when, "scope": "namespace" })))
}

pub(crate) async fn three_changes_of_a_plain_job_are_synced(node: &'static Node) -> Result<()> {
    let shop = shop(node, "before", json!({})).await?;
    every_version_is_migrated(&shop).await
}

pub(crate) async fn three_changes_are_synced_by_server_side_apply(node: &'static Node) -> Result<()> {
    let shop = shop(node, "before", json!({ "syncOptions": ["ServerSideApply=true"] })).await?;
    every_version_is_migrated(&shop).await
}

async fn every_version_is_migrated(shop: &Application) -> Result<()> {
    for version in 1..=4 {
        shop.sync_version(version).await?.succeeded()?;
        let job = migrated(&shop.namespace, version).await?;
        ensure!(policy(&job) == "hook-succeeded,hook-failed", "{job:?}");
        shop.until_healthy().await?;
    }
    leaves(&shop.namespace, &[MIGRATE]).await?;
    let accounts = Api::<ServiceAccount>::namespaced(shop.namespace.client(), &shop.namespace.name);
    wait::until("the cleanup's account to be deleted", || async {
        Ok((accounts.list(&ListParams::default()).await?.items.len() == 1).then_some(()))
    })
    .await
}

pub(crate) async fn a_sync_without_a_change_runs_a_swept_job_again(node: &'static Node) -> Result<()> {
    runs_again(&shop(node, "before", json!({})).await?).await
}

async fn runs_again(shop: &Application) -> Result<()> {
    shop.sync_version(1).await?.succeeded()?;
    let first = migrated(&shop.namespace, 1).await?;
    shop.sync().await?.succeeded()?;
    let second = migrated(&shop.namespace, 1).await?;
    ensure!(uid(&first) != uid(&second), "the Job was kept");
    Ok(())
}

pub(crate) async fn a_job_without_a_policy_stays_and_the_sync_fails(node: &'static Node) -> Result<()> {
    let shop = Application::new(node, Source::Helm, json!({})).await?;
    shop.repository.depend_on_jobsweep()?;
    let shop = shop.set("jobsweep", json!({ "when": "before", "scope": "namespace" }));
    shop.sync_version(1).await?.succeeded()?;
    let first = migrated(&shop.namespace, 1).await?;
    shop.sync_version(2).await?.failed("field is immutable")?;
    ensure!(uid(&first) == uid(&migrated(&shop.namespace, 1).await?), "the Job was deleted");
    Ok(())
}

pub(crate) async fn a_running_job_stays_and_the_sync_fails(node: &'static Node) -> Result<()> {
    let shop = shop(node, "before", json!({})).await?.set("script", json!("sleep 600"));
    shop.sync_version(1).await?.succeeded()?;
    let first = running(&shop.namespace).await?;
    shop.sync_version(2).await?.failed("field is immutable")?;
    ensure!(uid(&first) == uid(&running(&shop.namespace).await?), "the Job was deleted");
    Ok(())
}

pub(crate) async fn with_apply_out_of_sync_only_a_swept_job_runs_again_too(
    node: &'static Node,
) -> Result<()> {
    runs_again(&shop(node, "before", json!({ "syncOptions": ["ApplyOutOfSyncOnly=true"] })).await?).await
}

pub(crate) async fn a_cleanup_after_the_sync_leaves_the_application_out_of_sync(
    node: &'static Node,
) -> Result<()> {
    let shop = shop(node, "after", json!({})).await?;
    for version in 1..=2 {
        shop.sync_version(version).await?.succeeded()?;
        leaves(&shop.namespace, &[]).await?;
        let status = shop.status().await?;
        ensure!(status == ("OutOfSync".into(), "Missing".into()), "{status:?}");
    }
    Ok(())
}

pub(crate) async fn self_healing_runs_a_swept_job_again(node: &'static Node) -> Result<()> {
    let healing = json!({ "automated": { "selfHeal": true } });
    let shop = Application::new(node, Source::Plugin, healing).await?;
    shop.commit(1).await?;
    shop.status().await?;
    let first = migrated(&shop.namespace, 1).await?;
    let sweep = Program::new(JOBSWEEP).args(["--cleanup", "--namespace", &shop.namespace.name]);
    let swept = sweep.env("KUBECONFIG", node.cluster.kubeconfig()).run().await?.expect_success()?;
    ensure!(swept.stderr().contains(MIGRATE), "{}", swept.stderr());
    let second = migrated(&shop.namespace, 1).await?;
    ensure!(uid(&first) != uid(&second));
    Ok(())
}

pub(crate) async fn an_error_of_jobsweep_is_shown_by_argocd(node: &'static Node) -> Result<()> {
    let shop = shop(node, "before", json!({})).await?;
    let twice = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: twice\n  annotations:\n    \
                 helm.sh/hook-delete-policy: hook-failed\n    helm.sh/hook-delete-policy: hook-failed\n";
    shop.repository.add("shop/templates/twice.yaml", twice)?;
    shop.sync_version(1).await?.ended("Error", "duplicate key helm.sh/hook-delete-policy")?;
    leaves(&shop.namespace, &[]).await
}

/// The lines of the guide, with nothing in the cluster.
pub(crate) async fn a_failed_sync_passes_once_the_job_is_deleted_or_swept(node: &'static Node) -> Result<()> {
    let shop = Application::new(node, Source::Helm, json!({})).await?;
    let namespace = &shop.namespace;
    let kubectl = || anyhow::Ok(kubectl(&node.cluster.kubeconfig())?.args(["-n", &namespace.name]));
    shop.sync_version(1).await?.succeeded()?;
    migrated(namespace, 1).await?;

    shop.sync_version(2).await?.failed("field is immutable")?;
    kubectl()?.args(["delete", "job", MIGRATE]).run().await?.expect_success()?;
    shop.sync().await?.succeeded()?;
    migrated(namespace, 2).await?;

    shop.sync_version(3).await?.failed("field is immutable")?;
    let annotate = ["annotate", "jobs", "--all", "kots.io/hook-delete-policy=hook-succeeded,hook-failed"];
    kubectl()?.args(annotate).run().await?.expect_success()?;
    let sweep = Program::new(JOBSWEEP).args(["--cleanup", "--once", "-n", &namespace.name]);
    sweep.env("KUBECONFIG", node.cluster.kubeconfig()).run().await?.expect_success()?;
    shop.sync().await?.succeeded()?;
    migrated(namespace, 3).await?;
    shop.until_healthy().await
}

/// The first Job still runs when the second version replaces it.
pub(crate) async fn with_a_hash_in_the_name_one_sync_replaces_a_changed_job(
    node: &'static Node,
) -> Result<()> {
    let shop = Application::new(node, Source::HashingPlugin, json!({})).await?;
    let shop = shop.set("script", json!("sleep 600"));
    shop.sync_version(1).await?.succeeded()?;
    let shop = shop.set("script", json!("true"));
    each_version_has_its_own_job(&shop.namespace, async |version| {
        shop.sync_version(version).await?.succeeded()?;
        shop.until_healthy().await
    })
    .await
}
