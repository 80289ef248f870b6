//! What the sweep says while it goes on.

use std::fmt;
use std::mem::discriminant;
use std::time::Duration;

use crate::cleanup::options::Verbosity as Level;
use crate::cleanup::sweep::rules::Kept;
use crate::cleanup::sweep::{Entry, Phase};
use crate::cluster::job::state::State;
use crate::cluster::job::{Job, JobId, Unreadable};

/// Something worth saying.
#[derive(Debug)]
pub(crate) enum Note {
    /// A Job got further.
    Job {
        /// Which one.
        id: JobId,
        /// How far it is now.
        phase: Phase,
        /// How it stands.
        state: State,
        /// What holds it.
        finalizers: Vec<String>,
        /// Whether its policy names how it ended.
        named: bool,
        /// Whether only the figures in it are news.
        recounted: bool,
    },
    /// A Job's policy has words that name nothing.
    UnknownWords {
        /// Which Job.
        id: JobId,
        /// The words.
        words: Vec<String>,
    },
    /// A deletion has to be sent again.
    Retrying {
        /// Of which Job.
        id: JobId,
        /// How often that has been so.
        attempts: u32,
        /// After how long.
        after: Duration,
        /// Why.
        why: String,
    },
    /// An object was skipped.
    Unreadable(Unreadable),
}

/// Why a Job is deleted whose policy does not name how it ended.
pub(crate) const BEFORE_HOOK_CREATION: &str = "and its policy lists before-hook-creation";

impl Note {
    /// What is to be said of a Job now that it has left that phase.
    pub(crate) fn of(entry: &Entry, before: &Phase) -> Self {
        let recounted = match (before, &entry.phase) {
            (Phase::Waiting(before), Phase::Waiting(now)) => discriminant(before) == discriminant(now),
            _ => false,
        };
        Self::Job {
            id: entry.job.id.clone(),
            phase: entry.phase.clone(),
            state: entry.job.state.clone(),
            finalizers: entry.job.finalizers.clone(),
            named: entry.job.policy_names_its_end(),
            recounted,
        }
    }

    /// What is to be said of a Job's policy, if anything. That nothing in it is known is said when it is kept.
    pub(crate) fn of_policy(job: &Job) -> Option<Self> {
        let policy = job.policy.as_ref().filter(|policy| policy.names_any_outcome())?;
        let words: Vec<_> = policy.unknown().filter(|word| !word.is_empty()).map(str::to_owned).collect();
        (!words.is_empty()).then(|| Self::UnknownWords { id: job.id.clone(), words })
    }

    /// Who wants to hear it.
    pub(crate) fn level(&self) -> Level {
        match self {
            Self::Unreadable(_)
            | Self::UnknownWords { .. }
            | Self::Job { phase: Phase::Kept(Kept::Refused(_) | Kept::Unreadable(_)), .. } => Level::Warning,
            Self::Job { phase: Phase::Seen | Phase::Due | Phase::Deleting, .. }
            | Self::Job { recounted: true, .. } => Level::Verbose,
            // The first failure is news; after that, only every doubling is.
            Self::Retrying { attempts, .. } if !attempts.is_power_of_two() => Level::Verbose,
            _ => Level::Normal,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownWords { id, words } => {
                write!(f, "the policy of {id} has words that name nothing here: {words:?}")
            }
            Self::Job { id, phase, state, finalizers, named, recounted: _ } => {
                let ended = Ended(state);
                let due = if *named { "as its policy names" } else { BEFORE_HOOK_CREATION };
                match phase {
                    Phase::Seen => write!(f, "found {id}"),
                    Phase::Waiting(hint) => write!(f, "waiting for {id}: {hint}"),
                    Phase::Due | Phase::Deleting => write!(f, "deleting {id}: {ended}"),
                    Phase::Outdated(_) => {
                        write!(f, "{id} has changed since it was decided on; looking again")
                    }
                    Phase::Terminating { ours: true } => {
                        write!(f, "{id}: {ended}; its deletion is accepted, {}", Held(finalizers))
                    }
                    Phase::Terminating { ours: false } => {
                        write!(f, "{id}: {ended}; someone else is deleting it, {}", Held(finalizers))
                    }
                    Phase::Kept(Kept::NotNamed(_)) => {
                        write!(f, "kept {id}: {ended}, and its policy does not name that")
                    }
                    Phase::Kept(kept) => write!(f, "kept {id}: {kept}"),
                    Phase::Deleted => write!(f, "deleted {id}: {ended}, {due}"),
                    Phase::WouldDelete => write!(f, "would delete {id}: {ended}, {due}"),
                    Phase::OutOfSight => {
                        write!(
                            f,
                            "{id} is out of sight: {ended}; someone else deleted it or changed its labels"
                        )
                    }
                    Phase::Gone => match state {
                        State::Finished(..) => write!(f, "{id} is gone: {ended}; someone else deleted it"),
                        _ => write!(f, "{id} is gone before it was seen to finish; its outcome is unknown"),
                    },
                }
            }
            Self::Retrying { id, attempts, after, why } => {
                let after = after.as_secs_f64();
                write!(f, "deleting {id} did not work (attempt {attempts}), again in {after:.1}s: {why}")
            }
            Self::Unreadable(Unreadable { id: Some(id), why }) => {
                write!(f, "skipped {id}, which cannot be read: {why}")
            }
            Self::Unreadable(Unreadable { id: None, why }) => {
                write!(f, "skipped an object that cannot be read: {why}")
            }
        }
    }
}

/// `failed (BackoffLimitExceeded)`.
struct Ended<'a>(&'a State);

impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            State::Finished(outcome, reason) if reason.is_empty() => write!(f, "it has {outcome}"),
            State::Finished(outcome, reason) => write!(f, "it has {outcome} ({reason})"),
            State::Suspended => f.write_str("it is suspended"),
            State::Unfinished(_) => f.write_str("it has not finished"),
            State::Unreadable(_) => f.write_str("how it stands cannot be read"),
        }
    }
}

/// `held by a, b`.
pub(crate) struct Held<'a>(pub &'a [String]);

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("not gone yet"),
            [one] => write!(f, "held by finalizer {one}"),
            all => write!(f, "held by finalizers {}", all.join(", ")),
        }
    }
}
