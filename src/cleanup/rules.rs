//! What to do with a Job. Only its state, its age, its policy and the options decide. Pure.

use std::time::Duration;

use super::sweep::Phase;
use crate::cluster::job::{Job, State};
use crate::policy::{BEFORE_HOOK_CREATION, DeletePolicy, Outcome};

/// What to do with each Job.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Only Jobs of this Helm release are in scope.
    pub release: Option<String>,
    /// The policy of Jobs that have none and no owner.
    pub default_policy: Option<DeletePolicy>,
    /// Whether a policy that lists `before-hook-creation` names every outcome.
    pub before_hook_creation: bool,
    /// How long ago a Job must have finished before it is deleted, by the local clock.
    pub finished_for: Duration,
    /// Whether unfinished Jobs are left alone instead of waited for.
    pub once: bool,
    /// Whether deletions are sent as server-side dry runs.
    pub dry_run: bool,
    pub(crate) has_selector: bool,
    /// The UID of the Job in which this sweep runs.
    pub(crate) own_job: Option<String>,
    /// There is no watch, so a response shows that a Job is gone.
    pub(crate) only_lists: bool,
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
}

impl Rules {
    pub(crate) fn in_scope(&self, job: &Job) -> bool {
        job.policy.is_some() && self.is_of_release(job)
    }

    fn is_of_release(&self, job: &Job) -> bool {
        self.release.as_ref().is_none_or(|name| job.is_of_release(name))
    }

    /// Whether the default policy counts for this Job.
    pub(crate) fn may_have_default_policy(&self, job: &Job) -> bool {
        job.policy.is_none() && !job.owned && self.is_of_release(job)
    }

