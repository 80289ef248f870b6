//! Files of this repository, and Jobs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::Namespace;
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::kube::api::ListParams;
use jobsweep_harness::{jobs, wait};

pub(crate) const JOBSWEEP: &str = env!("CARGO_BIN_EXE_jobsweep");

/// How long several pods may take on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(300);

/// The Job of the chart `shop`.
pub(crate) const MIGRATE: &str = "migrate";

pub(crate) fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn jobsweep_folder() -> Result<&'static Path> {
    Path::new(JOBSWEEP).parent().context("a program lies in a folder")
}

/// Copies a folder with everything below it.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The migration after it has ended. Its image shows the version of the chart.
pub(crate) async fn migrated(namespace: &Namespace, version: u32) -> Result<Job> {
    let job = format!("the end of version {version} of the migration");
    wait::within(LONG, &job, || async {
        let job = namespace.jobs().get_opt(MIGRATE).await?;
        Ok(job.filter(|job| has_migrated(job, version)))
    })
    .await
}

fn has_migrated(job: &Job, version: u32) -> bool {
    image(job).ends_with(&format!(":{version}")) && jobs::has_condition(job, "Complete")
}

/// Applies versions with a hash in the names. A changed Job replaces the only one, and one that has not changed stays.
pub(crate) async fn each_version_has_its_own_job(
    namespace: &Namespace,
    apply: impl AsyncFn(u32) -> Result<()>,
) -> Result<()> {
    let applied = async |version| {
        apply(version).await?;
        let job = format!("the migration of version {version} as the only Job");
        wait::within(LONG, &job, || async {
            let jobs = namespace.jobs().list(&ListParams::default()).await?.items;
            let [job] = &jobs[..] else { return Ok(None) };
            Ok(has_migrated(job, version).then(|| job.metadata.clone()))
        })
        .await
    };
    let first = applied(2).await?;
    ensure!(applied(2).await?.uid == first.uid, "an unchanged Job was replaced");
    ensure!(applied(3).await?.name != first.name, "a changed Job kept its name");
    let back = applied(2).await?;
    ensure!(back.name == first.name && back.uid != first.uid, "{back:?}");
    Ok(())
}

/// The migration once its pod runs.
pub(crate) async fn running(namespace: &Namespace) -> Result<Job> {
    wait::within(LONG, "the migration to run", || async {
        let job = namespace.jobs().get_opt(MIGRATE).await?;
        Ok(job.filter(|job| job.status.as_ref().is_some_and(|status| status.ready == Some(1))))
    })
    .await
}

/// Waits until these Jobs are left. Hooks are deleted shortly after the end of a sync.
pub(crate) async fn leaves(namespace: &Namespace, names: &[&str]) -> Result<()> {
    wait::until(&format!("only {names:?} to be left"), || async {
        Ok((namespace.names().await? == names).then_some(()))
    })
    .await
}

fn image(job: &Job) -> &str {
    let pod = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    pod.and_then(|pod| pod.containers.first()?.image.as_deref()).unwrap_or_default()
}

pub(crate) fn uid(job: &Job) -> &str {
    job.metadata.uid.as_deref().unwrap_or_default()
}

pub(crate) fn policy(job: &Job) -> &str {
    let annotations = job.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get("kots.io/hook-delete-policy")).map_or("", String::as_str)
}
