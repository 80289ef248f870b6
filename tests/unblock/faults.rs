//! What others do at the worst moment, and what goes wrong on the way to the API server.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::faulty_proxy::{Act, doing};
use crate::setup::{BOTH, NOBODY, Setup, changed, says, stream, wrote};

pub fn trials() -> Vec<Trial> {
    trials![
        a_job_that_others_change_at_the_last_moment_is_looked_up_again,
        a_job_made_anew_at_the_last_moment_is_another_job,
        a_job_that_others_delete_at_the_last_moment_is_gone,
        a_job_that_others_delete_before_the_dry_run_is_gone,
        two_at_once_end_well,
        an_api_server_that_is_killed_and_restarted_is_waited_for,
        a_deletion_whose_response_is_lost_is_looked_into,
        a_deletion_without_a_response_is_named_at_the_deadline,
        a_deletion_that_is_accepted_but_not_done_is_tried_again_after_a_pause,
        retry_after_is_heeded,
        a_server_that_responds_but_is_busy_is_tried_until_the_deadline,
        trouble_without_end_ends_at_the_deadline,
        an_object_that_cannot_be_read_keeps_all,
    ]
}

async fn done(setup: &Setup<'_>, name: &str) -> Result<Job> {
    setup.finished(job(name).policy(BOTH), Outcome::Succeeded).await
}

fn text(names: &[&str]) -> Result<String> {
    let manifests: Result<Vec<_>> = names.iter().map(|name| changed(job(*name).policy(BOTH))).collect();
    Ok(stream(&manifests?))
}

/// The dry run of a deletion goes first, so two rules: before the dry run, and before the deletion itself.
const MOMENTS: [usize; 2] = [0, 1];

/// Does this before a deletion, and lets what comes before it pass.
fn at(moment: usize, act: Act) -> Vec<Act> {
    let pass = || Act::First(doing(async { Ok(()) }));
    (0..moment).map(|_| pass()).chain([act]).collect()
}

pub async fn a_job_that_others_change_at_the_last_moment_is_looked_up_again(
    cluster: &ControlPlane,
) -> Result<()> {
    for moment in MOMENTS {
        let setup = Setup::new(cluster).await?;
        done(&setup, "free").await?;
        let edited = done(&setup, "edited").await?;
        let proxy = setup.proxy().await?;
        let namespace = setup.namespace.clone();
        let ignore = json!({ "metadata": { "annotations": { "jobsweep.io/ignore": "true" } } });
        let edit = Act::First(doing(async move { namespace.edit(&edited, ignore).await }));
        proxy.on("DELETE", "/edited", at(moment, edit));
        let finished = setup.unblock_by(&proxy.kubeconfig, &text(&["free", "edited"])?).run().await?;
        // What went together with it, when it still looked as if all might go, is named.
        let deleted: &[&str] = if moment == 0 { &[] } else { &["free"] };
        let finished = setup.ends(finished, 6, deleted).await?;
        says(&finished, &["the Job in the cluster is annotated jobsweep.io/ignore"])?;
        ensure!(finished.stderr().contains("nothing was deleted") == (moment == 0), "{}", finished.stderr());
    }
    let setup = Setup::new(cluster).await?;
    let touched = done(&setup, "touched").await?;
    let proxy = setup.proxy().await?;
    let namespace = setup.namespace.clone();
    let touch = json!({ "metadata": { "annotations": { "example.com/other": "x" } } });
    proxy.on(
        "DELETE",
        "/touched",
        at(1, Act::First(doing(async move { namespace.edit(&touched, touch).await }))),
    );
    let finished = setup.unblock_by(&proxy.kubeconfig, &text(&["touched"])?).run().await?;
    setup.passes(finished, &["touched"]).await?;
    Ok(())
}

