//! Sends the requests of the sweep: before a deletion, reads the logs that are wanted.

use std::cell::Cell;

use crate::cleanup::run::logs::LogReader;
use crate::cleanup::sweep::request::{Deletion, Reply, Request};
use crate::cluster::api::{Api, Failure};
use crate::cluster::delete::{Retry, check_gone, delete};

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

    /// Sends a request. A failure is one that ends the sweep.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, Failure> {
        match request {
            Request::Delete(deletion) => self.delete(deletion).await,
            Request::CheckGone(check) => {
                let result = check_gone(self.api, &check.id, check.attempts).await?;
                Ok(Reply::Check(check, result))
            }
        }
    }

    async fn delete(&self, deletion: Deletion) -> Result<Reply, Failure> {
        let logs = match self.logs.read(self.api, &deletion).await {
            Ok(logs) => logs,
            Err(failure) => {
                let retry = Retry::new(deletion.log_attempts, &failure);
                return Ok(Reply::NoLogs(deletion, retry));
            }
        };
        if self.stopping.get() {
            return Ok(Reply::NotSent(deletion, logs));
        }
        let (id, version) = (&deletion.job.id, &deletion.job.version);
        let result = delete(self.api, id, version, self.dry_run, deletion.attempts).await?;
        Ok(Reply::Deletion(deletion, logs, result))
    }
}
