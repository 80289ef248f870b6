//! The sweep as a state machine: told what happens, it says what to delete next and whether anything is left to do.
//!
//! No I/O and no clock of its own, so that every order of events can be tested. Times are counted from the start.
//! Each Job is known by its uid; one that comes back under the same name is another Job.

pub(crate) mod completion;
mod deferral;
mod deletion;
pub(crate) mod ending;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod rules;
#[cfg(test)]
mod tests;
mod throttle;
mod tracked_job;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

pub(crate) use crate::cleanup::options::Verbosity as Level;
pub(crate) use crate::cleanup::output::messages::{Held, Note};
use throttle::Pace;
use tracked_job::Deletion;
pub(crate) use tracked_job::{Answer, Entry, JobLog, Order, Phase, PodLog};

use crate::cleanup::sweep::rules::{Decision, Kept, Rules};
use crate::cluster::job::{Job, Unreadable};

/// After a conflict the watch brings the newer version, after an accepted deletion the end. When it does not within
/// this time, it is not relied on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything known about the Jobs in scope.
pub(crate) struct Sweep {
    rules: Rules,
    dry_run: bool,
    jobs: HashMap<String, Entry>,
    due: VecDeque<String>,
    /// How many have been taken from there.
    taken: usize,
    /// Whether all deletions so far went well.
    smooth: bool,
    /// How many deletions are being answered.
    in_flight: usize,
    /// How many Jobs keep the sweep from ending.
    open: usize,
    /// Which Jobs to look after, and when, in that order.
    reminders: VecDeque<(Duration, String)>,
    scopes: Vec<Scope>,
    pace: Pace,
    notes: Vec<Note>,
    /// The Jobs that have a policy and are not of the release.
    elsewhere: HashMap<String, Elsewhere>,
}

/// A Job that `--release` leaves out.
struct Elsewhere {
    scope: usize,
    listing: u64,
    names_release: bool,
}

#[derive(Default)]
struct Scope {
    /// How many lists were begun.
    listing: u64,
    /// Whether one was ever completed.
    listed: bool,
    /// Its watch is deferred until it has been listed again, when so many due deletions have been taken up.
    relist_at: Option<usize>,
    sight: Sight,
}

/// How far what is known of a scope is true, as far as we can tell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It may not be true any more.
    #[default]
    Lost,
    /// It was true a moment ago, and what has changed since is still to come.
    Listed,
    /// It is true, and stays so.
    Watched,
}

/// What happens.
impl Sweep {
    /// A sweep over this many scopes that knows of no Job yet.
    pub(crate) fn new(rules: Rules, dry_run: bool, scopes: usize, concurrency: usize) -> Self {
        Self {
            rules,
            dry_run,
            jobs: HashMap::new(),
            due: VecDeque::new(),
            taken: 0,
            smooth: true,
            in_flight: 0,
            open: 0,
            reminders: VecDeque::new(),
            scopes: (0..scopes).map(|_| Scope::default()).collect(),
            pace: Pace::new(concurrency),
            notes: Vec::new(),
            elsewhere: HashMap::new(),
        }
    }

    /// A list begins. What it will not contain is gone.
    pub(crate) fn list_begins(&mut self, scope: usize) {
        let scope = &mut self.scopes[scope];
        scope.listing += 1;
        scope.relist_at = None;
        scope.sight = Sight::Lost;
    }

    /// A list is complete.
    pub(crate) fn listed(&mut self, scope: usize, now: Duration) {
        let listing = self.scopes[scope].listing;
        let missing = |(_, entry): &(&String, &Entry)| entry.scope == scope && entry.listing != listing;
        let missing: Vec<_> = self.jobs.iter().filter(missing).map(|(uid, _)| uid.clone()).collect();
        for uid in missing {
            self.vanished(&uid, now);
        }
        self.elsewhere.retain(|_, job| job.scope != scope || job.listing == listing);
        self.scopes[scope].listed = true;
        self.scopes[scope].sight = Sight::Listed;
    }

