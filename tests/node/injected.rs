//! The cleanup injected into a chart that does not know jobsweep, for each way that Helm can wait.

use anyhow::{Result, ensure};
use jobsweep_harness::helm::Wait;
use jobsweep_harness::node::Node;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::release::{MIGRATION, Release};

pub(crate) fn trials() -> Vec<Trial> {
    trials![after_every_change_the_migration_is_swept, before_every_change_the_migration_is_swept,]
}

/// The chart's hook, which Helm replaces at every upgrade.
const PREPARATION: [&str; 2] = ["job.batch/prepare", "pod/prepare"];
const BOTH: [&str; 4] = [MIGRATION[0], PREPARATION[0], MIGRATION[1], PREPARATION[1]];

pub(crate) async fn after_every_change_the_migration_is_swept(
    node: &Node,
    helm: HelmVersion,
    wait: Wait,
) -> Result<()> {
    let shop = untouched(node, helm, wait).await?;
    match wait {
        _ if helm.is_4() => as_a_hook(&shop).await,
        Wait::Both => helm_misses_the_job_that_it_waits_for(&shop).await,
        _ => as_an_ordinary_job(&shop).await,
    }
}

async fn as_a_hook(shop: &Release<'_>) -> Result<()> {
    for version in 1..=4 {
        let upgrade = shop.upgrade(version).await?.expect_success()?;
        ensure!(upgrade.stderr().contains("1 deleted"), "Helm does not show it: {}", upgrade.stderr());
        shop.leaves(&PREPARATION).await?;
    }
    shop.rollback(1).await?.expect_success()?;
    shop.leaves(&PREPARATION).await?;
    shop.uninstall().await?;
    shop.leaves(&PREPARATION).await
}

/// Helm returns before the cleanup has run.
async fn as_an_ordinary_job(shop: &Release<'_>) -> Result<()> {
    for version in 1..=4 {
        shop.upgrade(version).await?.expect_success()?;
        shop.swept().await?;
    }
    shop.rollback(1).await?.expect_success()?;
    shop.swept().await?;
    shop.uninstall().await?;
    shop.leaves(&PREPARATION).await
}

async fn helm_misses_the_job_that_it_waits_for(shop: &Release<'_>) -> Result<()> {
    let install = shop.upgrade(1).await?.expect_code(1)?;
    ensure!(install.stderr().contains(r#"jobs.batch "migrate" not found"#), "{}", install.stderr());
    ensure!(shop.status().await? == "failed");
    Ok(())
}

pub(crate) async fn before_every_change_the_migration_is_swept(
    node: &Node,
    helm: HelmVersion,
    wait: Wait,
) -> Result<()> {
    let shop = untouched(node, helm, wait).await?.post_renderer_args(&["--cleanup-when=before"]);
    if !helm.is_4() {
        let install = shop.upgrade(1).await?.expect_code(1)?;
        ensure!(install.stderr().contains("--cleanup-when before needs"), "{}", install.stderr());
        return shop.leaves(&[]).await;
    }
    for version in 1..=4 {
        shop.upgrade(version).await?.expect_success()?;
        shop.migrated().await?;
        shop.leaves(&BOTH).await?;
    }
    shop.rollback(1).await?.expect_success()?;
    shop.migrated().await?;
    shop.leaves(&BOTH).await?;
    shop.uninstall().await?;
    shop.leaves(&PREPARATION).await
}

async fn untouched<'a>(node: &'a Node, helm: HelmVersion, wait: Wait) -> Result<Release<'a>> {
    let shop = Release::new(node, helm, wait).await?.set("prepare=true").args(&["--post-renderer=jobsweep"]);
    Ok(shop.post_renderer_args(&["--inject-cleanup", "--default-policy=hook-succeeded"]))
}
