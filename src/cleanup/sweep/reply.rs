//! What the result of a request means for the Job.

use std::time::Duration;

use super::Sweep;
use super::message::Message;
use super::request::{Check, CheckResult, Deletion, DeletionResult, Reply, Retry};
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
            Accepted, Conflict, Deleted, NoLogs, NoReply, NotFound, NotSent, Refused, TurnedAway,
        };
        let number = deletion.number;
        let tracked = &mut self.jobs[number];
        let (vanished, sent_before) = (tracked.vanished, tracked.deletion != DeletionProgress::NotSent);
        let newer = deletion.job.version != tracked.job.version;
        let attempts = if let NoLogs(_) = result { deletion.log_attempts } else { deletion.attempts };
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
            NoLogs(_) => tracked.log_failures += 1,
            NotSent => {}
            _ => self.request_answered(number),
        }
        match result {
            Deleted | Accepted if self.rules.dry_run => self.enter(number, Phase::WouldDelete, now),
            Deleted => self.enter(number, Phase::Deleted, now),
            NotFound if sent_before => self.enter(number, Phase::Deleted, now),
            NotFound => self.enter(number, Phase::DeletedByOthers, now),
            Conflict | Refused(_) if vanished && self.rules.selected => {
                self.enter(number, Phase::DeletedOrRelabelled, now);
            }
            Refused(why) if !vanished => self.enter(number, Phase::Kept(Kept::Refused(why)), now),
            Conflict if !vanished && !newer => self.enter_outdated(number, now),
            Accepted | Conflict | Refused(_) | NotSent => self.decide(number, now),
            TurnedAway(retry) | NoReply(retry) | NoLogs(retry) => {
                self.retry(number, attempts, retry, now);
                self.decide(number, now);
            }
        }
    }

    fn check_result(&mut self, check: &Check, result: CheckResult, now: Duration) {
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
                self.retry(number, check.attempts, retry, now);
                self.remind(number, now);
            }
        }
    }

    fn enter_outdated(&mut self, number: usize, now: Duration) {
        let tracked = &self.jobs[number];
        let (version, listing) = (tracked.job.version.clone(), tracked.listing);
        self.remind(number, now);
        self.enter(number, Phase::Outdated { version, listing }, now);
    }

    /// A request failed. It is sent again after a while, if it is still needed then.
    fn retry(&mut self, number: usize, attempts: u32, retry: Retry, now: Duration) {
        self.throttle.turned_away(retry.after, now);
        let first_of = (self.retried == 0).then_some(self.in_flight);
        self.retried += usize::from(self.retrying.insert(number));
        let id = self.jobs[number].job.id.clone();
        self.messages.push(Message::Retrying { id, attempts: attempts + 1, retry, first_of });
    }

    fn request_answered(&mut self, number: usize) {
        self.throttle.went_well();
        self.retrying.remove(&number);
        if self.retrying.is_empty() && self.retried > 0 {
            self.messages.push(Message::RequestsWorkAgain(std::mem::take(&mut self.retried)));
        }
    }
}
