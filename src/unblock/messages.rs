//! The messages about Jobs: what blocks a manifest, what happens to it, and what to do about it.

use std::fmt;

use super::decision::{Decision, Leave, Obstacle, Reason};
use super::owner::Owner;
use super::planned_job::PlannedJob;
use crate::cluster::caller::{Caller, Command};
use crate::cluster::job::Hint;
use crate::escape::{quoted, shortened};
use crate::policy::IGNORE;

/// Says why a Job in the way may not be deleted, and what to do about it. `None` if it may.
pub(super) fn must_stay(job: &PlannedJob, context: Option<&str>) -> Option<String> {
    let Some(Decision::MustStay(obstacle, reason)) = &job.decision else { return None };
    let by_hand = by_hand(job, context);
    let rename = "give the Job of this manifest another name";
    let advice = match reason {
        Reason::Owned(Owner::Controller(_)) => rename.to_owned(),
        Reason::Owned(Owner::Release { .. }) => {
            format!("{rename}, or add Helm's --take-ownership if it is yours")
        }
        Reason::Owned(Owner::NoRelease) => {
            format!("{rename}, add Helm's --take-ownership if it is yours, or {by_hand}")
        }
        Reason::Owned(Owner::Instance(_)) => format!("{rename}, or {by_hand}"),
        Reason::Ignored { .. } => format!("remove the annotation, or {by_hand}"),
        Reason::NoPolicy => format!(
            "add the annotation helm.sh/hook-delete-policy to its manifest, leave out --default-policy=none, or {by_hand}"
        ),
        Reason::NamesNothing(_) => format!(
            "write hook-succeeded, hook-failed or both into the policy of its manifest, add --force, or {by_hand}"
        ),
        Reason::NotNamed(outcome, _) => {
            format!("add hook-{outcome} to the policy of its manifest, add --force, or {by_hand}")
        }
        Reason::Suspended => format!("resume it and let it finish, add --force, or {by_hand}"),
        Reason::Unfinished(_) => {
            "run this again once it has finished, without --once to wait for it, or with --force".to_owned()
        }
        Reason::SuccessorRefused(_) => "correct the manifest".to_owned(),
        Reason::Unreadable(_) | Reason::DeletionRefused(_) => by_hand,
    };
    Some(format!("Job {job} is in the way{}, and may not be deleted: {reason}; {advice}", why(obstacle)))
}

/// Says why a Job is still in the way at the deadline. `None` if it is not.
pub(super) fn left(job: &PlannedJob, context: Option<&str>) -> Option<String> {
    let unknown = || Some(format!("it is not known whether Job {job} is still there"));
    match job.decision.as_ref() {
        None => unknown(),
        Some(Decision::Wait(obstacle, hint)) => Some(format!(
            "Job {job} is in the way{} and has not finished{}{}; if it cannot finish, add --force, or {}",
            why(obstacle),
            why_unfinished(hint),
            pods(job),
            by_hand(job, context)
        )),
        Some(Decision::BeingDeleted(finalizers)) => Some(format!("Job {job} {}", being_deleted(finalizers))),
        Some(Decision::Delete(..)) if job.deletion_sent => unknown(),
        Some(Decision::Delete(obstacle, _)) => {
            Some(format!("Job {job} is in the way{} and was not deleted", why(obstacle)))
        }
        _ => None,
    }
}

fn by_hand(job: &PlannedJob, context: Option<&str>) -> String {
    let context = context.map(|name| format!(" --context={}", shell_word(name))).unwrap_or_default();
    format!("delete it yourself: kubectl delete job {} -n {}{context}", job.manifest.name, job.namespace)
}

/// A word of a command line for a shell.
fn shell_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,=".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The progress message for a Job, if any.
pub(super) fn progress(job: &PlannedJob, dry_run: bool) -> Option<String> {
    let waits = if dry_run { "would wait" } else { "waiting" };
    Some(match job.decision.as_ref()? {
        Decision::Wait(obstacle, hint) => {
            format!(
                "{waits} for Job {job} to finish; it is in the way{}: {}{}; if it cannot finish, jobsweep's --force deletes it",
                why(obstacle),
                shown(hint),
                pods(job)
            )
        }
        Decision::BeingDeleted(finalizers) => {
            format!("{waits} until Job {job} is gone; it {}", being_deleted(finalizers))
        }
        Decision::StaysFailed => format!(
            "Job {job} has failed, and its manifest has not changed, so it stays failed and does not run again; \
             --retry-failed would run it again"
        ),
        Decision::InvalidManifest(why) => format!(
            "the API server does not accept the manifest of Job {job}, so the Job in the cluster stays. Applying the \
             manifest will fail with the same error: {why}"
        ),
        _ => return None,
    })
}

