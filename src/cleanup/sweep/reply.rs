//! What the result of a request means for the Job.

use std::time::Duration;

use super::Sweep;
use super::message::{Message, Task};
use super::request::{CheckResult, Deletion, DeletionResult, GoneCheck, Reply, Retry};
use super::rules::Kept;
use super::tracked_job::{DeletionProgress, Phase};

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
            Reply::Check(check, result) => self.check_result(&check, result, now),
        }
    }

    fn deletion_result(&mut self, deletion: &Deletion, result: DeletionResult, now: Duration) {
        use DeletionResult::{
            Accepted, Conflict, Deleted, InDoubt, NoLogs, NotFound, NotSent, Refused, TemporarilyRefused,
        };
        let number = deletion.number;
        let tracked = &mut self.jobs[number];
        let (missing, may_be_ours) = (tracked.missing, tracked.may_be_ours());
        let job_changed = deletion.job.version != tracked.job.version;
        match &result {
            Accepted if !self.rules.dry_run => tracked.deletion = DeletionProgress::Accepted,
            // As in `seen`, a newer version shows that it was not carried out.
            InDoubt(_)
                if !self.rules.dry_run && !may_be_ours && (!job_changed || tracked.job.terminating) =>
            {
                tracked.deletion = DeletionProgress::InDoubt;
            }
            _ => {}
        }
        match &result {
            InDoubt(_) | TemporarilyRefused(_) => tracked.failures += 1,
            NoLogs(_) => tracked.log_failures += 1,
            NotSent => {}
            _ => self.request_answered(number),
        }
        match result {
            Deleted | Accepted if self.rules.dry_run => self.enter(number, Phase::WouldDelete, now),
            Deleted => self.enter(number, Phase::Deleted, now),
            NotFound if may_be_ours => self.enter(number, Phase::Deleted, now),
            NotFound => self.enter(number, Phase::DeletedByOthers, now),
            Conflict | Refused(_) if missing && self.rules.has_selector => {
                self.enter(number, Phase::DeletedOrRelabelled, now);
            }
            Refused(why) if !missing => self.enter(number, Phase::Kept(Kept::Refused(why)), now),
            Conflict if !missing && !job_changed => self.enter_outdated(number, now),
            Accepted | Conflict | Refused(_) | NotSent => self.decide(number, now),
            TemporarilyRefused(retry) | InDoubt(retry) => {
                self.record_failure(number, Task::Delete, deletion.failures_before, retry, now);
                self.decide(number, now);
            }
            NoLogs(retry) => {
                self.record_failure(number, Task::ReadLogs, deletion.log_failures_before, retry, now);
                self.decide(number, now);
            }
        }
    }

    fn check_result(&mut self, check: &GoneCheck, result: CheckResult, now: Duration) {
        let number = check.number;
        let tracked = &mut self.jobs[number];
        // The watch may have been faster.
        if tracked.phase != (Phase::Terminating { ours: true }) {
            return;
        }
        match result {
            CheckResult::Gone => {
                self.request_answered(number);
                self.enter(number, Phase::Deleted, now);
            }
            CheckResult::StillThere => {
                self.request_answered(number);
                self.remind(number, now);
            }
            CheckResult::Failed(retry) => {
                tracked.failures += 1;
                self.record_failure(number, Task::CheckGone, check.failures_before, retry, now);
                self.remind(number, now);
            }
        }
    }

    fn enter_outdated(&mut self, number: usize, now: Duration) {
        let tracked = &self.jobs[number];
        let (version, list_number) = (tracked.job.version.clone(), tracked.list_number);
        self.remind(number, now);
        self.enter(number, Phase::Outdated { version, list_number }, now);
    }

    /// Records a failed request: pauses the requests and reports the failure. The caller decides whether to send it again.
    fn record_failure(
        &mut self,
        number: usize,
        task: Task,
        failures_before: u32,
        retry: Retry,
        now: Duration,
    ) {
        self.throttle.turned_away(retry.after, now);
        let others_under_way = (self.jobs_with_failures == 0).then_some(self.in_flight);
        self.jobs_with_failures += usize::from(self.retrying.insert(number));
        let id = self.jobs[number].job.id.clone();
        self.messages.push(Message::Retrying {
            task,
            id,
            attempts: failures_before + 1,
            retry,
            others_under_way,
        });
    }

    fn request_answered(&mut self, number: usize) {
        self.throttle.went_well();
        self.retrying.remove(&number);
        if self.retrying.is_empty() && self.jobs_with_failures > 0 {
            self.messages.push(Message::RequestsWorkAgain(std::mem::take(&mut self.jobs_with_failures)));
        }
    }
}
