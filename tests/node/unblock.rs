//! `--post-renderer-args --unblock`: an upgrade does not fail on a finished Job, and nothing else is needed for that.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::helm::Wait;
use jobsweep_harness::k8s_openapi::api::core::v1::ConfigMap;
use jobsweep_harness::kube::api::Api;
use jobsweep_harness::node::Node;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::release::{JOBSWEEP, Release};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        every_upgrade_passes,
        without_it_an_upgrade_and_a_rollback_fail,
        what_may_not_go_stops_helm_before_anything_changes,
        a_job_that_ends_in_time_is_waited_for,
        the_log_of_a_failed_job_is_in_the_log_file_before_it_is_deleted
    ]
}

/// A ConfigMap, and Jobs besides the migration.
const SHOP: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: { name: shop }
data: { greeting: {{ .Values.greeting | default "Welcome" }} }
{{- range $name, $job := .Values.others }}
---
apiVersion: batch/v1
kind: Job
metadata: { name: {{ $name }}, annotations: {{ toJson $job.annotations }} }
spec:
  suspend: {{ $job.suspend | default false }}
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - { name: main, image: "example.com/app:{{ $job.version }}", command: [sh, -c, {{ $job.script | quote }}] }
{{- end }}
"#;

/// Jobs that may not go, each for another reason.
const OTHERS: &str = r#"
others:
  running: { version: 1, script: sleep 3600, annotations: { helm.sh/hook-delete-policy: hook-succeeded } }
  suspended: { version: 1, script: "true", suspend: true, annotations: { helm.sh/hook-delete-policy: hook-succeeded } }
  kept: { version: 1, script: "true", annotations: { helm.sh/hook-delete-policy: hook-failed } }
  ignored:
    version: 1
    script: "true"
    annotations: { helm.sh/hook-delete-policy: hook-succeeded, jobsweep.io/ignore: "true" }
"#;

const HELM_POLICY: &str = r"policy.helm\.sh/hook-delete-policy=hook-succeeded";

pub(crate) async fn every_upgrade_passes(node: &Node, helm: HelmVersion, wait: Wait) -> Result<()> {
    let shop = with_shop(node, helm, wait).await?;
    let shop = match wait {
        Wait::No | Wait::Both => shop.set(HELM_POLICY),
        Wait::Wait | Wait::Jobs => shop.post_renderer_args(&["--default-policy=hook-succeeded"]),
    };
    let shop = unblocked(shop);
    let atomic = if helm.is_4() { "--rollback-on-failure" } else { "--atomic" };
    shop.upgrade(1).await?.expect_success()?;
    let mut seen = vec![uid(&shop).await?];
    for (version, args) in [(2, &[][..]), (3, &[atomic]), (4, &[]), (5, &[atomic]), (6, &[atomic])] {
        shop.upgrade_with(version, args).await?.expect_success()?;
        seen.push(uid(&shop).await?);
        ensure!(shop.status().await? == "deployed");
    }
    shop.migrated().await?;
    let last = seen.last().cloned();
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    ensure!(seen.len() == all, "one Job served two versions: {seen:?}");

    shop.upgrade_with(6, &["--set", "greeting=Hello"]).await?.expect_success()?;
    ensure!(greeting(&shop).await? == "Hello");
    ensure!(Some(uid(&shop).await?) == last, "the migration has not changed, and has run again");
    Ok(())
}

pub(crate) async fn without_it_an_upgrade_and_a_rollback_fail(node: &Node, helm: HelmVersion) -> Result<()> {
    let shop = with_shop(node, helm, Wait::No).await?.set(HELM_POLICY);
    let now = ["--post-renderer-args=--unblock", &format!("--post-renderer-args=-n{}", shop.namespace.name)];
    shop.upgrade(1).await?.expect_success()?;
    shop.migrated().await?;
    blocked(shop.upgrade(2).await?)?;
    shop.upgrade_with(2, &now).await?.expect_success()?;
    shop.migrated().await?;
    let before = uid(&shop).await?;

    blocked(shop.rollback(1).await?)?;
    ensure!(uid(&shop).await? == before);
    let unblock = Program::new(JOBSWEEP).args(["--unblock", "-n", &shop.namespace.name, "--kubeconfig"]);
    let unblock = unblock.arg(node.cluster.kubeconfig()).stdin(shop.manifest(1).await?);
    unblock.run().await?.expect_success()?;
    shop.rollback(1).await?.expect_success()?;
    ensure!(uid(&shop).await? != before);
    shop.migrated().await
}

