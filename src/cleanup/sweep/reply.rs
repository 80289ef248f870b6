//! What the result of a request means for the Job.

use std::time::Duration;

use super::message::Message;
use super::request::{Check, Deletion, Reply};
use super::rules::Kept;
use super::tracked_job::{DeletionProgress, Phase};
use super::{JobLog, Sweep};
use crate::cluster::delete::{CheckResult, DeletionResult, Retry};
use crate::cluster::job::JobId;

impl Sweep {
    /// A request has a result.
    pub(crate) fn replied(&mut self, reply: Reply, now: Duration) {
        self.in_flight -= 1;
        match reply {
            Reply::Deletion(deletion, logs, result) => {
                self.keep_logs(&deletion, logs);
                self.deletion_result(&deletion, result, now);
            }
            Reply::NotSent(deletion, logs) => {
                self.keep_logs(&deletion, logs);
                self.decide(&deletion.job.id.uid, now);
            }
            Reply::NoLogs(deletion, retry) => {
                if let Some(tracked) = self.jobs.get_mut(&deletion.job.id.uid) {
                    tracked.log_failures += 1;
                }
                self.retry(&deletion.job.id, deletion.log_attempts, retry, now);
                self.decide(&deletion.job.id.uid, now);
            }
            Reply::Check(check, result) => self.check_result(&check, result, now),
        }
    }

    fn keep_logs(&mut self, deletion: &Deletion, logs: Option<JobLog>) {
        if let Some(tracked) = self.jobs.get_mut(&deletion.job.id.uid) {
            tracked.logs = logs.or(tracked.logs.take());
        }
    }

    fn deletion_result(&mut self, deletion: &Deletion, result: DeletionResult, now: Duration) {
        use DeletionResult::{Accepted, Conflict, Deleted, NoReply, NotFound, Refused, TurnedAway};
        let id = &deletion.job.id;
        let uid = &id.uid;
        let Some(tracked) = self.jobs.get_mut(uid) else { return };
        let (vanished, sent_before) = (tracked.vanished, tracked.deletion != DeletionProgress::NotSent);
        let newer = deletion.job.version != tracked.job.version;
        match &result {
            Accepted if !self.rules.dry_run => tracked.deletion = DeletionProgress::Accepted,
            // A newer version that is not terminating shows that the deletion was not carried out.
            NoReply(_) if !self.rules.dry_run && !sent_before && (!newer || tracked.job.terminating) => {
                tracked.deletion = DeletionProgress::InDoubt;
            }
            _ => {}
        }
        match &result {
            NoReply(_) | TurnedAway(_) => tracked.failures += 1,
            _ => self.request_answered(uid),
        }
        match result {
            Deleted | Accepted if self.rules.dry_run => self.enter(uid, Phase::WouldDelete, now),
            Deleted => self.enter(uid, Phase::Deleted, now),
            NotFound if sent_before => self.enter(uid, Phase::Deleted, now),
            NotFound => self.enter(uid, Phase::DeletedByOthers, now),
            Conflict | Refused(_) if vanished && self.rules.selected => {
                self.enter(uid, Phase::DeletedOrRelabelled, now);
            }
            Refused(why) if !vanished => self.enter(uid, Phase::Kept(Kept::Refused(why)), now),
            Conflict if !vanished && !newer => self.enter_outdated(uid, now),
            Accepted | Conflict | Refused(_) => self.decide(uid, now),
            TurnedAway(retry) | NoReply(retry) => {
                self.retry(id, deletion.attempts, retry, now);
                self.decide(uid, now);
            }
        }
    }

    fn check_result(&mut self, check: &Check, result: CheckResult, now: Duration) {
        let uid = &check.id.uid;
        let Some(tracked) = self.jobs.get_mut(uid) else { return };
        // The watch may have been faster.
        if tracked.phase != (Phase::Terminating { ours: true }) {
            return;
        }
        match result {
            CheckResult::Gone => {
                self.request_answered(uid);
                self.enter(uid, Phase::Deleted, now);
            }
            CheckResult::StillThere => {
                self.request_answered(uid);
                self.remind(uid, now);
            }
            CheckResult::Failed(retry) => {
                tracked.failures += 1;
                self.retry(&check.id, check.attempts, retry, now);
                self.remind(uid, now);
            }
        }
    }

    fn enter_outdated(&mut self, uid: &str, now: Duration) {
        if let Some(tracked) = self.jobs.get(uid) {
            let (version, listing) = (tracked.job.version.clone(), tracked.listing);
            self.remind(uid, now);
            self.enter(uid, Phase::Outdated { version, listing }, now);
        }
    }

    /// A request failed. It is sent again after a while, if it is still needed then.
    fn retry(&mut self, id: &JobId, attempts: u32, retry: Retry, now: Duration) {
        self.throttle.turned_away(retry.after, now);
        let first_of = (self.retried == 0).then_some(self.in_flight);
        if let Some(tracked) = self.jobs.get_mut(&id.uid)
            && !std::mem::replace(&mut tracked.retrying, true)
        {
            self.retrying += 1;
            self.retried += 1;
        }
        self.messages.push(Message::Retrying { id: id.clone(), attempts: attempts + 1, retry, first_of });
    }

    fn request_answered(&mut self, uid: &str) {
        self.throttle.went_well();
        self.nothing_to_retry(uid);
        if self.retrying == 0 && self.retried > 0 {
            self.messages.push(Message::RequestsWorkAgain { jobs: std::mem::take(&mut self.retried) });
        }
    }

    pub(super) fn nothing_to_retry(&mut self, uid: &str) {
        if let Some(tracked) = self.jobs.get_mut(uid) {
            self.retrying -= usize::from(std::mem::take(&mut tracked.retrying));
        }
    }
}
