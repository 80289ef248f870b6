//! The chart as a dependency of a chart with a migration, installed on a control plane. [`fake_kubelet`] runs the pods.

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, kubectl};
use jobsweep_harness::process::{Finished, Program, Running};
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

/// The namespace of a release, and the Helm that installs the release there.
struct Release<'a> {
    cluster: &'a ControlPlane,
    namespace: Namespace,
    helm: Helm,
}

impl<'a> Release<'a> {
    async fn new(cluster: &'a ControlPlane, version: HelmVersion) -> Result<Self> {
        let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
        Ok(Self { cluster, namespace: cluster.namespace().await?, helm })
    }

    fn helm(&self, args: &[&str]) -> Program {
        self.helm.command().args(args).args(["--namespace", &self.namespace.name])
    }

    fn kubectl(&self, args: &[&str]) -> Result<Program> {
        Ok(kubectl(&self.cluster.kubeconfig())?.args(args).args(["--namespace", &self.namespace.name]))
    }

    async fn run_pod(&self, job: &str) -> Result<Finished> {
        fake_kubelet::run(self.cluster, &self.namespace, job).await
    }

    /// The names of all objects with the chart's label.
    async fn left_of_cleanup(&self) -> Result<String> {
        let kinds = "jobs,cronjobs,serviceaccounts,roles,rolebindings,networkpolicies";
        let get = self.kubectl(&["get", kinds, "-o", "name", "-l", "app.kubernetes.io/name=jobsweep"])?;
        Ok(get.run().await?.expect_success()?.stdout().into_owned())
    }

    async fn nothing_is_left(&self, when: &str) -> Result<()> {
        let left = self.left_of_cleanup().await?;
        ensure!(left.is_empty(), "{when}: {left}");
        Ok(())
    }
}

pub(crate) async fn after_every_change_the_jobs_are_swept_and_nothing_is_left(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let chart = parent_chart::write(&release.helm, true).await?;
    for revision in 1..=3 {
        let upgrade = release
            .helm(&["upgrade", "--install", "shop"])
            .arg(&chart)
            .args(["--set", &format!("version={revision},jobsweep.networkPolicy.enabled=true")])
            .spawn()?;
        migrated_and_swept(&release, upgrade).await?;
        release.nothing_is_left(&format!("revision {revision}")).await?;
    }
    let rollback = release.helm(&["rollback", "shop", "1"]).spawn()?;
    migrated_and_swept(&release, rollback).await?;
    release.helm(&["uninstall", "shop"]).run().await?.expect_success()?;
    release.nothing_is_left("after the uninstall").await
}

/// The migration succeeds while the cleanup waits for it. Afterwards both are gone.
async fn migrated_and_swept(release: &Release<'_>, helm: Running) -> Result<()> {
    let migrate = fake_kubelet::exists(&release.namespace, "migrate").await?;
    let (migrated, swept) = tokio::join!(release.namespace.succeed(&migrate), release.run_pod(AFTER));
    // An error is possible: the cleanup may delete the Job before the test has seen it complete.
    drop(migrated);
    let swept = swept?.expect_success()?;
    helm.finish(PATIENCE).await?.expect_success()?;
    let names = release.namespace.names().await?;
    ensure!(names.is_empty(), "{names:?} left; the cleanup said {}", swept.stdout());
    Ok(())
}

pub(crate) async fn before_every_change_the_jobs_are_swept_and_nothing_is_left(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let chart = parent_chart::write(&release.helm, true).await?;
    let before = ["--set", "jobsweep.when=before"];
    let install = release.helm(&["install", "shop"]).arg(&chart).args(before);
    install.run().await?.expect_success()?;
    for command in [vec!["upgrade", "shop"], vec!["upgrade", "shop"], vec!["rollback", "shop", "1"]] {
        let migrate = fake_kubelet::exists(&release.namespace, "migrate").await?;
        release.namespace.succeed(&migrate).await?;
        let mut helm = release.helm(&command);
        if command[0] == "upgrade" {
            let version = migrate.metadata.uid.as_deref().unwrap_or_default();
            helm = helm.arg(&chart).args(before).args(["--set", &format!("version={version}")]);
        }
        let helm = helm.spawn()?;
        release.run_pod(BEFORE).await?.expect_success()?;
        helm.finish(PATIENCE).await?.expect_success()?;
        let new = fake_kubelet::exists(&release.namespace, "migrate").await?;
        ensure!(new.metadata.uid != migrate.metadata.uid, "{command:?} did not replace the Job");
        release.nothing_is_left(&format!("{command:?}")).await?;
    }
    Ok(())
}

