//! `--unblock` beside the cleanup in each of its forms: neither disturbs the other.

use std::fs;

use anyhow::{Result, ensure};
use jobsweep_harness::helm::Wait;
use jobsweep_harness::node::Node;
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::release::{JOBSWEEP, Release};
use crate::unblock::{unblocked, with_shop};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        an_injected_cleanup_and_it_do_not_disturb_each_other,
        the_chart_and_it_do_not_disturb_each_other,
        a_sweep_at_any_time_does_not_disturb_it
    ]
}

pub(crate) async fn an_injected_cleanup_and_it_do_not_disturb_each_other(
    node: &Node,
    helm: HelmVersion,
) -> Result<()> {
    let shop = logged(unblocked(with_shop(node, helm, Wait::No).await?));
    let shop = shop.post_renderer_args(&["--inject-cleanup", "--default-policy=hook-succeeded"]);
    for version in 1..=3 {
        shop.upgrade(version).await?.expect_success()?;
        // Without a hook the cleanup goes on, and the next upgrade comes in the midst of it.
        if helm.is_4() {
            nothing_was_in_the_way(&shop)?;
            ensure!(!shop.namespace.names().await?.contains(&"migrate".to_owned()));
        }
    }
    if !helm.is_4() {
        shop.swept().await?;
    }
    Ok(())
}

pub(crate) async fn the_chart_and_it_do_not_disturb_each_other(node: &Node, helm: HelmVersion) -> Result<()> {
    let shop = logged(unblocked(with_shop(node, helm, Wait::Both).await?));
    shop.depend_on_jobsweep().await?;
    let shop = shop.set(r"policy.helm\.sh/hook-delete-policy=hook-succeeded");
    for version in 1..=2 {
        shop.upgrade(version).await?.expect_success()?;
        nothing_was_in_the_way(&shop)?;
        ensure!(!shop.namespace.names().await?.contains(&"migrate".to_owned()));
    }
    // Now the migration stays until it is in the way, and its upgrade has the choice of two who delete it.
    let shop = shop.set("jobsweep.when=before");
    for version in 3..=4 {
        shop.upgrade(version).await?.expect_success()?;
        shop.migrated().await?;
    }
    let said = fs::read_to_string(log(&shop))?;
    ensure!(said.matches("deleted Job").count() == 1, "{said}");
    Ok(())
}

/// As a schedule may let it come: Helm does not wait here, since a sweep disturbs that.
pub(crate) async fn a_sweep_at_any_time_does_not_disturb_it(node: &Node, helm: HelmVersion) -> Result<()> {
    let shop = with_shop(node, helm, Wait::No).await?;
    let shop = unblocked(shop).set(r"policy.helm\.sh/hook-delete-policy=hook-succeeded");
    let upgrades = async {
        for version in 1..=4 {
            shop.upgrade(version).await?.expect_success()?;
        }
        anyhow::Ok(())
    };
    let sweeps = async {
        loop {
            let sweep = Program::new(JOBSWEEP).args(["--cleanup", "--once", "--before-hook-creation"]);
            let sweep =
                sweep.args(["-n", &shop.namespace.name, "--kubeconfig"]).arg(node.cluster.kubeconfig());
            if let Err(error) = async { sweep.run().await?.expect_success() }.await {
                return error;
            }
        }
    };
    tokio::select! {
        done = upgrades => done,
        error = sweeps => Err(error),
    }
}

fn logged(shop: Release<'_>) -> Release<'_> {
    let log = format!("--log-file={}", log(&shop).display());
    shop.post_renderer_args(&[&log])
}

fn log(shop: &Release<'_>) -> std::path::PathBuf {
    shop.file("jobsweep.log")
}

/// `--unblock` has found nothing to do: it only says who calls.
fn nothing_was_in_the_way(shop: &Release<'_>) -> Result<()> {
    let said = fs::read_to_string(log(shop))?;
    ensure!(said.lines().all(|line| line.contains(" called by helm ")), "{said}");
    Ok(())
}
