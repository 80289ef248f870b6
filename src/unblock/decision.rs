//! Decides what to do with a Job in the cluster that has the name of a new manifest. Pure.

use kube::core::Status;

use crate::cluster::error::Error;
use crate::cluster::job::{Hint, State};
use crate::policy::{BEFORE_HOOK_CREATION, DeletePolicy, Outcome};
use crate::translate::JobManifest;

use super::Rules;
use super::dry_run_manifest::Live;
use super::hooks::Role;
use super::owner::{self, Claimant, Owner, is_hook};

/// What the API server says about a dry run, in which a manifest changes a Job or creates one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Possible,
    /// If changes of immutable fields are the only problem, these are the fields. Then a new Job helps.
    Refused {
        why: String,
        immutable: Vec<String>,
    },
}

impl Answer {
    /// What an error says about the manifest. `None` if it says nothing about it.
    pub(super) fn of_error(error: &Error) -> Option<Self> {
        let status = error.status()?;
        if status.reason == "AlreadyExists" {
            // Another Job has the name of the new one. This is checked last.
            return Some(Self::Possible);
        }
        if !is_about_the_manifest(status) {
            return None;
        }
        // The API server's validation of Jobs uses these messages. The last one is for an Indexed Job: its completions can change only
        // together with its parallelism.
        let is_immutable = |message: &str| {
            message.ends_with("field is immutable")
                || message.contains("immutable after creation")
                || message.contains("can only be modified in tandem with")
        };
        let causes = status.details.as_ref().map(|details| &*details.causes).unwrap_or_default();
        let is_only_that = causes.iter().all(|cause| is_immutable(&cause.message));
        let immutable = causes.iter().filter(|_| is_only_that).map(|cause| cause.field.clone()).collect();
        Some(Self::Refused { why: error.to_string(), immutable })
    }
}

/// Whether the API server refuses the manifest itself, and not just the dry run. 403 comes from admission or a quota; a missing
/// permission is [`Error::Forbidden`]. A refusal by a proxy in between has no `reason`.
fn is_about_the_manifest(status: &Status) -> bool {
    let is_refused = matches!(status.code, 400 | 403 | 413 | 422)
        && !status.reason.is_empty()
        && !status.message.contains("does not support dry run");
    // Server-side apply says so about a manifest that does not fit the schema, such as one with two variables of one name.
    is_refused || status.code == 500 && status.message.starts_with("failed to create typed patch object")
}

/// Whether a new Job is refused only because a quota still counts the old one.
pub(super) fn is_quota_of_old_job(why: &str) -> bool {
    let exceeded = why.split_once("exceeded quota: ").and_then(|(_, text)| text.split_once("requested: "));
    exceeded.is_some_and(|(_, requested)| requested.starts_with("count/jobs.batch=1, used: "))
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
    /// There is no Job.
    Absent,
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
    claimant: &Claimant,
    rules: Rules,
) -> Decision {
    // This comes first, because a change of a Job that is being deleted would be lost with it.
    if live.job.terminating {
        return Decision::BeingDeleted(live.job.finalizers.clone());
    }
    let has_failed = live.job.outcome() == Some(Outcome::Failed);
    let obstacle = match answer {
        Answer::Refused { why, immutable } if immutable.is_empty() => {
            return Decision::InvalidManifest(why.clone());
        }
        _ if role == Role::Hook || is_left_over(live, claimant) => Obstacle::LeftOverHook,
        Answer::Refused { immutable, .. } => Obstacle::Immutable(immutable.clone()),
        Answer::Possible if has_failed && rules.retry_failed => Obstacle::Failed,
        Answer::Possible => {
            let may_retry = has_failed && must_always_stay(live, manifest, claimant).is_none();
            return if may_retry { Decision::StaysFailed } else { Decision::Stays };
        }
    };
    in_the_way(live, obstacle, manifest, claimant, rules)
}

/// Whether Helm left the Job as a hook. It imports such a Job only if it is told to take the ownership.
fn is_left_over(live: &Live, claimant: &Claimant) -> bool {
    matches!(claimant, Claimant::Helm { takes_ownership: false, .. }) && is_hook(&live.metadata)
}

fn in_the_way(
    live: &Live,
    obstacle: Obstacle,
    manifest: &JobManifest,
    claimant: &Claimant,
    rules: Rules,
) -> Decision {
    if let Some(reason) = must_always_stay(live, manifest, claimant) {
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
    }
}

/// Why a Job must stay even with `--force`, if it must.
fn must_always_stay(live: &Live, manifest: &JobManifest, claimant: &Claimant) -> Option<Reason> {
    if let Err(owner) = owner::check(&live.metadata, &manifest.value, claimant) {
        return Some(Reason::Owned(owner));
    }
    let ignored = manifest.ignored || live.job.ignored;
    ignored.then_some(Reason::Ignored { by_manifest: manifest.ignored })
}

/// Whether a policy allows the deletion of a Job that ended so. `before-hook-creation` means exactly this moment, whatever the outcome.
fn names(policy: &DeletePolicy, outcome: Outcome) -> bool {
    policy.names(outcome) || policy.lists(BEFORE_HOOK_CREATION)
}

#[cfg(test)]
mod tests;
