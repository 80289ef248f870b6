//! The table of messages in `docs/troubleshooting.md`: each is printed by a program that is run here, and each program run here is in the table.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, kubectl, migration_chart};
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial, wait};

use crate::setup::{JOBSWEEP, helm_with_jobsweep, repository, shop, stage_plugin, template};

pub(crate) fn trials() -> Vec<Trial> {
    trials![every_message_is_printed]
}

const UNBLOCK: [&str; 3] = ["--post-renderer=jobsweep", "--post-renderer-args", "--unblock"];

pub(crate) async fn every_message_is_printed(cluster: &ControlPlane) -> Result<()> {
    let said = [
        of_an_upgrade(cluster).await?,
        of_a_release_whose_job_vanishes(cluster).await?,
        of_missing_programs().await?,
        of_plugins_that_exclude_each_other().await?,
        of_wrong_calls(cluster).await?,
        of_the_cleanup(cluster).await?,
    ]
    .concat();
    let rows = rows()?;
    for row in &rows {
        ensure!(
            said.iter().any(|text| shows(text, row)),
            "{row} is printed by none of these:\n{}",
            said.join("\n")
        );
    }
    for text in said {
        ensure!(rows.iter().any(|row| shows(&text, row)), "the table does not explain:\n{text}");
    }
    Ok(())
}

/// The messages of the table, without what stands for the rest of a line.
fn rows() -> Result<Vec<String>> {
    let page = fs::read_to_string(repository("docs/troubleshooting.md"))?;
    let rows = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|')).map(|row| {
        let cell = row.trim_start_matches('|').split(" | ").next().unwrap_or_default();
        cell.trim().trim_matches('`').to_owned()
    });
    Ok(rows.collect())
}

/// Whether the text has the parts of the message in this order.
fn shows(text: &str, message: &str) -> bool {
    message.split('…').try_fold(text, |text, part| Some(text.split_once(part.trim())?.1)).is_some()
}

/// What a call says that must fail.
async fn failed(call: Program) -> Result<String> {
    let ended = call.run().await?;
    ensure!(ended.code() != Some(0), "this call should have failed: {}{}", ended.stdout(), ended.stderr());
    Ok(ended.stderr().into_owned())
}

/// A chart whose Job has no policy.
fn plain_chart(helm: &Helm) -> Result<std::path::PathBuf> {
    let chart = helm.home().join("shop");
    migration_chart(&chart, None)?;
    Ok(chart)
}

async fn of_an_upgrade(cluster: &ControlPlane) -> Result<Vec<String>> {
    let helm = helm_with_jobsweep(HelmVersion::V3_22).await?.kubeconfig(cluster.kubeconfig());
    let namespace = cluster.namespace().await?;
    let chart = plain_chart(&helm)?;
    let call = |subcommand: &str, release: &str| {
        helm.command().args([subcommand, release]).arg(&chart).args(["-n", &namespace.name])
    };
    call("install", "shop").run().await?.expect_success()?;
    let upgrade = || call("upgrade", "shop").args(["--set", "version=2"]);
    let unblock = || upgrade().args(UNBLOCK);
    let runs = failed(unblock().arg("--post-renderer-args=--timeout=1s")).await?;

    namespace.succeed(&namespace.jobs().get("migrate").await?).await?;
    let immutable = failed(upgrade()).await?;
    let without_a_policy = failed(unblock().arg("--post-renderer-args=--default-policy=none")).await?;
    let of_another_release =
        failed(call("install", "other").args(["--set", "version=2"]).args(UNBLOCK)).await?;
    unblock().run().await?.expect_success()?;
    let rollback = helm.command().args(["rollback", "shop", "1", "-n", &namespace.name]);
    Ok(vec![runs, immutable, without_a_policy, of_another_release, failed(rollback).await?])
}

