//! Signals, deadlines and --once, and their exit codes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, rule};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::kube::api::Patch;
use jobsweep_harness::process::{Program, Running, Signal};
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::deletion::finished;
use crate::faulty_proxy::{Act, FaultyProxy, doing};
use crate::setup::{Said, Setup};

pub fn trials() -> Vec<Trial> {
    trials![
        sigterm_finishes_what_is_under_way_and_starts_nothing_new,
        a_job_whose_logs_are_still_being_read_is_not_deleted_after_sigterm,
        a_second_signal_aborts,
        a_signal_ends_a_sweep_whose_report_nobody_reads,
        two_signals_end_a_sweep_whose_messages_nobody_reads,
        a_deletion_that_ends_right_after_the_deadline_counts,
        sigint_while_waiting_shows_how_things_stand,
        once_waits_for_no_unfinished_job,
        time_in_which_nothing_is_watched_does_not_count_as_settled,
        a_timeout_of_0_deletes_what_is_due_and_says_what_is_left,
        a_deadline_names_what_was_still_running,
        a_deadline_says_why_the_pods_do_not_end_where_they_may_be_listed,
        a_failed_job_is_an_exit_code_when_asked_for,
        an_api_server_that_is_never_reached_is_an_error,
    ]
}

const BOTH: &str = "hook-succeeded,hook-failed";

/// Forwards a request, and holds the answer until the notification.
fn held() -> (Act, Arc<Notify>) {
    let word = Arc::new(Notify::new());
    let given = Arc::clone(&word);
    let held = doing(async move {
        given.notified().await;
        Ok(())
    });
    (Act::Then(held), word)
}

/// A sweep of three finished Jobs whose first deletion is not answered before the notification.
async fn in_the_middle(cluster: &ControlPlane, setup: &Setup) -> Result<(FaultyProxy, Running, Arc<Notify>)> {
    for name in ["a", "b", "c"] {
        finished(&setup.namespace, name, BOTH).await?;
    }
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let (held, word) = held();
    proxy.on("DELETE", "/a", vec![held]);
    let sweep = setup.sweep_by(&proxy.kubeconfig).args(["--concurrency=1", "-ojson", "-v"]);
    let sweep = sweep.spawn()?;
    setup.namespace.until_gone("a").await?;
    Ok((proxy, sweep, word))
}

pub async fn sigterm_finishes_what_is_under_way_and_starts_nothing_new(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let (proxy, mut sweep, word) = in_the_middle(cluster, &setup).await?;
    sweep.signal(Signal::Term).await?;
    sweep.line_with("waiting for 1 request in progress").await?;
    word.notify_one();
    let swept = sweep.finish(PATIENCE).await?.expect_code(143)?;
    swept.says(&["stopped by SIGTERM"])?.reports("a", "deleted", "succeeded")?.reports(
        "b",
        "due",
        "succeeded",
    )?;
    ensure!(proxy.seen("DELETE", "").len() == 1, "nothing new was started");
    setup.leaves(&["b", "c"]).await
}

pub async fn a_job_whose_logs_are_still_being_read_is_not_deleted_after_sigterm(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::with_logs(cluster).await?;
    let job = job("broken").policy("hook-failed").managed_by("example.com/nobody");
    let job = setup.namespace.create(job).await?;
    setup.namespace.finish(&job, Outcome::Failed).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let word = Arc::new(Notify::new());
    let answer = Arc::clone(&word);
    let held = doing(async move {
        answer.notified().await;
        Ok(())
    });
    proxy.on("GET", "/pods", vec![Act::Then(held)]);
    let mut sweep = setup.sweep_by(&proxy.kubeconfig).args(["--log-tail=5", "-ojson", "-v"]).spawn()?;
    proxy.until_seen("GET", "/pods", 1).await?;
    sweep.signal(Signal::Term).await?;
    sweep.line_with("waiting for 1 request in progress").await?;
    word.notify_one();
    sweep.finish(PATIENCE).await?.expect_code(143)?.reports("broken", "due", "failed")?;
    setup.leaves(&["broken"]).await
}

pub async fn a_second_signal_aborts(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let (_between, mut sweep, _word) = in_the_middle(cluster, &setup).await?;
    sweep.signal(Signal::Int).await?;
    sweep.line_with("waiting for 1 request in progress").await?;
    sweep.signal(Signal::Int).await?;
    let swept = sweep.finish(PATIENCE).await?.expect_code(130)?;
    swept.says(&["aborted"])?;
    setup.leaves(&["b", "c"]).await
}

