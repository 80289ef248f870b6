//! `examples/apply/apply.sh`: a chart applied by kubectl once the way is clear.

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
        a_job_that_has_not_changed_does_not_run_again,
        a_job_that_may_not_go_stops_all_of_it,
        without_unblock_the_second_apply_fails,
        a_chart_that_cannot_be_applied_leaves_everything_as_it_is
    ]
}

const JOBS: [&str; 2] = ["shop-migration", "shop-preparation"];
const UNBLOCK: &str = r#" --unblock --namespace "$namespace""#;

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
            rule("batch", "jobs", &["get", "create", "update", "patch", "delete"]),
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

/// A changed image changes both, another command one of them.
pub(crate) async fn a_job_that_has_not_changed_does_not_run_again(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let deployer = Deployer::new(cluster, version).await?;
    deployer.applied(1).await?;
    deployer.finish(false).await?;
    let before = deployer.namespace.uids().await?;
    deployer.applied(1).await?;
    ensure!(deployer.namespace.uids().await? == before);

    let change = deployer.apply(&shop(), 1).args(["--set", "migration.command={other}"]);
    change.run().await?.expect_success()?;
    let mut after = deployer.namespace.uids().await?;
    replaced(&before, &after, &JOBS[..1])?;
    after.insert(JOBS[0].to_owned(), before[JOBS[0]].clone());
    ensure!(after == before);
    Ok(())
}

/// The plain Job has failed, which its policy does not name; the other one could go.
pub(crate) async fn a_job_that_may_not_go_stops_all_of_it(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let deployer = Deployer::new(cluster, version).await?;
    deployer.applied(1).await?;
    let (jobs, namespace) = (deployer.namespace.jobs(), &deployer.namespace);
    namespace.fail(&jobs.get("shop-migration").await?).await?;
    namespace.succeed(&jobs.get("shop-preparation").await?).await?;
    let before = namespace.uids().await?;
    let failed = deployer.apply(&shop(), 2).run().await?.expect_code(6)?;
    ensure!(failed.stderr().contains("nothing was deleted"), "{}", failed.stderr());
    ensure!(namespace.uids().await? == before);
    has(namespace, 1, &JOBS).await
}

pub(crate) async fn without_unblock_the_second_apply_fails(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let mut deployer = Deployer::new(cluster, version).await?;
    let whole = fs::read_to_string(&deployer.script)?;
    ensure!(whole.matches(UNBLOCK).count() == 1, "{whole}");
    let shipped = std::mem::replace(&mut deployer.script, deployer.helm.home().join("without.sh"));
    fs::write(&deployer.script, whole.replace(UNBLOCK, ""))?;

    deployer.applied(1).await?;
    deployer.finish(false).await?;
    let before = deployer.namespace.uids().await?;
    let failed = deployer.apply(&shop(), 2).run().await?.expect_code(1)?;
    ensure!(failed.stderr().matches("field is immutable").count() == JOBS.len(), "{}", failed.stderr());
    ensure!(deployer.namespace.uids().await? == before);
    has(&deployer.namespace, 1, &JOBS).await?;

    deployer.script = shipped;
    deployer.applied(2).await
}

pub(crate) async fn a_chart_that_cannot_be_applied_leaves_everything_as_it_is(
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
