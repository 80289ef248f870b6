//! The wording of the cleanup's reports. Messages, the table and the JSON report use the same phrases.
//!
//! Durations do not come from `humantime` or `jiff`: the first prints every unit, the second has to be rounded at each size.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::cleanup::sweep::ending::Problem;
use crate::cleanup::sweep::message::{Message, Task};
use crate::cleanup::sweep::rules::Kept;
use crate::cleanup::sweep::{Phase, TrackedJob};
use crate::cluster::old::job::state::State;
use crate::cluster::old::job::{Job, Unreadable};
use crate::escape::shortened;
use crate::policy::{IGNORE, Outcome};

/// The outcome of a Job, or its state if it has not finished, as one word.
pub(crate) fn outcome(tracked: &TrackedJob) -> &'static str {
    match (&tracked.job.state, &tracked.phase) {
        (State::Finished(Outcome::Succeeded, _), _) => "succeeded",
        (State::Finished(Outcome::Failed, _), _) => "failed",
        (_, Phase::DeletedByOthers | Phase::DeletedOrRelabelled | Phase::Deleted) => "unknown",
        (State::Suspended, _) => "suspended",
        (State::Unfinished(_), _) => "unfinished",
        (State::Unreadable(_), _) => "unknown",
    }
}

/// What the sweep did with a Job, or would do next, as one word.
pub(crate) fn action(phase: &Phase) -> &'static str {
    match phase {
        Phase::Waiting(_) | Phase::TooRecent(_) => "waiting",
        Phase::Due | Phase::Deleting | Phase::Outdated => "due",
        Phase::Terminating { .. } => "terminating",
        Phase::Kept(_) => "kept",
        Phase::Deleted => "deleted",
        Phase::WouldDelete => "would-delete",
        Phase::DeletedByOthers | Phase::DeletedOrRelabelled => "gone",
    }
}

/// Explains [`action`]: why a Job is still there, who else deleted it, or that its policy lists `before-hook-creation`. `None` if
/// its policy names its outcome.
pub(crate) fn why(job: &Job, phase: &Phase) -> Option<String> {
    Some(match phase {
        Phase::Waiting(hint) => shortened(&hint.to_string()).into_owned(),
        Phase::TooRecent(left) => Kept::TooRecent(*left).to_string(),
        Phase::Kept(kept) => kept.to_string(),
        Phase::Terminating { .. } => match job.finalizers.as_slice() {
            [] => "not gone yet".to_owned(),
            [one] => format!("held by finalizer {}", shortened(one)),
            all => format!("held by finalizers {}", shortened(&all.join(", "))),
        },
        Phase::Due => "it is due, but its deletion was not confirmed".to_owned(),
        Phase::Outdated => "it was due, but it has changed, and jobsweep has not read it again".to_owned(),
        Phase::Deleting => "its deletion was not confirmed".to_owned(),
        Phase::DeletedByOthers => "someone else deleted it".to_owned(),
        Phase::DeletedOrRelabelled => "someone else deleted it, or its labels changed".to_owned(),
        Phase::Deleted | Phase::WouldDelete if !job.policy_names_its_end() => {
            "its policy lists before-hook-creation".to_owned()
        }
        Phase::Deleted | Phase::WouldDelete => return None,
    })
}

/// The reason of the condition with which a Job finished, or nothing.
pub(crate) fn condition_reason(job: &Job) -> Cow<'_, str> {
    match &job.state {
        State::Finished(_, reason) => shortened(reason),
        _ => "".into(),
    }
}

/// `3 deleted, 1 kept`.
pub(crate) fn totals<'a>(jobs: impl Iterator<Item = &'a TrackedJob>) -> String {
    let mut counts = BTreeMap::new();
    for tracked in jobs {
        *counts.entry(action(&tracked.phase)).or_insert(0) += 1;
    }
    let counts: Vec<_> = counts.into_iter().map(|(action, count)| format!("{count} {action}")).collect();
    counts.join(", ")
}

/// `0.4s`, `12s`, `1m30s`, `2h05m`.
pub(crate) fn brief(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 if duration.subsec_millis() >= 50 => format!("{:.1}s", duration.as_secs_f64()),
        0..60 => format!("{seconds}s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

pub(crate) fn jobs(count: usize) -> String {
    if count == 1 { "1 Job".to_owned() } else { format!("{count} Jobs") }
}

impl Display for Kept {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotNamed(Outcome::Succeeded) => "its policy does not name hook-succeeded",
            Self::NotNamed(Outcome::Failed) => "its policy does not name hook-failed",
            Self::NamesNothing => "its policy names no known outcome",
            Self::OnlyBeforeHookCreation => {
                "its policy names only before-hook-creation; use --before-hook-creation to delete it"
            }
            Self::Suspended => "it is suspended and cannot finish before it is resumed",
            Self::Unfinished => "it has not finished",
            Self::TooRecent(left) => {
                return write!(f, "it finished too recently; it is due in {}", brief(*left));
            }
            Self::NoFinishTime => {
                "how long ago it finished is unknown: its status does not say when it finished"
            }
            Self::NoServerTime => {
                "how long ago it finished is unknown: no response of the API server has a date"
            }
            Self::Ignored => return write!(f, "it is annotated {IGNORE}"),
            Self::OwnJob => "it runs this sweep",
            Self::LeftScope => "its policy was removed, or it no longer belongs to the release",
            Self::Refused(why) => return write!(f, "the API server refused to delete it: {why}"),
            Self::Unreadable(why) => return write!(f, "it cannot be read: {why}"),
        })
    }
}

