//! `helm install --post-renderer jobsweep` on a real control plane.

use std::fs;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, kubectl, write_chart};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{
    JOBSWEEP, helm_with_jobsweep, repository, same, shop, template, untouched, with_copied, wrote,
};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_cluster_and_the_stored_release_have_the_annotation,
        a_hook_job_runs_with_the_annotation_on_helm_4,
        an_upgrade_and_a_rollback_keep_the_annotation_and_the_job,
        a_default_policy_reaches_the_cluster,
        an_error_installs_nothing,
        a_chart_that_renders_nothing_is_installed,
        templates_through_a_pipe_have_every_hook_translated,
        the_api_server_accepts_the_realistic_example,
    ]
}

const KOTS: &str = "kots.io/hook-delete-policy";
/// The policy of the example chart's hook.
const HOOK_POLICY: &str = "before-hook-creation,hook-succeeded";

struct Release {
    helm: Helm,
    namespace: Namespace,
}

impl Release {
    async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let helm = helm_with_jobsweep(version).await?.kubeconfig(cluster.kubeconfig());
        Ok(Self { helm, namespace: cluster.namespace().await? })
    }

    /// A call of Helm in the namespace, to which the test adds arguments.
    fn helm(&self, subcommand: &str) -> Program {
        self.helm.command().args(subcommand.split(' ')).args(["--namespace", &self.namespace.name])
    }

    /// `helm <install|upgrade>` of the example chart with jobsweep.
    fn apply(&self, subcommand: &str) -> Program {
        self.helm(subcommand).arg("shop").arg(shop()).args(["--post-renderer", "jobsweep"])
    }

    async fn shown(&self, subcommand: &str) -> Result<String> {
        Ok(self.helm(subcommand).arg("shop").run().await?.expect_success()?.stdout().into_owned())
    }

    /// The value of the annotation in the cluster.
    async fn policy(&self, job: &str) -> Result<Option<String>> {
        Ok(policy(&self.namespace.jobs().get(job).await?))
    }
}

fn policy(job: &Job) -> Option<String> {
    job.metadata.annotations.as_ref()?.get(KOTS).cloned()
}

pub(crate) async fn the_cluster_and_the_stored_release_have_the_annotation(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    release.apply("install").run().await?.expect_success()?;
    ensure!(release.policy("shop-migration").await?.as_deref() == Some("hook-succeeded"));

    let namespace = ["--namespace", &release.namespace.name];
    let expected = with_copied(&untouched(&release.helm, &shop(), &namespace).await?, "hook-succeeded");
    same("the stored release", expected.trim_end(), release.shown("get manifest").await?.trim_end())
}

pub(crate) async fn a_hook_job_runs_with_the_annotation_on_helm_4(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let jobs = release.namespace.jobs();
    for subcommand in ["install", "upgrade"] {
        let call = release.apply(subcommand).args(["--set", "preparation.enabled=true"]).spawn()?;
        // Helm waits for the hook.
        let hook =
            wait::until("Helm to create the hook", || async { Ok(jobs.get_opt("shop-preparation").await?) })
                .await?;
        let expected = version.is_4().then_some(HOOK_POLICY);
        ensure!(policy(&hook).as_deref() == expected, "the hook in the cluster has {:?}", policy(&hook));
        for pod in release.namespace.running_pods(&hook, 1).await? {
            release.namespace.succeed_pod(&pod).await?;
        }
        call.finish(wait::PATIENCE).await?.expect_success()?;
    }

    // Helm ran the hook as a hook, and deleted it by its policy.
    ensure!(release.namespace.names().await? == ["shop-migration"]);
    let hooks = release.shown("get hooks").await?;
    let copied = format!("    helm.sh/hook-delete-policy: {HOOK_POLICY}\n    {KOTS}: {HOOK_POLICY}\n");
    ensure!(hooks.contains("helm.sh/hook: pre-install,pre-upgrade\n"), "{hooks}");
    ensure!(hooks.contains(&copied) == version.is_4(), "{hooks}");
    ensure!(hooks.matches(KOTS).count() == usize::from(version.is_4()), "{hooks}");
    ensure!(!release.shown("get manifest").await?.contains("shop-preparation"));
    Ok(())
}

