//! The cleanup on a schedule, which meets a release at any moment.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::try_join_all;
use jobsweep_harness::helm::Wait;
use jobsweep_harness::jobs::{Outcome, has_condition, job};
use jobsweep_harness::node::Node;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait;
use jobsweep_harness::{trials, trials::Trial};
use tokio::time::sleep;

use crate::release::Release;
use crate::setup::{example, kubectl_in, log_of_finished};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_sweep_at_any_time_fails_no_release,
        without_finished_for_it_fails_one,
        one_schedule_sweeps_twenty_namespaces,
    ]
}

/// One of each version, so that it blocks no upgrade. Helm leaves it to the sweep.
const MIGRATION: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate-{{ .Values.version }}
  annotations:
    helm.sh/resource-policy: keep
    kots.io/hook-delete-policy: hook-succeeded
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: "example.com/app:1", command: ["true"] }]
"#;

/// Helm waits for it, by default ten seconds.
const SLOW: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: slow
spec:
  selector: { matchLabels: { app: slow } }
  template:
    metadata: { labels: { app: slow } }
    spec:
      terminationGracePeriodSeconds: 0
      initContainers: [{ name: first, image: "example.com/app:1", command: [sleep, "{{ .Values.seconds | default 10 }}"] }]
      containers:
        - name: main
          image: example.com/app:1
          command: [sleep, "9999"]
          env: [{ name: VERSION, value: "{{ .Values.version }}" }]
"#;

/// Longer than Helm waits here, and shorter than ten upgrades take.
const FINISHED_FOR: &str = "finishedForSeconds=60";

pub(crate) async fn a_sweep_at_any_time_fails_no_release(node: &Node) -> Result<()> {
    let releases = HelmVersion::selected()?.into_iter().map(async |helm| {
        let shop = slow(node, helm, FINISHED_FOR).await?;
        let upgrades = async {
            for version in 1..=10 {
                shop.upgrade(version).await?.expect_success()?;
            }
            Ok(())
        };
        beside_sweeps(&shop, upgrades).await.context(helm.name())?;
        let left = shop.namespace.names().await?;
        let is_left = |name: &str| left.iter().any(|left| left == name);
        ensure!(!is_left("migrate-1") && is_left("migrate-10"), "{} left {left:?}", helm.name());
        Ok(())
    });
    try_join_all(releases).await.map(drop)
}

pub(crate) async fn without_finished_for_it_fails_one(node: &Node) -> Result<()> {
    let releases = HelmVersion::selected()?.into_iter().map(async |helm| {
        let shop = slow(node, helm, "finishedForSeconds=0").await?;
        // Helm 4 waits for the missing Job as long as it may. Helm 3 looks at it after the Deployment, and ends. On a busy machine a
        // sweep takes longer than ten seconds.
        let (timeout, why) = match helm.is_4() {
            true => ("--timeout=70s", "status: NotFound"),
            false => ("--timeout=3m", r#"jobs.batch "migrate-1" not found"#),
        };
        let args = [timeout, "--set=seconds=60"];
        let install = beside_sweeps(&shop, shop.upgrade_with(1, &args)).await?;
        let install = install.expect_code(1).context(helm.name())?;
        ensure!(install.stderr().contains(why), "{}: {}", helm.name(), install.stderr());
        Ok(())
    });
    try_join_all(releases).await.map(drop)
}

/// A release with a slow Deployment, and the sweep of its namespace.
async fn slow<'a>(node: &'a Node, helm: HelmVersion, values: &str) -> Result<Release<'a>> {
    let shop = Release::new(node, helm, Wait::Both).await?;
    shop.add("templates/migrate.yaml", MIGRATION)?;
    shop.add("templates/slow.yaml", SLOW)?;
    shop.sweep_on_schedule(values).await?;
    Ok(shop)
}

/// Does this while one sweep follows the other.
async fn beside_sweeps<T>(shop: &Release<'_>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let sweeps = async {
        for number in 1.. {
            let name = format!("sweep-{number}");
            shop.start_sweep(&name).await?;
            wait::until(&format!("the end of {name}"), || async {
                let job = shop.namespace.jobs().get_opt(&name).await?;
                // The CronJob controller keeps only the last one.
                Ok(job.is_none_or(|job| has_condition(&job, "Complete")).then_some(()))
            })
            .await?;
            sleep(Duration::from_secs(1)).await;
        }
        bail!("there are no more numbers")
    };
    tokio::select! {
        done = work => done,
        failed = sweeps => failed,
    }
}

pub(crate) async fn one_schedule_sweeps_twenty_namespaces(node: &Node) -> Result<()> {
    let mut namespaces = Vec::new();
    for _ in 0..20 {
        let namespace = node.cluster.namespace().await?;
        for (name, policy, seconds_ago) in
            [("old", "hook-succeeded", 1200), ("other", "hook-failed", 1200), ("recent", "hook-succeeded", 0)]
        {
            let job = job(name).policy(policy).managed_by("example.com/nobody");
            let job = namespace.create(job).await?;
            namespace.finish_after(&job, Outcome::Succeeded, -seconds_ago).await?;
        }
        namespaces.push(namespace);
    }
    let own = node.cluster.namespace().await?;
    own.restrict().await?;
    let example = std::fs::read_to_string(example("cleanup-cronjob-all-namespaces.yaml"))?;
    let example = example.replace("namespace: jobsweep", &format!("namespace: {}", own.name));
    let apply = kubectl_in(&node.cluster, &own)?.args(["apply", "-f", "-"]).stdin(example);
    apply.run().await?.expect_success()?;
    let create = ["create", "job", "now", "--from=cronjob/jobsweep"];
    kubectl_in(&node.cluster, &own)?.args(create).run().await?.expect_success()?;
    let log = log_of_finished(&own, "now").await?;
    for namespace in namespaces {
        let left = namespace.names().await?;
        ensure!(left == ["other", "recent"], "{left:?} left: {log}");
        let kept = format!("kept {}/recent: it finished too recently; it is due in 14m", namespace.name);
        ensure!(log.contains(&kept), "{log}");
    }
    Ok(())
}