/// Says that a Job is deleted, and why. `None` if it is not to be deleted.
pub(super) fn deletion(job: &PlannedJob, deleted: &str, context: Option<&str>) -> Option<String> {
    let was = if job.deletion_sent { "was" } else { "is" };
    let Some(Decision::Delete(obstacle, leave)) = &job.decision else { return None };
    let context = in_context(context);
    let why_it_may = match leave {
        Leave::Policy(outcome) => format!("it has {outcome}, and its policy allows that"),
        Leave::NoPolicy(outcome) => format!("it has {outcome}, and no policy keeps it"),
        Leave::Force => "--force asks for that".to_owned(),
    };
    Some(format!("{deleted} Job {job}{context}, which {was} in the way{}; {why_it_may}", why(obstacle)))
}

pub(super) fn in_context(context: Option<&str>) -> String {
    context.map(|name| format!(" in context {}", shortened(name))).unwrap_or_default()
}

/// Warns of Helm's own rollback, which cannot change the new Job back.
pub(super) fn about_rollback(caller: &Caller) -> Option<&'static str> {
    let call = caller.helm().filter(|call| call.rollback_on_failure)?;
    (call.command == Command::Upgrade).then_some(
        "if this upgrade fails, Helm's own rollback (--rollback-on-failure, --atomic) fails too, because it cannot change the new Job \
         back; leave the flag out, and roll back by `helm get manifest`, `jobsweep --unblock` and `helm rollback`",
    )
}

/// Warns of a flag of Helm that does not help.
pub(super) fn about_helms_force(caller: &Caller) -> Option<&'static str> {
    let call = caller.helm().filter(|call| call.force);
    call.map(|_| {
        "Helm's own --force (--force-replace) replaces resources instead of changing them, which the API server refuses for a Job; \
         leave it out: --unblock does not need it"
    })
}

/// Why a Job is in the way.
fn why(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Immutable(fields) => match fields.as_slice() {
            [] => String::new(),
            [field] => format!(" ({} changes, and is immutable)", shortened(field)),
            fields => format!(" ({} change, and are immutable)", shortened(&fields.join(", "))),
        },
        Obstacle::LeftOverHook => " (Helm ran it as a hook, and cannot change it)".to_owned(),
        Obstacle::Failed => " (it has failed, and is to run again)".to_owned(),
    }
}

/// What its pods wait for.
fn pods(job: &PlannedJob) -> String {
    job.pods_wait_for.as_ref().map(|reason| format!(" ({})", shortened(reason))).unwrap_or_default()
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
            Self::Owned(owner) => write!(f, "it {owner}"),
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
            Self::SuccessorRefused(why) => write!(f, "the new Job would be refused: {why}"),
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
    use crate::unblock::hooks::Role;

    fn planned(decision: Decision) -> PlannedJob {
        let manifest = JobManifest {
            name: "migrate".to_owned(),
            namespace: None,
            policy: None,
            ignored: false,
            value: Value::Mapping(Vec::new()),
        };
        let job = PlannedJob::new(manifest, "shop".to_owned(), Role::Ordinary);
        PlannedJob { decision: Some(decision), ..job }
    }

    #[test]
    fn long_text_of_others_is_cut_in_every_message() {
        let long = || "x".repeat(100_000);
        let many = || Obstacle::Immutable(vec!["spec.template".to_owned(); 10_000]);
        for decision in [
            Decision::MustStay(many(), Reason::NamesNothing(long())),
            Decision::MustStay(many(), Reason::NotNamed(Outcome::Failed, long())),
            Decision::MustStay(many(), Reason::Unfinished(Hint::ManagedBy(long()))),
            Decision::MustStay(many(), Reason::Owned(Owner::Controller(long()))),
            Decision::MustStay(many(), Reason::Owned(Owner::Instance(long()))),
            Decision::Wait(many(), Hint::Failing(long())),
            Decision::BeingDeleted(vec![long()]),
            Decision::BeingDeleted(vec!["example.com/finalizer".to_owned(); 10_000]),
            Decision::Delete(many(), Leave::NoPolicy(Outcome::Failed)),
        ] {
            let job = planned(decision);
            let messages = [
                must_stay(&job, None),
                progress(&job, false),
                left(&job, None),
                deletion(&job, "deleted", None),
            ];
            for message in messages.into_iter().flatten() {
                assert!(
                    message.len() < 1000 && message.contains('…'),
                    "{} bytes: {message:.300}",
                    message.len()
                );
            }
        }
    }

    #[test]
    fn a_command_quotes_the_context_for_the_shell() {
        let job = planned(Decision::MustStay(Obstacle::Failed, Reason::Suspended));
        for (context, word) in [
            ("prod", "--context=prod"),
            ("user@cluster:6443/x", "--context=user@cluster:6443/x"),
            ("my cluster", "--context='my cluster'"),
            ("a'b$c", r"--context='a'\''b$c'"),
        ] {
            let message = must_stay(&job, Some(context)).expect("it must stay");
            assert!(message.ends_with(&format!("kubectl delete job migrate -n shop {word}")), "{message}");
        }
    }
}
