//! One Job in the sweep.

use std::time::Duration;

use crate::cleanup::sweep::job_log::JobLog;
use crate::cleanup::sweep::rules::Kept;
use crate::cluster::old::job::state::Hint;
use crate::cluster::old::job::{Job, JobId};

pub(crate) struct TrackedJob {
    pub job: Job,
    pub phase: Phase,
    /// When the sweep first saw the Job.
    pub since: Duration,
    /// When the Job last stopped blocking the end.
    pub until: Option<Duration>,
    pub logs: Option<Box<JobLog>>,
    pub(super) scope: usize,
    /// The number of the list in which, or in the watch after which, the Job was last seen.
    pub(super) list_number: u32,
    /// The watch reported the Job as deleted, or the last list lacks it.
    pub(super) missing: bool,
    pub(super) deletion: DeletionProgress,
    pub(super) failures: u32,
    pub(super) log_failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeletionProgress {
    /// No deletion was sent, it was refused, or a newer version of the Job shows that it had no effect.
    NotCarriedOut,
    /// No response, or an error (5xx), so the deletion may have been carried out.
    InDoubt,
    Accepted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting(Hint),
    /// The Job finished too recently. At the last decision, it had to wait this much longer.
    TooRecent(Duration),
    Due,
    Deleting,
    /// The deletion failed with a conflict: the Job has changed, and neither a list nor the watch has shown how.
    Outdated,
    /// The deletion was accepted, from this sweep or from someone else, but nothing shows yet that the Job is gone.
    Terminating {
        /// Whether this sweep may have deleted it.
        ours: bool,
    },
    Kept(Kept),
    Deleted,
    WouldDelete,
    DeletedByOthers,
    /// A watch that selects by labels reports both in the same way.
    DeletedOrRelabelled,
}

impl Phase {
    pub(crate) fn blocks_end(&self) -> bool {
        !self.is_final() && !matches!(self, Self::Kept(_) | Self::DeletedOrRelabelled)
    }

    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Deleted | Self::WouldDelete | Self::DeletedByOthers)
    }
}

impl TrackedJob {
    pub(super) fn new(job: Job, scope: usize, list_number: u32, now: Duration) -> Self {
        Self {
            job,
            // A placeholder until the first decision. That is another one, because the Job is in scope, so `enter` is called.
            phase: Phase::Kept(Kept::LeftScope),
            since: now,
            until: None,
            logs: None,
            scope,
            list_number,
            missing: false,
            deletion: DeletionProgress::NotCarriedOut,
            failures: 0,
            log_failures: 0,
        }
    }

    /// By namespace and name. Jobs that share a name are in the order in which the sweep saw them.
    pub(crate) fn sort_key(&self) -> impl Ord {
        let JobId { namespace, name, .. } = &self.job.id;
        (namespace, name, self.since, self.until)
    }

    /// Whether the sweep's own deletion may be why the Job is gone.
    pub(super) fn deletion_may_be_ours(&self) -> bool {
        self.deletion != DeletionProgress::NotCarriedOut
    }

    /// Whether what a list or the watch has just shown may change its phase. It is news if it is another version, or if it comes
    /// from a list that began later.
    pub(super) fn is_open_to_decision(&self, is_news: bool) -> bool {
        match &self.phase {
            Phase::Waiting(_) | Phase::TooRecent(_) | Phase::Due | Phase::Terminating { ours: false } => true,
            // Its labels may have changed back.
            Phase::DeletedOrRelabelled => true,
            Phase::Outdated => is_news,
            // A refused deletion is not tried again.
            Phase::Kept(kept) => !matches!(kept, Kept::Refused(_)),
            Phase::Deleting | Phase::Terminating { ours: true } => false,
            Phase::Deleted | Phase::WouldDelete | Phase::DeletedByOthers => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracked_job_is_small() {
        assert!(size_of::<TrackedJob>() <= 184, "{} bytes", size_of::<TrackedJob>());
    }
}
