//! The chart as a dependency of a chart with a migration, installed for real. The pods are run by [`kubelet`].

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, kubectl};
use jobsweep_harness::process::{Program, Running};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};

use crate::{fake_kubelet, parent_chart};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        after_every_change_the_jobs_are_swept_and_nothing_is_left,
        before_every_change_the_jobs_are_swept_and_nothing_is_left,
        an_upgrade_may_bring_the_dependency,
        a_failed_cleanup_says_so_and_the_next_one_replaces_it,
        a_schedule_leaves_the_release_alone,
    ]
}

const AFTER: &str = "shop-jobsweep-after";
const BEFORE: &str = "shop-jobsweep-before";

pub(crate) async fn after_every_change_the_jobs_are_swept_and_nothing_is_left(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let chart = parent_chart::write(&helm, true).await?;
    for revision in 1..=3 {
        let upgrade = in_namespace(&helm, &namespace, &["upgrade", "--install", "shop"])
            .arg(&chart)
            .args(["--set", &format!("version={revision}")])
            .spawn()?;
        migrated_and_swept(cluster, &namespace, upgrade).await?;
        let left = left_of_cleanup(cluster, &namespace).await?;
        ensure!(left.is_empty(), "revision {revision}: {left}");
    }
    let rollback = in_namespace(&helm, &namespace, &["rollback", "shop", "1"]).spawn()?;
    migrated_and_swept(cluster, &namespace, rollback).await?;
    in_namespace(&helm, &namespace, &["uninstall", "shop"]).run().await?.expect_success()?;
    let left = left_of_cleanup(cluster, &namespace).await?;
    ensure!(left.is_empty(), "after the uninstall: {left}");
    Ok(())
}

/// The migration succeeds while the cleanup waits for it; then neither is left.
async fn migrated_and_swept(cluster: &ControlPlane, namespace: &Namespace, helm: Running) -> Result<()> {
    let migrate = fake_kubelet::exists(namespace, "migrate").await?;
    let cleanup = fake_kubelet::run(cluster, namespace, AFTER);
    let (migrated, swept) = tokio::join!(namespace.succeed(&migrate), cleanup);
    // It may be deleted as soon as it is complete, before the test has seen that.
    drop(migrated);
    let swept = swept?.expect_success()?;
    helm.finish(PATIENCE).await?.expect_success()?;
    let names = namespace.names().await?;
    ensure!(names.is_empty(), "{names:?} left; the cleanup said {}", swept.stdout());
    Ok(())
}

pub(crate) async fn before_every_change_the_jobs_are_swept_and_nothing_is_left(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let chart = parent_chart::write(&helm, true).await?;
    let before = ["--set", "jobsweep.when=before"];
    let install = in_namespace(&helm, &namespace, &["install", "shop"]).arg(&chart).args(before);
    install.run().await?.expect_success()?;
    for command in [vec!["upgrade", "shop"], vec!["upgrade", "shop"], vec!["rollback", "shop", "1"]] {
        let migrate = fake_kubelet::exists(&namespace, "migrate").await?;
        namespace.succeed(&migrate).await?;
        let mut helm = in_namespace(&helm, &namespace, &command);
        if command[0] == "upgrade" {
            let version = migrate.metadata.uid.as_deref().unwrap_or_default();
            helm = helm.arg(&chart).args(before).args(["--set", &format!("version={version}")]);
        }
        let helm = helm.spawn()?;
        fake_kubelet::run(cluster, &namespace, BEFORE).await?.expect_success()?;
        helm.finish(PATIENCE).await?.expect_success()?;
        let new = fake_kubelet::exists(&namespace, "migrate").await?;
        ensure!(new.metadata.uid != migrate.metadata.uid, "{command:?} did not replace the Job");
        let left = left_of_cleanup(cluster, &namespace).await?;
        ensure!(left.is_empty(), "{command:?}: {left}");
    }
    Ok(())
}

