//! `helm sweep`: the plugin from `packaging/helm3`, which Helm 3 and Helm 4 take.

use std::fs;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::Value;

use crate::setup::{helm_with_jobsweep, jobsweep_folder, repository, same, shop, template};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        helm_sweep_heeds_the_flags_that_helm_keeps_to_itself,
        helm_sweep_ends_as_the_cleanup_does,
        without_the_program_it_says_so,
        beside_a_plugin_of_helm_4_it_is_not_loaded,
    ]
}

const NO_JOBS: &str = "jobsweep: warning: no Job in scope has the annotation kots.io/hook-delete-policy (namespace nobody-is-here, \
                       context test); namespace nobody-is-here does not exist\n";

pub(crate) async fn install_sweep(helm: &Helm) -> Result<()> {
    let install = helm.command().args(["plugin", "install"]).arg(repository("packaging/helm3"));
    install.run().await?.expect_success()?;
    Ok(())
}

/// A Helm with the plugin, and the program on `PATH`.
async fn with_sweep(version: HelmVersion) -> Result<Helm> {
    let helm = Helm::new(version)?.on_path(jobsweep_folder()?);
    install_sweep(&helm).await?;
    Ok(helm)
}

/// A namespace with two Jobs, one of which the sweep deletes.
async fn two_jobs(cluster: &ControlPlane) -> Result<Namespace> {
    let namespace = cluster.namespace().await?;
    for (name, outcome) in [("done", Outcome::Succeeded), ("broken", Outcome::Failed)] {
        let job = job(name).policy("hook-succeeded").managed_by("example.com/nobody");
        namespace.finish(&namespace.create(job).await?, outcome).await?;
    }
    Ok(namespace)
}

pub(crate) async fn helm_sweep_heeds_the_flags_that_helm_keeps_to_itself(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    heeds_the_flags(cluster, &with_sweep(version).await?).await
}

pub(crate) async fn heeds_the_flags(cluster: &ControlPlane, helm: &Helm) -> Result<()> {
    let namespace = two_jobs(cluster).await?;
    // The current context does not work, so the flags must have an effect.
    let mut config: Value = serde_json::from_slice(&fs::read(cluster.kubeconfig())?)?;
    let context = config["current-context"].as_str().context("a context")?.to_owned();
    config["current-context"] = "nowhere".into();
    let kubeconfig = helm.home().join("kubeconfig");
    fs::write(&kubeconfig, config.to_string())?;

    let sweep = helm.command().args(["sweep", "--once", "--output=name", "--debug"]);
    let sweep = sweep.args(["--namespace", &namespace.name, "--kube-context", &context]);
    let swept = sweep.arg("--kubeconfig").arg(kubeconfig).run().await?.expect_success()?;
    same("stdout", "job.batch/done\n", &swept.stdout())?;
    // Helm's --debug sets --verbose, which shows this line.
    ensure!(swept.stderr().contains(&format!("listing Jobs in namespace {}\n", namespace.name)));
    ensure!(namespace.uids().await?.into_keys().eq(["broken"]), "only that one is gone");
    Ok(())
}

pub(crate) async fn helm_sweep_ends_as_the_cleanup_does(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    ends_as_the_cleanup_does(cluster, &with_sweep(version).await?).await
}

pub(crate) async fn ends_as_the_cleanup_does(cluster: &ControlPlane, helm: &Helm) -> Result<()> {
    let namespace = two_jobs(cluster).await?;
    let sweep = helm.command().args(["sweep", "--once", "--fail-on-failed", "-n", &namespace.name]);
    let sweep = sweep.env("KUBECONFIG", cluster.kubeconfig());
    let failed = sweep.run().await?.expect_code(3)?;
    ensure!(failed.stderr().ends_with("Error: plugin \"sweep\" exited with error\n"), "{}", failed.stderr());
    Ok(())
}

pub(crate) async fn without_the_program_it_says_so(version: HelmVersion) -> Result<()> {
    let helm = Helm::new(version)?;
    install_sweep(&helm).await?;
    let failed = helm.command().arg("sweep").run().await?.expect_code(1)?;
    let expected = "Error: exec: \"jobsweep\": executable file not found in $PATH\n";
    same("stderr", expected, &failed.stderr())
}

/// Both Helms use the same folder for plugins by default. `docs/troubleshooting.md` has this error message.
pub(crate) async fn beside_a_plugin_of_helm_4_it_is_not_loaded(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let helm = with_sweep(version).await?.kubeconfig(cluster.kubeconfig());
    let helm_4 = helm_with_jobsweep(HelmVersion::V4).await?;
    let folder = std::env::join_paths([helm_4.plugins()])?;
    // The plugin of Helm 4 is installed into the same folder.
    fs::rename(helm.plugins().join("helm3"), helm_4.plugins().join("helm3"))?;
    let sweep = || helm.command().args(["sweep", "--once", "--timeout=0", "-n", "nobody-is-here"]);

    let beside = sweep().env("HELM_PLUGINS", &folder).run().await?;
    let rendered = template(&helm, &shop()).args(["--post-renderer", "jobsweep"]);
    let rendered = rendered.env("HELM_PLUGINS", &folder).run().await?.expect_success()?;
    ensure!(rendered.stdout().contains("kots.io/hook-delete-policy: hook-succeeded\n"), "the filter works");
    if version.is_4() {
        return same("stderr", NO_JOBS, &beside.expect_success()?.stderr());
    }
    same(
        "stderr",
        &format!("{}{UNKNOWN}", unreadable(&helm_4, "jobsweep")),
        &beside.expect_code(1)?.stderr(),
    )?;
    same("stderr", &unreadable(&helm_4, "jobsweep"), &rendered.stderr())?;

    // Helm 4's own `helm sweep` does the same.
    let plugins = helm_4.plugins();
    fs::rename(plugins.join("jobsweep"), helm_4.home().join("no-plugin"))?;
    fs::create_dir(plugins.join("sweep"))?;
    fs::copy(repository("packaging/helm4/plugin.yaml"), plugins.join("sweep/plugin.yaml"))?;
    let beside = sweep().env("HELM_PLUGINS", &folder).run().await?.expect_code(1)?;
    same("stderr", &format!("{}{UNKNOWN}", unreadable(&helm_4, "sweep")), &beside.stderr())?;

    // Where the plugins of Helm 4 have a folder of their own, Helm 3 loads its plugins.
    let own = helm.home().join("plugins3");
    let install = helm.command().env("HELM_PLUGINS", &own).args(["plugin", "install"]);
    install.arg(repository("packaging/helm3")).run().await?.expect_success()?;
    same("stderr", NO_JOBS, &sweep().env("HELM_PLUGINS", &own).run().await?.expect_success()?.stderr())
}

const UNKNOWN: &str = "Error: unknown command \"sweep\" for \"helm\"\nRun 'helm --help' for usage.\n";

/// What Helm 3 says about a plugin of Helm 4.
fn unreadable(helm_4: &Helm, plugin: &str) -> String {
    format!(
        "failed to load plugins: failed to load plugin at \"{}\": error unmarshaling JSON: while decoding JSON: \
         json: unknown field \"apiVersion\"\n",
        helm_4.plugins().join(plugin).join("plugin.yaml").display()
    )
}