/// A sweep whose output nobody reads: `redirection` connects it to a pipe without a reader.
fn unread(setup: &Setup, kubeconfig: &Path, timeout: &str, redirection: &str) -> Result<Running> {
    let pipe = setup.user.kubeconfig.with_extension("pipe");
    let pipe = pipe.to_str().context("a name")?;
    let script = format!("mkfifo '{pipe}' && exec 3<>'{pipe}' && exec \"$0\" \"$@\" {redirection}");
    let sweep = Program::new("/bin/sh").env("PATH", "/usr/bin:/bin").args(["-c", &script]);
    let sweep = sweep.arg(env!("CARGO_BIN_EXE_jobsweep")).args(["--cleanup", "-ojson", "--timeout", timeout]);
    sweep.arg("--kubeconfig").arg(kubeconfig).spawn()
}

/// So many Jobs that a line for each does not fit into a pipe.
async fn crowd(setup: &Setup) -> Result<Vec<String>> {
    let name = |n| format!("a-job-with-a-name-that-is-long-so-that-lines-are-{n:03}");
    let kept = |n| job(name(n)).policy("hook-failed");
    setup.namespace.create_finished(700, Outcome::Succeeded, kept).await?;
    Ok((0..700).map(name).collect())
}

pub async fn a_signal_ends_a_sweep_whose_report_nobody_reads(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let mut names = crowd(&setup).await?;
    names.push("running".to_owned());
    setup.namespace.create(job("running").policy("hook-failed")).await?;
    let mut sweep = unread(&setup, &setup.user.kubeconfig, "3s", ">&3")?;
    // The last message before the report.
    sweep.line_with(&format!("left {}", setup.id("running"))).await?;
    sweep.signal(Signal::Term).await?;
    sweep.finish(PATIENCE).await?.expect_code(143)?;
    setup.leaves(&names.iter().map(String::as_str).collect::<Vec<_>>()).await
}

pub async fn two_signals_end_a_sweep_whose_messages_nobody_reads(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    crowd(&setup).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let sweep = unread(&setup, &proxy.kubeconfig, "60s", "2>&3")?;
    // The messages about the first page fill the pipe.
    proxy.until_seen("GET", "limit=500", 1).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    sweep.signal(Signal::Term).await?;
    sweep.signal(Signal::Int).await?;
    let code = sweep.finish(PATIENCE).await?.code();
    ensure!(matches!(code, Some(130 | 143)), "{code:?}");
    Ok(())
}

pub async fn a_deletion_that_ends_right_after_the_deadline_counts(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "slow", BOTH).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let (held, word) = held();
    proxy.on("DELETE", "/slow", vec![held]);
    let sweep = setup.sweep_by(&proxy.kubeconfig).args(["-ojson", "-v", "--timeout=2s"]);
    let mut sweep = sweep.spawn()?;
    sweep.line_with("waiting for 1 request in progress").await?;
    word.notify_one();
    sweep.finish(PATIENCE).await?.expect_success()?.reports("slow", "deleted", "succeeded")?;
    setup.leaves(&[]).await
}

pub async fn sigint_while_waiting_shows_how_things_stand(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create(job("running").policy(BOTH)).await?;
    let mut sweep = setup.sweep().arg("-ojson").spawn()?;
    sweep.line_with(" waiting: ").await?;
    sweep.signal(Signal::Int).await?;
    sweep.finish(PATIENCE).await?.expect_code(130)?.reports("running", "waiting", "unfinished")?;
    setup.leaves(&["running"]).await
}

pub async fn once_waits_for_no_unfinished_job(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create(job("running").policy(BOTH)).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let swept = setup.sweep().args(["--once", "-ojson"]).run().await?.expect_success()?;
    swept.reports("running", "kept", "unfinished")?.reports("done", "deleted", "succeeded")?;
    setup.leaves(&["running"]).await
}

pub async fn a_timeout_of_0_deletes_what_is_due_and_says_what_is_left(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    setup.sweep().arg("--timeout=0").run().await?.expect_success()?.says(&["1 deleted"])?;
    setup.namespace.create(job("running").policy(BOTH)).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let swept = setup.sweep().args(["--timeout=0", "-ojson"]).run().await?.expect_code(4)?;
    swept.reports("running", "waiting", "unfinished")?.reports("done", "deleted", "succeeded")?;
    setup.leaves(&["running"]).await
}

