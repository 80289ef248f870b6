//! The sweep: what is known of the Jobs in scope, and what to do next.
//!
//! The watch keeps a map of the Jobs up to date. After every change and reply, and when its time has come, [`TrackedJob::phase_now`]
//! decides from what the map shows. Whatever a reply says, only the map says that a Job is gone. A Job is identified by its UID: a Job that
//! is created again under the same name is another Job.
//!
//! The sweep does no I/O and has no clock, so that every order of events can be tested. Times count from its start.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{replace, take};
use std::sync::Arc;
use std::time::Duration;

use super::logs::JobLog;
use super::output::wording;
use super::rules::{Kept, Rules};
use crate::cluster::error::Error;
use crate::cluster::job::{Hint, Job};
use crate::cluster::retry;
use crate::cluster::watch::Event;
use crate::console::Verbosity;
use crate::escape::block;

/// How long the map may take to show what became of a deletion, before it is sent again.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

type Uid = Arc<str>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting(Hint),
    /// The Job finished too recently, and is due at this time, in seconds since 1970.
    TooRecent(i64),
    #[default]
    Due,
    /// The Job is being deleted.
    Going {
        /// Whether by this sweep.
        ours: bool,
        /// Whether the map shows it already. If so, a finalizer holds the Job.
        shown: bool,
    },
    Gone(Gone),
    Kept(Kept),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Deleted,
    /// It is still there, because this is a dry run.
    WouldDelete,
    ByOthers,
    /// A watch that selects by labels reports both in the same way.
    ByOthersOrRelabelled,
}

/// One Job in the sweep.
#[derive(Default)]
pub(crate) struct TrackedJob {
    pub job: Arc<Job>,
    /// As last decided.
    pub phase: Phase,
    /// When the sweep first saw the Job in scope.
    pub since: Duration,
    /// When the Job last stopped holding up the end.
    pub until: Option<Duration>,
    pub log: Option<JobLog>,
    /// Why its pods do not let it finish.
    pub pods: Option<String>,
    scope: usize,
    /// Whether it was seen since the last list began.
    listed: bool,
    /// Whether the map has the Job.
    present: bool,
    deletion: Deletion,
    /// Whether a deletion of this version was accepted, or may have been carried out.
    deleted_by_us: bool,
    failures: u32,
}

/// How far the sweep's own deletion of a Job is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Deletion {
    #[default]
    NotSent,
    UnderWay,
    /// Sent again at this time.
    RetryAt(Duration),
    /// It was accepted, or the Job is not what the map shows. It is sent again at this time, unless the map shows first what became
    /// of the Job.
    WaitsForMap(Duration),
    /// It is not sent again.
    Refused(String),
    AcceptedInDryRun,
}

struct Scope {
    name: String,
    was_listed: bool,
    view: View,
    /// How many Jobs of the last list have no policy.
    without_policy: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum View {
    /// An interruption was reported and is not over yet.
    Interrupted,
    /// Changes may have gone unnoticed.
    Old,
    Listed,
    Watched,
}

/// From which verbosity on it is shown, and its text.
pub(crate) type Message = (Verbosity, String);

#[derive(Default)]
pub(crate) struct Sweep {
    rules: Rules,
    concurrency: usize,
    /// The time of the start, in seconds since 1970.
    unix_start: i64,
    /// Every Job that was ever in scope.
    jobs: BTreeMap<Uid, TrackedJob>,
    scopes: Vec<Scope>,
    /// The Jobs to delete: whether for the first time, and since when each is known.
    due: BTreeSet<(bool, Duration, Uid)>,
    in_flight: usize,
    /// Before, only failed deletions are sent again, each after its own `Retry-After`.
    paused_until: Duration,
    /// The Jobs with a failed request that is to be sent again, and how many there were since all went well.
    failing: BTreeSet<Uid>,
    failed: usize,
    messages: Vec<Message>,
}

impl Sweep {
    pub(crate) fn new(
        rules: Rules,
        scopes: impl IntoIterator<Item = String>,
        concurrency: usize,
        unix_start: i64,
    ) -> Self {
        let scope = |name| Scope { name, was_listed: false, view: View::Old, without_policy: 0 };
        let scopes = scopes.into_iter().map(scope).collect();
        Self { rules, scopes, concurrency, unix_start, ..Self::default() }
    }