pub(crate) async fn what_may_not_go_stops_helm_before_anything_changes(
    node: &Node,
    helm: HelmVersion,
) -> Result<()> {
    let shop = with_shop(node, helm, Wait::No).await?.set(HELM_POLICY);
    let others = shop.file("others.yaml");
    fs::write(&others, OTHERS)?;
    let shop = unblocked(shop).args(&["--values", &others.to_string_lossy()]);
    shop.upgrade(1).await?.expect_success()?;
    shop.migrated().await?;
    for (name, condition) in [("kept", "Complete"), ("ignored", "Complete"), ("suspended", "Suspended")] {
        shop.namespace.condition(&shop.namespace.jobs().get(name).await?, condition).await?;
    }
    let before = shop.namespace.uids().await?;

    for (name, why) in [
        ("running", "it has not finished"),
        ("suspended", "it is suspended"),
        ("kept", r#"its policy "hook-failed" does not name that"#),
        ("ignored", "annotated jobsweep.io/ignore"),
    ] {
        let log = shop.file(&format!("{name}.log"));
        let change = format!("greeting=Hello,others.{name}.version=2");
        let renderer = ["--once".to_owned(), format!("--log-file={}", log.display())];
        let renderer = renderer.map(|arg| format!("--post-renderer-args={arg}"));
        let upgrade = shop.upgrade_with(2, &["--set", &change, &renderer[0], &renderer[1]]).await?;
        let said = upgrade.expect_code(1)?.stderr().into_owned();
        ensure!(helm.is_4() || said.contains("exit status 6"), "{said}");
        let said = fs::read_to_string(log)?;
        let expected = format!("Job {}/{name} is in the way", shop.namespace.name);
        ensure!(said.contains(&expected) && said.contains(why), "{name}: {said}");
        ensure!(said.contains("nothing was deleted"), "{name}: {said}");

        ensure!(shop.revision().await? == 1, "{name}");
        ensure!(shop.status().await? == "deployed", "{name}");
        ensure!(greeting(&shop).await? == "Welcome", "{name}");
        unchanged(&before, &shop.namespace.uids().await?, &[])?;
    }

    // Those that do not change are in nobody's way.
    shop.upgrade(2).await?.expect_success()?;
    unchanged(&before, &shop.namespace.uids().await?, &["migrate"])
}

pub(crate) async fn a_job_that_ends_in_time_is_waited_for(node: &Node, helm: HelmVersion) -> Result<()> {
    let shop = with_shop(node, helm, Wait::No).await?.set(HELM_POLICY).set("script=sleep 8");
    let log = shop.file("jobsweep.log");
    let shop = unblocked(shop).post_renderer_args(&[&format!("--log-file={}", log.display())]);
    shop.upgrade(1).await?.expect_success()?;
    let before = uid(&shop).await?;
    shop.upgrade(2).await?.expect_success()?;
    ensure!(uid(&shop).await? != before);
    let said = fs::read_to_string(log)?;
    let job = format!("Job {}/migrate", shop.namespace.name);
    for expected in [format!("waiting for {job} to finish"), format!("deleted {job}")] {
        ensure!(said.matches(&expected).count() == 1, "{said}");
    }
    Ok(())
}

pub(crate) async fn the_log_of_a_failed_job_is_in_the_log_file_before_it_is_deleted(
    node: &Node,
    helm: HelmVersion,
) -> Result<()> {
    let shop = with_shop(node, helm, Wait::No).await?.set("script=seq 30; echo disk full; false");
    let log = shop.file("jobsweep.log");
    let shop = unblocked(shop).post_renderer_args(&[&format!("--log-file={}", log.display())]);
    shop.upgrade(1).await?.expect_success()?;
    shop.namespace.condition(&shop.namespace.jobs().get("migrate").await?, "Failed").await?;
    let before = uid(&shop).await?;
    shop.upgrade(2).await?.expect_success()?;
    ensure!(uid(&shop).await? != before);
    let said = fs::read_to_string(log)?;
    let job = format!("{}/migrate", shop.namespace.name);
    let (copied, after) = said.split_once(&format!("deleted Job {job}")).with_context(|| said.clone())?;
    let heading = format!("last lines of {job}, pod migrate-");
    let (_, lines) = copied.split_once(&heading).with_context(|| said.clone())?;
    ensure!(lines.contains(", container main\n") && lines.contains("Z   disk full\n"), "{said}");
    // Only the last lines, and only once.
    ensure!(lines.contains("Z   30\n") && !lines.contains("Z   2\n"), "{said}");
    ensure!(!after.contains("last lines of"), "{said}");
    Ok(())
}

pub(crate) async fn with_shop<'a>(node: &'a Node, helm: HelmVersion, wait: Wait) -> Result<Release<'a>> {
    let shop = Release::new(node, helm, wait).await?.args(&["--post-renderer=jobsweep"]);
    shop.add("templates/shop.yaml", SHOP)?;
    Ok(shop)
}

/// From now on every install and upgrade makes way for itself.
pub(crate) fn unblocked(shop: Release<'_>) -> Release<'_> {
    let namespace = format!("--namespace={}", shop.namespace.name);
    shop.post_renderer_args(&["--unblock", &namespace])
}

fn blocked(finished: Finished) -> Result<()> {
    let finished = finished.expect_code(1)?;
    ensure!(finished.stderr().contains("field is immutable"), "{}", finished.stderr());
    Ok(())
}

/// The migration's.
async fn uid(shop: &Release<'_>) -> Result<String> {
    shop.namespace.uids().await?.remove("migrate").context("the migration is there")
}

async fn greeting(shop: &Release<'_>) -> Result<String> {
    let shops = Api::<ConfigMap>::namespaced(shop.namespace.client(), &shop.namespace.name);
    let shop = shops.get("shop").await?;
    shop.data.and_then(|mut data| data.remove("greeting")).context("the shop greets")
}

/// Only these Jobs were replaced.
fn unchanged(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    except: &[&str],
) -> Result<()> {
    ensure!(before.keys().eq(after.keys()), "{before:?} became {after:?}");
    for (name, uid) in before {
        ensure!(
            (after.get(name) == Some(uid)) != except.contains(&name.as_str()),
            "{name}: {before:?} became {after:?}"
        );
    }
    Ok(())
}
