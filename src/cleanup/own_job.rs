//! Finds the Job in which this sweep runs, because the sweep must not wait for it.
//!
//! The UID comes from the downward API. Without it, the pod's hostname identifies the Job, because it begins with the Job's
//! name. So no permission is needed.

use crate::cluster::job::Job;
use crate::cluster::variable;
use crate::policy::OWN_JOB_UID;

/// Kubernetes cuts a longer name before it appends five characters of its own.
const GENERATED_BASE: usize = 58;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum OwnJob {
    #[default]
    None,
    Uid(String),
    Hostname {
        namespace: String,
        hostname: String,
    },
}

impl OwnJob {
    /// `namespace` is that of the pod, if the program runs in one.
    pub(crate) fn find(namespace: Option<String>) -> Self {
        match (variable(OWN_JOB_UID), namespace, variable("HOSTNAME")) {
            (Some(uid), _, _) => Self::Uid(uid),
            (None, Some(namespace), Some(hostname)) => Self::Hostname { namespace, hostname },
            _ => Self::None,
        }
    }

    pub(crate) fn is(&self, job: &Job) -> bool {
        match self {
            Self::None => false,
            Self::Uid(uid) => uid == job.uid(),
            Self::Hostname { namespace, hostname } => {
                namespace == job.namespace() && is_pod_of(hostname, job.name())
            }
        }
    }
}

/// Whether a pod of this Job can have this hostname: the Job's name, a dash, and five characters or, for an Indexed Job,
/// the index.
fn is_pod_of(hostname: &str, job: &str) -> bool {
    let base: Vec<u8> = job.bytes().chain([b'-']).take(GENERATED_BASE).collect();
    let generated = hostname.as_bytes().strip_prefix(base.as_slice()).is_some_and(|rest| {
        rest.len() == 5 && rest.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    });
    let index = hostname.strip_prefix(job).and_then(|rest| rest.strip_prefix('-'));
    generated || index.is_some_and(|index| index.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_of_the_job_whose_name_it_begins_with() {
        for (hostname, job, is) in [
            ("sweep-x7k2p", "sweep", true),
            ("sweep-3", "sweep", true),
            ("sweep-x7k2p", "swee", false),
            ("sweep-x7k2p", "sweep-all", false),
            ("sweep-all-x7k2p", "sweep", false),
            ("sweep", "sweep", false),
            ("laptop", "sweep", false),
        ] {
            assert_eq!(is_pod_of(hostname, job), is, "{hostname}, {job}");
        }
    }

    #[test]
    fn a_long_name_is_cut_in_its_pods() {
        let job = "a".repeat(63);
        assert!(is_pod_of(&format!("{}x7k2p", &job[..58]), &job));
        assert!(!is_pod_of(&format!("{}-x7k2p", &job[..20]), &job));
        // Kubernetes allows no such name, but a server may send it: the cut is within a character.
        assert!(!is_pod_of("sweep-x7k2p", &format!("a{}", "ä".repeat(40))));
    }
}
