//! The sweep as a state machine: told what happens, it says what to delete next and whether anything is left to do.
//!
//! No I/O and no clock of its own, so that every order of events can be tested. Times are counted from the start.
//! Each Job is known by its uid; one that comes back under the same name is another Job.

mod entry;
mod note;
mod pace;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

pub(crate) use entry::{Answer, Entry, Order, Phase, PodLog};
pub(crate) use note::{Held, Level, Note};
use pace::Pace;

use super::decide::{Decision, Kept, Rules};
use super::job::{Job, Unreadable};

/// After a conflict the watch brings the newer version. When it does not within this time, it is not relied on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything known about the Jobs in scope.
pub(crate) struct Sweep {
    rules: Rules,
    dry_run: bool,
    jobs: HashMap<String, Entry>,
    due: VecDeque<String>,
    /// How many deletions are being answered.
    in_flight: usize,
    /// How many Jobs keep the sweep from ending.
    open: usize,
    /// How many of them wait for a newer version.
    outdated: usize,
    scopes: Vec<Scope>,
    pace: Pace,
    notes: Vec<Note>,
}

#[derive(Default)]
struct Scope {
    /// How many lists were begun.
    listing: u64,
    /// Whether one was ever completed.
    listed: bool,
    /// Whether what is known of it is up to date, as far as we can tell.
    live: bool,
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
            in_flight: 0,
            open: 0,
            outdated: 0,
            scopes: (0..scopes).map(|_| Scope::default()).collect(),
            pace: Pace::new(concurrency),
            notes: Vec::new(),
        }
    }

    /// A list begins. What it will not contain is gone.
    pub(crate) fn list_begins(&mut self, scope: usize) {
        self.scopes[scope].listing += 1;
        self.scopes[scope].live = false;
    }

    /// A list is complete.
    pub(crate) fn listed(&mut self, scope: usize, now: Duration) {
        let listing = self.scopes[scope].listing;
        let missing = |(_, entry): &(&String, &Entry)| entry.scope == scope && entry.listing != listing;
        let missing: Vec<_> = self.jobs.iter().filter(missing).map(|(uid, _)| uid.clone()).collect();
        for uid in missing {
            self.vanished(&uid, now);
        }
        self.scopes[scope].listed = true;
        self.scopes[scope].live = true;
    }

    /// The watch on a scope is lost, or found again.
    pub(crate) fn watching(&mut self, scope: usize, live: bool) {
        self.scopes[scope].live = live;
    }

    /// A Job was listed, added or modified.
    pub(crate) fn seen(&mut self, scope: usize, job: Job, now: Duration) {
        let uid = job.id.uid.clone();
        let listing = self.scopes[scope].listing;
        match self.jobs.get_mut(&uid) {
            Some(entry) if entry.phase.is_final() => entry.listing = listing,
            Some(entry) => {
                entry.listing = listing;
                entry.job = job;
            }
            None if self.rules.in_scope(&job) => {
                let (phase, until, logs, attempts, vanished) = (Phase::Seen, None, None, 0, false);
                let entry = Entry { job, phase, since: now, until, logs, scope, listing, attempts, vanished };
                self.jobs.insert(uid.clone(), entry);
            }
            None => return,
        }
        if self.jobs[&uid].is_open_to_decision() {
            self.decide(&uid, now);
        }
    }

    /// A Job was deleted; what the watch brought is its last state.
    pub(crate) fn removed(&mut self, job: Job, now: Duration) {
        let uid = job.id.uid.clone();
        if let Some(entry) = self.jobs.get_mut(&uid) {
            entry.job = job;
            self.vanished(&uid, now);
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

    /// A deletion was answered.
    pub(crate) fn answered(
        &mut self,
        order: &Order,
        answer: Answer,
        logs: Option<Vec<PodLog>>,
        now: Duration,
    ) {
        self.in_flight -= 1;
        let uid = &order.id.uid;
        let Some(entry) = self.jobs.get_mut(uid) else {
            return;
        };
        entry.logs = logs.or(entry.logs.take());
        let (vanished, attempts, listing) = (entry.vanished, entry.attempts, entry.listing);
        if matches!(answer, Answer::Gone | Answer::Accepted | Answer::NotFound) {
            self.pace.went_well();
        }
        match answer {
            Answer::Gone | Answer::Accepted if self.dry_run => self.enter(uid, Phase::WouldDelete, now),
            Answer::Gone => self.enter(uid, Phase::Deleted, now),
            Answer::Accepted if vanished => self.enter(uid, Phase::Deleted, now),
            Answer::Accepted => self.enter(uid, Phase::Terminating { ours: true }, now),
            // An earlier attempt whose answer never came may well have been the one that deleted it.
            Answer::NotFound if attempts > 1 && !self.dry_run => self.enter(uid, Phase::Deleted, now),
            Answer::NotFound => self.enter(uid, Phase::Gone, now),
            Answer::Conflict | Answer::Unsent | Answer::Retry(..) | Answer::Refused(_) if vanished => {
                self.enter(uid, Phase::Gone, now)
            }
            Answer::Conflict if entry.job.version == order.version => {
                self.enter(uid, Phase::Outdated { version: order.version.clone(), listing, since: now }, now);
            }
            Answer::Conflict | Answer::Unsent => self.decide(uid, now),
            Answer::Retry(after, why) => {
                self.pace.turned_away(after, now);
                self.notes.push(Note::Retrying { id: order.id.clone(), attempts, after, why });
                self.decide(uid, now);
            }
            Answer::Refused(why) => self.enter(uid, Phase::Kept(Kept::Refused(why)), now),
        }
    }
}

/// What to do.
impl Sweep {
    /// The next deletion to send, unless enough are under way or the API server is to be left alone for a while.
    pub(crate) fn next_order(&mut self, now: Duration) -> Option<Order> {
        while self.pace.allows(self.in_flight, now) {
            let uid = self.due.pop_front()?;
            if let Some(entry) = self.jobs.get_mut(&uid)
                && entry.phase == Phase::Due
            {
                entry.phase = Phase::Deleting;
                entry.attempts += 1;
                self.in_flight += 1;
                return Some(entry.order());
            }
        }
        None
    }

    /// The scopes whose watch has owed us a newer version for too long: they are to be listed again.
    pub(crate) fn overdue(&mut self, now: Duration) -> Vec<usize> {
        let mut scopes = Vec::new();
        if self.outdated == 0 {
            return scopes;
        }
        for entry in self.jobs.values_mut() {
            if let Phase::Outdated { since, .. } = &mut entry.phase
                && now >= *since + PATIENCE
                && self.scopes[entry.scope].live
            {
                *since = now;
                scopes.push(entry.scope);
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

    /// Whether every Job in scope is finished and every due deletion confirmed, and that is what the cluster says now.
    pub(crate) fn is_done(&self) -> bool {
        self.open == 0 && self.scopes.iter().all(|scope| scope.listed && scope.live)
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

    /// Every Job that was ever in scope.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.jobs.values()
    }
}

impl Sweep {
    fn decide(&mut self, uid: &str, now: Duration) {
        let Some(entry) = self.jobs.get(uid) else { return };
        let phase = match self.rules.decide(&entry.job) {
            Decision::Keep(kept) => Phase::Kept(kept),
            _ if entry.job.terminating => Phase::Terminating { ours: false },
            Decision::Wait(hint) => Phase::Waiting(hint),
            Decision::Delete => Phase::Due,
        };
        if phase != entry.phase {
            self.enter(uid, phase, now);
        }
    }

    fn vanished(&mut self, uid: &str, now: Duration) {
        let Some(entry) = self.jobs.get_mut(uid) else {
            return;
        };
        match entry.phase {
            Phase::Deleted | Phase::WouldDelete | Phase::Gone | Phase::OutOfSight => {}
            Phase::Deleting => entry.vanished = true,
            Phase::Terminating { ours: true } => self.enter(uid, Phase::Deleted, now),
            _ if self.rules.selected => self.enter(uid, Phase::OutOfSight, now),
            _ => self.enter(uid, Phase::Gone, now),
        }
    }

    fn enter(&mut self, uid: &str, phase: Phase, now: Duration) {
        let Some(entry) = self.jobs.get_mut(uid) else {
            return;
        };
        let is_outdated = |phase: &Phase| usize::from(matches!(phase, Phase::Outdated { .. }));
        self.open = self.open + usize::from(phase.is_open()) - usize::from(entry.phase.is_open());
        self.outdated = self.outdated + is_outdated(&phase) - is_outdated(&entry.phase);
        if phase == Phase::Due {
            self.due.push_back(uid.to_owned());
        }
        entry.until = (!phase.is_open()).then_some(now);
        entry.phase = phase;
        self.notes.push(Note::of(entry));
    }
}
