//! What the result of a request means for the Job.

use std::time::Duration;

use super::message::{Message, Task};
use super::request::{Deletion, DeletionResult, Reply, Retry};
use super::rules::Kept;
use super::tracked_job::{DeletionProgress, Phase};
use super::{RECHECK_AFTER, Sweep};

impl Sweep {
    pub(crate) fn replied(&mut self, reply: Reply, now: Duration) {
        self.in_flight -= 1;
        match reply {
            Reply::Deletion(deletion, logs, result) => {
                if let Some(logs) = logs {
                    self.jobs[deletion.number].logs = Some(Box::new(logs));
                }
                self.deletion_result(&deletion, result, now);
            }
            Reply::Check(number, gone) => self.check_result(number, gone, now),
        }
    }

    fn deletion_result(&mut self, deletion: &Deletion, result: DeletionResult, now: Duration) {
        use DeletionResult::{
            Accepted, Conflict, Deleted, InDoubt, NoLogs, NotFound, NotSent, Refused, TemporarilyRefused,
        };
        let (number, dry_run) = (deletion.number, self.rules.dry_run);
        if !matches!(result, TemporarilyRefused(_) | InDoubt(_) | NoLogs(_) | NotSent) {
            self.needs_no_retry(number);
        }
        let tracked = &mut self.jobs[number];
        let (missing, deletion_may_be_ours) = (tracked.missing, tracked.deletion_may_be_ours());
        let job_changed = deletion.job.version != tracked.job.version;
        match result {
            Deleted | Accepted if dry_run => self.enter(number, Phase::WouldDelete, now),
            Deleted => self.enter(number, Phase::Deleted, now),
            Accepted => {
                tracked.deletion = DeletionProgress::Accepted;
                self.decide(number, now);
            }
            NotFound if deletion_may_be_ours => self.enter(number, Phase::Deleted, now),
            NotFound => self.enter(number, Phase::DeletedByOthers, now),
            Conflict | Refused(_) if missing && self.rules.has_selector => {
                self.enter(number, Phase::DeletedOrRelabelled, now);
            }
            Refused(why) if !missing => self.enter(number, Phase::Kept(Kept::Refused(why)), now),
            Conflict if !missing && !job_changed => {
                self.recheck_later(number, now);
                self.enter(number, Phase::Outdated, now);
            }
            // The Job is missing or has changed since: what was seen meanwhile decides.
            Conflict | Refused(_) | NotSent => self.decide(number, now),
            TemporarilyRefused(retry) => self.failed(number, Task::Delete, retry, now),
            NoLogs(retry) => self.failed(number, Task::ReadLogs, retry, now),
            InDoubt(retry) => {
                // As in `seen`: a newer version that is not terminating shows that the deletion was not carried out.
                if !dry_run && !deletion_may_be_ours && (!job_changed || tracked.job.terminating) {
                    tracked.deletion = DeletionProgress::InDoubt;
                }
                self.failed(number, Task::Delete, retry, now);
            }
        }
    }

    fn check_result(&mut self, number: usize, gone: Result<bool, Retry>, now: Duration) {
        // Of two checks under way, the other may have found the Job gone, or the Job may be back in the selection.
        if self.jobs[number].phase != (Phase::Terminating { ours: true }) {
            return;
        }
        match gone {
            Ok(true) => {
                self.needs_no_retry(number);
                self.enter(number, Phase::Deleted, now);
            }
            Ok(false) => {
                self.needs_no_retry(number);
                self.recheck_later(number, now);
            }
            Err(Retry { after, why }) => {
                let retry = Retry { after: after.max(RECHECK_AFTER), why };
                self.failed(number, Task::CheckGone, retry, now);
            }
        }
    }

    /// Counts and reports a failed request, pauses all requests, and decides what comes next.
    fn failed(&mut self, number: usize, task: Task, retry: Retry, now: Duration) {
        self.throttle.turned_away(retry.after, now);
        let others_under_way = (self.jobs_with_failures == 0).then_some(self.in_flight);
        let is_new = self.retrying.insert(number);
        self.jobs_with_failures += usize::from(is_new);
        let tracked = &mut self.jobs[number];
        let failures = match task {
            Task::ReadLogs => &mut tracked.log_failures,
            Task::Delete | Task::CheckGone => &mut tracked.failures,
        };
        *failures += 1;
        let (id, attempts) = (tracked.job.id.clone(), *failures);
        self.messages.push(Message::Retrying { task, id, attempts, retry, others_under_way });
        match task {
            Task::Delete | Task::ReadLogs => self.decide(number, now),
            Task::CheckGone => self.recheck_later(number, now),
        }
    }

    fn needs_no_retry(&mut self, number: usize) {
        self.throttle.went_well();
        self.retrying.remove(&number);
        if self.retrying.is_empty() && self.jobs_with_failures > 0 {
            self.messages.push(Message::RequestsWorkAgain(std::mem::take(&mut self.jobs_with_failures)));
        }
    }
}
