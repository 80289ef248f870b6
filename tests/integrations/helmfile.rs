//! `examples/helmfile.yaml`: jobsweep as helmfile's post-renderer.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::{self, HelmVersion};
use jobsweep_harness::{trials, trials::Trial};

use crate::example_jobs::{has, image, open, replaced};
use crate::setup::{helm_with_jobsweep, repository, shop};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        changed_jobs_are_synced_again_and_again,
        without_unblock_the_second_sync_fails,
        a_template_deletes_nothing
    ]
}

pub(crate) const JOB: [&str; 1] = ["shop-migration"];

/// A helmfile whose Helm has jobsweep, and a namespace for the example.
pub(crate) struct Helmfile {
    pub(crate) helm: Helm,
    pub(crate) namespace: Namespace,
}

impl Helmfile {
    pub(crate) async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let namespace = cluster.namespace().await?;
        let helm = helm_with_jobsweep(version).await?.kubeconfig(cluster.kubeconfig());
        let folder = helm.program().parent().context("a program lies in a folder")?.to_owned();
        let helm = helm.on_path(folder);
        open(&namespace).await?;
        symlink(shop(), helm.home().join("chart"))?;
        let helmfile = Self { helm, namespace };
        helmfile.write(|_| ())?;
        Ok(helmfile)
    }

    /// Writes the example without some lines of its release.
    fn write(&self, leave_out: impl Fn(&mut serde_yaml::Mapping)) -> Result<()> {
        let example = fs::read_to_string(repository("examples/helmfile.yaml"))?;
        let mut file: serde_yaml::Value = serde_yaml::from_str(&example)?;
        let release = file["releases"][0].as_mapping_mut().context("a release")?;
        ensure!(release.insert("namespace".into(), self.namespace.name.as_str().into()).is_some());
        leave_out(release);
        fs::write(self.file(), serde_yaml::to_string(&file)?)?;
        Ok(())
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.helm.home().join("helmfile.yaml")
    }

    fn sync(&self, revision: usize, values: &[&str]) -> Result<Program> {
        let sync = self.helm.command_by(tools::helmfile()?).arg("--file").arg(self.file());
        Ok(sync.args(["sync", "--set"]).arg(image(revision)).args(values))
    }

    pub(crate) async fn synced(&self, revision: usize, values: &[&str]) -> Result<()> {
        self.sync(revision, values)?.run().await?.expect_success()?;
        has(&self.namespace, revision, &JOB).await
    }
}

pub(crate) async fn changed_jobs_are_synced_again_and_again(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let helmfile = Helmfile::new(cluster, version).await?;
    let (namespace, jobs) = (&helmfile.namespace, helmfile.namespace.jobs());
    helmfile.synced(1, &[]).await?;
    // How the previous Job ended, and the policy of the next one.
    for (revision, failed, policy) in
        [(2, false, ""), (3, true, "before-hook-creation"), (4, false, "hook-succeeded")]
    {
        let job = jobs.get("shop-migration").await?;
        if failed {
            namespace.fail(&job).await?;
        } else {
            namespace.succeed(&job).await?;
        }
        let before = namespace.uids().await?;
        helmfile.synced(revision, &["--set", &format!("migration.policy={policy}")]).await?;
        replaced(&before, &namespace.uids().await?, &JOB)?;
    }
    Ok(())
}

pub(crate) async fn without_unblock_the_second_sync_fails(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let helmfile = Helmfile::new(cluster, version).await?;
    helmfile.write(|release| {
        release.retain(|key, _| !key.as_str().is_some_and(|key| key.starts_with("postRenderer")));
    })?;
    helmfile.synced(1, &[]).await?;
    let namespace = &helmfile.namespace;
    namespace.succeed(&namespace.jobs().get("shop-migration").await?).await?;
    let before = namespace.uids().await?;
    let failed = helmfile.sync(2, &[])?.run().await?;
    let said = failed.stderr() + failed.stdout();
    ensure!(failed.code() == Some(1), "{} {said}", failed.status);
    ensure!(said.contains("field is immutable"), "{said}");
    ensure!(namespace.uids().await? == before);
    has(namespace, 1, &JOB).await?;

    helmfile.write(|_| ())?;
    helmfile.synced(2, &[]).await
}

pub(crate) async fn a_template_deletes_nothing(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let helmfile = Helmfile::new(cluster, version).await?;
    helmfile.synced(1, &[]).await?;
    let namespace = &helmfile.namespace;
    namespace.succeed(&namespace.jobs().get("shop-migration").await?).await?;
    let before = namespace.uids().await?;
    let template = helmfile.helm.command_by(tools::helmfile()?).arg("--file").arg(helmfile.file());
    template.args(["template", "--set"]).arg(image(2)).run().await?.expect_success()?;
    ensure!(namespace.uids().await? == before);
    Ok(())
}
