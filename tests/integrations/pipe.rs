//! `helm template | jobsweep --unblock | kubectl apply`

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, kubectl};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::example_jobs::{has, image, open, replaced};
use crate::setup::{JOBSWEEP, shop, template};

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_changed_job_is_applied_from_the_clients_side, a_changed_job_is_applied_from_the_servers_side]
}

const MIGRATION: &str = "shop-migration";
const PREPARATION: &str = "shop-preparation";

/// Where the chart goes, and how kubectl applies it there.
struct Pipe<'a> {
    cluster: &'a ControlPlane,
    helm: Helm,
    namespace: Namespace,
    apply: &'static [&'static str],
}

impl<'a> Pipe<'a> {
    async fn new(
        cluster: &'a ControlPlane,
        version: HelmVersion,
        apply: &'static [&'static str],
    ) -> Result<Self> {
        let namespace = cluster.namespace().await?;
        open(&namespace).await?;
        Ok(Self { cluster, helm: Helm::new(version)?, namespace, apply })
    }

    async fn run(&self, revision: usize, values: &[&str], jobsweep: &[&str]) -> Result<Finished> {
        let rendered = template(&self.helm, &shop()).args(["--set", "preparation.enabled=true", "--set"]);
        let rendered = rendered.arg(image(revision)).args(values).run().await?.expect_success()?;
        let jobsweep = Program::new(JOBSWEEP).args(jobsweep).env("KUBECONFIG", self.cluster.kubeconfig());
        let manifests = jobsweep.stdin(rendered.stdout).run().await?.expect_success()?;
        let apply =
            kubectl(&self.cluster.kubeconfig())?.args(["apply", "-n", &self.namespace.name, "-f", "-"]);
        apply.args(self.apply).stdin(manifests.stdout).run().await
    }
}

pub(crate) async fn a_changed_job_is_applied_from_the_clients_side(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    applied_again_and_again(&Pipe::new(cluster, version, &[]).await?).await
}

pub(crate) async fn a_changed_job_is_applied_from_the_servers_side(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    applied_again_and_again(&Pipe::new(cluster, version, &["--server-side"]).await?).await
}

async fn applied_again_and_again(pipe: &Pipe<'_>) -> Result<()> {
    let namespace = &pipe.namespace;
    let unblock = ["--unblock", "-n", &namespace.name];
    pipe.run(1, &[], &unblock).await?.expect_success()?;
    for revision in 2..=3 {
        for job in [MIGRATION, PREPARATION] {
            namespace.succeed(&namespace.jobs().get(job).await?).await?;
        }
        let blocked = pipe.run(revision, &[], &[]).await?.expect_code(1)?;
        ensure!(blocked.stderr().matches("field is immutable").count() == 2, "{}", blocked.stderr());
        let before = namespace.uids().await?;
        pipe.run(revision, &[], &unblock).await?.expect_success()?;
        has(namespace, revision, &[MIGRATION, PREPARATION]).await?;
        replaced(&before, &namespace.uids().await?, &[MIGRATION, PREPARATION])?;
    }

    // One of them runs, and has not changed.
    namespace.succeed(&namespace.jobs().get(MIGRATION).await?).await?;
    let before = namespace.uids().await?;
    pipe.run(3, &["--set", "migration.command={other}"], &unblock).await?.expect_success()?;
    let after = namespace.uids().await?;
    replaced(&before, &after, &[MIGRATION])?;
    ensure!(before.get(PREPARATION).context("it was there")? == &after[PREPARATION]);
    Ok(())
}
