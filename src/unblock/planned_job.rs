//! A Job that is about to be applied, and the Job in the cluster that has its name.

use std::fmt;

use super::decision::Decision;
use crate::cluster::old::job::Job;
use crate::translate::JobManifest;

/// A Job that is about to be applied.
pub(super) struct PlannedJob {
    pub manifest: JobManifest,
    /// Where the manifest is applied.
    pub namespace: String,
    /// The result of the last look at the cluster.
    pub finding: Finding,
    /// Whether a deletion was sent, and may have been carried out.
    pub deletion_sent: bool,
}

/// What the cluster has under the name of a planned Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// Not looked up yet, or out of date.
    Unknown,
    Absent,
    Found {
        /// `None` if the response cannot be read.
        job: Option<Job>,
        /// The immutable fields that the manifest would change.
        immutable: Vec<String>,
        decision: Decision,
    },
}

impl PlannedJob {
    pub(super) fn new(manifest: JobManifest, namespace: String) -> Self {
        Self { manifest, namespace, finding: Finding::Unknown, deletion_sent: false }
    }

    /// What to do with the Job in the cluster. `None` if there is none, or it is unknown.
    pub(super) fn decision(&self) -> Option<&Decision> {
        match &self.finding {
            Finding::Found { decision, .. } => Some(decision),
            Finding::Unknown | Finding::Absent => None,
        }
    }

    /// Makes the next round look up the Job again, unless a warning about its manifest was written.
    pub(super) fn forget(&mut self) {
        if !matches!(self.decision(), Some(Decision::InvalidManifest(_))) {
            self.finding = Finding::Unknown;
        }
    }

    /// Whether no Job blocks the manifest. A manifest that the API server refuses is not blocked by a Job.
    pub(super) fn is_unblocked(&self) -> bool {
        matches!(self.finding, Finding::Absent)
            || matches!(self.decision(), Some(Decision::Stays | Decision::InvalidManifest(_)))
    }
}

/// `shop/migrate`.
impl fmt::Display for PlannedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.manifest.name)
    }
}