    /// Takes in what happened in a scope. Fails if the scope cannot be followed any more.
    pub(crate) fn event(&mut self, index: usize, mut event: Event, now: Duration) -> Result<(), Error> {
        let Some(scope) = self.scopes.get_mut(index) else { return Ok(()) };
        let name = scope.name.clone();
        if let Event::Seen(job) | Event::Deleted(job) = &mut event
            && self.rules.may_have_default_policy(job)
        {
            let is_left_out = self.rules.default_policy.is_none() && scope.view <= View::Old;
            scope.without_policy += usize::from(is_left_out);
            job.policy.clone_from(&self.rules.default_policy);
        }
        match event {
            Event::ListBegins => {
                scope.view = scope.view.min(View::Old);
                let in_scope = self.jobs.values_mut().filter(|tracked| tracked.scope == index);
                in_scope.for_each(|tracked| tracked.listed = false);
                scope.without_policy = 0;
                self.say(Verbosity::Verbose, &format!("listing Jobs in {name}"));
            }
            Event::Seen(job) => self.seen(index, job, now),
            Event::Deleted(job) => {
                let uid: Uid = job.uid.as_str().into();
                if let Some(tracked) = self.jobs.get_mut(&uid) {
                    tracked.job = Arc::new(job);
                }
                self.missing(&uid, now);
            }
            Event::Listed => {
                scope.was_listed = true;
                let missing = self.jobs.iter().filter(|(_, job)| job.scope == index && !job.listed);
                let missing: Vec<_> = missing.map(|(uid, _)| Arc::clone(uid)).collect();
                missing.iter().for_each(|uid| self.missing(uid, now));
                self.reached(index, View::Listed);
                self.say(Verbosity::Verbose, &format!("listed all Jobs in {name}"));
            }
            Event::Watching => {
                self.reached(index, View::Watched);
                self.say(Verbosity::Verbose, &format!("watching {name}"));
            }
            Event::Interrupted(error, after) => {
                let what = if scope.was_listed { "watch interrupted on" } else { "cannot list Jobs in" };
                let is_repeated = replace(&mut scope.view, View::Interrupted) == View::Interrupted;
                let level = if is_repeated { Verbosity::Verbose } else { Verbosity::Warning };
                let after = after.as_secs_f64();
                self.say(level, &format!("{what} {name}: {error}; retrying in {after:.1} s"));
                self.pause(&error, now);
            }
            Event::Failed(error) => return Err(error),
        }
        Ok(())
    }

    fn reached(&mut self, scope: usize, view: View) {
        let scope = &mut self.scopes[scope];
        if replace(&mut scope.view, view) == View::Interrupted {
            let text = format!("{} is reachable again", scope.name);
            self.say(Verbosity::Normal, &text);
        }
    }

    fn seen(&mut self, scope: usize, job: Job, now: Duration) {
        let uid: Uid = job.uid.as_str().into();
        if let Some(tracked) = self.jobs.get_mut(&uid) {
            let newer = tracked.job.version != job.version;
            if newer && !job.terminating {
                // A deletion of the version before was not carried out.
                tracked.deleted_by_us = false;
                if tracked.waits_for_map() {
                    tracked.deletion = Deletion::NotSent;
                }
            }
            (tracked.listed, tracked.present) = (true, true);
            tracked.job = Arc::new(job);
        } else if self.rules.in_scope(&job) {
            let unknown_words = wording::unknown_words(&job);
            self.messages.extend(unknown_words.map(|text| (Verbosity::Warning, block(&text))));
            let job = Arc::new(job);
            let new =
                TrackedJob { job, scope, since: now, listed: true, present: true, ..TrackedJob::default() };
            self.jobs.insert(Arc::clone(&uid), new);
        }
        self.decide(&uid, now);
    }

    fn missing(&mut self, uid: &Uid, now: Duration) {
        if let Some(tracked) = self.jobs.get_mut(uid) {
            tracked.present = false;
            self.decide(uid, now);
        }
    }

    /// The Job to delete next, if its version is still the one that the sweep has seen.
    pub(crate) fn next_deletion(&mut self, now: Duration) -> Option<Arc<Job>> {
        let (is_first, ..) = self.due.first()?;
        if self.in_flight >= self.concurrency || (*is_first && now < self.paused_until) {
            return None;
        }
        let (.., uid) = self.due.pop_first()?;
        let tracked = self.jobs.get_mut(&uid)?;
        tracked.deletion = Deletion::UnderWay;
        let job = Arc::clone(&tracked.job);
        self.in_flight += 1;
        self.say(Verbosity::Verbose, &format!("deleting {job}: {}", wording::state(&job)));
        Some(job)
    }

