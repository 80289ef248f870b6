//! What to do with a Job. Only its state, its age, its policy and the options decide.

use std::time::Duration;

use crate::cleanup::own_job::OwnJob;
use crate::cleanup::sweep::Phase;
use crate::cluster::old::job::Job;
use crate::cluster::old::job::state::State;
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
    pub log_tail: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    NotNamed(Outcome),
    NamesNothing,
    OnlyBeforeHookCreation,
    Suspended,
    Unfinished,
    /// The Job finished too recently, and would be due after this time.
    TooRecent(Duration),
    /// The status of the Job does not say when it finished.
    NoFinishTime,
    /// No response of the API server says what time it is.
    NoServerTime,
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

    /// The phase of a Job that nobody has deleted, at this time by the API server's clock, in seconds since 1970.
    pub(crate) fn phase_of(&self, job: &Job, server_time: Option<i64>) -> Phase {
        let Some(policy) = job.policy.as_ref().filter(|_| self.in_scope(job)) else {
            return Phase::Kept(Kept::LeftScope);
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
            State::Finished(outcome, _) if self.names(policy, *outcome) => self.by_age(job, server_time),
            State::Finished(outcome, _) => Phase::Kept(Kept::NotNamed(*outcome)),
            State::Suspended => Phase::Kept(Kept::Suspended),
            State::Unfinished(_) if self.once => Phase::Kept(Kept::Unfinished),
            State::Unfinished(hint) => Phase::Waiting(hint.clone()),
            State::Unreadable(why) => Phase::Kept(Kept::Unreadable(why.clone())),
        }
    }

    fn by_age(&self, job: &Job, server_time: Option<i64>) -> Phase {
        if self.finished_for.is_zero() {
            return Phase::Due;
        }
        let (finished_at, now) = match (job.finished_at.get(), server_time) {
            (Some(finished_at), Some(now)) => (i64::from(finished_at), now),
            (None, _) => return Phase::Kept(Kept::NoFinishTime),
            (_, None) => return Phase::Kept(Kept::NoServerTime),
        };
        // Both times are cut to whole seconds, so up to a second of the difference may be missing.
        let whole = |duration: Duration| {
            i64::try_from(duration.as_nanos().div_ceil(1_000_000_000)).unwrap_or(i64::MAX)
        };
        let due_at = finished_at.saturating_add(whole(self.finished_for)).saturating_add(1);
        match u64::try_from(due_at.saturating_sub(now)).map(Duration::from_secs) {
            Err(_) | Ok(Duration::ZERO) => Phase::Due,
            Ok(left) if self.once => Phase::Kept(Kept::TooRecent(left)),
            Ok(left) => Phase::TooRecent(left),
        }
    }

    fn names(&self, policy: &DeletePolicy, outcome: Outcome) -> bool {
        policy.names(outcome) || (self.before_hook_creation && policy.lists(Token::BeforeHookCreation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::sweep::fixture;
    use crate::cluster::old::job::state::Hint;

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
        rules.phase_of(job, None)
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
            ("hook-failed", State::Unreadable("odd".to_owned()), keep(Kept::Unreadable("odd".to_owned()))),
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
        let marked = job("hook-succeeded", succeeded()).with(|shared| shared.ignored = true);
        assert_eq!(decide(&Rules::default(), &marked), Phase::Kept(Kept::Ignored));
        let rules = Rules { own_job: OwnJob::Uid("migrate".into()), ..Rules::default() };
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
    fn a_job_is_due_when_it_finished_long_enough_ago_by_the_clock_of_the_api_server() {
        let seconds = Duration::from_secs;
        let wait = |left| Phase::TooRecent(seconds(left));
        for (finished_for, finished_at, now, decision) in [
            (Duration::ZERO, None::<u32>, None, Phase::Due),
            (Duration::ZERO, Some(2000), Some(1000), Phase::Due),
            (seconds(900), Some(1000), Some(1000), wait(901)),
            (seconds(900), Some(1000), Some(1900), wait(1)),
            (seconds(900), Some(1000), Some(1901), Phase::Due),
            (seconds(900), Some(1000), Some(9999), Phase::Due),
            (Duration::from_millis(1), Some(1000), Some(1001), wait(1)),
            (Duration::from_millis(1), Some(1000), Some(1002), Phase::Due),
            // A condition from the future.
            (seconds(900), Some(4600), Some(1000), wait(4501)),
            (Duration::MAX, Some(1000), Some(1000), wait(i64::MAX.unsigned_abs() - 1000)),
            (seconds(900), None, Some(1000), Phase::Kept(Kept::NoFinishTime)),
            (seconds(900), Some(1000), None, Phase::Kept(Kept::NoServerTime)),
        ] {
            let mut job = job("hook-succeeded", succeeded());
            job.finished_at = finished_at.into();
            let rules = Rules { finished_for, ..Rules::default() };
            assert_eq!(rules.phase_of(&job, now), decision, "{finished_for:?}, {finished_at:?} at {now:?}");
            let once = match decision {
                Phase::TooRecent(left) => Phase::Kept(Kept::TooRecent(left)),
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
            assert_eq!(rules.phase_of(&job, Some(0)), decide(&Rules::default(), &job), "{job:?}");
        }
    }
}
