//! The requests that the sweep asks for, and their results.

use std::time::Duration;

use crate::cleanup::sweep::job_log::JobLog;
use crate::cluster::old::job::{Job, JobId};

#[derive(Debug)]
pub(crate) enum Request {
    Delete(Deletion),
    CheckGone { number: usize, id: JobId, failures_before: u32 },
}

/// Deletes a Job, but only if it still has the version that the sweep decided on.
#[derive(Debug)]
pub(crate) struct Deletion {
    pub number: usize,
    pub job: Job,
    pub failures_before: u32,
    /// How many lines of its logs to read first. 0 means none.
    pub log_lines: u32,
    pub log_failures_before: u32,
}

#[derive(Debug)]
pub(crate) enum Reply {
    Deletion(Deletion, Option<JobLog>, DeletionResult),
    /// Whether the Job with this number is gone.
    Check(usize, Result<bool, Retry>),
}

#[derive(Debug)]
pub(crate) enum DeletionResult {
    /// The Job is gone. In a dry run, it would be gone.
    Deleted,
    /// The Job is gone once its finalizers are removed.
    Accepted,
    NotFound,
    /// The Job has changed since it was seen, or another Job has its name.
    Conflict,
    Refused(String),
    /// Turned away, or never received. The deletion was not carried out, and is sent again.
    TemporarilyRefused(Retry),
    /// No response, or an error of the API server (5xx), so the deletion may have been carried out.
    InDoubt(Retry),
    /// The deletion was not sent, because the logs could not be read.
    NoLogs(Retry),
    /// The deletion was not sent, because the sweep is ending.
    NotSent,
}

#[derive(Debug)]
pub(crate) struct Retry {
    pub after: Duration,
    pub why: String,
}