/// A pre-upgrade hook needs its ServiceAccount even if the upgrade is what adds the chart.
pub(crate) async fn an_upgrade_may_bring_the_dependency(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let without = parent_chart::write(&release.helm, false).await?;
    let with = parent_chart::write(&release.helm, true).await?;
    release.helm(&["install", "shop"]).arg(&without).run().await?.expect_success()?;
    let migrate = fake_kubelet::exists(&release.namespace, "migrate").await?;
    release.namespace.succeed(&migrate).await?;

    let blocked = release.helm(&["upgrade", "shop"]).arg(&without).args(["--set", "version=2"]);
    let blocked = blocked.run().await?;
    ensure!(blocked.stderr().contains("field is immutable"), "{}", blocked.stderr());

    let upgrade = release
        .helm(&["upgrade", "shop"])
        .arg(&with)
        .args(["--set", "version=2,jobsweep.when=both"])
        .spawn()?;
    release.run_pod(BEFORE).await?.expect_success()?;
    migrated_and_swept(&release, upgrade).await?;
    release.nothing_is_left("at the end").await
}

pub(crate) async fn a_failed_cleanup_says_so_and_the_next_one_replaces_it(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let chart = parent_chart::write(&release.helm, true).await?;
    let install = release.helm(&["install", "shop"]).arg(&chart).spawn()?;
    let cleanup = fake_kubelet::exists(&release.namespace, AFTER).await?;
    let pods = release.namespace.running_pods(&cleanup, 1).await?;
    let pod = pods.first().and_then(|pod| pod.metadata.name.as_deref()).context("there is a pod")?;
    // 4 is the exit code of a deadline, after which the Job does not retry.
    fake_kubelet::end(&release.namespace, pod, 4).await?;
    let install = install.finish(PATIENCE).await?;
    ensure!(install.code() == Some(1), "{}", install.stdout());
    release.namespace.condition(&cleanup, "Failed").await?;
    let status = release.helm(&["status", "shop", "-o", "json"]).run().await?;
    ensure!(status.stdout().contains(r#""status":"failed""#), "{}", status.stdout());

    // The failed Job stays for its log; its ServiceAccount is gone.
    let left = release.left_of_cleanup().await?;
    ensure!(left.trim() == format!("job.batch/{AFTER}"), "{left}");

    let upgrade = release.helm(&["upgrade", "shop"]).arg(&chart).spawn()?;
    let migrate = fake_kubelet::exists(&release.namespace, "migrate").await?;
    release.namespace.succeed(&migrate).await?;
    let replaced = cleanup.metadata.uid;
    jobsweep_harness::wait::until("another cleanup", || async {
        let found = release.namespace.jobs().get_opt(AFTER).await?;
        Ok(found.filter(|job| job.metadata.uid != replaced))
    })
    .await?;
    release.run_pod(AFTER).await?.expect_success()?;
    upgrade.finish(PATIENCE).await?.expect_success()?;
    release.nothing_is_left("at the end").await
}

pub(crate) async fn a_schedule_leaves_the_release_alone(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let install = release
        .helm(&["install", "sweeper"])
        .arg(crate::chart())
        .args(["--set", "scope=namespace,networkPolicy.enabled=true,schedule=0 0 1 1 *"]);
    install.run().await?.expect_success()?;
    // The CronJob controller would create the same Job.
    let start = release.kubectl(&["create", "job", "now", "--from=cronjob/sweeper-jobsweep"])?;
    start.run().await?.expect_success()?;
    release.run_pod("now").await?.expect_success()?;
    release.helm(&["uninstall", "sweeper"]).run().await?.expect_success()?;
    release.nothing_is_left("at the end").await
}
