//! The wording of the cleanup's reports. Messages, the table and the JSON report use the same phrases. Pure.

use std::borrow::Cow;

use crate::cleanup::rules::Kept;
use crate::cleanup::sweep::{Gone, Phase, TrackedJob};
use crate::cluster::job::{Job, State};
use crate::escape::shortened;
use crate::policy::{IGNORE, Outcome};

/// The outcome of a Job, or its state if it has not finished, as one word.
pub(crate) fn outcome(tracked: &TrackedJob) -> &'static str {
    match (&tracked.job.state, &tracked.phase) {
        (State::Finished(Outcome::Succeeded, _), _) => "succeeded",
        (State::Finished(Outcome::Failed, _), _) => "failed",
        (_, Phase::Gone(_)) => "unknown",
        (State::Suspended, _) => "suspended",
        (State::Unfinished(_), _) => "unfinished",
    }
}

/// What [`action`] returns, in the order of the table and the totals: what is left comes last.
pub(crate) const ACTIONS: [&str; 7] =
    ["deleted", "would-delete", "gone", "kept", "terminating", "due", "waiting"];

/// What the sweep did with a Job, or would do next, as one word.
pub(crate) fn action(phase: &Phase) -> &'static str {
    match phase {
        Phase::Waiting(_) | Phase::TooRecent(_) => "waiting",
        Phase::Due => "due",
        Phase::Going { .. } => "terminating",
        Phase::Kept(_) => "kept",
        Phase::Gone(Gone::Deleted) => "deleted",
        Phase::Gone(Gone::WouldDelete) => "would-delete",
        Phase::Gone(Gone::ByOthers | Gone::ByOthersOrRelabelled) => "gone",
    }
}

/// Explains [`action`]: why a Job is still there, who else deleted it, or that its policy lists `before-hook-creation`. `None` if
/// its policy names its outcome.
pub(crate) fn why(tracked: &TrackedJob, unix_now: i64) -> Option<String> {
    let job = &tracked.job;
    Some(match &tracked.phase {
        Phase::Waiting(hint) => {
            let pods = tracked.pods.as_ref().map(|pods| format!(": {pods}")).unwrap_or_default();
            shortened(&format!("{hint}{pods}")).into_owned()
        }
        Phase::TooRecent(due_at) => too_recent(*due_at, unix_now),
        Phase::Kept(kept) => why_kept(kept, unix_now).into_owned(),
        Phase::Going { .. } => match job.finalizers.as_slice() {
            [] => "not gone yet".to_owned(),
            [one] => format!("held by finalizer {}", shortened(one)),
            all => format!("held by finalizers {}", shortened(&all.join(", "))),
        },
        Phase::Due => "it is due, but its deletion was not confirmed".to_owned(),
        Phase::Gone(Gone::ByOthers) => "someone else deleted it".to_owned(),
        Phase::Gone(Gone::ByOthersOrRelabelled) => {
            "someone else deleted it, or its labels changed".to_owned()
        }
        Phase::Gone(Gone::Deleted | Gone::WouldDelete) if !job.policy_names_its_end() => {
            "its policy lists before-hook-creation".to_owned()
        }
        Phase::Gone(Gone::Deleted | Gone::WouldDelete) => return None,
    })
}

fn why_kept(kept: &Kept, unix_now: i64) -> Cow<'static, str> {
    match kept {
        Kept::NotNamed(outcome) => return format!("its policy does not name hook-{outcome}").into(),
        Kept::NamesNothing => "its policy names no known outcome",
        Kept::OnlyBeforeHookCreation => {
            "its policy names only before-hook-creation; use --before-hook-creation to delete it"
        }
        Kept::Suspended => "it is suspended and cannot finish before it is resumed",
        Kept::Unfinished => "it has not finished",
        Kept::TooRecent(due_at) => return too_recent(*due_at, unix_now).into(),
        Kept::NoFinishTime => "how long ago it finished is unknown: its status does not say when it finished",
        Kept::Ignored => return format!("it is annotated {IGNORE}").into(),
        Kept::OwnJob => "it runs this sweep",
        Kept::LeftScope => "its policy was removed, or it no longer belongs to the release",
        Kept::Refused(why) => return format!("the API server refused to delete it: {why}").into(),
    }
    .into()
}

fn too_recent(due_at: i64, unix_now: i64) -> String {
    let left = due_at.saturating_sub(unix_now).max(0);
    format!("it finished too recently; it is due in {}", age(left))
}

