//! Sends the requests of the sweep, and classifies the responses. Before a deletion, reads the logs that are wanted.

use std::cell::Cell;

use crate::cleanup::run::logs::LogReader;
use crate::cleanup::sweep::request::{
    CheckResult, Deletion, DeletionResult, GoneCheck, Reply, Request, Retry,
};
use crate::cluster::api::{Api, Failure};
use crate::cluster::backoff;

pub(crate) struct Requests<'a> {
    api: &'a Api,
    logs: LogReader<'a>,
    dry_run: bool,
    stopping: Cell<bool>,
}

impl<'a> Requests<'a> {
    pub(crate) fn new(api: &'a Api, logs: LogReader<'a>, dry_run: bool) -> Self {
        Self { api, logs, dry_run, stopping: Cell::new(false) }
    }

    /// From now on, no Job is deleted whose logs are still being read.
    pub(crate) fn stop(&self) {
        self.stopping.set(true);
    }

    /// Sends a request.
    ///
    /// # Errors
    /// A failure that concerns every such request, such as a missing permission. It ends the sweep.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, Failure> {
        match request {
            Request::Delete(deletion) => {
                let (logs, result) = match self.logs.read(self.api, &deletion).await {
                    Err(failure) => {
                        (None, DeletionResult::NoLogs(retry(deletion.log_failures_before, &failure)))
                    }
                    Ok(logs) if self.stopping.get() => (logs, DeletionResult::NotSent),
                    Ok(logs) => (logs, self.delete(&deletion).await?),
                };
                Ok(Reply::Deletion(deletion, logs, result))
            }
            Request::CheckGone(check) => {
                let result = self.check_gone(&check).await?;
                Ok(Reply::Check(check, result))
            }
        }
    }

    async fn delete(&self, deletion: &Deletion) -> Result<DeletionResult, Failure> {
        let failure = match self.api.delete(&deletion.job.id, &deletion.job.version, self.dry_run).await {
            Ok(true) => return Ok(DeletionResult::Deleted),
            Ok(false) => return Ok(DeletionResult::Accepted),
            Err(failure) => failure,
        };
        let retry = || retry(deletion.failures_before, &failure);
        Ok(match failure.status_code() {
            Some(404) if failure.is_not_found() => DeletionResult::NotFound,
            Some(409) => DeletionResult::Conflict,
            _ if failure.is_transient() && failure.may_have_been_carried_out() => {
                DeletionResult::InDoubt(retry())
            }
            _ if failure.is_transient() => DeletionResult::TemporarilyRefused(retry()),
            Some(_) => DeletionResult::Refused(failure.to_string()),
            None => return Err(failure),
        })
    }

    async fn check_gone(&self, check: &GoneCheck) -> Result<CheckResult, Failure> {
        match self.api.is_gone(&check.id).await {
            Ok(true) => Ok(CheckResult::Gone),
            Ok(false) => Ok(CheckResult::StillThere),
            Err(failure) if failure.is_transient() || failure.status_code().is_some() => {
                Ok(CheckResult::Failed(retry(check.failures_before, &failure)))
            }
            Err(failure) => Err(failure),
        }
    }
}

fn retry(failures_before: u32, failure: &Failure) -> Retry {
    Retry { after: backoff::delay(failures_before, failure.retry_after()), why: failure.to_string() }
}
