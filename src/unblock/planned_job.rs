//! A Job that is about to be applied, and the Job in the cluster that has its name.

use std::fmt;

use super::decision::Decision;
use super::hooks::Role;
use crate::cluster::job::Job;
use crate::translate::JobManifest;

/// A Job that is about to be applied.
pub(super) struct PlannedJob {
    pub manifest: JobManifest,
    /// Where the manifest is applied.
    pub namespace: String,
    pub role: Role,
    /// The Job in the cluster, as it was last seen.
    pub live: Option<Job>,
    /// What to do with the Job in the cluster. `None` if it has not been looked up yet, or may have changed since.
    pub decision: Option<Decision>,
    /// The last message about its progress.
    pub said: Option<String>,
    /// Why a pod of the Job does not run, if it is known.
    pub pods_wait_for: Option<String>,
    /// Whether a deletion was sent, and may have been carried out.
    pub deletion_sent: bool,
}

impl PlannedJob {
    pub(super) fn new(manifest: JobManifest, namespace: String, role: Role) -> Self {
        let (live, decision, said, pods_wait_for) = (None, None, None, None);
        Self { manifest, namespace, role, live, decision, said, pods_wait_for, deletion_sent: false }
    }

    /// The Job in the cluster, if it may be deleted.
    pub(super) fn to_delete(&self) -> Option<&Job> {
        self.live.as_ref().filter(|_| matches!(self.decision, Some(Decision::Delete(..))))
    }

    /// Whether no Job blocks the manifest. A manifest that the API server refuses is not blocked by a Job.
    pub(super) fn is_unblocked(&self) -> bool {
        use Decision::{Absent, InvalidManifest, Stays, StaysFailed};
        matches!(self.decision, Some(Absent | Stays | StaysFailed | InvalidManifest(_)))
    }
}

/// `shop/migrate`.
impl fmt::Display for PlannedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.manifest.name)
    }
}
