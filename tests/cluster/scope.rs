//! Which Jobs are in scope: namespaces, labels, releases, and Helm's environment.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::process::{Program, Running};
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::deletion::finished;
use crate::faulty_proxy::{Act, FaultyProxy, doing};
use crate::setup::{Said, Setup, shipped_rules};

pub fn trials() -> Vec<Trial> {
    trials![
        only_the_contexts_namespace_is_swept_unless_told,
        several_namespaces_can_be_named,
        labels_select,
        a_selected_job_whose_finalizer_lets_go_is_gone,
        a_job_that_leaves_the_selection_is_gone_if_the_sweep_deleted_it,
        a_namespace_that_is_lost_from_sight_holds_the_sweep_and_no_other,
        a_release_is_known_by_annotation_or_label,
        the_sweeps_own_job_and_a_marked_one_are_left_alone,
        helms_environment_counts_when_helm_is_the_caller,
        helms_flags_for_the_connection_count_when_helm_is_the_caller,
        a_proxy_of_the_environment_is_used_unless_excepted,
    ]
}

const BOTH: &str = "hook-succeeded,hook-failed";

async fn done(setup: &Setup, job: JobBuilder) -> Result<()> {
    let job = setup.namespace.create(job.policy(BOTH).managed_by("example.com/nobody")).await?;
    setup.namespace.finish(&job, Outcome::Succeeded).await
}

/// Another namespace, which the same user may sweep too.
async fn neighbour(cluster: &ControlPlane, setup: &Setup) -> Result<Setup> {
    let neighbour = Setup::without_role(cluster).await?;
    neighbour.namespace.allow(&setup.user, shipped_rules("jobsweep")?).await?;
    finished(&neighbour.namespace, "done", BOTH).await?;
    Ok(neighbour)
}

pub async fn only_the_contexts_namespace_is_swept_unless_told(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let neighbour = neighbour(cluster, &setup).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    setup.sweep().run().await?.expect_success()?.says(&["1 deleted"])?;
    setup.leaves(&[]).await?;
    neighbour.leaves(&["done"]).await
}

pub async fn several_namespaces_can_be_named(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let (first, second) = (neighbour(cluster, &setup).await?, neighbour(cluster, &setup).await?);
    finished(&setup.namespace, "done", BOTH).await?;
    let sweep = setup.sweep().args(["-n", &first.namespace.name, "--namespace", &second.namespace.name]);
    sweep.args(["-n", &first.namespace.name]).run().await?.expect_success()?.says(&["2 deleted"])?;
    first.leaves(&[]).await?;
    second.leaves(&[]).await?;
    setup.leaves(&["done"]).await
}

pub async fn labels_select(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, job("web").label("app", "web")).await?;
    done(&setup, job("api").label("app", "api")).await?;
    setup.sweep().args(["-l", "app in (web, db)"]).run().await?.expect_success()?.says(&["1 deleted"])?;
    setup.leaves(&["api"]).await?;
    setup.sweep().args(["-l", "app in ("]).run().await?.expect_code(1)?.says(&["400"])?;
    setup.leaves(&["api"]).await
}

/// A sweep with the selector `app=web` has deleted this Job, but a finalizer holds it.
async fn held(setup: &Setup) -> Result<(Job, Running)> {
    let held = job("held").policy(BOTH).label("app", "web").managed_by("example.com/nobody");
    let held = setup.namespace.create(held.finalizer("example.com/hold")).await?;
    setup.namespace.finish(&held, Outcome::Succeeded).await?;
    let mut sweep = setup.sweep().args(["-l", "app=web", "-ojson"]).spawn()?;
    sweep.line_with("its deletion was accepted, but it is held by finalizer example.com/hold").await?;
    Ok((held, sweep))
}

pub async fn a_selected_job_whose_finalizer_lets_go_is_gone(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let (held, sweep) = held(&setup).await?;
    setup.namespace.edit(&held, json!({ "metadata": { "finalizers": null } })).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.reports("held", "deleted", "succeeded")?;
    setup.leaves(&[]).await
}