/// The message when a Job has come into its phase. A Job that is due needs none: its deletion is reported next.
pub(crate) fn phase_message(tracked: &TrackedJob, unix_now: i64) -> Option<String> {
    let (job, state) = (&tracked.job, state(&tracked.job));
    // Only a Job whose policy names its outcome needs no explanation.
    let explanation = why(tracked, unix_now).unwrap_or_else(|| match job.outcome() {
        Some(Outcome::Failed) => "its policy names hook-failed".to_owned(),
        _ => "its policy names hook-succeeded".to_owned(),
    });
    Some(match &tracked.phase {
        Phase::Due => return None,
        Phase::Waiting(_) | Phase::TooRecent(_) => format!("waiting for {job}: {explanation}"),
        Phase::Going { ours: true, .. } => {
            format!("{job}: {state}; its deletion was accepted, but it is {explanation}")
        }
        Phase::Going { ours: false, .. } => {
            format!("{job}: {state}; someone else is deleting it, and it is {explanation}")
        }
        Phase::Kept(Kept::NotNamed(_)) => format!("kept {job}: {state}; {explanation}"),
        Phase::Kept(_) => format!("kept {job}: {explanation}"),
        Phase::Gone(Gone::Deleted) => format!("deleted {job}: {state}; {explanation}"),
        Phase::Gone(Gone::WouldDelete) => format!("would delete {job}: {state}; {explanation}"),
        Phase::Gone(Gone::ByOthers) if job.outcome().is_none() => {
            format!("{job} is gone: {explanation}, and its outcome is unknown")
        }
        Phase::Gone(_) => format!("{job} is gone: {state}; {explanation}"),
    })
}

pub(crate) fn state(job: &Job) -> String {
    match &job.state {
        State::Finished(outcome, reason) if reason.is_empty() => format!("it has {outcome}"),
        State::Finished(outcome, reason) => format!("it has {outcome} ({})", shortened(reason)),
        State::Suspended => "it is suspended".to_owned(),
        State::Unfinished(_) => "it has not finished".to_owned(),
    }
}

/// Warns of unknown words beside known ones. A policy without any known word needs no message: its Job is kept for that reason.
pub(crate) fn unknown_words(job: &Job) -> Option<String> {
    let policy = job.policy.as_ref().filter(|policy| policy.names_any_outcome())?;
    let words: Vec<_> = policy.unknown().filter(|word| !word.is_empty()).collect();
    let quoted = || format!("the policy of {job} has unknown words: {}", shortened(&format!("{words:?}")));
    (!words.is_empty()).then(quoted)
}

/// `3 deleted, 1 kept`.
pub(crate) fn totals<'a>(jobs: impl Iterator<Item = &'a TrackedJob>) -> String {
    let actions: Vec<_> = jobs.map(|tracked| action(&tracked.phase)).collect();
    let counts = ACTIONS.map(|word| (actions.iter().filter(|action| **action == word).count(), word));
    let counts: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).collect();
    counts.iter().map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// `42s`, `5m30s`, `3d`: as kubectl shows ages (`HumanDuration` in `k8s.io/apimachinery`).
pub(crate) fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let with = |large: String, small: i64, unit: &str| match small {
        0 => large,
        _ => format!("{large}{small}{unit}"),
    };
    match days {
        _ if seconds < 120 => format!("{}s", seconds.max(0)),
        _ if minutes < 10 => with(format!("{minutes}m"), seconds % 60, "s"),
        _ if hours < 3 => format!("{minutes}m"),
        _ if hours < 8 => with(format!("{hours}h"), minutes % 60, "m"),
        ..2 => format!("{hours}h"),
        2..8 => with(format!("{days}d"), hours % 24, "h"),
        8.. => format!("{days}d"),
    }
}

pub(crate) fn jobs(count: usize) -> String {
    if count == 1 { "1 Job".to_owned() } else { format!("{count} Jobs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_as_short_as_that_of_kubectl() {
        const MINUTE: i64 = 60;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        for (seconds, text) in [
            (-7, "0s"),
            (0, "0s"),
            (119, "119s"),
            (2 * MINUTE, "2m"),
            (2 * MINUTE + 1, "2m1s"),
            (10 * MINUTE - 1, "9m59s"),
            (10 * MINUTE + 59, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR + 30, "3h"),
            (3 * HOUR + 5 * MINUTE, "3h5m"),
            (8 * HOUR + 59 * MINUTE, "8h"),
            (2 * DAY - 1, "47h"),
            (2 * DAY, "2d"),
            (3 * DAY + HOUR, "3d1h"),
            (8 * DAY + 23 * HOUR, "8d"),
            (800 * DAY, "800d"),
        ] {
            assert_eq!(age(seconds), text);
        }
    }
}
