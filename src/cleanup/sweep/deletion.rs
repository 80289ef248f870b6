//! What the answer to a deletion means for the Job.

use std::time::Duration;

use super::tracked_job::{Answer, Deletion, JobLog, Order, Phase};
use super::{Note, Sweep};
use crate::cleanup::sweep::rules::Kept;

impl Sweep {
    /// A deletion was answered.
    pub(crate) fn answered(&mut self, order: &Order, answer: Answer, logs: Option<JobLog>, now: Duration) {
        self.in_flight -= 1;
        self.smooth &= matches!(answer, Answer::Gone | Answer::NotFound | Answer::Accepted);
        let uid = &order.id.uid;
        let Some(entry) = self.jobs.get_mut(uid) else {
            return;
        };
        entry.logs = logs.or(entry.logs.take());
        let (vanished, newer) = (entry.vanished, order.version.as_ref() != Some(&entry.job.version));
        if matches!(answer, Answer::Gone | Answer::Accepted | Answer::NotFound) {
            self.pace.went_well();
        }
        match answer {
            Answer::Gone | Answer::Accepted if self.dry_run => self.enter(uid, Phase::WouldDelete, now),
            Answer::Gone => self.enter(uid, Phase::Deleted, now),
            Answer::NotFound if entry.deletion == Deletion::None => self.enter(uid, Phase::Gone, now),
            Answer::NotFound => self.enter(uid, Phase::Deleted, now),
            Answer::NoLogs(after, why) => {
                entry.log_failures += 1;
                let attempts = entry.log_failures;
                self.again(order, attempts, after, why, now);
            }
            Answer::TurnedAway(after, why) => {
                entry.failures += 1;
                let attempts = entry.failures;
                self.again(order, attempts, after, why, now);
            }
            Answer::Lost(after, why) => {
                entry.failures += 1;
                let attempts = entry.failures;
                // What is newer and alive was not hit, and cannot be any more.
                let hit = !newer || entry.job.terminating;
                if entry.deletion == Deletion::None && hit && !self.dry_run {
                    entry.deletion = Deletion::InDoubt;
                }
                self.again(order, attempts, after, why, now);
            }
            Answer::Accepted | Answer::Refused(_) if order.version.is_none() => {
                entry.phase = Phase::Terminating { ours: true };
                self.remind(uid, now);
            }
            Answer::Accepted => {
                entry.deletion = Deletion::Accepted;
                self.decide(uid, now);
            }
            Answer::Conflict | Answer::Refused(_) if vanished && self.rules.selected => {
                self.enter(uid, Phase::OutOfSight, now);
            }
            Answer::Refused(why) if !vanished => self.enter(uid, Phase::Kept(Kept::Refused(why)), now),
            Answer::Conflict if !vanished && !newer => {
                let sighting = entry.sighting();
                self.remind(uid, now);
                self.enter(uid, Phase::Outdated(sighting), now);
            }
            Answer::Conflict | Answer::Unsent | Answer::Refused(_) => self.decide(uid, now),
        }
    }

    /// A deletion did not work, and is to be sent again after a while, if it is still called for then.
    fn again(&mut self, order: &Order, attempts: u32, after: Duration, why: String, now: Duration) {
        self.pace.turned_away(after, now);
        self.notes.push(Note::Retrying { id: order.id.clone(), attempts, after, why });
        self.decide(&order.id.uid, now);
    }
}