/// Before the upgrade nothing of the chart was there; a pre-upgrade hook needs its account all the same.
pub(crate) async fn an_upgrade_may_bring_the_dependency(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let (without, with) = (parent_chart::write(&helm, false).await?, parent_chart::write(&helm, true).await?);
    in_namespace(&helm, &namespace, &["install", "shop"]).arg(&without).run().await?.expect_success()?;
    let migrate = fake_kubelet::exists(&namespace, "migrate").await?;
    namespace.succeed(&migrate).await?;

    let blocked =
        in_namespace(&helm, &namespace, &["upgrade", "shop"]).arg(&without).args(["--set", "version=2"]);
    let blocked = blocked.run().await?;
    ensure!(blocked.stderr().contains("field is immutable"), "{}", blocked.stderr());

    let upgrade = in_namespace(&helm, &namespace, &["upgrade", "shop"])
        .arg(&with)
        .args(["--set", "version=2,jobsweep.when=both"])
        .spawn()?;
    fake_kubelet::run(cluster, &namespace, BEFORE).await?.expect_success()?;
    migrated_and_swept(cluster, &namespace, upgrade).await?;
    let left = left_of_cleanup(cluster, &namespace).await?;
    ensure!(left.is_empty(), "{left}");
    Ok(())
}

pub(crate) async fn a_failed_cleanup_says_so_and_the_next_one_replaces_it(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let chart = parent_chart::write(&helm, true).await?;
    let install = in_namespace(&helm, &namespace, &["install", "shop"]).arg(&chart).spawn()?;
    let cleanup = fake_kubelet::exists(&namespace, AFTER).await?;
    let pods = namespace.running_pods(&cleanup, 1).await?;
    let pod = pods.first().and_then(|pod| pod.metadata.name.as_deref()).context("there is a pod")?;
    // The deadline: another try would not help, so there is none.
    fake_kubelet::end(&namespace, pod, 4).await?;
    let install = install.finish(PATIENCE).await?;
    ensure!(install.code() == Some(1), "{}", install.stdout());
    namespace.condition(&cleanup, "Failed").await?;
    let status = in_namespace(&helm, &namespace, &["status", "shop", "-o", "json"]).run().await?;
    ensure!(status.stdout().contains(r#""status":"failed""#), "{}", status.stdout());

    // Its log can still be read, but its account is gone.
    let left = left_of_cleanup(cluster, &namespace).await?;
    ensure!(left.trim() == format!("job.batch/{AFTER}"), "{left}");

    let upgrade = in_namespace(&helm, &namespace, &["upgrade", "shop"]).arg(&chart).spawn()?;
    let migrate = fake_kubelet::exists(&namespace, "migrate").await?;
    namespace.succeed(&migrate).await?;
    let replaced = cleanup.metadata.uid;
    jobsweep_harness::wait::until("another cleanup", || async {
        let found = namespace.jobs().get_opt(AFTER).await?;
        Ok(found.filter(|job| job.metadata.uid != replaced))
    })
    .await?;
    fake_kubelet::run(cluster, &namespace, AFTER).await?.expect_success()?;
    upgrade.finish(PATIENCE).await?.expect_success()?;
    let left = left_of_cleanup(cluster, &namespace).await?;
    ensure!(left.is_empty(), "{left}");
    Ok(())
}

pub(crate) async fn a_schedule_leaves_the_release_alone(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let install = in_namespace(&helm, &namespace, &["install", "sweeper"])
        .arg(crate::chart())
        .args(["--set", "scope=namespace,schedule=0 0 1 1 *"]);
    install.run().await?.expect_success()?;
    // As its schedule would.
    let start = kubectl(&cluster.kubeconfig())?.args([
        "create",
        "job",
        "now",
        "--from=cronjob/sweeper-jobsweep",
        "--namespace",
        &namespace.name,
    ]);
    start.run().await?.expect_success()?;
    fake_kubelet::run(cluster, &namespace, "now").await?.expect_success()?;
    in_namespace(&helm, &namespace, &["uninstall", "sweeper"]).run().await?.expect_success()?;
    let left = left_of_cleanup(cluster, &namespace).await?;
    ensure!(left.is_empty(), "{left}");
    Ok(())
}

fn in_namespace(helm: &Helm, namespace: &Namespace, args: &[&str]) -> Program {
    helm.command().args(args).args(["--namespace", &namespace.name])
}

/// Everything with the chart's label, whatever it is.
async fn left_of_cleanup(cluster: &ControlPlane, namespace: &Namespace) -> Result<String> {
    let kinds = "jobs,cronjobs,serviceaccounts,roles,rolebindings";
    let get = kubectl(&cluster.kubeconfig())?
        .args(["get", kinds, "-o", "name", "-l", "app.kubernetes.io/name=jobsweep"])
        .args(["--namespace", &namespace.name]);
    Ok(get.run().await?.expect_success()?.stdout().into_owned())
}