    /// The watch on a scope stands, is being renewed, or is lost.
    pub(crate) fn sees(&mut self, scope: usize, sight: Sight) {
        self.scopes[scope].sight = sight;
    }

    /// A Job was listed, added or modified.
    pub(crate) fn seen(&mut self, scope: usize, job: Job, now: Duration) {
        let uid = job.id.uid.clone();
        let listing = self.scopes[scope].listing;
        match self.jobs.get_mut(&uid) {
            Some(entry) if entry.phase.is_final() => entry.listing = listing,
            Some(entry) => {
                // It outlived a deletion that meant another version.
                if entry.deletion == Deletion::InDoubt && entry.job.version != job.version && !job.terminating
                {
                    entry.deletion = Deletion::None;
                }
                entry.listing = listing;
                entry.vanished = false;
                entry.job = job;
            }
            None if self.rules.in_scope(&job) => {
                self.notes.extend(Note::of_policy(&job));
                self.elsewhere.remove(&uid);
                self.jobs.insert(uid.clone(), Entry::new(job, scope, listing, now));
            }
            None => {
                if job.policy.is_some() {
                    let names_release = job.releases.iter().any(Option::is_some);
                    self.elsewhere.insert(uid, Elsewhere { scope, listing, names_release });
                } else {
                    self.elsewhere.remove(&uid);
                }
                return;
            }
        }
        if self.jobs[&uid].is_open_to_decision() {
            self.decide(&uid, now);
        }
    }

    /// A Job was deleted; what the watch brought is its last state.
    ///
    /// Its version stays the one that was seen before: the new one would match a Job that has only left the selection.
    pub(crate) fn removed(&mut self, job: Job, now: Duration) {
        let uid = job.id.uid.clone();
        self.elsewhere.remove(&uid);
        if let Some(entry) = self.jobs.get_mut(&uid) {
            let version = std::mem::take(&mut entry.job.version);
            entry.job = Job { version, ..job };
            self.vanished(&uid, now);
        }
    }

    /// A Job that was there is so no more, whatever its last state was.
    pub(crate) fn vanished(&mut self, uid: &str, now: Duration) {
        self.elsewhere.remove(uid);
        let Some(entry) = self.jobs.get_mut(uid) else {
            return;
        };
        if matches!(entry.phase, Phase::Deleted | Phase::WouldDelete | Phase::Gone | Phase::OutOfSight) {
            return;
        }
        entry.vanished = true;
        if entry.phase != Phase::Deleting {
            self.decide(uid, now);
        }
    }

    /// An object came that cannot be read. If it was known before, nothing more is done about it.
    pub(crate) fn unreadable(&mut self, scope: usize, object: Unreadable, now: Duration) {
        let listing = self.scopes[scope].listing;
        if let Some(id) = &object.id
            && let Some(entry) = self.jobs.get_mut(&id.uid)
        {
            entry.listing = listing;
            if entry.is_open_to_decision() {
                self.enter(&id.uid, Phase::Kept(Kept::Unreadable(object.why.clone())), now);
            }
        }
        self.notes.push(Note::Unreadable(object));
    }
}

/// What to do.
impl Sweep {
    /// The next deletion to send, unless enough are under way or the API server is to be left alone for a while.
    pub(crate) fn next_order(&mut self, now: Duration) -> Option<Order> {
        while self.pace.allows(self.in_flight, now) {
            let uid = self.due.pop_front()?;
            self.taken += 1;
            if let Some(entry) = self.jobs.get_mut(&uid)
                && entry.phase == Phase::Due
            {
                entry.phase = Phase::Deleting;
                self.in_flight += 1;
                return Some(entry.order());
            }
        }
        None
    }

