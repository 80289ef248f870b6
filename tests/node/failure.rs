//! A migration that fails, with the chart `jobsweep` as a dependency.

use anyhow::{Context, Result, ensure};
use jobsweep_harness::helm::Wait;
use jobsweep_harness::node::Node;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::release::{MIGRATION, Release};
use crate::setup;

pub(crate) fn trials() -> Vec<Trial> {
    trials![it_is_swept_and_its_log_shown,]
}

const CLEANUP: &str = "shop-jobsweep-after";

pub(crate) async fn it_is_swept_and_its_log_shown(node: &Node, helm: HelmVersion, wait: Wait) -> Result<()> {
    let shop = failing(node, helm, wait).await?;
    if wait == Wait::Both {
        return it_stays_where_helm_waits_for_it(&shop).await;
    }
    let install = shop.upgrade(1).await?.expect_success()?;
    for said in ["| no such table", "deleted ", "BackoffLimitExceeded"] {
        ensure!(install.stderr().contains(said), "Helm does not show {said:?}: {}", install.stderr());
    }
    ensure!(shop.status().await? == "deployed");
    shop.leaves(&[]).await?;

    // Now the failed migration fails the upgrade too.
    let shop = shop.set("jobsweep.failOnFailed=true");
    let upgrade = shop.upgrade(2).await?.expect_code(1)?;
    ensure!(upgrade.stderr().contains("| no such table"), "{}", upgrade.stderr());
    ensure!(shop.status().await? == "failed");
    shop.leaves(&[&format!("job.batch/{CLEANUP}"), &format!("pod/{CLEANUP}")]).await?;
    let pods = setup::pods_of(&shop.namespace, CLEANUP).await?;
    let pod = pods.first().context("its pod is left for its log")?;
    ensure!(setup::exit_code(pod) == Some(3), "{:?}", pod.status);
    ensure!(setup::log_of(&shop.namespace, pod).await?.contains("| no such table"));

    shop.upgrade_with(3, &["--set", "script=true"]).await?.expect_success()?;
    ensure!(shop.status().await? == "deployed");
    // The migration succeeded, and its policy names only failures.
    shop.leaves(&MIGRATION).await
}

/// Helm gives up before the hook runs. The failed Job blocks the next upgrade, unless that sweeps before it applies.
async fn it_stays_where_helm_waits_for_it(shop: &Release<'_>) -> Result<()> {
    shop.upgrade_with(1, &["--timeout=20s"]).await?.expect_code(1)?;
    ensure!(shop.status().await? == "failed");
    shop.leaves(&MIGRATION).await?;
    let upgrade = shop.upgrade_with(2, &["--timeout=20s"]).await?.expect_code(1)?;
    ensure!(upgrade.stderr().contains("field is immutable"), "{}", upgrade.stderr());
    shop.upgrade_with(2, &["--set", "script=true,jobsweep.when=both"]).await?.expect_success()?;
    ensure!(shop.status().await? == "deployed");
    shop.leaves(&MIGRATION).await
}

async fn failing<'a>(node: &'a Node, helm: HelmVersion, wait: Wait) -> Result<Release<'a>> {
    let shop = Release::new(node, helm, wait).await?;
    shop.depend_on_jobsweep().await?;
    let shop = shop.set(r"policy.kots\.io/hook-delete-policy=hook-failed,script=echo no such table; exit 1");
    Ok(shop.set("jobsweep.logTail=5"))
}