pub(crate) async fn an_upgrade_and_a_rollback_keep_the_annotation_and_the_job(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    release.apply("install").run().await?.expect_success()?;
    let (first, job) = (release.shown("get manifest").await?, release.namespace.uids().await?);

    release.apply("upgrade").args(["--set", "greeting=Hello"]).run().await?.expect_success()?;
    let second = release.shown("get manifest").await?;
    same("the upgraded release", &first.replace("Welcome", "Hello"), &second)?;
    ensure!(release.policy("shop-migration").await?.as_deref() == Some("hook-succeeded"));

    release.helm("rollback").args(["shop", "1"]).run().await?.expect_success()?;
    same("the release rolled back", &first, &release.shown("get manifest").await?)?;
    ensure!(release.policy("shop-migration").await?.as_deref() == Some("hook-succeeded"));
    ensure!(release.namespace.uids().await? == job, "the Job was replaced");
    Ok(())
}

pub(crate) async fn a_default_policy_reaches_the_cluster(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let args = ["--set", "migration.policy=", "--post-renderer-args", "--default-policy=hook-failed"];
    release.apply("install").args(args).run().await?.expect_success()?;
    ensure!(release.policy("shop-migration").await?.as_deref() == Some("hook-failed"));
    Ok(())
}

pub(crate) async fn an_error_installs_nothing(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let log = release.helm.home().join("jobsweep.log");
    let args = ["--set", "migration.policy=never", "--post-renderer-args", "--strict"];
    let failed = release.apply("install").args(args).env("JOBSWEEP_LOG_FILE", &log).run().await?;
    let stderr = failed.expect_code(1)?.stderr().into_owned();
    ensure!(stderr.contains("INSTALLATION FAILED: error while running post render on files:"), "{stderr}");
    ensure!(stderr.contains("unknown word \"never\"") != version.is_4(), "{stderr}");
    let logged = fs::read_to_string(&log)?;
    ensure!(logged.contains("unknown word \"never\""), "{logged}");

    ensure!(release.namespace.names().await?.is_empty());
    // Helm 4 lists all releases, and has no such flag.
    let list = if version.is_4() { "list --short" } else { "list --short --all" };
    wrote(release.helm(list).run().await?, "")
}

pub(crate) async fn a_chart_that_renders_nothing_is_installed(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let chart = release.helm.home().join("nothing");
    write_chart(&chart, "nothing", &[("templates/job.yaml", "{{- if false }}\nkind: Job\n{{- end }}\n")])?;
    let install = release.helm("install").arg("shop").arg(&chart).args(["--post-renderer", "jobsweep"]);
    install.run().await?.expect_success()?;
    ensure!(release.shown("status").await?.contains("STATUS: deployed"));
    same("the stored release", "", release.shown("get manifest").await?.trim_matches(['-', '\n']))
}

/// `helm template | jobsweep` translates hooks on Helm 3 too.
pub(crate) async fn templates_through_a_pipe_have_every_hook_translated(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let helm = Helm::new(version)?;
    let rendered = template(&helm, &shop()).args(["--set", "preparation.enabled=true"]).run().await?;
    let translated = Program::new(JOBSWEEP).stdin(rendered.expect_success()?.stdout).run().await?;
    let apply = kubectl(&cluster.kubeconfig())?.args(["apply", "--namespace", &namespace.name, "-f", "-"]);
    apply.stdin(translated.expect_success()?.stdout).run().await?.expect_success()?;

    for (job, expected) in [("shop-migration", "hook-succeeded"), ("shop-preparation", HOOK_POLICY)] {
        let found = policy(&namespace.jobs().get(job).await?);
        ensure!(found.as_deref() == Some(expected), "{job} has {found:?}");
    }
    Ok(())
}

pub(crate) async fn the_api_server_accepts_the_realistic_example(
    cluster: &'static ControlPlane,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let input = fs::read(repository("examples/rendered.yaml"))?;
    let output = Program::new(JOBSWEEP).stdin(&*input).run().await?.expect_success()?.stdout;
    ensure!(input != output);
    let mut answers = Vec::new();
    for manifests in [input, output] {
        let apply = ["apply", "--dry-run=server", "--output=name", "--namespace", &namespace.name, "-f", "-"];
        let applied = kubectl(&cluster.kubeconfig())?.args(apply).stdin(manifests).run().await?;
        answers.push(applied.expect_success().context("kubectl apply")?.stdout().into_owned());
    }
    same("what was applied", &answers[0], &answers[1])?;
    let jobs = answers[0].lines().filter(|line| line.starts_with("job.batch/")).count();
    ensure!(jobs == 5, "{}", answers[0]);
    Ok(())
}