pub async fn a_job_that_leaves_the_selection_is_gone_if_the_sweep_deleted_it(
    cluster: &ControlPlane,
) -> Result<()> {
    let relabelled = json!({ "metadata": { "labels": { "app": "db" } } });
    let setup = Setup::new(cluster).await?;
    let (held, sweep) = held(&setup).await?;
    setup.namespace.edit(&held, relabelled.clone()).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.reports("held", "deleted", "succeeded")?;
    setup.namespace.edit(&held, json!({ "metadata": { "finalizers": null } })).await?;

    // Otherwise it is out of scope.
    let running = job("running").policy(BOTH).label("app", "web").managed_by("example.com/nobody");
    let running = setup.namespace.create(running).await?;
    let mut sweep = setup.sweep().args(["-l", "app=web", "-ojson"]).spawn()?;
    sweep.line_with(" waiting: ").await?;
    setup.namespace.edit(&running, relabelled).await?;
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    swept.says(&["someone else deleted it, or its labels changed"])?.reports("running", "gone", "unknown")?;
    setup.leaves(&["running"]).await
}

pub async fn a_namespace_that_is_lost_from_sight_holds_the_sweep_and_no_other(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let other = Setup::without_role(cluster).await?;
    other.namespace.allow(&setup.user, shipped_rules("jobsweep")?).await?;
    let running = || job("running").policy(BOTH).managed_by("example.com/nobody");
    let here = setup.namespace.create(running()).await?;
    let there = other.namespace.create(running()).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let watch = format!("{}/jobs?&watch=true", other.namespace.name);
    let (cut, word) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let until_the_word = Arc::clone(&word);
    let hold = Act::First(doing(async move {
        until_the_word.notified().await;
        Ok(())
    }));
    proxy.on("GET", &watch, vec![Act::CutAt(Arc::clone(&cut)), hold]);
    let namespaces = ["-n", &setup.namespace.name, "-n", &other.namespace.name, "-ojson"];
    let mut sweep = setup.sweep_by(&proxy.kubeconfig).args(namespaces).spawn()?;
    proxy.until_seen("GET", &watch, 1).await?;
    cut.notify_one();
    sweep.line_with(&format!("watch interrupted on namespace {}", other.namespace.name)).await?;
    other.namespace.finish(&there, Outcome::Succeeded).await?;
    setup.namespace.finish(&here, Outcome::Succeeded).await?;
    sweep.line_with(&format!("deleted {}", setup.id("running"))).await?;
    other.leaves(&["running"]).await?;
    word.notify_one();
    let swept = sweep.finish(PATIENCE).await?.expect_success()?;
    ensure!(!swept.stderr().contains(&format!("watch interrupted on namespace {}", setup.namespace.name)));
    other.leaves(&[]).await?;
    setup.leaves(&[]).await
}

pub async fn a_release_is_known_by_annotation_or_label(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, job("annotated").release("web")).await?;
    done(&setup, job("labelled").label("app.kubernetes.io/instance", "web")).await?;
    done(&setup, job("other").release("web2")).await?;
    done(&setup, job("neither")).await?;
    let swept = setup.sweep().args(["--release", "web"]).run().await?.expect_success()?;
    swept.says(&["2 deleted"])?;
    setup.sweep().arg("--release=").run().await?.expect_code(2)?;
    setup.leaves(&["neither", "other"]).await
}

pub async fn the_sweeps_own_job_and_a_marked_one_are_left_alone(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let own = setup.namespace.create(job("own").policy(BOTH)).await?;
    setup.namespace.create(job("marked").policy(BOTH).annotation("jobsweep.io/ignore", "true")).await?;
    done(&setup, job("marked-and-done").annotation("jobsweep.io/ignore", "true")).await?;
    done(&setup, job("not-marked").annotation("jobsweep.io/ignore", "false")).await?;
    let uid = own.metadata.uid.context("a uid")?;
    let swept = setup.sweep().env("JOBSWEEP_OWN_JOB_UID", uid).arg("-ojson").run().await?.expect_success()?;
    swept
        .says(&["own: it runs this sweep", "marked: it is annotated jobsweep.io/ignore"])?
        .reports("own", "kept", "unfinished")?
        .reports("not-marked", "deleted", "succeeded")?;
    setup.leaves(&["marked", "marked-and-done", "own"]).await
}