    /// The phase of a Job that nobody has deleted, at this time in seconds since 1970.
    pub(crate) fn phase_of(&self, job: &Job, unix_now: i64) -> Phase {
        let Some(policy) = job.policy.as_ref().filter(|_| self.in_scope(job)) else {
            return Phase::Kept(Kept::LeftScope);
        };
        if self.own_job.as_ref() == Some(&job.uid) {
            return Phase::Kept(Kept::OwnJob);
        }
        if job.ignored {
            return Phase::Kept(Kept::Ignored);
        }
        if !Outcome::ALL.into_iter().any(|outcome| self.names(policy, outcome)) {
            let before = policy.lists(BEFORE_HOOK_CREATION);
            return Phase::Kept(if before { Kept::OnlyBeforeHookCreation } else { Kept::NamesNothing });
        }
        match &job.state {
            State::Finished(outcome, _) if self.names(policy, *outcome) => self.by_age(job, unix_now),
            State::Finished(outcome, _) => Phase::Kept(Kept::NotNamed(*outcome)),
            State::Suspended => Phase::Kept(Kept::Suspended),
            State::Unfinished(_) if self.once => Phase::Kept(Kept::Unfinished),
            State::Unfinished(hint) => Phase::Waiting(hint.clone()),
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
        policy.names(outcome) || (self.before_hook_creation && policy.lists(BEFORE_HOOK_CREATION))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::fixture;
    use crate::cluster::job::Hint;

    fn job(policy: &str, state: State) -> Job {
        fixture::job("migrate").policy(policy).state(state)
    }

    fn succeeded() -> State {
        State::Finished(Outcome::Succeeded, String::new())
    }

    fn failed() -> State {
        State::Finished(Outcome::Failed, String::new())
    }

    /// Decides where age plays no part.
    fn decide(rules: &Rules, job: &Job) -> Phase {
        rules.phase_of(job, 0)
    }

    fn running() -> State {
        State::Unfinished(Hint::None)
    }

    #[test]
    fn a_job_is_deleted_when_its_policy_names_how_it_ended() {
        let wait = || Phase::Waiting(Hint::None);
        let keep = Phase::Kept;
        for (policy, state, decision) in [
            ("hook-succeeded", succeeded(), Phase::Due),
            ("hook-succeeded", failed(), keep(Kept::NotNamed(Outcome::Failed))),
            ("hook-succeeded", running(), wait()),
            ("hook-failed", succeeded(), keep(Kept::NotNamed(Outcome::Succeeded))),
            ("hook-failed", failed(), Phase::Due),
            ("hook-failed", running(), wait()),
            ("hook-failed, hook-succeeded", succeeded(), Phase::Due),
            ("hook-failed, hook-succeeded", failed(), Phase::Due),
            ("hook-failed, hook-succeeded", State::Suspended, keep(Kept::Suspended)),
            ("before-hook-creation,hook-succeeded", failed(), keep(Kept::NotNamed(Outcome::Failed))),
            ("before-hook-creation", succeeded(), keep(Kept::OnlyBeforeHookCreation)),
            ("before-hook-creation", running(), keep(Kept::OnlyBeforeHookCreation)),
            ("hook-succeeded null", succeeded(), keep(Kept::NamesNothing)),
            ("", running(), keep(Kept::NamesNothing)),
        ] {
            assert_eq!(
                decide(&Rules::default(), &job(policy, state.clone())),
                decision,
                "{policy:?}, {state:?}"
            );
        }
    }

    #[test]
    fn before_hook_creation_names_every_end_when_asked_for() {
        let rules = Rules { before_hook_creation: true, ..Rules::default() };
        for (policy, state, decision) in [
            ("before-hook-creation", succeeded(), Phase::Due),
            ("before-hook-creation", failed(), Phase::Due),
            ("before-hook-creation", running(), Phase::Waiting(Hint::None)),
            ("before-hook-creation", State::Suspended, Phase::Kept(Kept::Suspended)),
            ("hook-succeeded", failed(), Phase::Kept(Kept::NotNamed(Outcome::Failed))),
            ("never", failed(), Phase::Kept(Kept::NamesNothing)),
        ] {
            assert_eq!(decide(&rules, &job(policy, state.clone())), decision, "{policy:?}, {state:?}");
        }
    }

    #[test]
    fn once_waits_for_nothing_unfinished() {
        let rules = Rules { once: true, ..Rules::default() };
        assert_eq!(decide(&rules, &job("hook-succeeded", running())), Phase::Kept(Kept::Unfinished));
        assert_eq!(decide(&rules, &job("hook-succeeded", succeeded())), Phase::Due);
    }

    #[test]
    fn a_marked_job_and_the_sweeps_own_stay() {
        let marked = job("hook-succeeded", succeeded()).with(|job| job.ignored = true);
        assert_eq!(decide(&Rules::default(), &marked), Phase::Kept(Kept::Ignored));
        let rules = Rules { own_job: Some("migrate".to_owned()), ..Rules::default() };
        assert_eq!(decide(&rules, &job("hook-succeeded", running())), Phase::Kept(Kept::OwnJob));
    }

    #[test]
    fn scope_is_a_policy_and_the_release() {
        let rules = Rules { release: Some("web".to_owned()), ..Rules::default() };
        assert!(rules.in_scope(&job("", running()).releases([Some("web"), None])));
        assert!(rules.in_scope(&job("", running()).releases([None, Some("web")])));
        assert!(!rules.in_scope(&job("", running()).releases([None, Some("api")])));
        assert!(!Rules::default().in_scope(&job("", running()).without_policy()));
        assert_eq!(decide(&rules, &job("", running()).without_policy()), Phase::Kept(Kept::LeftScope));
    }

    #[test]
    fn a_job_is_due_when_it_finished_long_enough_ago() {
        let seconds = Duration::from_secs;
        for (finished_for, finished_at, now, decision) in [
            (Duration::ZERO, None, 0, Phase::Due),
            (Duration::ZERO, Some(2000), 1000, Phase::Due),
            (seconds(900), Some(1000), 1000, Phase::TooRecent(1901)),
            (seconds(900), Some(1000), 1900, Phase::TooRecent(1901)),
            (seconds(900), Some(1000), 1901, Phase::Due),
            (seconds(900), Some(1000), 9999, Phase::Due),
            (Duration::from_millis(1), Some(1000), 1001, Phase::TooRecent(1002)),
            (Duration::from_millis(1), Some(1000), 1002, Phase::Due),
            // A condition from the future.
            (seconds(900), Some(4600), 1000, Phase::TooRecent(5501)),
            (Duration::MAX, Some(1000), 1000, Phase::TooRecent(i64::MAX)),
            (seconds(900), None, 1000, Phase::Kept(Kept::NoFinishTime)),
        ] {
            let job = job("hook-succeeded", succeeded()).with(|job| job.finished_at = finished_at);
            let rules = Rules { finished_for, ..Rules::default() };
            assert_eq!(rules.phase_of(&job, now), decision, "{finished_for:?}, {finished_at:?} at {now:?}");
            let once = match decision {
                Phase::TooRecent(due_at) => Phase::Kept(Kept::TooRecent(due_at)),
                decision => decision,
            };
            let rules = Rules { once: true, ..rules };
            assert_eq!(rules.phase_of(&job, now), once, "once, {finished_for:?}, {finished_at:?} at {now:?}");
        }
    }

    #[test]
    fn age_changes_nothing_about_other_jobs() {
        let rules = Rules { finished_for: Duration::from_secs(900), ..Rules::default() };
        for (policy, state) in [
            ("hook-succeeded", failed()),
            ("hook-succeeded", running()),
            ("hook-succeeded", State::Suspended),
            ("before-hook-creation", succeeded()),
        ] {
            let job = job(policy, state);
            assert_eq!(rules.phase_of(&job, 0), decide(&Rules::default(), &job), "{job:?}");
        }
    }
}
