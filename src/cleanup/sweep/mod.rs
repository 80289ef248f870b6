//! The sweep as a state machine: it is told what happens, and says which request to send next and whether it is done.
//!
//! The sweep does no I/O and has no clock, so that every order of events can be tested. Times count from the start of the
//! sweep. A Job is identified by its UID: a Job that is created again under the same name is another Job.
//!
//! Jobs that a list or the watch reports come in here, what a list or watch says of a whole scope in `reachability`, and the
//! results of requests in `reply`.

pub(crate) mod end_condition;
pub(crate) mod ending;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod job_log;
pub(crate) mod message;
mod reachability;
mod reply;
pub(crate) mod request;
pub(crate) mod rules;
#[cfg(test)]
mod tests;
mod throttle;
mod tracked_job;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use job_log::lines_wanted;
use message::Message;
use reachability::{ScopeState, Sight};
use request::{Deletion, Request};
use rules::{Kept, Rules};
use throttle::Throttle;
use tracked_job::DeletionProgress;
pub(crate) use tracked_job::{Phase, TrackedJob};

use crate::cluster::old::job::compact::Uid;
use crate::cluster::old::job::{Job, Unreadable};

/// After a conflict, the sweep waits this long for the watch to report a newer version. It also waits this long between two checks
/// whether a Job is gone.
const RECHECK_AFTER: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(crate) struct Sweep {
    rules: Rules,
    /// Every Job that was ever in scope. A `number` is always an index into this list.
    jobs: Vec<TrackedJob>,
    /// From the UID of a Job to its number. A `BTreeMap`, because a `HashMap` doubles its memory when it grows.
    numbers: BTreeMap<Uid, usize>,
    /// The Jobs that need a request. The phase of a Job says which one. A Job that no longer needs one is skipped.
    queue: VecDeque<usize>,
    in_flight: usize,
    jobs_that_block_the_end: usize,
    /// The Jobs with a failed request that is to be sent again.
    retrying: BTreeSet<usize>,
    /// The number of Jobs with a failed request since the last `RequestsWorkAgain` message.
    jobs_with_failures: usize,
    /// The Jobs to check again, by time.
    rechecks: VecDeque<(Duration, usize)>,
    /// The time by the API server's clock, in seconds since 1970.
    pub server_time: Option<i64>,
    /// The Jobs that finished too recently, sorted by the time at which they are due. That time is by the API server's clock.
    recent: BTreeSet<(i64, usize)>,
    scopes: Vec<ScopeState>,
    throttle: Throttle,
    messages: Vec<Message>,
    /// The annotated Jobs that do not belong to the release given with `--release`.
    left_out: BTreeMap<Uid, LeftOut>,
}

struct LeftOut {
    scope: usize,
    list_number: u32,
    names_other_release: bool,
}

impl Sweep {
    pub(crate) fn new(rules: Rules, scopes: impl IntoIterator<Item = String>, concurrency: usize) -> Self {
        let scopes = scopes.into_iter().map(|name| ScopeState { name, ..ScopeState::default() }).collect();
        Self { rules, scopes, throttle: Throttle::new(concurrency), ..Self::default() }
    }

    pub(crate) fn seen(&mut self, scope: usize, job: Job, now: Duration) {
        let list_number = self.scopes[scope].list_number;
        let (number, is_news) = match self.numbers.get(&job.id.uid) {
            Some(&number) => {
                let tracked = &mut self.jobs[number];
                let newly_listed = std::mem::replace(&mut tracked.list_number, list_number) != list_number;
                if tracked.phase.is_final() {
                    return;
                }
                let newer = tracked.job.version != job.version;
                // A newer version that is not terminating shows that the deletion was not carried out.
                if tracked.deletion == DeletionProgress::InDoubt && newer && !job.terminating {
                    tracked.deletion = DeletionProgress::NotCarriedOut;
                }
                tracked.missing = false;
                tracked.job = job;
                (number, newly_listed || newer)
            }
            None if self.rules.in_scope(&job) => {
                self.messages.extend(Message::of_policy(&job));
                self.left_out.remove(&job.id.uid);
                let number = self.jobs.len();
                self.numbers.insert(job.id.uid.clone(), number);
                self.jobs.push(TrackedJob::new(job, scope, list_number, now));
                (number, true)
            }
            None => {
                if job.policy.is_some() {
                    // The Job is out of scope, so any release that it names is another one.
                    let names_other_release = job.releases.iter().any(Option::is_some);
                    self.left_out.insert(job.id.uid, LeftOut { scope, list_number, names_other_release });
                } else {
                    self.left_out.remove(&job.id.uid);
                }
                return;
            }
        };
        if self.jobs[number].is_open_to_decision(is_news) {
            self.decide(number, now);
        }
    }

