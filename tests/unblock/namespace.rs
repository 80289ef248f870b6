//! Where the Jobs are looked for.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::process::Program;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{BOTH, Setup, changed, says, stream};

pub fn trials() -> Vec<Trial> {
    trials![
        the_manifests_own_namespace_counts_first,
        helms_variable_counts_where_no_flag_is_given,
        without_a_namespace_nothing_is_asked,
        of_two_namespaces_the_last_counts,
    ]
}

/// The call under test, told its namespaces by nobody but the test.
fn unblock(setup: &Setup<'_>, text: &str) -> Program {
    setup.unblock_anywhere(text).arg("--kubeconfig").arg(&setup.user.kubeconfig)
}

async fn the_manifests_own_namespace_counts_first(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("a").policy(BOTH), Outcome::Succeeded).await?;
    let mut manifest = changed(job("a").policy(BOTH))?;
    manifest["metadata"]["namespace"] = setup.namespace.name.as_str().into();
    let unblock = unblock(&setup, &stream(&[manifest])).env("HELM_NAMESPACE", "elsewhere");
    setup.passes(unblock.arg("--namespace=elsewhere").run().await?, &["a"]).await?;
    Ok(())
}

async fn helms_variable_counts_where_no_flag_is_given(cluster: &ControlPlane) -> Result<()> {
    let text = stream(&[changed(job("a").policy(BOTH))?]);
    let setup = Setup::new(cluster).await?;
    setup.finished(job("a").policy(BOTH), Outcome::Succeeded).await?;
    let by_variable = unblock(&setup, &text).env("HELM_NAMESPACE", &setup.namespace.name);
    setup.passes(by_variable.run().await?, &["a"]).await?;

    let setup = Setup::new(cluster).await?;
    setup.finished(job("a").policy(BOTH), Outcome::Succeeded).await?;
    let by_flag = unblock(&setup, &text).env("HELM_NAMESPACE", "elsewhere");
    setup.passes(by_flag.args(["-n", &setup.namespace.name]).run().await?, &["a"]).await?;
    Ok(())
}

/// The kubeconfig's context names the right namespace here, but a post-renderer cannot know that.
async fn without_a_namespace_nothing_is_asked(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("a").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("a").policy(BOTH))?]);
    for variable in [None, Some("")] {
        let call = unblock(&setup, &text);
        let call = variable.map_or(call.clone(), |value| call.env("HELM_NAMESPACE", value));
        let finished = setup.ends(call.run().await?, 2, &[]).await?;
        says(
            &finished,
            &["the manifest of Job \"a\" names no namespace", "--post-renderer-args --namespace=NAME"],
        )?;
    }
    ensure!(setup.requests()?.is_empty(), "no request is made");
    Ok(())
}

async fn of_two_namespaces_the_last_counts(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("a").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("a").policy(BOTH))?]);
    let unblock = unblock(&setup, &text).args(["-na", "-n", &setup.namespace.name]);
    setup.passes(unblock.run().await?, &["a"]).await?;
    Ok(())
}
