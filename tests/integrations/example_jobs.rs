//! The example chart's two Jobs in a cluster, an ordinary one and a hook, and an unrelated Job.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::Namespace;
use jobsweep_harness::jobs::job;
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;

/// A Job that does not belong to the chart and must not change.
pub(crate) const STRANGER: &str = "report";

/// Creates the finished unrelated Job.
pub(crate) async fn open(namespace: &Namespace) -> Result<()> {
    let report = namespace.create(job(STRANGER)).await?;
    namespace.succeed(&report).await
}

/// The value that makes the Jobs of each revision differ.
pub(crate) fn image(revision: usize) -> String {
    format!("image=example.com/shop:{revision}")
}

/// Checks that exactly these Jobs, in this revision, and the unrelated one exist.
pub(crate) async fn has(namespace: &Namespace, revision: usize, names: &[&str]) -> Result<()> {
    let mut expected = names.to_vec();
    expected.push(STRANGER);
    expected.sort_unstable();
    ensure!(namespace.names().await? == expected, "{:?}", namespace.names().await?);
    for name in names {
        let found = image_of(&namespace.jobs().get(name).await?);
        ensure!(
            found.as_deref() == Some(&format!("example.com/shop:{revision}")),
            "{name} has the image {found:?} in revision {revision}"
        );
    }
    Ok(())
}

fn image_of(job: &Job) -> Option<String> {
    job.spec.as_ref()?.template.spec.as_ref()?.containers.first()?.image.clone()
}

/// Checks that all these Jobs were replaced, and the unrelated one was not.
pub(crate) fn replaced(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    names: &[&str],
) -> Result<()> {
    ensure!(before.get(STRANGER) == after.get(STRANGER), "the stranger's Job was touched");
    for &name in names {
        let (old, new) = (before.get(name).context(name.to_owned())?, after.get(name));
        ensure!(new.is_some_and(|new| new != old), "{name} is the same Job as before");
    }
    Ok(())
}
