//! `helm … --post-renderer jobsweep --post-renderer-args --unblock`

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{helm_with_jobsweep, same, shop, template, untouched, wrote};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        without_a_job_nothing_is_contacted,
        a_hook_is_left_to_helm,
        without_a_namespace_it_says_what_to_add,
        a_call_that_helm_does_not_apply_can_be_a_dry_run,
        what_it_says_can_be_read,
        variables_say_the_same_as_arguments,
        what_helm_4_drops_reaches_the_terminal
    ]
}

const UNBLOCK: [&str; 3] = ["--post-renderer=jobsweep", "--post-renderer-args", "--unblock"];
const JOB: &str = "shop-migration";
const CHANGED: [&str; 2] = ["--set", "image=example.com/shop:2"];
/// Asks for a dry run where Helm does not tell that it makes one.
const DRY_RUN: &str = "JOBSWEEP_DRY_RUN";

/// The example chart, installed, with a migration that has succeeded.
struct Release {
    helm: Helm,
    namespace: Namespace,
}

impl Release {
    async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let helm = helm_with_jobsweep(version).await?.kubeconfig(cluster.kubeconfig());
        let release = Self { helm, namespace: cluster.namespace().await? };
        release.call("install").run().await?.expect_success()?;
        let job = release.namespace.jobs().get(JOB).await?;
        release.namespace.succeed(&job).await?;
        Ok(release)
    }

    /// `helm <subcommand>` of the example chart, which makes way for itself.
    fn call(&self, subcommand: &str) -> Program {
        let namespace = &self.namespace.name;
        let call = self.helm.command().args([subcommand, "shop"]).arg(shop()).args(["-n", namespace]);
        call.args(UNBLOCK).arg(format!("--post-renderer-args=--namespace={namespace}"))
    }

    fn log(&self) -> std::path::PathBuf {
        self.helm.home().join("jobsweep.log")
    }

    fn job(&self) -> String {
        format!("Job {}/{JOB}", self.namespace.name)
    }

    /// What `--unblock` says of the deleted migration.
    fn deleted(&self, verb: &str) -> String {
        format!(
            "jobsweep: {verb} {}, which was in the way (spec.template changes, and is immutable); it has succeeded, and its \
             policy allows that\n",
            self.job()
        )
    }

    /// And of one whose manifest has no policy.
    fn forbidden(&self) -> String {
        format!(
            "jobsweep: {} is in the way (spec.template changes, and is immutable), and may not be deleted: its manifest has no \
             delete policy; add the annotation helm.sh/hook-delete-policy to its manifest, set \
             --default-policy=hook-succeeded,hook-failed for all Jobs without a policy, or delete it yourself: kubectl delete job {JOB} -n {}\n\
             jobsweep: nothing was deleted, and no manifest was written\n",
            self.job(),
            self.namespace.name
        )
    }

    /// What arrives at Helm's terminal, though none of its standard streams is one.
    async fn on_terminal(&self, call: &str, code: i32) -> Result<String> {
        let call = format!("\"$HELM\" {call} -n \"$NAMESPACE\" </dev/null >/dev/null 2>&1");
        let script = self.helm.command_by("script");
        let script = script.args(["--quiet", "--return", "--command", &call, "/dev/null"]);
        let script = script
            .env("HELM", self.helm.program())
            .env("CHART", shop())
            .env("NAMESPACE", &self.namespace.name);
        let ended = script.run().await.context("this test needs util-linux's `script`")?;
        Ok(ended.expect_code(code)?.stdout().replace("\r\n", "\n"))
    }
}

/// Here no cluster is to be had, and no namespace is given.
pub(crate) async fn without_a_job_nothing_is_contacted(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let values = ["--set", "migration.enabled=false"];
    let expected = untouched(&helm, &shop(), &values).await?;
    wrote(template(&helm, &shop()).args(UNBLOCK).args(values).run().await?, &expected)
}

pub(crate) async fn a_hook_is_left_to_helm(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let values = ["--set", "migration.enabled=false,preparation.enabled=true"];
    let rendered = template(&helm, &shop()).args(UNBLOCK).args(values).run().await?.expect_success()?;
    ensure!(rendered.stdout().contains("shop-preparation"), "{}", rendered.stdout());
    // It does look for a cluster if the Job is no hook.
    let values = ["--set", "migration.enabled=true"];
    template(&helm, &shop()).args(UNBLOCK).args(values).run().await?.expect_code(1)?;
    Ok(())
}

