//! Jobs, and the part of the node that makes their pods succeed or fail.
//!
//! [`job`] describes one, and a [`Namespace`] creates it. The real Job controller then makes pods and decides from
//! their status how the Job stands. Where a test needs Jobs by the thousand, or one in a state that the
//! controller would not leave it in, it describes a Job [managed by](JobBuilder::managed_by) nobody, and sets
//! its status itself with [`Namespace::finish`].

mod builder;
mod bulk;
mod pods;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::Timestamp;
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
    /// The status that the Job controller would write for it. The API server refuses a terminal condition
    /// without its forerunner and the times.
    fn status(self) -> Value {
        let (forerunner, terminal, reason) = match self {
            Self::Succeeded => ("SuccessCriteriaMet", "Complete", "CompletionsReached"),
            Self::Failed => ("FailureTarget", "Failed", "BackoffLimitExceeded"),
        };
        let now = Timestamp::now();
        let condition = |kind| {
            json!({ "type": kind, "status": "True", "reason": reason, "message": "set by the test",
                    "lastProbeTime": now, "lastTransitionTime": now })
        };
        let mut status =
            json!({ "startTime": now, "conditions": [condition(forerunner), condition(terminal)] });
        if self == Self::Succeeded {
            status["completionTime"] = json!(now);
        }
        status
    }
}

impl Namespace {
    /// Creates a Job.
    pub async fn create(&self, job: JobBuilder) -> Result<Job> {
        Ok(self.jobs().create(&PostParams::default(), &job.build()?).await?)
    }

    /// Ends a Job that is [managed by](JobBuilder::managed_by) nobody. Its controller is the test.
    pub async fn finish(&self, job: &Job, outcome: Outcome) -> Result<()> {
        self.set_status(job, outcome.status()).await
    }

    /// Merges this into the status of a Job: for conditions between the running and the finished state.
    pub async fn set_status(&self, job: &Job, status: Value) -> Result<()> {
        let patch = Patch::Merge(json!({ "status": status }));
        self.jobs().patch_status(name(job)?, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Merges this into the Job: an edited annotation, a finalizer added or removed, `spec.suspend`.
    pub async fn edit(&self, job: &Job, changes: Value) -> Result<()> {
        self.jobs().patch(name(job)?, &PatchParams::default(), &Patch::Merge(changes)).await?;
        Ok(())
    }

    /// Waits until the Job has this condition, or is gone.
    pub async fn condition(&self, job: &Job, kind: &str) -> Result<()> {
        let name = name(job)?;
        wait::until(&format!("{name} to be {kind}"), || async {
            // A sweep that waits for the same may be faster than we are.
            let job = self.jobs().get_opt(name).await?;
            Ok(job.is_none_or(|job| has_condition(&job, kind)).then_some(()))
        })
        .await
    }

    /// All Jobs of the namespace, by name, with their UIDs: what a test compares before and after, so that
    /// neither a Job too many is gone nor one has been replaced.
    pub async fn uids(&self) -> Result<BTreeMap<String, String>> {
        let jobs = self.jobs().list_metadata(&ListParams::default()).await?;
        let uid = |meta: kube::api::ObjectMeta| Some((meta.name?, meta.uid?));
        Ok(jobs.items.into_iter().filter_map(|job| uid(job.metadata)).collect())
    }

    /// The names of all Jobs, sorted: what a test says is left.
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
