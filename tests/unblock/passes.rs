//! What is none of `--unblock`'s business, and passes.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::setup::{BOTH, Setup, changed, says, stream, wrote};

pub fn trials() -> Vec<Trial> {
    trials![
        without_a_job_no_kubeconfig_is_read,
        a_job_that_no_one_can_look_up_passes_with_a_warning,
        a_manifest_that_no_job_can_take_passes_with_a_warning,
        a_job_that_is_not_there_passes,
        a_namespace_that_is_not_there_passes,
        hooks_that_helm_4_runs_are_left_to_it,
        hooks_that_nobody_runs_count_like_all_jobs,
    ]
}

const NO_KUBECONFIG: &str = "--kubeconfig=/no/such/kubeconfig";

async fn without_a_job_no_kubeconfig_is_read(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for text in [
        "---\n",
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {x: \"kind: Job\\napiVersion: batch/v1\"}\n",
        "kind: CronJob\napiVersion: batch/v1\nmetadata: {name: a}\n",
    ] {
        let finished = setup.unblock_anywhere(text).arg(NO_KUBECONFIG).run().await?.expect_success()?;
        wrote(&finished, text)?;
        ensure!(finished.stderr.is_empty(), "{}", finished.stderr());
    }
    let finished = setup.unblock_anywhere("").arg(NO_KUBECONFIG).run().await?.expect_success()?;
    says(&finished, &["warning: there are no manifests on stdin"])?;
    let text = stream(&[changed(job("a"))?]);
    let finished = setup.unblock_anywhere(&text).args([NO_KUBECONFIG, "-nshop"]).run().await?;
    let finished = finished.expect_code(1)?;
    ensure!(finished.stdout.is_empty(), "{}", finished.stdout());
    says(&finished, &["/no/such/kubeconfig"])
}

async fn a_job_that_no_one_can_look_up_passes_with_a_warning(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for (metadata, why) in [
        (json!({ "generateName": "a-" }), "it has generateName"),
        (json!({}), "it has no name"),
        (json!({ "name": "../pods" }), "its name is no DNS subdomain"),
    ] {
        let mut manifest = changed(job("a"))?;
        manifest["metadata"] = metadata;
        let text = stream(&[manifest]);
        let finished = setup.unblock_anywhere(&text).arg(NO_KUBECONFIG).run().await?.expect_success()?;
        wrote(&finished, &text)?;
        says(&finished, &["jobsweep: warning: document 1", why])?;
    }
    Ok(())
}

async fn a_manifest_that_no_job_can_take_passes_with_a_warning(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("wrong").policy(BOTH), Outcome::Succeeded).await?;
    setup.finished(job("free").policy(BOTH), Outcome::Succeeded).await?;
    let mut always = changed(job("wrong").policy(BOTH))?;
    always["spec"]["template"]["spec"]["restartPolicy"] = "Always".into();
    let mut typed = changed(job("wrong").policy(BOTH))?;
    typed["spec"]["backoffLimit"] = "many".into();
    for manifest in [always, typed] {
        let finished = setup.unblock(&stream(&[manifest])).run().await?;
        let finished = setup.ends(finished, 0, &[]).await?;
        let (wrong, stays) = (setup.id("wrong"), "so the Job in the cluster stays");
        says(
            &finished,
            &["jobsweep: warning: the API server does not accept the manifest of Job ", &wrong, stays],
        )?;
    }
    Ok(())
}

async fn a_job_that_is_not_there_passes(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_verbs(cluster, &["get"]).await?;
    let text = stream(&[changed(job("a"))?]);
    let finished = setup.passes(setup.unblock(&text).run().await?, &[]).await?;
    wrote(&finished, &text)?;
    // The Job and, because there is none, the namespace.
    ensure!(setup.counts()? == [("get".to_owned(), 2)].into(), "{:?}", setup.counts()?);
    Ok(())
}

async fn a_namespace_that_is_not_there_passes(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let text = stream(&[changed(job("a"))?]);
    let unblock = setup.unblock_anywhere(&text).args(["-n", "is-yet-to-be-created", "--kubeconfig"]);
    let finished = unblock.arg(cluster.kubeconfig()).run().await?.expect_success()?;
    says(&finished, &["warning: namespace is-yet-to-be-created does not exist"])?;
    wrote(&finished, &text)
}

fn hook() -> jobsweep_harness::jobs::JobBuilder {
    job("hook")
        .annotation("helm.sh/hook", "pre-upgrade")
        .annotation("helm.sh/hook-delete-policy", "before-hook-creation")
        .policy("before-hook-creation")
}

async fn hooks_that_helm_4_runs_are_left_to_it(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(hook(), Outcome::Succeeded).await?;
    let by_helm = hook().annotation("postrenderer.helm.sh/postrender-filename", "shop/templates/hook.yaml");
    let text = stream(&[changed(by_helm)?]);
    let finished = setup.ends(setup.unblock(&text).run().await?, 0, &[]).await?;
    wrote(&finished, &text)?;
    ensure!(setup.requests()?.is_empty(), "no request is made");
    Ok(())
}

async fn hooks_that_nobody_runs_count_like_all_jobs(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(hook(), Outcome::Succeeded).await?;
    let text = stream(&[changed(hook())?]);
    setup.passes(setup.unblock(&text).run().await?, &["hook"]).await?;
    Ok(())
}
