//! What to do with a Job. Only its state, its age, its policy and the options decide. Pure.

use std::time::Duration;

use super::own_job::OwnJob;
use super::sweep::Phase;
use crate::cluster::job::{Job, State};
use crate::policy::{DeletePolicy, Outcome, Token};

#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// A policy that lists `before-hook-creation` names every outcome.
    pub before_hook_creation: bool,
    pub finished_for: Duration,
    pub once: bool,
    pub has_selector: bool,
    pub release: Option<String>,
    pub own_job: OwnJob,
    pub dry_run: bool,
    /// There is no watch, so a response shows that a Job is gone.
    pub only_lists: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    NotNamed(Outcome),
    NamesNothing,
    OnlyBeforeHookCreation,
    Suspended,
    Unfinished,
    /// The Job finished too recently, and would be due at this time, in seconds since 1970.
    TooRecent(i64),
    /// The status of the Job does not say when it finished.
    NoFinishTime,
    Ignored,
    OwnJob,
    LeftScope,
    Refused(String),
    Unreadable(String),
}

impl Rules {
    pub(crate) fn in_scope(&self, job: &Job) -> bool {
        job.policy.is_some() && self.release.as_ref().is_none_or(|name| job.is_of_release(name))
    }

    /// The phase of a Job that nobody has deleted, at this time in seconds since 1970.
    pub(crate) fn phase_of(&self, job: &Job, unix_now: i64) -> Phase {
        let Some(policy) = job.policy.as_ref().filter(|_| self.in_scope(job)) else {
            return Phase::Kept(match &job.state {
                State::Unreadable(why) => Kept::Unreadable(why.clone()),
                _ => Kept::LeftScope,
            });
        };
        if self.own_job.is(job) {
            return Phase::Kept(Kept::OwnJob);
        }
        if job.ignored {
            return Phase::Kept(Kept::Ignored);
        }
        if !Outcome::ALL.into_iter().any(|outcome| self.names(policy, outcome)) {
            let before = policy.lists(Token::BeforeHookCreation);
            return Phase::Kept(if before { Kept::OnlyBeforeHookCreation } else { Kept::NamesNothing });
        }
        match &job.state {
            State::Finished(outcome, _) if self.names(policy, *outcome) => self.by_age(job, unix_now),
            State::Finished(outcome, _) => Phase::Kept(Kept::NotNamed(*outcome)),
            State::Suspended => Phase::Kept(Kept::Suspended),
            State::Unfinished(_) if self.once => Phase::Kept(Kept::Unfinished),
            State::Unfinished(hint) => Phase::Waiting(hint.clone()),
            State::Unreadable(why) => Phase::Kept(Kept::Unreadable(why.clone())),
        }
    }

    fn by_age(&self, job: &Job, unix_now: i64) -> Phase {
        if self.finished_for.is_zero() {
            return Phase::Due;
        }
        let Some(finished_at) = job.finished_at else { return Phase::Kept(Kept::NoFinishTime) };
        // Both times are cut to whole seconds, so up to a second of the difference may be missing.
        let seconds = i64::try_from(self.finished_for.as_nanos().div_ceil(1_000_000_000)).unwrap_or(i64::MAX);
        let due_at = finished_at.saturating_add(seconds).saturating_add(1);
        match due_at > unix_now {
            false => Phase::Due,
            true if self.once => Phase::Kept(Kept::TooRecent(due_at)),
            true => Phase::TooRecent(due_at),
        }
    }

    fn names(&self, policy: &DeletePolicy, outcome: Outcome) -> bool {
        policy.names(outcome) || (self.before_hook_creation && policy.lists(Token::BeforeHookCreation))
    }
}
