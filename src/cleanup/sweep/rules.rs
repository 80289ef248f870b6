//! What to do with a Job. Only its state, its policy and the options decide.

use crate::cleanup::own_job::OwnJob;
use crate::cluster::job::Job;
use crate::cluster::job::state::{Hint, State};
use crate::policy::{DeletePolicy, Outcome, Token};

#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// A policy that lists `before-hook-creation` names every outcome.
    pub before_hook_creation: bool,
    pub once: bool,
    /// The API server selects Jobs by their labels.
    pub selected: bool,
    pub release: Option<String>,
    pub own_job: OwnJob,
    pub dry_run: bool,
    pub log_tail: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    Delete,
    Wait(Hint),
    Keep(Kept),
}

/// Why a Job is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    NotNamed(Outcome),
    NamesNothing,
    OnlyBeforeHookCreation,
    Suspended,
    Unfinished,
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

    pub(crate) fn decide(&self, job: &Job) -> Decision {
        let Some(policy) = job.policy.as_ref().filter(|_| self.in_scope(job)) else {
            return Decision::Keep(Kept::LeftScope);
        };
        if self.own_job.is(job) {
            return Decision::Keep(Kept::OwnJob);
        }
        if job.ignored {
            return Decision::Keep(Kept::Ignored);
        }
        if !Outcome::ALL.into_iter().any(|outcome| self.names(policy, outcome)) {
            let before = policy.lists(Token::BeforeHookCreation);
            return Decision::Keep(if before { Kept::OnlyBeforeHookCreation } else { Kept::NamesNothing });
        }
        match &job.state {
            State::Finished(outcome, _) if self.names(policy, *outcome) => Decision::Delete,
            State::Finished(outcome, _) => Decision::Keep(Kept::NotNamed(*outcome)),
            State::Suspended => Decision::Keep(Kept::Suspended),
            State::Unfinished(_) if self.once => Decision::Keep(Kept::Unfinished),
            State::Unfinished(hint) => Decision::Wait(hint.clone()),
            State::Unreadable(why) => Decision::Keep(Kept::Unreadable(why.clone())),
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

    fn job(policy: &str, state: State) -> Job {
        fixture::job("migrate").policy(policy).state(state)
    }

    fn succeeded() -> State {
        State::Finished(Outcome::Succeeded, String::new())
    }

    fn failed() -> State {
        State::Finished(Outcome::Failed, String::new())
    }

    fn running() -> State {
        State::Unfinished(Hint::None)
    }

    #[test]
    fn a_job_is_deleted_when_its_policy_names_how_it_ended() {
        let wait = || Decision::Wait(Hint::None);
        let keep = Decision::Keep;
        for (policy, state, decision) in [
            ("hook-succeeded", succeeded(), Decision::Delete),
            ("hook-succeeded", failed(), keep(Kept::NotNamed(Outcome::Failed))),
            ("hook-succeeded", running(), wait()),
            ("hook-failed", succeeded(), keep(Kept::NotNamed(Outcome::Succeeded))),
            ("hook-failed", failed(), Decision::Delete),
            ("hook-failed", running(), wait()),
            ("hook-failed, hook-succeeded", succeeded(), Decision::Delete),
            ("hook-failed, hook-succeeded", failed(), Decision::Delete),
            ("hook-failed, hook-succeeded", State::Suspended, keep(Kept::Suspended)),
            ("before-hook-creation,hook-succeeded", failed(), keep(Kept::NotNamed(Outcome::Failed))),
            ("before-hook-creation", succeeded(), keep(Kept::OnlyBeforeHookCreation)),
            ("before-hook-creation", running(), keep(Kept::OnlyBeforeHookCreation)),
            ("hook-failed", State::Unreadable("odd".to_owned()), keep(Kept::Unreadable("odd".to_owned()))),
            ("hook-succeeded null", succeeded(), keep(Kept::NamesNothing)),
            ("", running(), keep(Kept::NamesNothing)),
        ] {
            assert_eq!(
                Rules::default().decide(&job(policy, state.clone())),
                decision,
                "{policy:?}, {state:?}"
            );
        }
    }

    #[test]
    fn before_hook_creation_names_every_end_when_asked_for() {
        let rules = Rules { before_hook_creation: true, ..Rules::default() };
        for (policy, state, decision) in [
            ("before-hook-creation", succeeded(), Decision::Delete),
            ("before-hook-creation", failed(), Decision::Delete),
            ("before-hook-creation", running(), Decision::Wait(Hint::None)),
            ("before-hook-creation", State::Suspended, Decision::Keep(Kept::Suspended)),
            ("hook-succeeded", failed(), Decision::Keep(Kept::NotNamed(Outcome::Failed))),
            ("never", failed(), Decision::Keep(Kept::NamesNothing)),
        ] {
            assert_eq!(rules.decide(&job(policy, state.clone())), decision, "{policy:?}, {state:?}");
        }
    }

    #[test]
    fn once_waits_for_nothing_unfinished() {
        let rules = Rules { once: true, ..Rules::default() };
        assert_eq!(rules.decide(&job("hook-succeeded", running())), Decision::Keep(Kept::Unfinished));
        assert_eq!(rules.decide(&job("hook-succeeded", succeeded())), Decision::Delete);
    }

    #[test]
    fn a_marked_job_and_the_sweeps_own_stay() {
        let marked = job("hook-succeeded", succeeded()).with(|traits| traits.ignored = true);
        assert_eq!(Rules::default().decide(&marked), Decision::Keep(Kept::Ignored));
        let rules = Rules { own_job: OwnJob::Uid("migrate".into()), ..Rules::default() };
        assert_eq!(rules.decide(&job("hook-succeeded", running())), Decision::Keep(Kept::OwnJob));
    }

    #[test]
    fn scope_is_a_policy_and_the_release() {
        let rules = Rules { release: Some("web".to_owned()), ..Rules::default() };
        assert!(rules.in_scope(&job("", running()).releases([Some("web"), None])));
        assert!(rules.in_scope(&job("", running()).releases([None, Some("web")])));
        assert!(!rules.in_scope(&job("", running()).releases([None, Some("api")])));
        assert!(!Rules::default().in_scope(&job("", running()).without_policy()));
        assert_eq!(rules.decide(&job("", running()).without_policy()), Decision::Keep(Kept::LeftScope));
    }
}
