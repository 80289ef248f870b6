//! The chart `jobsweep` as a dependency of a chart with a migration.

use anyhow::{Result, ensure};
use jobsweep_harness::helm::Wait;
use jobsweep_harness::node::Node;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::release::{MIGRATION, Release};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        without_it_an_upgrade_fails,
        after_every_change_the_migration_is_swept,
        before_every_change_the_migration_is_swept,
    ]
}

/// The annotation that the author of a chart writes.
const POLICY: &str = r"policy.kots\.io/hook-delete-policy=hook-succeeded";

pub(crate) async fn without_it_an_upgrade_fails(node: &Node, helm: HelmVersion, wait: Wait) -> Result<()> {
    let shop = Release::new(node, helm, wait).await?.set(POLICY);
    shop.upgrade(1).await?.expect_success()?;
    shop.migrated().await?;
    let upgrade = shop.upgrade(2).await?.expect_code(1)?;
    ensure!(upgrade.stderr().contains("field is immutable"), "{}", upgrade.stderr());
    shop.leaves(&MIGRATION).await
}

pub(crate) async fn after_every_change_the_migration_is_swept(
    node: &Node,
    helm: HelmVersion,
    wait: Wait,
) -> Result<()> {
    let shop = Release::new(node, helm, wait).await?.set(POLICY);
    shop.depend_on_jobsweep().await?;
    for version in 1..=6 {
        shop.upgrade(version).await?.expect_success()?;
        shop.leaves(&[]).await?;
    }
    shop.rollback(1).await?.expect_success()?;
    shop.leaves(&[]).await?;
    shop.uninstall().await?;
    shop.leaves(&[]).await
}

pub(crate) async fn before_every_change_the_migration_is_swept(
    node: &Node,
    helm: HelmVersion,
    wait: Wait,
) -> Result<()> {
    let shop = Release::new(node, helm, wait).await?.set(POLICY).set("jobsweep.when=before");
    shop.depend_on_jobsweep().await?;
    for version in 1..=6 {
        shop.upgrade(version).await?.expect_success()?;
        shop.migrated().await?;
        shop.leaves(&MIGRATION).await?;
    }
    shop.rollback(1).await?.expect_success()?;
    shop.migrated().await?;
    shop.leaves(&MIGRATION).await?;
    shop.uninstall().await?;
    shop.leaves(&[]).await
}