impl Display for Problem<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Failed(failure) => failure.fmt(f),
            Self::NeverListed => f.write_str("the deadline came before the Jobs could be listed"),
            Self::NotSwept { refused, unreadable } => {
                if refused > 0 {
                    write!(f, "the API server refused to delete {}", jobs(refused))?;
                }
                if unreadable > 0 {
                    let and = if refused > 0 { ", and " } else { "" };
                    write!(f, "{and}{} could not be read", jobs(unreadable))?;
                }
                Ok(())
            }
        }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase { job, phase, only_numbers_changed: _ } => phase_message(job, phase, f),
            Self::UnknownWords { id, words } => {
                write!(f, "the policy of {id} has unknown words: {}", shortened(&format!("{words:?}")))
            }
            Self::Unreadable(Unreadable { id, why }) => {
                let what = id.as_ref().map_or("an object".to_owned(), ToString::to_string);
                write!(f, "skipped {what}, because it cannot be read: {why}")
            }
            Self::Retrying { task, id, attempts, retry, others_under_way } => {
                match task {
                    Task::Delete => write!(f, "cannot delete {id}")?,
                    Task::ReadLogs => write!(f, "cannot read the logs of {id}")?,
                    Task::CheckGone => write!(f, "cannot check whether {id} is gone")?,
                }
                let after = retry.after.as_secs_f64();
                write!(f, " (attempt {attempts}): {}; retrying in {after:.1} s", retry.why)?;
                match others_under_way {
                    None | Some(0) => Ok(()),
                    Some(1) => f.write_str("; 1 other request is under way"),
                    Some(others) => write!(f, "; {others} other requests are under way"),
                }
            }
            Self::RequestsWorkAgain(failed_jobs) => {
                write!(f, "requests work again, after failures for {}", jobs(*failed_jobs))
            }
            Self::Listing(scope) => write!(f, "listing Jobs in {scope}"),
            Self::Listed(scope) => write!(f, "listed all Jobs in {scope}"),
            Self::Watching(scope) => write!(f, "watching {scope}"),
            Self::Interrupted { scope, retry, listed, repeated: _ } => {
                let what = if *listed { "watch interrupted on" } else { "cannot list Jobs in" };
                write!(f, "{what} {scope}: {}; retrying in {:.1} s", retry.why, retry.after.as_secs_f64())
            }
            Self::Recovered(scope) => write!(f, "{scope} is reachable again"),
        }
    }
}

fn phase_message(job: &Job, phase: &Phase, f: &mut Formatter<'_>) -> fmt::Result {
    let id = &job.id;
    let state = match &job.state {
        State::Finished(outcome, reason) if reason.is_empty() => format!("it has {outcome}"),
        State::Finished(outcome, reason) => format!("it has {outcome} ({})", shortened(reason)),
        State::Suspended => "it is suspended".to_owned(),
        State::Unfinished(_) => "it has not finished".to_owned(),
        State::Unreadable(_) => "its state cannot be read".to_owned(),
    };
    // Only a Job whose policy names its outcome needs no explanation.
    let explanation = why(job, phase).unwrap_or_else(|| match job.outcome() {
        Some(Outcome::Failed) => "its policy names hook-failed".to_owned(),
        _ => "its policy names hook-succeeded".to_owned(),
    });
    match phase {
        Phase::Waiting(_) | Phase::TooRecent(_) => write!(f, "waiting for {id}: {explanation}"),
        Phase::Due | Phase::Deleting => write!(f, "deleting {id}: {state}"),
        Phase::Outdated => write!(f, "{id} has changed; jobsweep reads it again before it deletes it"),
        Phase::Terminating { ours: true } => {
            write!(f, "{id}: {state}; its deletion was accepted, but it is {explanation}")
        }
        Phase::Terminating { ours: false } => {
            write!(f, "{id}: {state}; someone else is deleting it, and it is {explanation}")
        }
        Phase::Kept(Kept::NotNamed(_)) => write!(f, "kept {id}: {state}; {explanation}"),
        Phase::Kept(_) => write!(f, "kept {id}: {explanation}"),
        Phase::Deleted => write!(f, "deleted {id}: {state}; {explanation}"),
        Phase::WouldDelete => write!(f, "would delete {id}: {state}; {explanation}"),
        Phase::DeletedByOthers if job.outcome().is_none() => {
            write!(f, "{id} is gone: {explanation}, and its outcome is unknown")
        }
        Phase::DeletedByOthers | Phase::DeletedOrRelabelled => {
            write!(f, "{id} is gone: {state}; {explanation}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_short_as_they_can_be() {
        for (millis, text) in [
            (0, "0s"),
            (420, "0.4s"),
            (2_000, "2s"),
            (42_900, "42s"),
            (90_000, "1m30s"),
            (300_000, "5m"),
            (7_500_000, "2h05m"),
        ] {
            assert_eq!(brief(Duration::from_millis(millis)), text);
        }
    }
}
