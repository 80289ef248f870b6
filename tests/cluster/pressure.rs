//! Overload and errors of the API server, and two sweeps at the same time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use jobsweep_harness::control_plane::{ControlPlane, User};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use jobsweep_harness::kube::api::{DeleteParams, PostParams};
use jobsweep_harness::kube::{self, Api, Client};
use jobsweep_harness::wait::{self, PATIENCE};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::deletion::finished;
use crate::faulty_proxy::{Act, Between};
use crate::setup::{Said, Stage, connection};

pub fn trials() -> Vec<Trial> {
    trials![
        deletions_turned_away_by_priority_and_fairness_are_sent_again,
        retry_after_is_heeded,
        a_burst_of_server_errors_is_survived,
        trouble_without_end_ends_at_the_deadline,
        two_sweeps_at_once_do_no_harm,
        sweeping_again_does_nothing,
    ]
}

const BOTH: &str = "hook-succeeded,hook-failed";

/// Makes the API server carry out only one deletion of a user at a time, and waits until it rejects the others.
async fn turn_away_deletions(cluster: &ControlPlane, user: &User) -> Result<()> {
    let name = user.namespace();
    let level: PriorityLevelConfiguration = serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": { "type": "Limited", "limited": {
            "nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": { "type": "Reject" } } },
    }))?;
    let schema: FlowSchema = serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": {
            "priorityLevelConfiguration": { "name": name },
            "matchingPrecedence": 2,
            "rules": [{
                "subjects": [{ "kind": "ServiceAccount",
                               "serviceAccount": { "name": user.name, "namespace": user.namespace() } }],
                "resourceRules": [{ "verbs": ["delete"], "apiGroups": ["batch"], "resources": ["jobs"],
                                    "namespaces": ["*"] }],
            }],
        },
    }))?;
    Api::all(cluster.client()).create(&PostParams::default(), &level).await?;
    Api::all(cluster.client()).create(&PostParams::default(), &schema).await?;
    let jobs = Api::<Job>::namespaced(Client::try_from(connection(&user.kubeconfig).await?)?, name);
    wait::until("deletions to be turned away", || async {
        let nobody = DeleteParams::background().dry_run();
        let answers = join_all((0..16).map(|_| jobs.delete("nobody", &nobody))).await;
        let turned_away = |answer: &_| matches!(answer, Err(kube::Error::Api(status)) if status.code == 429);
        Ok(answers.iter().any(turned_away).then_some(()))
    })
    .await
}

pub async fn deletions_turned_away_by_priority_and_fairness_are_sent_again(
    cluster: &ControlPlane,
) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    stage.namespace.create_finished(40, Outcome::Succeeded, |n| job(format!("job-{n}")).policy(BOTH)).await?;
    finished(&stage.namespace, "kept", "hook-failed").await?;
    turn_away_deletions(cluster, &stage.user).await?;
    stage.sweep().run().await?.expect_success()?.says(&["the API server says 429", "40 deleted"])?;
    stage.leaves(&["kept"]).await
}

pub async fn retry_after_is_heeded(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    for name in ["a", "b", "c", "d"] {
        finished(&stage.namespace, name, BOTH).await?;
    }
    let between = Between::open(cluster, &stage.user).await?;
    between.on("DELETE", "", vec![Act::Answer(429, "too many requests", Some(2))]);
    stage.sweep_by(&between.kubeconfig).arg("--concurrency=1").run().await?.expect_success()?;
    let seen = between.seen("DELETE", "");
    let (first, second) = (seen.first().context("one")?, seen.get(1).context("another")?);
    let pause = second.at - first.at;
    ensure!(
        seen.len() == 5 && pause >= Duration::from_secs(2),
        "{} deletions, a pause of {pause:?}",
        seen.len()
    );
    stage.leaves(&[]).await
}

pub async fn a_burst_of_server_errors_is_survived(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "a", BOTH).await?;
    let between = Between::open(cluster, &stage.user).await?;
    let trouble = |code| Act::Answer(code, "etcdserver: request timed out", None);
    between.on("GET", "limit=500", vec![trouble(500), trouble(503), trouble(429)]);
    between.on("GET", "watch=true", vec![trouble(500), trouble(504)]);
    between.on("DELETE", "", vec![trouble(500), trouble(502), trouble(503)]);
    let swept = stage.sweep_by(&between.kubeconfig).run().await?.expect_success()?;
    swept.says(&["lost sight of", "in sight again", "deleted"])?;
    stage.leaves(&[]).await
}

pub async fn trouble_without_end_ends_at_the_deadline(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "a", BOTH).await?;
    let between = Between::open(cluster, &stage.user).await?;
    between.on("DELETE", "", (0..100).map(|_| Act::Answer(500, "no", None)).collect());
    let swept =
        stage.sweep_by(&between.kubeconfig).args(["--timeout=2s", "-ojson"]).run().await?.expect_code(4)?;
    swept.reports("a", "due", "succeeded")?;
    ensure!(between.seen("DELETE", "").len() < 8, "it backs off");
    stage.leaves(&["a"]).await
}

pub async fn two_sweeps_at_once_do_no_harm(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    stage
        .namespace
        .create_finished(200, Outcome::Succeeded, |n| job(format!("job-{n}")).policy(BOTH))
        .await?;
    finished(&stage.namespace, "kept", "hook-failed").await?;
    let (first, second) = (stage.sweep().arg("-ojson").spawn()?, stage.sweep().arg("-ojson").spawn()?);
    let first = first.finish(PATIENCE).await?.expect_success()?;
    let second = second.finish(PATIENCE).await?.expect_success()?;
    let mut deleted = 0;
    for swept in [first, second] {
        for job in swept.jobs()?.values() {
            let settled = ["deleted", "gone", "kept"].iter().any(|action| job["action"] == *action);
            ensure!(settled && job["outcome"] != "unknown", "{job}");
            deleted += usize::from(job["action"] == "deleted");
        }
    }
    ensure!(deleted == 200, "each was deleted by one of them, not {deleted}");
    stage.leaves(&["kept"]).await
}

pub async fn sweeping_again_does_nothing(cluster: &ControlPlane) -> Result<()> {
    let stage = Stage::set(cluster).await?;
    finished(&stage.namespace, "done", BOTH).await?;
    stage.sweep().run().await?.expect_success()?.says(&["1 deleted"])?;
    let again = stage.sweep().run().await?.expect_success()?;
    ensure!(!again.stderr().contains("deleted"), "{}", again.stderr());
    stage.leaves(&[]).await
}