pub(crate) async fn without_a_namespace_it_says_what_to_add(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let kubeconfig = helm.home().join("kubeconfig");
    fs::write(&kubeconfig, KUBECONFIG)?;
    let helm = helm.kubeconfig(&kubeconfig);
    let log = helm.home().join("jobsweep.log");
    let call = template(&helm, &shop()).args(UNBLOCK).env("JOBSWEEP_LOG_FILE", &log);
    let failed = call.run().await?.expect_code(1)?;
    let add = "through Helm: --post-renderer-args --namespace=NAME";
    ensure!(failed.stderr().contains(add) == (version != HelmVersion::V4), "{}", failed.stderr());
    let said = fs::read_to_string(log)?;
    ensure!(said.contains(add), "{said}");
    Ok(())
}

pub(crate) async fn a_call_that_helm_does_not_apply_can_be_a_dry_run(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let before = release.namespace.uids().await?;
    for (subcommand, args) in
        [("template", &[][..]), ("upgrade", &["--dry-run=client"]), ("upgrade", &["--dry-run=server"])]
    {
        let call = release.call(subcommand).args(CHANGED).args(args);
        let call = call.env(DRY_RUN, "1").env("JOBSWEEP_LOG_FILE", release.log());
        let rendered = call.run().await?.expect_success()?;
        ensure!(rendered.stdout().contains("example.com/shop:2"), "{}", rendered.stdout());
        ensure!(release.namespace.uids().await? == before, "{subcommand} {args:?}");
        logged(&release.log(), &release.deleted("would delete"))?;
    }
    // Helm does not tell one from the other.
    release.call("template").args(CHANGED).run().await?.expect_success()?;
    ensure!(release.namespace.names().await?.is_empty());
    Ok(())
}

pub(crate) async fn what_it_says_can_be_read(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let call = |args: &[&str]| {
        release.call("upgrade").args(CHANGED).args(args).env("JOBSWEEP_LOG_FILE", release.log()).run()
    };
    let failed = call(&["--set", "migration.policy="]).await?.expect_code(1)?;
    let shown = failed.stderr().contains(&release.forbidden());
    ensure!(shown == (version != HelmVersion::V4), "{}", failed.stderr());
    logged(&release.log(), &release.forbidden())?;

    let before = release.namespace.uids().await?;
    call(&[]).await?.expect_success()?;
    ensure!(release.namespace.uids().await? != before);
    logged(&release.log(), &release.deleted("deleted"))
}

/// Helm and jobsweep read the same variable for the namespace.
pub(crate) async fn variables_say_the_same_as_arguments(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let upgrade = release.helm.command().args(["upgrade", "shop"]).arg(shop()).args(UNBLOCK).args(CHANGED);
    let upgrade = upgrade.args(["--set", "migration.policy="]).env("HELM_NAMESPACE", &release.namespace.name);
    let upgrade = upgrade.env("JOBSWEEP_LOG_FILE", release.log());
    upgrade.clone().run().await?.expect_code(1)?;
    logged(&release.log(), &release.forbidden())?;
    upgrade.env("JOBSWEEP_DEFAULT_POLICY", "hook-succeeded,hook-failed").run().await?.expect_success()?;
    logged(&release.log(), &release.deleted("deleted"))
}

pub(crate) async fn what_helm_4_drops_reaches_the_terminal(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let namespace = format!("--post-renderer-args=--namespace={}", release.namespace.name);
    let upgrade = |args: &str| {
        format!("upgrade shop \"$CHART\" {} {namespace} {} {args}", UNBLOCK.join(" "), CHANGED.join(" "))
    };
    // Helm 3 shows it on its own stderr if it fails, so twice would be once too often.
    let expected = |said: String| if version == HelmVersion::V4 { said } else { String::new() };
    let failed = release.on_terminal(&upgrade("--set migration.policy="), 1).await?;
    same("the terminal", &expected(release.forbidden()), &failed)?;
    let passed = release.on_terminal(&upgrade(""), 0).await?;
    same("the terminal", &expected(release.deleted("deleted")), &passed)
}

/// The log has these lines, each after the time, and goes.
fn logged(log: &Path, expected: &str) -> Result<()> {
    let text = fs::read_to_string(log).context("no log file")?;
    fs::remove_file(log)?;
    let said: String = text.split_inclusive('\n').filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    same("the log", expected, &said)
}

/// A cluster that is never asked.
const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
clusters: [{ name: test, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: test, user: { token: test } }]
contexts: [{ name: test, context: { cluster: test, user: test, namespace: default } }]
current-context: test
"#;