    pub(crate) fn deleted_in_watch(&mut self, mut job: Job, now: Duration) {
        let uid = job.id.uid.clone();
        if let Some(&number) = self.numbers.get(&uid) {
            let tracked = &mut self.jobs[number];
            // The Job may still exist, with labels that no longer match the selector. Then it must stay. The next deletion of it asks
            // whether it is gone. With the version seen last, that deletion fails with a conflict if the Job is still there. With
            // the event's version, it would delete the Job.
            job.version = tracked.job.version.clone();
            tracked.job = job;
        }
        self.uid_deleted_in_watch(&uid, now);
    }

    /// The watch reported the Job with this UID as deleted. Nothing else of it may be readable.
    pub(crate) fn uid_deleted_in_watch(&mut self, uid: &Uid, now: Duration) {
        self.left_out.remove(uid);
        if let Some(&number) = self.numbers.get(uid) {
            self.mark_missing(number, now);
        }
    }

    fn mark_missing(&mut self, number: usize, now: Duration) {
        let tracked = &mut self.jobs[number];
        if !tracked.missing && !tracked.phase.is_final() {
            tracked.missing = true;
            // The result of a deletion says more.
            if tracked.phase != Phase::Deleting {
                self.decide(number, now);
            }
        }
    }

    /// An object cannot be read. If it is a tracked Job whose phase can still change, the sweep keeps the Job. Otherwise it only
    /// reports the object.
    pub(crate) fn unreadable(&mut self, scope: usize, object: Unreadable, now: Duration) {
        let list_number = self.scopes[scope].list_number;
        if let Some(&number) = object.id.as_ref().and_then(|id| self.numbers.get(&id.uid)) {
            let tracked = &mut self.jobs[number];
            let newly_listed = std::mem::replace(&mut tracked.list_number, list_number) != list_number;
            if tracked.is_open_to_decision(newly_listed) {
                return self.enter(number, Phase::Kept(Kept::Unreadable(object.why)), now);
            }
        }
        self.messages.push(Message::Unreadable(object));
    }
}

impl Sweep {
    pub(crate) fn next_request(&mut self, now: Duration) -> Option<Request> {
        while self.throttle.allows(self.in_flight, now) {
            let number = self.queue.pop_front()?;
            let tracked = &self.jobs[number];
            let failures_before = tracked.failures;
            let request = match tracked.phase {
                Phase::Due => {
                    let job = tracked.job.clone();
                    let logs_read = tracked.logs.is_some();
                    let log_lines = if logs_read { 0 } else { lines_wanted(self.rules.log_tail, &job) };
                    let log_failures_before = tracked.log_failures;
                    self.enter(number, Phase::Deleting, now);
                    Request::Delete(Deletion { number, job, failures_before, log_lines, log_failures_before })
                }
                Phase::Terminating { ours: true } if tracked.missing => {
                    Request::CheckGone { number, id: tracked.job.id.clone(), failures_before }
                }
                _ => continue,
            };
            self.in_flight += 1;
            return Some(request);
        }
        None
    }

    /// Handles the timers that have expired. Returns the scopes to list again. In each of them, a deletion failed with a conflict, and
    /// the watch has not reported a newer version of that Job.
    pub(crate) fn handle_timers(&mut self, now: Duration) -> Vec<usize> {
        while let Some(&(due_at, number)) = self.recent.first()
            && self.server_time.is_some_and(|server_time| due_at <= server_time)
        {
            self.recent.pop_first();
            if matches!(self.jobs[number].phase, Phase::TooRecent(_)) {
                self.decide(number, now);
            }
        }
        let mut scopes = Vec::new();
        while let Some(&(at, number)) = self.rechecks.front()
            && at <= now
        {
            self.rechecks.pop_front();
            let tracked = &self.jobs[number];
            match tracked.phase {
                Phase::Terminating { ours: true } if tracked.missing => self.queue.push_back(number),
                Phase::Outdated => {
                    let scope = &mut self.scopes[tracked.scope];
                    // A scope that is already stale is being listed, or its follower waits for a retry.
                    if std::mem::replace(&mut scope.sight, Sight::Stale) != Sight::Stale {
                        scopes.push(tracked.scope);
                    }
                    self.recheck_later(number, now);
                }
                _ => {}
            }
        }
        scopes
    }