async fn a_job_made_anew_at_the_last_moment_is_another_job(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, "anew").await?;
    let proxy = setup.proxy().await?;
    let namespace = setup.namespace.clone();
    let make_anew = doing(async move {
        namespace.remove("anew").await?;
        namespace.create(job("anew").policy(BOTH).managed_by(NOBODY)).await?;
        Ok(())
    });
    proxy.on("DELETE", "/anew", at(1, Act::First(make_anew)));
    let mut running = setup.unblock_by(&proxy.kubeconfig, &text(&["anew"])?).spawn()?;
    // It has not finished, so it is waited for; nothing was deleted by us yet.
    running.line_with("waiting for Job ").await?;
    let anew = setup.namespace.jobs().get("anew").await?;
    setup.namespace.finish(&anew, Outcome::Failed).await?;
    let finished = setup.passes(running.finish(PATIENCE).await?, &["anew"]).await?;
    says(&finished, &["it has failed, and its policy allows that"])?;
    ensure!(!finished.stderr().contains("it has succeeded"), "{}", finished.stderr());
    Ok(())
}

async fn a_job_that_others_delete_at_the_last_moment_is_gone(cluster: &ControlPlane) -> Result<()> {
    for moment in MOMENTS {
        let setup = Setup::new(cluster).await?;
        // Others delete it, so nobody remembers it.
        let live = setup.namespace.create(job("taken").policy(BOTH).managed_by(NOBODY)).await?;
        setup.namespace.finish(&live, Outcome::Succeeded).await?;
        let proxy = setup.proxy().await?;
        let namespace = setup.namespace.clone();
        let take = Act::First(doing(async move { namespace.remove("taken").await }));
        proxy.on("DELETE", "/taken", at(moment, take));
        let text = text(&["taken"])?;
        let finished = setup.unblock_by(&proxy.kubeconfig, &text).run().await?;
        wrote(&setup.passes(finished, &[]).await?, &text)?;
    }
    Ok(())
}

async fn a_job_that_others_delete_before_the_dry_run_is_gone(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let live = setup.namespace.create(job("taken").policy(BOTH).managed_by(NOBODY)).await?;
    setup.namespace.finish(&live, Outcome::Succeeded).await?;
    let proxy = setup.proxy().await?;
    let namespace = setup.namespace.clone();
    proxy.on("PUT", "/taken", vec![Act::First(doing(async move { namespace.remove("taken").await }))]);
    let finished = setup.unblock_by(&proxy.kubeconfig, &text(&["taken"])?).run().await?;
    setup.passes(finished, &[]).await?;
    Ok(())
}

async fn two_at_once_end_well(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let names: Vec<_> = (0..20).map(|number| format!("job-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    for name in &names {
        done(&setup, name).await?;
    }
    let text = text(&names)?;
    let (one, other) = (setup.unblock(&text).spawn()?, setup.unblock(&text).spawn()?);
    for running in [one, other] {
        wrote(&setup.passes(running.finish(PATIENCE).await?, &names).await?, &text)?;
    }
    Ok(())
}

async fn an_api_server_that_is_killed_and_restarted_is_waited_for() -> Result<()> {
    let cluster = ControlPlane::start().await?;
    let setup = Setup::new(&cluster).await?;
    let live = setup.unfinished(job("running").policy(BOTH)).await?;
    done(&setup, "done").await?;
    let mut running = setup.unblock(&text(&["running", "done"])?).spawn()?;
    running.line_with("waiting for Job ").await?;
    cluster.stop_apiserver();
    running.line_with("trying again until the deadline").await?;
    cluster.start_apiserver().await?;
    setup.namespace.finish(&live, Outcome::Succeeded).await?;
    let finished = setup.passes(running.finish(PATIENCE).await?, &["running", "done"]).await?;
    let said = finished.stderr().matches("trying again").count();
    ensure!(said == 1, "it is said once: {}", finished.stderr());
    Ok(())
}

async fn a_deletion_whose_response_is_lost_is_looked_into(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, "lossy").await?;
    let proxy = setup.proxy().await?;
    proxy.on("DELETE", "/lossy", at(1, Act::LoseAnswer));
    let text = text(&["lossy"])?;
    let finished = setup.unblock_by(&proxy.kubeconfig, &text).run().await?;
    let finished = setup.passes(finished, &["lossy"]).await?;
    wrote(&finished, &text)?;
    says(&finished, &["tried to delete Job ", "trying again until the deadline"])
}

