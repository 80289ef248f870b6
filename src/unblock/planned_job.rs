//! A Job that is about to be applied, and the Job in the cluster that has its name.

use std::fmt;

use super::decision::{Decision, Reason};
use super::hooks::Role;
use crate::cluster::job::Job;
use crate::translate::JobManifest;

/// A Job that is about to be applied.
pub(super) struct PlannedJob {
    pub manifest: JobManifest,
    /// Where the manifest is applied.
    pub namespace: String,
    pub role: Role,
    /// The result of the last look at the cluster.
    pub finding: Finding,
    /// Why a pod of the Job does not run, if it is known.
    pub pods_wait_for: Option<String>,
    /// Whether a deletion was sent, and may have been carried out.
    pub deletion_sent: bool,
}

/// What the cluster has under the name of a planned Job.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Finding {
    /// Not looked up yet, or out of date.
    Unknown,
    Absent,
    Found {
        /// `None` if the response cannot be read.
        job: Option<Box<Job>>,
        decision: Decision,
    },
}

impl PlannedJob {
    pub(super) fn new(manifest: JobManifest, namespace: String) -> Self {
        Self {
            manifest,
            namespace,
            role: Role::Ordinary,
            finding: Finding::Unknown,
            pods_wait_for: None,
            deletion_sent: false,
        }
    }

    /// What to do with the Job in the cluster. `None` if there is none, or it is unknown.
    pub(super) fn decision(&self) -> Option<&Decision> {
        match &self.finding {
            Finding::Found { decision, .. } => Some(decision),
            Finding::Unknown | Finding::Absent => None,
        }
    }

    /// Makes the next round look up the Job again, unless a message about it was written that would be repeated.
    pub(super) fn forget(&mut self) {
        if !matches!(self.decision(), Some(Decision::InvalidManifest(_) | Decision::StaysFailed)) {
            self.finding = Finding::Unknown;
        }
    }

    /// The Job in the cluster, if it is known and may be deleted.
    pub(super) fn to_delete(&self) -> Option<&Job> {
        match &self.finding {
            Finding::Found { job: Some(job), decision: Decision::Delete(..) } => Some(job),
            _ => None,
        }
    }

    /// The Job has to stay after all.
    pub(super) fn keep(&mut self, reason: Reason) {
        if let Finding::Found { decision, .. } = &mut self.finding {
            *decision = decision.clone().keep(reason);
        }
    }

    /// Whether no Job blocks the manifest. A manifest that the API server refuses is not blocked by a Job.
    pub(super) fn is_unblocked(&self) -> bool {
        matches!(self.finding, Finding::Absent)
            || matches!(
                self.decision(),
                Some(Decision::Stays | Decision::StaysFailed | Decision::InvalidManifest(_))
            )
    }
}

/// `shop/migrate`.
impl fmt::Display for PlannedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.manifest.name)
    }
}
