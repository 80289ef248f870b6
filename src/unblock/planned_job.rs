//! A Job that is about to be applied, and what is known of the one in the cluster that has its name.

use std::fmt;

use super::judgement::Verdict;
use crate::cluster::job::JobId;
use crate::cluster::job::compact::Version;
use crate::translate::JobManifest;

/// A Job that is about to be applied.
pub(super) struct PlannedJob {
    pub manifest: JobManifest,
    /// Where it is applied.
    pub namespace: String,
    /// What was found last under its name.
    pub finding: Finding,
    /// Whether a deletion was sent, and may have been carried out.
    pub deletion_sent: bool,
}

/// What is known of the Job in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing: it was not looked up since something happened.
    Unknown,
    /// There is none.
    Absent,
    /// There is one, and it was judged.
    Judged(Judged),
}

/// A Job in the cluster that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    /// Which one. `None` if that cannot be read.
    pub id: Option<JobId>,
    /// In which version.
    pub version: Version,
    /// The immutable fields that the manifest would change.
    pub immutable: Vec<String>,
    /// What becomes of it.
    pub verdict: Verdict,
}

impl PlannedJob {
    pub(super) fn new(manifest: JobManifest, namespace: String) -> Self {
        Self { manifest, namespace, finding: Finding::Unknown, deletion_sent: false }
    }

    /// What becomes of the Job in the cluster, if there is one.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        match &self.finding {
            Finding::Judged(judged) => Some(&judged.verdict),
            Finding::Unknown | Finding::Absent => None,
        }
    }

    /// Forgets what was found, unless the user has been warned about it.
    pub(super) fn forget(&mut self) {
        if !matches!(self.verdict(), Some(Verdict::InvalidManifest(_))) {
            self.finding = Finding::Unknown;
        }
    }

    /// Whether nothing of its name is in the way.
    pub(super) fn is_clear(&self) -> bool {
        matches!(self.finding, Finding::Absent)
            || matches!(self.verdict(), Some(Verdict::Stays | Verdict::InvalidManifest(_)))
    }
}

/// `shop/migrate`.
impl fmt::Display for PlannedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.manifest.name)
    }
}