    /// Looks after what has been waited for long enough: a Job that nobody sees any more is asked for, and the scopes
    /// are to be listed again whose watch owes us a newer version, or was deferred until now.
    pub(crate) fn overdue(&mut self, now: Duration) -> Vec<usize> {
        let mut scopes = Vec::new();
        for (number, scope) in self.scopes.iter_mut().enumerate() {
            if scope.relist_at.take_if(|at| self.taken >= *at).is_some() {
                scope.sight = Sight::Lost;
                scopes.push(number);
            }
        }
        while let Some(uid) = self.next_reminder(now) {
            let Some(entry) = self.jobs.get_mut(&uid) else { continue };
            match entry.phase {
                Phase::Terminating { ours: true } if entry.vanished => {
                    entry.phase = Phase::Due;
                    self.due.push_back(uid);
                }
                Phase::Outdated(_) => {
                    let sight = &mut self.scopes[entry.scope].sight;
                    if std::mem::take(sight) != Sight::Lost {
                        scopes.push(entry.scope);
                    }
                    self.remind(&uid, now);
                }
                _ => {}
            }
        }
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// Until when no deletion is to be sent, if one is due at all.
    pub(crate) fn pause(&self) -> Option<Duration> {
        (!self.due.is_empty()).then_some(self.pace.paused_until())
    }

    /// Whether every Job in scope is finished and every due deletion confirmed, by what the cluster said last.
    pub(crate) fn is_done(&self) -> bool {
        self.open == 0 && self.scopes.iter().all(|scope| scope.sight != Sight::Lost)
    }

    /// Whether that will be noticed if it changes.
    pub(crate) fn is_watched(&self) -> bool {
        self.scopes.iter().all(|scope| scope.sight == Sight::Watched)
    }

    /// Whether nothing is left that could be done without waiting.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        self.was_listed() && self.in_flight == 0 && (self.due.is_empty() || now < self.pace.paused_until())
    }

    /// Whether there is a scope, and every one has been listed at least once.
    pub(crate) fn was_listed(&self) -> bool {
        !self.scopes.is_empty() && self.scopes.iter().all(|scope| scope.listed)
    }

    /// What happened since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// How many Jobs had a policy, but were not of the release: those that say of which they are, and those that
    /// do not.
    pub(crate) fn elsewhere(&self) -> (usize, usize) {
        let named = self.elsewhere.values().filter(|job| job.names_release).count();
        (named, self.elsewhere.len() - named)
    }

    /// Every Job that was ever in scope.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.jobs.values()
    }
}

impl Sweep {
    fn decide(&mut self, uid: &str, now: Duration) {
        let Some(entry) = self.jobs.get(uid) else { return };
        let ours = entry.deletion != Deletion::None;
        let phase = match self.rules.decide(&entry.job) {
            // Gone or relabelled? A deletion can tell: it means the Job as it was, or one that only ever goes away.
            _ if entry.vanished && ours && self.rules.selected => Phase::Due,
            _ if entry.vanished && ours => Phase::Deleted,
            _ if entry.vanished && self.rules.selected => Phase::OutOfSight,
            _ if entry.vanished => Phase::Gone,
            _ if entry.deletion == Deletion::Accepted => Phase::Terminating { ours },
            Decision::Keep(kept) => Phase::Kept(kept),
            _ if entry.job.terminating => Phase::Terminating { ours },
            Decision::Wait(hint) => Phase::Waiting(hint),
            Decision::Delete => Phase::Due,
        };
        if phase != entry.phase {
            self.enter(uid, phase, now);
        }
    }

    fn remind(&mut self, uid: &str, now: Duration) {
        self.reminders.push_back((now + PATIENCE, uid.to_owned()));
    }

    fn next_reminder(&mut self, now: Duration) -> Option<String> {
        self.reminders.front().filter(|(at, _)| *at <= now)?;
        self.reminders.pop_front().map(|(_, uid)| uid)
    }

    fn enter(&mut self, uid: &str, phase: Phase, now: Duration) {
        let Some(entry) = self.jobs.get_mut(uid) else {
            return;
        };
        self.open = self.open + usize::from(phase.is_open()) - usize::from(entry.phase.is_open());
        if phase == Phase::Due {
            self.due.push_back(uid.to_owned());
        }
        entry.until = (!phase.is_open()).then_some(now);
        let before = std::mem::replace(&mut entry.phase, phase);
        self.notes.push(Note::of(entry, &before));
    }
}
