//! Decides what to do with a Job in the cluster that has the name of a new manifest. Pure.

use crate::cluster::error::Error;
use crate::cluster::job::{Hint, State};
use crate::policy::{DeletePolicy, Outcome, Token};
use crate::translate::JobManifest;

use super::dry_run_manifest::Live;
use super::hooks::Role;
use super::metadata::is_hook;
use super::owner::{self, Claimant, Owner};

/// What the API server says about the Job in the cluster with the new manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Possible,
    /// Nothing but changes of these immutable fields is refused.
    Immutable(Vec<String>),
    /// The manifest is refused for another reason.
    Refused(String),
}

impl Answer {
    /// What an error says about the manifest. `None` if it says nothing about it.
    ///
    /// A new Job helps only if immutable fields are the only problem.
    pub(super) fn of_error(error: &Error) -> Option<Self> {
        let status = error.status().filter(|_| is_about_the_manifest(error))?;
        // The API server's validation of Jobs uses these messages. The last one is for an Indexed Job: its completions can change only
        // together with its parallelism.
        let is_immutable = |message: &str| {
            message.ends_with("field is immutable")
                || message.contains("immutable after creation")
                || message.contains("can only be modified in tandem with")
        };
        let causes = status.details.as_ref().map(|details| &*details.causes).unwrap_or_default();
        if causes.is_empty() || !causes.iter().all(|cause| is_immutable(&cause.message)) {
            return Some(Self::Refused(error.to_string()));
        }
        Some(Self::Immutable(causes.iter().map(|cause| cause.field.clone()).collect()))
    }
}

/// Whether the API server refuses the manifest itself, and not just the dry run. 403 comes from admission or a quota; a missing
/// permission is [`Error::Forbidden`]. A refusal by a proxy in between has no `reason`.
fn is_about_the_manifest(error: &Error) -> bool {
    let Some(status) = error.status() else { return false };
    let is_refused = matches!(status.code, 400 | 403 | 413 | 422)
        && !status.reason.is_empty()
        && !status.message.contains("does not support dry run");
    // Server-side apply says so about a manifest that does not fit the schema, such as one with two variables of one name.
    is_refused || status.code == 500 && status.message.starts_with("failed to create typed patch object")
}

/// What the API server says about a new Job, which it will get once the old one is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Successor {
    Accepted,
    /// A quota still counts the old Job.
    OverQuota(String),
    Refused(String),
}

impl Successor {
    /// What an error says about the new Job. `None` if it says nothing about it.
    pub(super) fn of_error(error: &Error) -> Option<Self> {
        let status = error.status()?;
        if status.reason == "AlreadyExists" {
            // Another Job has that name. This is checked last.
            return Some(Self::Accepted);
        }
        if !is_about_the_manifest(error) {
            return None;
        }
        let exceeded = status.message.split_once("exceeded quota: ").map(|(_, exceeded)| exceeded);
        let requested = exceeded.and_then(|text| text.split_once("requested: "));
        Some(match requested {
            Some((_, text)) if text.starts_with("count/jobs.batch=1, used: ") => {
                Self::OverQuota(status.message.clone())
            }
            _ => Self::Refused(error.to_string()),
        })
    }
}

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    pub claimant: Claimant,
    /// An unfinished Job must stay, and is not waited for.
    pub once: bool,
    /// A failed Job is in the way though its manifest has not changed.
    pub retry_failed: bool,
    /// What is in the way goes, whatever its state and its policy.
    pub force: bool,
    /// A Job without a policy must stay.
    pub needs_policy: bool,
}

/// Why a Job is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The manifest would change these immutable fields.
    Immutable(Vec<String>),
    /// Helm ran it as a hook, and can neither change it nor create another Job of its name.
    LeftOverHook,
    /// It has failed and is to run again.
    Failed,
}

/// What to do with the Job in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// The manifest can be applied to the Job.
    Stays,
    /// The same, but the Job has failed, and will not run again.
    StaysFailed,
    /// The manifest can be applied to no Job, so a deletion would not help.
    InvalidManifest(String),
    /// The Job is already being deleted, and these finalizers hold it.
    BeingDeleted(Vec<String>),
    /// The Job is in the way, and may be deleted once it has finished.
    Wait(Obstacle, Hint),
    /// The Job is in the way, and may be deleted.
    Delete(Obstacle, Leave),
    /// The Job is in the way, and may not be deleted.
    MustStay(Obstacle, Reason),
}

impl Decision {
    /// A Job in the way has to stay after all.
    pub(super) fn keep(self, reason: Reason) -> Self {
        match self {
            Self::Wait(obstacle, _) | Self::Delete(obstacle, _) => Self::MustStay(obstacle, reason),
            other => other,
        }
    }
}

