//! One Job in the sweep.

use std::sync::Arc;
use std::time::Duration;

use crate::cleanup::sweep::job_log::JobLog;
use crate::cleanup::sweep::rules::Kept;
use crate::cluster::job::Job;
use crate::cluster::job::state::Hint;

/// A Job with everything that the sweep knows about it.
pub(crate) struct TrackedJob {
    /// The Job as last seen.
    pub job: Arc<Job>,
    pub phase: Phase,
    /// When the sweep first saw the Job.
    pub since: Duration,
    /// When the Job stopped to block the end of the sweep.
    pub until: Option<Duration>,
    /// The logs of its pods, once they were read.
    pub logs: Option<JobLog>,
    pub(super) scope: usize,
    /// The last list that contained the Job, or whose watch reported it.
    pub(super) listing: u64,
    /// Whether the watch reported the Job as deleted, or the last list lacks it.
    pub(super) vanished: bool,
    pub(super) deletion: DeletionProgress,
    /// How many requests about the Job failed.
    pub(super) failures: u32,
    pub(super) log_failures: u32,
    /// Whether the last request failed and is to be sent again.
    pub(super) retrying: bool,
}

/// How far the sweep's own deletion of a Job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeletionProgress {
    NotSent,
    /// A deletion was sent, and no response says whether it was carried out.
    InDoubt,
    Accepted,
}

/// How far the sweep is with a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not decided yet.
    Seen,
    /// The Job has to finish first.
    Waiting(Hint),
    /// The Job is to be deleted.
    Due,
    /// The deletion was sent.
    Deleting,
    /// The deletion failed because the Job changed after it was seen like this.
    Outdated {
        version: String,
        listing: u64,
    },
    /// The deletion was accepted, but the Job is not gone yet.
    Terminating {
        /// Whether this sweep asked for the deletion.
        ours: bool,
    },
    Kept(Kept),
    Deleted,
    /// The dry run succeeded.
    WouldDelete,
    DeletedByOthers,
    /// A watch that selects by labels reports both in the same way.
    DeletedOrRelabelled,
}

impl Phase {
    /// Whether the sweep cannot end yet because of the Job.
    pub(crate) fn blocks_end(&self) -> bool {
        match self {
            Self::Waiting(_)
            | Self::Due
            | Self::Deleting
            | Self::Outdated { .. }
            | Self::Terminating { .. } => true,
            Self::Seen | Self::Kept(_) | Self::DeletedOrRelabelled => false,
            Self::Deleted | Self::WouldDelete | Self::DeletedByOthers => false,
        }
    }

    /// Whether nothing can change the phase any more.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Deleted | Self::WouldDelete | Self::DeletedByOthers)
    }
}

impl TrackedJob {
    pub(super) fn new(job: Job, scope: usize, listing: u64, now: Duration) -> Self {
        Self {
            job: Arc::new(job),
            phase: Phase::Seen,
            since: now,
            until: None,
            logs: None,
            scope,
            listing,
            vanished: false,
            deletion: DeletionProgress::NotSent,
            failures: 0,
            log_failures: 0,
            retrying: false,
        }
    }

    /// Whether a newer state of the Job may change what is done about it.
    pub(super) fn is_open_to_decision(&self) -> bool {
        match &self.phase {
            Phase::Seen | Phase::Waiting(_) | Phase::Due | Phase::Terminating { ours: false } => true,
            // Its labels may have changed back.
            Phase::DeletedOrRelabelled => true,
            // The same version is news if it comes from a list that began later.
            Phase::Outdated { version, listing } => *version != self.job.version || *listing != self.listing,
            Phase::Kept(kept) => !matches!(kept, Kept::Refused(_)),
            Phase::Deleting | Phase::Terminating { ours: true } => false,
            Phase::Deleted | Phase::WouldDelete | Phase::DeletedByOthers => false,
        }
    }
}