    /// The response to the deletion of this Job: whether it is gone already. `None` if the deletion was not sent, because the
    /// sweep is ending. Fails if the response concerns every deletion, such as a missing permission.
    pub(crate) fn replied(
        &mut self,
        job: &Job,
        log: Option<JobLog>,
        result: Option<Result<bool, Error>>,
        now: Duration,
    ) -> Result<(), Error> {
        self.in_flight -= 1;
        let uid: Uid = job.uid.as_str().into();
        let (dry_run, only_lists) = (self.rules.dry_run, self.rules.only_lists);
        let waits_for_map = Deletion::WaitsForMap(now + SHOWN_WITHIN);
        let Some(tracked) = self.jobs.get_mut(&uid) else { return Ok(()) };
        tracked.log = log.or(tracked.log.take());
        let is_newer = tracked.job.version != job.version;
        let mut failure = None;
        tracked.deletion = match result {
            None => Deletion::NotSent,
            Some(Ok(_)) if dry_run => Deletion::AcceptedInDryRun,
            Some(Ok(gone)) => {
                tracked.deleted_by_us = true;
                tracked.present &= !(gone && only_lists);
                waits_for_map
            }
            Some(Err(error)) if error.is_not_found() => {
                tracked.present &= !only_lists;
                waits_for_map
            }
            Some(Err(error)) if error.is_conflict() && is_newer => Deletion::NotSent,
            Some(Err(error)) if error.is_conflict() => waits_for_map,
            Some(Err(error)) if error.is_transient() => {
                // A Job that lives on in a newer version was not deleted.
                let lives = is_newer && tracked.present && !tracked.job.terminating;
                tracked.deleted_by_us |= error.may_have_been_carried_out() && !dry_run && !lives;
                let after = retry::delay(tracked.failures, &error);
                tracked.failures += 1;
                failure = Some((error, after, tracked.failures));
                Deletion::RetryAt(now + after)
            }
            Some(Err(error)) if error.status().is_some() => Deletion::Refused(error.to_string()),
            Some(Err(error)) => {
                tracked.deletion = Deletion::NotSent;
                return Err(error);
            }
        };
        if let Some((error, after, attempts)) = failure {
            let level = if self.failing.is_empty() { Verbosity::Normal } else { Verbosity::Verbose };
            self.failed += usize::from(self.failing.insert(Arc::clone(&uid)));
            let after = after.as_secs_f64();
            let text = format!("cannot delete {job} (attempt {attempts}): {error}; retrying in {after:.1} s");
            self.say(level, &text);
            self.pause(&error, now);
        } else if self.failing.remove(&uid) && self.failing.is_empty() {
            let failed = wording::jobs(take(&mut self.failed));
            self.say(Verbosity::Normal, &format!("requests work again, after failures for {failed}"));
        }
        self.decide(&uid, now);
        Ok(())
    }

    /// While the API server's `Retry-After` runs, no other Job is begun.
    fn pause(&mut self, error: &Error, now: Duration) {
        if let Some(retry_after) = error.retry_after() {
            self.paused_until = self.paused_until.max(now + retry_after);
        }
    }

    /// Looks at the Jobs whose time has come: to send a deletion again, or because they finished long enough ago.
    pub(crate) fn handle_timers(&mut self, now: Duration) {
        let unix_now = self.unix_time(now);
        let has_come = |tracked: &TrackedJob| match (&tracked.deletion, &tracked.phase) {
            (Deletion::RetryAt(at) | Deletion::WaitsForMap(at), _) => *at <= now,
            (_, Phase::TooRecent(due_at)) => *due_at <= unix_now,
            _ => false,
        };
        let jobs = self.jobs.iter().filter(|(_, tracked)| has_come(tracked));
        let uids: Vec<_> = jobs.map(|(uid, _)| Arc::clone(uid)).collect();
        for uid in uids {
            if let Some(tracked) = self.jobs.get_mut(&uid) {
                tracked.deletion = Deletion::NotSent;
            }
            self.decide(&uid, now);
        }
    }

    /// Decides again what to do with a Job. The only place where a phase changes.
    fn decide(&mut self, uid: &Uid, now: Duration) {
        let unix_now = self.unix_time(now);
        let Some(tracked) = self.jobs.get_mut(uid) else { return };
        // The response says more than what is seen meanwhile.
        if tracked.deletion == Deletion::UnderWay {
            return;
        }
        let phase = tracked.phase_now(&self.rules, unix_now);
        tracked.until = if phase.is_open() { None } else { tracked.until.or(Some(now)) };
        let due = (tracked.failures == 0, tracked.since, Arc::clone(uid));
        if phase == Phase::Due && tracked.deletion == Deletion::NotSent {
            self.due.insert(due);
        } else {
            self.due.remove(&due);
        }
        let before = replace(&mut tracked.phase, phase);
        if tracked.phase != before
            && let Some(text) = wording::phase_message(tracked, unix_now)
        {
            let level = tracked.phase.level();
            self.say(level, &text);
        }
    }

