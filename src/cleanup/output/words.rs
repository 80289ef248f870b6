//! How reports word what became of a Job.

use std::time::Duration;

use crate::cleanup::sweep::{Entry, Held, Phase};
use crate::cluster::job::state::State;
use crate::policy::Outcome;

/// How a Job ended, in one word.
pub(crate) fn outcome(entry: &Entry) -> &'static str {
    match (&entry.job.state, &entry.phase) {
        (State::Finished(Outcome::Succeeded, _), _) => "succeeded",
        (State::Finished(Outcome::Failed, _), _) => "failed",
        (_, Phase::Gone | Phase::OutOfSight | Phase::Deleted) => "unknown",
        (State::Suspended, _) => "suspended",
        (State::Unfinished(_), _) => "unfinished",
        (State::Unreadable(_), _) => "unknown",
    }
}

/// What was done about it, in one word.
pub(crate) fn action(entry: &Entry) -> &'static str {
    match entry.phase {
        Phase::Seen | Phase::Waiting(_) => "waiting",
        Phase::Due | Phase::Deleting | Phase::Outdated(_) => "due",
        Phase::Terminating { .. } => "terminating",
        Phase::Kept(_) => "kept",
        Phase::Deleted => "deleted",
        Phase::WouldDelete => "would-delete",
        Phase::Gone | Phase::OutOfSight => "gone",
    }
}

/// Why it is still there, or what is known of its going.
pub(crate) fn why(entry: &Entry) -> Option<String> {
    match &entry.phase {
        Phase::Waiting(hint) => Some(hint.to_string()),
        Phase::Kept(kept) => Some(kept.to_string()),
        Phase::Terminating { .. } => Some(Held(&entry.job.finalizers).to_string()),
        Phase::Due => Some("it is due, and its deletion was not carried out".to_owned()),
        Phase::Outdated(_) => Some("it is due, but has changed since that was decided".to_owned()),
        Phase::Deleting => Some("its deletion was not confirmed".to_owned()),
        Phase::Gone => Some("someone else deleted it".to_owned()),
        Phase::OutOfSight => Some("someone else deleted it or changed its labels".to_owned()),
        Phase::Deleted | Phase::WouldDelete if !entry.job.policy_names_its_end() => {
            Some("its policy lists before-hook-creation".to_owned())
        }
        Phase::Seen | Phase::Deleted | Phase::WouldDelete => None,
    }
}

/// The reason of its terminal condition.
pub(crate) fn reason(entry: &Entry) -> &str {
    match &entry.job.state {
        State::Finished(_, reason) => reason,
        _ => "",
    }
}

/// How long the sweep had to do with it.
pub(crate) fn waited(entry: &Entry, took: Duration) -> Duration {
    entry.until.unwrap_or(took).saturating_sub(entry.since)
}
