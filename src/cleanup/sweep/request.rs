//! The requests that a sweep wants to be sent, and their results.

use crate::cleanup::sweep::job_log::JobLog;
use crate::cluster::delete::{CheckResult, DeletionResult, Retry};
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
    /// Stands for the Job in the sweep.
    pub number: usize,
    pub id: JobId,
    pub attempts: u32,
}

#[derive(Debug)]
pub(crate) enum Reply {
    Deletion(Deletion, Option<JobLog>, DeletionResult),
    /// The deletion was not sent, because the logs could not be read.
    NoLogs(Deletion, Retry),
    /// The deletion was not sent, because the sweep is ending.
    NotSent(Deletion, Option<JobLog>),
    Check(Check, CheckResult),
}
