//! helm-diff renders with the post-renderer to show what would change, and so do `helmfile diff` and `helmfile apply`.

use std::env;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::{self, HelmVersion};
use jobsweep_harness::{trials, trials::Trial};

use crate::example_jobs::{has, image};
use crate::helmfile::{Helmfile, JOB};

/// The folder of the installed plugin, which the harness does not build.
const VARIABLE: &str = "JOBSWEEP_TEST_HELM_DIFF";

pub(crate) fn trials() -> Vec<Trial> {
    let is_missing = env::var_os(VARIABLE).is_none();
    let trials = trials![
        helm_diff_deletes_nothing,
        helmfile_diff_deletes_nothing,
        helmfile_apply_deletes_only_what_the_user_agreed_to
    ];
    let mark = |trial: Trial| {
        trial.with_kind(format!("needs helm-diff in {VARIABLE}")).with_ignored_flag(is_missing)
    };
    trials.into_iter().map(mark).collect()
}

/// The example, installed, with a migration that has succeeded, and the plugin in Helm.
async fn with_plugin(cluster: &ControlPlane, version: HelmVersion) -> Result<Helmfile> {
    let helmfile = Helmfile::new(cluster, version).await?;
    let plugin = PathBuf::from(env::var_os(VARIABLE).context(VARIABLE)?);
    std::fs::create_dir_all(helmfile.helm.plugins())?;
    symlink(plugin, helmfile.helm.plugins().join("diff"))?;
    helmfile.synced(1, &[]).await?;
    let jobs = helmfile.namespace.jobs();
    helmfile.namespace.succeed(&jobs.get(JOB[0]).await?).await?;
    Ok(helmfile)
}

fn helmfile_call(helmfile: &Helmfile, args: &[&str]) -> Result<Program> {
    let call = helmfile.helm.command_by(tools::helmfile()?).arg("--file").arg(helmfile.file());
    Ok(call.args(args).args(["--set"]).arg(image(2)))
}

fn shows_the_change(finished: &Finished) -> Result<()> {
    let said = finished.stdout();
    let image = |sign: char, revision: u32| {
        said.lines()
            .any(|line| line.starts_with(sign) && line.contains(&format!("example.com/shop:{revision}")))
    };
    ensure!(image('-', 1) && image('+', 2), "{said}{}", finished.stderr());
    Ok(())
}

pub(crate) async fn helm_diff_deletes_nothing(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let helmfile = with_plugin(cluster, version).await?;
    let before = helmfile.namespace.uids().await?;
    let upgrade = |command: &[&str]| {
        let call = helmfile.helm.command().args(command).args(["shop", "./chart", "--set"]).arg(image(2));
        let call = call.args(["-n", &helmfile.namespace.name, "--post-renderer", "jobsweep"]);
        call.args(["--post-renderer-args", "--unblock"])
    };
    for (variable, value) in
        [("HELM_DIFF_USE_UPGRADE_DRY_RUN", ""), ("HELM_DIFF_USE_UPGRADE_DRY_RUN", "true")]
    {
        for args in [&[][..], &["--dry-run=server"]] {
            let diff = upgrade(&["diff", "upgrade"]).args(args).env(variable, value);
            shows_the_change(&diff.run().await?.expect_success()?)?;
            ensure!(helmfile.namespace.uids().await? == before, "{variable}={value} {args:?}");
        }
    }
    // Here helm-diff itself tries the change.
    let tries = upgrade(&["diff", "upgrade", "--three-way-merge"]).run().await?.expect_code(1)?;
    ensure!(tries.stderr().contains("field is immutable"), "{}", tries.stderr());
    ensure!(helmfile.namespace.uids().await? == before);

    upgrade(&["upgrade"]).run().await?.expect_success()?;
    has(&helmfile.namespace, 2, &JOB).await
}

pub(crate) async fn helmfile_diff_deletes_nothing(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let helmfile = with_plugin(cluster, version).await?;
    let before = helmfile.namespace.uids().await?;
    shows_the_change(&helmfile_call(&helmfile, &["diff"])?.run().await?.expect_success()?)?;
    ensure!(helmfile.namespace.uids().await? == before);
    Ok(())
}

pub(crate) async fn helmfile_apply_deletes_only_what_the_user_agreed_to(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let helmfile = with_plugin(cluster, version).await?;
    let before = helmfile.namespace.uids().await?;
    let apply = helmfile_call(&helmfile, &["--interactive", "apply"])?;
    let refused = apply.clone().stdin("n\n").run().await?.expect_success()?;
    shows_the_change(&refused)?;
    ensure!(refused.stdout().contains("Do you really want to apply?"), "{}", refused.stdout());
    ensure!(helmfile.namespace.uids().await? == before);
    has(&helmfile.namespace, 1, &JOB).await?;

    apply.stdin("y\n").run().await?.expect_success()?;
    has(&helmfile.namespace, 2, &JOB).await?;
    ensure!(helmfile.namespace.uids().await? != before);
    // Nothing has changed since, so nothing is asked.
    let again = helmfile_call(&helmfile, &["--interactive", "apply"])?.run().await?.expect_success()?;
    ensure!(!again.stdout().contains("Do you really want to apply?"), "{}", again.stdout());
    Ok(())
}