pub async fn a_deadline_names_what_was_still_running(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let job = setup.namespace.create(job("running").policy(BOTH)).await?;
    setup.namespace.running_pods(&job, 1).await?;
    let swept = setup.sweep().arg("--timeout=3s").run().await?.expect_code(4)?;
    let left = format!("left {}: 1 pod is active", setup.id("running"));
    swept.says(&["the deadline came before everything was swept", &left])?;
    setup.leaves(&["running"]).await
}

pub async fn a_deadline_says_why_the_pods_do_not_end_where_they_may_be_listed(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let container = |name: &str, state: Value| json!({ "name": name, "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state });
    let pull = vec![container("main", json!({ "waiting": { "reason": "ImagePullBackOff" } }))];
    let sidecar = vec![
        container("main", json!({ "terminated": { "exitCode": 0 } })),
        container("istio-proxy", json!({ "running": {} })),
    ];
    for (name, statuses) in [("pull", pull), ("sidecar", sidecar)] {
        let job = setup.namespace.create(job(name).policy(BOTH)).await?;
        let pod = setup.namespace.running_pods(&job, 1).await?.remove(0);
        let status = json!({ "status": { "phase": "Running", "containerStatuses": statuses } });
        let name = pod.metadata.name.context("a pod has a name")?;
        setup.namespace.pods().patch_status(&name, &Default::default(), &Patch::Merge(status)).await?;
    }
    let swept = setup.sweep().arg("--timeout=3s").run().await?.expect_code(4)?;
    ensure!(!swept.stderr().contains("ImagePullBackOff"), "no pods may be listed: {}", swept.stderr());
    setup.namespace.allow(&setup.user, vec![rule("", "pods", &["list"])]).await?;
    let swept = setup.sweep().args(["--timeout=3s", "-ojson"]).run().await?.expect_code(4)?;
    let left = |name: &str, why: &str| format!("left {}: 1 pod is active: {why}", setup.id(name));
    let sidecar = left("sidecar", "only container istio-proxy still runs");
    swept.says(&[&left("pull", "ImagePullBackOff"), &sidecar])?;
    setup.leaves(&["pull", "sidecar"]).await
}

pub async fn a_failed_job_is_an_exit_code_when_asked_for(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    // A bystander has failed.
    setup.sweep().run().await?.expect_success()?;
    setup.sweep().arg("--fail-on-failed").run().await?.expect_code(3)?;
    setup.sweep().args(["--fail-on-failed", "--release=other"]).run().await?.expect_success()?;
    let failed = job("deleted").policy("hook-failed").release("other").managed_by("example.com/nobody");
    let failed = setup.namespace.create(failed).await?;
    setup.namespace.finish(&failed, Outcome::Failed).await?;
    setup.sweep().args(["--fail-on-failed", "--release=other"]).run().await?.expect_code(3)?;
    setup.leaves(&[]).await
}

pub async fn an_api_server_that_is_never_reached_is_an_error(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let config = std::fs::read_to_string(&setup.user.kubeconfig)?;
    let mut config: serde_json::Value = serde_json::from_str(&config)?;
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1".into();
    let kubeconfig = setup.user.kubeconfig.with_extension("nowhere");
    std::fs::write(&kubeconfig, config.to_string())?;
    let swept = setup.sweep_by(&kubeconfig).arg("--timeout=1s").run().await?.expect_code(1)?;
    let swept = swept.says(&["cannot list Jobs in", "refused", "before the Jobs could be listed"])?;
    ensure!(!swept.stderr().contains("in scope"), "{}", swept.stderr());
    setup.sweep_by(&kubeconfig).arg("--timeout=0").run().await?.expect_code(1)?;
    setup.leaves(&[]).await
}

pub async fn time_in_which_nothing_is_watched_does_not_count_as_settled(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    proxy.on("GET", "watch=true", vec![Act::First(doing(std::future::pending()))]);
    let sweep = || setup.sweep_by(&proxy.kubeconfig).args(["--settle=1s", "--timeout=3s"]);
    sweep().run().await?.expect_code(4)?;
    setup.leaves(&[]).await
}