pub async fn helms_environment_counts_when_helm_is_the_caller(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let neighbour = neighbour(cluster, &setup).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    // Without HELM_BIN these variables have no effect.
    let sweep =
        setup.sweep().env("HELM_NAMESPACE", &neighbour.namespace.name).env("HELM_KUBECONTEXT", "nowhere");
    sweep.run().await?.expect_success()?;
    setup.leaves(&[]).await?;
    neighbour.leaves(&["done"]).await?;

    let kubeconfig = std::fs::read_to_string(&setup.user.kubeconfig)?;
    let mut kubeconfig: Value = serde_json::from_str(&kubeconfig)?;
    kubeconfig["contexts"][0]["name"] = json!("there");
    kubeconfig["current-context"] = json!("nowhere");
    let path = setup.user.kubeconfig.with_extension("contexts");
    std::fs::write(&path, kubeconfig.to_string())?;
    let sweep = || Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(["--cleanup", "--settle=0"]);
    let by_helm =
        sweep().env("KUBECONFIG", &path).env("HELM_BIN", "/usr/bin/helm").env("HELM_KUBECONTEXT", "there");
    by_helm
        .env("HELM_NAMESPACE", &neighbour.namespace.name)
        .run()
        .await?
        .expect_success()?
        .says(&["1 deleted"])?;
    neighbour.leaves(&[]).await?;
    // Without Helm, --context and -n do the same.
    finished(&neighbour.namespace, "done", BOTH).await?;
    let by_hand =
        sweep().env("KUBECONFIG", &path).args(["--context", "there", "-n", &neighbour.namespace.name]);
    by_hand.run().await?.expect_success()?.says(&["1 deleted"])?;
    neighbour.leaves(&[]).await
}

pub async fn helms_flags_for_the_connection_count_when_helm_is_the_caller(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let kubeconfig = std::fs::read_to_string(&setup.user.kubeconfig)?;
    let mut kubeconfig: Value = serde_json::from_str(&kubeconfig)?;
    let there = kubeconfig["clusters"][0]["cluster"].take();
    let ca = there["certificate-authority"].as_str().context("a CA")?;
    kubeconfig["clusters"][0]["cluster"] = json!({ "server": "https://127.0.0.1:1" });
    kubeconfig["users"][0]["user"] = json!({ "token": "nobody" });
    let path = setup.user.kubeconfig.with_extension("elsewhere");
    std::fs::write(&path, kubeconfig.to_string())?;
    let token = setup.user.new_token().await?;
    // Helm sets these variables for `helm jobsweep --kube-apiserver … --kube-token … --kube-ca-file … --debug`.
    let sweep = Program::new(env!("CARGO_BIN_EXE_jobsweep"))
        .args(["--cleanup", "--settle=0", "--timeout=20s"])
        .env("KUBECONFIG", &path)
        .env("HELM_BIN", "/usr/bin/helm")
        .env("HELM_NAMESPACE", &setup.namespace.name)
        .env("HELM_KUBEAPISERVER", cluster.url())
        .env("HELM_KUBETOKEN", &token.value)
        .env("HELM_KUBECAFILE", ca)
        .env("HELM_DEBUG", "true");
    // The user may not impersonate others, so the API server refuses.
    let impersonates = sweep.clone().env("HELM_KUBEASUSER", "mary").env("HELM_KUBEASGROUPS", "staff");
    impersonates.run().await?.expect_code(5)?.says(&["impersonate"])?;
    setup.leaves(&["done"]).await?;
    sweep.run().await?.expect_success()?.says(&["listing Jobs in", "1 deleted"])?;
    setup.leaves(&[]).await
}

pub async fn a_proxy_of_the_environment_is_used_unless_excepted(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    // The same server by an address that is no loopback address: those take no proxy of the environment.
    let kubeconfig = std::fs::read_to_string(&setup.user.kubeconfig)?;
    let mut kubeconfig: Value = serde_json::from_str(&kubeconfig)?;
    let server = cluster.url().replace("127.0.0.1", "0.0.0.0");
    kubeconfig["clusters"][0]["cluster"]["server"] = server.into();
    kubeconfig["clusters"][0]["cluster"]["tls-server-name"] = "127.0.0.1".into();
    let path = setup.user.kubeconfig.with_extension("any-address");
    std::fs::write(&path, kubeconfig.to_string())?;
    let by_proxy = |no_proxy: &str| {
        let sweep = setup.sweep_by(&path).env("HTTPS_PROXY", "http://127.0.0.1:1");
        sweep.env("NO_PROXY", no_proxy)
    };
    for no_proxy in ["", "127.0.0.1", "a,b,"] {
        let swept = by_proxy(no_proxy).arg("--timeout=0").run().await?.expect_code(1)?;
        swept.says(&["no connection to the API server"])?;
    }
    setup.leaves(&["done"]).await?;
    by_proxy("0.0.0.0").run().await?.expect_success()?;
    setup.leaves(&[]).await
}
