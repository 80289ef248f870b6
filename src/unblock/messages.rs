//! The messages about Jobs: what blocks a manifest, what happens to it, and what to do about it.

use std::fmt;

use super::decision::{Decision, Reason};
use super::planned_job::{Finding, PlannedJob};
use crate::cluster::old::job::state::Hint;
use crate::escape::{quoted, shortened};
use crate::policy::IGNORE;

/// Says why a Job in the way may not be deleted, and what to do about it.
pub(super) fn must_stay(job: &PlannedJob, reason: &Reason, context: Option<&str>) -> String {
    let by_hand = by_hand(job, context);
    let advice = match reason {
        Reason::Ignored { .. } => format!("remove the annotation, or {by_hand}"),
        Reason::NoPolicy => format!(
            "add the annotation helm.sh/hook-delete-policy to its manifest, set \
             --default-policy=hook-succeeded,hook-failed for all Jobs without a policy, or {by_hand}"
        ),
        Reason::NamesNothing(_) => {
            format!("write hook-succeeded, hook-failed or both into the policy of its manifest, or {by_hand}")
        }
        Reason::NotNamed(outcome, _) => {
            format!("add hook-{outcome} to the policy of its manifest, or {by_hand}")
        }
        Reason::Suspended => format!("resume it and let it finish, or {by_hand}"),
        Reason::Unfinished(_) => {
            "run this again once it has finished, or without --once to wait for it".to_owned()
        }
        Reason::Unreadable(_) | Reason::DeletionRefused(_) => by_hand,
    };
    format!("Job {job} is in the way{}, and may not be deleted: {reason}; {advice}", fields(job))
}

/// Says why a Job is still in the way at the deadline. `None` if it is not.
pub(super) fn left(job: &PlannedJob, context: Option<&str>) -> Option<String> {
    let in_the_way = || format!("Job {job} is in the way{}", fields(job));
    let unknown = Some(format!("it is not known whether Job {job} is still there"));
    match (&job.finding, job.decision()) {
        (Finding::Unknown, _) => unknown,
        (_, Some(Decision::Wait(hint))) => {
            let why = why_unfinished(hint);
            Some(format!(
                "{} and has not finished{why}; if it cannot finish, {}",
                in_the_way(),
                by_hand(job, context)
            ))
        }
        (_, Some(Decision::BeingDeleted(finalizers))) => {
            Some(format!("Job {job} {}", being_deleted(finalizers)))
        }
        (_, Some(Decision::Delete(_))) if job.deletion_sent => unknown,
        (_, Some(Decision::Delete(_))) => Some(format!("{} and was not deleted", in_the_way())),
        _ => None,
    }
}

fn by_hand(job: &PlannedJob, context: Option<&str>) -> String {
    let context = context.map(|name| format!(" --context={name}")).unwrap_or_default();
    format!("delete it yourself: kubectl delete job {} -n {}{context}", job.manifest.name, job.namespace)
}

/// The progress message for a Job, if any.
pub(super) fn progress(job: &PlannedJob, dry_run: bool) -> Option<String> {
    let waits = if dry_run { "would wait" } else { "waiting" };
    Some(match job.decision()? {
        Decision::Wait(hint) => {
            format!("{waits} for Job {job} to finish; it is in the way{}: {}", fields(job), shown(hint))
        }
        Decision::BeingDeleted(finalizers) => {
            format!("{waits} until Job {job} is gone; it {}", being_deleted(finalizers))
        }
        Decision::InvalidManifest(why) => format!(
            "the API server does not accept the manifest of Job {job}, so the Job in the cluster stays. Applying the \
             manifest will fail with the same error: {why}"
        ),
        _ => return None,
    })
}

/// Says that a Job is deleted, and why. `None` if it is not to be deleted.
pub(super) fn deletion(job: &PlannedJob, deleted: &str) -> Option<String> {
    let Some(Decision::Delete(outcome)) = job.decision() else { return None };
    Some(format!(
        "{deleted} Job {job}, which was in the way{}; it has {outcome}, and its policy allows that",
        fields(job)
    ))
}

/// Why a Job is in the way.
fn fields(job: &PlannedJob) -> String {
    let Finding::Found { immutable, .. } = &job.finding else { return String::new() };
    match immutable.as_slice() {
        [] => String::new(),
        [field] => format!(" ({} changes, and is immutable)", shortened(field)),
        fields => format!(" ({} change, and are immutable)", shortened(&fields.join(", "))),
    }
}

fn being_deleted(finalizers: &[String]) -> String {
    match finalizers {
        [] => "is being deleted".to_owned(),
        [one] => format!("is being deleted, and finalizer {} holds it", shortened(one)),
        all => format!("is being deleted, and finalizers {} hold it", shortened(&all.join(", "))),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { by_manifest: true } => write!(f, "its manifest is annotated {IGNORE}"),
            Self::Ignored { by_manifest: false } => write!(f, "the Job in the cluster is annotated {IGNORE}"),
            Self::NoPolicy => f.write_str("its manifest has no delete policy"),
            Self::NamesNothing(policy) => write!(f, "its policy {} names no outcome", quoted(policy)),
            Self::NotNamed(outcome, policy) => {
                write!(f, "it has {outcome}, and its policy {} does not name that", quoted(policy))
            }
            Self::Suspended => f.write_str("it is suspended, so it does not finish"),
            Self::Unfinished(hint) => write!(f, "it has not finished{}", why_unfinished(hint)),
            Self::Unreadable(why) => write!(f, "its status cannot be read: {why}"),
            Self::DeletionRefused(why) => write!(f, "{why}"),
        }
    }
}

fn why_unfinished(hint: &Hint) -> String {
    match hint {
        Hint::None => String::new(),
        hint => format!(": {}", shown(hint)),
    }
}

fn shown(hint: &Hint) -> String {
    shortened(&hint.to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Outcome;
    use crate::translate::{JobManifest, Value};

    fn planned(decision: Decision, immutable: Vec<String>) -> PlannedJob {
        let manifest = JobManifest {
            name: "migrate".to_owned(),
            namespace: None,
            policy: None,
            ignored: false,
            value: Value::Mapping(Vec::new()),
        };
        let mut job = PlannedJob::new(manifest, "shop".to_owned());
        job.finding = Finding::Found { job: None, immutable, decision };
        job
    }

    #[test]
    fn long_text_of_others_is_cut_in_every_message() {
        let long = || "x".repeat(100_000);
        let many = || vec!["spec.template".to_owned(); 10_000];
        for decision in [
            Decision::MustStay(Reason::NamesNothing(long())),
            Decision::MustStay(Reason::NotNamed(Outcome::Failed, long())),
            Decision::MustStay(Reason::Unfinished(Hint::ManagedBy(long()))),
            Decision::Wait(Hint::Failing(long())),
            Decision::BeingDeleted(vec![long()]),
            Decision::BeingDeleted(vec!["example.com/finalizer".to_owned(); 10_000]),
            Decision::Delete(Outcome::Failed),
        ] {
            let job = planned(decision.clone(), many());
            let stays = match &decision {
                Decision::MustStay(reason) => Some(must_stay(&job, reason, None)),
                _ => None,
            };
            let messages = [stays, progress(&job, false), left(&job, None), deletion(&job, "deleted")];
            for message in messages.into_iter().flatten() {
                assert!(
                    message.len() < 1000 && message.contains('…'),
                    "{} bytes: {message:.300}",
                    message.len()
                );
            }
        }
    }
}
