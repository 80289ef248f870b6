//! A chart applied without Helm's hooks, where its hook Job is an ordinary Job.

use anyhow::{Result, ensure};
use jobsweep_harness::helm::Wait;
use jobsweep_harness::node::Node;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::release::{JOBSWEEP, Release};
use crate::setup::{example, kubectl_in, log_of_finished};

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_sweep_before_the_next_apply_lets_it_pass, an_injected_cleanup_lets_the_next_apply_pass,]
}

const HOOK: &str = r"policy.helm\.sh/hook=pre-upgrade,policy.helm\.sh/hook-delete-policy=hook-succeeded";

pub(crate) async fn a_sweep_before_the_next_apply_lets_it_pass(node: &Node, helm: HelmVersion) -> Result<()> {
    let shop = Release::new(node, helm, Wait::No).await?.set(HOOK);
    let apply = async |version, args: &[&str]| apply(node, &shop, version, args).await;
    apply(1, &[]).await?.expect_success()?;
    shop.migrated().await?;
    let blocked = apply(2, &[]).await?.expect_code(1)?;
    ensure!(blocked.stderr().contains("field is immutable"), "{}", blocked.stderr());

    for version in 2..=4 {
        // The shipped manifest. The Job of the last sweep may still exist.
        let again = ["replace", "--force", "-f"];
        kubectl_in(&node.cluster, &shop.namespace)?
            .args(again)
            .arg(example("cleanup-job.yaml"))
            .run()
            .await?;
        log_of_finished(&shop.namespace, "jobsweep").await?;
        ensure!(shop.namespace.names().await? == ["jobsweep"]);
        apply(version, &[]).await?.expect_success()?;
        shop.migrated().await?;
    }
    Ok(())
}

pub(crate) async fn an_injected_cleanup_lets_the_next_apply_pass(
    node: &Node,
    helm: HelmVersion,
) -> Result<()> {
    let shop = Release::new(node, helm, Wait::No).await?.set(HOOK);
    for version in 1..=4 {
        apply(node, &shop, version, &["--inject-cleanup"]).await?.expect_success()?;
        shop.swept().await?;
    }
    Ok(())
}

/// `helm template … | jobsweep … | kubectl apply -f -`
async fn apply(node: &Node, shop: &Release<'_>, version: u32, args: &[&str]) -> Result<Finished> {
    let rendered = shop.template(version).await?;
    let translated = Program::new(JOBSWEEP).args(args).stdin(rendered).run().await?.expect_success()?;
    let apply = kubectl_in(&node.cluster, &shop.namespace)?.args(["apply", "-f", "-"]);
    apply.stdin(translated.stdout).run().await
}
