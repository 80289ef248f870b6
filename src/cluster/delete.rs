//! Sends a deletion, or checks whether a Job is gone, and classifies the response. `api::requests` adds the preconditions.

use std::time::Duration;

use crate::cluster::api::{Api, Failure};
use crate::cluster::backoff::Backoff;
use crate::cluster::job::JobId;
use crate::cluster::job::compact::Version;

/// What came of a request to delete one version of a Job.
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

impl Retry {
    /// After a failure that followed `attempts` earlier ones.
    pub(crate) fn new(attempts: u32, failure: &Failure) -> Self {
        Self { after: Backoff::after(attempts).next(failure.retry_after()), why: failure.to_string() }
    }
}

/// Sends one request to delete a Job in exactly this version. `attempts` counts the earlier ones that failed.
///
/// # Errors
/// A failure that concerns every deletion, such as a missing permission.
pub(crate) async fn delete(
    api: &Api,
    id: &JobId,
    version: &Version,
    dry_run: bool,
    attempts: u32,
) -> Result<DeletionResult, Failure> {
    let failure = match api.delete(id, version, dry_run).await {
        Ok(true) => return Ok(DeletionResult::Deleted),
        Ok(false) => return Ok(DeletionResult::Accepted),
        Err(failure) => failure,
    };
    Ok(match failure.code() {
        Some(404) => DeletionResult::NotFound,
        Some(409) => DeletionResult::Conflict,
        _ if failure.is_transient() && failure.may_have_been_carried_out() => {
            DeletionResult::NoReply(Retry::new(attempts, &failure))
        }
        _ if failure.is_transient() => DeletionResult::TurnedAway(Retry::new(attempts, &failure)),
        Some(_) => DeletionResult::Refused(failure.to_string()),
        None => return Err(failure),
    })
}

/// Checks once whether a Job is gone, by a list of its name: that needs no permission beyond those of a sweep.
///
/// # Errors
/// A failure that concerns every request, such as a missing permission.
pub(crate) async fn check_gone(api: &Api, id: &JobId, attempts: u32) -> Result<CheckResult, Failure> {
    match api.is_gone(id).await {
        Ok(true) => Ok(CheckResult::Gone),
        Ok(false) => Ok(CheckResult::StillThere),
        Err(failure) if failure.is_transient() || failure.code().is_some() => {
            Ok(CheckResult::Failed(Retry::new(attempts, &failure)))
        }
        Err(failure) => Err(failure),
    }
}
