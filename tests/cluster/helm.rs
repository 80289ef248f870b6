//! The purpose of jobsweep: the upgrade that fails without a sweep succeeds after one.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::helm::{Helm, migration_chart};
use jobsweep_harness::process::Finished;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{Said, Stage};

pub fn trials() -> Vec<Trial> {
    trials![the_upgrade_that_fails_passes_after_a_sweep,]
}

pub async fn the_upgrade_that_fails_passes_after_a_sweep(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let chart = helm.home().join("shop");
    migration_chart(&chart, Some("before-hook-creation,hook-succeeded"))?;
    let namespace = stage.namespace.name.clone();
    let call = async |verb: &str, version: &str| -> Result<Finished> {
        let call = helm.command().args([verb, "shop"]).arg(&chart).args(["-n", &namespace, "--set", version]);
        call.run().await
    };

    call("install", "version=1").await?.expect_success()?;
    let first = stage.namespace.jobs().get("migrate").await?;
    stage.namespace.succeed(&first).await?;
    let failed = call("upgrade", "version=2").await?;
    ensure!(
        failed.code() != Some(0) && failed.stderr().contains("field is immutable"),
        "{}",
        failed.stderr()
    );
    stage.leaves(&["migrate"]).await?;

    let swept = stage.sweep().args(["--release", "shop", "-ojson"]).run().await?.expect_success()?;
    swept.reports("migrate", "deleted", "succeeded")?;
    stage.leaves(&[]).await?;
    call("upgrade", "version=2").await?.expect_success()?;
    let second = stage.namespace.jobs().get("migrate").await?;
    ensure!(second.metadata.uid != first.metadata.uid, "it is another Job");
    stage.leaves(&["migrate"]).await
}