async fn a_deletion_without_a_response_is_named_at_the_deadline(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, "slow").await?;
    let proxy = setup.proxy().await?;
    proxy.on("DELETE", "/slow", at(1, Act::Then(doing(std::future::pending()))));
    let call = setup.unblock_by(&proxy.kubeconfig, &text(&["slow"])?).arg("--timeout=3s");
    let finished = setup.ends(call.run().await?, 4, &["slow"]).await?;
    let slow = setup.id("slow");
    ensure!(!finished.stderr().contains("was not deleted"), "{}", finished.stderr());
    says(
        &finished,
        &[
            &format!("it is not known whether Job {slow} is still there"),
            &format!("no manifest was written; deleted, or being deleted: {slow}"),
        ],
    )
}

async fn a_deletion_that_is_accepted_but_not_done_is_tried_again_after_a_pause(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, "stays").await?;
    let proxy = setup.proxy().await?;
    let accept = || Act::Text("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Success\"}");
    proxy.on("DELETE", "/stays", (0..1000).map(|_| accept()).collect());
    let call = setup.unblock_by(&proxy.kubeconfig, &text(&["stays"])?).arg("--timeout=4s");
    setup.ends(call.run().await?, 4, &[]).await?;
    let sent = proxy.seen("DELETE", "/stays").len();
    ensure!((4..=10).contains(&sent), "{sent} deletions and dry runs were sent");
    Ok(())
}

const BUSY: &str = "Too many requests, please try again later.";

async fn retry_after_is_heeded(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, "busy").await?;
    let proxy = setup.proxy().await?;
    for method in ["GET", "PUT", "DELETE"] {
        proxy.on(method, "/busy", vec![Act::Answer(429, BUSY, Some(2))]);
    }
    let finished = setup.unblock_by(&proxy.kubeconfig, &text(&["busy"])?).run().await?;
    setup.passes(finished, &["busy"]).await?;
    for method in ["GET", "PUT", "DELETE"] {
        let [first, second, ..] = &*proxy.seen(method, "/busy") else { anyhow::bail!("{method}: once only") };
        ensure!((second.at - first.at).as_secs() >= 2, "{method} came back after {:?}", second.at - first.at);
    }
    Ok(())
}

/// Only a cluster that does not respond at all is likely to be the wrong one.
async fn a_server_that_responds_but_is_busy_is_tried_until_the_deadline(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, "busy").await?;
    let proxy = setup.proxy().await?;
    proxy.on("GET", "/busy", (0..3).map(|_| Act::Answer(429, BUSY, Some(6))).collect());
    let finished = setup.unblock_by(&proxy.kubeconfig, &text(&["busy"])?).run().await?;
    setup.passes(finished, &["busy"]).await?;
    Ok(())
}

async fn trouble_without_end_ends_at_the_deadline(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, "odd").await?;
    done(&setup, "fine").await?;
    let proxy = setup.proxy().await?;
    proxy.on("PUT", "/odd", (0..100).map(|_| Act::Answer(500, "etcd is ill", None)).collect());
    let call = setup.unblock_by(&proxy.kubeconfig, &text(&["odd", "fine"])?).arg("--timeout=4s");
    let finished = setup.ends(call.run().await?, 4, &[]).await?;
    says(
        &finished,
        &[
            "trying again until the deadline: the API server says 500: etcd is ill",
            &format!("it is not known whether Job {} is still there", setup.id("odd")),
        ],
    )
}

async fn an_object_that_cannot_be_read_keeps_all(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done(&setup, "odd").await?;
    done(&setup, "fine").await?;
    let proxy = setup.proxy().await?;
    proxy.on("GET", "/odd", vec![Act::Text("{\"metadata\":{\"name\":\"odd\",\"namespace\":3}}")]);
    let finished = setup.unblock_by(&proxy.kubeconfig, &text(&["odd", "fine"])?).run().await?;
    let finished = setup.ends(finished, 6, &[]).await?;
    says(&finished, &["its status cannot be read: "])
}
