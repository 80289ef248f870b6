//! The purpose of jobsweep: the upgrade that fails without a sweep succeeds after one.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::helm::{Helm, migration_chart};
use jobsweep_harness::process::Finished;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{Said, Setup};

pub fn trials() -> Vec<Trial> {
    trials![the_upgrade_that_fails_passes_after_a_sweep,]
}

pub async fn the_upgrade_that_fails_passes_after_a_sweep(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let chart = helm.home().join("shop");
    migration_chart(&chart, Some("before-hook-creation,hook-succeeded"))?;
    let namespace = setup.namespace.name.clone();
    let call = async |verb: &str, version: &str| -> Result<Finished> {
        let call = helm.command().args([verb, "shop"]).arg(&chart).args(["-n", &namespace, "--set", version]);
        call.run().await
    };

    call("install", "version=1").await?.expect_success()?;
    let first = setup.namespace.jobs().get("migrate").await?;
    setup.namespace.succeed(&first).await?;
    let failed = call("upgrade", "version=2").await?;
    ensure!(
        failed.code() != Some(0) && failed.stderr().contains("field is immutable"),
        "{}",
        failed.stderr()
    );
    setup.leaves(&["migrate"]).await?;

    let swept = setup.sweep().args(["--release", "shop", "-ojson"]).run().await?.expect_success()?;
    swept.reports("migrate", "deleted", "succeeded")?;
    setup.leaves(&[]).await?;
    call("upgrade", "version=2").await?.expect_success()?;
    let second = setup.namespace.jobs().get("migrate").await?;
    ensure!(second.metadata.uid != first.metadata.uid, "it is another Job");
    setup.leaves(&["migrate"]).await
}