/// Why a Job in the way may be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leave {
    /// The policy of the manifest names how the Job ended.
    Policy(Outcome),
    /// The manifest has no policy, and the Job has finished.
    NoPolicy(Outcome),
    Force,
}

/// Why a Job in the way may not be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    Owned(Owner),
    /// The annotation `jobsweep.io/ignore` is on the manifest or on the Job in the cluster.
    Ignored {
        by_manifest: bool,
    },
    /// The manifest has no policy.
    NoPolicy,
    /// The policy of the manifest has no known word.
    NamesNothing(String),
    /// The policy of the manifest does not name how the Job ended.
    NotNamed(Outcome, String),
    Suspended,
    /// With `--once`, an unfinished Job is not waited for.
    Unfinished(Hint),
    /// The Job cannot be read.
    Unreadable(String),
    /// The API server would not create the new Job.
    SuccessorRefused(String),
    /// The API server refuses to delete the Job.
    DeletionRefused(String),
}

/// Decides what to do with a Job in the cluster.
pub(super) fn decide(
    live: &Live,
    answer: &Answer,
    manifest: &JobManifest,
    role: Role,
    rules: &Rules,
) -> Decision {
    // This comes first, because a change of a Job that is being deleted would be lost with it.
    if live.job.terminating {
        return Decision::BeingDeleted(live.job.finalizers.clone());
    }
    let has_failed = live.job.outcome() == Some(Outcome::Failed);
    let obstacle = match answer {
        Answer::Refused(why) => return Decision::InvalidManifest(why.clone()),
        _ if role == Role::Hook || is_left_over(live, &rules.claimant) => Obstacle::LeftOverHook,
        Answer::Immutable(fields) => Obstacle::Immutable(fields.clone()),
        Answer::Possible if has_failed && rules.retry_failed => Obstacle::Failed,
        Answer::Possible => {
            let may_retry = has_failed && must_stay_for_all(live, manifest, &rules.claimant).is_none();
            return if may_retry { Decision::StaysFailed } else { Decision::Stays };
        }
    };
    in_the_way(live, obstacle, manifest, rules)
}

/// Whether Helm left the Job as a hook. It imports such a Job only if it is told to take the ownership.
fn is_left_over(live: &Live, claimant: &Claimant) -> bool {
    matches!(claimant, Claimant::Helm { takes_ownership: false, .. }) && is_hook(&live.metadata)
}

fn in_the_way(live: &Live, obstacle: Obstacle, manifest: &JobManifest, rules: &Rules) -> Decision {
    if let Some(reason) = must_stay_for_all(live, manifest, &rules.claimant) {
        return Decision::MustStay(obstacle, reason);
    }
    if rules.force {
        return Decision::Delete(obstacle, Leave::Force);
    }
    let leave = match &manifest.policy {
        None if rules.needs_policy => return Decision::MustStay(obstacle, Reason::NoPolicy),
        None => Leave::NoPolicy,
        Some(policy) if Outcome::ALL.into_iter().any(|outcome| names(policy, outcome)) => Leave::Policy,
        Some(policy) => return Decision::MustStay(obstacle, Reason::NamesNothing(policy.to_string())),
    };
    let named = |outcome| manifest.policy.as_ref().is_none_or(|policy| names(policy, outcome));
    match &live.job.state {
        State::Finished(outcome, _) if named(*outcome) => Decision::Delete(obstacle, leave(*outcome)),
        State::Finished(outcome, _) => {
            let policy = manifest.policy.as_ref().map(ToString::to_string).unwrap_or_default();
            Decision::MustStay(obstacle, Reason::NotNamed(*outcome, policy))
        }
        State::Suspended => Decision::MustStay(obstacle, Reason::Suspended),
        State::Unfinished(hint) if rules.once => {
            Decision::MustStay(obstacle, Reason::Unfinished(hint.clone()))
        }
        State::Unfinished(hint) => Decision::Wait(obstacle, hint.clone()),
        State::Unreadable(why) => Decision::MustStay(obstacle, Reason::Unreadable(why.clone())),
    }
}

/// Why a Job must stay even with `--force`, if it must.
fn must_stay_for_all(live: &Live, manifest: &JobManifest, claimant: &Claimant) -> Option<Reason> {
    if let Err(owner) = owner::check(&live.metadata, &manifest.value, claimant) {
        return Some(Reason::Owned(owner));
    }
    let ignored = manifest.ignored || live.job.ignored;
    ignored.then_some(Reason::Ignored { by_manifest: manifest.ignored })
}

/// Whether a policy allows the deletion of a Job that ended so. `before-hook-creation` means exactly this moment, whatever the outcome.
fn names(policy: &DeletePolicy, outcome: Outcome) -> bool {
    policy.names(outcome) || policy.lists(Token::BeforeHookCreation)
}

#[cfg(test)]
mod tests;
