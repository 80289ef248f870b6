//! The requests that a sweep wants to be sent, and their results.

use std::time::Duration;

use crate::cleanup::sweep::job_log::JobLog;
use crate::cluster::job::{Job, JobId};

#[derive(Debug)]
pub(crate) enum Request {
    Delete(Deletion),
    CheckGone(Check),
}

/// Deletes a Job in exactly the version that was decided on.
#[derive(Debug)]
pub(crate) struct Deletion {
    /// Stands for the Job in the sweep.
    pub number: usize,
    pub job: Job,
    pub attempts: u32,
    /// How many lines of its logs to read first.
    pub log_lines: u32,
    pub log_attempts: u32,
}

/// Checks whether a Job is gone whose deletion was accepted.
#[derive(Debug)]
pub(crate) struct Check {
    pub number: usize,
    pub id: JobId,
    pub attempts: u32,
}

#[derive(Debug)]
pub(crate) enum Reply {
    Deletion(Deletion, Option<JobLog>, DeletionResult),
    Check(Check, CheckResult),
}

#[derive(Debug)]
pub(crate) enum DeletionResult {
    /// The Job is gone. In a dry run, it would be.
    Deleted,
    /// The Job is gone once its finalizers are removed.
    Accepted,
    NotFound,
    /// The Job has changed since it was seen, or another Job has its name.
    Conflict,
    Refused(String),
    /// The deletion was not carried out.
    TurnedAway(Retry),
    /// No response says whether the deletion was carried out.
    NoReply(Retry),
    /// The deletion was not sent, because the logs could not be read.
    NoLogs(Retry),
    /// The deletion was not sent, because the sweep is ending.
    NotSent,
}

#[derive(Debug)]
pub(crate) enum CheckResult {
    Gone,
    StillThere,
    Failed(Retry),
}

#[derive(Debug)]
pub(crate) struct Retry {
    pub after: Duration,
    pub why: String,
}
