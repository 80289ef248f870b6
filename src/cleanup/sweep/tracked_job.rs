//! One Job's place in the sweep.

use std::time::Duration;

use serde::Serialize;

use crate::cleanup::sweep::rules::Kept;
use crate::cluster::job::state::Hint;
use crate::cluster::job::{Job, JobId};
use crate::policy::Outcome;

/// One Job's place in the sweep.
pub(crate) struct Entry {
    /// The Job as last seen.
    pub job: Job,
    /// How far it is.
    pub phase: Phase,
    /// When it was first seen.
    pub since: Duration,
    /// When nothing more was to be done about it.
    pub until: Option<Duration>,
    /// What its pods had to say, once they were asked.
    pub logs: Option<JobLog>,
    /// Where it was seen.
    pub(super) scope: usize,
    /// The last list that it was in, or whose watch brought it.
    pub(super) listing: u64,
    /// The watch saw it go, or the last list lacks it.
    pub(super) vanished: bool,
    /// How many of its deletions did not work.
    pub(super) failures: u32,
    /// How many times its logs could not be read.
    pub(super) log_failures: u32,
    /// How far our deletion of it has come.
    pub(super) deletion: Deletion,
}

/// How far our deletion of a Job has come, whatever else happens to the Job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletion {
    /// None was carried out.
    None,
    /// One may have been carried out: its answer never came.
    InDoubt,
    /// It is accepted.
    Accepted,
}

/// In what state a Job was seen last: the same version is news if it comes from a list that was begun later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(super) version: String,
    pub(super) listing: u64,
}

/// How far a Job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not been decided on.
    Seen,
    /// It has to finish first.
    Waiting(Hint),
    /// It is to be deleted.
    Due,
    /// Its deletion has been sent.
    Deleting,
    /// It turned out to have changed since it was decided on, which is how it was seen last.
    Outdated(Sighting),
    /// Its deletion is accepted, and it is not gone yet.
    Terminating {
        /// Whether we asked for it.
        ours: bool,
    },
    /// It stays.
    Kept(Kept),
    /// We deleted it, and it is gone.
    Deleted,
    /// We would have deleted it.
    WouldDelete,
    /// It is gone, and not by us.
    Gone,
    /// It is gone, and not by us, or its labels have changed: a watch that selects by labels cannot tell.
    OutOfSight,
}

/// A deletion to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Which Job.
    pub id: JobId,
    /// In which version; in none where its deletion is accepted, and all that is asked is whether it is gone.
    pub version: Option<String>,
    /// Whether it failed.
    pub failed: bool,
    /// Whether its own log policy names how it ended.
    pub logs_by_policy: bool,
    /// Whether its logs have been seen to already.
    pub logs_read: bool,
    /// How many of its deletions did not work.
    pub failures: u32,
    /// How many times its logs could not be read.
    pub log_failures: u32,
}

/// What came of a deletion.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The Job is gone.
    Gone,
    /// It was gone already.
    NotFound,
    /// It will be, when its finalizers let it.
    Accepted,
    /// It has changed since it was decided on.
    Conflict,
    /// Nothing: it was not sent after all.
    Unsent,
    /// Nothing, for now: it was not sent, since the logs could not be read. Again after this long.
    NoLogs(Duration, String),
    /// Nothing, for now: it was not carried out. Again after this long.
    TurnedAway(Duration, String),
    /// It may have been carried out, but no answer came that says so. Again after this long.
    Lost(Duration, String),
    /// The API server does not want to, for this reason.
    Refused(String),
}

impl Phase {
    /// Whether the sweep goes on because of it.
    pub(crate) fn is_open(&self) -> bool {
        use Phase::{Deleted, Gone, Kept, OutOfSight, Seen, WouldDelete};
        !matches!(self, Seen | Kept(_) | Deleted | WouldDelete | Gone | OutOfSight)
    }

    /// Whether nothing can change it any more.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Deleted | Self::WouldDelete | Self::Gone)
    }
}

impl Entry {
    /// A Job that is seen for the first time.
    pub(super) fn new(job: Job, scope: usize, listing: u64, now: Duration) -> Self {
        Self {
            job,
            phase: Phase::Seen,
            since: now,
            until: None,
            logs: None,
            scope,
            listing,
            vanished: false,
            failures: 0,
            log_failures: 0,
            deletion: Deletion::None,
        }
    }

    /// Whether what is known of the Job may change what is done about it.
    pub(super) fn is_open_to_decision(&self) -> bool {
        match &self.phase {
            Phase::Seen | Phase::Waiting(_) | Phase::Due | Phase::Terminating { ours: false } => true,
            // Its labels may have changed back.
            Phase::OutOfSight => true,
            Phase::Outdated(then) => *then != self.sighting(),
            Phase::Kept(kept) => !matches!(kept, Kept::Refused(_)),
            Phase::Deleting | Phase::Terminating { ours: true } => false,
            Phase::Deleted | Phase::WouldDelete | Phase::Gone => false,
        }
    }

    pub(super) fn sighting(&self) -> Sighting {
        Sighting { version: self.job.version.clone(), listing: self.listing }
    }

    /// A Job whose deletion is accepted only ever goes away, so no version has to guard it any more.
    pub(super) fn order(&self) -> Order {
        let outcome = self.job.outcome();
        Order {
            id: self.job.id.clone(),
            version: (self.deletion != Deletion::Accepted).then(|| self.job.version.clone()),
            failed: outcome == Some(Outcome::Failed),
            logs_by_policy: outcome.is_some_and(|outcome| {
                self.job.log_policy.as_ref().is_some_and(|policy| policy.names(outcome))
            }),
            logs_read: self.logs.is_some(),
            failures: self.failures,
            log_failures: self.log_failures,
        }
    }
}

/// The last words of one Job, as far as they are kept.
#[derive(Debug, Default)]
pub(crate) struct JobLog {
    /// Those of its containers that had something to say.
    pub containers: Vec<PodLog>,
    /// About how much memory they take.
    pub bytes: usize,
    /// How many lines were left out, in whole or in part.
    pub lines_cut: usize,
    /// How many containers were not asked any more.
    pub containers_cut: usize,
}

impl JobLog {
    /// Whether anything was left out.
    pub(crate) fn is_cut(&self) -> bool {
        self.lines_cut + self.containers_cut > 0
    }
}

/// The last lines of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PodLog {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The lines, oldest first.
    pub lines: Vec<String>,
}
