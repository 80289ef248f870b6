//! Sends the requests of the sweep, and classifies the responses. Before a deletion, reads the logs that are wanted.

use std::cell::Cell;

use crate::cleanup::run::logs::LogReader;
use crate::cleanup::sweep::request::{Deletion, DeletionResult, Reply, Request, Retry};
use crate::cluster::old::api::{Api, Failure};
use crate::cluster::old::backoff;

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
            Request::CheckGone { number, id, failures_before } => {
                let gone = match self.api.is_gone(&id).await {
                    Err(failure) if failure.is_transient() || failure.status_code().is_some() => {
                        Err(retry(failures_before, &failure))
                    }
                    result => Ok(result?),
                };
                Ok(Reply::Check(number, gone))
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
}

fn retry(failures_before: u32, failure: &Failure) -> Retry {
    Retry { after: backoff::delay(failures_before, failure.retry_after()), why: failure.to_string() }
}