    fn say(&mut self, level: Verbosity, text: &str) {
        self.messages.push((level, block(text)));
    }

    /// Whether no Job is left to wait for or to delete, and no change may have gone unnoticed. Kept Jobs do not count, even if
    /// they have not finished.
    pub(crate) fn is_done(&self) -> bool {
        self.scopes.iter().all(|scope| scope.view > View::Old)
            && !self.jobs().any(|tracked| tracked.phase.is_open())
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.scopes.iter().all(|scope| scope.view == View::Watched)
    }

    /// Whether every scope was listed, and no request is under way or can be sent now.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        self.was_listed() && self.in_flight == 0 && (self.due.is_empty() || now < self.paused_until)
    }

    /// Whether there are scopes and each was listed at least once.
    pub(crate) fn was_listed(&self) -> bool {
        !self.scopes.is_empty() && self.scopes.iter().all(|scope| scope.was_listed)
    }

    /// Whether every scope was listed, and no Job was ever in scope.
    pub(crate) fn found_none(&self) -> bool {
        self.was_listed() && self.jobs.is_empty()
    }

    /// How many Jobs have no policy, and would have a default one if the user gave it.
    pub(crate) fn without_policy(&self) -> usize {
        self.scopes.iter().map(|scope| scope.without_policy).sum()
    }

    /// Whether the watch will soon show what became of a deletion.
    pub(crate) fn is_about_to_show_more(&self) -> bool {
        self.jobs.values().any(|tracked| {
            tracked.present
                && tracked.waits_for_map()
                && !tracked.job.terminating
                && self.scopes[tracked.scope].view == View::Watched
        })
    }

    pub(crate) fn take_messages(&mut self) -> Vec<Message> {
        take(&mut self.messages)
    }

    /// Every Job that was ever in scope.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &TrackedJob> {
        self.jobs.values()
    }

    /// The Jobs that the sweep waits for and whose pods are active.
    pub(crate) fn active(&mut self) -> impl Iterator<Item = &mut TrackedJob> {
        self.jobs.values_mut().filter(|tracked| matches!(tracked.phase, Phase::Waiting(Hint::Active(_))))
    }

    /// By namespace and name. Jobs that share a name are in the order in which the sweep saw them.
    pub(crate) fn sorted_jobs(&self) -> Vec<&TrackedJob> {
        let mut jobs: Vec<_> = self.jobs().collect();
        jobs.sort_by_key(|tracked| (&tracked.job.namespace, &tracked.job.name, tracked.since, tracked.until));
        jobs
    }

    /// In seconds since 1970.
    pub(crate) fn unix_time(&self, now: Duration) -> i64 {
        self.unix_start.saturating_add_unsigned(now.as_secs())
    }
}

impl TrackedJob {
    fn waits_for_map(&self) -> bool {
        matches!(self.deletion, Deletion::WaitsForMap(_))
    }

    /// The phase by what the map shows, and by what the sweep has sent.
    fn phase_now(&self, rules: &Rules, unix_now: i64) -> Phase {
        let ours = self.deleted_by_us;
        let going = Phase::Going { ours, shown: self.job.terminating };
        match (&self.deletion, rules.phase_of(&self.job, unix_now)) {
            (Deletion::AcceptedInDryRun, _) => Phase::Gone(Gone::WouldDelete),
            _ if !self.present && ours => Phase::Gone(Gone::Deleted),
            _ if !self.present && rules.has_selector => Phase::Gone(Gone::ByOthersOrRelabelled),
            _ if !self.present => Phase::Gone(Gone::ByOthers),
            (Deletion::Refused(why), _) => Phase::Kept(Kept::Refused(why.clone())),
            (Deletion::WaitsForMap(_), _) if ours => going,
            (_, kept @ Phase::Kept(_)) => kept,
            _ if self.job.terminating => going,
            (_, decided) => decided,
        }
    }
}

impl Phase {
    /// Whether it holds up the end of the sweep.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self, Self::Gone(_) | Self::Kept(_))
    }

    /// From which verbosity on it is reported.
    fn level(&self) -> Verbosity {
        match self {
            Self::Kept(Kept::Refused(_) | Kept::NoFinishTime) => Verbosity::Warning,
            Self::Waiting(_) | Self::TooRecent(_) | Self::Going { shown: false, .. } => Verbosity::Verbose,
            _ => Verbosity::Jobs,
        }
    }
}
