//! What the sweep reports while it goes on, as data.

use std::mem::discriminant;

use crate::cleanup::options::Verbosity;
use crate::cleanup::sweep::request::Retry;
use crate::cleanup::sweep::rules::Kept;
use crate::cleanup::sweep::{Phase, TrackedJob};
use crate::cluster::old::job::{Job, JobId, Unreadable};

#[derive(Debug)]
pub(crate) enum Message {
    Phase {
        job: Job,
        phase: Phase,
        only_numbers_changed: bool,
    },
    UnknownWords {
        id: JobId,
        words: Vec<String>,
    },
    Unreadable(Unreadable),
    Retrying {
        task: Task,
        id: JobId,
        attempts: u32,
        retry: Retry,
        /// How many other requests are under way, if this is the first failure after all went well.
        others_under_way: Option<usize>,
    },
    /// After failures for this many Jobs.
    RequestsWorkAgain(usize),
    Listing(String),
    Listed(String),
    Watching(String),
    Interrupted {
        scope: String,
        retry: Retry,
        listed: bool,
        /// Whether the failure before this one was reported.
        repeated: bool,
    },
    Recovered(String),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Task {
    Delete,
    ReadLogs,
    CheckGone,
}

impl Message {
    pub(super) fn of_phase(tracked: &TrackedJob, before: &Phase) -> Option<Self> {
        let only_numbers_changed = match (before, &tracked.phase) {
            // The deletion itself is reported next.
            (_, Phase::Due) => return None,
            (Phase::Waiting(before), Phase::Waiting(now)) => discriminant(before) == discriminant(now),
            (Phase::TooRecent(_), Phase::TooRecent(_)) => true,
            (Phase::Kept(Kept::TooRecent(_)), Phase::Kept(Kept::TooRecent(_))) => true,
            _ => false,
        };
        Some(Self::Phase { job: tracked.job.clone(), phase: tracked.phase.clone(), only_numbers_changed })
    }

    /// A policy without any known word needs no message: its Job is kept for that reason.
    pub(super) fn of_policy(job: &Job) -> Option<Self> {
        let policy = job.policy.as_ref().filter(|policy| policy.names_any_outcome())?;
        let words: Vec<_> = policy.unknown().filter(|word| !word.is_empty()).map(str::to_owned).collect();
        (!words.is_empty()).then(|| Self::UnknownWords { id: job.id.clone(), words })
    }

    /// From which verbosity on the message is shown.
    pub(crate) fn level(&self) -> Verbosity {
        match self {
            Self::Unreadable(_)
            | Self::UnknownWords { .. }
            | Self::Interrupted { repeated: false, .. }
            | Self::Phase {
                phase:
                    Phase::Kept(Kept::Refused(_) | Kept::Unreadable(_) | Kept::NoFinishTime | Kept::NoServerTime),
                ..
            } => Verbosity::Warning,
            Self::Phase { phase: Phase::Due | Phase::Deleting, .. }
            | Self::Phase { only_numbers_changed: true, .. }
            | Self::Retrying { others_under_way: None, .. }
            | Self::Interrupted { repeated: true, .. }
            | Self::Listing(_)
            | Self::Listed(_)
            | Self::Watching(_) => Verbosity::Verbose,
            Self::Phase { .. } | Self::Retrying { .. } | Self::RequestsWorkAgain(_) | Self::Recovered(_) => {
                Verbosity::Normal
            }
        }
    }
}
