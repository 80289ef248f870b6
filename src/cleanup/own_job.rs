//! Which Job is the one that this sweep runs in: waiting for it would be waiting for oneself.
//!
//! The downward API says it best. Without it, a pod's hostname tells: it is the pod's name, and that begins with its
//! Job's. No request is made for it, so no permission is needed; when in doubt, a Job is taken for the sweep's own and
//! left alone.

use std::env;

use crate::cluster::job::Job;
use crate::policy::OWN_JOB_UID;

/// Where Kubernetes cuts a name before it appends five letters of its own.
const GENERATED_BASE: usize = 58;

/// The Job that this sweep runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum OwnJob {
    /// There is none.
    #[default]
    None,
    /// Known for sure.
    Uid(String),
    /// Guessed from this namespace and the pod's hostname.
    Hostname {
        /// The pod's namespace.
        namespace: String,
        /// The pod's hostname.
        hostname: String,
    },
}

impl OwnJob {
    /// Looks around; `namespace` is that of the pod, if this is a pod.
    pub(crate) fn find(namespace: Option<String>) -> Self {
        let set = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
        match (set(OWN_JOB_UID), namespace, set("HOSTNAME")) {
            (Some(uid), _, _) => Self::Uid(uid),
            (None, Some(namespace), Some(hostname)) => Self::Hostname { namespace, hostname },
            _ => Self::None,
        }
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, job: &Job) -> bool {
        match self {
            Self::None => false,
            Self::Uid(uid) => *uid == job.id.uid,
            Self::Hostname { namespace, hostname } => {
                *namespace == job.id.namespace && is_pod_of(hostname, &job.id.name)
            }
        }
    }
}

/// Whether a pod of this Job can have this hostname: the Job's name, cut when it is long, a dash and five letters,
/// or, as an Indexed Job sets it, its name, a dash and the index.
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
        // No name that Kubernetes lets through, but one that a server may send: it is cut within a letter.
        assert!(!is_pod_of("sweep-x7k2p", &format!("a{}", "ä".repeat(40))));
    }
}