    /// When requests may be sent again. This time may be in the past. `None` if no request is queued.
    pub(crate) fn paused_until(&self) -> Option<Duration> {
        (!self.queue.is_empty()).then_some(self.throttle.paused_until)
    }

    /// Whether no Job is left to wait for, to delete or to check. It is false while changes in a scope may have gone unnoticed. Kept
    /// Jobs do not count, even if they have not finished.
    pub(crate) fn is_done(&self) -> bool {
        self.jobs_that_block_the_end == 0 && self.scopes.iter().all(|scope| scope.sight != Sight::Stale)
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.scopes.iter().all(|scope| scope.sight == Sight::Watched)
    }

    /// Whether every scope was listed, and no request is under way or can be sent now.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        let nothing_to_send_now = self.queue.is_empty() || now < self.throttle.paused_until;
        self.was_listed() && self.in_flight == 0 && nothing_to_send_now
    }

    /// Whether there are scopes and each was listed at least once.
    pub(crate) fn was_listed(&self) -> bool {
        !self.scopes.is_empty() && self.scopes.iter().all(|scope| scope.was_listed)
    }

    /// Computes the remaining wait of each Job that finished too recently, for the report. It is called once, when the sweep ends.
    pub(crate) fn refresh_waits(&mut self, now: Duration) {
        let recent = std::mem::take(&mut self.recent);
        recent.iter().for_each(|(_, number)| self.decide(*number, now));
    }

    pub(crate) fn take_messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.messages)
    }

    /// How many annotated Jobs `--release` leaves out: those that name another release, and those that name none.
    pub(crate) fn left_out(&self) -> (usize, usize) {
        let named = self.left_out.values().filter(|job| job.names_other_release).count();
        (named, self.left_out.len() - named)
    }

    pub(crate) fn jobs(&self) -> impl Iterator<Item = &TrackedJob> {
        self.jobs.iter()
    }
}

impl Sweep {
    /// Chooses the phase of a Job. If its deletion was accepted or it is missing, that decides the phase. Otherwise the rules decide.
    /// With a label selector, a missing Job is either deleted or has other labels now. If the sweep may have deleted it, another
    /// request shows which.
    fn decide(&mut self, number: usize, now: Duration) {
        let tracked = &self.jobs[number];
        let ours = tracked.deletion_may_be_ours();
        let accepted = tracked.deletion == DeletionProgress::Accepted;
        let (missing, has_selector) = (tracked.missing, self.rules.has_selector);
        let phase = match self.rules.phase_of(&tracked.job, self.server_time) {
            _ if accepted && (has_selector || !missing) => Phase::Terminating { ours },
            // The Job was deleted or relabelled. A second deletion request shows which.
            _ if missing && ours && has_selector => Phase::Due,
            _ if missing && ours => Phase::Deleted,
            _ if missing && has_selector => Phase::DeletedOrRelabelled,
            _ if missing => Phase::DeletedByOthers,
            kept @ Phase::Kept(_) => kept,
            _ if tracked.job.terminating => Phase::Terminating { ours },
            decided => decided,
        };
        if phase != tracked.phase {
            self.enter(number, phase, now);
        }
        // Ask whether it is gone.
        if accepted && missing && has_selector {
            self.queue.push_back(number);
        }
    }

    fn recheck_later(&mut self, number: usize, now: Duration) {
        self.rechecks.push_back((now + RECHECK_AFTER, number));
    }

    /// The only place where a phase changes.
    fn enter(&mut self, number: usize, phase: Phase, now: Duration) {
        let tracked = &mut self.jobs[number];
        let blocks = phase.blocks_end();
        self.jobs_that_block_the_end =
            self.jobs_that_block_the_end + usize::from(blocks) - usize::from(tracked.phase.blocks_end());
        match (&phase, self.server_time) {
            (Phase::Due, _) => self.queue.push_back(number),
            (Phase::TooRecent(left), Some(server_now)) => {
                self.recent.insert((server_now.saturating_add_unsigned(left.as_secs()), number));
            }
            _ => {}
        }
        tracked.until = if blocks { None } else { tracked.until.or(Some(now)) };
        let before = std::mem::replace(&mut tracked.phase, phase);
        self.messages.extend(Message::of_phase(tracked, &before));
        if !blocks {
            self.retrying.remove(&number);
        }
    }
}
