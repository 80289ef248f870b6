//! Creates Jobs, and makes their pods succeed or fail as a node would.
//!
//! [`job`] describes a Job, and a [`Namespace`] creates it. The real Job controller creates the pods, and derives the
//! Job's status from theirs. A test that needs thousands of Jobs, or a status that the controller would change, describes a
//! Job [managed by](JobBuilder::managed_by) nobody and sets its status with [`Namespace::finish`].

mod builder;
mod bulk;
mod pods;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::control_plane::Namespace;
use crate::wait;

pub use builder::{JobBuilder, job};

/// How a Job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With the condition `Complete`.
    Succeeded,
    /// With the condition `Failed`.
    Failed,
}

impl Outcome {
    /// The status as the Job controller writes it. The API server refuses a terminal condition without the condition
    /// that comes before it and without the times.
    fn status(self, at: Timestamp) -> Value {
        let (forerunner, terminal, reason) = match self {
            Self::Succeeded => ("SuccessCriteriaMet", "Complete", "CompletionsReached"),
            Self::Failed => ("FailureTarget", "Failed", "BackoffLimitExceeded"),
        };
        let condition = |kind| {
            json!({ "type": kind, "status": "True", "reason": reason, "message": "set by the test",
                    "lastProbeTime": at, "lastTransitionTime": at })
        };
        let mut status =
            json!({ "startTime": at, "conditions": [condition(forerunner), condition(terminal)] });
        if self == Self::Succeeded {
            status["completionTime"] = json!(at);
        }
        status
    }
}

impl Namespace {
    /// Creates a Job.
    pub async fn create(&self, job: JobBuilder) -> Result<Job> {
        Ok(self.jobs().create(&PostParams::default(), &job.build()?).await?)
    }

    /// Ends a Job that is [managed by](JobBuilder::managed_by) nobody.
    pub async fn finish(&self, job: &Job, outcome: Outcome) -> Result<()> {
        self.finish_after(job, outcome, 0).await
    }

    /// The same this many seconds from now, or before now.
    pub async fn finish_after(&self, job: &Job, outcome: Outcome, seconds: i64) -> Result<()> {
        let at = Timestamp::now() + SignedDuration::from_secs(seconds);
        self.set_status(job, outcome.status(at)).await
    }

    /// Merges this into the status of a Job.
    pub async fn set_status(&self, job: &Job, status: Value) -> Result<()> {
        let patch = Patch::Merge(json!({ "status": status }));
        self.jobs().patch_status(name(job)?, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Merges this into the Job.
    pub async fn edit(&self, job: &Job, changes: Value) -> Result<()> {
        self.jobs().patch(name(job)?, &PatchParams::default(), &Patch::Merge(changes)).await?;
        Ok(())
    }

    /// Waits until the Job has this condition, or is gone.
    pub async fn condition(&self, job: &Job, kind: &str) -> Result<()> {
        let name = name(job)?;
        wait::until(&format!("{name} to be {kind}"), || async {
            // A sweep may delete the Job first.
            let job = self.jobs().get_opt(name).await?;
            Ok(job.is_none_or(|job| has_condition(&job, kind)).then_some(()))
        })
        .await
    }

    /// The UIDs of all Jobs in the namespace, by name. They show which Jobs are gone and which were replaced.
    pub async fn uids(&self) -> Result<BTreeMap<String, String>> {
        let jobs = self.jobs().list_metadata(&ListParams::default()).await?;
        let uid = |meta: kube::api::ObjectMeta| Some((meta.name?, meta.uid?));
        Ok(jobs.items.into_iter().filter_map(|job| uid(job.metadata)).collect())
    }

    /// The names of all Jobs in the namespace, sorted.
    pub async fn names(&self) -> Result<Vec<String>> {
        Ok(self.uids().await?.into_keys().collect())
    }
}

/// Whether the Job has this condition, with status `True`.
pub fn has_condition(job: &Job, kind: &str) -> bool {
    job.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == kind && condition.status == "True")
}

fn name(job: &Job) -> Result<&str> {
    job.metadata.name.as_deref().context("a created Job has a name")
}