async fn of_a_release_whose_job_vanishes(cluster: &ControlPlane) -> Result<Vec<String>> {
    let helm = Helm::new(HelmVersion::V3_22)?.kubeconfig(cluster.kubeconfig());
    let namespace = cluster.namespace().await?;
    let install = helm.command().args(["install", "shop"]).arg(plain_chart(&helm)?);
    let install = install.args(["-n", &namespace.name, "--wait", "--wait-for-jobs"]);
    let (said, deleted) = tokio::join!(failed(install), delete_when_it_is_there(&namespace));
    deleted?;
    Ok(vec![said?])
}

async fn delete_when_it_is_there(namespace: &Namespace) -> Result<()> {
    let jobs = namespace.jobs();
    wait::until("the Job of the release", || async { Ok(jobs.get_opt("migrate").await?) }).await?;
    jobs.delete("migrate", &Default::default()).await?;
    Ok(())
}

async fn of_missing_programs() -> Result<Vec<String>> {
    let (helm_3, helm_4) = (Helm::new(HelmVersion::V3_22)?, Helm::new(HelmVersion::V4)?);
    let checkout = helm_4.home().join("jobsweep");
    stage_plugin(&checkout)?;
    let install = || helm_4.command().args(["plugin", "install"]).arg(&checkout);
    let on_helm_4 = || template(&helm_4, &shop()).args(UNBLOCK);
    let no_plugin = failed(on_helm_4()).await?;
    failed(install()).await?;
    Ok(vec![
        failed(template(&helm_3, &shop()).args(UNBLOCK)).await?,
        no_plugin,
        failed(install()).await?,
        failed(on_helm_4()).await?,
        failed(helm_4.command().arg("sweep")).await?,
    ])
}

async fn of_plugins_that_exclude_each_other() -> Result<Vec<String>> {
    let (helm_3, helm_4) = (Helm::new(HelmVersion::V3_22)?, Helm::new(HelmVersion::V4)?);
    stage_plugin(&helm_3.plugins().join("jobsweep"))?;
    for plugin in ["helm3", "helm4"] {
        let folder = helm_4.plugins().join(plugin);
        fs::create_dir_all(&folder)?;
        fs::copy(repository("packaging").join(plugin).join("plugin.yaml"), folder.join("plugin.yaml"))?;
    }
    Ok(vec![
        failed(helm_3.command().arg("sweep")).await?,
        failed(template(&helm_4, &shop()).args(UNBLOCK)).await?,
    ])
}

async fn of_wrong_calls(cluster: &ControlPlane) -> Result<Vec<String>> {
    let helm_4 = helm_with_jobsweep(HelmVersion::V4).await?;
    let policy = "    helm.sh/hook-delete-policy: hook-failed\n";
    let twice = format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: twice\n  annotations:\n{policy}{policy}"
    );
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: nowhere\n";
    let unblock = Program::new(JOBSWEEP).arg("--unblock").env("KUBECONFIG", cluster.kubeconfig());
    Ok(vec![
        failed(template(&helm_4, &shop()).args(UNBLOCK).arg("--post-renderer-args=--no-such-option")).await?,
        failed(unblock.stdin(job)).await?,
        failed(Program::new(JOBSWEEP).stdin(twice)).await?,
        failed(kubectl(&cluster.kubeconfig())?.args(["apply", "-f", "-"])).await?,
    ])
}

async fn of_the_cleanup(cluster: &ControlPlane) -> Result<Vec<String>> {
    let namespace = cluster.namespace().await?;
    let user = namespace.user("nobody").await?;
    let cleanup = |kubeconfig: &Path| {
        let cleanup =
            Program::new(JOBSWEEP).args(["--cleanup", "--once", "-n", &namespace.name, "--kubeconfig"]);
        cleanup.arg(kubeconfig)
    };
    let nothing = cleanup(&cluster.kubeconfig()).run().await?.expect_success()?;
    Ok(vec![
        failed(cleanup(&user.kubeconfig)).await?,
        failed(cleanup(Path::new("/no/such/kubeconfig"))).await?,
        nothing.stderr().into_owned(),
    ])
}
