//! Jobs that change while two sweeps run, and the API server and etcd are killed, started again and frozen. `RACED_JOBS` is their number.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::kube;
use jobsweep_harness::kube::api::{DeleteParams, ListParams, Preconditions};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;
use tokio::time::sleep;

use crate::setup::Setup;

pub fn trials() -> Vec<Trial> {
    trials![raced_jobs_are_deleted_exactly_if_their_policy_names_their_outcome,]
}

const BOTH: &str = "hook-succeeded,hook-failed";
const KEPT: &str = "hook-failed";
const LONG: Duration = Duration::from_secs(3600);
const OUTAGE: Duration = Duration::from_secs(2);

/// Changes a Job that the sweeps may delete at any moment. Returns the Job that must then stay, if there is one.
async fn change(namespace: &Namespace, index: usize, old: &Job) -> Result<Option<(String, String)>> {
    let name = old.metadata.name.clone().context("a name")?;
    let policy = |policy| json!({ "metadata": { "annotations": { "kots.io/hook-delete-policy": policy } } });
    match index % 4 {
        // It loses its policy. If the change comes too late, the Job is gone.
        0 => {
            let uid = old.metadata.uid.clone().context("a UID")?;
            Ok(unless_too_late(namespace.edit(old, policy(KEPT)).await)?.map(|()| (name, uid)))
        }
        // It gets a policy.
        1 => namespace.edit(old, policy(BOTH)).await.map(|()| None),
        // Another Job takes its name.
        2 => {
            // An API server that gives up waiting may still delete later, and then the new Job.
            let uid = old.metadata.uid.clone();
            let old_one = Preconditions { uid, resource_version: None };
            let params = DeleteParams::background().preconditions(old_one);
            unless_too_late(namespace.jobs().delete(&name, &params).await.map_err(Into::into))?;
            namespace.until_gone(&name).await?;
            let new = namespace.create(job(&name).policy(KEPT).managed_by("example.com/nobody")).await?;
            namespace.finish(&new, Outcome::Succeeded).await?;
            Ok(Some((name, new.metadata.uid.context("a UID")?)))
        }
        _ => Ok(None),
    }
}

/// `None` if the sweeps have already deleted the Job.
fn unless_too_late<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) => match error.downcast_ref() {
            Some(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
            _ => Err(error),
        },
    }
}

pub async fn raced_jobs_are_deleted_exactly_if_their_policy_names_their_outcome() -> Result<()> {
    let count: usize = env::var("RACED_JOBS").map_or(Ok(400), |count| count.parse())?;
    let cluster = ControlPlane::start().await?;
    let setup = Setup::new(&cluster).await?;
    let namespace = &setup.namespace;
    // Every fourth Job has no policy yet.
    let name = |index: usize| format!("raced-{index:06}");
    for (first, described) in [(0, job(name(0)).policy(BOTH)), (1, job(name(1)))] {
        let created = namespace.create(described.managed_by("example.com/nobody")).await?;
        namespace.finish(&created, Outcome::Succeeded).await?;
        let finished = namespace.jobs().get(&name(first)).await?;
        let alike = (2..count).filter(|index| (index % 4 == 1) == (first == 1));
        cluster.copy(&finished, alike.map(|index| (namespace.name.clone(), name(index)))).await?;
    }
    let jobs = namespace.jobs().list(&ListParams::default()).await?.items;
    let raced = |job: &Job| job.metadata.name.as_ref().is_some_and(|name| name.starts_with("raced-"));
    let jobs: Vec<_> = jobs.into_iter().filter(raced).collect();
    // It holds the sweeps until all changes are made.
    let last = namespace.create(job("last").policy(BOTH).managed_by("example.com/nobody")).await?;

    let sweep =
        || setup.sweep_by(&setup.user.kubeconfig).args(["--timeout=none", "--settle=2s", "-q"]).spawn();
    let (first, second) = (sweep()?, sweep()?);
    let mut kept = BTreeMap::new();
    let indexed: Vec<_> = jobs.iter().enumerate().collect();
    for (round, raced) in indexed.chunks(count.div_ceil(4)).enumerate() {
        let changes = raced.iter().map(|&(index, job)| change(namespace, index, job));
        let changed: Vec<_> = stream::iter(changes).buffer_unordered(8).try_collect().await?;
        kept.extend(changed.into_iter().flatten());
        match round {
            0 => {
                cluster.stop_apiserver();
                sleep(OUTAGE).await;
                cluster.start_apiserver().await?;
            }
            1 => {
                cluster.stop_etcd();
                sleep(OUTAGE).await;
                cluster.start_etcd()?;
                cluster.ready().await?;
            }
            2 => {
                cluster.freeze(OUTAGE).await?;
                cluster.ready().await?;
            }
            _ => {}
        }
    }
    namespace.finish(&last, Outcome::Succeeded).await?;
    first.finish(LONG).await?.expect_success()?;
    second.finish(LONG).await?.expect_success()?;

    let left = namespace.uids().await?;
    for (name, uid) in &kept {
        let found = left.get(name).with_context(|| format!("{name} was deleted"))?;
        ensure!(found == uid, "{name} is another Job");
    }
    setup.leaves(&kept.keys().map(String::as_str).collect::<Vec<_>>()).await
}
