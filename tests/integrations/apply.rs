//! `examples/apply/apply.sh`: sweeps, then applies a chart with kubectl.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace, rule};
use jobsweep_harness::helm::{Helm, write_chart};
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::{self, HelmVersion};
use jobsweep_harness::{trials, trials::Trial};

use crate::example_jobs::{has, image, open, replaced};
use crate::setup::{jobsweep_folder, repository, shop};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        changed_jobs_are_applied_again_and_again,
        without_the_sweep_the_second_apply_fails,
        a_failure_before_the_sweep_leaves_everything_as_it_is,
    ]
}

const JOBS: [&str; 2] = ["shop-migration", "shop-preparation"];
const SWEEP: &str = "jobsweep --cleanup ";

/// The script, and a ServiceAccount with only the rights that the script needs.
struct Deployer {
    helm: Helm,
    namespace: Namespace,
    script: PathBuf,
}

impl Deployer {
    async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let namespace = cluster.namespace().await?;
        let user = namespace.user("deployer").await?;
        let rules = vec![
            rule("batch", "jobs", &["get", "list", "watch", "create", "patch", "delete"]),
            rule("", "configmaps", &["get", "create", "patch"]),
        ];
        namespace.allow(&user, rules).await?;
        let helm = Helm::new(version)?.kubeconfig(&user.kubeconfig);
        let programs = [helm.program().to_owned(), tools::kubectl()?];
        let folders = programs.iter().filter_map(|program| program.parent());
        let helm = folders.fold(helm.clone(), Helm::on_path).on_path(jobsweep_folder()?);
        open(&namespace).await?;
        Ok(Self { helm, namespace, script: repository("examples/apply/apply.sh") })
    }

    fn apply(&self, chart: &Path, revision: usize) -> Program {
        let script = self.helm.command_by("sh").arg(&self.script).arg("shop").arg(chart);
        let values = ["--set", "preparation.enabled=true", "--set"];
        script.arg(&self.namespace.name).args(values).arg(image(revision))
    }

    async fn applied(&self, revision: usize) -> Result<()> {
        self.apply(&shop(), revision).run().await?.expect_success()?;
        has(&self.namespace, revision, &JOBS).await
    }

    /// Ends both Jobs. The hook may fail, because its policy has `before-hook-creation`.
    async fn finish(&self, preparation_fails: bool) -> Result<()> {
        let (jobs, namespace) = (self.namespace.jobs(), &self.namespace);
        namespace.succeed(&jobs.get("shop-migration").await?).await?;
        let preparation = jobs.get("shop-preparation").await?;
        if preparation_fails {
            namespace.fail(&preparation).await
        } else {
            namespace.succeed(&preparation).await
        }
    }
}

pub(crate) async fn changed_jobs_are_applied_again_and_again(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let deployer = Deployer::new(cluster, version).await?;
    deployer.applied(1).await?;
    for revision in 2..=4 {
        deployer.finish(revision == 3).await?;
        let before = deployer.namespace.uids().await?;
        deployer.applied(revision).await?;
        replaced(&before, &deployer.namespace.uids().await?, &JOBS)?;
    }
    Ok(())
}

pub(crate) async fn without_the_sweep_the_second_apply_fails(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let mut deployer = Deployer::new(cluster, version).await?;
    let whole = fs::read_to_string(&deployer.script)?;
    let without: Vec<&str> = whole.lines().filter(|line| !line.starts_with(SWEEP)).collect();
    ensure!(without.len() + 1 == whole.lines().count(), "the script sweeps in one line:\n{whole}");
    let swept = std::mem::replace(&mut deployer.script, deployer.helm.home().join("without-sweep.sh"));
    fs::write(&deployer.script, without.join("\n"))?;

    deployer.applied(1).await?;
    deployer.finish(false).await?;
    let before = deployer.namespace.uids().await?;
    let failed = deployer.apply(&shop(), 2).run().await?.expect_code(1)?;
    ensure!(failed.stderr().matches("field is immutable").count() == JOBS.len(), "{}", failed.stderr());
    ensure!(deployer.namespace.uids().await? == before);
    has(&deployer.namespace, 1, &JOBS).await?;

    deployer.script = swept;
    deployer.applied(2).await
}

pub(crate) async fn a_failure_before_the_sweep_leaves_everything_as_it_is(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let deployer = Deployer::new(cluster, version).await?;
    deployer.applied(1).await?;
    deployer.finish(false).await?;
    let before = deployer.namespace.uids().await?;

    let charts = deployer.helm.home();
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations:\n    \
               helm.sh/hook-delete-policy: hook-failed\n";
    let twice = format!("{job}    helm.sh/hook-delete-policy: hook-failed\n");
    for (name, template, code, said) in [
        ("unrenderable", "{{ fail \"no such shop\" }}", 1, "no such shop"),
        ("refused", &twice, 65, "duplicate key helm.sh/hook-delete-policy"),
    ] {
        let chart = charts.join(name);
        write_chart(&chart, name, &[("templates/job.yaml", template)])?;
        let failed = deployer.apply(&chart, 2).run().await?.expect_code(code)?;
        ensure!(failed.stderr().contains(said), "{}", failed.stderr());
        let after = deployer.namespace.uids().await.context("listed")?;
        ensure!(after == before, "{name}: {after:?} instead of {before:?}");
    }
    Ok(())
}
